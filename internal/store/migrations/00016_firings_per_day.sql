-- How often a day a schedule of a tenant may fire at most.

-- +goose Up

ALTER TABLE tenants ADD COLUMN most_firings BIGINT CHECK (most_firings >= 0);

CREATE TABLE tenant_limits_now (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    kind   TEXT NOT NULL CHECK (kind IN ('running', 'queued', 'generators', 'bytes', 'rows', 'requests_per_minute', 'firings_per_day')),
    set_by TEXT NOT NULL REFERENCES tenants (id),
    most   BIGINT NOT NULL CHECK (most >= 0),
    PRIMARY KEY (tenant, kind, set_by)
);
INSERT INTO tenant_limits_now (tenant, kind, set_by, most) SELECT tenant, kind, set_by, most FROM tenant_limits;
DROP TABLE tenant_limits;
ALTER TABLE tenant_limits_now RENAME TO tenant_limits;
