-- The audit in the order in which it was written, and the chain of blocks that
-- seals it.

-- +goose Up

CREATE TABLE audit_entries (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
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
INSERT INTO audit_entries (id, at, tenant, subject, via, action, object, outcome, origin, request, detail)
SELECT id, at, tenant, subject, via, action, object, outcome, origin, request, detail FROM audit ORDER BY rowid;
DROP TRIGGER audit_never_changes;
DROP TRIGGER audit_never_goes;
DROP TABLE audit;
ALTER TABLE audit_entries RENAME TO audit;
CREATE INDEX audit_tenant_at ON audit (tenant, at, id);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_object_at ON audit (object, at, id);

-- +goose StatementBegin
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit entries are only ever added');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_never_goes BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit entries are only ever added');
END;
-- +goose StatementEnd

-- Each block covers the entries from first_seq to last_seq, and its hash that of the
-- block before.
CREATE TABLE audit_blocks (
    n         BIGINT PRIMARY KEY,
    first_seq BIGINT NOT NULL UNIQUE,
    last_seq  BIGINT NOT NULL UNIQUE,
    entries   BIGINT NOT NULL CHECK (entries > 0),
    hash      TEXT NOT NULL,
    signature TEXT NOT NULL,
    sealed_at BIGINT NOT NULL
);

-- +goose StatementBegin
CREATE TRIGGER audit_blocks_never_change BEFORE UPDATE ON audit_blocks
BEGIN
    SELECT RAISE(ABORT, 'blocks of the audit are only ever added');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_blocks_never_go BEFORE DELETE ON audit_blocks
BEGIN
    SELECT RAISE(ABORT, 'blocks of the audit are only ever added');
END;
-- +goose StatementEnd
