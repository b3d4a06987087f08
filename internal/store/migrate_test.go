package store_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/store"
)

// oldLedger makes a ledger as testdata has it: of version 2, with one of everything.
func oldLedger(t *testing.T) store.Config {
	t.Helper()
	text, err := os.ReadFile("testdata/ledger-2.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(string(text)); err != nil {
		t.Fatal(err)
	}
	return store.Config{Path: path, Now: func() time.Time { return time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC) }}
}

// contents are the rows of a ledger, of the tables that it had at version 2. What
// columns they had then is noted in had at the first call; later ones are left out.
func contents(t *testing.T, path string, had map[string][]string) []string {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var all []string
	for _, table := range strings.Fields("tenants tenant_closure clients runs run_totals manifests files links views idempotency_keys audit counters secrets") {
		names := "*"
		if len(had[table]) > 0 {
			names = strings.Join(had[table], ", ")
		}
		rows, err := db.Query(`SELECT ` + names + ` FROM ` + table + ` ORDER BY 1, 2`)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		had[table] = columns
		for rows.Next() {
			values, to := make([]any, len(columns)), make([]any, len(columns))
			for i := range to {
				to[i] = &values[i]
			}
			if err := rows.Scan(to...); err != nil {
				t.Fatal(err)
			}
			row := table
			for i, c := range columns {
				row += fmt.Sprint(" ", c, "=", values[i])
			}
			all = append(all, row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestMigrate(t *testing.T) {
	c := oldLedger(t)
	had := map[string][]string{}
	before, file := contents(t, c.Path, had), read(t, c.Path)
	for range 2 {
		todo, err := store.Pending(t.Context(), c)
		if err != nil || !slices.Equal(todo, []string{"00003_lists.sql", "00004_tenants.sql", "00005_clients.sql", "00006_audit.sql", "00007_audit_lists.sql", "00008_generators.sql", "00009_deliveries.sql", "00010_events.sql", "00011_dialects.sql", "00012_history.sql", "00013_tenant_limits.sql", "00014_reports.sql", "00015_webhooks_alike.sql", "00016_firings_per_day.sql", "00017_audit_fresh.sql"}) {
			t.Errorf("to be done: %v, %v", todo, err)
		}
	}
	if read(t, c.Path) != file {
		t.Error("asking what is to be done changed the ledger")
	}

	s := open(t, c)
	if after := contents(t, c.Path, had); !slices.Equal(after, before) {
		t.Errorf("after:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	page, err := s.Runs(t.Context(), "provider", "*", outturn.ListQuery{Order: []outturn.Order{{Field: "created_at"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range page.Items {
		if want := outturn.RunStates[i]; r.State != want || r.Name != "Orders of "+string(want) || len(r.Request.Columns) != 1 || r.Format != "csv" || r.Rhythm != "" {
			t.Errorf("run %d is %+v", i, r)
		}
	}
	if len(page.Items) != len(outturn.RunStates) || len(page.Items[2].Files) != 1 {
		t.Errorf("%d runs, %+v", len(page.Items), page.Items)
	}
	if m, err := s.Manifest(t.Context(), "reseller", "succeeded"); err != nil || m.Outturn != "old" {
		t.Errorf("its manifest: %+v, %v", m, err)
	}
	if _, f, err := s.LinkByHash(t.Context(), "hash"); err != nil || f.ID != "file" {
		t.Errorf("its link leads to %+v, %v", f, err)
	}
	if r, err := s.ClaimRun(t.Context(), "queued", "w", time.Minute); err != nil || r.Attempt != 1 {
		t.Errorf("the one that waited: %+v, %v", r, err)
	}

	was, err := s.AuditEnd(t.Context())
	if err == nil {
		err = s.Audit(t.Context(), outturn.AuditEntry{Subject: "s", Action: "a"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if end, err := s.AuditEnd(t.Context()); was == 0 || end != was+1 || err != nil {
		t.Errorf("the audit ended at %d, and then at %d, %v", was, end, err)
	}

	if v, err := store.VerifyAudit(t.Context(), c, newSealer(t), outturn.AuditHead{}); err != nil || !v.Sound || v.Unsealed != was+1 {
		t.Errorf("the audit of a ledger that is brought up to date: %+v (%+v), %v", v, v.Fault, err)
	}

	changed := contents(t, c.Path, had)
	open(t, c)
	if todo, err := store.Pending(t.Context(), c); err != nil || len(todo) != 0 {
		t.Errorf("then to be done: %v, %v", todo, err)
	}
	if !slices.Equal(contents(t, c.Path, had), changed) {
		t.Error("opening it again changed it")
	}
}

// TestMigrateDialects fills in what lists ask for, from what generators and runs of
// version 10 have in their documents.
func TestMigrateDialects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := store.MigrateTo(t.Context(), path, 10); err != nil {
		t.Fatal(err)
	}
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 9, 1, 0, 0, 0, 0, warsaw)
	windows := []*outturn.Window{
		{From: day, To: day.AddDate(0, 1, 0), Zone: warsaw},
		{From: day.Add(999_999 * time.Microsecond), To: day.Add(time.Hour + 500*time.Millisecond), Zone: time.UTC},
		{From: time.Date(1969, 12, 31, 23, 59, 59, 250_000_000, time.UTC), To: day, Zone: time.UTC},
		nil,
	}
	db := database(t, path)
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	document := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	exec(`INSERT INTO tenants (id, kind, name, zone, report_type, created_at) VALUES ('t', 'provider', 'T', '', '', 1)`)
	exec(`INSERT INTO tenant_closure VALUES ('t', 't')`)
	run := func(id, generator string, request outturn.RunRequest) {
		exec(`INSERT INTO runs (id, tenant, name, dataset, state, phase, furthest, attempt, lapses, not_before, rows_done, bytes_done, origin, created_by, created_at, updated_at,
				request, generator, revision) VALUES (?1, 't', 'r', 'd', 'queued', '', '', 0, 0, 0, 0, 0, 'api', 'c', 1, 1, ?2, NULLIF(?3, ''), 1)`, id, document(request), generator)
	}
	want := map[string]outturn.Rhythm{}
	for _, every := range outturn.Rhythms {
		spec := outturn.GeneratorSpec{Name: string(every), Request: outturn.RunRequest{Outputs: []outturn.Output{{Format: "xml"}, {Format: "csv"}}}}
		spec.Trigger.Kind = outturn.TriggerKind(every)
		if !slices.Contains(outturn.TriggerKinds, spec.Trigger.Kind) {
			spec.Trigger = outturn.Trigger{Kind: outturn.TriggerSchedule, Schedule: &outturn.Recurrence{Every: outturn.Unit(every)}}
		}
		want[string(every)] = every
		exec(`INSERT INTO generator_revisions VALUES (?1, 1, ?2, 'c', 1)`, every, document(spec))
		if every != outturn.RhythmWeek { // that one was deleted
			exec(`INSERT INTO generators (id, tenant, name, dataset, kind, event, state, revision, origin, created_by, created_at, updated_at, spec)
				VALUES (?1, 't', ?1, 'd', ?2, CASE WHEN ?2 = 'event' THEN 'e' END, 'active', 1, 'api', 'c', 1, 1, ?3)`, every, spec.Trigger.Kind, document(spec))
		}
		run(string(every), string(every), spec.Request)
	}
	for i, w := range windows {
		id := fmt.Sprint("window ", i)
		want[id] = ""
		run(id, "", outturn.RunRequest{Window: w, View: []string{"", "full"}[i%2]})
	}
	run("own", "", outturn.RunRequest{OwnView: &outturn.View{Name: "mine"}})

	s := open(t, store.Config{Path: path})
	for id, rhythm := range want {
		r, err := s.Run(t.Context(), "t", id)
		if err != nil || r.Rhythm != rhythm || (r.Format == "xml") != (rhythm != "") {
			t.Errorf("run %s: %q, %q, %v", id, r.Rhythm, r.Format, err)
		}
		for _, format := range []string{"csv", "xml"} {
			where, err := outturn.ParseExpr(fmt.Sprintf("id eq %s and rhythm eq %s and format eq %s", id, rhythm, format))
			if rhythm == "" {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			list, err := s.Generators(t.Context(), "t", "", outturn.ListQuery{Where: where})
			if err != nil || (len(list.Items) == 1) != (format == "xml" && id != "week") {
				t.Errorf("%d generators are %s as %s: %v", len(list.Items), rhythm, format, err)
			}
		}
	}
	for i, w := range windows {
		var from, to sql.NullInt64
		var view sql.NullString
		if err := db.QueryRow(`SELECT window_from, window_to, view_name FROM runs WHERE id = ?`, fmt.Sprint("window ", i)).Scan(&from, &to, &view); err != nil {
			t.Fatal(err)
		}
		if from.Valid != (w != nil) || w != nil && (from.Int64 != w.From.UnixMicro() || to.Int64 != w.To.UnixMicro()) || view.String != []string{"", "full"}[i%2] {
			t.Errorf("the window %v became %v, %v; view %v", w, from, to, view)
		}
	}
	var view string
	if err := db.QueryRow(`SELECT view_name FROM runs WHERE id = 'own'`).Scan(&view); err != nil || view != "mine" {
		t.Errorf("the view is %q, %v", view, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestMigrateTogether opens a ledger that is not there yet, and an old one, from many
// sides at once, as two commands would.
func TestMigrateTogether(t *testing.T) {
	for name, c := range map[string]store.Config{"new": {Path: filepath.Join(t.TempDir(), "ledger.db")}, "old": oldLedger(t)} {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				s, err := store.Open(t.Context(), c)
				if err == nil {
					err = s.Ping(t.Context())
					s.Close()
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
	}
}

// TestOpenRefuses opens what is no ledger of this program, and leaves it alone.
func TestOpenRefuses(t *testing.T) {
	execute := func(statement string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if _, err := database(t, path).Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		code outturn.Code
		want string
	}{
		{"Newer", func(t *testing.T, path string) {
			s, err := store.Open(t.Context(), store.Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			execute(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)(t, path)
		}, outturn.CodeConflict, "Run the newer program, or restore a backup from before the upgrade."},
		{"Another", execute(`CREATE TABLE songs (name TEXT)`), outturn.CodeConflict, "no ledger of Outturn"},
		{"NoDatabase", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 300)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, outturn.CodeStorageUnavailable, "restore a backup"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.db")
			test.make(t, path)
			before := read(t, path)
			s, err := store.Open(t.Context(), store.Config{Path: path})
			if err == nil {
				s.Close()
			}
			if outturn.ErrorCode(err) != test.code || !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("Open: %q, %v", outturn.ErrorCode(err), err)
			}
			if _, err := store.Pending(t.Context(), store.Config{Path: path}); outturn.ErrorCode(err) != test.code {
				t.Errorf("Pending: %q, %v", outturn.ErrorCode(err), err)
			}
			if read(t, path) != before {
				t.Error("the file was changed")
			}
		})
	}
}

// TestPendingMakesNothing asks what a ledger that is not there would need.
func TestPendingMakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	todo, err := store.Pending(t.Context(), store.Config{Path: path})
	if err != nil || len(todo) != 17 {
		t.Errorf("got %v, %v", todo, err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
}
