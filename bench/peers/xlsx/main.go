// Xlsx writes the benchmark's table as a workbook by way of another library, as a
// careful user of that library would. It reads the same DuckDB file through the
// same reader as Outturn, in the same process, so that what differs is the
// writing alone.
//
//	xlsx excelize orders.duckdb out.xlsx
//	xlsx libxlsxwriter orders.duckdb out.xlsx    (built with -tags libxlsxwriter)
//
// A workbook means the same whoever wrote it: text as text, numbers and decimals
// as numbers, days and instants as Excel's dates with a number format, booleans as
// booleans, JSON as text; the header is bold, does not scroll and has a filter.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
)

// A writer makes one workbook of one sheet.
type writer interface {
	write(b *batch.Batch) error
	close() error
}

// peers are opened by name.
var peers = map[string]func(path string, columns []batch.Column) (writer, error){
	"excelize":      openExcelize,
	"libxlsxwriter": openLibxlsxwriter,
}

// errAbsent is what the C library's peer says where it is not built in.
const errAbsent = "built without libxlsxwriter; use -tags libxlsxwriter"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "xlsx:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	if len(args) != 3 || peers[args[0]] == nil {
		return fmt.Errorf("no such call: %q", args)
	}
	ctx := context.Background()
	snapshot, err := duckdb.New(duckdb.Config{Path: args[1], Threads: 1}).Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	r, err := snapshot.Query(ctx, source.Query{SQL: "SELECT * FROM orders"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	w, err := peers[args[0]](args[2], r.Columns())
	if err != nil {
		return err
	}
	var b batch.Batch
	for {
		if err := r.Next(&b); errors.Is(err, io.EOF) {
			return w.close()
		} else if err != nil {
			return err
		}
		if err := w.write(&b); err != nil {
			return err
		}
	}
}

// Both libraries are given dates as the numbers that Excel keeps, which is less
// work for them than dates taken apart would be.
const (
	epoch        = 25569 // 1970-01-01 in days of Excel
	microsPerDay = 24 * 60 * 60 * 1_000_000
)

func day(days int64) float64 { return float64(epoch + days) }

func instant(micros int64) float64 { return epoch + float64(micros)/microsPerDay }

// mostDigits is how many digits of a decimal a cell's number can hold.
const mostDigits = 1_000_000_000_000_000

var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10}

// decimal returns a cell's number, which is the nearest there is: both operands
// are exact. The benchmark's table has no decimal that would have to be text.
func decimal(b *batch.Batch, c, r int) (float64, error) {
	unscaled, digits := b.Decimal(c, r)
	if digits != nil || unscaled <= -mostDigits || unscaled >= mostDigits {
		return 0, fmt.Errorf("column %s has a decimal of more than 15 digits", b.Columns()[c].Name)
	}
	return float64(unscaled) / powers[b.Columns()[c].Scale], nil
}

// Number formats of cells.
const (
	dayFormat     = "yyyy-mm-dd"
	instantFormat = "yyyy-mm-dd hh:mm:ss.000"
)

// numberFormat returns the format of a column's cells; "" is the general one.
func numberFormat(c batch.Column) string {
	switch c.Type {
	case outturn.Date:
		return dayFormat
	case outturn.Time:
		return instantFormat
	case outturn.Decimal:
		format := "0."
		for range c.Scale {
			format += "0"
		}
		return format
	}
	return ""
}
