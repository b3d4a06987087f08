-- More filters of lists that an index answers. Few runs repeat another or fail, so
-- these are small.

-- +goose Up

CREATE INDEX runs_retries ON runs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX runs_reason_created ON runs (reason_code, created_at, id) WHERE reason_code IS NOT NULL;
CREATE INDEX runs_tenant_reason_created ON runs (tenant, reason_code, created_at, id) WHERE reason_code IS NOT NULL;
