package pipeline_test

import (
	"os"
	"path/filepath"
	"testing"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/pipeline"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/duckdb/duckdbtest"
)

// Nobody says a report type: what an account sees is what it is at that report, and the
// manifest says so. What is said stays.
func TestReportTypeIsDerived(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"_tenants.sql": "/*\nversion: 1\nsource: s\ndescription: d\n*/ SELECT id, parent, kind, 'n' AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts",
		"asks.sql":     "/*\nversion: 1\nsource: s\ndescription: d\ntenant: id\nfields: [{name: kind, type: text}]\n*/ SELECT id, @report_type AS kind FROM accounts WHERE id = CAST(@tenant AS BIGINT)",
		"plain.sql":    "/*\nversion: 1\nsource: s\ndescription: d\ntenant: id\nfields: [{name: kind, type: text}]\n*/ SELECT id, '@report_type' AS kind FROM accounts",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cat, err := catalog.OpenFolder(dir, "duckdb")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "s.duckdb")
	sql := func(statements ...string) {
		db, closeDB := duckdbtest.Open(t, file)
		db.Exec(statements...)
		closeDB()
	}
	sql("CREATE TABLE accounts AS FROM (VALUES (1, NULL, 'Provider'), (2, 1, 'Reseller'), (3, 2, 'Customer'), (4, 3, 'Reseller')) AS t(id, parent, kind)")
	got := func(req outturn.RunRequest) string {
		t.Helper()
		req.Everything = req.Tenant == ""
		plan, err := pipeline.Prepare(cat, req)
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := duckdb.New(duckdb.Config{Path: file, TempDir: t.TempDir()}).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snapshot.Close()
		if err := plan.Bind(t.Context(), snapshot); err != nil {
			t.Fatal(err)
		}
		if plan.Query.Vars.ReportType != plan.Manifest.ReportType {
			t.Errorf("the manifest says %q of a report as %q", plan.Manifest.ReportType, plan.Query.Vars.ReportType)
		}
		return plan.Manifest.ReportType
	}
	check := func(name string, req outturn.RunRequest, want string) {
		t.Helper()
		if got := got(req); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	asks := func(tenant, reportType string) outturn.RunRequest {
		return outturn.RunRequest{Dataset: "asks", Tenant: tenant, ReportType: reportType}
	}
	check("the provider, from above", asks("", ""), "PROVIDER")
	check("the provider", asks("1", ""), "PROVIDER")
	check("a reseller without resellers", asks("2", ""), "RESELLER")
	check("one that said otherwise", asks("2", "PROVIDER"), "PROVIDER")
	check("what does not ask", outturn.RunRequest{Dataset: "plain", Tenant: "1"}, "")

	sql("UPDATE accounts SET parent = 2 WHERE id = 4")
	check("the reseller with its first reseller", asks("2", ""), "PROVIDER")
	check("that one, which said otherwise", asks("2", "RESELLER"), "RESELLER")
}
