package format

import (
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/compress"
	"outturn/internal/xlsx"
)

// An xlsxWriter is the Writer of workbooks: sheets of rows, Data, Data 2 and so on,
// and at last Info. The rows are a rowWriter's, whose file is what lies inside the
// archive.
type xlsxWriter struct {
	book  *xlsx.Workbook
	sheet *sheet
	rows  *rowWriter // nil before the first batch: the columns' widths come from it
	o     Options

	closed  bool
	summary Summary
	err     error // the first one
}

func newXLSX(w io.Writer, e encoder, o Options) Writer {
	s := e.(*sheet)
	book := xlsx.New(w, func(w io.Writer) (io.WriteCloser, error) { return compress.NewSheet(w, o.Level, o.Workers) })
	s.addTo(book)
	return &xlsxWriter{book: book, sheet: s, o: o}
}

func (x *xlsxWriter) Write(b *batch.Batch) error {
	if x.closed {
		return errClosed
	}
	if err := x.begin(b); err != nil {
		return err
	}
	x.fail(x.rows.Write(b))
	return x.err
}

func (x *xlsxWriter) fail(err error) {
	if x.err == nil {
		x.err = err
	}
}

func (x *xlsxWriter) begin(b *batch.Batch) error {
	if x.rows != nil || x.err != nil {
		return x.err
	}
	x.sheet.layout.Widths = widths(x.o.Columns, x.sheet, b)
	x.sheet.layout.Pages = pages(x.sheet.layout.Widths)
	w, err := x.sheet.next()
	x.fail(err)
	if err == nil {
		x.rows = newRowWriter(w, x.sheet, x.o.Workers)
	}
	return err
}

func (x *xlsxWriter) Close() (Summary, error) {
	if x.closed {
		return x.summary, x.err
	}
	x.closed = true
	x.fail(x.begin(nil))
	if x.rows != nil {
		var err error
		x.summary, err = x.rows.Close()
		x.summary.Notes.Add(outturn.Notes{Cut: x.sheet.named(x.sheet.cutHeaders)})
		x.fail(err)
	}
	if x.err == nil && x.o.Info != nil {
		x.fail(x.writeInfo(x.o.Info(x.summary)))
	}
	x.fail(x.book.Close())
	return x.summary, x.err
}

// writeInfo writes the last sheet.
func (x *xlsxWriter) writeInfo(lines []InfoLine) error {
	w, err := x.book.Sheet("Info")
	if err != nil {
		return err
	}
	label := x.book.Style(xlsx.Style{Format: "@", Header: true})
	text := x.book.Style(xlsx.Style{Format: "@"})
	layout := xlsx.Layout{Widths: []float64{30, 60, 8}, Pages: 1}
	dst := xlsx.AppendHead(nil, layout)
	for i, line := range lines {
		row := int64(i + 1)
		dst = append(append(append(dst, `<row r="`...), decimalText(row)...), `">`...)
		dst, _ = xlsx.AppendTextCell(dst, 0, row, label, line.Label)
		if digits, ok := numberText(line.Value); line.Number && ok {
			dst = xlsx.AppendNumberCell(dst, 1, row, x.book.Style(xlsx.Style{Format: decimalFormat(fractionDigits(line.Value))}), digits)
		} else if line.Value != "" {
			var cut bool
			if dst, cut = xlsx.AppendTextCell(dst, 1, row, text, line.Value); cut {
				line.Unit = "(cut)"
			}
		}
		if line.Unit != "" {
			dst, _ = xlsx.AppendTextCell(dst, 2, row, text, line.Unit)
		}
		dst = append(dst, `</row>`...)
	}
	_, err = w.Write(xlsx.AppendTail(dst, layout, 0, 0))
	return err
}

// widestColumn is how many characters a column shows at most; people widen those
// they want to read.
const (
	narrowestColumn = 8
	narrowestNumber = 14 // further down may be larger ones, which would show as ###
	widestColumn    = 60
)

// pageWidth is how many characters are to stand on a printed page.
const pageWidth = 200

// rowsForWidths is how many rows are looked at for the columns' widths.
const rowsForWidths = 200

// widths returns the widths of columns that hold what the first rows do.
func widths(columns []batch.Column, s *sheet, b *batch.Batch) []float64 {
	list := make([]float64, len(columns))
	for c, column := range columns {
		width := textWidth([]byte(column.Title())) + 3 // the button of the filter
		if s.isNumber(c) {
			width = max(width, narrowestNumber)
		}
		for r := range min(rowsForWidths, rowsOf(b)) {
			if !b.Null(c, r) {
				width = max(width, s.cellWidth(b, c, r)+1)
			}
		}
		list[c] = float64(min(max(width, narrowestColumn), widestColumn))
	}
	return list
}

// pages returns on how many pages side by side columns are printed.
func pages(widths []float64) int {
	sum := 0.0
	for _, w := range widths {
		sum += w
	}
	return 1 + int(sum/pageWidth)
}

func rowsOf(b *batch.Batch) int {
	if b == nil {
		return 0
	}
	return b.Rows()
}

func (s *sheet) cellWidth(b *batch.Batch, c, r int) int {
	switch s.kinds[c] {
	case kindText, kindJSON:
		return textWidth(b.Text(c, r))
	case kindDecimal:
		digits := b.AppendDecimalText(nil, c, r)
		if b.Columns()[c].Scale > 2 {
			digits = append(bytes.TrimRight(digits, "0"), "00"...)
		}
		return len(digits) + len(digits)/3 // marks between thousands
	case kindInt:
		return len(decimalText(b.Int(c, r)))
	case kindTime:
		return len("2006-01-02 15:04:05") + 1 + b.Columns()[c].Scale
	case kindFloat:
		return 12
	}
	return len("2006-01-02")
}

// textWidth is how many characters wide the longest line of a text is; those of
// East Asia count twice.
func textWidth(text []byte) int {
	widest, width := 0, 0
	for len(text) > 0 && widest <= widestColumn {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch {
		case r == '\n':
			width = 0
		case r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
			width += 2
		default:
			width++
		}
		widest = max(widest, width)
	}
	return widest
}

// decimalFormat shows every digit that there is, two of them always, and marks
// between thousands.
func decimalFormat(scale int) string {
	if scale == 0 {
		return "#,##0"
	}
	return "#,##0." + strings.Repeat("0", min(scale, 2)) + strings.Repeat("#", min(max(scale-2, 0), 28))
}

// timeFormat shows an instant's fraction.
func timeFormat(scale int) string {
	format := `yyyy\-mm\-dd\ hh:mm:ss`
	if scale > 0 {
		format += "." + strings.Repeat("0", min(scale, milliseconds))
	}
	return format
}

// newSheet makes the encoder of a workbook's rows.
func newSheet(o Options) (encoder, error) {
	if len(o.Columns) > xlsx.MaxColumns {
		return nil, outturn.Errorf(outturn.CodeInvalid, "A sheet of XLSX has at most 16,384 columns, and %d were asked for. Ask for fewer, or for another format.", len(o.Columns))
	}
	k, err := kinds(o.Columns)
	if err != nil {
		return nil, err
	}
	return &sheet{columns: o.Columns, kinds: k, zone: o.Zone, key: o.Key, maxRows: xlsx.MaxRows - 1, maxBytes: xlsx.MaxBytes}, nil
}
