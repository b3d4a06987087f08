-- A ledger as it is after some years: $rows runs of 2 minutes one after the other
-- over the tenants that are there, by $slots slots: the account that has most takes
-- two of five, the others share the rest. Most runs succeeded; the newest still wait.

CREATE TEMP TABLE numbered (no INTEGER PRIMARY KEY, id TEXT NOT NULL);
INSERT INTO numbered SELECT row_number() OVER (ORDER BY created_at, id) - 1, id FROM tenants;

CREATE TEMP TABLE slots (slot INTEGER PRIMARY KEY, tenant TEXT NOT NULL);
INSERT INTO slots
WITH RECURSIVE n (slot) AS (VALUES (0) UNION ALL SELECT slot + 1 FROM n WHERE slot < $slots - 1),
     whole AS (SELECT max(no) AS last FROM numbered)
SELECT n.slot, t.id FROM n, whole JOIN numbered t
    ON t.no = CASE WHEN n.slot < $slots * 2 / 5 THEN whole.last ELSE n.slot % (whole.last + 1) END;

INSERT INTO runs (id, tenant, name, dataset, state, phase, furthest, attempt, lease_owner, lease_until, lapses, not_before,
    cancelled_by, cancel_at, rows_done, bytes_done, share_done, progress_at, reason_code, reason,
    retry_of, origin, created_by, created_at, started_at, finished_at, updated_at, request)
WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < $rows - 1),
     dice AS (SELECT i, 1600000000000000 + i * 120000000 AS at, (i * 2654435761 & 4294967295) >> 7 AS a, (i * 2246822519 & 4294967295) >> 9 AS b FROM n),
     rolled AS (SELECT *, printf('%08x-%04x-7%03x-8%03x-%012x', (at / 1000) >> 16, (at / 1000) & 65535, i & 4095, b & 4095, i) AS id,
         CASE WHEN i >= $rows - 8 THEN 'running' WHEN i >= $rows - 3000 THEN 'queued'
              WHEN b % 1000 < 970 THEN 'succeeded' WHEN b % 1000 < 990 THEN 'failed' ELSE 'cancelled' END AS state FROM dice)
SELECT id, s.tenant,
    printf('%s of %d', CASE a / 1000 % 4 WHEN 0 THEN 'Orders' WHEN 1 THEN 'Payments' WHEN 2 THEN 'Invoices' ELSE 'Monthly statement' END, b % 5000),
    CASE WHEN b % 100 < 60 THEN 'provisioned_orders' WHEN b % 100 < 80 THEN 'payments' WHEN b % 100 < 99 THEN 'invoices' ELSE 'service_users' END,
    state, iif(state = 'running', 'querying', ''), iif(state = 'queued', '', 'storing'), iif(state = 'queued', 0, 1),
    iif(state = 'running', 'bench', NULL), iif(state = 'running', at + 30000000, NULL), 0, 0,
    iif(state = 'cancelled', 'client:bench', NULL), iif(state = 'cancelled', at, NULL),
    b % 100000, b % 100000 * 200, iif(state = 'succeeded', 1, NULL), iif(state = 'queued', NULL, at),
    iif(state = 'failed', iif(b % 20 = 0, 'worker_lost', 'query_failed'), NULL),
    iif(state = 'failed', '{"code":"query_failed","message":"The source refused the statement.","act":"operator","retry":false,"correlation":"' || id || '"}', NULL),
    iif(b % 100 = 7, printf('00000000-0000-7000-8000-%012x', i / 2), NULL),
    iif(b % 10000 = 3, 'cli', 'api'), 'client:' || s.tenant || iif(b % 2, '-a', '-b'),
    at, iif(state = 'queued', NULL, at + 1000000), iif(state IN ('queued', 'running'), NULL, at + 2000000 + b % 600000000), at + 3000000,
    '{"dataset":"provisioned_orders","view":"cmp","window":{"from":"2026-10-01T00:00:00Z","to":"2026-11-01T00:00:00Z","zone":"Europe/Vienna"},'
    || '"where":{"op":"eq","field":"CURRENCY","values":["EUR"]},"account":"' || s.tenant || '","outputs":[{"format":"csv","compression":"gzip"},{"format":"xlsx"}]}'
FROM rolled JOIN slots s ON s.slot = rolled.a % $slots;

INSERT INTO files (id, run, tenant, place, name, format, dialect, compression, media_type, rows_n, bytes_n, sha256, notes, object_key, created_at, expires_at)
SELECT 'f' || id, id, tenant, 0, name || '.csv', 'csv', 'machine', 'none', 'text/csv', rows_done, bytes_done, printf('%064x', rowid), '',
    tenant || '/' || id || '/1/report.csv', created_at, 4000000000000000
FROM runs WHERE state = 'succeeded';

CREATE TEMP TABLE own AS
SELECT tenant, count(*) FILTER (WHERE state = 'running') AS running, count(*) FILTER (WHERE state = 'queued') AS queued, 0 AS files_n, 0 AS bytes_n
FROM runs WHERE finished_at IS NULL GROUP BY tenant
UNION ALL SELECT tenant, 0, 0, count(*), sum(bytes_n) FROM files GROUP BY tenant;
CREATE INDEX temp.own_tenant ON own (tenant);
UPDATE tenant_usage SET (running, queued, files_n, bytes_n) = (
    SELECT coalesce(sum(own.running), 0), coalesce(sum(own.queued), 0), coalesce(sum(own.files_n), 0), coalesce(sum(own.bytes_n), 0)
    FROM tenant_closure c JOIN own ON own.tenant = c.descendant WHERE c.ancestor = tenant_usage.tenant);
