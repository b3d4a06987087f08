package reporting_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/reporting"
	"outturn/internal/source/duckdb"
	"outturn/internal/store"
)

// A billing is a stage whose source has accounts and invoices that a test writes.
type billing struct {
	*stage
	file string
}

// newBilling has the accounts of the stage and no invoice.
func newBilling(t *testing.T, changes ...func(*reporting.Config)) *billing {
	b := &billing{file: filepath.Join(t.TempDir(), "billing.duckdb")}
	must(t, change(b.file, billingSQL()))
	b.stage = newStage(t, append([]func(*reporting.Config){func(c *reporting.Config) {
		src := duckdb.New(duckdb.Config{Path: b.file, TempDir: t.TempDir()})
		t.Cleanup(func() { must(t, src.Close()) })
		c.Source = src
	}}, changes...)...)
	return b
}

// billingSQL makes what the data set invoices and the tree of accounts read.
func billingSQL() string {
	text := `CREATE TABLE accounts (id BIGINT, parent_id BIGINT, type TEXT, name TEXT, currency TEXT, time_zone TEXT);
		CREATE TABLE invoices (id TEXT, number TEXT, buyer_id BIGINT, seller_id BIGINT, status TEXT, currency TEXT, extended_total DECIMAL(20,8),
			net_total DECIMAL(20,8), tax_total DECIMAL(20,8), tax_rate DECIMAL(20,8), total DECIMAL(20,8), description TEXT, invoice_date DATE,
			due_date DATE, close_date DATE, created_at TIMESTAMP WITH TIME ZONE, updated_at TIMESTAMP WITH TIME ZONE);
		CREATE TABLE payments (id BIGINT, number TEXT); CREATE TABLE payment_invoices (payment_id BIGINT, invoice_id TEXT);`
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		a := accounts[name]
		parent := "NULL"
		if a.parent != "" {
			parent = accounts[a.parent].id
		}
		text += fmt.Sprintf("INSERT INTO accounts VALUES (%s, %s, 'Reseller', '%s', 'EUR', 'UTC');", a.id, parent, name)
	}
	return text
}

// invoiceSQL adds an invoice, issued on a day and changed at an instant, which is SQL.
func invoiceSQL(id, buyer, day, changed string) string {
	return fmt.Sprintf(`INSERT INTO invoices VALUES ('%[1]s', '%[1]s', %[2]s, 1, 'Open', 'EUR', 1, 1, 0, 0, 1, NULL, '%[3]s', '%[3]s', NULL, %[4]s, %[4]s);`, id, buyer, day, changed)
}

func (b *billing) write(statements ...string) {
	b.t.Helper()
	must(b.t, change(b.file, strings.Join(statements, ";")))
}

// waits makes a generator of a tenant that waits for invoices.
func (b *billing) waits(whose, scope string) outturn.Generator {
	b.t.Helper()
	g, err := b.ledger.CreateGenerator(b.t.Context(), outturn.Generator{
		Tenant: b.tenants[whose].ID, State: outturn.GeneratorActive, Origin: "api", CreatedBy: "client:1", GeneratorSpec: outturn.GeneratorSpec{
			Name: whose + " " + scope, Request: outturn.RunRequest{Dataset: "invoices", Zone: "UTC", Outputs: []outturn.Output{{Format: "json"}}},
			Window: outturn.WindowRule{Kind: outturn.WindowAll}, Trigger: outturn.Trigger{Kind: outturn.TriggerEvent, Event: outturn.EventInvoiceIssued, Scope: scope},
		},
	}, outturn.AuditEntry{})
	must(b.t, err)
	return g
}

// made lists the runs of events: whose generator, and for which invoice of which account.
func (b *billing) made() (list []string) {
	b.t.Helper()
	page := outturn.ListQuery{Page: outturn.Page{Limit: outturn.MaxPage}}
	for {
		runs, err := b.Runs(b.t.Context(), b.operator(), "*", page)
		must(b.t, err)
		for _, r := range runs.Items {
			list = append(list, r.Name+" "+r.Request.Invoice)
			if r.Cause != outturn.CauseEvent || r.Event == "" || r.Request.Window != nil {
				b.t.Errorf("a run for an event: %+v", r)
			}
		}
		if page.Page.After = runs.Next; runs.Next == "" {
			slices.Sort(list)
			return list
		}
	}
}

func (b *billing) wantMade(want ...string) {
	b.t.Helper()
	slices.Sort(want)
	if got := b.made(); !slices.Equal(got, want) {
		b.t.Errorf("got the runs %q, want %q", got, want)
	}
}

func (b *billing) handle() {
	b.t.Helper()
	_, err := b.HandleEvents(b.t.Context())
	must(b.t, err)
}

func told(id, account string) outturn.Event {
	return outturn.Event{Source: "billing", EventID: "e-" + id, Type: outturn.EventInvoiceIssued, Subject: id, Account: account}
}

func TestAcceptEvents(t *testing.T) {
	b := newBilling(t)
	ctx, p := t.Context(), b.as(outturn.RoleManager)
	long := strings.Repeat("x", 256)
	_, err := b.AcceptEvents(ctx, p, []outturn.Event{
		{}, {Source: "s", EventID: long, Type: "Invoice Issued", Subject: "a\nb", Account: "100", Time: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), Data: make([]byte, 65<<10)},
	}, outturn.InField("events[2].data", outturn.Errorf(outturn.CodeInvalid, "No.")))
	var fields []string
	for _, f := range outturn.Faults(err) {
		fields = append(fields, f.Field)
	}
	want := []string{
		"events[2].data", "events[0].id", "events[0].source", "events[0].type", "events[0].subject", "events[0].account",
		"events[1].id", "events[1].subject", "events[1].type", "events[1].time", "events[1].data",
	}
	if !slices.Equal(fields, want) {
		t.Errorf("got the faults %v, want %v", fields, want)
	}
	for _, n := range []int{0, 1001} {
		_, err := b.AcceptEvents(ctx, p, make([]outturn.Event, n), nil)
		wantCode(t, fmt.Sprint(n, " events"), err, outturn.CodeInvalid)
	}

	// Its own account and those below, with and without a tenant; of others, and of what
	// there is not, the same words.
	var list []outturn.Event
	for _, name := range []string{"own", "child", "spare", "parent", "provider", "sibling", "own"} {
		list = append(list, told(name, accounts[name].id))
	}
	list = append(list, told("nobody", "31337"))
	answers, err := b.AcceptEvents(ctx, p, list, nil)
	must(t, err)
	for i, a := range answers {
		may, again := i < 3 || i == 6, i == 6
		if a.EventID != list[i].EventID || (a.Refused == nil) != may || (a.ID != "") != may || a.Duplicate != again || again && a.ID != answers[0].ID {
			t.Errorf("%s: got %+v", list[i].Subject, a)
		}
		if want := "There is no account " + outturn.Shown(list[i].Account) + " that you may tell of."; !may && (a.Refused.Error() != want || outturn.ErrorCode(a.Refused) != outturn.CodeNotFound) {
			t.Errorf("%s: got %v, want %s", list[i].Subject, a.Refused, want)
		}
	}
	provider := b.operator()
	answers, err = b.AcceptEvents(ctx, provider, []outturn.Event{told("1", accounts["sibling"].id), told("2", "31337")}, nil)
	must(t, err)
	if answers[0].Refused != nil || answers[1].Refused == nil {
		t.Errorf("by the provider: got %+v", answers)
	}

	// Whose tenant has no account in the source tells of none.
	nobody, err := b.CreateTenant(ctx, provider, outturn.Tenant{Kind: outturn.KindReseller, Name: "Nobody"})
	must(t, err)
	p.Tenant = nobody.ID
	_, err = b.AcceptEvents(ctx, p, []outturn.Event{told("3", "100")}, nil)
	wantCode(t, "of a tenant without an account", err, outturn.CodeInvalid)
}

// Who waits for what: the tenant that an invoice belongs to and those above, as each
// asks; never one above whoever told of it (P26: and once).
func TestEventsReachThoseAbove(t *testing.T) {
	b := newBilling(t)
	ctx := t.Context()
	for _, whose := range []string{"provider", "parent", "own", "child", "sibling"} {
		b.waits(whose, outturn.ScopeSubtree)
		b.waits(whose, outturn.ScopeSelf)
	}
	before := b.clock.Now()
	b.clock.advance(time.Minute)
	tell := func(p outturn.Principal, list ...outturn.Event) {
		t.Helper()
		answers, err := b.AcceptEvents(ctx, p, list, nil)
		must(t, err)
		for _, a := range answers {
			must(t, a.Refused)
		}
		b.handle()
	}
	own := b.as(outturn.RoleManager)
	tell(own, told("1", accounts["own"].id), told("2", accounts["spare"].id))
	want := []string{"own subtree 1", "own self 1", "own subtree 2"}
	b.wantMade(want...)
	tell(b.operator(), told("1", accounts["own"].id), told("3", accounts["child"].id), told("4", accounts["provider"].id))
	want = append(want, "parent subtree 1", "provider subtree 1",
		"child subtree 3", "child self 3", "own subtree 3", "parent subtree 3", "provider subtree 3", "provider subtree 4")
	b.wantMade(want...)

	// One that was not there when it came is not for it, one that is paused is noted as
	// such, one that is off is nothing.
	_, err := b.SuspendTenant(ctx, b.operator(), b.tenants["child"].ID)
	must(t, err)
	answers, err := b.AcceptEvents(ctx, own, []outturn.Event{told("5", accounts["child"].id)}, nil)
	must(t, err)
	must(t, answers[0].Refused)
	b.clock.advance(time.Minute)
	late := b.waits("sibling", "")
	if !late.CreatedAt.After(before) {
		t.Fatal("the clock stands")
	}
	b.handle()
	want = append(want, "own subtree 5")
	b.wantMade(want...)
	var skipped int
	must(t, b.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM firings WHERE skipped = 'paused' AND run IS NULL`).Scan(&skipped))
	if skipped != 2 {
		t.Errorf("%d firings were noted as paused, want 2", skipped)
	}
	if n, _, err := b.ledger.EventBacklog(ctx); n != 0 || err != nil {
		t.Errorf("%d events wait, %v", n, err)
	}
}

// A tenant that may queue no more gets its run when there is room; a source that is away
// is waited for.
func TestEventsWait(t *testing.T) {
	b := newBilling(t)
	ctx := t.Context()
	b.waits("own", outturn.ScopeSubtree)
	one := int64(1)
	_, err := b.UpdateTenant(ctx, b.operator(), b.tenants["own"].ID, reporting.TenantUpdate{Limits: outturn.Limits{Queued: &one}.ByKind()})
	must(t, err)
	for _, e := range []outturn.Event{told("1", "100"), told("2", "1001")} {
		_, err := b.AcceptEvents(ctx, b.operator(), []outturn.Event{e}, nil)
		must(t, err)
		b.clock.advance(time.Second)
	}
	_, err = b.HandleEvents(ctx)
	wantCode(t, "the second", err, outturn.CodeLimit)
	b.wantMade("own subtree 1")
	runs, err := b.Runs(ctx, b.operator(), "*", outturn.ListQuery{})
	must(t, err)
	b.claimed(runs.Items[0])
	b.handle()
	b.wantMade("own subtree 1", "own subtree 2")
}

// Events that cannot be handled keep nobody else from its runs: those of an account that
// the tree has in a circle, and however many of a tenant that may queue nothing. After
// a week these are skipped, and it is told.
func TestEventsThatCannotBeHandled(t *testing.T) {
	b := newBilling(t)
	ctx := t.Context()
	full := b.waits("own", outturn.ScopeSelf)
	b.waits("sibling", outturn.ScopeSelf)
	b.set("own", "most_queued = 0")
	flood := make([]outturn.Event, 130)
	for i := range flood {
		flood[i] = told(fmt.Sprint("own-", i), accounts["own"].id)
	}
	b.write(`INSERT INTO accounts VALUES (7, 8, 'Reseller', 'a', 'EUR', 'UTC'), (8, 7, 'Reseller', 'b', 'EUR', 'UTC')`)
	must(t, b.NotifyEvent(ctx, "c", `{"invoice": "2", "account": "7"}`)) // of an account in a circle
	for _, list := range [][]outturn.Event{flood, {told("1", accounts["sibling"].id)}} {
		_, err := b.AcceptEvents(ctx, b.operator(), list, nil)
		must(t, err)
		b.clock.advance(time.Second)
	}
	_, err := b.HandleEvents(ctx)
	if text := fmt.Sprint(err); !strings.Contains(text, "circle") || strings.Count(text, full.ID) != 1 {
		t.Errorf("it is told that %v; want the circle, and once that there is no room", err)
	}
	b.wantMade("sibling self 1")
	b.write(`DELETE FROM accounts WHERE id IN (7, 8)`)
	b.clock.advance(7*24*time.Hour + time.Minute)
	b.handle()
	if n, _, err := b.ledger.EventBacklog(ctx); n != 0 || err != nil {
		t.Errorf("%d events wait, %v", n, err)
	}
	for _, f := range b.firings(full) {
		if f.Skipped != outturn.SkippedLimit || f.Message == "" {
			t.Errorf("got %+v", f)
		}
	}
}

// A faulty ledger dies between the firings of an event and its mark.
type faulty struct {
	*store.Store
	mu    sync.Mutex
	fails int
}

func (f *faulty) HandleEvent(ctx context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails > 0 {
		f.fails--
		return errors.New("the process died")
	}
	return f.Store.HandleEvent(ctx, id)
}

// P26, and the fault "posted three times and polled as well": each event makes one run
// for each generator that waits for it, however it came and however often, while two
// processes handle them and each dies now and then before it has marked one.
func TestP26EventsMakeOneRunEach(t *testing.T) {
	const invoices = 24
	b := newBilling(t)
	ctx := t.Context()
	var services []*reporting.Service
	for range 2 {
		config := b.config
		config.Ledger = &faulty{Store: b.ledger, fails: 5}
		s, err := reporting.New(config)
		must(t, err)
		t.Cleanup(s.Close)
		_, err = s.PollEvents(ctx, "invoices") // notes that there is nothing
		must(t, err)
		services = append(services, s)
	}
	for _, whose := range []string{"own", "parent", "provider"} {
		b.waits(whose, outturn.ScopeSubtree)
	}
	b.clock.advance(time.Minute)
	var statements, want []string
	for i := range invoices {
		id, buyer := fmt.Sprintf("INV-%03d", i), []string{"own", "child", "spare"}[i%3]
		statements = append(statements, invoiceSQL(id, accounts[buyer].id, "2026-09-15", "TIMESTAMPTZ '2026-09-15 12:00:30Z'"))
		for _, whose := range []string{"own", "parent", "provider"} {
			want = append(want, whose+" subtree "+id)
		}
	}
	b.write(statements...)
	var all sync.WaitGroup
	for n, s := range services {
		for way := range 4 {
			all.Go(func() {
				for i := range invoices {
					id, account := fmt.Sprintf("INV-%03d", i), accounts[[]string{"own", "child", "spare"}[i%3]].id
					var err error
					switch way {
					case 0, 1: // twice by each service, and once more by own's client
						p := b.operator()
						if n == 1 && way == 1 {
							p = b.as(outturn.RoleManager)
						}
						_, err = s.AcceptEvents(ctx, p, []outturn.Event{told(id, account)}, nil)
					case 2:
						err = s.NotifyEvent(ctx, "outturn", fmt.Sprintf(`{"type": "invoice.issued", "invoice": %q, "account": %q}`, id, account))
					case 3:
						if i%12 == 0 {
							_, err = s.PollEvents(ctx, "invoices")
						}
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			for range 20 {
				_, _ = s.HandleEvents(ctx) // it dies
			}
		})
	}
	all.Wait()
	_, err := services[0].PollEvents(ctx, "invoices")
	must(t, err)
	b.handle()
	b.wantMade(want...)
	for way, n := range map[string]int{"api": 2 * invoices, "notify": invoices, "poll": invoices} {
		var got int
		must(t, b.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM events WHERE way = ? AND handled_at IS NOT NULL`, way).Scan(&got))
		if got != n {
			t.Errorf("%d events came by %s, want %d", got, way, n)
		}
	}
}

func TestNotifyEvent(t *testing.T) {
	b := newBilling(t)
	ctx := t.Context()
	for _, payload := range []string{"", "invoice 7", "[]", `{"invoice": 7}`, `{"invoice": "7"}`, `{"account": "100"}`, `{"invoice": "7", "account": "100", "time": "noon"}`, `{"invoice": "7", "account": "100", "type": "No type"}`} {
		wantCode(t, payload, b.NotifyEvent(ctx, "outturn", payload), outturn.CodeInvalid)
	}
	for _, payload := range []string{
		`{"invoice": "7", "account": "100"}`, `{"subject": "7", "type": "invoice.issued", "account": "100", "more": 1}`,
		`{"id": "42", "type": "order.placed", "subject": "8", "account": "100", "time": "2026-09-01T00:00:00+02:00", "data": {"a": 1}}`,
	} {
		must(t, b.NotifyEvent(ctx, "outturn", payload))
	}
	list, err := b.ledger.WaitingEvents(ctx, outturn.Event{}, 10)
	must(t, err)
	var got []string
	for _, e := range list {
		got = append(got, strings.Join([]string{e.Source, e.EventID, e.Type, e.Subject, e.Account, e.Time.Format(time.RFC3339), string(e.Data)}, "|"))
	}
	want := []string{`notify/outturn|42|order.placed|8|100|2026-08-31T22:00:00Z|{"a": 1}`, "notify/outturn|invoice.issued 7|invoice.issued|7|100|2026-09-15T12:00:00Z|"}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
