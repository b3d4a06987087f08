package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/server"
)

const accounts = "/*\nversion: 1\nsource: shop\ndescription: Accounts\n*/\n" + `SELECT * FROM (VALUES
	('0', NULL, 'provider', 'Shop', 'USD', 'UTC'), ('1', '0', 'reseller', 'One', 'EUR', 'Europe/Berlin'), ('2', '1', 'customer', 'Two', 'EUR', '')
) AS t(id, parent, kind, name, currency, zone)`

// A server that is told to takes tenants from the source when it starts and again and
// again, and purges those that were deleted long enough ago.
func TestTenantsAreTended(t *testing.T) {
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "_tenants.sql"), []byte(accounts), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "d.sql"), []byte(header+`SELECT '1' AS T, 1 AS N`), 0o600))
	cat, err := catalog.OpenFolder(folder, "duckdb")
	must(t, err)
	data := t.TempDir()
	must(t, os.Chmod(data, 0o700)) //nolint:gosec // a folder
	s := start(t, data, func(c *server.Config) { c.Catalog, c.SyncTenants = cat, 20*time.Millisecond })
	p, err := s.folder.Operator(t.Context())
	must(t, err)
	named := func(name string) (found outturn.Tenant) {
		list, err := s.Reporting().Tenants(t.Context(), p, outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpEQ, Field: "name", Values: []string{name}}})
		must(t, err)
		if len(list.Items) > 0 {
			found = list.Items[0]
		}
		return found
	}
	until(t, "the accounts are tenants", func() bool { return named("Two").ID != "" })
	two := named("Two")
	must(t, s.Reporting().DeleteTenant(t.Context(), p, two.ID))
	until(t, "it says that its account was left", func() bool {
		return strings.Contains(s.log.String(), `"made":0,"renamed":0,"moved":0,"unchanged":2,"vanished":0,"refused":1`)
	})
	if named("Two").ID != "" {
		t.Error("the deleted one was made anew")
	}
	s.stop()

	s = start(t, data, func(c *server.Config) {
		c.Catalog, c.TenantGrace = cat, time.Hour
		c.Now = func() time.Time { return time.Now().Add(time.Hour) }
	})
	until(t, "the deleted one is purged", func() bool {
		return strings.Contains(s.log.String(), fmt.Sprintf(`"msg":"a deleted tenant was purged","tenant":%q`, two.ID))
	})
	s.stop()
}
