package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"outturn/internal/format"
	"outturn/internal/format/formattest"
)

// What is measured is shown to be right first, so what shows it must notice one value.
func TestSameData(t *testing.T) {
	const rows = 500
	write := func(name, formatName string) []byte {
		var out bytes.Buffer
		w, err := format.New(formatName, &out, format.Options{Columns: formattest.Columns(), Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(formattest.Batch(0, rows)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	folder := t.TempDir()
	theirs := filepath.Join(folder, "theirs.csv")
	csv := write(theirs, "csv")
	lines := strings.SplitAfter(string(csv), "\r\n")
	for _, name := range []string{"csv", "json", "ndjson", "xml", "xlsx"} {
		ours := filepath.Join(folder, "ours."+name)
		write(ours, name)
		for _, test := range []struct {
			name, theirs, want string
		}{
			{"Same", string(csv), ""},
			{"OtherOrder", lines[0] + strings.Join(lines[2:], "") + lines[1], ""},
			{"RowLess", strings.Join(lines[:rows], ""), "500 rows and 499"},
			{"Text", strings.Replace(string(csv), "MP-", "", 1), "values of column marketplace_id differ"},
			{"Boolean", strings.Replace(string(csv), ",true,", ",false,", 1), "values of column paid differ"},
			{"JSON", strings.Replace(string(csv), `""seats"": 1`, `""seats"": 2`, 1), "values of column attrs differ"},
			{"Amount", strings.Replace(string(csv), "1,", "2,", 1), "differ"},
		} {
			if err := os.WriteFile(theirs, []byte(test.theirs), 0o600); err != nil {
				t.Fatal(err)
			}
			n, err := sameData(ours, theirs, "datasets", "orders")
			got := ""
			if err != nil {
				got = err.Error()
			}
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) || err == nil && n != rows {
				t.Errorf("%s, %s: got %d rows, %q, want %q", name, test.name, n, got, test.want)
			}
		}
	}
}
