-- A ledger as the first version left it, with one of everything: read from its file with .dump.
BEGIN TRANSACTION;
CREATE TABLE audit (
    id      TEXT PRIMARY KEY,
    at      BIGINT NOT NULL,
    tenant  TEXT NOT NULL,
    subject TEXT NOT NULL,
    via     TEXT NOT NULL,
    action  TEXT NOT NULL,
    object  TEXT NOT NULL,
    outcome TEXT NOT NULL,
    origin  TEXT NOT NULL,
    request TEXT NOT NULL,
    detail  TEXT NOT NULL
);
INSERT INTO "audit" VALUES('01a211b7-ffe8-7313-bd3c-a5fa38690299',1795593601000000,'provider','client:old','oauth2','made','provider','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-03d0-700e-ab3c-d857cd6e3d1f',1795593602000000,'reseller','client:old','oauth2','made','reseller','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-07b8-7305-8438-7c6154526998',1795593603000000,'reseller','client:old','oauth2','made','ot_old','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-0ba0-7c69-9b37-fe69076f37bf',1795593604000000,'reseller','client:old','oauth2','made','queued','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-0f88-781d-85d4-f2dd5bb2860c',1795593605000000,'reseller','client:old','oauth2','made','running','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-1758-7e96-8a78-b5121bfd6440',1795593607000000,'reseller','client:old','oauth2','made','succeeded','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-2310-7155-b238-e132422661cc',1795593610000000,'reseller','client:old','oauth2','made','link','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-2ae0-73bc-85a7-f71d606172da',1795593612000000,'reseller','client:old','oauth2','made','failed','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-3698-7272-8eb3-216334586aea',1795593615000000,'reseller','client:old','oauth2','made','cancelled','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-3a80-7345-aa6b-fe2fc5c1d027',1795593616000000,'reseller','client:old','oauth2','made','cancelled','ok','127.0.0.1','r','{"a":"b"}');
INSERT INTO "audit" VALUES('01a211b8-3e68-7934-a6ea-bb4780d5cdf3',1795593617000000,'reseller','client:old','oauth2','made','view','ok','127.0.0.1','r','{"a":"b"}');
CREATE TABLE clients (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    name        TEXT NOT NULL,
    role        TEXT NOT NULL CHECK (role IN ('operator', 'admin', 'manager', 'viewer')),
    secret_hash TEXT NOT NULL,
    old_hash    TEXT NOT NULL,
    old_until   BIGINT,
    created_at  BIGINT NOT NULL,
    revoked_at  BIGINT,
    used_at     BIGINT
);
INSERT INTO "clients" VALUES('ot_old','reseller','Old','manager','5e','4d',1795597202000000,1795593603000000,NULL,NULL);
CREATE TABLE counters (
    scope TEXT NOT NULL,
    kind  TEXT NOT NULL,
    n     BIGINT NOT NULL,
    PRIMARY KEY (scope, kind)
);
INSERT INTO "counters" VALUES('scope','kind',1);
CREATE TABLE files (
    id          TEXT PRIMARY KEY,
    run         TEXT NOT NULL REFERENCES runs (id),
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    place       INTEGER NOT NULL,
    name        TEXT NOT NULL,
    format      TEXT NOT NULL,
    dialect     TEXT NOT NULL,
    compression TEXT NOT NULL,
    media_type  TEXT NOT NULL,
    rows_n      BIGINT NOT NULL CHECK (rows_n >= 0),
    bytes_n     BIGINT NOT NULL CHECK (bytes_n >= 0),
    sha256      TEXT NOT NULL,
    notes       TEXT NOT NULL,
    object_key  TEXT NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    marked_at   BIGINT,
    UNIQUE (run, place)
);
INSERT INTO "files" VALUES('file','succeeded','reseller',0,'orders.csv','csv','','','text/csv',3,70,'5555555555555555555555555555555555555555555555555555555555555555','','reseller/succeeded/1/orders.csv',1795593609000000,2082758400000000,NULL);
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO "goose_db_version" VALUES(1,0,1,'2026-11-26 22:45:04');
INSERT INTO "goose_db_version" VALUES(2,1,1,'2026-11-26 22:45:04');
INSERT INTO "goose_db_version" VALUES(3,2,1,'2026-11-26 22:45:04');
CREATE TABLE idempotency_keys (
    subject     TEXT NOT NULL,
    key_text    TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    run         TEXT NOT NULL REFERENCES runs (id),
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (subject, key_text)
);
INSERT INTO "idempotency_keys" VALUES('client:old','queued','f','queued',2082758400000000);
INSERT INTO "idempotency_keys" VALUES('client:old','running','f','running',2082758400000000);
INSERT INTO "idempotency_keys" VALUES('client:old','succeeded','f','succeeded',2082758400000000);
INSERT INTO "idempotency_keys" VALUES('client:old','failed','f','failed',2082758400000000);
INSERT INTO "idempotency_keys" VALUES('client:old','cancelled','f','cancelled',2082758400000000);
CREATE TABLE links (
    id         TEXT PRIMARY KEY,
    file       TEXT NOT NULL,
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    token_hash TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
INSERT INTO "links" VALUES('link','file','reseller','hash','client:old',1795593610000000,2082758400000000,NULL);
CREATE TABLE manifests (
    run  TEXT PRIMARY KEY REFERENCES runs (id),
    body TEXT NOT NULL
);
INSERT INTO "manifests" VALUES('succeeded','{"outturn":"old","dataset":"orders","columns":["ID"],"selection":"","snapshot":{"instant":"0001-01-01T00:00:00Z","kind":""},"zone":"","files":null}');
CREATE TABLE run_totals (
    state  TEXT NOT NULL,
    reason TEXT NOT NULL,
    n      BIGINT NOT NULL,
    PRIMARY KEY (state, reason)
);
INSERT INTO "run_totals" VALUES('succeeded','',1);
INSERT INTO "run_totals" VALUES('failed','query_failed',1);
INSERT INTO "run_totals" VALUES('cancelled','',1);
CREATE TABLE runs (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL REFERENCES tenants (id),
    name         TEXT NOT NULL,
    dataset      TEXT NOT NULL,

    state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    phase        TEXT NOT NULL CHECK (phase IN ('', 'starting', 'querying', 'rendering', 'storing')),
    furthest     TEXT NOT NULL CHECK (furthest IN ('', 'starting', 'querying', 'rendering', 'storing')),
    attempt      INTEGER NOT NULL CHECK (attempt >= 0),
    lease_owner  TEXT,
    lease_until  BIGINT,
    lapses       INTEGER NOT NULL,
    not_before   BIGINT NOT NULL,
    cancelled_by TEXT,
    cancel_at    BIGINT,

    rows_done    BIGINT NOT NULL,
    bytes_done   BIGINT NOT NULL,
    share_done   DOUBLE PRECISION,
    progress_at  BIGINT,
    reason_code  TEXT,
    reason       TEXT,

    retry_of     TEXT,
    origin       TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    started_at   BIGINT,
    finished_at  BIGINT,
    updated_at   BIGINT NOT NULL,
    files_gone_at BIGINT,

    request      TEXT NOT NULL,
    foreign_text TEXT,

    -- A running run is held by somebody until some time; no other is.
    CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state = 'running') = (phase <> '')),
    -- A final run has an end; no other has.
    CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    -- What was claimed has begun, and only that ran.
    CHECK ((attempt > 0) = (started_at IS NOT NULL)),
    CHECK (attempt > 0 OR state IN ('queued', 'cancelled')),
    -- A failed run says why; one that goes on or ended otherwise has no reason.
    CHECK (state <> 'failed' OR reason IS NOT NULL),
    CHECK (state IN ('failed', 'queued') OR reason IS NULL),
    CHECK ((reason IS NULL) = (reason_code IS NULL)),
    CHECK (state <> 'cancelled' OR cancel_at IS NOT NULL),
    CHECK ((cancel_at IS NULL) = (cancelled_by IS NULL)),
    CHECK (files_gone_at IS NULL OR state = 'succeeded')
);
INSERT INTO "runs" VALUES('queued','reseller','Orders of queued','orders','queued','','',0,NULL,NULL,0,0,NULL,NULL,0,0,NULL,NULL,NULL,NULL,NULL,'api','client:old',1795593604000000,NULL,NULL,1795593604000000,NULL,'{"dataset":"orders","columns":["ID"],"outputs":[{"format":"csv"}]}','{"a":1}');
INSERT INTO "runs" VALUES('running','reseller','Orders of running','orders','running','starting','starting',1,'worker',1795593706000000,0,0,NULL,NULL,0,0,NULL,1795593606000000,NULL,NULL,NULL,'api','client:old',1795593605000000,1795593606000000,NULL,1795593606000000,NULL,'{"dataset":"orders","columns":["ID"],"outputs":[{"format":"csv"}]}','{"a":1}');
INSERT INTO "runs" VALUES('succeeded','reseller','Orders of succeeded','orders','succeeded','','storing',1,NULL,NULL,0,0,NULL,NULL,3,70,1.0,1795593609000000,NULL,NULL,'queued','api','client:old',1795593607000000,1795593608000000,1795593609000000,1795593609000000,NULL,'{"dataset":"orders","columns":["ID"],"outputs":[{"format":"csv"}]}','{"a":1}');
INSERT INTO "runs" VALUES('failed','reseller','Orders of failed','orders','failed','','starting',1,NULL,NULL,0,0,NULL,NULL,0,0,NULL,1795593613000000,'query_failed','{"code":"query_failed","message":"The source refused the statement.","act":"operator","retry":false,"correlation":"c"}',NULL,'api','client:old',1795593612000000,1795593613000000,1795593614000000,1795593614000000,NULL,'{"dataset":"orders","columns":["ID"],"outputs":[{"format":"csv"}]}','{"a":1}');
INSERT INTO "runs" VALUES('cancelled','reseller','Orders of cancelled','orders','cancelled','','',0,NULL,NULL,0,0,'client:old',1795593616000000,0,0,NULL,NULL,NULL,NULL,NULL,'api','client:old',1795593615000000,NULL,1795593616000000,1795593616000000,NULL,'{"dataset":"orders","columns":["ID"],"outputs":[{"format":"csv"}]}','{"a":1}');
CREATE TABLE secrets (
    name   TEXT PRIMARY KEY,
    sealed TEXT NOT NULL
);
INSERT INTO "secrets" VALUES('key','c2VhbGVk');
CREATE TABLE tenant_closure (
    ancestor   TEXT NOT NULL REFERENCES tenants (id),
    descendant TEXT NOT NULL REFERENCES tenants (id),
    PRIMARY KEY (ancestor, descendant)
);
INSERT INTO "tenant_closure" VALUES('provider','provider');
INSERT INTO "tenant_closure" VALUES('provider','reseller');
INSERT INTO "tenant_closure" VALUES('reseller','reseller');
CREATE TABLE tenants (
    id          TEXT PRIMARY KEY,
    parent      TEXT REFERENCES tenants (id),
    kind        TEXT NOT NULL CHECK (kind IN ('provider', 'reseller', 'customer')),
    name        TEXT NOT NULL,
    external_id TEXT CHECK (external_id <> ''),
    zone        TEXT NOT NULL,
    report_type TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    CHECK ((parent IS NULL) = (kind = 'provider'))
);
INSERT INTO "tenants" VALUES('provider',NULL,'provider','Provider',NULL,'','',1795593601000000);
INSERT INTO "tenants" VALUES('reseller','provider','reseller','Reseller','A1','Europe/Vienna','RESELLER',1795593602000000);
CREATE TABLE views (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenants (id),
    dataset     TEXT NOT NULL,
    name        TEXT NOT NULL,
    body        TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version > 0),
    created_by  TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    UNIQUE (tenant, dataset, name)
);
INSERT INTO "views" VALUES('view','reseller','orders','mine','{"name":"mine","dataset":"orders","columns":[{"field":"ID"}]}',1,'client:old',1795593617000000,1795593617000000);
CREATE UNIQUE INDEX tenants_one_root ON tenants (kind) WHERE parent IS NULL;
CREATE UNIQUE INDEX tenants_external ON tenants (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX tenants_created ON tenants (created_at, id);
CREATE INDEX tenants_name ON tenants (name, id);
CREATE INDEX clients_tenant_created ON clients (tenant, created_at, id);
CREATE INDEX clients_created ON clients (created_at, id);
CREATE INDEX runs_tenant_created ON runs (tenant, created_at, id);
CREATE INDEX runs_tenant_state_created ON runs (tenant, state, created_at, id);
CREATE INDEX runs_tenant_dataset_created ON runs (tenant, dataset, created_at, id);
CREATE INDEX runs_tenant_name ON runs (tenant, name, id);
CREATE INDEX runs_tenant_finished ON runs (tenant, finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_tenant_state_finished ON runs (tenant, state, finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_tenant_unfinished ON runs (tenant, id) WHERE finished_at IS NULL;
CREATE INDEX runs_created ON runs (created_at, id);
CREATE INDEX runs_state_created ON runs (state, created_at, id);
CREATE INDEX runs_dataset_created ON runs (dataset, created_at, id);
CREATE INDEX runs_name ON runs (name, id);
CREATE INDEX runs_finished ON runs (finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_state_finished ON runs (state, finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_tenant_state_unfinished ON runs (tenant, state, id) WHERE finished_at IS NULL;
CREATE INDEX runs_unfinished ON runs (id) WHERE finished_at IS NULL;
CREATE INDEX runs_state_unfinished ON runs (state, id) WHERE finished_at IS NULL;
CREATE INDEX runs_due ON runs (created_at, id, not_before) WHERE state = 'queued';
CREATE INDEX runs_leases ON runs (lease_until) WHERE state = 'running';
CREATE INDEX runs_held ON runs (lease_owner, cancel_at) WHERE state = 'running';
CREATE INDEX files_expiring ON files (expires_at) WHERE marked_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX files_marked ON files (marked_at) WHERE marked_at IS NOT NULL;
CREATE INDEX links_file ON links (file);
CREATE INDEX views_tenant_created ON views (tenant, created_at, id);
CREATE INDEX views_tenant_name ON views (tenant, name, id);
CREATE INDEX views_created ON views (created_at, id);
CREATE INDEX views_name ON views (name, id);
CREATE INDEX idempotency_keys_expiring ON idempotency_keys (expires_at);
CREATE INDEX audit_tenant_at ON audit (tenant, at, id);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_object_at ON audit (object, at, id);
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit entries are only ever added');
END;
CREATE TRIGGER audit_never_goes BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit entries are only ever added');
END;
CREATE TRIGGER runs_move BEFORE UPDATE OF state ON runs
WHEN NOT (
    OLD.state = 'queued' AND NEW.state IN ('running', 'cancelled') OR
    OLD.state = 'running' AND NEW.state IN ('succeeded', 'failed', 'cancelled', 'queued')
)
BEGIN
    SELECT RAISE(ABORT, 'a run cannot move like this');
END;
CREATE TRIGGER runs_begin_queued BEFORE INSERT ON runs WHEN NEW.state <> 'queued'
BEGIN
    SELECT RAISE(ABORT, 'a run begins queued');
END;
CREATE TRIGGER runs_attempts_grow BEFORE UPDATE OF attempt ON runs WHEN NEW.attempt < OLD.attempt
BEGIN
    SELECT RAISE(ABORT, 'attempts only grow');
END;
CREATE TRIGGER runs_stay BEFORE DELETE ON runs
BEGIN
    SELECT RAISE(ABORT, 'runs stay');
END;
CREATE TRIGGER files_of_succeeded BEFORE INSERT ON files
WHEN (SELECT state FROM runs WHERE id = NEW.run) <> 'succeeded'
BEGIN
    SELECT RAISE(ABORT, 'only a succeeded run has files');
END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('goose_db_version',3);
COMMIT;
