package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A data folder that holds no ledger is one whose disk is not there: no command takes that
// for an installation, or makes one of it.
func TestNoLedger(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"Backup", []string{"backup", "--to", "backup.tar"}},
		{"Tenants", []string{"tenant", "list"}},
		{"AddTenant", []string{"tenant", "add", "Northwind", "--external-id", "1"}},
		{"Sync", []string{"tenant", "sync", "--dry-run", "--source", "duckdb:none"}},
		{"Clients", []string{"client", "list"}},
		{"AddClient", []string{"client", "add", "--tenant", "1"}},
		{"Audit", []string{"audit", "list"}},
		{"VerifyAudit", []string{"audit", "verify"}},
		{"Usage", []string{"usage"}},
		{"RotateKey", []string{"key", "rotate"}},
		{"Migrate", []string{"migrate"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			status, out, talk := outturnMain(t, append(tt.args, "--data", folder)...)
			if status != 2 || out != "" || !strings.Contains(talk, "There is no ledger "+filepath.Join(folder, "ledger.db")) {
				t.Errorf("status %d, %q, %s", status, out, talk)
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("left %v, %v", left, err)
			}
			if _, err := os.Stat("backup.tar"); err == nil {
				t.Error("there is a backup of nothing")
			}
		})
	}
}

// Who names a folder of something else is not told to take it away from others.
func TestFolderOfOthers(t *testing.T) {
	for _, tt := range []struct{ name, file, want, not string }{
		{"NotOurs", "passwd", "holds no Outturn data", "chmod"},
		{"Key", "key", "chmod 700", "holds no Outturn data"},
		{"Ledger", "ledger.db", "chmod 700", "holds no Outturn data"},
		{"Empty", "", "chmod 700", "holds no Outturn data"}, // such as a volume that is new
	} {
		for _, command := range []string{"serve", "demo"} {
			t.Run(tt.name+"/"+command, func(t *testing.T) {
				folder := filepath.Join(t.TempDir(), "etc")
				if err := os.Mkdir(folder, 0o755); err != nil {
					t.Fatal(err)
				}
				files := 0
				if tt.file != "" {
					files++
					if err := os.WriteFile(filepath.Join(folder, tt.file), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				status, _, talk := outturnMain(t, command, "--data", folder, "--source", "duckdb:none", "--listen", "127.0.0.1:0")
				if status != 5 || !strings.Contains(talk, tt.want) || strings.Contains(talk, tt.not) {
					t.Errorf("status %d: %s", status, talk)
				}
				if left, err := os.ReadDir(folder); err != nil || len(left) != files {
					t.Errorf("left %v, %v", left, err)
				}
			})
		}
	}
}
