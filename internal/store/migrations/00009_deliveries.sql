-- Whom tenants tell, and each message to them.

-- +goose Up

CREATE TABLE webhooks (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL REFERENCES tenants (id),
    name         TEXT NOT NULL,
    url          TEXT NOT NULL,
    events       TEXT NOT NULL, -- a JSON list
    enabled      BIGINT NOT NULL,
    disabled_for TEXT,
    version      INTEGER NOT NULL CHECK (version > 0),
    sealed       TEXT NOT NULL, -- in base64
    old_sealed   TEXT NOT NULL,
    old_until    BIGINT,
    created_by   TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    UNIQUE (tenant, name)
);
CREATE INDEX webhooks_tenant_created ON webhooks (tenant, created_at, id);
CREATE INDEX webhooks_created ON webhooks (created_at, id);

CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    event       TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('email', 'webhook')),
    target      TEXT NOT NULL,
    run         TEXT REFERENCES runs (id),
    generator   TEXT,
    webhook     TEXT,
    destination TEXT NOT NULL, -- JSON
    state       TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'failed')),
    attempt     INTEGER NOT NULL,
    next_at     BIGINT,
    lease_owner TEXT,
    lease_until BIGINT,
    log         TEXT NOT NULL, -- a JSON list
    created_at  BIGINT NOT NULL,
    ended_at    BIGINT,
    CHECK ((state = 'sending') = (lease_owner IS NOT NULL)),
    CHECK ((state IN ('delivered', 'failed')) = (ended_at IS NOT NULL))
);
-- One message for each run, event and target (P26).
CREATE UNIQUE INDEX deliveries_once ON deliveries (run, event, kind, target) WHERE run IS NOT NULL;
CREATE INDEX deliveries_due ON deliveries (next_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_leases ON deliveries (lease_until) WHERE state = 'sending';
CREATE INDEX deliveries_tenant_created ON deliveries (tenant, created_at, id);
CREATE INDEX deliveries_created ON deliveries (created_at, id);
