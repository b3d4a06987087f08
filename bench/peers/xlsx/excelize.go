package main

import (
	"errors"
	"fmt"

	"github.com/xuri/excelize/v2"

	"outturn"
	"outturn/internal/batch"
)

// An excelizeWriter uses the library's stream writer with one row of cells that
// is filled again and again; styles are made once.
type excelizeWriter struct {
	path   string
	file   *excelize.File
	stream *excelize.StreamWriter
	cells  []any
	styled []excelize.Cell // what cells of columns with a style point to
	row    int
}

func openExcelize(path string, columns []batch.Column) (writer, error) {
	w := &excelizeWriter{path: path, file: excelize.NewFile(), cells: make([]any, len(columns)), styled: make([]excelize.Cell, len(columns)), row: 1}
	const sheet = "Sheet1"
	last, err := excelize.ColumnNumberToName(len(columns))
	if err != nil {
		return nil, err
	}
	// Before the stream begins, for it takes over what the sheet has by then.
	if err := w.file.AutoFilter(sheet, "A1:"+last+"1", nil); err != nil {
		return nil, err
	}
	if w.stream, err = w.file.NewStreamWriter(sheet); err != nil {
		return nil, err
	}
	if err := w.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return nil, err
	}
	bold, err := w.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		if format := numberFormat(c); format != "" {
			if w.styled[i].StyleID, err = w.file.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
				return nil, err
			}
		}
		w.cells[i] = excelize.Cell{StyleID: bold, Value: c.Name}
	}
	return w, w.put()
}

func (w *excelizeWriter) put() error {
	err := w.stream.SetRow(fmt.Sprint("A", w.row), w.cells)
	w.row++
	return err
}

func (w *excelizeWriter) write(b *batch.Batch) error {
	for r := range b.Rows() {
		for c := range w.cells {
			v, err := value(b, c, r)
			if err != nil {
				return err
			}
			if styled := &w.styled[c]; styled.StyleID != 0 && v != nil {
				styled.Value = v
				v = styled
			}
			w.cells[c] = v
		}
		if err := w.put(); err != nil {
			return err
		}
	}
	return nil
}

// value returns a cell as the library takes it; nil makes none.
func value(b *batch.Batch, c, r int) (any, error) {
	if b.Null(c, r) {
		return nil, nil
	}
	switch b.Columns()[c].Type {
	case outturn.Int:
		return b.Int(c, r), nil
	case outturn.Decimal:
		return decimal(b, c, r)
	case outturn.Float:
		return b.Float(c, r), nil
	case outturn.Bool:
		return b.Bool(c, r), nil
	case outturn.Date:
		return day(b.Int(c, r)), nil
	case outturn.Time:
		return instant(b.Int(c, r)), nil
	}
	return string(b.Text(c, r)), nil
}

func (w *excelizeWriter) close() error {
	if err := w.stream.Flush(); err != nil {
		return err
	}
	return errors.Join(w.file.SaveAs(w.path), w.file.Close())
}
