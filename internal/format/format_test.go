package format_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A cell is a value as the tests know it, apart from how batches keep it.
type cell struct {
	null     bool
	text     string // text, json
	whole    int64  // int, date (days), time (µs)
	unscaled *big.Int
	float    float64
	truth    bool
}

// A table is columns and rows of cells.
type table struct {
	columns []batch.Column
	rows    [][]cell
}

// batches cuts t into batches of at most size rows.
func (t table) batches(size int) []*batch.Batch {
	var list []*batch.Batch
	for start := 0; start < len(t.rows); start += size {
		rows := t.rows[start:min(start+size, len(t.rows))]
		b := new(batch.Batch)
		b.Reset(t.columns)
		for _, row := range rows {
			for c, x := range row {
				appendCell(b, c, x)
			}
		}
		b.SetRows(len(rows))
		list = append(list, b)
	}
	return list
}

func appendCell(b *batch.Batch, c int, x cell) {
	column := b.Columns()[c]
	switch {
	case x.null:
		b.AppendNull(c)
	case column.Type == outturn.Text || column.Type == outturn.JSON:
		batch.AppendText(b, c, x.text)
	case column.Type == outturn.Decimal && x.unscaled.IsInt64():
		b.AppendDecimal(c, x.unscaled.Int64())
	case column.Type == outturn.Decimal:
		b.AppendDigits(c, []byte(plain(x.unscaled, column.Scale)))
	case column.Type == outturn.Float:
		b.AppendFloat(c, x.float)
	case column.Type == outturn.Bool:
		b.AppendBool(c, x.truth)
	default:
		b.AppendInt(c, x.whole)
	}
}

func plain(unscaled *big.Int, scale int) string {
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return new(big.Rat).SetFrac(unscaled, ten).FloatString(scale)
}

// write renders t and returns the file.
func write(t interface{ Fatalf(string, ...any) }, name string, data table, o format.Options, size int) ([]byte, outturn.Notes) {
	var file bytes.Buffer
	o.Columns = data.columns
	w, err := format.New(name, &file, o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for _, b := range data.batches(size) {
		if err := w.Write(b); err != nil {
			t.Fatalf("Write: %v", err)
		}
	}
	summary, err := w.Close()
	if err != nil {
		t.Fatalf("Close: %v", err)
	}
	return file.Bytes(), summary.Notes
}

// spelled is what a cell should read as, by the standard library's means. It does
// not know floats, which are compared by value.
func spelled(c batch.Column, x cell, zone *time.Location) string {
	switch c.Type {
	case outturn.Text, outturn.JSON:
		return x.text
	case outturn.Int:
		return strconv.FormatInt(x.whole, 10)
	case outturn.Decimal:
		return plain(x.unscaled, c.Scale)
	case outturn.Bool:
		return fmt.Sprint(x.truth)
	case outturn.Date:
		return time.Unix(x.whole*86400, 0).UTC().Format(time.DateOnly)
	case outturn.Time:
		return spelledTime(x.whole, c.Scale, zone)
	}
	panic("no spelling")
}

func spelledTime(micros int64, scale int, zone *time.Location) string {
	t := time.UnixMicro(micros).In(zone)
	if _, offset := t.Zone(); offset%60 != 0 || t.Year() < 1 || t.Year() > 9999 {
		t = t.UTC()
	}
	layout := "2006-01-02T15:04:05"
	if scale > 0 {
		layout += "." + strings.Repeat("0", scale)
	}
	return t.Format(layout + "Z07:00")
}

var (
	firstDay, lastDay = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix() / 86400

	// texts favours what formats trip over.
	texts = rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.SampledFrom([]rune("ab \",;'\r\n\t\\\x00\x1f\x7f=+-@é€\u0085\u2028\u2029\u00a0\ufeff\uffff\ufffe\ufffd<>&＝日\U0001F600{}[]:.")), 0, 30, -1),
		rapid.SampledFrom([]string{"", " ", `"`, `""`, "NULL", "null", `\N`, `\.`, "00042", "0123456789012345678901", "\ufeff", "1,5", "]]>", "&amp;", "<!--"}),
	)
	wholes = rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, 9, 10, 99_999_999, 100_000_000, 1e16 - 1, 1e16, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1}))
	digits = rapid.Custom(func(t *rapid.T) *big.Int {
		x, _ := new(big.Int).SetString(rapid.StringMatching(`-?[0-9]{1,38}`).Draw(t, "digits"), 10)
		return x
	})
	floats = rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 0.1, 1e21, 1e-7, 5e-324, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1)}))
)

func jsonTexts(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		space := rapid.SampledFrom([]string{"", "", " ", "\n", "\r\n\t"}).Draw(t, "space")
		kind := rapid.IntRange(0, 6).Draw(t, "kind")
		if depth == 0 {
			kind %= 5
		}
		str := func() string { s, _ := json.Marshal(texts.Draw(t, "s")); return string(s) }
		raw := func() string { // line ends that json.Marshal would have escaped
			return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(str())
		}
		switch kind {
		case 0:
			return space + rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "n") + space
		case 1:
			return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "word")
		case 2, 3:
			return space + str()
		case 4:
			return raw()
		case 5:
			return "[" + space + strings.Join(rapid.SliceOfN(jsonTexts(depth-1), 0, 3).Draw(t, "items"), ","+space) + "]"
		}
		var members []string
		for _, v := range rapid.SliceOfN(jsonTexts(depth-1), 0, 3).Draw(t, "values") {
			members = append(members, str()+space+":"+v)
		}
		return "{" + space + strings.Join(members, ",") + "}" + space
	})
}

func cells(c batch.Column) *rapid.Generator[cell] {
	return rapid.Custom(func(t *rapid.T) cell {
		if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
			return cell{null: true}
		}
		switch c.Type {
		case outturn.Text:
			return cell{text: texts.Draw(t, "text")}
		case outturn.JSON:
			return cell{text: jsonTexts(2).Draw(t, "json")}
		case outturn.Int:
			return cell{whole: wholes.Draw(t, "int")}
		case outturn.Decimal:
			return cell{unscaled: digits.Draw(t, "decimal")}
		case outturn.Float:
			return cell{float: floats.Draw(t, "float")}
		case outturn.Bool:
			return cell{truth: rapid.Bool().Draw(t, "bool")}
		case outturn.Date:
			return cell{whole: rapid.Int64Range(firstDay, lastDay).Draw(t, "date")}
		default:
			return cell{whole: rapid.Int64Range(firstDay*86400_000_000, (lastDay+1)*86400_000_000-1).Draw(t, "time")}
		}
	})
}

var tables = rapid.Custom(func(t *rapid.T) table {
	var data table
	for i := range rapid.IntRange(1, 8).Draw(t, "columns") {
		c := batch.Column{Name: fmt.Sprintf("c%d", i), Type: rapid.SampledFrom(outturn.Types).Draw(t, "type")}
		switch c.Type {
		case outturn.Decimal:
			c.Scale = rapid.IntRange(0, outturn.MaxScale).Draw(t, "scale")
		case outturn.Time:
			c.Scale = rapid.IntRange(0, outturn.MaxTimeScale).Draw(t, "scale")
		}
		data.columns = append(data.columns, c)
	}
	for range rapid.IntRange(0, 12).Draw(t, "rows") {
		var row []cell
		for _, c := range data.columns {
			row = append(row, cells(c).Draw(t, "cell"))
		}
		data.rows = append(data.rows, row)
	}
	return data
})

var zones = rapid.Custom(func(t *rapid.T) *time.Location {
	return zone(t, rapid.SampledFrom(zoneNames).Draw(t, "zone"))
})

func zone(t interface{ Fatalf(string, ...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return z
}

func TestCSVReadsBack(t *testing.T) {
	reader := startPython(t)
	for _, dialect := range []struct {
		format, name, delimiter string
		read                    string // read.py's name of it
		bom, guard              bool
		point                   string
	}{
		{"csv", "machine", ",", "csv", false, false, "."},
		{"csv", "spreadsheet", ",", "csv", true, true, "."},
		{"csv", "semicolon", ";", "csv", true, true, ","},
		{"tsv", "machine", "\t", "csv", false, false, "."},
		{"tsv", "utf16", "\t", "utf16", true, false, "."},
	} {
		t.Run(dialect.format+"/"+dialect.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				data, zone := tables.Draw(t, "table"), zones.Draw(t, "zone")
				o := format.Options{Dialect: dialect.name, Zone: zone, Workers: 2}
				file, notes := write(t, dialect.format, data, o, rapid.IntRange(1, 5).Draw(t, "size"))
				rows := reader.read(t, dialect.read, dialect.delimiter, dialect.bom, file)
				if len(rows) != len(data.rows)+1 {
					t.Fatalf("got %d lines for %d rows and a header: %q", len(rows), len(data.rows), file)
				}
				guarded := int64(0)
				for r, row := range rows[1:] {
					for c, got := range row.([]any) {
						x, column := data.rows[r][c], data.columns[c]
						if x.null {
							// A file of one column spells null "".
							if got != nil && !(len(data.columns) == 1 && got == "") {
								t.Fatalf("row %d, %v: got %q, want null", r, column, got)
							}
							continue
						}
						text, ok := got.(string)
						if !ok {
							t.Fatalf("row %d, %v: got null, want %+v", r, column, x)
						}
						want := ""
						switch column.Type {
						case outturn.Float:
							back, err := strconv.ParseFloat(strings.Replace(text, dialect.point, ".", 1), 64)
							if err != nil || back != x.float && !(math.IsNaN(back) && math.IsNaN(x.float)) {
								t.Fatalf("row %d: got %q for %v", r, text, x.float)
							}
							continue
						case outturn.Decimal:
							want = strings.Replace(spelled(column, x, zone), ".", dialect.point, 1)
						case outturn.Text, outturn.JSON:
							want = x.text
							if dialect.guard && strings.HasPrefix(text, "'") && !strings.HasPrefix(want, "'") {
								want = "'" + want
								guarded++
							}
						default:
							want = spelled(column, x, zone)
						}
						if text != want {
							t.Fatalf("row %d, %v: got %q, want %q", r, column, text, want)
						}
					}
				}
				if notes.Guarded != guarded {
					t.Fatalf("noted %d guarded cells, found %d", notes.Guarded, guarded)
				}
			})
		})
	}
}

// A first heading that begins with U+FEFF is not taken for a byte order mark: it is
// in quotes, or comes after one.
func TestHeadingLikeAMark(t *testing.T) {
	data := table{columns: []batch.Column{{Name: "\uFEFFid", Type: outturn.Int}, {Name: "\uFEFFb", Type: outturn.Int}}, rows: [][]cell{{{whole: 1}, {whole: 2}}}}
	for _, tt := range []struct{ format, dialect, want string }{
		{"csv", "machine", "\"\uFEFFid\",\uFEFFb\r\n1,2\r\n"},
		{"csv", "spreadsheet", "\uFEFF\uFEFFid,\uFEFFb\r\n1,2\r\n"},
		{"csv", "postgres", "\uFEFFid,\uFEFFb\n1,2\n"}, // as COPY writes it
		{"tsv", "machine", "\"\uFEFFid\"\t\uFEFFb\r\n1\t2\r\n"},
	} {
		if got, _ := write(t, tt.format, data, format.Options{Dialect: tt.dialect}, 1); string(got) != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.format, tt.dialect, got, tt.want)
		}
	}
}

func TestJSONReadsBack(t *testing.T) {
	reader := startPython(t)
	for _, name := range []string{"json", "ndjson"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				data, zone := tables.Draw(t, "table"), zones.Draw(t, "zone")
				o := format.Options{Zone: zone, Workers: 2, JSONNumbers: rapid.Bool().Draw(t, "numbers")}
				file, _ := write(t, name, data, o, rapid.IntRange(1, 5).Draw(t, "size"))
				if !json.Valid(file) && name == "json" {
					t.Fatalf("encoding/json does not take it: %s", file)
				}
				rows := reader.read(t, name, "", false, file)
				if len(rows) != len(data.rows) {
					t.Fatalf("got %d rows, want %d: %s", len(rows), len(data.rows), file)
				}
				for r, row := range rows {
					members := row.(map[string]any)["o"].([]any)
					if len(members) != len(data.columns) {
						t.Fatalf("got %d members, want %d", len(members), len(data.columns))
					}
					for c, member := range members {
						column, x := data.columns[c], data.rows[r][c]
						pair := member.([]any)
						if pair[0] != column.Name {
							t.Fatalf("member %d is %v, want %s", c, pair[0], column.Name)
						}
						if err := sameJSON(pair[1], column, x, o); err != nil {
							t.Fatalf("row %d, %v: %v", r, column, err)
						}
					}
				}
			})
		})
	}
}

func TestXMLReadsBack(t *testing.T) {
	reader := startPython(t)
	rapid.Check(t, func(t *rapid.T) {
		data, zone := tables.Draw(t, "table"), zones.Draw(t, "zone")
		file, notes := write(t, "xml", data, format.Options{Zone: zone, Workers: 2}, rapid.IntRange(1, 5).Draw(t, "size"))
		rows := reader.read(t, "xml", "", false, file)
		if len(rows) != len(data.rows) {
			t.Fatalf("got %d records, want %d: %s", len(rows), len(data.rows), file)
		}
		replaced := int64(0)
		for r, row := range rows {
			elements := row.([]any)
			for c, x := range data.rows[r] {
				if x.null {
					continue
				}
				column := data.columns[c]
				if len(elements) == 0 {
					t.Fatalf("row %d has no %s", r, column.Name)
				}
				element := elements[0].([]any)
				elements = elements[1:]
				text := element[1].(string)
				if element[0] != column.Name {
					t.Fatalf("row %d: got the element %s, want %s", r, element[0], column.Name)
				}
				if column.Type == outturn.Float {
					if back, err := strconv.ParseFloat(text, 64); err != nil || back != x.float && !(math.IsNaN(back) && math.IsNaN(x.float)) {
						t.Fatalf("row %d: got %q for %v", r, text, x.float)
					}
					continue
				}
				want, n := carried(spelled(column, x, zone))
				replaced += n
				if text != want {
					t.Fatalf("row %d, %v: got %q, want %q", r, column, text, want)
				}
			}
			if len(elements) > 0 {
				t.Fatalf("row %d has elements for nulls: %v", r, elements)
			}
		}
		if notes.Replaced != replaced {
			t.Fatalf("noted %d replaced characters, want %d", notes.Replaced, replaced)
		}
	})
}

// carried returns a text without what XML 1.0 cannot carry, by its own list of
// characters, and how many those were.
func carried(text string) (_ string, replaced int64) {
	return strings.Map(func(c rune) rune {
		switch {
		case c == 0x9 || c == 0xa || c == 0xd, 0x20 <= c && c <= 0xd7ff, 0xe000 <= c && c <= 0xfffd, 0x10000 <= c && c <= 0x10ffff:
			return c
		}
		replaced++
		return 0xfffd
	}, text), replaced
}

// sameJSON compares a value that Python read with the cell it was written from.
func sameJSON(got any, c batch.Column, x cell, o format.Options) error {
	var want any
	switch {
	case x.null:
	case c.Type == outturn.JSON:
		d := json.NewDecoder(strings.NewReader(x.text))
		d.UseNumber()
		v, err := tokens(d)
		if err != nil {
			return err
		}
		want = v
	case c.Type == outturn.Float:
		return sameFloat(got, x.float)
	case c.Type == outturn.Bool:
		want = map[string]any{"b": x.truth}
	case c.Type == outturn.Int, c.Type == outturn.Decimal && o.JSONNumbers:
		want = map[string]any{"n": spelled(c, x, o.Zone)}
	default:
		want = map[string]any{"s": spelled(c, x, o.Zone)}
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

func sameFloat(got any, want float64) error {
	v, _ := got.(map[string]any)
	text, isNumber := v["n"].(string)
	if special := math.IsNaN(want) || math.IsInf(want, 0); special == isNumber {
		return fmt.Errorf("got %v for %v", got, want)
	} else if special {
		text, _ = v["s"].(string)
	}
	back, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Float64bits(back) != math.Float64bits(want) && !math.IsNaN(want) {
		return fmt.Errorf("got %v for %v", got, want)
	}
	return nil
}

// tokens reads a JSON value in read.py's spelling by encoding/json.
func tokens(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Number:
		return map[string]any{"n": v.String()}, nil
	case string:
		return map[string]any{"s": v}, nil
	case bool:
		return map[string]any{"b": v}, nil
	case json.Delim:
		list := []any{}
		for d.More() {
			item, err := tokens(d)
			if err != nil {
				return nil, err
			}
			if v == '{' {
				value, err := tokens(d)
				if err != nil {
					return nil, err
				}
				item = []any{item.(map[string]any)["s"], value}
			}
			list = append(list, item)
		}
		d.Token()
		if v == '{' {
			return map[string]any{"o": list}, nil
		}
		return list, nil
	}
	return nil, nil
}
