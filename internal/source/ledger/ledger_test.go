package ledger_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/ledger"
	"outturn/internal/source/sourcetest"
	"outturn/internal/store"
)

var day = time.Date(2026, 9, 15, 0, 0, 0, 0, time.UTC)

// An audit is one in a real ledger, of tenants in this tree:
//
//	provider ─┬─ own ── child
//	          └─ other
type audit struct {
	t       testing.TB
	store   *store.Store
	source  *ledger.Source
	file    string
	tenants map[string]string
}

func newAudit(t testing.TB) *audit {
	t.Helper()
	a := &audit{t: t, file: filepath.Join(t.TempDir(), "ledger.db"), tenants: map[string]string{}}
	var err error
	a.store, err = store.Open(t.Context(), store.Config{Path: a.file, Now: func() time.Time { return day }})
	must(t, err)
	t.Cleanup(func() { must(t, a.store.Close()) })
	a.source = ledger.New(a.store, func() time.Time { return day })
	for _, n := range []struct{ name, parent string }{{"provider", ""}, {"own", "provider"}, {"child", "own"}, {"other", "provider"}} {
		kind := outturn.KindReseller
		if n.parent == "" {
			kind = outturn.KindProvider
		}
		tenant, err := a.store.CreateTenant(t.Context(), outturn.Tenant{Parent: a.tenants[n.parent], Kind: kind, Name: n.name}, outturn.AuditEntry{Subject: "system"})
		must(t, err)
		a.tenants[n.name] = tenant.ID
	}
	return a
}

// add adds an entry of a tenant, by its name, so long after day.
func (a *audit) add(id, tenant string, after time.Duration, e outturn.AuditEntry) {
	a.t.Helper()
	e.ID, e.At, e.Tenant, e.Action = id, day.Add(after), a.tenants[tenant], cmp.Or(e.Action, "test")
	must(a.t, a.store.Audit(a.t.Context(), e))
}

func (a *audit) exec(statement string) {
	a.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+a.file)
	must(a.t, err)
	defer db.Close()
	_, err = db.ExecContext(a.t.Context(), statement)
	must(a.t, err)
}

// query is what tests ask for unless they say otherwise.
func (a *audit) query(viewer, filter string) source.Query {
	a.t.Helper()
	q := source.Query{Dataset: ledger.AuditDataset, View: outturn.Columns(ledger.AuditDataset, []string{"ID"}), Tenant: a.tenants[viewer]}
	if filter != "" {
		var err error
		q.Where, err = outturn.ParseExpr(filter)
		must(a.t, err)
	}
	return q
}

func (a *audit) begin() source.Snapshot {
	a.t.Helper()
	s, err := a.source.Begin(a.t.Context())
	must(a.t, err)
	return s
}

// rows reads a query to its end: a line a row, its cells apart by |.
func (a *audit) rows(s source.Snapshot, q source.Query) (lines []string, replaced int64) {
	a.t.Helper()
	r, err := s.Query(a.t.Context(), q)
	must(a.t, err)
	defer func() { must(a.t, r.Close()) }()
	var b batch.Batch
	for {
		err := r.Next(&b)
		if errors.Is(err, io.EOF) && b.Rows() == 0 {
			return lines, r.Replaced()
		}
		must(a.t, err)
		if b.Rows() == 0 {
			a.t.Fatal("a batch without rows, and no end")
		}
		for i := range b.Rows() {
			lines = append(lines, strings.Join(sourcetest.RowText(&b, i), "|"))
		}
	}
}

// ids are the entries that the test has made, of a query for IDs.
func (a *audit) ids(q source.Query) string {
	a.t.Helper()
	lines, _ := a.rows(a.begin(), q)
	return strings.Join(slices.DeleteFunc(lines, func(id string) bool { return len(id) > 3 }), " ")
}

func TestQuery(t *testing.T) {
	a := newAudit(t)
	a.add("a1", "own", 0, outturn.AuditEntry{Subject: "client:x", Object: "o1", Outcome: "forbidden"})
	a.add("a2", "own", time.Microsecond, outturn.AuditEntry{Subject: "client:y"})
	a.add("a3", "child", time.Hour, outturn.AuditEntry{Object: "o2"})
	a.add("a4", "other", time.Hour, outturn.AuditEntry{Object: "o1"})
	a.add("a5", "provider", 2*time.Hour, outturn.AuditEntry{Object: "50% off_"})
	a.add("a6", "", 2*time.Hour, outturn.AuditEntry{From: "192.0.2.1"})
	window := func(from, to time.Duration) func(*source.Query) {
		return func(q *source.Query) {
			q.Window = &outturn.Window{From: day.Add(from), To: day.Add(to), Zone: time.UTC}
		}
	}
	order := func(text string) func(*source.Query) {
		return func(q *source.Query) {
			var err error
			q.Order, err = outturn.ParseOrder(text)
			must(t, err)
		}
	}
	for _, tt := range []struct {
		name, viewer, filter string
		change               func(*source.Query)
		want                 string
	}{
		{"Provider", "provider", "", nil, "a1 a2 a3 a4 a5 a6"},
		{"Own", "own", "", nil, "a1 a2 a3"},
		{"Child", "child", "", nil, "a3"},
		{"Other", "other", "", nil, "a4"},
		{"OthersByName", "own", "TENANT eq '" + a.tenants["other"] + "'", nil, ""},
		{"OthersByOr", "own", "OBJECT eq o1 or ID ne ''", nil, "a1 a2 a3"},

		{"Ascending", "provider", "", order("AT"), "a1 a2 a3 a4 a5 a6"},
		{"Descending", "provider", "", order("AT desc, ID desc"), "a6 a5 a4 a3 a2 a1"},
		{"Limit", "provider", "ACTION eq test", func(q *source.Query) { q.Limit = 2 }, "a1 a2"},

		{"FromIsIn", "provider", "", window(time.Microsecond, 3*time.Hour), "a2 a3 a4 a5 a6"},
		{"ToIsOut", "provider", "", window(0, 2*time.Hour), "a1 a2 a3 a4"},
		{"NothingInIt", "provider", "", window(-time.Hour, 0), ""},
		{"WindowAndFilter", "provider", "OBJECT eq o1", window(time.Microsecond, 3*time.Hour), "a4"},

		{"Equal", "provider", "OBJECT eq o1", nil, "a1 a4"},
		{"EqualToTheEmptyText", "provider", "ACTION eq test and OBJECT eq ''", nil, ""},
		{"Null", "provider", "ACTION eq test and OBJECT is null", nil, "a2 a6"},
		{"NotNull", "provider", "not OBJECT is null and ACTION eq test", nil, "a1 a3 a4 a5"},
		{"NullIsNotEqual", "provider", "ACTION eq test and OBJECT ne o1", nil, "a2 a3 a5 a6"},
		{"NullIsNotLess", "provider", "ACTION eq test and OBJECT lt o2", nil, "a1 a4 a5"},
		{"NullIsNotNotLess", "provider", "ACTION eq test and not OBJECT lt o2", nil, "a2 a3 a6"},
		{"NullIsNotLike", "provider", "ACTION eq test and OBJECT like '%'", nil, "a1 a3 a4 a5"},
		{"Like", "provider", `OBJECT like '50\% off\_'`, nil, "a5"},
		{"LikeTellsCases", "provider", `OBJECT like 'O%'`, nil, ""},
		{"In", "provider", "OBJECT in (o1, o2)", nil, "a1 a3 a4"},
		{"InWithTheEmptyText", "provider", "ACTION eq test and OBJECT in ('', o2)", nil, "a3"},
		{"TheCallersAddress", "provider", "FROM_ADDRESS eq 192.0.2.1", nil, "a6"},
		{"TheInstant", "provider", "AT eq 2026-09-15T00:00:00.000001Z", nil, "a2"},
		{"TheWallInAZone", "provider", "AT ge 2026-09-15T03:00:00", func(q *source.Query) { q.Vars.Zone = "Europe/Berlin" }, "a3 a4 a5 a6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := a.query(tt.viewer, tt.filter)
			if tt.change != nil {
				tt.change(&q)
			}
			must(t, a.source.Check(q))
			if got := a.ids(q); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// All that GET /v1/audit would list page by page is there once, in its order, also
// where thousands of entries that do not fit lie between those that do.
func TestPages(t *testing.T) {
	a := newAudit(t)
	a.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500)
		INSERT INTO audit_fresh (id, at, tenant, subject, via, action, object, outcome, origin, request, detail)
		SELECT printf('n%05d', i), 1789430400000000 + i / 7, CASE i % 2 WHEN 0 THEN '` + a.tenants["own"] + `' ELSE '` + a.tenants["other"] + `' END,
			's', 'v', 'a', '', 'ok', '', CASE WHEN i % 2000 < 2 THEN 'rare' ELSE 'common' END, '' FROM n`)
	for _, tt := range []struct {
		viewer, filter string
		want           int
	}{
		{"provider", "", 4500}, {"own", "", 2250},
		{"provider", "REQUEST like 'rar%'", 5}, {"own", "REQUEST like 'rar%'", 2}, {"child", "REQUEST like 'rar%'", 0},
	} {
		for _, desc := range []bool{false, true} {
			q := a.query(tt.viewer, tt.filter)
			q.Order = []outturn.Order{{Field: "AT", Desc: desc}}
			got, _ := a.rows(a.begin(), q)
			got = slices.DeleteFunc(got, func(id string) bool { return id[0] != 'n' })
			want := a.listed(tt.viewer, outturn.ListQuery{Order: []outturn.Order{{Field: "at", Desc: desc}}, Where: lowered(q.Where)})
			if len(want) != tt.want || !slices.Equal(got, want) {
				t.Errorf("%s by %s, descending %t: got %d rows, want the %d of the list, and there are %d", tt.filter, tt.viewer, desc, len(got), len(want), tt.want)
			}
		}
	}
}

// lowered is a filter of one condition in the words of the list.
func lowered(e *outturn.Expr) *outturn.Expr {
	if e == nil {
		return nil
	}
	return &outturn.Expr{Op: e.Op, Field: strings.ToLower(e.Field), Values: e.Values}
}

// listed is what the ledger lists of the entries that TestPages made.
func (a *audit) listed(viewer string, q outturn.ListQuery) (ids []string) {
	a.t.Helper()
	for q.Page.Limit = 100; ; {
		page, err := a.store.AuditEntries(a.t.Context(), a.tenants[viewer], q)
		must(a.t, err)
		for _, e := range page.Items {
			if e.ID[0] == 'n' {
				ids = append(ids, e.ID)
			}
		}
		if q.Page.After = page.Next; page.Next == "" {
			return ids
		}
	}
}

// What is added after a snapshot began is not in it, wherever in the order it comes.
func TestSnapshot(t *testing.T) {
	a := newAudit(t)
	a.add("a1", "own", time.Hour, outturn.AuditEntry{})
	s := a.begin()
	a.add("a0", "own", 0, outturn.AuditEntry{})
	a.add("a2", "own", 2*time.Hour, outturn.AuditEntry{})
	for _, filter := range []string{"", "ACTION eq test", "ID in (a0, a1, a2)"} {
		lines, _ := a.rows(s, a.query("own", filter))
		if got := slices.DeleteFunc(lines, func(id string) bool { return len(id) > 3 }); !slices.Equal(got, []string{"a1"}) {
			t.Errorf("%q: the snapshot has %q, want a1", filter, got)
		}
	}
	if !s.Consistent() {
		t.Error("the snapshot says that it is none")
	}
	must(t, s.Close())
	for viewer, want := range map[string]time.Time{"own": day.Add(2 * time.Hour), "other": day} {
		if newest, err := source.Newest(t.Context(), a.begin(), a.query(viewer, "")); err != nil || !newest.Equal(want) {
			t.Errorf("the newest of %s is of %s (%v), want %s", viewer, newest, err, want)
		}
	}
}

func TestColumns(t *testing.T) {
	a := newAudit(t)
	a.add("a1", "own", 1234567*time.Microsecond, outturn.AuditEntry{
		Subject: "client:x", Via: "oauth2", Object: "o", From: "192.0.2.1", Request: "r",
		Detail: map[string]string{"name": `=cmd|' /C calc'!A0 <b> "q"`, "empty": "", "zone": "UTC"},
	})
	a.add("a2", "", 0, outturn.AuditEntry{})
	a.exec(`INSERT INTO audit_fresh (id, at, tenant, subject, via, action, object, outcome, origin, request, detail)
		VALUES ('a3', 1789430400000000, '` + a.tenants["own"] + `', CAST(x'61ff62' AS TEXT), 'v', 'test', '', 'ok', '', '', '')`)
	for _, tt := range []struct {
		name     string
		view     *outturn.View
		hidden   []string
		id, want string
		replaced int64
	}{
		{"All", outturn.Full(ledger.AuditDataset), nil, "a1", "a1|2026-09-15T00:00:01.234567Z|" + a.tenants["own"] + `|client:x|oauth2|test|o|ok|192.0.2.1|r|{"empty":"","name":"=cmd|' /C calc'!A0 <b> \"q\"","zone":"UTC"}`, 0},
		{"Nulls", outturn.Full(ledger.AuditDataset), nil, "a2", "a2|2026-09-15T00:00:00Z|∅|∅|∅|test|∅|ok|∅|∅|∅", 0},
		{"NoUTF8", outturn.Columns(ledger.AuditDataset, []string{"SUBJECT"}), []string{"ID"}, "a3", "a\uFFFDb|a3", 1},
		{"Views", &outturn.View{Columns: []outturn.ViewColumn{
			{Field: "DETAIL", Attribute: "zone", Alias: "where", Map: map[string]string{"UTC": "Greenwich"}},
			{Field: "DETAIL", Attribute: "empty", Alias: "nothing"},
			{Field: "DETAIL", Attribute: "missing", Alias: "missing"},
			{Field: "OUTCOME", Map: map[string]string{"ok": "done"}},
			{Field: "ACTION", Map: map[string]string{"no": "such"}},
		}}, []string{"ID"}, "a1", "Greenwich||∅|done|test|a1", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := a.query("provider", "ID eq "+tt.id)
			q.View, q.Hidden = tt.view, tt.hidden
			lines, replaced := a.rows(a.begin(), q)
			if got := strings.Join(lines, "\n"); got != tt.want || replaced != tt.replaced {
				t.Errorf("got %s with %d characters replaced, want %s with %d", got, replaced, tt.want, tt.replaced)
			}
		})
	}
}

// What cannot be met is refused before there is a run, and names the field.
func TestRefused(t *testing.T) {
	a := newAudit(t)
	for _, tt := range []struct {
		name   string
		change func(*source.Query)
		field  string
	}{
		{"Order", func(q *source.Query) { q.Order = []outturn.Order{{Field: "SUBJECT"}} }, "order"},
		{"SecondOrder", func(q *source.Query) { q.Order = []outturn.Order{{Field: "AT"}, {Field: "ID", Desc: true}} }, "order"},
		{"Detail", func(q *source.Query) {
			q.Where = &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{{Op: outturn.OpNull, Field: "DETAIL"}}}
		}, "filter"},
		{"UnknownField", func(q *source.Query) { q.Where = &outturn.Expr{Op: outturn.OpNull, Field: "DETIAL"} }, "filter"},
		{"OtherDataset", func(q *source.Query) { q.Dataset = &outturn.Dataset{Name: "audit"} }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := a.query("own", "")
			tt.change(&q)
			for what, err := range map[string]error{"Check": a.source.Check(q), "Query": queried(t.Context(), a.begin(), q)} {
				var fault *outturn.Error
				if !errors.As(err, &fault) || fault.Field != tt.field {
					t.Errorf("%s: got %v, want an error about %q", what, err, tt.field)
				}
			}
		})
	}
	for _, tt := range []struct{ comparisons, values, depth int }{{198, 1, 1}, {300, 1, 1}, {1, 998, 1}, {1, 1200, 1}, {1, 1, outturn.MaxFilterDepth - 1}, {1, 1, outturn.MaxFilterDepth + 1}} {
		q := a.query("own", "")
		q.Where = &outturn.Expr{Op: outturn.OpOr}
		for range tt.comparisons {
			q.Where.Args = append(q.Where.Args, &outturn.Expr{Op: outturn.OpIn, Field: "OBJECT", Values: slices.Repeat([]string{"x"}, tt.values)})
		}
		for range tt.depth - 1 {
			q.Where = &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{q.Where}}
		}
		if a.source.Check(q) == nil { // then it can be met
			a.rows(a.begin(), q)
		} else if tt.comparisons < 200 && tt.values < 1000 && tt.depth < outturn.MaxFilterDepth {
			t.Errorf("a filter of %+v is refused: %v", tt, a.source.Check(q))
		}
	}
	if err := queried(t.Context(), a.begin(), a.query("nobody", "")); outturn.ErrorCode(err) != outturn.CodeInvalid {
		t.Errorf("for nobody: got %v, want it refused", err)
	}
	cause := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	r, err := a.begin().Query(ctx, a.query("own", ""))
	must(t, err)
	stop(cause)
	if err := r.Next(new(batch.Batch)); !errors.Is(err, cause) {
		t.Errorf("stopped: got %v, want the cause", err)
	}
}

func queried(ctx context.Context, s source.Snapshot, q source.Query) error {
	_, err := s.Query(ctx, q)
	return err
}

// The dictionary is in order but for the SELECT, which there is none of.
func TestDataset(t *testing.T) {
	d := *ledger.AuditDataset
	d.SQL = "SELECT"
	must(t, d.Validate())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
