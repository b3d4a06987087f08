package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The engine of an export is left to end with the process, its temporary files are not.
func TestExportLeavesNoTemporaryFiles(t *testing.T) {
	const sorted = "SELECT i, md5(i::text) AS a, md5((i + 1)::text) AS b FROM range(1500000) AS t(i) ORDER BY b"
	for _, test := range []struct {
		name, query string
		args        []string
		interrupt   bool
		status      int
		says        string
	}{
		{name: "Done", query: sorted, says: "1,500,000 rows"},
		{name: "Interrupted", query: sorted, interrupt: true, status: 130, says: "Interrupted"},
		{name: "Full", query: sorted, args: []string{"--temp-quota", "1MB"}, status: 4, says: "temporary disk"},
		{name: "Fault", query: "SELECT CASE WHEN row_number() OVER () = 1 THEN error(b) END AS e FROM (" + sorted + ")", status: 4, says: "The source refused the statement"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := t.TempDir()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			cmd := exec.CommandContext(ctx, binary(t), append([]string{
				"export", "--query", test.query, "--source", "duckdb:" + seed(t), "--data", data,
				"--memory", "96MB", "--threads", "1", "--out", filepath.Join(t.TempDir(), "out.csv"),
			}, test.args...)...)
			cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
			var said strings.Builder
			cmd.Stderr = &said
			if test.interrupt {
				go whenThere(ctx, filepath.Join(data, "tmp", "*", "*"), interrupt)
			}
			err := cmd.Run()
			if cmd.ProcessState.ExitCode() != test.status || !strings.Contains(said.String(), test.says) {
				t.Errorf("%v, and it said: %s", err, &said)
			}
			if left, err := os.ReadDir(filepath.Join(data, "tmp")); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// whenThere calls do when a file of the pattern is there, unless ctx ends before.
func whenThere(ctx context.Context, pattern string, do func()) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		if files, err := filepath.Glob(pattern); err != nil || len(files) > 0 {
			do()
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}
