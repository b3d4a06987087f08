package storetest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"outturn"
)

// A field is what a list of runs offers, as a run has it: "" is none.
type field struct {
	name   string
	of     func(r outturn.Run) string
	order  bool
	null   bool
	values []string // to ask for, beside those that runs have
	none   bool     // only those
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

var instants = []string{"2026-11-25T08:00:03Z", "2026-11-25T09:00:05+01:00", "2026-11-25", "2027-01-01"}

var runFields = []field{
	{name: "id", of: func(r outturn.Run) string { return r.ID }, values: []string{"absent"}},
	{name: "tenant", of: func(r outturn.Run) string { return r.Tenant }, values: []string{"absent"}},
	{name: "name", of: func(r outturn.Run) string { return r.Name }, order: true, values: []string{"", "absent"}},
	{name: "dataset", of: func(r outturn.Run) string { return r.Request.Dataset }},
	{name: "state", of: func(r outturn.Run) string { return string(r.State) }, values: []string{"queued", "running", "succeeded", "failed", "cancelled"}, none: true},
	{name: "origin", of: func(r outturn.Run) string { return r.Origin }},
	{name: "created_by", of: func(r outturn.Run) string { return r.CreatedBy }},
	{name: "retry_of", of: func(r outturn.Run) string { return r.RetryOf }, null: true},
	{name: "reason", of: func(r outturn.Run) string {
		if r.Reason == nil {
			return ""
		}
		return string(r.Reason.Code)
	}, null: true, values: []string{"query_failed", "worker_lost"}},
	{name: "generator", of: func(r outturn.Run) string { return r.Generator }, null: true, values: []string{"absent"}},
	{name: "cause", of: func(r outturn.Run) string { return string(r.Cause) }, null: true, values: []string{"schedule", "event"}, none: true},
	{name: "format", of: func(r outturn.Run) string { return r.Format }, null: true, values: []string{"absent"}},
	{name: "rhythm", of: func(r outturn.Run) string { return string(r.Rhythm) }, null: true, values: []string{"day", "cron", "event"}, none: true},
	{name: "furthest", of: func(r outturn.Run) string { return string(r.Furthest) }, values: []string{"starting", "storing"}},
	{name: "created_at", of: func(r outturn.Run) string { return instant(r.CreatedAt) }, order: true, values: instants},
	{name: "updated_at", of: func(r outturn.Run) string { return instant(r.UpdatedAt) }, values: instants},
	{name: "files_gone_at", of: func(r outturn.Run) string { return instant(r.FilesGoneAt) }, null: true, values: instants},
	{name: "started_at", of: func(r outturn.Run) string { return instant(r.StartedAt) }, null: true, values: instants},
	{name: "finished_at", of: func(r outturn.Run) string { return instant(r.FinishedAt) }, null: true, order: true, values: instants},
}

func fieldOf(name string) field {
	return runFields[slices.IndexFunc(runFields, func(f field) bool { return f.name == name })]
}

func isInstant(f field) bool { return strings.HasSuffix(f.name, "_at") }

// holds is what an Expr means.
func holds(e *outturn.Expr, r outturn.Run) bool {
	switch e.Op {
	case outturn.OpAnd:
		return !slices.ContainsFunc(e.Args, func(arg *outturn.Expr) bool { return !holds(arg, r) })
	case outturn.OpOr:
		return slices.ContainsFunc(e.Args, func(arg *outturn.Expr) bool { return holds(arg, r) })
	case outturn.OpNot:
		return !holds(e.Args[0], r)
	}
	f := fieldOf(e.Field)
	has := f.of(r)
	null := f.null && has == ""
	switch e.Op {
	case outturn.OpNull:
		return null
	case outturn.OpNE:
		return null || has != canonical(f, e.Values[0])
	}
	if null {
		return false
	}
	if e.Op == outturn.OpLike {
		return like([]rune(has), []rune(e.Values[0]))
	}
	return slices.ContainsFunc(e.Values, func(v string) bool {
		c := strings.Compare(has, canonical(f, v))
		switch e.Op {
		case outturn.OpLT:
			return c < 0
		case outturn.OpLE:
			return c <= 0
		case outturn.OpGT:
			return c > 0
		case outturn.OpGE:
			return c >= 0
		}
		return c == 0
	})
}

// canonical is v as the field's values are written here.
func canonical(f field, v string) string {
	if !isInstant(f) {
		return v
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil {
			return instant(t)
		}
	}
	return v
}

// like is the pattern of an Expr: % is any text, _ any character, \ takes the next as
// it is.
func like(s, p []rune) bool {
	if len(p) == 0 {
		return len(s) == 0
	}
	switch {
	case p[0] == '%':
		return like(s, p[1:]) || len(s) > 0 && like(s[1:], p)
	case len(s) == 0:
		return false
	case p[0] == '_':
		return like(s[1:], p[1:])
	case p[0] == '\\' && len(p) > 1:
		return s[0] == p[1] && like(s[1:], p[2:])
	}
	return s[0] == p[0] && like(s[1:], p[1:])
}

// listed is what a list of runs must show: those that hold, in their order.
func listed(runs []outturn.Run, q outturn.ListQuery) []string {
	order := q.Order
	if len(order) == 0 {
		order = []outturn.Order{{Field: "created_at", Desc: true}}
	}
	runs = slices.DeleteFunc(slices.Clone(runs), func(r outturn.Run) bool { return q.Where != nil && !holds(q.Where, r) })
	slices.SortFunc(runs, func(a, b outturn.Run) int {
		for _, o := range order {
			f := fieldOf(o.Field)
			x, y := f.of(a), f.of(b)
			switch {
			case f.null && (x == "") != (y == ""):
				return map[bool]int{true: 1, false: -1}[x == ""]
			case x != y && o.Desc:
				return strings.Compare(y, x)
			case x != y:
				return strings.Compare(x, y)
			}
		}
		if order[0].Desc {
			return strings.Compare(b.ID, a.ID)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return idsOf(runs)
}

func idsOf(runs []outturn.Run) []string {
	ids := make([]string, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	return ids
}

// pages walks through a list to its end. between is called after each page.
func (b *bench) pages(t rapid.TB, viewer, tenant string, q outturn.ListQuery, between func()) []string {
	var ids []string
	for calls := 0; ; calls++ {
		page, err := b.store.Runs(ctx, viewer, tenant, q)
		if err != nil {
			t.Fatalf("page %d: %v", calls, err)
		}
		if len(page.Items) > q.Page.Limit {
			t.Fatalf("a page of %d entries has %d", q.Page.Limit, len(page.Items))
		}
		ids = append(ids, idsOf(page.Items)...)
		if page.Next == "" {
			return ids
		}
		if calls > 10_000 || page.Next == q.Page.After {
			t.Fatalf("the list does not end: after %d pages of %d there are %d", calls, q.Page.Limit, len(ids))
		}
		q.Page.After = page.Next
		between()
	}
}

// variety gives tenants runs of every kind and returns all of them.
func (b *bench) variety(tenants []string) []outturn.Run {
	b.t.Helper()
	var ids []string
	for i := range 60 {
		b.pass(time.Duration(i%3) * time.Second / 2) // some share an instant
		r := outturn.Run{
			Tenant: tenants[i*i%len(tenants)], Name: []string{"", "Orders", "orders", "50% off_x", `a\b`, "Ümläut", "\U0001F600", "Orders ", "a\x1f1\x1f\x1e"}[i%9],
			Origin: []string{"api", "cli"}[i%2], CreatedBy: fmt.Sprint("client:", i%4),
			Request: outturn.RunRequest{Dataset: []string{"orders", "payments", ""}[i%3]},
		}
		if i%5 == 0 && i > 0 {
			r.RetryOf = ids[i/2]
		}
		if i%4 == 1 {
			r.Generator, r.Revision, r.Cause = fmt.Sprint("generator-", i%3), 1, outturn.Causes[i%2]
			r.Rhythm = []outturn.Rhythm{outturn.RhythmDay, outturn.RhythmCron}[i%3%2]
		}
		if i%5 > 0 {
			day := time.Date(2026, 10, i%28+1, 0, 0, 0, 0, time.FixedZone("", 3600))
			r.Request.Window, r.Request.View = &outturn.Window{From: day, To: day.AddDate(0, 0, 1), Zone: time.UTC}, "full"
			if i%3 == 0 {
				r.Request.View, r.Request.OwnView = "", &outturn.View{Name: "mine\x1f"}
			}
			r.Request.Outputs = []outturn.Output{{Format: []string{"csv", "xlsx", "xml"}[i%3]}, {Format: "json"}}
		}
		r = must[outturn.Run](b.t)(b.store.CreateRun(ctx, r, nil, outturn.AuditEntry{}))
		ids = append(ids, r.ID)
		state := outturn.RunStates[i%7%len(outturn.RunStates)]
		if state == outturn.RunQueued {
			continue
		}
		r = must[outturn.Run](b.t)(b.store.ClaimRun(ctx, r.ID, worker, time.Hour))
		switch state {
		case outturn.RunSucceeded:
			must[outturn.Run](b.t)(b.store.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, []outturn.File{file(r, "a.csv", time.Time{})}))
			if i%4 == 0 {
				must[[]outturn.File](b.t)(b.store.DeleteRun(ctx, r.Tenant, r.ID, outturn.AuditEntry{}))
			}
		case outturn.RunFailed:
			must[outturn.Run](b.t)(b.store.FailRun(ctx, r.Claim(), reason(), time.Time{}))
		case outturn.RunCancelled:
			must[outturn.Run](b.t)(b.store.CancelRun(ctx, r.Tenant, r.ID, "client:1", outturn.AuditEntry{}))
			must[outturn.Run](b.t)(b.store.FinishCancelled(ctx, r.Claim()))
		}
	}
	all := make([]outturn.Run, len(ids))
	for i, id := range ids {
		all[i] = must[outturn.Run](b.t)(b.store.Run(ctx, b.root.ID, id))
	}
	return all
}

// testFilters holds random filters and orders, for each viewer, against what they
// mean.
func testFilters(t *testing.T, b *bench) {
	reseller := b.tenant(b.root.ID, outturn.KindReseller)
	var below []string
	for range 3 {
		below = append(below, b.tenant(reseller.ID, outturn.KindCustomer).ID)
	}
	stranger := b.tenant(b.root.ID, outturn.KindCustomer)
	runs := b.variety(append(below, stranger.ID, reseller.ID, b.root.ID))
	scopes := []struct {
		viewer, tenant string
		sees           []string // nil: all
	}{
		{b.root.ID, "*", nil},
		{b.root.ID, "", []string{b.root.ID}},
		{b.root.ID, below[0], below[:1]},
		{reseller.ID, "*", append([]string{reseller.ID}, below...)},
		{reseller.ID, below[1], below[1:2]},
		{stranger.ID, "*", []string{stranger.ID}},
	}
	check := func(t rapid.TB, viewer, tenant string, sees []string, q outturn.ListQuery) {
		visible := slices.DeleteFunc(slices.Clone(runs), func(run outturn.Run) bool { return sees != nil && !slices.Contains(sees, run.Tenant) })
		got, want := b.pages(t, viewer, tenant, q, func() {}), listed(visible, q)
		if !slices.Equal(got, want) {
			body, _ := json.Marshal(q)
			t.Fatalf("%s\ngot  %d: %v\nwant %d: %v", body, len(got), got, len(want), want)
		}
	}
	for i, e := range comparisons(runs) {
		orders := []outturn.Order{{Field: []string{"name", "created_at", "finished_at"}[i%3], Desc: i%2 == 0}}
		if fieldOf(e.Field).order {
			orders = append(orders, outturn.Order{Field: e.Field}, outturn.Order{Field: e.Field, Desc: true})
		}
		for n, order := range orders {
			q := outturn.ListQuery{Where: e, Order: []outturn.Order{order}, Page: outturn.Page{Limit: []int{50, 7, 7}[n]}}
			if i%4 == 3 {
				q.Where = &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{e}}
			}
			scope := scopes[i%2*3] // all, or a reseller's
			check(t, scope.viewer, scope.tenant, scope.sees, q)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		scope := rapid.SampledFrom(scopes).Draw(r, "scope")
		q := outturn.ListQuery{Page: outturn.Page{Limit: rapid.SampledFrom([]int{1, 2, 7, 50, 1000}).Draw(r, "limit")}}
		if rapid.IntRange(0, 9).Draw(r, "filtered") > 0 {
			q.Where = drawExpr(r, runs, 3)
		}
		if by := rapid.SampledFrom([]string{"", "name", "created_at", "finished_at"}).Draw(r, "order"); by != "" {
			q.Order = []outturn.Order{{Field: by, Desc: rapid.Bool().Draw(r, "desc")}}
		}
		check(r, scope.viewer, scope.tenant, scope.sees, q)
	})
}

var patterns = []string{"%", "Or%", "o%", "%s%", "_rders", `50\% off\__`, `a\\b`, "%ml%", "_", "", "%ed"}

// comparisons are every field in every condition with some values.
func comparisons(runs []outturn.Run) (list []*outturn.Expr) {
	for _, f := range runFields {
		values := slices.Clone(f.values)
		if !f.none {
			for _, r := range runs[len(runs)/2:] {
				if v := f.of(r); (v != "" || !f.null) && !slices.Contains(values, v) && len(values) < 8 {
					values = append(values, v)
				}
			}
		}
		list = append(list, &outturn.Expr{Op: outturn.OpNull, Field: f.name}, &outturn.Expr{Op: outturn.OpIn, Field: f.name, Values: values})
		for _, op := range []outturn.Op{outturn.OpEQ, outturn.OpNE, outturn.OpLT, outturn.OpLE, outturn.OpGT, outturn.OpGE} {
			for _, v := range values {
				list = append(list, &outturn.Expr{Op: op, Field: f.name, Values: []string{v}})
			}
		}
		for _, pattern := range patterns {
			if !isInstant(f) {
				list = append(list, &outturn.Expr{Op: outturn.OpLike, Field: f.name, Values: []string{pattern}})
			}
		}
	}
	all := &outturn.Expr{Op: outturn.OpIn, Field: "id", Values: idsOf(runs)}
	return append(list, all, all, all, all, all, all)
}

func drawExpr(r *rapid.T, runs []outturn.Run, depth int) *outturn.Expr {
	ops := []outturn.Op{outturn.OpEQ, outturn.OpIn, outturn.OpEQ, outturn.OpNE, outturn.OpLT, outturn.OpLE, outturn.OpGT, outturn.OpGE, outturn.OpLike, outturn.OpNull}
	if depth > 0 {
		ops = append(ops, outturn.OpAnd, outturn.OpAnd, outturn.OpAnd, outturn.OpOr, outturn.OpNot)
	}
	e := &outturn.Expr{Op: rapid.SampledFrom(ops).Draw(r, "op")}
	args := 1
	switch e.Op {
	case outturn.OpAnd, outturn.OpOr:
		args = rapid.IntRange(1, 3).Draw(r, "args")
		fallthrough
	case outturn.OpNot:
		for range args {
			e.Args = append(e.Args, drawExpr(r, runs, depth-1))
		}
		return e
	}
	f := rapid.SampledFrom(runFields).Draw(r, "field")
	e.Field = f.name
	value := func() string {
		own := f.of(rapid.SampledFrom(runs).Draw(r, "of"))
		if own == "" && isInstant(f) || f.none || len(f.values) > 0 && rapid.IntRange(0, 3).Draw(r, "other") == 0 {
			return rapid.SampledFrom(f.values).Draw(r, "value")
		}
		return own
	}
	switch e.Op {
	case outturn.OpNull:
	case outturn.OpIn:
		for range rapid.IntRange(1, 4).Draw(r, "values") {
			e.Values = append(e.Values, value())
		}
	case outturn.OpLike:
		if isInstant(f) {
			e.Op, e.Values = outturn.OpGE, []string{value()}
			break
		}
		e.Values = []string{rapid.SampledFrom(patterns).Draw(r, "pattern")}
	default:
		e.Values = []string{value()}
	}
	return e
}

// testLongLists filters more rows than one page looks at.
func testLongLists(t *testing.T, b *bench) {
	tenants := []outturn.Tenant{b.root}
	for range 4 {
		tenants = append(tenants, b.tenant(b.root.ID, outturn.KindReseller))
	}
	for range 30 {
		tenants = append(tenants, b.tenant(tenants[1].ID, outturn.KindCustomer))
	}
	const many = 5_000
	insert, err := b.db.Begin()
	ok(t, err)
	for i := range many {
		of := tenants[i*i%len(tenants)].ID
		if i%11 == 0 {
			of = tenants[3].ID
		}
		_, err := insert.Exec(fmt.Sprintf(`INSERT INTO runs (id, tenant, name, dataset, state, phase, furthest, attempt, lapses, not_before,
			rows_done, bytes_done, retry_of, origin, created_by, created_at, updated_at, request)
			VALUES ('r%06d', '%s', 'run %d', 'd', 'queued', '', '', 0, 0, 0, 0, 0, %s, '%s', 'c%d', %d, 1, '{}')`,
			i*7919%many, of, i*31%997, map[bool]string{true: "'r000001'", false: "NULL"}[i%3 == 1], map[bool]string{true: "cli", false: "api"}[i%2000 == 1999 || i < 3], i%5, 1_000_000_000_000_000+i/3))
		ok(t, err)
	}
	for _, update := range []string{
		`UPDATE runs SET state = 'running', attempt = 1, started_at = created_at, phase = 'starting', lease_owner = 'w', lease_until = 1 WHERE created_at % 7 > 0`,
		`UPDATE runs SET state = 'succeeded', finished_at = 1000000000100000 - created_at % 5000, phase = '', lease_owner = NULL, lease_until = NULL WHERE state = 'running' AND created_at % 7 > 1`,
		`UPDATE runs SET state = 'failed', finished_at = created_at, reason_code = 'internal', reason = '{"code":"internal"}', phase = '', lease_owner = NULL, lease_until = NULL WHERE state = 'running' AND created_at % 70 = 1`,
	} {
		_, err := insert.Exec(update)
		ok(t, err)
	}
	ok(t, insert.Commit())
	runs := must[[]outturn.Run](t)(b.store.RunProgresses(ctx, strings.Fields(strings.Join(b.rowsOf(`SELECT id FROM runs`), " "))))
	if len(runs) != many {
		t.Fatalf("there are %d runs", len(runs))
	}
	for i, filter := range []string{
		"", "origin eq cli", "origin eq nobody", "retry_of eq r000001", "created_by eq c1 and state eq running", "reason eq internal", "started_at is null",
		"id in (r000001, r000002, r004999, absent)", "id eq r000500 and created_by eq c1", "name eq 'run 5'", "not state eq succeeded and created_by eq c3", "tenant eq " + tenants[2].ID,
		"state in (queued, failed) and origin eq api", "name like '%99' and created_by eq c2",
	} {
		var e *outturn.Expr
		if filter != "" {
			e = must[*outturn.Expr](t)(outturn.ParseExpr(filter))
		}
		for by, order := range []outturn.Order{{Field: "created_at"}, {Field: "created_at", Desc: true}, {Field: "finished_at"}, {Field: "finished_at", Desc: true}, {Field: "name"}, {Field: "name", Desc: true}} {
			for who, viewer := range []outturn.Tenant{b.root, tenants[1], tenants[3]} {
				if (i+by+who)%5 > 0 {
					continue
				}
				sees := slices.DeleteFunc(slices.Clone(runs), func(r outturn.Run) bool {
					return viewer.ID != b.root.ID && r.Tenant != viewer.ID && (viewer.ID != tenants[1].ID || !slices.ContainsFunc(tenants[5:], func(n outturn.Tenant) bool { return n.ID == r.Tenant }))
				})
				q := outturn.ListQuery{Where: e, Order: []outturn.Order{order}, Page: outturn.Page{Limit: []int{200, 1000}[by%2]}}
				got, want := b.pages(t, viewer.ID, "*", q, func() {}), listed(sees, q)
				if !slices.Equal(got, want) {
					t.Errorf("%s by %v for %s: got %d runs, want %d", filter, order, viewer.Name, len(got), len(want))
				}
			}
		}
	}
}

// testPagesWhileItChanges walks while runs come and move on.
func testPagesWhileItChanges(t *testing.T, b *bench) {
	for _, by := range []string{"created_at", "name", "finished_at"} {
		for _, desc := range []bool{false, true} {
			there := b.variety([]string{b.root.ID})
			stay := map[string]bool{}
			for _, r := range there {
				stay[r.ID] = true
			}
			var step int
			q := outturn.ListQuery{Order: []outturn.Order{{Field: by, Desc: desc}}, Page: outturn.Page{Limit: 5}}
			got := b.pages(t, b.root.ID, "*", q, func() {
				if step++; step > 40 {
					return
				}
				b.pass(time.Second)
				b.queued(b.root.ID)
				if r := there[step]; r.State == outturn.RunQueued { // it ends, and moves in the order of ends
					must[outturn.Run](t)(b.store.CancelRun(ctx, b.root.ID, r.ID, "client:1", outturn.AuditEntry{}))
					stay[r.ID] = by != "finished_at"
				}
			})
			seen := map[string]int{}
			for _, id := range got {
				if seen[id]++; seen[id] > 1 {
					t.Errorf("by %s: %s came twice", by, id)
				}
			}
			for id, stays := range stay {
				if stays && seen[id] == 0 {
					t.Errorf("by %s: %s was missed", by, id)
				}
			}
		}
	}
}

func testCursors(t *testing.T, b *bench) {
	reseller, rival := b.tenant(b.root.ID, outturn.KindReseller), b.tenant(b.root.ID, outturn.KindReseller)
	for range 3 {
		b.queued(reseller.ID)
		b.queued(rival.ID)
	}
	for name := range 2 {
		must[outturn.SavedView](t)(b.store.CreateView(ctx, outturn.SavedView{Tenant: reseller.ID, View: outturn.View{Dataset: "orders", Name: fmt.Sprint(name)}}, outturn.AuditEntry{}))
	}
	byName := []outturn.Order{{Field: "name"}}
	page := func(viewer, tenant string, order []outturn.Order, after string) (outturn.List[outturn.Run], error) {
		return b.store.Runs(ctx, viewer, tenant, outturn.ListQuery{Order: order, Page: outturn.Page{Limit: 1, After: after}})
	}
	first := must[outturn.List[outturn.Run]](t)(page(reseller.ID, "*", byName, "")).Next
	second := must[outturn.List[outturn.Run]](t)(page(reseller.ID, "*", byName, first))
	if len(second.Items) != 1 || second.Next == first {
		t.Fatalf("the second page is %+v", second)
	}
	views := must[outturn.List[outturn.SavedView]](t)(b.store.Views(ctx, reseller.ID, outturn.ListQuery{Order: byName, Page: outturn.Page{Limit: 1}}))
	body := must[[]byte](t)(base64.RawURLEncoding.DecodeString(first))
	changed := func(was, is string) string {
		t.Helper()
		if !strings.Contains(string(body), was) {
			t.Fatalf("the cursor %s has no %s", body, was)
		}
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(body), was, is, 1)))
	}
	for _, c := range []struct {
		name, cursor, want string
		viewer, tenant     string
		order              []outturn.Order
	}{
		{"another list", views.Next, "another list, of views", reseller.ID, "*", byName},
		{"another order", first, "another order, name", reseller.ID, "*", nil},
		{"the other direction", first, "another order, name", reseller.ID, "*", []outturn.Order{{Field: "name", Desc: true}}},
		{"another viewer", first, "not one that a page", rival.ID, "*", byName},
		{"another tenant", first, "not one that a page", reseller.ID, "", byName},
		{"another place", changed(`"Orders"`, `"Payments"`), "not one that a page", reseller.ID, "*", byName},
		{"an unknown part", changed(`{`, `{"x":1,`), "not one that a page", reseller.ID, "*", byName},
		{"more behind it", base64.RawURLEncoding.EncodeToString(append(body, '1')), "not one that a page", reseller.ID, "*", byName},
		{"cut off", first[:len(first)-3], "not one that a page", reseller.ID, "*", byName},
		{"no cursor", "next", "not one that a page", reseller.ID, "*", byName},
	} {
		_, err := page(c.viewer, c.tenant, c.order, c.cursor)
		if faults := outturn.Faults(err); len(faults) != 1 || faults[0].Code != outturn.CodeInvalid || faults[0].Field != "cursor" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("a cursor of %s: %v, want %q", c.name, err, c.want)
		}
	}
}

func testListFaults(t *testing.T, b *bench) {
	leaf := func(op outturn.Op, field string, values ...string) *outturn.Expr {
		return &outturn.Expr{Op: op, Field: field, Values: values}
	}
	b.queued(b.root.ID)
	b.queued(b.root.ID) // so that there is a page after the first
	deep, wide := leaf(outturn.OpNull, "reason"), &outturn.Expr{Op: outturn.OpOr}
	for range outturn.MaxFilterDepth + 1 {
		deep = &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{deep}}
	}
	for range 201 {
		wide.Args = append(wide.Args, leaf(outturn.OpNull, "reason"))
	}
	for _, c := range []struct {
		name  string
		q     outturn.ListQuery
		field string
		want  []string
	}{
		{"a field", outturn.ListQuery{Where: leaf(outturn.OpEQ, "stat", "queued")}, "filter", []string{`"stat"`, "state"}},
		{"a word", outturn.ListQuery{Where: leaf(outturn.OpEQ, "state", "queud")}, "filter", []string{`"queud"`, "queued"}},
		{"an instant", outturn.ListQuery{Where: leaf(outturn.OpGE, "created_at", "yesterday")}, "filter", []string{`"yesterday"`, "created_at"}},
		{"like on an instant", outturn.ListQuery{Where: leaf(outturn.OpLike, "created_at", "2026%")}, "filter", []string{"like", "created_at"}},
		{"too many values", outturn.ListQuery{Where: leaf(outturn.OpEQ, "name", "a", "b")}, "filter", []string{"eq on name has 2 values"}},
		{"no values", outturn.ListQuery{Where: leaf(outturn.OpIn, "name")}, "filter", []string{"in on name has 0 values"}},
		{"a condition", outturn.ListQuery{Where: leaf("near", "name", "a")}, "filter", []string{`"near"`}},
		{"nothing", outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpAnd}}, "filter", []string{"and with 0 conditions"}},
		{"a hole", outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{nil}}}, "filter", []string{"empty"}},
		{"depth", outturn.ListQuery{Where: deep}, "filter", []string{"too deep"}},
		{"width", outturn.ListQuery{Where: wide}, "filter", []string{"200 comparisons"}},
		{"a long in", outturn.ListQuery{Where: leaf(outturn.OpIn, "name", make([]string, 1001)...)}, "filter", []string{"1000 values"}},
		{"an order", outturn.ListQuery{Order: []outturn.Order{{Field: "state"}}}, "order", []string{`"state"`}},
		{"two orders", outturn.ListQuery{Order: []outturn.Order{{Field: "name"}, {Field: "created_at"}}}, "order", []string{"one order, not 2"}},
		{"a page", outturn.ListQuery{Page: outturn.Page{Limit: 1001}}, "limit", []string{"1 to 1000"}},
		{"an offset below 0", outturn.ListQuery{Page: outturn.Page{Offset: -1}}, "offset", []string{"0 to 100000"}},
		{"an offset too far", outturn.ListQuery{Page: outturn.Page{Offset: outturn.MaxOffset + 1}}, "offset", []string{"0 to 100000"}},
		{"two beginnings", outturn.ListQuery{Page: outturn.Page{Offset: 1, After: must[outturn.List[outturn.Run]](t)(b.store.Runs(ctx, b.root.ID, "*", outturn.ListQuery{Page: outturn.Page{Limit: 1}})).Next}}, "offset", []string{"not both"}},
		{"less than a page", outturn.ListQuery{Page: outturn.Page{Limit: -1}}, "limit", []string{"1 to 1000"}},
	} {
		_, err := b.store.Runs(ctx, b.root.ID, "*", c.q)
		faults := outturn.Faults(err)
		if len(faults) != 1 || faults[0].Code != outturn.CodeInvalid || faults[0].Field != c.field {
			t.Errorf("%s: %v in %+v, want one fault in %s", c.name, err, faults, c.field)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", c.name, err, want)
			}
		}
	}
	_, err := b.store.Runs(ctx, b.root.ID, "*", outturn.ListQuery{
		Where: &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{leaf(outturn.OpEQ, "a", "x"), leaf(outturn.OpEQ, "b", "y")}},
		Order: []outturn.Order{{Field: "c"}}, Page: outturn.Page{Limit: -1},
	})
	if got := len(outturn.Faults(err)); got != 4 {
		t.Errorf("of four faults %d are told: %v", got, err)
	}
}
