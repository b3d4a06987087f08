package store_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/source/sourcetest"
	"outturn/internal/store"
)

// statements are the texts that came to the database since it was last asked.
var statements struct {
	sync.Mutex
	seen map[string]bool
}

// counted are the numbers of rows that a page wants, and of ids that are read
// together, which depend on how many rows there are.
var counted = regexp.MustCompile(`LIMIT \d+|, \+\?\d+`)

func noted(text string) {
	statements.Lock()
	defer statements.Unlock()
	if statements.seen == nil || text == store.Empty {
		return // nobody has asked yet, or it comes with time
	}
	statements.seen[counted.ReplaceAllString(text, "")] = true
}

// stated returns the statements that do sent.
func stated(do func()) map[string]bool {
	statements.Lock()
	statements.seen = map[string]bool{}
	statements.Unlock()
	do()
	statements.Lock()
	defer statements.Unlock()
	return maps.Clone(statements.seen)
}

// A noting is a driver that notes each statement, and a connection of it.
type (
	noting     struct{ driver.Driver }
	notingConn struct{ conn }
)

type conn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
}

func (d noting) Open(name string) (driver.Conn, error) {
	c, err := d.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return notingConn{c.(conn)}, nil
}

func (c notingConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	noted(text)
	return c.conn.PrepareContext(ctx, text)
}

func (c notingConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	noted(text)
	return c.conn.ExecContext(ctx, text, args)
}

func (c notingConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	noted(text)
	return c.conn.QueryContext(ctx, text, args)
}

// Whatever text comes to a method of the ledger, as an id, a name, a value, a field,
// an operator, an order or a cursor, the database gets no statement that it does not
// get for a harmless one: a list's statement is made of what its filter asks, never
// of the values in it.
func TestInjectedStatements(t *testing.T) {
	store.UseDriver(t, func(d driver.Driver) driver.Driver { return noting{d} })
	canary := filepath.Join(t.TempDir(), "canary")
	texts := sourcetest.Injections(canary)
	if os.Getenv("OUTTURN_TEST_FULL") == "" {
		texts = []string{texts[7], texts[100], texts[321], texts[len(texts)-1], strings.Repeat("'", 500)}
	}
	f := newFixture(t)
	for i := range 12 { // so many that pages go on
		f.life(fmt.Sprint("kept ", i))
	}
	total, n := map[string]bool{}, 0
	for _, calls := range []map[string]func(string){f.lists(), f.methods()} { // lists first: what methods make is long to look at
		want := map[string]map[string]bool{}
		for _, text := range []string{"harmless", "0", "zzz", "harmless", "0", "zzz"} { // before all, after all, and again, when there are such
			for name, call := range calls {
				if want[name] == nil {
					want[name] = map[string]bool{}
				}
				maps.Copy(want[name], stated(func() { call(text) }))
			}
		}
		for _, texts := range want {
			maps.Copy(total, texts)
		}
		n += len(calls)
		for _, text := range texts {
			for name, call := range calls {
				for got := range stated(func() { call(text) }) {
					if !want[name][got] {
						t.Fatalf("%s: %q made the statement\n%s", name, text, got)
					}
				}
			}
		}
	}
	if n < 300 || len(total) < 150 {
		t.Errorf("%d calls make %d statements: too few", n, len(total))
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a file was made")
	}
	t.Logf("%d texts, %d calls, %d statements", len(texts), n, len(total))
}

// A fixture is a ledger with something in it.
type fixture struct {
	t     *testing.T
	path  string
	store *store.Store
	root  outturn.Tenant
	n     int

	generator string // that has firings
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, path: filepath.Join(t.TempDir(), "ledger.db")}
	f.store = open(t, store.Config{Path: f.path})
	f.root = provider(t, f.store)
	return f
}

// provider makes the root of the tree.
func provider(t *testing.T, s *store.Store) outturn.Tenant {
	t.Helper()
	root, err := s.CreateTenant(t.Context(), outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider", ExternalID: "1"}, outturn.AuditEntry{})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// unasked take no text of anybody's.
var unasked = []string{"Close", "Backup", "OpenAuditKey", "SealAudit", "Ping", "Waited"}

// methods are calls of each method, with a text wherever there can be one.
func (f *fixture) methods() map[string]func(text string) {
	list := map[string]func(string){"a run's life": f.life}
	s := reflect.ValueOf(f.store)
	for i := range s.NumMethod() {
		name, method := s.Type().Method(i).Name, s.Method(i)
		if slices.Contains(unasked, name) {
			continue
		}
		list[name] = func(text string) { f.call(method, text, text) }
		list[name+" of one's own"] = func(text string) { f.call(method, f.root.ID, text) }
	}
	return list
}

// call calls a method with a text wherever one can stand; of its arguments the first
// is who.
func (f *fixture) call(method reflect.Value, who, text string) error {
	in := []reflect.Value{reflect.ValueOf(f.t.Context())}
	for i := 1; i < method.Type().NumIn(); i++ {
		arg := reflect.New(method.Type().In(i)).Elem()
		fill(arg, text)
		if i == 1 && arg.Kind() == reflect.String {
			arg.SetString(who)
		}
		in = append(in, arg)
	}
	out := method.Call(in)
	err, _ := out[len(out)-1].Interface().(error)
	return err
}

// fill puts a text into every string in v.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		if v.Type() != reflect.TypeFor[*outturn.Expr]() {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), text)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(fmt.Sprintf("%q", text)))
			return
		}
		fill(v.Index(0), text)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, text)
		fill(value, text)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), text)
			}
		}
	case reflect.Func: // what changes a thing
		v.Set(reflect.MakeFunc(v.Type(), func(args []reflect.Value) []reflect.Value {
			fill(args[0].Elem(), text)
			return []reflect.Value{reflect.Zero(reflect.TypeFor[error]())}
		}))
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	}
}

// lists are calls of each list with a text as one value, field, operator, order or
// cursor.
func (f *fixture) lists() map[string]func(text string) {
	list := map[string]func(string){}
	s := reflect.ValueOf(f.store)
	for i := range s.NumMethod() {
		if method := s.Method(i); lastOf(method.Type()) == reflect.TypeFor[outturn.ListQuery]() {
			f.ask(list, s.Type().Method(i).Name, method)
		}
	}
	return list
}

// lastOf is the type of the last argument; nil where there is none.
func lastOf(method reflect.Type) reflect.Type {
	if method.NumIn() == 0 {
		return nil
	}
	return method.In(method.NumIn() - 1)
}

// ask adds what one list can be asked, by every field and operator, in every order.
func (f *fixture) ask(list map[string]func(string), name string, method reflect.Value) {
	few := outturn.Page{Limit: 2}
	ask := func(q outturn.ListQuery) error {
		in := []reflect.Value{reflect.ValueOf(f.t.Context()), reflect.ValueOf(f.root.ID)}
		for i := range method.Type().NumIn() - 3 {
			arg := reflect.New(method.Type().In(i + 2)).Elem()
			if arg.Kind() == reflect.String {
				arg.SetString(map[bool]string{true: f.generator, false: "*"}[name == "Firings"])
			}
			in = append(in, arg)
		}
		err, _ := method.Call(append(in, reflect.ValueOf(q)))[1].Interface().(error)
		return err
	}
	leaf := func(op outturn.Op, field string, values ...string) *outturn.Expr {
		return &outturn.Expr{Op: op, Field: field, Values: values}
	}
	fields := allowed(f.t, ask(outturn.ListQuery{Page: few, Where: leaf(outturn.OpEQ, "zzzzzzzzzzzz", "1")}))
	orders := allowed(f.t, ask(outturn.ListQuery{Page: few, Order: []outturn.Order{{Field: "zzzzzzzzzzzz"}}}))
	put := func(place string, q func(text string) outturn.ListQuery) {
		list[name+" "+place] = func(text string) { _ = ask(q(text)) }
	}
	for _, field := range fields {
		for _, op := range []outturn.Op{outturn.OpEQ, outturn.OpNE, outturn.OpLT, outturn.OpGE, outturn.OpLike} {
			put(fmt.Sprint(field, " ", op), func(text string) outturn.ListQuery { return outturn.ListQuery{Page: few, Where: leaf(op, field, text)} })
		}
		put(field+" in", func(text string) outturn.ListQuery {
			return outturn.ListQuery{Page: few, Where: leaf(outturn.OpIn, field, "harmless too", text)}
		})
		for _, order := range orders {
			put(field+" by "+order, func(text string) outturn.ListQuery {
				return outturn.ListQuery{Page: few, Where: leaf(outturn.OpEQ, field, text), Order: []outturn.Order{{Field: order, Desc: true}}}
			})
		}
		put("operator on "+field, func(text string) outturn.ListQuery {
			return outturn.ListQuery{Page: few, Where: leaf(outturn.Op(text), field, "a")}
		})
	}
	put("field", func(text string) outturn.ListQuery {
		return outturn.ListQuery{Page: few, Where: leaf(outturn.OpEQ, text, "a")}
	})
	put("order", func(text string) outturn.ListQuery {
		return outturn.ListQuery{Page: few, Order: []outturn.Order{{Field: text}}}
	})
	put("whole filter", func(text string) outturn.ListQuery {
		return outturn.ListQuery{Page: outturn.Page{Limit: 2, Offset: 1, Total: true}, Where: leaf(outturn.OpNE, fields[0], text)}
	})
	put("cursor", func(text string) outturn.ListQuery { return outturn.ListQuery{Page: outturn.Page{After: text}} })
}

// allowed are the names that a refusal offers.
func allowed(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		t.Fatal("what there is not was taken")
	}
	_, names, _ := strings.Cut(err.Error(), "Allowed: ")
	list := strings.Split(strings.TrimSuffix(names, "."), ", ")
	if names == "" {
		t.Fatal(err)
	}
	return list
}

// life is that of a run with everything that belongs to one, whose names are the text.
func (f *fixture) life(text string) {
	ctx, s := f.t.Context(), f.store
	f.n++
	must := func(err error) {
		if err != nil {
			f.t.Fatalf("%q: %v", text, err)
		}
	}
	var entry outturn.AuditEntry
	fill(reflect.ValueOf(&entry).Elem(), text)
	entry.ID, entry.Tenant = "", f.root.ID
	tenant, err := s.CreateTenant(ctx, outturn.Tenant{Parent: f.root.ID, Kind: outturn.KindReseller, Name: text, ExternalID: fmt.Sprint(text, f.n), Zone: text, Currency: text, ReportType: text}, entry)
	must(err)
	var ask outturn.RunRequest
	fill(reflect.ValueOf(&ask).Elem(), text)
	key := &outturn.IdempotencyKey{Subject: text, Key: fmt.Sprint(text, f.n), Fingerprint: text, ExpiresAt: time.Now().Add(time.Hour)}
	run, err := s.CreateRun(ctx, outturn.Run{Tenant: tenant.ID, Name: text, Origin: "api", CreatedBy: text, Request: ask}, key, entry)
	must(err)
	run, err = s.ClaimRun(ctx, run.ID, text, time.Minute)
	must(err)
	must(s.ExtendLease(ctx, run.Claim(), time.Minute, outturn.PhaseQuerying, outturn.RunProgress{}))
	var m outturn.Manifest
	fill(reflect.ValueOf(&m).Elem(), text)
	file := outturn.File{ManifestFile: outturn.ManifestFile{Name: text, Format: text, MediaType: text, SHA256: strings.Repeat("5", 64)}, Key: fmt.Sprint(text, f.n), ExpiresAt: time.Now().Add(time.Hour)}
	run, err = s.SucceedRun(ctx, run.Claim(), m, []outturn.File{file})
	must(err)
	must(s.CreateLink(ctx, outturn.Link{ID: fmt.Sprint("link ", text, f.n), File: run.Files[0].ID, Tenant: tenant.ID, TokenHash: fmt.Sprint(text, f.n), CreatedBy: text, ExpiresAt: time.Now().Add(time.Hour)}, entry))
	view, err := s.CreateView(ctx, outturn.SavedView{Tenant: tenant.ID, CreatedBy: text, View: outturn.View{Dataset: text, Name: text, Description: text}}, entry)
	must(err)
	_, err = s.ViewByName(ctx, tenant.ID, text, text)
	must(err)
	_, err = s.UpdateView(ctx, tenant.ID, view.ID, 1, view.View, entry)
	must(err)
	g := outturn.Generator{Tenant: tenant.ID, State: outturn.GeneratorActive, Origin: "api", CreatedBy: text}
	g.Name, g.Request, g.Trigger.Kind = text, ask, outturn.TriggerManual
	g, err = s.CreateGenerator(ctx, g, entry)
	must(err)
	made := outturn.Run{ID: outturn.NewID(time.Now()), Tenant: tenant.ID, Generator: g.ID, Cause: outturn.CauseEvent, Event: text, Request: ask}
	for _, run := range []string{"", made.ID} {
		firing := outturn.Firing{Generator: g.ID, Cause: outturn.CauseEvent, EventKey: text + run, Event: text, Message: text, Run: run}
		if run == "" {
			firing.Skipped = outturn.SkippedPaused
		}
		firing.ScheduledFor = time.Now()
		_, err = s.Fire(ctx, outturn.FireInput{Generator: g, Firings: []outturn.Firing{firing}, Runs: []outturn.Run{made}, Entry: entry})
		must(err)
	}
	must(s.CreateClient(ctx, outturn.Client{ID: fmt.Sprint(text, f.n), Tenant: tenant.ID, Name: text, Role: outturn.RoleViewer, Kind: outturn.ClientOAuth2, SecretHash: text}, entry))
	_, err = s.Client(ctx, fmt.Sprint(text, f.n))
	must(err)
	if run.Name != text || view.Name != text {
		f.t.Errorf("%q came back as %+v, %+v", text, run, view)
	}
	if strings.HasPrefix(text, "kept ") {
		f.generator = g.ID
		return
	}
	_, err = s.CancelRun(ctx, tenant.ID, made.ID, text, entry)
	must(err)
	must(s.DeleteGenerator(ctx, tenant.ID, g.ID, 1, entry))
	_, err = s.DeleteRun(ctx, tenant.ID, run.ID, entry)
	must(err)
	must(s.DeleteTenant(ctx, f.root.ID, tenant.ID, entry))
}

// A pattern that begins with a text is looked for in that part of an index.
func TestLikeReadsPartOfIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	open(t, store.Config{Path: path})
	db := database(t, path)
	db.SetMaxOpenConns(1) // which keeps its settings
	if _, err := db.ExecContext(t.Context(), `PRAGMA case_sensitive_like(1)`); err != nil {
		t.Fatal(err)
	}
	var id, parent, unused int
	var plan string
	text := store.Bind(`EXPLAIN QUERY PLAN SELECT id FROM tenants INDEXED BY tenants_name WHERE name LIKE ?1 ESCAPE '\'`)
	if err := db.QueryRowContext(t.Context(), text, "Acme%").Scan(&id, &parent, &unused, &plan); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan, "name>? AND name<?") {
		t.Errorf("the plan of %s is %s", text, plan)
	}
}
