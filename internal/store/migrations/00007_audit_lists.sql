-- Which entry of a block it was that changed; see outturn.AuditBlock.

-- +goose Up

ALTER TABLE audit_blocks ADD COLUMN marks TEXT NOT NULL DEFAULT '';
