package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/server"
)

// The tenants of the ledger of many: a reseller has middle ones below it, and each of
// those customers. Beside it, a reseller with one customer that has most runs.
const (
	middles         = 100
	customersOfEach = 1000
	tenantSlots     = 250_000 // of runs: more than half of them are below the reseller
)

// deepTime is for how long pages are turned to come to a deep one.
const deepTime = time.Second

// scopeFilters are conditions that an index answers, others that runs are looked at
// for one by one, and both together.
var scopeFilters = []string{
	"", "state eq failed", "dataset eq payments", "created_at ge {created_at} and state eq failed", "tenant eq {tenant}",
	"name like '%42'", "origin eq cli", "tenant ne {tenant} and not state eq succeeded",
}

// A viewer lists runs over HTTP.
type viewer struct {
	name   string
	whose  string // the tenant that lists
	tenant string // as the parameter says it
	*client.Client
}

// scopeList looks at pages of runs over HTTP as those do who see very many tenants, or
// few out of very many.
func (b *bench) scopeList() error {
	ctx := context.Background()
	path, err := b.manyTenants(ctx)
	if err != nil {
		return err
	}
	s := &service{data: path}
	viewers, err := b.viewersOf(ctx, s)
	if err != nil {
		return err
	}
	defer s.end()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(path, server.LedgerName)+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	missedLists := 0
	for _, v := range viewers {
		below, runs, err := v.sees(ctx, db)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d tenants, %d runs\n", v.name, below, runs)
		n, err := v.times(ctx, db, s, b.calls)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		missedLists += n
	}
	fmt.Printf("  %d of the lists have a p99 over %v\n", missedLists, listGoal)
	return nil
}

// manyTenants returns a data folder with very many tenants. It is made once and kept.
func (b *bench) manyTenants(ctx context.Context) (string, error) {
	path := filepath.Join(b.dir, fmt.Sprintf("tenants-%d", b.rows))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Printf("making %s\n", path)
	unfinished := path + ".part"
	if err := os.RemoveAll(unfinished); err != nil {
		return "", err
	}
	folder, err := server.OpenFolder(ctx, unfinished, time.Now)
	if err != nil {
		return "", err
	}
	err = makeForest(ctx, folder)
	if err := errors.Join(err, folder.Close()); err != nil {
		return "", err
	}
	ledger := filepath.Join(unfinished, server.LedgerName)
	if err := fillLedger(ctx, ledger, b.rows, tenantSlots); err != nil {
		return "", err
	}
	if err := keepWaiting(ctx, ledger); err != nil {
		return "", err
	}
	return path, os.Rename(unfinished, path)
}

func makeForest(ctx context.Context, folder *server.Folder) error {
	ledger := folder.Ledger
	entry := outturn.AuditEntry{Subject: "bench", Via: "local", Action: "tenant.create"}
	add := func(parent string, kind outturn.TenantKind, name string) (string, error) {
		t, err := ledger.CreateTenant(ctx, outturn.Tenant{Parent: parent, Kind: kind, Name: name}, entry)
		return t.ID, err
	}
	root, err := ledger.Root(ctx)
	if err != nil {
		return err
	}
	large, err := add(root.ID, outturn.KindReseller, "Large")
	if err != nil {
		return err
	}
	for m := range middles {
		middle, err := add(large, outturn.KindReseller, "Middle "+strconv.Itoa(m))
		if err != nil {
			return err
		}
		var customers []outturn.Tenant
		for c := range customersOfEach {
			n := strconv.Itoa(m*customersOfEach + c)
			customers = append(customers, outturn.Tenant{ID: outturn.NewID(time.Now()), Parent: middle, Kind: outturn.KindCustomer, Name: "Customer " + n, ExternalID: n})
		}
		if err := ledger.MakeTenants(ctx, customers, entry); err != nil {
			return err
		}
	}
	small, err := add(root.ID, outturn.KindReseller, "Small")
	if err == nil {
		_, err = add(small, outturn.KindCustomer, "Busy")
	}
	return err
}

// keepWaiting has the runs that wait do so for good: nobody is to work on them.
func keepWaiting(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `UPDATE runs SET not_before = 4000000000000000 WHERE state = 'queued'`)
	return err
}

// viewersOf starts the server of s and returns who lists.
func (b *bench) viewersOf(ctx context.Context, s *service) ([]viewer, error) {
	shop, err := b.shop()
	if err != nil {
		return nil, err
	}
	folder, err := server.OpenFolder(ctx, s.data, time.Now)
	if err != nil {
		return nil, err
	}
	root, err := folder.Ledger.Root(ctx)
	ids := map[string]string{root.Name: root.ID}
	for _, name := range []string{"Large", "Middle 7", "Customer 7777", "Busy"} {
		if err == nil {
			ids[name], err = tenantNamed(ctx, folder, root.ID, name)
		}
	}
	if err := errors.Join(err, folder.Close()); err != nil {
		return nil, err
	}
	viewers := []viewer{
		{name: "the reseller, all it sees", whose: ids["Large"], tenant: "*"},
		{name: "the reseller, its own", whose: ids["Large"]},
		{name: "the reseller, one customer", whose: ids["Large"], tenant: ids["Customer 7777"]},
		{name: "one of the resellers below it, all it sees", whose: ids["Middle 7"], tenant: "*"},
		{name: "the operator, all there is", whose: root.ID, tenant: "*"},
		{name: "the customer with most runs", whose: ids["Busy"]},
	}
	secrets := make([]clientSecret, len(viewers))
	for i, v := range viewers {
		if secrets[i], err = b.addClient(s.data, v.whose, outturn.RoleAdmin); err != nil {
			return nil, err
		}
	}
	if err := b.serve(s, shop, secrets[0]); err != nil {
		return nil, err
	}
	for i := range viewers {
		if viewers[i].Client, err = newClient(s.url, secrets[i].ID, secrets[i].Secret); err != nil {
			s.end()
			return nil, err
		}
	}
	return viewers, nil
}

func tenantNamed(ctx context.Context, folder *server.Folder, viewer, name string) (string, error) {
	where := outturn.Expr{Op: outturn.OpEQ, Field: "name", Values: []string{name}}
	page, err := folder.Ledger.Tenants(ctx, viewer, outturn.ListQuery{Where: &where, Order: []outturn.Order{{Field: "name"}}})
	if err == nil && len(page.Items) != 1 {
		err = fmt.Errorf("%d tenants are called %s", len(page.Items), name)
	}
	if err != nil {
		return "", err
	}
	return page.Items[0].ID, nil
}

// scopeOf is the condition of a viewer's runs, written as plainly as can be.
func (v viewer) scopeOf() (condition string, args []any) {
	const below = `tenant IN (SELECT descendant FROM tenant_closure WHERE ancestor = ?)`
	switch v.tenant {
	case "*":
		return below, []any{v.whose}
	case "":
		return `tenant = ?`, []any{v.whose}
	}
	return below + ` AND tenant = ?`, []any{v.whose, v.tenant}
}

// sees counts what a viewer sees.
func (v viewer) sees(ctx context.Context, db *sql.DB) (tenants, runs int, err error) {
	condition, args := v.scopeOf()
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM tenant_closure WHERE ancestor = ?`, v.whose).Scan(&tenants); err != nil {
		return 0, 0, err
	}
	return tenants, runs, db.QueryRowContext(ctx, `SELECT count(*) FROM runs WHERE `+condition, args...).Scan(&runs)
}

// check holds the first runs of a list against what the ledger has by a plain
// statement.
func (v viewer) check(ctx context.Context, db *sql.DB, field, direction string) error {
	condition, args := v.scopeOf()
	rows, err := db.QueryContext(ctx, `SELECT id FROM runs WHERE `+condition+` ORDER BY `+field+` `+direction+` NULLS LAST, id `+direction+` LIMIT 100`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var want, got []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		want = append(want, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	in := client.ListInput{Tenant: v.tenant, Order: strings.TrimSpace(field + " " + strings.TrimPrefix(direction, "asc"))}
	for more := true; more && len(got) < len(want); more = in.Cursor != "" {
		list, err := v.Runs(ctx, in)
		if err != nil {
			return err
		}
		for _, run := range list.Items {
			got = append(got, run.ID)
		}
		in.Cursor = list.Next
	}
	if !slices.Equal(got[:min(len(got), len(want))], want) {
		return fmt.Errorf("by %s %s: the list begins with %d runs that are not those of the ledger", field, direction, len(got))
	}
	return nil
}

// times prints how long pages take for each filter, over every order, the first page
// and deep ones, and returns how many filters missed the goal.
func (v viewer) times(ctx context.Context, db *sql.DB, s *service, calls int) (over int, err error) {
	took := make([]sample, len(scopeFilters))
	worst := make([]string, len(scopeFilters)) // the order with the largest p99
	worstAt := make([]float64, len(scopeFilters))
	items, empty := make([]int, len(scopeFilters)), make([]int, len(scopeFilters))
	used := make([]float64, len(scopeFilters)) // CPU seconds of the server
	for _, field := range []string{"created_at", "finished_at", "name"} {
		for _, direction := range []string{"desc", "asc"} {
			if err := v.check(ctx, db, field, direction); err != nil {
				return 0, err
			}
			order := strings.TrimSpace(field + " " + strings.TrimPrefix(direction, "asc"))
			deep, samples, err := v.turn(ctx, order)
			if err != nil {
				return 0, err
			}
			if len(samples) == 0 {
				return 0, errors.New("it sees no runs")
			}
			for i, filter := range scopeFilters {
				before, err := cpuOf(s.cmd.Process.Pid)
				if err != nil {
					return 0, err
				}
				for place, after := range [][]string{{""}, deep} {
					var list sample
					for call := range calls {
						expr, err := filterOf(filter, samples, call)
						if err != nil {
							return 0, err
						}
						in := client.ListInput{Tenant: v.tenant, Order: order, Cursor: after[call%len(after)]}
						if expr != nil {
							in.Filter = expr.String()
						}
						began := time.Now()
						page, err := v.Runs(ctx, in)
						list.add(time.Since(began))
						if err != nil {
							return 0, fmt.Errorf("by %s, %s: %w", order, in.Filter, err)
						}
						items[i] += len(page.Items)
						if len(page.Items) == 0 {
							empty[i]++
						}
					}
					took[i] = append(took[i], list...)
					if p99 := list.at(0.99); p99 > worstAt[i] {
						worstAt[i], worst[i] = p99, order+[]string{", first page", ", deep"}[place]
					}
				}
				after, err := cpuOf(s.cmd.Process.Pid)
				if err != nil {
					return 0, err
				}
				used[i] += after - before
			}
		}
	}
	for i, filter := range scopeFilters {
		p99 := took[i].at(0.99)
		fmt.Printf("  %-48s %s; server's CPU %.1f ms; %3d a page, %d of %d empty; slowest by %s: %.1f%s\n", filter, took[i], used[i]/float64(len(took[i]))*1e3,
			items[i]/len(took[i]), empty[i], len(took[i]), worst[i], worstAt[i], missed(p99 > millis(listGoal)))
		if p99 > millis(listGoal) {
			over++
		}
	}
	return over, nil
}

// turn turns pages for a while and returns cursors of the last ones and runs from the
// way.
func (v viewer) turn(ctx context.Context, order string) (deep []string, samples []outturn.Run, err error) {
	in := client.ListInput{Tenant: v.tenant, Order: order, Limit: outturn.MaxPage}
	deep = []string{""}
	for end := time.Now().Add(deepTime); time.Now().Before(end); {
		list, err := v.Runs(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		if n := len(list.Items); n > 0 {
			samples = append(samples, list.Items[len(deep)%n])
		}
		if in.Cursor = list.Next; in.Cursor == "" {
			break
		}
		deep = append(deep, in.Cursor)
	}
	return deep[max(0, len(deep)-5):], samples, nil
}
