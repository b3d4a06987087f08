package server_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/scheduler"
	"outturn/internal/server"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
)

// bills is what docs/events.md has people make, and a data set over it.
const (
	billsSQL = `CREATE TABLE invoices (id TEXT PRIMARY KEY, buyer_id INT, at TIMESTAMP WITH TIME ZONE DEFAULT now());
CREATE FUNCTION tell_outturn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('outturn', json_build_object('type', 'invoice.issued', 'id', 'issued/' || NEW.id, 'invoice', NEW.id, 'account', NEW.buyer_id::text)::text);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_outturn AFTER INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION tell_outturn();`
	bills = "/*\nversion: 1\nsource: shop\ndescription: An invoice\ntenant: BUYER\nkey: [ID]\ninvoice: ID\nchanged: AT\nfields:\n" +
		"  - {name: ID, type: text}\n  - {name: BUYER, type: text}\n  - {name: AT, type: time, scale: 6}\n*/\n" +
		"SELECT id AS ID, CAST(buyer_id AS VARCHAR) AS BUYER, at AS AT FROM invoices"
)

// An invoice that is posted, notified of and found makes one run; one that came while
// nobody listened is found.
func TestEventsOfPostgreSQL(t *testing.T) {
	db := postgrestest.OfTest(t)
	exec := func(sql string) {
		t.Helper()
		must(t, db.Exec(t.Context(), "postgres", sql))
	}
	exec(billsSQL)
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "_tenants.sql"), []byte(accounts), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "bills.sql"), []byte(bills), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "d.sql"), []byte(header+`SELECT '1' AS T, 1 AS N`), 0o600))
	cat, err := catalog.OpenFolder(folder, "postgres")
	must(t, err)
	data := t.TempDir()
	must(t, os.Chmod(data, 0o700)) //nolint:gosec // a folder
	configure := func(c *server.Config) {
		c.Source, c.Catalog, c.Channel = postgres.New(postgres.Config{URL: db.URL("postgres")}), cat, "outturn"
		c.Polls = []scheduler.Poll{{Dataset: "bills", Every: time.Second}}
	}
	s := start(t, data, configure)
	p, err := s.folder.Operator(t.Context())
	must(t, err)
	one, err := s.Reporting().CreateTenant(t.Context(), p, outturn.Tenant{Kind: outturn.KindReseller, Name: "One", ExternalID: "1"})
	must(t, err)
	_, err = s.folder.Ledger.CreateGenerator(t.Context(), outturn.Generator{
		Tenant: one.ID, State: outturn.GeneratorActive, Origin: "api", CreatedBy: "client:1", GeneratorSpec: outturn.GeneratorSpec{
			Name: "Each", Request: outturn.RunRequest{Dataset: "bills", Zone: "UTC", Outputs: []outturn.Output{{Format: "csv"}}},
			Window: outturn.WindowRule{Kind: outturn.WindowAll}, Trigger: outturn.Trigger{Kind: outturn.TriggerEvent, Event: outturn.EventInvoiceIssued},
		},
	}, outturn.AuditEntry{})
	must(t, err)
	runs := func() []outturn.Run {
		list, err := s.Reporting().Runs(t.Context(), p, "*", outturn.ListQuery{})
		must(t, err)
		return list.Items
	}
	ledger, err := sql.Open("sqlite3", "file:"+filepath.Join(data, server.LedgerName)+"?mode=ro&_busy_timeout=5000")
	must(t, err)
	defer ledger.Close()
	ways := func(subject string) (n int) { // that were heard of it, and handled
		must(t, ledger.QueryRowContext(t.Context(), `SELECT COUNT(DISTINCT way) FROM events WHERE subject = ? AND handled_at IS NOT NULL`, subject).Scan(&n))
		return n
	}
	until(t, "it listens", func() bool { return strings.Contains(s.log.String(), "listening for events") })
	until(t, "the data set was asked", func() bool {
		position, err := s.folder.Ledger.EventCursor(t.Context(), "bills")
		must(t, err)
		return strings.Contains(string(position), `"based":true`)
	})

	exec(`INSERT INTO invoices VALUES ('7', 2)`)
	for range 3 {
		_, err := s.Reporting().AcceptEvents(t.Context(), p, []outturn.Event{{Source: "billing", EventID: "7", Type: outturn.EventInvoiceIssued, Subject: "7", Account: "2"}}, nil)
		must(t, err)
	}
	until(t, "all three ways were heard and handled", func() bool { return ways("7") == 3 })
	until(t, "its run succeeded", func() bool { r := runs(); return len(r) == 1 && r[0].State == outturn.RunSucceeded })
	if r := runs(); len(r) != 1 || r[0].Request.Invoice != "7" || r[0].Files[0].Rows != 1 {
		t.Errorf("got the runs %+v", r)
	}
	s.stop()

	exec(`INSERT INTO invoices VALUES ('8', 2)`)
	s = start(t, data, configure)
	until(t, "what came while nobody listened was found", func() bool { return ways("8") == 1 && len(runs()) == 2 })
	s.stop()
}

// What cannot be asked, listened to or forgotten is told when a server is put together.
func TestEventSettings(t *testing.T) {
	folder, err := server.OpenFolder(t.Context(), filepath.Join(t.TempDir(), "data"), time.Now)
	must(t, err)
	defer folder.Close()
	src, cat := newSource(t)
	for _, test := range []struct {
		config server.Config
		says   []string
	}{
		{server.Config{Polls: []scheduler.Poll{{Dataset: "nothing", Every: time.Minute}}}, []string{"--poll-events", "nothing"}},
		{server.Config{Polls: []scheduler.Poll{{Dataset: "sales", Every: 10 * time.Millisecond}}}, []string{"does not say key, invoice, changed", "every 1s at most, not every 10ms"}},
		{server.Config{History: 24 * time.Hour, Retention: 90 * 24 * time.Hour}, []string{"--history 24h0m0s is too short", "30 days"}},
		{server.Config{Channel: strings.Repeat("x", 64)}, []string{"only a source in PostgreSQL", "1 to 63 letters"}},
	} {
		test.config.Source, test.config.Catalog = src, cat
		_, err := server.New(t.Context(), folder, test.config)
		wantError(t, fmt.Sprint(test.says), err, outturn.CodeInvalid, test.says...)
	}
}
