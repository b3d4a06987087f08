package format_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

// An xmlElement is what encoding/xml reads of a cell.
type xmlElement struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
}

// readXML reads a report by encoding/xml.
func readXML(t testing.TB, file []byte) [][]xmlElement {
	t.Helper()
	var report struct {
		XMLName xml.Name `xml:"report"`
		Records []struct {
			XMLName  xml.Name
			Elements []xmlElement `xml:",any"`
		} `xml:",any"`
	}
	d := xml.NewDecoder(bytes.NewReader(file))
	if err := d.Decode(&report); err != nil {
		t.Fatalf("%v\n%.2000q", err, file)
	}
	if rest, err := d.Token(); err != io.EOF && string(rest.(xml.CharData)) != "\n" {
		t.Fatalf("after the report: %v, %v", rest, err)
	}
	var rows [][]xmlElement
	for _, r := range report.Records {
		if r.XMLName.Local != "record" {
			t.Fatalf("a report of %s", r.XMLName.Local)
		}
		rows = append(rows, r.Elements)
	}
	return rows
}

// What must be escaped or replaced stands at each place of texts around the length
// of one and two words.
func TestXMLEscapes(t *testing.T) {
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;",
		"\x00", "\ufffd", "\x0b", "\ufffd", "\x1f", "\ufffd", "\ufffe", "\ufffd", "\uffff", "\ufffd")
	data := table{columns: []batch.Column{{Name: "a", Type: outturn.Text}}}
	var want strings.Builder
	replaced := int64(0)
	add := func(text string) {
		data.rows = append(data.rows, []cell{{text: text}})
		want.WriteString("<record><a>" + escaped.Replace(text) + "</a></record>\n")
		_, n := carried(text)
		replaced += n
	}
	for size := range 36 {
		for _, c := range []string{
			"&", "<", ">", "]]>", "\r", "\r\n", "\x00", "\x0b", "\x1f", "\ufffe", "\uffff", // to be escaped or replaced
			"\t", "\n", " ", `"`, "'", "=", "?", "$", "\x7f", "\u0085", "\u00a0", "\u2028", "\ufffd", "\uff1c", "\ufeff", "\U0001fffe", "日", // not
		} {
			for i := range size + 1 {
				add(strings.Repeat("x", i) + c + strings.Repeat("y", size-i))
			}
		}
	}
	for _, c := range []string{"&", "\x00", "x", "\uffff"} { // longer than the buffers
		add(strings.Repeat(c, 300_000))
	}
	file, notes := write(t, "xml", data, format.Options{}, 1000)
	got := strings.TrimSuffix(strings.TrimPrefix(string(file), xml.Header+"<report>\n"), "</report>\n")
	if got != want.String() {
		a, b := strings.SplitAfter(got, "</record>"), strings.SplitAfter(want.String(), "</record>")
		for i := range b {
			if a[i] != b[i] {
				t.Fatalf("got %.200q, want %.200q", a[i], b[i])
			}
		}
		t.Fatal("got more than wanted")
	}
	if notes.Replaced != replaced {
		t.Errorf("noted %d replaced characters, want %d", notes.Replaced, replaced)
	}
}

func TestXMLNames(t *testing.T) {
	long := strings.Repeat("long_", 50)
	for column, want := range map[string]string{
		"INVOICE_ID": "INVOICE_ID", "a-b.c": "a-b.c", "_": "_", "x2": "x2", "größe": "größe", "Сумма": "Сумма", "価格": "価格", "データー": "データー",
		"_x0020_": "_x0020_", "ax": "ax", "axml": "axml", "record": "record", "report": "report", long: long,
		"count(*)": "count_x0028__x002A__x0029_", "net total": "net_x0020_total", "2024": "_x0032_024", "-a": "_x002D_a", ".a": "_x002E_a",
		"ns:a": "ns_x003A_a", ":": "_x003A_", "": "_", " ": "_x0020_", "<a>": "_x003C_a_x003E_", "a&b": "a_x0026_b",
		"xml": "_x0078_ml", "XMLDATA": "_x0058_MLDATA", "xMl_": "_x0078_Ml_", "xm": "xm",
		"\x00": "_x0000_", "😀": "_x01F600_", "e\u0301": "e\u0301", "\u0301e": "_x0301_e", "\uffff": "_xFFFF_",
	} {
		data := table{[]batch.Column{{Name: column, Type: outturn.Int}, {Name: "other", Type: outturn.Text}}, [][]cell{{{whole: 1}, {text: "<"}}, {{whole: 2}, {null: true}}}}
		file, _ := write(t, "xml", data, format.Options{}, 2)
		if line := fmt.Sprintf("\n<record><%s>1</%s><other>&lt;</other></record>\n<record><%s>2</%s></record>\n", want, want, want, want); !strings.Contains(string(file), line) {
			t.Errorf("%q: got %s, want %s", column, file, line)
		}
	}
}

// Every character may be in a name, at its start and later, and parsers of more
// than one edition of XML read the file.
func TestXMLNamesOfEveryCharacter(t *testing.T) {
	reader := startPython(t)
	const step = 0x800
	for first := rune(0); first < 0x11000; first += step {
		var data table
		row := []cell{}
		for c := first; c < first+step; c++ {
			if !utf8.ValidRune(c) {
				continue
			}
			for _, name := range []string{string(c), "a" + string(c)} {
				data.columns = append(data.columns, batch.Column{Name: name, Type: outturn.Int})
				row = append(row, cell{whole: int64(c)})
			}
		}
		data.rows = [][]cell{row}
		file, _ := write(t, "xml", data, format.Options{Workers: 1}, 1)
		if rows := readXML(t, file); len(rows[0]) != len(row) {
			t.Errorf("from %U: encoding/xml reads %d elements, want %d", first, len(rows[0]), len(row))
		}
		rows := reader.read(t, "xml", "", false, file)
		if got := rows[0].([]any); len(got) != len(row) {
			t.Errorf("from %U: Python reads %d elements, want %d", first, len(got), len(row))
		}
	}
}

func TestXMLWithoutColumns(t *testing.T) {
	file, _ := write(t, "xml", table{rows: [][]cell{{}, {}, {}}}, format.Options{}, 2)
	if want := xml.Header + "<report>\n" + strings.Repeat("<record></record>\n", 3) + "</report>\n"; string(file) != want {
		t.Errorf("got %q", file)
	}
}

func FuzzXML(f *testing.F) {
	fuzzSeeds(f)
	for _, s := range []string{"]]>", "<&>", "xml", "a:b", "\ufffe\uffff", "&#13;", "größe"} {
		f.Add(s, "12345678"+s, s+"1234567")
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || !utf8.ValidString(c) {
			t.Skip("batches hold valid UTF-8")
		}
		rows := [][]cell{{{text: a}, {text: b}, {text: c}}, {{text: c}, {null: true}, {text: a}}}
		// The texts are names of columns, too.
		columns := []batch.Column{{Name: a, Type: outturn.Text}, {Name: b, Type: outturn.Text}, {Name: c, Type: outturn.Text}}
		if err := format.Check("xml", format.Options{Columns: columns}); outturn.ErrorCode(err) == outturn.CodeInvalid {
			columns = textColumns
		} else if err != nil {
			t.Fatal(err)
		}
		file, notes := write(t, "xml", table{columns, rows}, format.Options{Workers: 1}, 2)
		read := readXML(t, file)
		if len(read) != 2 || len(read[0]) != 3 || len(read[1]) != 2 {
			t.Fatalf("%q %q %q became %s", a, b, c, file)
		}
		replaced := int64(0)
		for i, text := range []string{a, b, c, c, a} {
			want, n := carried(text)
			replaced += n
			if got := append(read[0], read[1]...)[i].Text; got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
		if notes.Replaced != replaced {
			t.Fatalf("noted %d replaced characters, want %d", notes.Replaced, replaced)
		}
	})
}
