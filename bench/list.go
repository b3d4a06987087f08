package main

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"outturn"
	"outturn/internal/store"
)

//go:embed ledger.sql
var ledgerSQL string

// listGoal is what the slowest but 1 % of the pages may take.
const listGoal = 50 * time.Millisecond

// deepPage is how many pages come before a deep one.
const deepPage = 5000

// A lister is somebody who lists runs: of all it sees, or its own alone.
type lister struct {
	name           string
	viewer, tenant string
}

// list looks at the pages of a ledger with many runs, through every offered order
// and a filter of every kind on every field.
func (b *bench) list() error {
	path, err := b.ledger(b.rows)
	if err != nil {
		return err
	}
	ctx := context.Background()
	ledger, err := store.Open(ctx, store.Config{Path: path})
	if err != nil {
		return err
	}
	defer ledger.Close()
	listers, err := listersOf(ctx, ledger)
	if err != nil {
		return err
	}
	var missed int
	for _, who := range listers {
		fmt.Printf("%s:\n", who.name)
		for _, order := range []string{"created_at", "finished_at", "name"} {
			for _, desc := range []bool{true, false} {
				n, err := timePages(ctx, ledger, who, outturn.Order{Field: order, Desc: desc}, b.calls)
				if err != nil {
					return fmt.Errorf("%s, by %s: %w", who.name, order, err)
				}
				missed += n
			}
		}
	}
	fmt.Printf("%d of the lists have a p99 over %v\n", missed, listGoal)
	return nil
}

// filters are conditions as a client writes them; {…} stands for a value of a run
// of the ledger, another with each call.
var filters = []string{
	"", "id eq {id}", "id in ({id}, {id2})", "id gt {id}", "name eq {name}", "name like 'Orders%'", "name like '%42'", "name gt Payments",
	"dataset eq payments", "dataset eq service_users", "dataset ne payments", "state eq succeeded", "state eq failed", "state eq running",
	"state in (queued, running)", "state in (failed, cancelled)", "not state eq succeeded",
	"origin eq cli", "origin eq nowhere", "created_by eq {created_by}", "created_by like '%-a'",
	"retry_of eq {id}", "not retry_of is null", "reason eq worker_lost", "reason eq query_failed", "reason is null",
	"created_at ge {created_at}", "created_at lt {created_at}", "started_at ge {created_at}", "started_at is null", "finished_at lt {created_at}", "finished_at is null",
	"tenant eq {tenant}", "tenant in ({tenant}, {tenant2})", "tenant ne {tenant}",
	"state eq failed and dataset eq payments", "state eq succeeded and origin eq cli", "state eq failed or origin eq cli",
	"created_at ge {created_at} and state eq failed", "tenant eq {tenant} and state eq failed", "reason eq worker_lost and dataset eq payments",
}

// timePages prints how long the pages of each filter take and returns how many
// lists missed the goal.
func timePages(ctx context.Context, ledger *store.Store, who lister, order outturn.Order, calls int) (missed int, err error) {
	deep, samples, err := walk(ctx, ledger, who, order)
	if err != nil {
		return 0, err
	}
	for _, filter := range filters {
		line := fmt.Sprintf("  by %-12s %-50s", strings.TrimSpace(order.Field+map[bool]string{true: " -"}[order.Desc]), filter)
		for i, after := range [][]string{{""}, deep} {
			took, worked := make([]time.Duration, calls), make([]time.Duration, calls)
			var items int
			for call := range calls {
				where, err := filterOf(filter, samples, call)
				if err != nil {
					return 0, err
				}
				q := outturn.ListQuery{Where: where, Order: []outturn.Order{order}, Page: outturn.Page{After: after[call%len(after)]}}
				started, used := time.Now(), cpuUsed()
				page, err := ledger.Runs(ctx, who.viewer, who.tenant, q)
				took[call], worked[call] = time.Since(started), cpuUsed()-used
				if err != nil {
					return 0, fmt.Errorf("%s: %w", filter, err)
				}
				items += len(page.Items)
			}
			slices.Sort(took)
			slices.Sort(worked)
			p99 := took[(calls*99-1)/100]
			line += fmt.Sprintf("  %s: %6.2f ms, p99 %6.2f (CPU %6.2f), %3d a page", []string{"first", "deep"}[i],
				millis(took[calls/2]), millis(p99), millis(worked[(calls*99-1)/100]), items/calls)
			if p99 > listGoal {
				missed++
				line += " MISSED"
			}
		}
		fmt.Println(line)
	}
	return missed, nil
}

// cpuUsed is what this process has used of the processors. On a machine with other
// work it tells more than the clock.
func cpuUsed() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// walk goes along an order to where deepPage pages of the usual size are past, or
// to its end, and returns some cursors from there and runs from the way.
func walk(ctx context.Context, ledger *store.Store, who lister, order outturn.Order) (deep []string, samples []outturn.Run, err error) {
	page := outturn.Page{Limit: outturn.MaxPage}
	for past := 0; past < deepPage*outturn.DefaultPage; past += page.Limit {
		list, err := ledger.Runs(ctx, who.viewer, who.tenant, outturn.ListQuery{Order: []outturn.Order{order}, Page: page})
		if err != nil {
			return nil, nil, err
		}
		samples = append(samples, list.Items[past/page.Limit%len(list.Items)])
		if list.Next == "" {
			break
		}
		page.After = list.Next
		deep = append(deep, list.Next)
	}
	return deep[max(0, len(deep)-5):], samples, nil
}

// filterOf puts the values of samples into a filter.
func filterOf(filter string, samples []outturn.Run, call int) (*outturn.Expr, error) {
	if filter == "" {
		return nil, nil
	}
	a, b := samples[call*7%len(samples)], samples[call*13%len(samples)]
	quote := func(v string) string { return `"` + v + `"` }
	return outturn.ParseExpr(strings.NewReplacer(
		"{id}", quote(a.ID), "{id2}", quote(b.ID), "{name}", quote(a.Name), "{created_by}", quote(a.CreatedBy),
		"{tenant}", quote(a.Tenant), "{tenant2}", quote(b.Tenant), "{created_at}", a.CreatedAt.Format(time.RFC3339),
	).Replace(filter))
}

// The tenants of the ledger: resellers and how many customers each has. The last
// customer of the last reseller has most runs.
var resellers = []int{150, 15, 10, 5, 20}

func makeTenants(ctx context.Context, ledger *store.Store) error {
	root, err := ledger.CreateTenant(ctx, outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"}, outturn.AuditEntry{})
	for i, customers := range resellers {
		if err != nil {
			return err
		}
		var reseller outturn.Tenant
		reseller, err = ledger.CreateTenant(ctx, outturn.Tenant{Parent: root.ID, Kind: outturn.KindReseller, Name: "Reseller " + strconv.Itoa(i)}, outturn.AuditEntry{})
		for n := 0; n < customers && err == nil; n++ {
			_, err = ledger.CreateTenant(ctx, outturn.Tenant{Parent: reseller.ID, Kind: outturn.KindCustomer, Name: "Customer " + strconv.Itoa(n)}, outturn.AuditEntry{})
		}
	}
	return err
}

func listersOf(ctx context.Context, ledger *store.Store) ([]lister, error) {
	root, err := ledger.Root(ctx)
	if err != nil {
		return nil, err
	}
	page, err := ledger.Tenants(ctx, root.ID, outturn.ListQuery{Order: []outturn.Order{{Field: "created_at"}}, Page: outturn.Page{Limit: outturn.MaxPage}})
	if err != nil {
		return nil, err
	}
	list := []lister{{"the operator, all tenants", root.ID, "*"}}
	for i, n := range page.Items {
		if n.Kind == outturn.KindReseller && (n.Name == "Reseller 0" || n.Name == "Reseller 4") {
			list = append(list, lister{fmt.Sprintf("%s with its %d customers", n.Name, resellers[(n.Name[len(n.Name)-1]-'0')]), n.ID, "*"})
		}
		if i == len(page.Items)-1 {
			list = append(list, lister{"the customer with most runs", n.ID, ""})
		}
	}
	return list, nil
}

// ledger returns a ledger with so many runs. It is made once and kept.
func (b *bench) ledger(rows int) (string, error) {
	path := filepath.Join(b.dir, fmt.Sprintf("ledger-%d.db", rows))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Printf("making %s\n", path)
	unfinished := path + ".part"
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.RemoveAll(unfinished + end); err != nil {
			return "", err
		}
	}
	ctx := context.Background()
	ledger, err := store.Open(ctx, store.Config{Path: unfinished})
	if err != nil {
		return "", err
	}
	err = makeTenants(ctx, ledger)
	if closed := ledger.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = fillLedger(ctx, unfinished, rows, 1000)
	}
	if err != nil {
		return "", err
	}
	return path, os.Rename(unfinished, path)
}

// fillLedger inserts the runs without the indexes and triggers of their tables,
// which it puts back afterwards: to fill them row by row takes ten times as long.
func fillLedger(ctx context.Context, path string, rows, slots int) (err error) {
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=OFF&_synchronous=OFF&_cache_size=-1000000")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	type made struct{ kind, name, text string }
	var parts []made
	found, err := db.QueryContext(ctx, `SELECT type, name, sql FROM sqlite_schema WHERE tbl_name IN ('runs', 'files') AND type IN ('index', 'trigger') AND sql IS NOT NULL`)
	if err != nil {
		return err
	}
	for found.Next() {
		var p made
		if err := found.Scan(&p.kind, &p.name, &p.text); err != nil {
			return err
		}
		parts = append(parts, p)
	}
	if err := found.Err(); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := db.ExecContext(ctx, "DROP "+p.kind+" "+p.name); err != nil {
			return err
		}
	}
	text := strings.NewReplacer("$rows", strconv.Itoa(rows), "$slots", strconv.Itoa(slots)).Replace(ledgerSQL)
	if _, err := db.ExecContext(ctx, text); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := db.ExecContext(ctx, p.text); err != nil {
			return err
		}
	}
	_, err = db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
	return err
}
