package reporting_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/reporting"
	"outturn/internal/source/duckdb"
)

// A world is a stage whose source has accounts that a test writes.
type world struct {
	*stage
	file string
}

func newWorld(t *testing.T) *world {
	w := &world{file: filepath.Join(t.TempDir(), "world.duckdb")}
	must(t, change(w.file, `CREATE TABLE accounts (id VARCHAR, parent_id VARCHAR, type VARCHAR, name VARCHAR, currency VARCHAR, time_zone VARCHAR)`))
	w.stage = newStage(t, func(c *reporting.Config) {
		src := duckdb.New(duckdb.Config{Path: w.file, TempDir: t.TempDir()})
		t.Cleanup(func() { must(t, src.Close()) })
		c.Source = src
	})
	return w
}

// write changes the source: the values of a row a line.
func (w *world) write(statement string, rows ...string) {
	w.t.Helper()
	must(w.t, change(w.file, statement+" "+strings.Join(rows, ", ")))
}

func (w *world) sync(in reporting.SyncInput) reporting.SyncResult {
	w.t.Helper()
	r, err := w.SyncTenants(w.t.Context(), w.operator(), in)
	must(w.t, err)
	return r
}

// by is a tenant by its account, and by its parent's.
func (w *world) tree() (tree map[string]string) {
	w.t.Helper()
	all, err := w.ledger.AllTenants(w.t.Context())
	must(w.t, err)
	account := map[string]string{}
	for _, t := range all {
		account[t.ID] = t.ExternalID
	}
	tree = map[string]string{}
	for _, t := range all {
		if t.ExternalID != "" && t.State != outturn.TenantDeleted {
			tree[t.ExternalID] = fmt.Sprintf("%s below %q: %s %s %s", t.Kind, account[t.Parent], t.Name, t.Currency, t.Zone)
		}
	}
	return tree
}

func counts(r reporting.SyncResult) string {
	return fmt.Sprintf("%d accounts: %d made, %d renamed, %d moved, %d unchanged, %d vanished, %d refused",
		r.Accounts, r.Made, r.Renamed, r.Moved, r.Unchanged, len(r.Vanished), len(r.Refused))
}

func TestSyncTenants(t *testing.T) {
	w := newWorld(t)
	w.write("INSERT INTO accounts VALUES",
		`('1', NULL, 'Provider', 'Meridian', 'USD', 'America/New_York')`,
		`('10', '1', 'Reseller', 'Ten', 'EUR', 'Europe/Berlin')`,
		`('100', '10', 'Reseller', 'Hundred', 'EUR', '')`,
		`('1000', '100', 'Reseller', 'Thousand', 'EUR', '')`,
		`('10000', '1000', 'Customer', 'New one', 'EUR', '')`,
		`('20', '1', 'Reseller', 'Twenty', 'PLN', 'Europe/Warsaw')`,
		`('200', '20', 'Customer', 'Its customer', 'PLN', '')`,
		// what is refused
		`('900', '1', 'Robot', 'n', '', '')`, `('901', '900', 'Customer', 'n', '', '')`,
		`('902', '999', 'Customer', 'n', '', '')`, `('903', '902', 'Customer', 'n', '', '')`,
		`('904', '905', 'Reseller', 'n', '', '')`, `('905', '904', 'Reseller', 'n', '', '')`, `('906', '905', 'Customer', 'n', '', '')`,
		`('907', '1', 'Customer', 'n', 'euro', '')`, `('908', '1', 'Customer', 'n', '', 'Mars')`, `('909', '1', 'Customer', e' \t', '', '')`,
		`('912', '1', 'Customer', e'two\nlines ' || repeat('x', 200), '', '')`,
		`('910', '10000', 'Customer', 'n', '', '')`,
		`('911', '1', 'Customer', 'n', '', '')`, `('911', '1', 'Customer', 'm', '', '')`,
		`('', '1', 'Customer', 'n', '', '')`,
	)
	// The stage has 10, 100, 1000 and 101 already; the last is no account any more.
	must(t, func() error { _, err := w.SuspendTenant(t.Context(), w.operator(), w.tenants["child"].ID); return err }())
	before, rows := w.tree(), w.rowCounts()
	want := "22 accounts: 5 made, 4 renamed, 0 moved, 0 unchanged, 1 vanished, 12 refused"
	planned := w.sync(reporting.SyncInput{DryRun: true})
	if got := counts(planned); got != want || !planned.DryRun {
		t.Errorf("dry run: got %s, want %s", got, want)
	}
	if !maps.Equal(w.tree(), before) || !maps.Equal(w.rowCounts(), rows) {
		t.Error("a dry run changed something")
	}
	done := w.sync(reporting.SyncInput{})
	if got := counts(done); got != want {
		t.Errorf("got %s, want %s\n%+v", got, want, done.Refused)
	}
	for account, says := range map[string]string{
		"900": "kind", "901": "900", "902": "999", "903": "999", "904": "circle", "905": "circle", "906": "circle",
		"907": "currency", "908": "zone", "910": "customer", "911": "several", "": "no id",
	} {
		i := slices.IndexFunc(done.Refused, func(r reporting.SyncRefused) bool { return r.Account == account })
		if i < 0 || !strings.Contains(done.Refused[i].Reason, says) {
			t.Errorf("%q: got %+v, want a reason with %q", account, done.Refused, says)
		}
	}
	if got := done.Vanished; len(got) != 1 || got[0].ExternalID != "101" || got[0].Tenant != w.tenants["sibling"].ID {
		t.Errorf("vanished: got %+v", got)
	}
	wantTree := map[string]string{
		"10":    `reseller below "": Ten EUR Europe/Berlin`,
		"100":   `reseller below "10": Hundred EUR `,
		"1000":  `reseller below "100": Thousand EUR `,
		"10000": `customer below "1000": New one EUR `,
		"20":    `reseller below "": Twenty PLN Europe/Warsaw`,
		"200":   `customer below "20": Its customer PLN `,
		"909":   `customer below "": 909  `,
		"912":   `customer below "": two lines ` + strings.Repeat("x", 109) + "…  ",
		"101":   fmt.Sprintf(`reseller below "10": %s  `, markers["sibling"]),
	}
	if got := w.tree(); !maps.Equal(got, wantTree) {
		t.Errorf("got %v\nwant %v", got, wantTree)
	}
	root, err := w.ledger.Root(t.Context())
	if err != nil || root.Name != "Meridian" || root.Zone != "America/New_York" || root.ExternalID != "" {
		t.Errorf("the provider: got %+v, %v", root, err)
	}
	child, err := w.ledger.Tenant(t.Context(), root.ID, w.tenants["child"].ID)
	if err != nil || child.State != outturn.TenantSuspended {
		t.Errorf("who was suspended: got %+v, %v", child, err)
	}

	rows = w.rowCounts()
	if got, want := counts(w.sync(reporting.SyncInput{})), "22 accounts: 0 made, 0 renamed, 0 moved, 9 unchanged, 1 vanished, 12 refused"; got != want {
		t.Errorf("again: got %s, want %s", got, want)
	}
	if !maps.Equal(w.rowCounts(), rows) {
		t.Error("a second time it changed something")
	}

	// They change places: what was below comes above.
	w.write(`DELETE FROM accounts WHERE id >= '9' OR id = ''`)
	w.write(`UPDATE accounts SET parent_id = '20' WHERE id = '1000'`)
	w.write(`UPDATE accounts SET parent_id = '1000', name = 'Moved' WHERE id = '100'`)
	w.write(`UPDATE accounts SET parent_id = '100' WHERE id = '10'`)
	if got, want := counts(w.sync(reporting.SyncInput{})), "7 accounts: 0 made, 1 renamed, 3 moved, 4 unchanged, 3 vanished, 0 refused"; got != want {
		t.Errorf("moved: got %s, want %s", got, want)
	}
	wantTree["1000"] = `reseller below "20": Thousand EUR `
	wantTree["100"] = `reseller below "1000": Moved EUR `
	wantTree["10"] = `reseller below "100": Ten EUR Europe/Berlin`
	if got := w.tree(); !maps.Equal(got, wantTree) {
		t.Errorf("moved: got %v\nwant %v", got, wantTree)
	}
	held, err := w.ledger.Tenant(t.Context(), root.ID, w.tenants["parent"].ID)
	if err != nil || held.HeldBy != child.ID {
		t.Errorf("below who is suspended: got %+v, %v", held, err)
	}
}

// A tenant that somebody deleted is not made again, which would also be in the way of
// restoring it.
func TestSyncTenantsDeleted(t *testing.T) {
	w := newWorld(t)
	w.write("INSERT INTO accounts VALUES", `('1', NULL, 'Provider', 'n', '', '')`, `('20', '1', 'Reseller', 'n', '', '')`, `('200', '20', 'Customer', 'n', '', '')`)
	w.sync(reporting.SyncInput{})
	id := ""
	all, err := w.ledger.AllTenants(t.Context())
	must(t, err)
	for _, n := range all {
		if n.ExternalID == "200" {
			id = n.ID
		}
	}
	must(t, w.DeleteTenant(t.Context(), w.operator(), id))
	r := w.sync(reporting.SyncInput{})
	if r.Changed() || len(r.Refused) != 1 || r.Refused[0].Account != "200" || !strings.Contains(r.Refused[0].Reason, id) {
		t.Errorf("got %+v", r)
	}
	_, err = w.RestoreTenant(t.Context(), w.operator(), id)
	must(t, err)
	if r := w.sync(reporting.SyncInput{}); r.Changed() || len(r.Refused) > 0 {
		t.Errorf("restored: got %+v", r)
	}
	must(t, w.DeleteTenant(t.Context(), w.operator(), id))
	_, err = w.CreateTenant(t.Context(), w.operator(), outturn.Tenant{Kind: outturn.KindCustomer, Name: "n", ExternalID: "200"})
	must(t, err)
	if r := w.sync(reporting.SyncInput{}); r.Moved != 1 || len(r.Refused) > 0 {
		t.Errorf("made by hand: got %+v", r)
	}
}

func TestSyncTenantsOfAKind(t *testing.T) {
	w := newWorld(t)
	w.write("INSERT INTO accounts VALUES", `('1', NULL, 'Whoever', 'n', '', '')`, `('20', '1', 'Reseller', 'n', '', '')`,
		`('200', '20', 'Reseller', 'n', '', '')`, `('2000', '200', 'Customer', 'n', '', '')`)
	for _, step := range []struct {
		kinds []outturn.TenantKind
		want  string
		place string
	}{
		{[]outturn.TenantKind{"customer"}, "1 made, 1 renamed, 0 moved", ``},
		{[]outturn.TenantKind{"reseller"}, "2 made, 0 renamed, 0 moved", ``},
		{nil, "0 made, 0 renamed, 1 moved", `200`},
	} {
		r := w.sync(reporting.SyncInput{Kinds: step.kinds})
		if got := counts(r); !strings.Contains(got, step.want) {
			t.Errorf("%v: got %s, want %s", step.kinds, got, step.want)
		}
		if got, want := w.tree()["2000"], fmt.Sprintf("customer below %q: n  ", step.place); got != want {
			t.Errorf("%v: got %s, want %s", step.kinds, got, want)
		}
	}
}

func TestSyncTenantsRefused(t *testing.T) {
	w := newWorld(t)
	w.write("INSERT INTO accounts VALUES", `('1', NULL, 'Provider', 'n', '', '')`, `('2', NULL, 'Provider', 'm', '', '')`, `('20', '2', 'Reseller', 'twenty', '', '')`)
	_, err := w.SyncTenants(t.Context(), w.operator(), reporting.SyncInput{})
	if wantCode(t, "two providers", err, outturn.CodeInvalid); !strings.Contains(err.Error(), `"2"`) {
		t.Errorf("got %v", err)
	}
	_, err = w.SyncTenants(t.Context(), w.operator(), reporting.SyncInput{Kinds: []outturn.TenantKind{"provider"}})
	wantCode(t, "a kind", err, outturn.CodeInvalid)
	for _, role := range outturn.Roles {
		_, err = w.SyncTenants(t.Context(), w.as(role), reporting.SyncInput{})
		wantCode(t, "by a reseller's "+string(role), err, outturn.CodeForbidden)
	}
	// Joined to an account, the provider has what is below that alone.
	join := func(account string) {
		_, err := w.UpdateTenant(t.Context(), w.operator(), w.tenants["provider"].ID, reporting.TenantUpdate{ExternalID: &account})
		must(t, err)
	}
	join("2")
	if got := counts(w.sync(reporting.SyncInput{})); !strings.Contains(got, "1 made, 1 renamed, 0 moved, 0 unchanged, 4 vanished, 0 refused") {
		t.Errorf("got %s", got)
	}
	join("3")
	_, err = w.SyncTenants(t.Context(), w.operator(), reporting.SyncInput{})
	wantCode(t, "an account that is not there", err, outturn.CodeInvalid)
}
