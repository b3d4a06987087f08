package verify

import (
	"bytes"
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

// A heading may look like the beginning of another format. The manifest's is one.
func TestHeadingsLikeFormats(t *testing.T) {
	for _, heading := range []string{"<?xml", " <?xml version='1.0'?>", "[{", "[]", "PK\x03\x04", "PK\x05\x06", "PAR1", "%PDF-1.7", "\uFEFFid", "\uFEFF\uFEFF", "\uFEFF[{"} {
		for _, s := range samples() {
			if s.format != "csv" && s.format != "tsv" {
				continue
			}
			t.Run(heading+"/"+s.name, func(t *testing.T) {
				change := func(text string) []byte { return bytes.Replace(s.data, []byte("ID"), []byte(text), 1) }
				if s.dialect == "utf16" {
					change = func(text string) []byte {
						return append([]byte{0xff, 0xfe}, inUTF16(strings.Replace(sampleTSV, "ID", text, 1))...)
					}
				}
				data := change(heading)
				m := s.manifest(data)
				m.Headers = []string{heading, "NAME", "TOTAL", "CUR"}
				wantSound(t, checkFile(t, s.name, data, Options{Manifest: m}))
				// Of another name it is none.
				m = s.manifest(data)
				if r := checkFile(t, s.name, data, Options{Manifest: m}); r.Sound() {
					t.Error("a heading that the manifest does not have is not noticed")
				}
				// And so is what lacks it.
				m = s.manifest(s.data)
				m.Headers = []string{heading, "NAME", "TOTAL", "CUR"}
				wantFault(t, checkFile(t, s.name, s.data, Options{Manifest: m}), "Column 1 is called")
			})
		}
	}
}
