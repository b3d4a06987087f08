-- What lists of reports tell of files, and leave out.

-- +goose Up

-- How often a file was fetched. The audit has each time; what is polled does not count them.
ALTER TABLE files ADD COLUMN downloads BIGINT NOT NULL DEFAULT 0;
UPDATE files SET downloads = (SELECT COUNT(*) FROM audit
    WHERE object = files.id AND action IN ('file.download', 'link.download') AND outcome = 'ok');

-- When somebody removed a run that has no files because it failed or was cancelled: of one
-- that succeeded, files_gone_at tells.
ALTER TABLE runs ADD COLUMN removed_at BIGINT CHECK (removed_at IS NULL OR state IN ('failed', 'cancelled'));
