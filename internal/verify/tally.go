package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"outturn"
)

// A tally is told by a reader what stands in a file: its columns, then row by row
// the cells that count. It keeps the sums and the faults.
type tally struct {
	manifest *outturn.Manifest // nil: nothing is known before
	spelling spelling          // of amounts
	guard    bool              // an apostrophe may stand in front of text
	most     int               // UTF-16 code units that the format keeps of a text; 0: all

	columns []string       // as the file names them
	index   map[string]int // their places
	headed  bool           // the header is the manifest's
	wanted  []bool         // the columns whose cells the reader passes on
	cells   []cell         // of the row that is being read

	rows         int64  // whole rows so far
	missing      int64  // rows that are not there, by the numbers of the others
	firstMissing string // the first of them
	amounts      []*amount
	faults       faultList
	unread       string // why nothing was counted; empty: it was
}

// A cell is one that a sum needs.
type cell struct {
	text  []byte
	given bool // not null
	long  bool // longer than maxCell, and cut
}

// An amount is one column's sums.
type amount struct {
	name             string
	column, currency int // their places; -1: not in the file
	currencyName     string
	want             map[string]string
	sums             map[string]*sum
	last             *sum
	lastCode         string
	broken           bool // a cell could not be read, so that the sum says nothing
}

const (
	maxCell       = 4 << 10 // bytes of an amount or a currency; 60 would do
	maxColumns    = 16 << 10
	maxHeader     = 1 << 20 // bytes of all names
	maxCurrencies = 10_000
)

func newTally(m *outturn.Manifest) *tally {
	t := &tally{manifest: m, spelling: spelling{point: '.'}, index: map[string]int{}}
	if m == nil {
		return t
	}
	for _, name := range slices.Sorted(maps.Keys(m.Totals)) {
		t.amounts = append(t.amounts, &amount{
			name: name, column: -1, currency: -1, currencyName: m.Currencies[name],
			want: m.Totals[name], sums: map[string]*sum{},
		})
	}
	return t
}

// setHeader takes the columns from the header of a file that has one. Titles may
// stand there instead of names.
func (t *tally) setHeader(names []string, titles bool) {
	t.columns = names
	if t.manifest == nil {
		t.place(names)
		return
	}
	want := t.manifest.Columns
	if titles {
		want = t.titles()
	}
	t.headed = t.compareColumns(want)
	t.place(t.manifest.Columns)
}

// titles are what should stand above the columns in a file for people; nil where
// nobody knows.
func (t *tally) titles() []string {
	switch {
	case t.manifest == nil:
		return nil
	case len(t.manifest.Headers) > 0:
		return t.manifest.Headers
	}
	return t.manifest.Columns
}

// setColumns takes the columns from the manifest, for a format that names them in
// every row. It reports false where there is no manifest to take them from.
func (t *tally) setColumns() bool {
	if t.manifest == nil {
		return false
	}
	t.columns = t.manifest.Columns
	t.place(t.columns)
	return true
}

func (t *tally) compareColumns(want []string) (same bool) {
	same = len(want) == len(t.columns)
	if !same {
		t.faults.add("The manifest names %d columns, the file has %d.", len(want), len(t.columns))
	}
	for i := range min(len(want), len(t.columns)) {
		got := t.columns[i]
		if got != want[i] && got != t.kept(want[i]) && !(t.guard && got == "'"+want[i]) {
			same = false
			t.faults.add("Column %d is called %s in the file, and %s by the manifest.", i+1, shown([]byte(got)), shown([]byte(want[i])))
		}
	}
	return same
}

// kept is what the format keeps of a header.
func (t *tally) kept(title string) string {
	units := 0
	for i, c := range title {
		if units += utf16.RuneLen(c); t.most > 0 && units > t.most {
			return title[:i]
		}
	}
	return title
}

// place finds where the cells stand that count.
func (t *tally) place(names []string) {
	t.wanted = make([]bool, max(len(names), len(t.columns)))
	t.cells = make([]cell, len(t.wanted))
	for i, name := range names {
		t.index[name] = i
	}
	find := func(name string) int {
		i, ok := t.index[name]
		if !ok || i >= len(t.columns) {
			return -1
		}
		t.wanted[i] = true
		return i
	}
	for _, a := range t.amounts {
		if a.column = find(a.name); a.column < 0 {
			t.faults.add("The manifest has totals of %s, which is no column of the file.", a.name)
			a.broken = true
			continue
		}
		if a.currencyName == "" {
			continue
		}
		if a.currency = find(a.currencyName); a.currency < 0 {
			t.faults.add("The manifest says that the currency of %s stands in %s, which is no column of the file.", a.name, a.currencyName)
		}
	}
}

// wants reports whether the reader has to pass on the cells of column c.
func (t *tally) wants(c int) bool { return c < len(t.wanted) && t.wanted[c] }

// put passes on a cell, or one more piece of it.
func (t *tally) put(c int, text []byte) {
	cell := &t.cells[c]
	cell.given = true
	if room := maxCell - len(cell.text); len(text) > room {
		text, cell.long = text[:room], true
	}
	cell.text = append(cell.text, text...)
}

// row is the number of the row that is being read, counted from 1.
func (t *tally) row() int64 { return t.rows + 1 }

// endRow adds up a row.
func (t *tally) endRow() {
	for _, a := range t.amounts {
		if a.column >= 0 {
			a.add(t)
		}
	}
	t.rows++
	t.forget()
}

// miss takes note of rows of a sheet that are not there.
func (t *tally) miss(rows int64, sheet string, first int64) {
	if t.missing == 0 {
		t.firstMissing = fmt.Sprintf("row %s of the sheet %s", group(first), sheet)
	}
	t.missing += rows
}

// tellMissing says which rows are not there; empty: none.
func (t *tally) tellMissing() string {
	switch t.missing {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("R%s is missing: it was deleted, or it was empty and a program that saved the workbook again left it out.", t.firstMissing[1:])
	}
	return fmt.Sprintf("%s rows are missing, the first of them %s: they were deleted, or they were empty and a program that saved the workbook again left them out.", group(t.missing), t.firstMissing)
}

// forget drops the cells of a row.
func (t *tally) forget() {
	for _, a := range t.amounts {
		for _, c := range []int{a.column, a.currency} {
			if c >= 0 {
				t.cells[c] = cell{text: t.cells[c].text[:0]}
			}
		}
	}
}

func (a *amount) add(t *tally) {
	text := t.cells[a.column]
	if !text.given || len(text.text) == 0 {
		return
	}
	d, ok := t.spelling.parse(text.text)
	if !ok || text.long {
		t.faults.add("Row %s: %s holds %s, which is no decimal number.", group(t.row()), a.name, shown(text.text))
		a.broken = true
		return
	}
	sum := a.sum(t)
	if sum == nil {
		return
	}
	sum.add(d)
}

// sum returns the sum of the row's currency.
func (a *amount) sum(t *tally) *sum {
	var code []byte
	if a.currency >= 0 {
		code = t.cells[a.currency].text
	}
	if a.last != nil && string(code) == a.lastCode {
		return a.last
	}
	s := a.sums[string(code)]
	if s == nil {
		if len(a.sums) == maxCurrencies {
			if !a.broken {
				t.faults.add("Row %s: there are more than %s currencies in %s.", group(t.row()), group(maxCurrencies), a.currencyName)
			}
			a.broken = true
			return nil
		}
		s = new(sum)
		a.sums[string(code)] = s
	}
	a.last, a.lastCode = s, string(code)
	return s
}

// compareTotals holds the sums against the manifest.
func (t *tally) compareTotals() (faults, notes []string) {
	for _, a := range t.amounts {
		switch {
		case a.broken: // said already
		case a.currency >= 0:
			if t.guard {
				a.unguard()
			}
			faults = append(faults, a.compare()...)
		default:
			if fault := a.compareAll(); fault != "" {
				faults = append(faults, fault)
			}
			notes = append(notes, fmt.Sprintf("The currency of %s is not in the file: its sum over all currencies was checked.", a.name))
		}
	}
	return faults, notes
}

// unguard takes the apostrophe off codes that have one only in the file.
func (a *amount) unguard() {
	for code, s := range a.sums {
		plain, guarded := strings.CutPrefix(code, "'")
		if _, ok := a.want[code]; guarded && !ok {
			delete(a.sums, code)
			if other := a.sums[plain]; other != nil {
				s.addSum(other)
			}
			a.sums[plain] = s
		}
	}
}

func (a *amount) compare() (faults []string) {
	for _, code := range slices.Sorted(maps.Keys(a.want)) {
		want, ok := spelling{point: '.'}.parse([]byte(a.want[code]))
		got := a.sums[code]
		switch {
		case !ok:
			faults = append(faults, fmt.Sprintf("The manifest's sum of %s%s is %s, which is no decimal number.", a.name, in(code), shown([]byte(a.want[code]))))
		case got == nil:
			faults = append(faults, fmt.Sprintf("The sum of %s%s is %s by the manifest, but no amount in the file has that currency.", a.name, in(code), shownNumber(a.want[code])))
		case !got.equals(want):
			faults = append(faults, fmt.Sprintf("The sum of %s%s is %s in the file, and %s by the manifest.", a.name, in(code), shownNumber(got.text(want.scale)), shownNumber(a.want[code])))
		}
	}
	for _, code := range slices.Sorted(maps.Keys(a.sums)) {
		if _, ok := a.want[code]; !ok {
			faults = append(faults, fmt.Sprintf("The sum of %s%s is %s in the file, and the manifest has none in that currency.", a.name, in(code), shownNumber(a.sums[code].text(0))))
		}
	}
	return faults
}

// compareAll holds the sum over all currencies against the manifest's.
func (a *amount) compareAll() (fault string) {
	want := new(sum)
	for _, code := range slices.Sorted(maps.Keys(a.want)) {
		d, ok := spelling{point: '.'}.parse([]byte(a.want[code]))
		if !ok {
			return fmt.Sprintf("The manifest's sum of %s%s is %s, which is no decimal number.", a.name, in(code), shown([]byte(a.want[code])))
		}
		want.add(d)
	}
	want.settle()
	got := a.sums[""]
	if got == nil {
		got = new(sum)
		a.sums[""] = got
	}
	if !got.equals(decimal{wide: &want.total, scale: want.scale}) {
		return fmt.Sprintf("The sum of %s over all currencies is %s in the file, and %s by the manifest.", a.name, shownNumber(got.text(a.scale())), shownNumber(want.text(a.scale())))
	}
	return ""
}

// in names a currency in a sentence.
func in(code string) string {
	if code == "" {
		return " without a currency"
	}
	if len(code) > maxShown {
		return " in " + shown([]byte(code))
	}
	return " in " + code
}

// scale is how many digits the manifest gives to a's sums.
func (a *amount) scale() (scale int) {
	for _, text := range a.want {
		_, fraction, _ := strings.Cut(text, ".")
		scale = max(scale, len(fraction))
	}
	return min(scale, maxExponent)
}

// overAll stands for all currencies in a report.
const overAll = "*"

func (t *tally) totals() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, a := range t.amounts {
		if a.broken {
			continue
		}
		all[a.name] = map[string]string{}
		for code, s := range a.sums {
			if a.currency < 0 && code == "" {
				code = overAll
			}
			all[a.name][code] = s.text(a.scale())
		}
	}
	return all
}
