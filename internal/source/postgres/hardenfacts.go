package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"outturn"
	"outturn/internal/source"
)

// Harden works out what makes the database safe to read for Outturn. Of the role that
// is connected it takes the right to make temporary views, by which PostgreSQL itself
// tells what a SELECT reads; they are rolled back. Nothing is changed before Apply.
func Harden(ctx context.Context, url string, in HardenInput) (*Hardening, error) {
	var h *Hardening
	err := withConn(ctx, url, writes, func(conn *pgconn.PgConn) error {
		facts, err := gather(ctx, conn, in)
		if err != nil {
			return err
		}
		h, err = planHardening(in, facts)
		return err
	})
	return h, err
}

// Apply runs a script of a Hardening, whole or not at all.
func Apply(ctx context.Context, url, script string) error {
	return withConn(ctx, url, writes, func(conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, script).ReadAll()
		return adminError(err)
	})
}

// writes sets that a session may write, whatever its role's default.
var writes = map[string]string{"default_transaction_read_only": "off"}

// withConn connects, with settings of the session, for as long as use runs.
func withConn(ctx context.Context, url string, settings map[string]string, use func(*pgconn.PgConn) error) (err error) {
	config, err := parse(url)
	if err != nil {
		return err
	}
	config.RuntimeParams["application_name"] = "outturn source"
	maps.Copy(config.RuntimeParams, settings)
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return connectError(ctx, config, err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return use(conn)
}

// adminError is an error of a statement that an operator asked for.
func adminError(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		detail := strings.TrimSuffix(strings.TrimSpace(said.Message+". "+said.Detail+" "+said.Hint), ".")
		code := outturn.CodeQueryFailed
		if said.Code == "42501" {
			code = outturn.CodeSourceRefused
		}
		return outturn.Errorf(code, "PostgreSQL refused (%s): %s.", said.Code, detail)
	}
	return err
}

// ask runs a statement of few rows. What is null comes as the empty text.
func ask(ctx context.Context, conn *pgconn.PgConn, sql string, args ...string) ([][]string, error) {
	values := make([][]byte, len(args))
	for i, arg := range args {
		values[i] = []byte(arg)
	}
	result := conn.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, adminError(result.Err)
	}
	rows := make([][]string, len(result.Rows))
	for i, row := range result.Rows {
		rows[i] = make([]string, len(row))
		for c, value := range row {
			rows[i][c] = string(value)
		}
	}
	return rows, nil
}

// gatherer collects what the catalogue says, in one transaction that is rolled back.
type gatherer struct {
	conn  *pgconn.PgConn
	facts hardenFacts
	byOID map[string]*tableFacts
	views int
}

func gather(ctx context.Context, conn *pgconn.PgConn, in HardenInput) (facts hardenFacts, err error) {
	if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE").ReadAll(); err != nil {
		return facts, adminError(err)
	}
	defer func() {
		_, end := conn.Exec(context.WithoutCancel(ctx), "ROLLBACK").ReadAll()
		err = errors.Join(err, adminError(end))
	}()
	g := &gatherer{conn: conn, byOID: map[string]*tableFacts{}}
	if err := g.database(ctx, in); err != nil {
		return facts, err
	}
	accounts := ""
	if in.Tree != nil {
		if accounts, err = g.tree(ctx, in.Tree); err != nil {
			return facts, err
		}
	}
	for _, d := range in.Datasets {
		if err := g.dataset(ctx, d); err != nil {
			return facts, fmt.Errorf("data set %s: %w", d.Name, err)
		}
	}
	// Those of an earlier run that nothing reads any more.
	left, err := ask(ctx, conn, "SELECT DISTINCT polrelid FROM pg_policy WHERE polname IN ($1, $2)", scopePolicy, othersPolicy)
	if err != nil {
		return facts, err
	}
	for _, row := range left {
		if _, err := g.table(ctx, row[0]); err != nil {
			return facts, err
		}
	}
	for oid, t := range g.byOID {
		if err := g.links(ctx, oid, t, accounts); err != nil {
			return facts, err
		}
		g.facts.tables = append(g.facts.tables, t)
	}
	return g.facts, g.role(ctx, in.Role)
}

func (g *gatherer) database(ctx context.Context, in HardenInput) error {
	rows, err := ask(ctx, g.conn, `SELECT current_database(), current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
  EXISTS (SELECT FROM pg_database d, aclexplode(COALESCE(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type = 'TEMPORARY')`)
	if err != nil {
		return err
	}
	g.facts.database, g.facts.user, g.facts.superuser, g.facts.temp = rows[0][0], rows[0][1], rows[0][2] == "t", rows[0][3] == "t"
	path, err := ask(ctx, g.conn, "SELECT unnest(current_schemas(false))")
	if err != nil {
		return err
	}
	for _, row := range path {
		g.facts.path = append(g.facts.path, row[0])
	}
	open, err := ask(ctx, g.conn, `SELECT n.nspname FROM pg_namespace n, aclexplode(COALESCE(n.nspacl, acldefault('n', n.nspowner))) a
WHERE a.grantee = 0 AND a.privilege_type = 'CREATE' ORDER BY 1`)
	for _, row := range open {
		g.facts.publicMake = append(g.facts.publicMake, row[0])
	}
	return err
}

func (g *gatherer) role(ctx context.Context, name string) error {
	rows, err := ask(ctx, g.conn, `SELECT rolsuper OR rolbypassrls, rolcanlogin, COALESCE(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = $1`, name)
	if err != nil || len(rows) == 0 {
		return err
	}
	r := &g.facts.role
	r.exists, r.above, r.login, r.ours = true, rows[0][0] == "t", rows[0][1] == "t", rows[0][2] == readerMark
	for _, t := range g.facts.tables {
		r.above = r.above || t.owner == name
	}
	return nil
}

// tree reads what the tenant tree stands on, and returns the table of its ids.
func (g *gatherer) tree(ctx context.Context, tree *outturn.TenantTree) (accounts string, err error) {
	sql, err := source.TreeSQL(tree)
	if err != nil {
		return "", err
	}
	read, err := g.reads(ctx, sql, "the tenant tree")
	if err != nil {
		return "", fmt.Errorf("tenant tree: %w", err)
	}
	f := &treeFacts{}
	for i, t := range read {
		if !slices.Contains(f.schemas, t.schema) {
			f.schemas = append(f.schemas, t.schema)
		}
		if i == 0 {
			f.owner = t.owner
		} else if t.owner != f.owner {
			f.owner = ""
		}
	}
	accounts, column, idType, err := g.origin(ctx, "WITH d AS ("+sql+"\n) SELECT id FROM d")
	if err != nil {
		return "", fmt.Errorf("tenant tree: %w", err)
	}
	f.idType, g.facts.tree = idType, f
	if t := g.byOID[accounts]; t != nil {
		t.tenants = append(t.tenants, tenantColumn{column, "the tenant tree"})
	}
	return accounts, nil
}

func (g *gatherer) dataset(ctx context.Context, d *outturn.Dataset) error {
	body, err := source.BodySQL(d)
	if err != nil {
		return err
	}
	if _, err := g.reads(ctx, body, d.Name); err != nil || d.Tenant == "" {
		return err
	}
	sql, err := source.ExpressionSQL(d, d.Tenant)
	if err != nil {
		return err
	}
	oid, column, _, err := g.origin(ctx, sql)
	if err != nil {
		return err
	}
	if t := g.byOID[oid]; t != nil {
		t.tenants = append(t.tenants, tenantColumn{column, d.Name})
	}
	return nil
}

// origin tells of which table and column the first column of a SELECT is, unchanged;
// an empty oid of none. PostgreSQL follows it through subqueries, joins and CTEs.
func (g *gatherer) origin(ctx context.Context, sql string) (oid, column, columnType string, err error) {
	described, err := g.conn.Prepare(ctx, "", sql, nil)
	if err != nil {
		return "", "", "", adminError(err)
	}
	field := described.Fields[0]
	rows, err := ask(ctx, g.conn, "SELECT format_type($1::oid, NULL), COALESCE((SELECT attname FROM pg_attribute WHERE attrelid = $2::oid AND attnum = $3::int), '')",
		fmt.Sprint(field.DataTypeOID), fmt.Sprint(field.TableOID), fmt.Sprint(field.TableAttributeNumber))
	if err != nil {
		return "", "", "", err
	}
	if field.TableOID == 0 {
		return "", "", rows[0][0], nil
	}
	return fmt.Sprint(field.TableOID), rows[0][1], rows[0][0], nil
}

// reads tells which tables and views a SELECT reads, in its own name or through views
// that read with the rights of who asks. A view is made of it, and what that depends on
// is what is read: an EXPLAIN would leave out what the planner needs not.
func (g *gatherer) reads(ctx context.Context, sql, reader string) (list []*tableFacts, err error) {
	g.views++
	view := fmt.Sprintf("outturn_reads_%d", g.views)
	if _, err := g.conn.Exec(ctx, "CREATE TEMPORARY VIEW "+view+" AS "+sql).ReadAll(); err != nil {
		return nil, adminError(err)
	}
	return g.behind(ctx, "pg_temp."+view, reader)
}

func (g *gatherer) behind(ctx context.Context, view, reader string) (list []*tableFacts, err error) {
	rows, err := ask(ctx, g.conn, `SELECT DISTINCT d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
WHERE r.ev_class = $1::regclass AND c.oid <> r.ev_class AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) ORDER BY 1`, view)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		t, err := g.table(ctx, row[0])
		if err != nil {
			return nil, err
		}
		t.direct = true
		if !slices.Contains(t.readers, reader) {
			t.readers = append(t.readers, reader)
		}
		list = append(list, t)
		if t.kind == "v" && t.invoker {
			more, err := g.behind(ctx, t.sql(), reader)
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
		}
	}
	return list, nil
}

// table reads what there is to know of a table, once.
func (g *gatherer) table(ctx context.Context, oid string) (*tableFacts, error) {
	if t := g.byOID[oid]; t != nil {
		return t, nil
	}
	rows, err := ask(ctx, g.conn, `SELECT n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE'), c.relrowsecurity, c.relforcerowsecurity,
  COALESCE((SELECT bool_or(option_value::boolean) FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'), false)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid`, oid)
	if err != nil {
		return nil, err
	}
	r := rows[0]
	t := &tableFacts{schema: r[0], name: r[1], kind: r[2], owner: r[3], mine: r[4] == "t", secured: r[5] == "t", forced: r[6] == "t", invoker: r[7] == "t", columns: map[string]string{}}
	g.byOID[oid] = t
	policies, err := ask(ctx, g.conn, `SELECT polname, COALESCE((SELECT string_agg(rolname, E'\n' ORDER BY rolname) FROM pg_roles WHERE oid = ANY (polroles)), '') FROM pg_policy WHERE polrelid = $1::oid`, oid)
	if err != nil {
		return nil, err
	}
	for _, p := range policies {
		t.policies = append(t.policies, policyFacts{p[0], strings.Split(p[1], "\n")})
	}
	columns, err := ask(ctx, g.conn, `SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped`, oid)
	for _, c := range columns {
		t.columns[c[0]] = c[1]
	}
	return t, err
}

// links finds the columns of a table with a foreign key to the accounts.
func (g *gatherer) links(ctx context.Context, oid string, t *tableFacts, accounts string) error {
	if accounts == "" || accounts == oid {
		return nil
	}
	rows, err := ask(ctx, g.conn, `SELECT a.attname FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.conrelid = $1::oid AND k.confrelid = $2::oid AND cardinality(k.conkey) = 1 ORDER BY a.attnum`, oid, accounts)
	for _, row := range rows {
		t.links = append(t.links, row[0])
	}
	return err
}

// Verifier is a password as PostgreSQL keeps it: SCRAM-SHA-256 with a salt of its own.
// Sent in its place, the password is in no log of the server. Only ASCII is taken,
// which needs none of the preparation that other text does.
func Verifier(password string) (string, error) {
	for _, r := range password {
		if r < ' ' || r > '~' {
			return "", outturn.Errorf(outturn.CodeInvalid, "The password may have printable ASCII characters only.")
		}
	}
	const rounds = 4096
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", err
	}
	sign := func(text string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(sign("Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, encode(salt), encode(stored[:]), encode(sign("Server Key"))), nil
}
