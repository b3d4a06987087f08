-- Two webhooks of one URL may have two secrets: each gets a message of its own.

-- +goose Up

DROP INDEX deliveries_once;
-- One message for each run, event and target (P26).
CREATE UNIQUE INDEX deliveries_once ON deliveries (run, event, kind, target, COALESCE(webhook, '')) WHERE run IS NOT NULL;
