package format

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/xlsx"
)

// smallBook writes rows of growing size into sheets of few rows or bytes.
func smallBook(t *testing.T, workers int, maxRows, maxBytes int64, batches []*batch.Batch) []byte {
	t.Helper()
	o := Options{Columns: batches[0].Columns(), Workers: workers}
	e, err := newSheet(o)
	if err != nil {
		t.Fatal(err)
	}
	e.(*sheet).maxRows, e.(*sheet).maxBytes = maxRows, maxBytes
	var file bytes.Buffer
	w := newXLSX(&file, e, o)
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// uneven are batches of 1 to 900 rows, whose encoding takes very different time.
func uneven(count int) []*batch.Batch {
	columns := []batch.Column{{Name: "n", Type: outturn.Int}, {Name: "s", Type: outturn.Text}}
	var list []*batch.Batch
	row := 0
	for i := range count {
		b := new(batch.Batch)
		b.Reset(columns)
		size := []int{1, 700, 3, 0, 900, 20}[i%6]
		for range size {
			b.AppendInt(0, int64(row))
			batch.AppendText(b, 1, strings.Repeat("x", row%97*i%300))
			row++
		}
		b.SetRows(size)
		list = append(list, b)
	}
	return list
}

var sheetCells = regexp.MustCompile(`<row r="(\d+)">|<c s="4" r="A(\d+)"><v>(\d+)</v></c>`)

// A file in parts is the same whatever the workers, has every row once and in
// order, at the place in its part that it names, and no part has too much.
func TestParts(t *testing.T) {
	for _, limit := range []struct {
		rows, bytes int64
		batches     int
	}{
		{xlsx.MaxRows, xlsx.MaxBytes, 20}, {1, xlsx.MaxBytes, 1}, {7, xlsx.MaxBytes, 3}, {701, xlsx.MaxBytes, 20},
		{xlsx.MaxRows, 1, 8}, {xlsx.MaxRows, 100_000, 20}, {500, 60_000, 20}, {333, 30_000, 20},
	} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			batches, total := uneven(limit.batches), 0
			for _, b := range batches {
				total += b.Rows()
			}
			want := smallBook(t, 1, limit.rows, limit.bytes, batches)
			next := 0
			for i, part := range sheetsIn(t, want) {
				rows := 0
				for _, m := range sheetCells.FindAllSubmatch(part, -1) {
					if m[1] != nil {
						rows++
						if string(m[1]) != strconv.Itoa(rows) {
							t.Fatalf("sheet %d: row %s is the %dth", i+1, m[1], rows)
						}
						continue
					}
					if string(m[2]) != strconv.Itoa(rows) || string(m[3]) != strconv.Itoa(next) {
						t.Fatalf("sheet %d: %s in row %d, where row %d of the file should be", i+1, m[0], rows, next)
					}
					next++
				}
				if int64(rows)-1 > limit.rows {
					t.Errorf("sheet %d has %d rows", i+1, rows)
				}
				if !bytes.Contains(part, fmt.Appendf(nil, `<autoFilter ref="A1:B%d"/>`, rows)) {
					t.Errorf("sheet %d: the filter is not over its %d rows", i+1, rows)
				}
			}
			if next != total {
				t.Errorf("%d rows of %d", next, total)
			}
			for _, workers := range []int{2, 3, 8} {
				for range 3 {
					if got := smallBook(t, workers, limit.rows, limit.bytes, batches); !bytes.Equal(got, want) {
						t.Fatalf("%d workers write another file", workers)
					}
				}
			}
		})
	}
}

// A sheet takes rows until it has its bytes, and not many more.
func TestPartsBySize(t *testing.T) {
	batches := uneven(40)
	parts := sheetsIn(t, smallBook(t, 2, xlsx.MaxRows, 200_000, batches))
	if len(parts) < 3 {
		t.Fatalf("%d sheets", len(parts))
	}
	for i, part := range parts[:len(parts)-1] {
		if len(part) < 200_000 || len(part) > 200_000+4*spanBytes {
			t.Errorf("sheet %d has %d bytes", i+1, len(part))
		}
	}
}

func sheetsIn(t *testing.T, file []byte) (sheets [][]byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if !strings.HasPrefix(f.Name, "xl/worksheets/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		sheets = append(sheets, data)
	}
	return sheets
}
