package xlsx

import (
	"fmt"
	"strconv"
)

// A Layout is how a sheet of rows under a header is shown.
type Layout struct {
	Widths   []float64 // of the columns, in characters
	Pages    int       // side by side, on which it is printed; 0: as many as it takes
	Frozen   bool      // the first row stays where it is
	Selected bool      // the sheet that is seen first
}

// AppendHead appends what comes before a sheet's rows.
func AppendHead(dst []byte, l Layout) []byte {
	dst = append(dst, declaration+`<worksheet xmlns="`+spreadsheet+`">`...)
	dst = appendSheetProperties(dst, l.Pages)
	dst = appendSheetViews(dst, l)
	dst = append(dst, `<sheetFormatPr defaultRowHeight="15"/>`...)
	dst = appendCols(dst, l.Widths)
	return append(dst, `<sheetData>`...)
}

// appendSheetProperties appends that the sheet is scaled to pages.
func appendSheetProperties(dst []byte, pages int) []byte {
	if pages == 0 {
		return dst
	}
	return append(dst, `<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>`...)
}

// appendSheetViews appends how the sheet is looked at.
func appendSheetViews(dst []byte, l Layout) []byte {
	dst = append(dst, `<sheetViews><sheetView`...)
	if l.Selected {
		dst = append(dst, ` tabSelected="1"`...)
	}
	dst = append(dst, ` workbookViewId="0">`...)
	if l.Frozen {
		dst = append(dst, `<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft" activeCell="A2" sqref="A2"/>`...)
	}
	return append(dst, `</sheetView></sheetViews>`...)
}

func appendCols(dst []byte, widths []float64) []byte {
	if len(widths) == 0 {
		return dst
	}
	dst = append(dst, `<cols>`...)
	for i, w := range widths {
		dst = fmt.Appendf(dst, `<col min="%d" max="%d" width="%s" customWidth="1"/>`, i+1, i+1, strconv.FormatFloat(w, 'f', -1, 64))
	}
	return append(dst, `</cols>`...)
}

// AppendTail appends what comes after a sheet's rows. columns and rows, the header
// among them, are what can be filtered; no columns: nothing. The layout is that of
// AppendHead.
func AppendTail(dst []byte, l Layout, columns int, rows int64) []byte {
	dst = append(dst, `</sheetData>`...)
	dst = appendAutoFilter(dst, columns, rows)
	dst = append(dst, `<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.5" header="0.3" footer="0.3"/>`...)
	dst = appendPageSetup(dst, l.Pages)
	return append(dst, `</worksheet>`...)
}

func appendPageSetup(dst []byte, pages int) []byte {
	if pages == 0 {
		return append(dst, `<pageSetup orientation="landscape"/>`...)
	}
	return fmt.Appendf(dst, `<pageSetup fitToWidth="%d" fitToHeight="0" orientation="landscape"/>`, pages)
}

func appendAutoFilter(dst []byte, columns int, rows int64) []byte {
	if columns == 0 {
		return dst
	}
	return fmt.Appendf(dst, `<autoFilter ref="A1:%s%d"/>`, ColumnName(columns-1), rows)
}

// AppendTextCell appends a cell that holds text. It tells whether the text was cut.
func AppendTextCell(dst []byte, column int, row int64, style int, text string) (_ []byte, cut bool) {
	dst = fmt.Appendf(dst, `<c r="%s%d" s="%d" t="inlineStr"><is><t xml:space="preserve">`, ColumnName(column), row, style)
	dst, cut = AppendText(dst, []byte(text))
	return append(dst, `</t></is></c>`...), cut
}

// AppendNumberCell appends a cell that holds a number, given by its digits.
func AppendNumberCell(dst []byte, column int, row int64, style int, digits string) []byte {
	return fmt.Appendf(dst, `<c r="%s%d" s="%d"><v>%s</v></c>`, ColumnName(column), row, style, digits)
}
