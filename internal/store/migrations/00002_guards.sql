-- What no statement may do, whoever writes it. Triggers are SQLite's own; another
-- database has a file of its own with the same number.

-- +goose Up

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

-- The moves of docs/states.md, and no other.
-- +goose StatementBegin
CREATE TRIGGER runs_move BEFORE UPDATE OF state ON runs
WHEN NOT (
    OLD.state = 'queued' AND NEW.state IN ('running', 'cancelled') OR
    OLD.state = 'running' AND NEW.state IN ('succeeded', 'failed', 'cancelled', 'queued')
)
BEGIN
    SELECT RAISE(ABORT, 'a run cannot move like this');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER runs_begin_queued BEFORE INSERT ON runs WHEN NEW.state <> 'queued'
BEGIN
    SELECT RAISE(ABORT, 'a run begins queued');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER runs_attempts_grow BEFORE UPDATE OF attempt ON runs WHEN NEW.attempt < OLD.attempt
BEGIN
    SELECT RAISE(ABORT, 'attempts only grow');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER runs_stay BEFORE DELETE ON runs
BEGIN
    SELECT RAISE(ABORT, 'runs stay');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER files_of_succeeded BEFORE INSERT ON files
WHEN (SELECT state FROM runs WHERE id = NEW.run) <> 'succeeded'
BEGIN
    SELECT RAISE(ABORT, 'only a succeeded run has files');
END;
-- +goose StatementEnd
