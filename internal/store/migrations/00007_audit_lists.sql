-- What somebody did, and who did something, by time.

-- +goose Up

CREATE INDEX audit_subject_at ON audit (subject, at, id);
CREATE INDEX audit_action_at ON audit (action, at, id);
CREATE INDEX audit_tenant_action_at ON audit (tenant, action, at, id);

-- Which entry of a block it was that changed; see outturn.AuditBlock.
ALTER TABLE audit_blocks ADD COLUMN marks TEXT NOT NULL DEFAULT '';
