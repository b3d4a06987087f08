package verify

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
)

const (
	maxParts     = 4096
	maxDirectory = 1 << 20 // bytes read to find out what is in the archive
	maxSheetRows = 1_048_576
	maxSheetCols = 16_384
	maxShared    = 128 << 20 // bytes of shared strings, which have to be held
	maxSheetText = 32_767    // UTF-16 code units in a cell
)

// A workbook is an XLSX file: a zip archive of XML parts.
type workbook struct {
	parts  map[string]*zip.File
	limit  int64
	left   int64 // that may still come out
	t      *tally
	shared sharedStrings
}

// readXLSX reads the sheets named Data, Data 2 and so on as one table; where none
// is called so, all sheets.
func readXLSX(file io.ReaderAt, size, limit int64, t *tally) error {
	w := &workbook{limit: limit, left: limit, t: t}
	if err := w.open(file, size); err != nil {
		return err
	}
	book, err := w.findBook()
	if err != nil {
		return err
	}
	sheets, err := w.findSheets(book)
	if err != nil {
		return err
	}
	if err := w.readShared(book); err != nil {
		return err
	}
	t.spelling, t.most = spelling{point: '.'}, maxSheetText
	read := map[string]bool{}
	for i, s := range dataSheets(sheets) {
		if read[s.part] {
			return damaged("Two sheets of the workbook are one and the same part, %s.", s.part)
		}
		read[s.part] = true
		if err := w.readSheet(s, i == 0); err != nil {
			return err
		}
	}
	return w.readRest(read)
}

// open reads the archive's directory, and no more of it than a workbook needs.
func (w *workbook) open(file io.ReaderAt, size int64) error {
	guard := &directoryReader{r: file, left: maxDirectory}
	z, err := zip.NewReader(guard, size)
	switch {
	case errors.Is(err, errDirectory):
		return damaged("The zip archive has too many parts for a workbook.")
	case err != nil:
		return damaged("The zip archive is damaged or cut off: its directory, which stands at the end, cannot be read.")
	case len(z.File) > maxParts:
		return damaged("The zip archive has %s parts, which is too many for a workbook.", group(int64(len(z.File))))
	}
	guard.left = -1
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	w.parts = map[string]*zip.File{}
	for _, f := range z.File {
		name := strings.ToLower(strings.TrimPrefix(f.Name, "/"))
		if w.parts[name] != nil {
			return damaged("The zip archive has two parts called %s.", shown([]byte(f.Name)))
		}
		w.parts[name] = f
	}
	return nil
}

var errDirectory = errors.New("the directory is too large")

// A directoryReader stops a reader that wants too much of a file.
type directoryReader struct {
	r    io.ReaderAt
	left int64 // -1: enough has been seen to trust it
}

func (d *directoryReader) ReadAt(p []byte, off int64) (int, error) {
	if d.left >= 0 {
		if d.left -= int64(len(p)); d.left < 0 {
			d.left = 0
			return 0, errDirectory
		}
	}
	return d.r.ReadAt(p, off)
}

// A part is one of the archive's files being read.
type part struct {
	w    *workbook
	name string
	r    io.ReadCloser
}

// part opens a part. Where it ends, its checksum has been compared.
func (w *workbook) part(name string) (*part, error) {
	f := w.parts[strings.ToLower(name)]
	if f == nil {
		return nil, damaged("The workbook has no part %s.", shown([]byte(name)))
	}
	p := &part{w: w, name: f.Name}
	r, err := f.Open()
	if err != nil {
		return nil, p.damage(err)
	}
	p.r = r
	return p, nil
}

func (p *part) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.w.left -= int64(n); p.w.left < 0 {
		return 0, tooMuch(p.w.limit)
	}
	if err != nil && err != io.EOF {
		err = p.damage(err)
	}
	return n, err
}

func (p *part) damage(err error) error {
	switch {
	case errors.Is(err, zip.ErrAlgorithm):
		return damaged("%s: the part is compressed in a way that is not known here.", p.name)
	case errors.Is(err, zip.ErrChecksum):
		return damaged("%s: the part is damaged: its checksum does not fit.", p.name)
	}
	return damaged("%s: the part is damaged: it cannot be unpacked.", p.name)
}

// explain puts the part's name before what is wrong in it.
func (p *part) explain(err error) error {
	var d damage
	if errors.As(err, &d) && !strings.HasPrefix(string(d), p.name) && !strings.HasPrefix(string(d), "More than") {
		return damaged("%s: %s", p.name, string(d))
	}
	return err
}

// read passes every element of a part to use.
func (w *workbook) read(name string, use func(*markup) error) error {
	p, err := w.part(name)
	if err != nil {
		return err
	}
	defer p.r.Close()
	m := newMarkup(p)
	for {
		kind, err := m.next()
		if err != nil {
			return p.explain(err)
		}
		switch kind {
		case tokenEnd:
			if m.in.bad() {
				return damaged("%s: the part holds bytes that are not UTF-8.", p.name)
			}
			return nil
		case startElement:
			if err := use(m); err != nil {
				return p.explain(err)
			}
		}
	}
}

// A relation is what one part says about another.
type relation struct{ id, kind, target string }

// relations reads what a part refers to. A part need not refer to anything.
func (w *workbook) relations(of string) (list []relation, err error) {
	dir, file := path.Split(of)
	name := dir + "_rels/" + file + ".rels"
	if w.parts[strings.ToLower(name)] == nil {
		return nil, nil
	}
	err = w.read(name, func(m *markup) error {
		if string(m.name) != "Relationship" || string(m.attr("TargetMode")) == "External" {
			return nil
		}
		if len(list) == maxParts {
			return damaged("there are more than %s relations.", group(maxParts))
		}
		target := string(m.attr("Target"))
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/", dir, target)
		}
		kind := string(m.attr("Type"))
		list = append(list, relation{string(m.attr("Id")), kind[strings.LastIndex(kind, "/")+1:], strings.TrimPrefix(path.Clean(target), "/")})
		return nil
	})
	return list, err
}

// findBook returns the part that lists the sheets.
func (w *workbook) findBook() (string, error) {
	list, err := w.relations("")
	if err != nil {
		return "", err
	}
	for _, r := range list {
		if r.kind == "officeDocument" {
			return r.target, nil
		}
	}
	return "", damaged("The zip archive is no workbook: nothing in it says where one is.")
}

type sheet struct{ name, part string }

func (w *workbook) findSheets(book string) (sheets []sheet, err error) {
	list, err := w.relations(book)
	if err != nil {
		return nil, err
	}
	err = w.read(book, func(m *markup) error {
		if string(m.name) != "sheet" || m.depth() != 3 {
			return nil
		}
		if len(sheets) == maxParts {
			return damaged("there are more than %s sheets.", group(maxParts))
		}
		s := sheet{name: string(m.attr("name"))}
		id := string(m.attr("r:id"))
		for _, a := range m.attrs { // the prefix may be another
			if bytes.HasSuffix(a.name, []byte(":id")) {
				id = string(a.value)
			}
		}
		i := slices.IndexFunc(list, func(r relation) bool { return r.id == id })
		if i < 0 {
			return damaged("the sheet %s leads to no part.", shown([]byte(s.name)))
		}
		if s.part = list[i].target; list[i].kind == "worksheet" { // a chart has a sheet too
			sheets = append(sheets, s)
		}
		return nil
	})
	if err == nil && len(sheets) == 0 {
		err = damaged("The workbook has no sheet.")
	}
	return sheets, err
}

var dataSheet = regexp.MustCompile(`^Data( [0-9]+)?$`)

func dataSheets(sheets []sheet) []sheet {
	var data []sheet
	for _, s := range sheets {
		if dataSheet.MatchString(s.name) {
			data = append(data, s)
		}
	}
	if len(data) == 0 {
		return sheets
	}
	return data
}

// readRest reads the parts that hold no rows, for their checksums.
func (w *workbook) readRest(read map[string]bool) error {
	for name := range read {
		read[strings.ToLower(name)] = true
	}
	for name, f := range w.parts {
		if read[name] || strings.HasSuffix(name, "/") {
			continue
		}
		p, err := w.part(f.Name)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, p)
		if err := errors.Join(err, p.r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// sharedStrings are the texts that cells refer to by number, in a workbook that
// another program has saved. They are all that has to be held.
type sharedStrings struct {
	text []byte
	ends []uint32
}

func (s *sharedStrings) at(i int) ([]byte, bool) {
	if i < 0 || i >= len(s.ends) {
		return nil, false
	}
	start := uint32(0)
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.text[start:s.ends[i]], true
}

// room is how many bytes of the next text are held. Of the first ones it is all: the
// header, which programs write first, may have long names.
func (s *sharedStrings) room() int {
	if len(s.text) < maxHeader {
		return maxHeader
	}
	return maxCell
}

func (w *workbook) readShared(book string) error {
	list, err := w.relations(book)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(r relation) bool { return r.kind == "sharedStrings" })
	if i < 0 {
		return nil
	}
	p, err := w.part(list[i].target)
	if err != nil {
		return err
	}
	defer p.r.Close()
	s := &w.shared
	m := newMarkup(p)
	var one richText
	var raw []byte
	m.text = func(text []byte) {
		if room := s.room() - len(raw); one.inText && room > 0 {
			raw = append(raw, text[:min(len(text), room)]...)
		}
	}
	for {
		kind, err := m.next()
		if err != nil {
			return p.explain(err)
		}
		switch {
		case kind == tokenEnd:
			return nil
		case kind == startElement && m.depth() == 2 && string(m.name) != "si":
			if err := m.skipElement(); err != nil {
				return p.explain(err)
			}
		case kind == startElement && m.depth() > 2:
			one.start(m)
		case kind == endElement && m.depth() >= 2:
			one.end(m)
		case kind == endElement && m.depth() == 1:
			s.text = unescape(s.text, raw)
			raw = raw[:0]
			s.ends = append(s.ends, uint32(len(s.text)))
			if len(s.text)+4*len(s.ends) > maxShared {
				return damaged("%s: there is more shared text than can be held (%s bytes).", p.name, group(maxShared))
			}
		}
	}
}

// A richText tells which of the elements below an si or an is hold its text: t,
// and t in a run r, but not the phonetic ones in rPh.
type richText struct {
	inText   bool
	phonetic bool
}

func (r *richText) start(m *markup) {
	switch string(m.name) {
	case "rPh":
		r.phonetic = true
	case "t":
		r.inText = !r.phonetic
	}
}

func (r *richText) end(m *markup) {
	switch string(m.name) {
	case "rPh":
		r.phonetic = false
	case "t":
		r.inText = false
	}
}

// unescape appends text with every _x0041_ made the character it stands for.
func unescape(dst, text []byte) []byte {
	for {
		i := bytes.Index(text, []byte("_x"))
		if i < 0 || i+7 > len(text) {
			return append(dst, text...)
		}
		code, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		if err != nil || text[i+6] != '_' {
			dst = append(dst, text[:i+2]...)
			text = text[i+2:]
			continue
		}
		dst = append(dst, text[:i]...)
		dst = utf8.AppendRune(dst, rune(code))
		text = text[i+7:]
	}
}

// A sheetReader reads the rows of one sheet.
type sheetReader struct {
	w     *workbook
	t     *tally
	m     *markup
	sheet sheet
	first bool // of the sheets

	names  []string
	size   int
	row    int64 // its number in the sheet
	gap    int64 // rows left out before it that nothing has followed yet
	hollow int64 // rows without a cell since then
	from   int64 // the first row left out
	column int   // of the cell being read; -1: none
	last   int   // column of the row

	kind   []byte // the cell's type
	inText bool   // in v
	rich   richText
	raw    []byte
	long   bool
	keep   bool
	given  bool // the cell has a value
	told   bool // of a fault in this row
}

func (w *workbook) readSheet(s sheet, first bool) error {
	p, err := w.part(s.part)
	if err != nil {
		return err
	}
	defer p.r.Close()
	r := &sheetReader{w: w, t: w.t, m: newMarkup(p), sheet: s, first: first, column: -1}
	r.m.text = r.text
	if err := r.read(); err != nil {
		return p.explain(err)
	}
	if r.row == 0 {
		return damaged("The sheet %s has no header.", s.name)
	}
	if r.m.in.bad() {
		r.t.faults.add("The sheet %s holds bytes that are not UTF-8.", s.name)
	}
	return nil
}

func (r *sheetReader) text(text []byte) {
	if !r.keep || !r.inText && !r.rich.inText {
		return
	}
	most := maxCell
	if r.header() {
		most = maxHeader + 1 // endCell refuses what has more
	}
	if room := most - len(r.raw); len(text) > room {
		text, r.long = text[:room], true
	}
	r.raw = append(r.raw, text...)
}

// read goes down worksheet, sheetData, row, c, and in a cell v, f or is.
func (r *sheetReader) read() error {
	m := r.m
	for {
		kind, err := m.next()
		if err != nil || kind == tokenEnd {
			return err
		}
		depth := m.depth()
		if kind == startElement {
			switch {
			case depth == 1 && string(m.name) != "worksheet":
				return damaged("The part is no sheet.")
			case depth == 2 && string(m.name) != "sheetData", depth == 3 && string(m.name) != "row", depth == 4 && string(m.name) != "c":
				err = m.skipElement()
			case depth == 3:
				err = r.startRow()
			case depth == 4:
				err = r.startCell()
			case depth == 5:
				r.startValue()
			case depth > 5:
				r.rich.start(m)
			}
		} else {
			switch depth { // what has ended lay one deeper
			case 2:
				err = r.endRow()
			case 3:
				err = r.endCell()
			case 4:
				r.inText = false
			case 5, 6, 7:
				r.rich.end(m)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (r *sheetReader) startRow() error {
	next := r.row + 1
	if text := r.m.attr("r"); text != nil {
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil || n < next || n > maxSheetRows {
			return damaged("The row after row %d of the sheet %s has the number %s.", r.row, r.sheet.name, shown(text))
		}
		next = n
	}
	if r.row == 0 && next > 1 {
		return damaged("The sheet %s has no header: its first row has the number %d.", r.sheet.name, next)
	}
	if next > r.row+1 {
		if r.gap == 0 {
			r.from = r.row + 1
		}
		r.gap += next - r.row - 1
	}
	r.row, r.last, r.told = next, -1, false
	return nil
}

// endGap tells of the rows that were left out before a cell. Where no cell follows,
// nothing is missing: another program has formatted what is below the rows.
func (r *sheetReader) endGap() {
	r.t.miss(r.gap, r.sheet.name, r.from)
	for range r.hollow {
		r.t.endRow()
	}
	r.gap, r.hollow = 0, 0
}

func (r *sheetReader) header() bool { return r.row == 1 }

func (r *sheetReader) endRow() error {
	if !r.header() {
		if r.m.in.bad() {
			r.fault("Row %s holds bytes that are not UTF-8.")
		}
		if r.gap > 0 {
			r.hollow++
			return nil
		}
		r.t.endRow()
		return nil
	}
	if r.first {
		r.t.setHeader(r.names, true)
	} else if !slices.Equal(r.names, r.t.columns) {
		r.t.faults.add("The header of the sheet %s is another than that of the first.", r.sheet.name)
	}
	return nil
}

func (r *sheetReader) startCell() error {
	if r.gap > 0 {
		r.endGap()
	}
	column := r.last + 1
	if ref := r.m.attr("r"); ref != nil {
		c, row, ok := reference(ref)
		if !ok || row != r.row || c < column {
			return damaged("Row %d of the sheet %s has a cell called %s where it cannot be.", r.row, r.sheet.name, shown(ref))
		}
		column = c
	}
	if column >= maxSheetCols {
		return damaged("Row %d of the sheet %s has too many cells.", r.row, r.sheet.name)
	}
	r.column, r.last = column, column
	r.kind = append(r.kind[:0], r.m.attr("t")...)
	r.raw, r.long, r.given, r.rich = r.raw[:0], false, false, richText{}
	r.keep = r.header() || r.t.wants(column)
	return nil
}

// reference reads a cell's name: AB12 is column 27 of row 12.
func reference(ref []byte) (column int, row int64, ok bool) {
	i := 0
	for ; i < len(ref) && i < 4 && ref[i] >= 'A' && ref[i] <= 'Z'; i++ {
		column = column*26 + int(ref[i]-'A') + 1
	}
	if i == 0 || i == len(ref) || len(ref)-i > 7 {
		return 0, 0, false
	}
	for ; i < len(ref); i++ {
		if ref[i] < '0' || ref[i] > '9' {
			return 0, 0, false
		}
		row = row*10 + int64(ref[i]-'0')
	}
	return column - 1, row, true
}

func (r *sheetReader) startValue() {
	switch string(r.m.name) {
	case "v":
		r.inText, r.given = true, true
	case "is":
		r.given = true
	case "f":
		r.fault("Row %s has a formula in column %d.", r.column+1)
	}
}

func (r *sheetReader) endCell() error {
	if !r.given {
		return nil
	}
	if !r.header() && r.column >= len(r.t.columns) {
		r.fault("Row %s has a value in column %d, and there are %d columns.", r.column+1, len(r.t.columns))
		return nil
	}
	if string(r.kind) == "e" {
		r.fault("Row %s has an error instead of a value in column %d.", r.column+1)
	}
	if !r.keep {
		return nil
	}
	text, err := r.value()
	if err != nil {
		return err
	}
	if !r.header() {
		r.t.put(r.column, text)
		if r.long {
			r.t.cells[r.column].long = true
		}
		return nil
	}
	if !r.first && len(r.names) > len(r.t.columns) {
		return nil // told of in endRow
	}
	for len(r.names) < r.column {
		r.names = append(r.names, "")
	}
	if r.size += len(text); r.size > maxHeader {
		return damaged("The header of the sheet %s has more than %s bytes.", r.sheet.name, group(maxHeader))
	}
	r.names = append(r.names, string(text))
	return nil
}

// value returns what stands in the cell that has ended, numbers as a sum takes
// them.
func (r *sheetReader) value() ([]byte, error) {
	switch string(r.kind) {
	case "inlineStr", "str":
		return unescape(nil, r.raw), nil
	case "s":
		i, err := strconv.Atoi(string(r.raw))
		text, ok := r.w.shared.at(i)
		if err != nil || !ok {
			return nil, damaged("Row %d of the sheet %s refers to the shared text %s, which is none.", r.row, r.sheet.name, shown(r.raw))
		}
		return text, nil
	case "", "n":
		if r.header() {
			return r.raw, nil
		}
		return plainNumber(r.raw), nil
	}
	return r.raw, nil
}

// plainNumber spells a number of a workbook without an exponent and with the
// digits that are sure. What is no number stays, for the sum to refuse.
func plainNumber(text []byte) []byte {
	d, ok := spelling{point: '.', exponents: true, digits: 15}.parse(text)
	if !ok {
		return text
	}
	var s sum
	s.add(d)
	return []byte(s.text(0))
}

// fault tells of the row that is being read, once. Rows are counted over all
// sheets, without their headers.
func (r *sheetReader) fault(format string, args ...any) {
	if r.told {
		return
	}
	r.told = true
	if r.header() {
		r.t.faults.add("The header of the sheet %s: %s", r.sheet.name, fmt.Sprintf(format, append([]any{"1"}, args...)...))
		return
	}
	r.t.faults.add(format, append([]any{group(r.t.row())}, args...)...)
}
