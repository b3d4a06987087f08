-- Who set a limit of a tenant, and at how much: the least of them is the tenant's limit
-- (most_… of tenants). Who is below one of them goes no higher.

-- +goose Up

CREATE TABLE tenant_limits (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    kind   TEXT NOT NULL CHECK (kind IN ('running', 'queued', 'generators', 'bytes', 'rows', 'requests_per_minute')),
    set_by TEXT NOT NULL REFERENCES tenants (id),
    most   BIGINT NOT NULL CHECK (most >= 0),
    PRIMARY KEY (tenant, kind, set_by)
);

-- Nobody knows who set those there are: nobody below the provider lifts them.
INSERT INTO tenant_limits (tenant, kind, set_by, most)
    SELECT n.id, k.kind, root.id, k.most
    FROM (SELECT id AS tenant, 'running' AS kind, most_running AS most FROM tenants
        UNION ALL SELECT id, 'queued', most_queued FROM tenants
        UNION ALL SELECT id, 'generators', most_generators FROM tenants
        UNION ALL SELECT id, 'bytes', most_bytes FROM tenants
        UNION ALL SELECT id, 'rows', most_rows FROM tenants
        UNION ALL SELECT id, 'requests_per_minute', most_requests FROM tenants) k
    JOIN tenants n ON n.id = k.tenant
    JOIN tenants root ON root.parent IS NULL
    WHERE k.most IS NOT NULL;
