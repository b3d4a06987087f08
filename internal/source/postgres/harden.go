package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/source"
)

// DefaultReader is the role that Outturn reads as, unless the operator names another.
const DefaultReader = "outturn_reader"

// What Harden makes in the operator's database, besides the role.
const (
	guardSchema  = "outturn_guard"
	scopePolicy  = "outturn_scope"
	othersPolicy = "outturn_others"
	readerMark   = "Reads for Outturn. Made by outturn source harden."
)

// A HardenInput is what a database is hardened for.
type HardenInput struct {
	Datasets []*outturn.Dataset
	Tree     *outturn.TenantTree // nil: a flat source
	Role     string              // DefaultReader
	// Columns are what the operator says of tables: the column with the account a
	// row belongs to, or "none" for no policy.
	Columns map[string]string
	// Verifier is the role's new password as PostgreSQL keeps it; empty leaves it.
	Verifier string
	// Timeout is how long a statement of the role may take; 0 leaves it.
	Timeout time.Duration
}

// A Guarded is what becomes of one table that the data sets read.
type Guarded struct {
	Table  string `json:"table"`
	Column string `json:"column,omitempty"` // with the account; empty: no policy, only SELECT
	Why    string `json:"why"`
	// Open marks rows of accounts that no policy can stand before, though it should.
	Open bool `json:"open,omitempty"`
}

// A Hardening is what is to be done to a database, and why.
type Hardening struct {
	Role   string    `json:"role"`
	Tables []Guarded `json:"tables"`
	Notes  []string  `json:"notes,omitempty"`

	facts hardenFacts
	input HardenInput
	plan  []tablePlan
}

// hardenFacts are what the catalogue of the database says.
type hardenFacts struct {
	database   string
	user       string
	superuser  bool
	role       roleFacts
	tables     []*tableFacts
	tree       *treeFacts // nil: flat
	path       []string   // the schemas in which names are looked up
	temp       bool       // everybody may make temporary tables
	publicMake []string   // schemas in which everybody may make tables
}

type roleFacts struct {
	exists, above bool // above: row-level security does not hold for it
	login, ours   bool
}

type treeFacts struct {
	idType  string   // of the tree's id
	schemas []string // that its tables and views are in
	owner   string   // of all its tables; empty: more than one
}

// tableFacts are those of a table or view that is read.
type tableFacts struct {
	schema, name, kind string // kind as in pg_class.relkind
	owner              string
	mine               bool // the user may change it
	secured, forced    bool // row-level security
	policies           []policyFacts
	invoker            bool // a view that reads with the rights of who asks
	direct             bool // named by a data set or the tree itself
	readers            []string
	columns            map[string]string // name to type
	tenants            []tenantColumn
	links              []string // columns with a foreign key to the accounts
}

type policyFacts struct {
	name  string
	roles []string
}

// A tenantColumn says that a data set takes the account of its rows from it.
type tenantColumn struct{ column, from string }

type tablePlan struct {
	*tableFacts
	columns []string
}

func (t *tableFacts) sql() string {
	return source.QuoteIdent(t.schema) + "." + source.QuoteIdent(t.name)
}

func (t *tableFacts) spoken() string {
	if t.schema == "public" {
		return t.name
	}
	return t.schema + "." + t.name
}

func (t *tableFacts) policy(name string) (policyFacts, bool) {
	i := slices.IndexFunc(t.policies, func(p policyFacts) bool { return p.name == name })
	if i < 0 {
		return policyFacts{}, false
	}
	return t.policies[i], true
}

// isGuarded reports whether an earlier hardening put its policy on the table, and
// whether it switched row-level security on for it.
func (t *tableFacts) isGuarded() (guarded, switched bool) {
	_, guarded = t.policy(scopePolicy)
	_, switched = t.policy(othersPolicy)
	return guarded, switched
}

// planHardening decides about each table. It needs no database.
func planHardening(in HardenInput, f hardenFacts) (*Hardening, error) {
	h := &Hardening{Role: in.Role, facts: f, input: in}
	if f.role.above {
		return nil, outturn.Errorf(outturn.CodeConflict, "Row-level security does not hold for the role %s: it is a superuser, has BYPASSRLS, or owns tables that are read. Name another with --role.", in.Role)
	}
	known := map[string]bool{}
	for _, t := range f.tables {
		known[t.spoken()], known[t.schema+"."+t.name] = true, true
		if p, ok := t.policy(scopePolicy); ok && !slices.Equal(p.roles, []string{in.Role}) {
			return nil, outturn.Errorf(outturn.CodeConflict, "The database is hardened for the role %s already, and has one such role. Take that back with --undo --role %[1]s first.", strings.Join(p.roles, ", "))
		}
	}
	for name := range in.Columns {
		if !known[name] {
			var names []string
			for _, t := range f.tables {
				names = append(names, t.spoken())
			}
			return nil, outturn.Unknown("table that the data sets read", name, names)
		}
	}
	slices.SortFunc(f.tables, func(a, b *tableFacts) int { return cmp.Compare(a.spoken(), b.spoken()) })
	for _, t := range f.tables {
		columns, g, err := decide(in, t)
		if err != nil {
			return nil, err
		}
		h.Tables = append(h.Tables, g)
		h.plan = append(h.plan, tablePlan{t, columns})
	}
	h.Notes = notes(f, in)
	return h, nil
}

// decide says by which columns a table's rows are kept to a scope; none for no policy.
func decide(in HardenInput, t *tableFacts) (columns []string, g Guarded, err error) {
	g.Table = t.spoken()
	said, isSaid := in.Columns[t.spoken()]
	if !isSaid {
		said, isSaid = in.Columns[t.schema+"."+t.name]
	}
	var from []string
	for _, c := range t.tenants {
		if !slices.Contains(columns, c.column) {
			columns = append(columns, c.column)
		}
		from = append(from, c.from)
	}
	wanted := len(columns) > 0 || isSaid && said != "none"
	switch {
	case isSaid && said == "none":
		g.Why, g.Open = "no policy, as --table says", len(columns) > 0
		return nil, g, nil
	case t.kind == "v" && !t.invoker:
		g.Why = "a view, which reads with the rights of its owner: no policy of the tables behind it holds. ALTER VIEW … SET (security_invoker = true), from PostgreSQL 15, makes them hold"
		g.Open = true
		return nil, g, nil
	case t.kind == "v":
		g.Why = "a view that reads with the rights of who asks: the policies of the tables behind it hold"
		return nil, g, nil
	case t.kind != "r" && t.kind != "p":
		g.Why = map[string]string{"m": "a materialized view", "f": "a foreign table"}[t.kind] + ": PostgreSQL has no row-level security for it"
		g.Open = wanted
		return nil, g, nil
	case isSaid:
		if t.columns[said] == "" {
			var names []string
			for name := range t.columns {
				names = append(names, name)
			}
			return nil, g, outturn.Unknown("column of the table "+t.spoken(), said, names)
		}
		columns, from = []string{said}, []string{"--table"}
	}
	switch guarded, switched := t.isGuarded(); {
	case len(columns) == 0 && len(t.links) > 0:
		g.Why = fmt.Sprintf("no data set takes the account of its rows from here. Its foreign keys lead to accounts: if nobody's report shows rows of others, say --table %s=%s", g.Table, t.links[0])
		return nil, g, nil
	case len(columns) == 0:
		g.Why = "no data set takes the account of its rows from here"
		return nil, g, nil
	case !t.mine:
		g.Why, g.Open = "its owner is "+t.owner+", who alone can put a policy on it", true
		return nil, g, nil
	case t.forced:
		g.Why, g.Open = "it has FORCE ROW LEVEL SECURITY, which holds for the function that reads the accounts too", true
		return nil, g, nil
	case !guarded && !switched && !t.secured && len(t.policies) > 0:
		g.Why, g.Open = "it has policies that are switched off, and would be switched on for everybody", true
		return nil, g, nil
	}
	g.Column = strings.Join(columns, ", ")
	g.Why = "the account of the rows of " + strings.Join(from, ", ")
	return columns, g, nil
}

// notes are what the role can do though it should not, and what else changes.
func notes(f hardenFacts, in HardenInput) (list []string) {
	if f.temp {
		list = append(list, fmt.Sprintf("Everybody may make temporary tables in this database, and what everybody may cannot be taken from one role. default_transaction_read_only keeps %s from it, until it sets that off. To take it from all: REVOKE TEMPORARY ON DATABASE %s FROM PUBLIC.", in.Role, source.QuoteIdent(f.database)))
	}
	for _, schema := range f.publicMake {
		list = append(list, fmt.Sprintf("Everybody may make tables in the schema %s. To take that from all: REVOKE CREATE ON SCHEMA %[2]s FROM PUBLIC.", schema, source.QuoteIdent(schema)))
	}
	if in.Tree == nil {
		list = append(list, "There is no tenant tree: an account sees what is its own, and nothing of accounts below it.")
	}
	return list
}

// SQL is the script that hardens the database, from whatever state an earlier run
// left it in. It is one transaction.
func (h *Hardening) SQL() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	role, guard := source.QuoteIdent(h.Role), source.QuoteIdent(guardSchema)

	say("BEGIN;")
	say("-- Whoever reads the tables now is waited for no longer than this.")
	say("SET LOCAL lock_timeout = '10s';")
	say("SET LOCAL client_min_messages = warning;\n")
	h.roleSQL(say)

	say("\n-- Which accounts a report may show: the one it is made for and all below. It looks")
	say("-- into the tenant tree of the data sets, in the snapshot of the statement, once for each.")
	say("CREATE SCHEMA IF NOT EXISTS %s;", guard)
	for _, t := range h.plan {
		h.freeSQL(say, t)
	}
	say("%s", h.scopeSQL())
	say("REVOKE ALL ON SCHEMA %s FROM PUBLIC;", guard)
	say("GRANT USAGE ON SCHEMA %s TO %s;", guard, role)
	if h.facts.tree != nil {
		say("REVOKE ALL ON FUNCTION %s.scope() FROM PUBLIC;", guard)
		say("GRANT EXECUTE ON FUNCTION %s.scope() TO %s;", guard, role)
	}

	say("\n-- What it may read: what the data sets do, and nothing else.")
	for _, schema := range h.schemas() {
		say("REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM %s;", source.QuoteIdent(schema), role)
		say("GRANT USAGE ON SCHEMA %s TO %s;", source.QuoteIdent(schema), role)
	}
	for i, t := range h.plan {
		say("\n-- %s", comment(h.Tables[i].Table+": "+h.verdict(i)))
		if t.readable() {
			say("GRANT SELECT ON %s TO %s;", t.sql(), role)
		}
		h.guardSQL(say, t)
	}
	for _, note := range h.Notes {
		say("\n-- %s", comment(note))
	}
	say("\nCOMMIT;")
	return b.String()
}

func (h *Hardening) verdict(i int) string {
	g := h.Tables[i]
	if g.Column != "" {
		return "policy by " + g.Column + ", " + g.Why
	}
	return "SELECT alone, " + g.Why
}

// readable reports whether the role needs the table itself: what stands behind a view
// of its owner's rights is read with those.
func (t *tableFacts) readable() bool { return t.direct }

func (h *Hardening) schemas() (list []string) {
	for _, t := range h.plan {
		if !slices.Contains(list, t.schema) {
			list = append(list, t.schema)
		}
	}
	slices.Sort(list)
	return list
}

func (h *Hardening) roleSQL(say func(string, ...any)) {
	role := source.QuoteIdent(h.Role)
	say("-- The role. It reads, for so long and no longer, and owns nothing.")
	if !h.facts.role.exists {
		say("CREATE ROLE %s LOGIN NOINHERIT NOCREATEDB NOCREATEROLE;", role)
		say("COMMENT ON ROLE %s IS %s;", role, quotedText(readerMark))
	}
	if h.input.Verifier != "" {
		say("ALTER ROLE %s PASSWORD %s;", role, quotedText(h.input.Verifier))
	}
	say("ALTER ROLE %s SET default_transaction_read_only = on;", role)
	if h.input.Timeout > 0 {
		say("ALTER ROLE %s SET statement_timeout = '%dms';", role, h.input.Timeout.Milliseconds())
	}
	if !slices.Equal(h.facts.path, []string{"public"}) && len(h.facts.path) > 0 {
		say("ALTER ROLE %s SET search_path = %s;", role, identifiers(h.facts.path))
	}
	say("REVOKE ALL ON DATABASE %s FROM %s;", source.QuoteIdent(h.facts.database), role)
	say("GRANT CONNECT ON DATABASE %s TO %s;", source.QuoteIdent(h.facts.database), role)
}

// scopeSQL makes the function that the policies ask. It runs with its owner's rights,
// for whom the policies do not hold: they would ask it again.
func (h *Hardening) scopeSQL() string {
	if h.facts.tree == nil {
		return "-- (There is no tree: the policies compare with the account itself.)"
	}
	tree, _ := source.TreeSQL(h.input.Tree) // it was read to make the plan
	whole := isWhole(h.facts.tree.idType)
	start := "CAST(id AS pg_catalog.text) = pg_catalog.current_setting('outturn.account', true)"
	step := "CAST(t.parent AS pg_catalog.text) = CAST(s.id AS pg_catalog.text)"
	if whole {
		step = "t.parent = s.id"
	}
	// A path that names every schema, pg_temp last: nothing that a role makes takes the
	// place of what is meant.
	path := identifiers(append([]string{"pg_catalog"}, append(slices.Clone(h.facts.tree.schemas), "pg_temp")...))
	guard := source.QuoteIdent(guardSchema)
	sql := `DROP FUNCTION IF EXISTS ` + guard + `.scope();
CREATE FUNCTION ` + guard + `.scope() RETURNS SETOF ` + h.facts.tree.idType + `
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = ` + path + `
AS ` + dollar(`
WITH RECURSIVE tree AS (`+tree+`
),
scope(id) AS (
  SELECT id FROM tree WHERE `+start+`
  UNION
  SELECT t.id FROM tree AS t JOIN scope AS s ON `+step+`
)
SELECT id FROM scope
`) + `;`
	if owner := h.facts.tree.owner; h.facts.superuser && owner != "" && owner != h.facts.user {
		sql += "\nALTER FUNCTION " + guard + ".scope() OWNER TO " + source.QuoteIdent(owner) + ";"
	}
	return sql
}

// freeSQL takes away the policy of an earlier run, which stands on the function.
func (h *Hardening) freeSQL(say func(string, ...any), t tablePlan) {
	if guarded, _ := t.isGuarded(); guarded && t.mine {
		say("DROP POLICY IF EXISTS %s ON %s;", scopePolicy, t.sql())
	}
}

func (h *Hardening) guardSQL(say func(string, ...any), t tablePlan) {
	guarded, switched := t.isGuarded()
	if len(t.columns) == 0 {
		if guarded && t.mine {
			releaseSQL(say, t.tableFacts, switched)
		}
		return
	}
	if !t.secured {
		say("ALTER TABLE %s ENABLE ROW LEVEL SECURITY;", t.sql())
	}
	switch {
	case switched:
	case !t.secured:
		say("CREATE POLICY %s ON %s USING (true) WITH CHECK (true); -- all others see what they saw", othersPolicy, t.sql())
	default:
		// Policies of the operator's stand here: nothing is opened to others.
		say("DROP POLICY IF EXISTS %s ON %s;", readerPolicy, t.sql())
		say("CREATE POLICY %s ON %s FOR SELECT TO %s USING (true);", readerPolicy, t.sql(), source.QuoteIdent(h.Role))
	}
	terms := []string{"(SELECT pg_catalog.current_setting('outturn.everything', true) = 'on')"}
	for _, column := range t.columns {
		terms = append(terms, h.inScope(column, t.tableFacts.columns[column]))
	}
	say("CREATE POLICY %s ON %s AS RESTRICTIVE FOR SELECT TO %s\n  USING (%s);", scopePolicy, t.sql(), source.QuoteIdent(h.Role), strings.Join(terms, "\n    OR "))
}

const readerPolicy = "outturn_reader"

func releaseSQL(say func(string, ...any), t *tableFacts, switched bool) {
	say("DROP POLICY IF EXISTS %s ON %s;", scopePolicy, t.sql())
	say("DROP POLICY IF EXISTS %s ON %s;", readerPolicy, t.sql())
	if switched {
		say("DROP POLICY IF EXISTS %s ON %s;", othersPolicy, t.sql())
		say("ALTER TABLE %s DISABLE ROW LEVEL SECURITY;", t.sql())
	}
}

// inScope is the condition that the account in a column is one of the scope. The
// SELECT in it depends on no row: PostgreSQL runs it once and hashes what it gives.
func (h *Hardening) inScope(column, columnType string) string {
	name := source.QuoteIdent(column)
	text := "CAST(" + name + " AS pg_catalog.text)"
	if h.facts.tree == nil {
		return text + " = (SELECT pg_catalog.current_setting('outturn.account', true))"
	}
	scope := "SELECT " + source.QuoteIdent(guardSchema) + ".scope()"
	if columnType == h.facts.tree.idType || isWhole(columnType) && isWhole(h.facts.tree.idType) {
		return name + " IN (" + scope + ")"
	}
	return text + " IN (SELECT CAST(s.id AS pg_catalog.text) FROM " + source.QuoteIdent(guardSchema) + ".scope() AS s(id))"
}

// UndoSQL takes away all that hardening made.
func (h *Hardening) UndoSQL() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	role, guard := source.QuoteIdent(h.Role), source.QuoteIdent(guardSchema)
	say("BEGIN;\nSET LOCAL lock_timeout = '10s';\nSET LOCAL client_min_messages = warning;")
	for _, t := range h.plan {
		if guarded, switched := t.isGuarded(); guarded {
			releaseSQL(say, t.tableFacts, switched)
		}
	}
	say("DROP FUNCTION IF EXISTS %s.scope();", guard)
	say("DROP SCHEMA IF EXISTS %s;", guard)
	if h.facts.role.exists {
		for _, schema := range h.schemas() {
			say("REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM %s;", source.QuoteIdent(schema), role)
			say("REVOKE ALL ON SCHEMA %s FROM %s;", source.QuoteIdent(schema), role)
		}
		say("REVOKE ALL ON DATABASE %s FROM %s;", source.QuoteIdent(h.facts.database), role)
		if h.facts.role.ours {
			say("DROP ROLE %s;", role)
		} else {
			say("-- The role %s was there before, and stays.", comment(role))
			say("ALTER ROLE %s RESET ALL;", role)
		}
	}
	say("COMMIT;")
	return b.String()
}

func isWhole(t string) bool { return slices.Contains([]string{"smallint", "integer", "bigint"}, t) }

func identifiers(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = source.QuoteIdent(name)
	}
	return strings.Join(quoted, ", ")
}

// quotedText is text as an SQL string, however the server reads backslashes.
func quotedText(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// dollar quotes text by a tag that is not in it.
func dollar(text string) string {
	tag := "$outturn$"
	for i := 0; strings.Contains(text, tag); i++ {
		tag = fmt.Sprintf("$outturn%d$", i)
	}
	return tag + text + tag
}

// comment is text that stays in one line of a comment.
func comment(text string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(text) }
