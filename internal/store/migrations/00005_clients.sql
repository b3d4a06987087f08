-- Clients of every kind. Those that sign their requests have their secret sealed.

-- +goose Up

ALTER TABLE clients ADD COLUMN kind TEXT NOT NULL DEFAULT 'oauth2' CHECK (kind IN ('oauth2', 'oauth1', 'apikey', 'cmp', 'zuora'));
ALTER TABLE clients ADD COLUMN sealed TEXT NOT NULL DEFAULT ''; -- in base64
ALTER TABLE clients ADD COLUMN old_sealed TEXT NOT NULL DEFAULT '';
CREATE INDEX clients_tenant_role ON clients (tenant, role) WHERE revoked_at IS NULL;
CREATE INDEX links_created_by ON links (created_by);
