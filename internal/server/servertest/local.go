package servertest

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/seed"
	"outturn/internal/server"
	"outturn/internal/source/duckdb"
)

// A Local is a server in this very process, over sample data, for tests that look
// at answers rather than at crashes: everything in it is what a user has.
type Local struct {
	*server.Server
	Folder *server.Folder
	Data   string // the data folder, beside the sample data

	ahead atomic.Int64
}

// Serve makes sample data and a data folder in a folder, and serves them at a free
// port. c says what else the server should be; its Catalog, Listen and Now are set
// here, and its Source where it has none.
func Serve(ctx context.Context, folder string, c server.Config) (*Local, error) {
	l := &Local{Data: filepath.Join(folder, "data")}
	file := filepath.Join(folder, "commerce.duckdb")
	if _, err := os.Stat(file); err != nil && c.Source == nil {
		if _, err := seed.Run(ctx, seed.Config{To: "duckdb:" + file}); err != nil {
			return nil, err
		}
	}
	var err error
	if c.Catalog, err = catalog.Builtin("duckdb"); err != nil {
		return nil, err
	}
	if c.Source == nil {
		c.Source = duckdb.New(duckdb.Config{Path: file, Memory: "1GiB", Linger: time.Minute})
	}
	c.Listen, c.Now = "127.0.0.1:0", l.Now
	if l.Folder, err = server.OpenFolder(ctx, l.Data, l.Now); err != nil {
		return nil, err
	}
	if l.Server, err = server.New(ctx, l.Folder, c); err != nil {
		return nil, errors.Join(err, l.Folder.Close())
	}
	if err := l.Start(ctx); err != nil {
		return nil, errors.Join(err, l.Folder.Close())
	}
	return l, nil
}

// Now is the server's time: what it is, and Ahead more.
func (l *Local) Now() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) }

// Ahead sets the server's clock ahead of the real one.
func (l *Local) Ahead(by time.Duration) { l.ahead.Store(int64(by)) }

// Close stops the server.
func (l *Local) Close() error {
	return errors.Join(l.Stop(context.Background()), l.Folder.Close())
}

// AddTenant makes a tenant for an account of the sample data, right below the
// provider.
func (l *Local) AddTenant(ctx context.Context, name, account string) (outturn.Tenant, error) {
	p, err := l.Folder.Operator(ctx)
	if err != nil {
		return outturn.Tenant{}, err
	}
	return l.Reporting().CreateTenant(ctx, p, outturn.Tenant{Parent: p.Tenant, Kind: outturn.KindReseller, Name: name, ExternalID: account})
}

// AddClient makes a client of a tenant; "" is the provider.
func (l *Local) AddClient(ctx context.Context, tenant string, role outturn.Role) (Credential, error) {
	p, err := l.Folder.Operator(ctx)
	if err != nil {
		return Credential{}, err
	}
	if tenant == "" {
		tenant = p.Tenant
	}
	_, shown, err := l.Reporting().CreateClient(ctx, p, outturn.Client{Tenant: tenant, Role: role, Name: string(role)})
	return Credential{shown.ClientID, shown.ClientSecret}, err
}

// FreeAddress is one that nobody listens at.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// LedgerSchema is what the ledger of a data folder is made of.
func LedgerSchema(t testing.TB, data string) string {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(data, server.LedgerName)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var text string
	if err := db.QueryRowContext(t.Context(), `SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name)`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}
