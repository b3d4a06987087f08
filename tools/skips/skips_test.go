package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const events = `{"Action":"start","Package":"shop"}
{"Action":"run","Package":"shop","Test":"TestSum"}
{"Action":"pass","Package":"shop","Test":"TestSum","Elapsed":0}
{"Action":"run","Package":"shop","Test":"TestHuge"}
{"Action":"output","Package":"shop","Test":"TestHuge","Output":"=== RUN   TestHuge\n"}
{"Action":"output","Package":"shop","Test":"TestHuge","Output":"    shop_test.go:12: needs a gigabyte\n"}
{"Action":"output","Package":"shop","Test":"TestHuge","Output":"--- SKIP: TestHuge (0.00s)\n"}
{"Action":"skip","Package":"shop","Test":"TestHuge","Elapsed":0}
{"Action":"pass","Package":"shop","Test":"TestOpen","Elapsed":0}
{"Action":"output","Package":"shop","Test":"TestOpen/Remote","Output":"    open_test.go:7: nobody there\n"}
{"Action":"skip","Package":"shop","Test":"TestOpen/Remote","Elapsed":0}
{"Action":"fail","Package":"shop","Test":"TestBroken","Elapsed":0}
{"Action":"fail","Package":"shop","Elapsed":0.1}
{"Action":"skip","Package":"shop/empty","Elapsed":0}
`

func TestRun(t *testing.T) {
	tests := []struct {
		name, list string
		full       bool
		faults     int
		want       string
	}{
		{"Listed", "short shop TestHuge a gigabyte\nalways shop TestOpen/Remote no network\n", false, 0, "skipped shop TestHuge: needs a gigabyte\n"},
		{"Count", "short shop TestHuge a gigabyte\nalways shop TestOpen no network\n", false, 0, "\n2 passed, 1 failed, 2 skipped\n"},
		{"NotListed", "always shop TestOpen no network\n", false, 1, "skipped shop TestHuge: needs a gigabyte  <- not on the list\n"},
		{"ListedElsewhere", "always shop TestOpen no network\nshort other TestHuge a gigabyte\n", false, 1, "not on the list"},
		{"NameThatBeginsAlike", "always shop TestOpen no network\nshort shop TestHug a gigabyte\n", false, 2, "names shop TestHug, which is no test"},
		{"ShortInFull", "short shop TestHuge a gigabyte\nalways shop TestOpen no network\n", true, 1, "TestHuge: needs a gigabyte  <- listed as short"},
		{"AlwaysInFull", "always shop TestHuge a gigabyte\nalways shop TestOpen no network\n", true, 0, ""},
		{"NoTestAnyMore", "always shop TestHuge a gigabyte\nalways shop TestOpen x\nalways shop TestGone it went\n", false, 1, "names shop TestGone"},
		{"PackageThatDidNotRun", "always shop TestHuge a gigabyte\nalways shop TestOpen x\nalways shop/b TestGone it went\n", false, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			faults, err := run(&out, write(t, "skips.txt", tt.list), tt.full, []string{write(t, "tests.json", events)})
			if err != nil {
				t.Fatal(err)
			}
			if faults != tt.faults {
				t.Errorf("got %d faults, want %d", faults, tt.faults)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("got %q, want %q in it", out.String(), tt.want)
			}
		})
	}
}

func TestRunErrors(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	list, good := write(t, "skips.txt", "# nothing\n"), write(t, "tests.json", events)
	tests := []struct{ name, list, events, want string }{
		{"NoEvents", list, none, "none"},
		{"NoList", none, good, "none"},
		{"NotJSON", list, write(t, "tests.json", "ok shop 0.1s\n"), "invalid character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := run(&strings.Builder{}, tt.list, false, []string{tt.events})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestParseList(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"OK", "# a comment\n\nshort p TestA because it is slow\nalways p TestB no network\n", ""},
		{"NoReason", "always p TestB\n", "1: want when, package, test and a reason"},
		{"When", "\nsometimes p TestB because\n", "2: begin with short or always, not sometimes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := parseList(tt.text)
			switch {
			case tt.want == "" && (err != nil || len(l) != 2):
				t.Errorf("got %v, %v, want two exceptions", l, err)
			case tt.want != "" && (err == nil || err.Error() != tt.want):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
