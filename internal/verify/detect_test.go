package verify

import (
	"strings"
	"testing"
)

// The dialect shows where the header ends, however long it is, and not at a line end
// in a name.
func TestDialectOfLongHeaders(t *testing.T) {
	quoted := `"` + strings.Repeat("a\nb\"\"", 100_000) + `"`
	for _, tt := range []struct{ name, dialect, header, end string }{
		{"Long", "postgres", "A," + strings.Repeat("b", 4096), "\n"},
		{"Long", "machine", "A," + strings.Repeat("b", 4096), "\r\n"},
		{"CutInTheLineEnd", "machine", "A," + strings.Repeat("b", 4096-len("A,\r")), "\r\n"},
		{"Longest", "postgres", "A," + strings.Repeat("b", maxHeader-len("A")), "\n"},
		{"Longest", "machine", "A," + strings.Repeat("b", maxHeader-len("A")), "\r\n"},
		{"OnlyQuotes", "postgres", `A,"` + strings.Repeat(`""`, maxHeader-len("A")) + `"`, "\n"},
		{"LineEndInAName", "machine", "A,\"b\nc\"", "\r\n"},
		{"LineEndInAName", "postgres", "A,\"b\r\nc\"", "\n"},
		{"ManyLineEndsInAName", "postgres", "A," + quoted, "\n"},
		{"ManyLineEndsInAName", "machine", "A," + quoted, "\r\n"},
		{"DelimitersInAName", "spreadsheet", "\uFEFFA,\"b" + strings.Repeat("\n;", 4096) + "\"" + strings.Repeat(",c", 5000), "\r\n"},
	} {
		t.Run(tt.name+"/"+tt.dialect, func(t *testing.T) {
			row := "1" + strings.Repeat(",2", strings.Count(tt.header, ",")) + tt.end
			for _, name := range []string{"p.csv", "nameless"} {
				r := checkFile(t, name, []byte(tt.header+tt.end+row), Options{})
				wantSound(t, r)
				if r.Format != "csv" || r.Dialect != tt.dialect || r.Rows == nil || *r.Rows != 1 {
					t.Errorf("%s: got %s %s, rows %v", name, r.Format, r.Dialect, r.Rows)
				}
			}
		})
	}
}

// A header that has no end is one that was cut, also where it is longer than what is
// looked through.
func TestHeaderWithoutEnd(t *testing.T) {
	for _, size := range []int{10, 5000, mostLooked + 1} {
		wantFault(t, checkFile(t, "p.csv", []byte("A,"+strings.Repeat("b", size)), Options{}), "The file ends in the middle of its header")
	}
}
