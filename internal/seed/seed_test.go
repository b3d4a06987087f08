package seed_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/seed"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// keys are the columns that tell the rows of a table apart, where id does not.
var keys = map[string]string{
	"contacts":               "account_id, kind",
	"subscription_resources": "subscription_id, rate_id",
	"invoice_taxes":          "invoice_id, line",
	"payment_invoices":       "payment_id, invoice_id",
}

func keyOf(table string) string {
	if key := keys[table]; key != "" {
		return key
	}
	return "id"
}

// The golden file pins every row of scale 1: whoever changes it changes what
// demos, examples and other goldens show.
func TestGolden(t *testing.T) {
	db := openSeeded(t)
	result, _ := seeded()
	var b strings.Builder
	for _, table := range result.Tables {
		fmt.Fprintf(&b, "%-22s %7d %s\n", table.Name, table.Rows, tableHash(db, table.Name))
	}
	const file = "testdata/golden.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("the rows of scale 1 changed (run with -update if that is meant):\ngot\n%s\nwant\n%s", got, want)
	}
}

// tableHash is the SHA-256 of a table as CSV, ordered by its key: every cell that
// is not null in quotes.
func tableHash(db database, table string) string {
	return hashOf(func(yield func(row []string)) { db.each("SELECT * FROM "+table+" ORDER BY "+keyOf(table), yield) })
}

// hashOf is the SHA-256 of what each yields.
func hashOf(each func(yield func(row []string))) string {
	h := sha256.New()
	var line []byte
	each(func(row []string) {
		line = line[:0]
		for i, cell := range row {
			if i > 0 {
				line = append(line, ',')
			}
			if cell != null {
				line = append(line, '"')
				line = append(line, strings.ReplaceAll(cell, `"`, `""`)...)
				line = append(line, '"')
			}
		}
		h.Write(append(line, '\n'))
	})
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestRunRefuses(t *testing.T) {
	there := filepath.Join(t.TempDir(), "there.duckdb")
	if err := os.WriteFile(there, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(t.TempDir(), "no", "such", "folder.duckdb")
	for name, c := range map[string]struct {
		config seed.Config
		code   outturn.Code
		says   string
	}{
		"ErrExists": {seed.Config{To: "duckdb:" + there}, outturn.CodeInvalid, there},
		"ErrTarget": {seed.Config{To: "oracle:x"}, outturn.CodeInvalid, "oracle:x"},
		"ErrScale":  {seed.Config{To: "duckdb:x", Scale: -1}, outturn.CodeInvalid, "-1"},
		"ErrFolder": {seed.Config{To: "duckdb:" + gone}, outturn.CodeStorageUnavailable, gone},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := seed.Run(t.Context(), c.config)
			if got := outturn.ErrorCode(err); got != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q (%s), want %s about %s", err, got, c.code, c.says)
			}
		})
	}
	if kept, _ := os.ReadFile(there); string(kept) != "precious" {
		t.Errorf("the file that was there is now %q", kept)
	}
}

func TestRunCancelledLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	config := seed.Config{To: "duckdb:" + filepath.Join(folder, "half.duckdb"), Progress: func(table string, rows int64) { cancel() }}
	_, err := seed.Run(ctx, config)
	if !errors.Is(err, context.Canceled) || outturn.ErrorCode(err) != outturn.CodeCancelled {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// With Force the file is replaced, and Progress has told what Result tells.
func TestRunForce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "old.duckdb")
	if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	told := map[string]int64{}
	result, err := seed.Run(t.Context(), seed.Config{To: "duckdb:" + file, Force: true, Progress: func(table string, rows int64) { told[table] = rows }})
	if err != nil {
		t.Fatal(err)
	}
	db := openDatabase(t, file)
	for _, table := range result.Tables {
		if got := db.one("SELECT count(*) FROM " + table.Name); got != strconv.FormatInt(table.Rows, 10) || told[table.Name] != table.Rows {
			t.Errorf("%s: %s rows in the file, %d in the result, %d told", table.Name, got, table.Rows, told[table.Name])
		}
	}
}
