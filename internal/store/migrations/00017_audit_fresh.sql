-- Entries of the audit come into a table that has no index, and go to the others, a
-- few at a time, when they are sealed: so a change pays for one row, and not for a row
-- and its place in seven indexes. The audit is both.

-- +goose Up

ALTER TABLE audit RENAME TO audit_entries;

CREATE TABLE audit_fresh (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL,
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
-- Numbers go on where they were. PostgreSQL: one sequence for both tables.
INSERT INTO sqlite_sequence (name, seq) SELECT 'audit_fresh', seq FROM sqlite_sequence WHERE name = 'audit_entries';

CREATE VIEW audit AS
SELECT seq, id, at, tenant, subject, via, action, object, outcome, origin, request, detail FROM audit_entries
UNION ALL
SELECT seq, id, at, tenant, subject, via, action, object, outcome, origin, request, detail FROM audit_fresh;

-- +goose StatementBegin
CREATE TRIGGER audit_fresh_never_changes BEFORE UPDATE ON audit_fresh
BEGIN
    SELECT RAISE(ABORT, 'audit entries are only ever added');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_fresh_goes_to_the_others BEFORE DELETE ON audit_fresh
WHEN NOT EXISTS (
    SELECT 1 FROM audit_entries e WHERE e.seq = OLD.seq AND e.id = OLD.id AND e.at = OLD.at AND e.tenant = OLD.tenant
        AND e.subject = OLD.subject AND e.via = OLD.via AND e.action = OLD.action AND e.object = OLD.object
        AND e.outcome = OLD.outcome AND e.origin = OLD.origin AND e.request = OLD.request AND e.detail = OLD.detail
)
BEGIN
    SELECT RAISE(ABORT, 'audit entries are only ever added');
END;
-- +goose StatementEnd

-- To replace a row goes past the triggers that keep it.
-- +goose StatementBegin
CREATE TRIGGER audit_never_replaced BEFORE INSERT ON audit_entries
WHEN EXISTS (SELECT 1 FROM audit_entries WHERE seq = NEW.seq) OR EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit entries are only ever added');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_fresh_never_replaced BEFORE INSERT ON audit_fresh
WHEN NEW.seq > 0 AND EXISTS (SELECT 1 FROM audit_fresh WHERE seq = NEW.seq) -- it is below where the number is to be made
BEGIN
    SELECT RAISE(ABORT, 'audit entries are only ever added');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_blocks_never_replaced BEFORE INSERT ON audit_blocks
WHEN EXISTS (SELECT 1 FROM audit_blocks WHERE n = NEW.n OR first_seq = NEW.first_seq OR last_seq = NEW.last_seq)
BEGIN
    SELECT RAISE(ABORT, 'blocks of the audit are only ever added');
END;
-- +goose StatementEnd
