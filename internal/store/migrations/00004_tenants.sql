-- Tenants that are suspended, deleted and limited, and what each of them uses.

-- +goose Up

ALTER TABLE tenants ADD COLUMN currency TEXT NOT NULL DEFAULT '';
ALTER TABLE tenants ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'deleted'));
-- The tenant whose suspension holds this one: itself, or the nearest above.
ALTER TABLE tenants ADD COLUMN held_by TEXT REFERENCES tenants (id);
ALTER TABLE tenants ADD COLUMN suspended_at BIGINT;
ALTER TABLE tenants ADD COLUMN deleted_at BIGINT;
ALTER TABLE tenants ADD COLUMN purged_at BIGINT;
ALTER TABLE tenants ADD COLUMN most_running BIGINT CHECK (most_running >= 0);
ALTER TABLE tenants ADD COLUMN most_queued BIGINT CHECK (most_queued >= 0);
ALTER TABLE tenants ADD COLUMN most_generators BIGINT CHECK (most_generators >= 0);
ALTER TABLE tenants ADD COLUMN most_bytes BIGINT CHECK (most_bytes >= 0);
ALTER TABLE tenants ADD COLUMN most_rows BIGINT CHECK (most_rows >= 0);
ALTER TABLE tenants ADD COLUMN most_requests BIGINT CHECK (most_requests >= 0);

-- An account can have another tenant when the first is deleted.
DROP INDEX tenants_external;
CREATE UNIQUE INDEX tenants_external ON tenants (external_id) WHERE external_id IS NOT NULL AND state <> 'deleted';
CREATE INDEX tenants_account ON tenants (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX tenants_parent ON tenants (parent);
CREATE INDEX tenants_state_created ON tenants (state, created_at, id);
CREATE INDEX tenants_deleted ON tenants (deleted_at) WHERE state = 'deleted' AND purged_at IS NULL;
CREATE INDEX files_tenant ON files (tenant) WHERE marked_at IS NULL;
CREATE INDEX tenant_closure_descendant ON tenant_closure (descendant, ancestor);

-- What each tenant and all below it have now. Every change of a run or of a file
-- counts for the tenant and for all above it, in the same transaction.
CREATE TABLE tenant_usage (
    tenant     TEXT PRIMARY KEY REFERENCES tenants (id),
    running    BIGINT NOT NULL DEFAULT 0 CHECK (running >= 0),
    queued     BIGINT NOT NULL DEFAULT 0 CHECK (queued >= 0),
    generators BIGINT NOT NULL DEFAULT 0 CHECK (generators >= 0),
    files_n    BIGINT NOT NULL DEFAULT 0 CHECK (files_n >= 0),
    bytes_n    BIGINT NOT NULL DEFAULT 0 CHECK (bytes_n >= 0),
    -- When a run of its own was last started: whose is the longest ago is next.
    served_at  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX tenant_usage_waiting ON tenant_usage (served_at, tenant) WHERE queued > 0;
INSERT INTO tenant_usage (tenant, running, queued, files_n, bytes_n)
SELECT id,
    (SELECT count(*) FROM runs JOIN tenant_closure ON descendant = runs.tenant WHERE ancestor = tenants.id AND runs.state = 'running'),
    (SELECT count(*) FROM runs JOIN tenant_closure ON descendant = runs.tenant WHERE ancestor = tenants.id AND runs.state = 'queued'),
    (SELECT count(*) FROM files JOIN tenant_closure ON descendant = files.tenant WHERE ancestor = tenants.id),
    (SELECT COALESCE(SUM(bytes_n), 0) FROM files JOIN tenant_closure ON descendant = files.tenant WHERE ancestor = tenants.id)
FROM tenants;
