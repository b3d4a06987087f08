-- Standing orders, each time that they fired, and what a run has of them.

-- +goose Up

CREATE TABLE generators (
    id            TEXT PRIMARY KEY,
    tenant        TEXT NOT NULL REFERENCES tenants (id),
    name          TEXT NOT NULL,
    dataset       TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('once', 'schedule', 'event', 'manual')),
    event         TEXT, -- the type that one of kind event waits for
    state         TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'paused', 'done')),
    paused_for    TEXT,
    paused_at     BIGINT, -- of the last pause, and when that was over
    resumed_at    BIGINT,
    revision      INTEGER NOT NULL CHECK (revision > 0),
    next_at       BIGINT,
    last_fired_at BIGINT,
    covered_to    BIGINT,
    origin        TEXT NOT NULL,
    created_by    TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    spec          TEXT NOT NULL,
    foreign_text  TEXT,
    UNIQUE (tenant, name),
    CHECK ((state = 'paused') = (paused_for IS NOT NULL)),
    CHECK (state <> 'done' OR next_at IS NULL),
    CHECK ((kind = 'event') = (event IS NOT NULL))
);
CREATE INDEX generators_tenant_created ON generators (tenant, created_at, id);
CREATE INDEX generators_tenant_name ON generators (tenant, name, id);
CREATE INDEX generators_created ON generators (created_at, id);
CREATE INDEX generators_name ON generators (name, id);
CREATE INDEX generators_state ON generators (state);
CREATE INDEX generators_due ON generators (next_at, id) WHERE state = 'active' AND next_at IS NOT NULL;
CREATE INDEX generators_waiting ON generators (event, tenant, id) WHERE state = 'active' AND event IS NOT NULL;

CREATE TABLE generator_revisions (
    generator  TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    spec       TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (generator, revision)
);

-- Firings outlive their generator, as runs do.
CREATE TABLE firings (
    id            TEXT PRIMARY KEY,
    generator     TEXT NOT NULL,
    tenant        TEXT NOT NULL REFERENCES tenants (id),
    revision      INTEGER NOT NULL,
    cause         TEXT NOT NULL CHECK (cause IN ('schedule', 'manual', 'backfill', 'event')),
    scheduled_for BIGINT NOT NULL,
    window_from   BIGINT,
    window_to     BIGINT,
    window_zone   TEXT,
    event_key     TEXT,
    event         TEXT,
    run           TEXT REFERENCES runs (id),
    skipped       TEXT,
    message       TEXT NOT NULL,
    at            BIGINT NOT NULL,
    CHECK ((run IS NULL) = (skipped IS NOT NULL)),
    CHECK ((cause = 'event') = (event_key IS NOT NULL))
);
CREATE UNIQUE INDEX firings_once ON firings (generator, scheduled_for) WHERE cause = 'schedule';
CREATE UNIQUE INDEX firings_event_once ON firings (generator, event_key) WHERE cause = 'event';
CREATE INDEX firings_generator_at ON firings (generator, scheduled_for, id);

-- How often they ended in what: '' is a run, the others are why it was skipped.
CREATE TABLE firing_totals (
    cause   TEXT NOT NULL,
    outcome TEXT NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (cause, outcome)
);

-- When its last enabled admin client was revoked, or was none any more. NULL: it has
-- one, or never had.
ALTER TABLE tenants ADD COLUMN admin_lost_at BIGINT;

ALTER TABLE runs ADD COLUMN generator TEXT;
ALTER TABLE runs ADD COLUMN revision INTEGER;
ALTER TABLE runs ADD COLUMN cause TEXT;
ALTER TABLE runs ADD COLUMN scheduled_for BIGINT;
ALTER TABLE runs ADD COLUMN event TEXT;
-- It starts only when no older run of its generator is left.
ALTER TABLE runs ADD COLUMN in_turn BIGINT NOT NULL DEFAULT 0;
-- It waits until others have had their turn: one of a backfill.
ALTER TABLE runs ADD COLUMN low BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN deliveries TEXT;
CREATE INDEX runs_generator_created ON runs (generator, created_at, id) WHERE generator IS NOT NULL;
CREATE INDEX runs_generator_unfinished ON runs (generator, id) WHERE generator IS NOT NULL AND finished_at IS NULL;
