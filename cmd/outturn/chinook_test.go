package main_test

import (
	"encoding/csv"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"outturn"
)

// chinookFolder returns the folder of the Chinook tables as CSV, which are not
// part of the project.
func chinookFolder(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../shared/data/chinook")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the Chinook sample data are not at %s: %v", path, err)
	}
	return path
}

// exportChinook exports with the example's data sets and returns the rows as CSV
// and the manifest.
func exportChinook(t *testing.T, args ...string) ([]map[string]string, outturn.Manifest) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.csv")
	args = append([]string{"export"}, args...)
	args = append(args, "--source", "folder:"+chinookFolder(t), "--datasets", "../../examples/chinook", "--out", out, "--json", "--data", t.TempDir())
	cmd := exec.Command(binary(t), args...)
	var talk strings.Builder
	cmd.Stderr = &talk
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, talk.String())
	}
	var m outturn.Manifest
	if err := json.Unmarshal(printed, &m); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows, m
}

func sum(t *testing.T, rows []map[string]string, column string) string {
	t.Helper()
	total := new(big.Rat)
	for _, row := range rows {
		x, ok := new(big.Rat).SetString(row[column])
		if !ok {
			t.Fatalf("%s: %q is no number", column, row[column])
		}
		total.Add(total, x)
	}
	return total.FloatString(2)
}

func TestChinook(t *testing.T) {
	t.Run("AllInvoices", func(t *testing.T) {
		rows, m := exportChinook(t, "invoices")
		if len(rows) != 412 || m.Files[0].Rows != 412 {
			t.Errorf("got %d rows, manifest says %d, want 412", len(rows), m.Files[0].Rows)
		}
		if got := sum(t, rows, "TOTAL"); got != "2328.60" || m.Totals["TOTAL"]["USD"] != "2328.60" {
			t.Errorf("got %s, manifest says %v, want 2328.60", got, m.Totals)
		}
		if m.Snapshot.Kind != "none" {
			t.Errorf("a folder of files claims a snapshot: %q", m.Snapshot.Kind)
		}
	})
	t.Run("LinesAddUpToInvoices", func(t *testing.T) {
		rows, m := exportChinook(t, "invoice_lines")
		if got := sum(t, rows, "AMOUNT"); len(rows) != 2240 || got != "2328.60" || m.Totals["AMOUNT"]["USD"] != "2328.60" {
			t.Errorf("got %d lines of %s, manifest says %v", len(rows), got, m.Totals)
		}
	})
	t.Run("SellersShareTheInvoices", func(t *testing.T) {
		count := 0
		for _, seller := range []string{"3", "4", "5"} {
			rows, _ := exportChinook(t, "invoices", "--tenant", seller)
			for _, row := range rows {
				if row["SELLER_ID"] != seller {
					t.Fatalf("seller %s sees an invoice of seller %s", seller, row["SELLER_ID"])
				}
			}
			count += len(rows)
		}
		manager, _ := exportChinook(t, "invoices", "--tenant", "2")
		if count != 412 || len(manager) != 412 {
			t.Errorf("the sellers see %d invoices, their manager %d; want 412", count, len(manager))
		}
		clerk, _ := exportChinook(t, "invoices", "--tenant", "7")
		if len(clerk) != 0 {
			t.Errorf("a clerk without customers sees %d invoices", len(clerk))
		}
	})
	t.Run("Window", func(t *testing.T) {
		all, _ := exportChinook(t, "invoices")
		want := 0
		for _, row := range all {
			if row["INVOICE_DATE"] >= "2024-04-01" && row["INVOICE_DATE"] < "2024-07-01" {
				want++
			}
		}
		rows, m := exportChinook(t, "invoices", "--from", "2024-04-01", "--to", "2024-07-01", "--zone", "America/Chicago")
		if len(rows) != want || want == 0 {
			t.Errorf("got %d rows, want %d", len(rows), want)
		}
		if m.Window == nil || m.Window.Zone != "America/Chicago" {
			t.Errorf("manifest's window: %+v", m.Window)
		}
	})
	t.Run("PostCodesKeepTheirZeros", func(t *testing.T) {
		rows, _ := exportChinook(t, "invoices", "--filter", "BILLING_POSTAL_CODE eq 0171")
		if len(rows) == 0 {
			t.Error("no invoice to the post code 0171")
		}
	})
}
