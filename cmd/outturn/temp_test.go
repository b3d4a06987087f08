package main_test

import (
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
		says        string
	}{
		{name: "Done", query: sorted, says: "1,500,000 rows"},
		{name: "Interrupted", query: sorted, interrupt: true, says: "Interrupted"},
		{name: "Full", query: sorted, args: []string{"--temp-quota", "1MB"}, says: "temporary disk"},
		{name: "Fault", query: "SELECT CASE WHEN row_number() OVER () = 1 THEN error(b) END AS e FROM (" + sorted + ")", says: "The source refused the statement"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := t.TempDir()
			cmd := exec.Command(binary(t), append([]string{
				"export", "--query", test.query, "--source", "duckdb:" + seed(t), "--data", data,
				"--memory", "96MB", "--threads", "1", "--out", filepath.Join(t.TempDir(), "out.csv"),
			}, test.args...)...)
			var said strings.Builder
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = cmd.Wait() // what it says tells
			}()
			for look := time.Tick(5 * time.Millisecond); test.interrupt; <-look {
				if files, _ := filepath.Glob(filepath.Join(data, "tmp", "*", "*")); len(files) == 0 && !over(ended) {
					continue
				}
				_ = cmd.Process.Signal(os.Interrupt)
				break
			}
			<-ended
			if !strings.Contains(said.String(), test.says) {
				t.Errorf("it said: %s", &said)
			}
			if left, err := os.ReadDir(filepath.Join(data, "tmp")); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func over(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	default:
		return false
	}
}
