-- The ledger. Instants are microseconds since 1970, UTC; documents are JSON as
-- text. An empty text that means "none" is NULL where a filter may ask for it.

-- +goose Up

CREATE TABLE tenants (
    id          TEXT PRIMARY KEY,
    parent      TEXT REFERENCES tenants (id),
    kind        TEXT NOT NULL CHECK (kind IN ('provider', 'reseller', 'customer')),
    name        TEXT NOT NULL,
    external_id TEXT CHECK (external_id <> ''),
    zone        TEXT NOT NULL,
    report_type TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    CHECK ((parent IS NULL) = (kind = 'provider'))
);
CREATE UNIQUE INDEX tenants_one_root ON tenants (kind) WHERE parent IS NULL;
CREATE UNIQUE INDEX tenants_external ON tenants (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX tenants_created ON tenants (created_at, id);
CREATE INDEX tenants_name ON tenants (name, id);

-- Who sees whom: every tenant itself and all below it.
CREATE TABLE tenant_closure (
    ancestor   TEXT NOT NULL REFERENCES tenants (id),
    descendant TEXT NOT NULL REFERENCES tenants (id),
    PRIMARY KEY (ancestor, descendant)
);

CREATE TABLE clients (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    name        TEXT NOT NULL,
    role        TEXT NOT NULL CHECK (role IN ('operator', 'admin', 'manager', 'viewer')),
    secret_hash TEXT NOT NULL,
    old_hash    TEXT NOT NULL,
    old_until   BIGINT,
    created_at  BIGINT NOT NULL,
    revoked_at  BIGINT,
    used_at     BIGINT
);
CREATE INDEX clients_tenant_created ON clients (tenant, created_at, id);
CREATE INDEX clients_created ON clients (created_at, id);

CREATE TABLE runs (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL REFERENCES tenants (id),
    name         TEXT NOT NULL,
    dataset      TEXT NOT NULL,

    state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    phase        TEXT NOT NULL CHECK (phase IN ('', 'starting', 'querying', 'rendering', 'storing')),
    furthest     TEXT NOT NULL CHECK (furthest IN ('', 'starting', 'querying', 'rendering', 'storing')),
    attempt      INTEGER NOT NULL CHECK (attempt >= 0),
    lease_owner  TEXT,
    lease_until  BIGINT,
    lapses       INTEGER NOT NULL,
    not_before   BIGINT NOT NULL,
    cancelled_by TEXT,
    cancel_at    BIGINT,

    rows_done    BIGINT NOT NULL,
    bytes_done   BIGINT NOT NULL,
    share_done   DOUBLE PRECISION,
    progress_at  BIGINT,
    reason_code  TEXT,
    reason       TEXT,

    retry_of     TEXT,
    origin       TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    started_at   BIGINT,
    finished_at  BIGINT,
    updated_at   BIGINT NOT NULL,
    files_gone_at BIGINT,

    request      TEXT NOT NULL,
    foreign_text TEXT,

    -- A running run is held by somebody until some time; no other is.
    CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state = 'running') = (phase <> '')),
    -- A final run has an end; no other has.
    CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    -- What was claimed has begun, and only that ran.
    CHECK ((attempt > 0) = (started_at IS NOT NULL)),
    CHECK (attempt > 0 OR state IN ('queued', 'cancelled')),
    -- A failed run says why; one that goes on or ended otherwise has no reason.
    CHECK (state <> 'failed' OR reason IS NOT NULL),
    CHECK (state IN ('failed', 'queued') OR reason IS NULL),
    CHECK ((reason IS NULL) = (reason_code IS NULL)),
    CHECK (state <> 'cancelled' OR cancel_at IS NOT NULL),
    CHECK ((cancel_at IS NULL) = (cancelled_by IS NULL)),
    CHECK (files_gone_at IS NULL OR state = 'succeeded')
);
-- One index for each order and filter that a list offers, for one tenant and for
-- all. What has no end lies in small indexes of its own: it comes last.
CREATE INDEX runs_tenant_created ON runs (tenant, created_at, id);
CREATE INDEX runs_tenant_state_created ON runs (tenant, state, created_at, id);
CREATE INDEX runs_tenant_dataset_created ON runs (tenant, dataset, created_at, id);
CREATE INDEX runs_tenant_name ON runs (tenant, name, id);
CREATE INDEX runs_tenant_finished ON runs (tenant, finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_tenant_state_finished ON runs (tenant, state, finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_tenant_unfinished ON runs (tenant, id) WHERE finished_at IS NULL;
CREATE INDEX runs_created ON runs (created_at, id);
CREATE INDEX runs_state_created ON runs (state, created_at, id);
CREATE INDEX runs_dataset_created ON runs (dataset, created_at, id);
CREATE INDEX runs_name ON runs (name, id);
CREATE INDEX runs_finished ON runs (finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_state_finished ON runs (state, finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_tenant_state_unfinished ON runs (tenant, state, id) WHERE finished_at IS NULL;
CREATE INDEX runs_unfinished ON runs (id) WHERE finished_at IS NULL;
CREATE INDEX runs_state_unfinished ON runs (state, id) WHERE finished_at IS NULL;
-- What the workers and the sweeper ask for.
CREATE INDEX runs_due ON runs (created_at, id, not_before) WHERE state = 'queued';
CREATE INDEX runs_leases ON runs (lease_until) WHERE state = 'running';
CREATE INDEX runs_held ON runs (lease_owner, cancel_at) WHERE state = 'running';

-- How many runs ended how. Runs never go, so this only grows.
CREATE TABLE run_totals (
    state  TEXT NOT NULL,
    reason TEXT NOT NULL,
    n      BIGINT NOT NULL,
    PRIMARY KEY (state, reason)
);

CREATE TABLE manifests (
    run  TEXT PRIMARY KEY REFERENCES runs (id),
    body TEXT NOT NULL
);

CREATE TABLE files (
    id          TEXT PRIMARY KEY,
    run         TEXT NOT NULL REFERENCES runs (id),
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    place       INTEGER NOT NULL,
    name        TEXT NOT NULL,
    format      TEXT NOT NULL,
    dialect     TEXT NOT NULL,
    compression TEXT NOT NULL,
    media_type  TEXT NOT NULL,
    rows_n      BIGINT NOT NULL CHECK (rows_n >= 0),
    bytes_n     BIGINT NOT NULL CHECK (bytes_n >= 0),
    sha256      TEXT NOT NULL,
    notes       TEXT NOT NULL,
    object_key  TEXT NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    marked_at   BIGINT,
    UNIQUE (run, place)
);
CREATE INDEX files_expiring ON files (expires_at) WHERE marked_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX files_marked ON files (marked_at) WHERE marked_at IS NOT NULL;

-- A link outlives its file, to say that it is gone.
CREATE TABLE links (
    id         TEXT PRIMARY KEY,
    file       TEXT NOT NULL,
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    token_hash TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX links_file ON links (file);

CREATE TABLE views (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    dataset     TEXT NOT NULL,
    name        TEXT NOT NULL,
    body        TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version > 0),
    created_by  TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    UNIQUE (tenant, dataset, name)
);
CREATE INDEX views_tenant_created ON views (tenant, created_at, id);
CREATE INDEX views_tenant_name ON views (tenant, name, id);
CREATE INDEX views_created ON views (created_at, id);
CREATE INDEX views_name ON views (name, id);

CREATE TABLE idempotency_keys (
    subject     TEXT NOT NULL,
    key_text    TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    run         TEXT NOT NULL REFERENCES runs (id),
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (subject, key_text)
);
CREATE INDEX idempotency_keys_expiring ON idempotency_keys (expires_at);

-- Who did what. Rows are only ever added. One that concerns no tenant has none.
CREATE TABLE audit (
    id      TEXT PRIMARY KEY,
    at      BIGINT NOT NULL,
    tenant  TEXT NOT NULL,
    subject TEXT NOT NULL,
    via     TEXT NOT NULL,
    action  TEXT NOT NULL,
    object  TEXT NOT NULL,
    outcome TEXT NOT NULL,
    origin  TEXT NOT NULL,
    request TEXT NOT NULL,
    detail  TEXT NOT NULL
);
CREATE INDEX audit_tenant_at ON audit (tenant, at, id);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_object_at ON audit (object, at, id);

CREATE TABLE counters (
    scope TEXT NOT NULL,
    kind  TEXT NOT NULL,
    n     BIGINT NOT NULL,
    PRIMARY KEY (scope, kind)
);

-- Sealed bytes, in base64.
CREATE TABLE secrets (
    name   TEXT PRIMARY KEY,
    sealed TEXT NOT NULL
);
