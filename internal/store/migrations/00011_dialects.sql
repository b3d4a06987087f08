-- What the dialects list by. A format is that of the first file; a rhythm is that of
-- the generator (of a run: as it was when it made it), and none for a run that somebody
-- asked for.

-- +goose Up

ALTER TABLE generators ADD COLUMN format TEXT;
ALTER TABLE generators ADD COLUMN rhythm TEXT CHECK (rhythm IN ('once', 'day', 'week', 'month', 'cron', 'event', 'manual'));
UPDATE generators SET
    format = NULLIF(json_extract(spec, '$.request.outputs[0].format'), ''),
    rhythm = CASE kind WHEN 'schedule' THEN json_extract(spec, '$.trigger.schedule.every') ELSE kind END;
CREATE INDEX generators_tenant_rhythm_created ON generators (tenant, rhythm, created_at, id);
CREATE INDEX generators_tenant_format_created ON generators (tenant, format, created_at, id);
CREATE INDEX generators_tenant_updated ON generators (tenant, updated_at, id);
CREATE INDEX generators_updated ON generators (updated_at, id);

ALTER TABLE runs ADD COLUMN format TEXT;
ALTER TABLE runs ADD COLUMN rhythm TEXT CHECK (rhythm IN ('once', 'day', 'week', 'month', 'cron', 'event', 'manual'));
-- What a list of reports shows of the request, which is long to read.
ALTER TABLE runs ADD COLUMN window_from BIGINT;
ALTER TABLE runs ADD COLUMN window_to BIGINT;
ALTER TABLE runs ADD COLUMN view_name TEXT;
-- The ends of a window are instants with an offset (2026-09-01T00:00:00.5+02:00): taken to
-- the second, and then the fraction.
UPDATE runs SET
    format = NULLIF(json_extract(request, '$.outputs[0].format'), ''),
    rhythm = (SELECT CASE json_extract(spec, '$.trigger.kind') WHEN 'schedule' THEN json_extract(spec, '$.trigger.schedule.every') ELSE json_extract(spec, '$.trigger.kind') END
        FROM generator_revisions v WHERE v.generator = runs.generator AND v.revision = runs.revision),
    view_name = NULLIF(COALESCE(json_extract(request, '$.own_view.name'), json_extract(request, '$.view')), ''),
    (window_from, window_to) = (SELECT
        CAST(strftime('%s', substr(a, 1, 19) || substr(a, -za)) AS INTEGER) * 1000000 + CAST(substr(substr(a, 21, length(a) - 20 - za) || '000000', 1, 6) AS INTEGER),
        CAST(strftime('%s', substr(b, 1, 19) || substr(b, -zb)) AS INTEGER) * 1000000 + CAST(substr(substr(b, 21, length(b) - 20 - zb) || '000000', 1, 6) AS INTEGER)
        FROM (SELECT a, b, CASE WHEN a LIKE '%Z' THEN 1 ELSE 6 END AS za, CASE WHEN b LIKE '%Z' THEN 1 ELSE 6 END AS zb
            FROM (SELECT json_extract(request, '$.window.from') AS a, json_extract(request, '$.window.to') AS b)));
CREATE INDEX runs_tenant_rhythm_created ON runs (tenant, rhythm, created_at, id) WHERE rhythm IS NOT NULL;
CREATE INDEX runs_tenant_format_created ON runs (tenant, format, created_at, id);

-- Where to write to whom a client acts for, and whose a subscription key is.
ALTER TABLE clients ADD COLUMN email TEXT;
ALTER TABLE clients ADD COLUMN subscription_hash TEXT;
ALTER TABLE clients ADD COLUMN old_subscription TEXT;
CREATE UNIQUE INDEX clients_subscription ON clients (subscription_hash) WHERE subscription_hash IS NOT NULL;
CREATE INDEX clients_old_subscription ON clients (old_subscription) WHERE old_subscription IS NOT NULL;

-- Signed links to it that were made before are void.
ALTER TABLE files ADD COLUMN links_from BIGINT;
CREATE INDEX files_links_ended ON files (tenant) WHERE links_from IS NOT NULL;
