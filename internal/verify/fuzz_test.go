package verify

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"outturn"
)

// wanting is a manifest that makes the readers look into cells.
func wanting() *outturn.Manifest {
	return samples()[0].manifest(nil)
}

// clean reports whether a reader found nothing wrong.
func clean(t *testing.T, err error, tally *tally) bool {
	var d damage
	if err != nil && !errors.As(err, &d) {
		t.Fatalf("an error that is no damage: %v", err)
	}
	return err == nil && len(tally.faults.list) == 0
}

// What is said to be sound CSV is CSV for Go's own reader too, of as many rows.
func FuzzDelimited(f *testing.F) {
	for _, s := range samples() {
		f.Add(s.data)
	}
	for _, text := range []string{"a\n", "\n", "\"\"\r\n", "a\r\n\"b\r\n", "a,b\r\n1\r\n", "a\rb", "a\r\n\"b\"c\r\n", "\xff\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dialect := range []string{"csv machine", "csv spreadsheet", "csv semicolon", "tsv machine", "tsv utf16"} {
			format, name, _ := strings.Cut(dialect, " ")
			readDelimited(bufio.NewReader(bytes.NewReader(data)), format, name, newTally(wanting()))
			tally := newTally(nil)
			err := readDelimited(bufio.NewReader(bytes.NewReader(data)), format, name, tally)
			if !clean(t, err, tally) || name == "utf16" {
				continue
			}
			r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, utf8Mark)))
			r.Comma = rune(dialects[dialect].delimiter)
			records, err := r.ReadAll()
			if err != nil || int64(len(records)) != tally.rows+1 || !utf8.Valid(data) {
				t.Fatalf("%s: %d rows, but Go's reader has %d records, %v", dialect, tally.rows, len(records), err)
			}
		}
	})
}

// The same for JSON.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(sampleJSON))
	for _, text := range []string{"[]", "[{}]", "[{\"a\":1},]", "[{\"a\":1e5,\"b\":[{}]}]", "[{\"\\u0061\":-0.5E+1}]", "[{\"a\":\"\\ud83d\\ude00\"}]\n\n", "[1]"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		readJSON(bufio.NewReader(bytes.NewReader(data)), newTally(wanting()))
		readNDJSON(bufio.NewReader(bytes.NewReader(data)), newTally(wanting()))
		tally := newTally(nil)
		if !clean(t, readJSON(bufio.NewReader(bytes.NewReader(data)), tally), tally) {
			return
		}
		var rows []map[string]json.RawMessage
		if err := json.Unmarshal(data, &rows); err != nil || int64(len(rows)) != tally.rows {
			t.Fatalf("%d rows, but Go's reader has %d, %v", tally.rows, len(rows), err)
		}
		for _, row := range rows {
			if len(row) != len(tally.columns) {
				t.Fatalf("columns %q, but a row is %s", tally.columns, row)
			}
		}
	})
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(sampleXML))
	for _, text := range []string{"<a/>", "<a><b><c>&#65;</c></b></a>", "<a><![CDATA[]]]]></a>", "<!-- --- --><a b='c' d = \"e\"/>", "<a:b></a:b>", "<?x ??><a></a>", "<a><b><_x0049_D/><TO_x0054_AL>1</TO_x0054_AL></b></a>"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range []*outturn.Manifest{nil, wanting()} {
			tally := newTally(m)
			clean(t, readXML(bufio.NewReader(bytes.NewReader(data)), tally), tally)
		}
	})
}

// A workbook may be any archive, and a sheet any text.
func FuzzXLSX(f *testing.F) {
	f.Add(zipped(sampleParts()), sampleParts()["xl/worksheets/sheet1.xml"])
	for _, sheet := range []string{
		"<worksheet><sheetData><row r='1'><c t='inlineStr'><is><t>ID</t></is></c></row><row r='1048576'/></sheetData></worksheet>",
		"<worksheet><sheetData><row><c r='XFD1' t='n'><v>1e400</v></c></row></sheetData></worksheet>",
		"<worksheet><sheetData><row/><row><c><v>9999999999999999</v></c></row></sheetData></worksheet>",
	} {
		f.Add([]byte("PK\x05\x06"), sheet)
	}
	f.Fuzz(func(t *testing.T, data []byte, sheet string) {
		parts := sampleParts()
		parts["xl/worksheets/sheet1.xml"] = sheet
		for _, data := range [][]byte{data, archive(parts, zip.Store)} {
			tally := newTally(wanting())
			clean(t, readXLSX(bytes.NewReader(data), int64(len(data)), 1<<20, tally), tally)
			if tally.rows > 3*maxSheetRows {
				t.Fatalf("%d rows", tally.rows)
			}
		}
	})
}

// Memory does not grow with a file, nor with a field that never ends.
func TestMemoryIsFlat(t *testing.T) {
	const size = 48 << 20
	for _, tt := range []struct {
		name, format, head, again string
	}{
		{"Rows", "csv", "ID,NAME,TOTAL,CUR\r\n", "1,Ann,10.50,EUR\r\n"},
		{"Quote", "csv", "ID,NAME,TOTAL,CUR\r\n1,\"", "and so on "},
		{"Amount", "csv", "ID,NAME,TOTAL,CUR\r\n1,Ann,", "1234567890"},
		{"Header", "csv", "", "and so on "},
		{"Objects", "json", "[\n", `{"ID":1,"NAME":"Ann","TOTAL":"10.50","CUR":"EUR"},` + "\n"},
		{"String", "json", `[{"ID":"`, "and so on "},
		{"Key", "json", `[{"`, "and so on "},
		{"Elements", "xml", "<report>", "<record><ID>1</ID><TOTAL>10.50</TOTAL><CUR>EUR</CUR></record>"},
		{"Text", "xml", "<report><record><TOTAL>", "1234567890"},
		{"Comment", "xml", "<report><!--", "and so on "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			content := bufio.NewReader(io.MultiReader(strings.NewReader(tt.head), io.LimitReader(&repeater{text: tt.again}, size)))
			tally := newTally(wanting())
			read := map[string]func() error{
				"csv":  func() error { return readDelimited(content, "csv", "machine", tally) },
				"json": func() error { return readJSON(content, tally) },
				"xml":  func() error { return readXML(content, tally) },
			}[tt.format]
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			clean(t, read(), tally)
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
				t.Errorf("%d bytes were taken for %d", got, size)
			}
		})
	}
}

type repeater struct {
	text string
	at   int
}

func (r *repeater) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], r.text[r.at:])
		n += k
		r.at = (r.at + k) % len(r.text)
	}
	return n, nil
}

func BenchmarkReaders(b *testing.B) {
	for _, tt := range []struct{ name, head, again string }{
		{"csv", "ID,NAME,TOTAL,CUR\r\n", "1,Ann Somebody of Somewhere,10.50,EUR\r\n"},
		{"json", "[\n", `{"ID":1,"NAME":"Ann Somebody of Somewhere","TOTAL":"10.50","CUR":"EUR"},` + "\n"},
		{"xml", "<report>", "<record><ID>1</ID><NAME>Ann Somebody of Somewhere</NAME><TOTAL>10.50</TOTAL><CUR>EUR</CUR></record>"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(8 << 20)
			for b.Loop() {
				content := bufio.NewReader(io.MultiReader(strings.NewReader(tt.head), io.LimitReader(&repeater{text: tt.again}, 8<<20)))
				tally := newTally(wanting())
				switch tt.name {
				case "csv":
					readDelimited(content, "csv", "machine", tally)
				case "json":
					readJSON(content, tally)
				case "xml":
					readXML(content, tally)
				}
			}
		})
	}
}
