package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/internal/catalog"
)

// What one program wrote is compared with what another did by a checksum of each
// column: of a value together with the first of its row, summed over rows, which may
// come in any order. The readers are the standard library's, and values are spelled
// alike before: see spelling.

// A reading is what was found in a file.
type reading struct {
	rows int
	sums []uint64 // of each column
}

// sameData reads both files, of any format, and returns how many rows they have. The
// second is psql's CSV, whose columns are those of the named data set.
func sameData(ours, theirs, folder, dataset string) (rows int, err error) {
	d, err := openDataset(folder, dataset)
	if err != nil {
		return 0, err
	}
	r := &readback{fields: map[string]outturn.Field{}, seed: maphash.MakeSeed(), coarse: strings.HasSuffix(ours, ".xlsx")}
	for _, f := range d.Fields {
		r.fields[f.Name] = f
	}
	b, err := r.read(theirs)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", theirs, err)
	}
	a, err := r.read(ours)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", ours, err)
	}
	if a.rows != b.rows {
		return 0, fmt.Errorf("%d rows and %d", a.rows, b.rows)
	}
	for i := range a.sums {
		if a.sums[i] != b.sums[i] {
			return 0, fmt.Errorf("values of column %s differ", r.columns[i].Name)
		}
	}
	return a.rows, nil
}

// openDataset finds a data set of a folder, or a built-in one.
func openDataset(folder, name string) (*outturn.Dataset, error) {
	open := catalog.Builtin
	if folder != "" {
		open = func(engine string) (*catalog.Catalog, error) { return catalog.OpenFolder(folder, engine) }
	}
	cat, err := open("postgres")
	if err != nil {
		return nil, err
	}
	return cat.Dataset(name)
}

// A readback reads files whose columns are the same.
type readback struct {
	fields  map[string]outturn.Field
	columns []outturn.Field // in the order of the first file
	at      map[string]int  // by name
	seed    maphash.Seed
	coarse  bool // whether one of the files has no more than milliseconds

	values []string // of the row that is being read; empty for null
	found  reading
}

func (r *readback) read(path string) (reading, error) {
	f, err := os.Open(path)
	if err != nil {
		return reading{}, err
	}
	defer f.Close()
	r.found = reading{}
	in := io.Reader(bufio.NewReaderSize(f, 1<<20))
	if name, ok := strings.CutSuffix(path, ".gz"); ok {
		path = name
		if in, err = gzip.NewReader(in); err != nil {
			return reading{}, err
		}
	}
	switch path[strings.LastIndexByte(path, '.'):] {
	case ".csv":
		err = r.readCSV(in)
	case ".json", ".ndjson":
		err = r.readJSON(in)
	case ".xml":
		err = r.readXML(in)
	case ".xlsx":
		err = r.readXLSX(f)
	}
	return r.found, err
}

// header says which columns follow. All files must have the same.
func (r *readback) header(names []string) error {
	if r.columns == nil {
		r.at = map[string]int{}
		for i, name := range names {
			f, ok := r.fields[name]
			if !ok {
				return fmt.Errorf("the data set has no field %s", name)
			}
			r.columns, r.at[name] = append(r.columns, f), i
		}
		r.values = make([]string, len(names))
	}
	if len(names) != len(r.columns) {
		return fmt.Errorf("%d columns instead of %d", len(names), len(r.columns))
	}
	for i, name := range names {
		if name != r.columns[i].Name {
			return fmt.Errorf("column %d is %s instead of %s", i+1, name, r.columns[i].Name)
		}
	}
	return nil
}

// endRow adds the row in values, which are spelled alike by now, and empties it.
func (r *readback) endRow() {
	if r.found.sums == nil {
		r.found.sums = make([]uint64, len(r.columns))
	}
	r.found.rows++
	first := maphash.String(r.seed, r.values[0])
	var h maphash.Hash
	h.SetSeed(r.seed)
	for i, v := range r.values {
		h.Reset()
		maphash.WriteComparable(&h, first)
		h.WriteString(v)
		r.found.sums[i] += h.Sum64()
	}
	clear(r.values)
}

func (r *readback) readCSV(in io.Reader) error {
	c := csv.NewReader(in)
	c.ReuseRecord = true
	names, err := c.Read()
	if err != nil {
		return err
	}
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
	if err := r.header(names); err != nil {
		return err
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, text := range row {
			if r.values[i], err = r.spell(i, text); err != nil {
				return err
			}
		}
		r.endRow()
	}
}

// readJSON takes an array of objects, or one object after the other.
func (r *readback) readJSON(in io.Reader) error {
	d := json.NewDecoder(in)
	d.UseNumber()
	if first, err := d.Token(); err != nil {
		return err
	} else if first == json.Delim('{') { // the first row of NDJSON
		if err := r.readObject(d); err != nil {
			return err
		}
	}
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if t == json.Delim(']') {
			continue
		}
		if t != json.Delim('{') {
			return fmt.Errorf("%v instead of an object", t)
		}
		if err := r.readObject(d); err != nil {
			return err
		}
	}
}

func (r *readback) readObject(d *json.Decoder) error {
	members := 0
	for ; d.More(); members++ {
		name, err := d.Token()
		if err != nil {
			return err
		}
		i, ok := r.at[name.(string)]
		if !ok {
			return fmt.Errorf("member %v is no column", name)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return err
		}
		switch value := value.(type) {
		case nil:
		case string:
			// Of a JSON column it is a JSON string, whose quotes are gone.
			if r.columns[i].Type == outturn.JSON {
				r.values[i], err = canonicalJSON(value)
			} else {
				r.values[i], err = r.spell(i, value)
			}
		case json.Number:
			r.values[i], err = r.spell(i, value.String())
		default:
			r.values[i], err = canonicalJSON(value)
		}
		if err != nil {
			return err
		}
	}
	if members != len(r.columns) {
		return fmt.Errorf("row %d has %d members", r.found.rows+1, members)
	}
	r.endRow()
	_, err := d.Token()
	return err
}

// readXML takes report/record elements whose names are the columns'; an absent one is
// null.
func (r *readback) readXML(in io.Reader) error {
	d := xml.NewDecoder(in)
	var text []byte
	for depth := 0; ; {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			text = text[:0]
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			switch depth {
			case 3:
				i, ok := r.at[t.Name.Local]
				if !ok {
					return fmt.Errorf("element %s is no column", t.Name.Local)
				}
				if r.values[i], err = r.spell(i, string(text)); err != nil {
					return err
				}
			case 2:
				r.endRow()
			}
			depth--
		}
	}
}

// readXLSX takes the rows of all sheets, for a large table goes on in the next one.
// Text stands in the cells themselves.
func (r *readback) readXLSX(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		sheet, err := z.Open(fmt.Sprintf("xl/worksheets/sheet%d.xml", n))
		if err != nil {
			return nil // there are no more
		}
		err = r.readSheet(bufio.NewReaderSize(sheet, 1<<20))
		if errors.Is(err, errOtherSheet) && n > 1 {
			return nil
		}
		if err := errors.Join(err, sheet.Close()); err != nil {
			return err
		}
	}
}

// errOtherSheet tells a sheet that has other columns: the one about the run.
var errOtherSheet = errors.New("no such columns")

func (r *readback) readSheet(in io.Reader) error {
	d := xml.NewDecoder(in)
	var text []byte
	var header []string
	column, row, kind := 0, 0, ""
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.CharData:
			text = append(text, t...)
		case xml.StartElement:
			if t.Name.Local == "c" {
				text, kind = text[:0], ""
				for _, a := range t.Attr {
					switch a.Name.Local {
					case "r":
						column = columnOf(a.Value)
					case "t":
						kind = a.Value
					}
				}
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "c":
				if row == 0 {
					header = append(header, string(text))
				} else if column >= len(r.values) {
					return fmt.Errorf("row %d has a cell in column %d", row, column+1)
				} else if r.values[column], err = r.spellCell(column, kind, string(text)); err != nil {
					return err
				}
			case "row":
				if row == 0 {
					if err := r.header(header); err != nil {
						return errors.Join(errOtherSheet, err)
					}
				} else {
					r.endRow()
				}
				row++
			}
		}
	}
}

// columnOf returns the index of the column of a reference such as AB12.
func columnOf(reference string) int {
	n := 0
	for i := 0; i < len(reference) && reference[i] >= 'A'; i++ {
		n = n*26 + int(reference[i]-'A') + 1
	}
	return n - 1
}

// spellCell undoes what a workbook makes of days, instants and booleans.
func (r *readback) spellCell(i int, kind, text string) (string, error) {
	if text == "" || kind == "inlineStr" {
		return r.spell(i, text)
	}
	switch r.columns[i].Type {
	case outturn.Bool:
		return strconv.FormatBool(text == "1"), nil
	case outturn.Date, outturn.Time:
		serial, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return "", err
		}
		days := math.Floor(serial)
		at := time.Date(1899, 12, 30+int(days), 0, 0, 0, 0, time.UTC)
		if r.columns[i].Type == outturn.Date {
			return at.Format(time.DateOnly), nil
		}
		return at.Add(time.Duration(math.Round((serial-days)*86_400_000)) * time.Millisecond).Format(time.RFC3339Nano), nil
	}
	return r.spell(i, text)
}

// spell spells a value of a column as all formats are made to: instants in UTC,
// decimals without zeros at the end, JSON with its members sorted.
func (r *readback) spell(i int, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	switch r.columns[i].Type {
	case outturn.Text:
		return strings.ReplaceAll(text, "\r\n", "\n"), nil // encoding/csv reads them as one
	case outturn.Bool:
		b, err := strconv.ParseBool(text)
		return strconv.FormatBool(b), err
	case outturn.Time:
		return r.spellTime(text)
	case outturn.Decimal:
		if strings.Contains(text, ".") {
			text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
		}
	case outturn.JSON:
		var value any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			return "", err
		}
		return canonicalJSON(value)
	}
	return text, nil
}

// spellings of an instant: ours, and psql's with and without a zone.
var spellings = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999"}

func (r *readback) spellTime(text string) (string, error) {
	var at time.Time
	var err error
	for _, layout := range spellings {
		if at, err = time.Parse(layout, text); err == nil {
			break
		}
	}
	if r.coarse {
		at = at.Truncate(time.Millisecond)
	}
	return at.UTC().Format(time.RFC3339Nano), err
}

func canonicalJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

// sameBytes compares two files as they are.
func sameBytes(a, b io.Reader) error {
	ra, rb := bufio.NewReaderSize(a, 1<<20), bufio.NewReaderSize(b, 1<<20)
	for line := 1; ; line++ {
		la, errA := ra.ReadSlice('\n')
		lb, errB := rb.ReadSlice('\n')
		if !bytes.Equal(la, lb) {
			return fmt.Errorf("line %d: %q and %q", line, la, lb)
		}
		if errors.Is(errA, io.EOF) && errors.Is(errB, io.EOF) {
			return nil
		}
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
	}
}
