// Package xlsx writes workbooks (ECMA-376, Office Open XML) from front to back:
// nothing of a sheet is kept, whatever its length.
//
//	New ──► Sheet, rows …, Sheet, rows … ──► Close
//
// A caller writes a sheet's XML itself, in the order of the schema: AppendHead,
// rows of cells, AppendTail. The parts that know of all sheets (the workbook, its
// styles, the list of contents) are written by Close. What goes between a cell's
// tags is AppendText and Serial; styles are registered with Style and named by
// number in the cells.
package xlsx

import (
	"archive/zip"
	"fmt"
	"io"
	"time"
)

// The limits of a sheet, of a cell, and of a number, as Excel has them.
const (
	MaxRows    = 1_048_576
	MaxColumns = 16_384
	MaxText    = 32_767 // UTF-16 code units in a cell
	MaxDigits  = 15     // significant digits of a number
	// MaxBytes is how much XML a sheet should have at most, 3.9 GiB. From 4 GiB on
	// the archive marks an entry in a way that Excel takes for damage.
	MaxBytes = 39 << 30 / 10
)

// A Workbook is a workbook that is being written. One goroutine uses it.
type Workbook struct {
	zip    *zip.Writer
	sheets []sheet
	styles styles
	err    error // the first one
}

// A sheet is what the workbook's own parts tell of a sheet.
type sheet struct {
	name     string
	filtered string // absolute range, such as $A$1:$C$100; empty: no filter
}

// Deflate starts the compression of an entry of the archive.
type Deflate func(w io.Writer) (io.WriteCloser, error)

// New starts a workbook. Its first entries are small and always the same, and by
// them programs know what it is.
func New(w io.Writer, deflate Deflate) *Workbook {
	b := &Workbook{zip: zip.NewWriter(w)}
	b.zip.RegisterCompressor(zip.Deflate, zip.Compressor(deflate))
	b.part("_rels/.rels", packageRelations)
	b.part("docProps/app.xml", application)
	return b
}

// Sheet ends the sheet before and begins another. Of a name that Excel does not
// accept the nearest that it does is taken; see SheetName. What is written to the
// sheet is due before the next call of a method.
func (b *Workbook) Sheet(name string) (io.Writer, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.sheets = append(b.sheets, sheet{name: SheetName(name, b.hasSheet)})
	return b.create(sheetPath(len(b.sheets)))
}

func (b *Workbook) hasSheet(name string) bool {
	for _, s := range b.sheets {
		if sameName(s.name, name) {
			return true
		}
	}
	return false
}

// Filtered says that the rows of the current sheet, its header among them, can be
// filtered and that the header is repeated on every page. AppendTail says it in
// the sheet itself.
func (b *Workbook) Filtered(columns int, rows int64) {
	b.sheets[len(b.sheets)-1].filtered = "$A$1:$" + ColumnName(columns-1) + "$" + fmt.Sprint(rows)
}

// Close writes the parts that know of all sheets and ends the archive; the
// io.Writer stays open. It must be called also after an error.
func (b *Workbook) Close() error {
	b.part("docProps/core.xml", properties)
	b.part("xl/styles.xml", b.styles.part())
	b.part("xl/workbook.xml", workbookPart(b.sheets))
	b.part("xl/_rels/workbook.xml.rels", workbookRelations(len(b.sheets)))
	b.part("[Content_Types].xml", contentTypes(len(b.sheets)))
	if err := b.zip.Close(); b.err == nil {
		b.err = err
	}
	return b.err
}

func (b *Workbook) part(path, text string) {
	if b.err != nil {
		return
	}
	w, err := b.create(path)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if b.err == nil {
		b.err = err
	}
}

// modified is the time of every entry: the same cells make the same workbook.
var modified = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func (b *Workbook) create(path string) (io.Writer, error) {
	w, err := b.zip.CreateHeader(&zip.FileHeader{Name: path, Method: zip.Deflate, Modified: modified})
	if b.err == nil {
		b.err = err
	}
	return w, err
}
