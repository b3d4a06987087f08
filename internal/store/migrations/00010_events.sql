-- What happened in the source, and how far each data set was asked for it.

-- +goose Up

CREATE TABLE events (
    id          TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    type        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    account     TEXT NOT NULL,
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    time        BIGINT NOT NULL,
    data        TEXT,
    way         TEXT NOT NULL CHECK (way IN ('api', 'notify', 'poll')),
    received_at BIGINT NOT NULL,
    handled_at  BIGINT,
    UNIQUE (tenant, source, event_id) -- what one tells another's ids do not hide
);
CREATE INDEX events_waiting ON events (received_at, id) WHERE handled_at IS NULL;
CREATE INDEX events_tenant_received ON events (tenant, received_at, id);
CREATE INDEX events_received ON events (received_at, id);

CREATE TABLE event_cursors (
    dataset    TEXT PRIMARY KEY,
    position   TEXT NOT NULL, -- JSON
    updated_at BIGINT NOT NULL
);
