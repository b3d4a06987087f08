package format_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

// uneven are batches whose encoding takes very different time, so that workers
// overtake each other.
func uneven(columns []batch.Column, count int) []*batch.Batch {
	var list []*batch.Batch
	row := 0
	for i := range count {
		b := new(batch.Batch)
		b.Reset(columns)
		size := []int{1, 700, 3, 0, 2000}[i%5]
		for range size {
			b.AppendInt(0, int64(row))
			batch.AppendText(b, 1, strings.Repeat(`"x`, i%7*3))
			row++
		}
		b.SetRows(size)
		list = append(list, b)
	}
	return list
}

func TestOrderWithManyWorkers(t *testing.T) {
	columns := []batch.Column{{Name: "n", Type: outturn.Int}, {Name: "s", Type: outturn.Text}}
	batches := uneven(columns, 60)
	for _, name := range format.Names() {
		var want []byte
		for _, workers := range []int{1, 2, 3, 8, 0} {
			var got bytes.Buffer
			w, err := format.New(name, &got, format.Options{Columns: columns, Workers: workers})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range batches {
				if err := w.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = got.Bytes()
				checkNumbered(t, name, want)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Fatalf("%s: %d workers write another file than 1", name, workers)
			}
		}
	}
}

// checkNumbered checks that the lines with rows count up from 0.
func checkNumbered(t *testing.T, name string, file []byte) {
	t.Helper()
	row := 0
	if name == "xlsx" {
		file = []byte(strings.ReplaceAll(string(unzipped(t, file, "xl/worksheets/sheet1.xml")), "<row ", "\n<row "))
		file = file[bytes.Index(file, []byte("\n<row r=\"2\"")):bytes.LastIndex(file, []byte("</sheetData>"))]
	}
	for line := range bytes.Lines(file) {
		prefix := map[string]string{"csv": "%d,", "tsv": "%d\t", "json": `{"n":%d,`, "ndjson": `{"n":%d,`, "xml": "<record><n>%d</n>"}[name]
		if name == "xlsx" {
			prefix = fmt.Sprintf(`<row r="%d"><c s="4" r="A%[1]d"><v>%%d</v>`, row+2)
		}
		if bytes.HasPrefix(line, fmt.Appendf(nil, prefix, row)) {
			row++
		} else if len(line) > 5 && !bytes.HasPrefix(line, []byte("<?xml")) && !bytes.HasSuffix(line, []byte("report>\n")) {
			t.Fatalf("%s: expected row %d, got %.40s", name, row, line)
		}
	}
	if row == 0 {
		t.Fatalf("%s: no rows found", name)
	}
}

// unzipped returns a part of a workbook.
func unzipped(t testing.TB, file []byte, part string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := z.Open(part)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var errFull = errors.New("no room left")

// limited takes so many bytes and then fails, for good.
type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.left, len(p))
	l.left -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

// TestFailureAtEveryByte fails the io.Writer after n bytes for each n that a file
// has. The first error sticks, and every batch goes back to its pool.
func TestFailureAtEveryByte(t *testing.T) {
	columns := []batch.Column{{Name: "n", Type: outturn.Int}, {Name: "s", Type: outturn.Text}}
	const batches = 6
	pool := batch.NewPool(3)
	render := func(name string, out io.Writer) error {
		w, err := format.New(name, out, format.Options{Columns: columns, Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		var first error
		for i := range batches {
			b, err := pool.Get(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			b.Reset(columns)
			b.AppendInt(0, int64(i))
			batch.AppendText(b, 1, "abc")
			b.SetRows(1)
			err = w.Write(b)
			b.Release()
			if first != nil && err != first {
				t.Fatalf("%s: Write returned %v after %v", name, err, first)
			}
			first = err
		}
		_, err = w.Close()
		if first != nil && err != first {
			t.Fatalf("%s: Close returned %v after %v", name, err, first)
		}
		if _, again := w.Close(); again != err {
			t.Fatalf("%s: the second Close returned %v after %v", name, again, err)
		}
		if w.Write(new(batch.Batch)) == nil {
			t.Fatalf("%s: Write after Close is taken", name)
		}
		return err
	}
	for _, name := range format.Names() {
		var whole bytes.Buffer
		if err := render(name, &whole); err != nil {
			t.Fatal(err)
		}
		step := 1
		if name == "xlsx" { // ten times as long, and an archive's goroutines
			step = 29
		}
		for n := 0; n < whole.Len(); n += step {
			if err := render(name, &limited{n}); !errors.Is(err, errFull) {
				t.Fatalf("%s, room for %d of %d bytes: got %v", name, n, whole.Len(), err)
			}
		}
		if err := render(name, &limited{whole.Len()}); err != nil {
			t.Fatalf("%s, room for the whole file: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 3 {
		if _, err := pool.Get(ctx); err != nil {
			t.Fatal("a batch was not given back")
		}
	}
}

// short claims to have written less and says nothing.
type short struct{}

func (short) Write(p []byte) (int, error) { return len(p) / 2, nil }

func TestShortWrite(t *testing.T) {
	w, err := format.New("csv", short{}, format.Options{Columns: []batch.Column{{Name: "name", Type: outturn.Int}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}

// The error that sticks is the first in the file, not the first in time.
func TestFirstErrorOfTheFile(t *testing.T) {
	columns := []batch.Column{{Name: "day", Type: outturn.Date}}
	bad := cell{whole: lastDay + 1}
	var rows [][]cell
	for range 5000 {
		rows = append(rows, []cell{{whole: 1}})
	}
	rows = append(rows, []cell{bad}, []cell{bad})
	batches := table{columns, rows}.batches(5001)
	for range 20 {
		w, err := format.New("csv", io.Discard, format.Options{Columns: columns, Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			w.Write(b)
		}
		if _, err := w.Close(); err == nil || !strings.Contains(err.Error(), "row 5001 ") {
			t.Fatalf("got %v", err)
		}
	}
}

// A reader that takes all its time must not make the writer hold more batches.
func TestSlowReaderHoldsWriterBack(t *testing.T) {
	columns := []batch.Column{{Name: "n", Type: outturn.Int}}
	r, out := io.Pipe()
	w, err := format.New("csv", out, format.Options{Columns: columns, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	const batches = 50
	written := make(chan int, batches)
	go func() {
		defer out.Close()
		defer w.Close()
		for i := range batches {
			w.Write((table{columns, [][]cell{{{whole: int64(i)}}}}).batches(1)[0])
			written <- i
		}
	}()
	last := 0
	for stuck := false; !stuck; {
		select {
		case last = <-written:
		case <-time.After(50 * time.Millisecond):
			stuck = true
		}
	}
	if last > 4 {
		t.Errorf("%d batches were taken while nothing could be written", last+1)
	}
	rest, err := io.ReadAll(r)
	if err != nil || bytes.Count(rest, []byte("\r\n")) != batches+1 {
		t.Errorf("got %q, %v", rest, err)
	}
}

// One huge cell is written, and cells around it stay as they are.
func TestHugeCells(t *testing.T) {
	huge := strings.Repeat(`a"é`, 3<<20)
	data := table{
		columns: []batch.Column{{Name: "a", Type: outturn.Text}, {Name: "b", Type: outturn.JSON}, {Name: "c", Type: outturn.Decimal, Scale: 2}},
		rows:    [][]cell{{{text: huge}, {text: `"` + strings.Repeat(" ", 9<<20) + `"`}, {unscaled: big.NewInt(5)}}, {{text: "x"}, {text: "1"}, {unscaled: big.NewInt(6)}}},
	}
	file, _ := write(t, "csv", data, format.Options{}, 1)
	if want := `"` + strings.ReplaceAll(huge, `"`, `""`) + `",`; !bytes.Contains(file, []byte(want)) || !bytes.HasSuffix(file, []byte("\r\nx,1,0.06\r\n")) {
		t.Error("csv: the huge cell changed")
	}
	file, _ = write(t, "ndjson", data, format.Options{}, 1)
	if want := `"` + strings.ReplaceAll(huge, `"`, `\"`) + `",`; !bytes.Contains(file, []byte(want)) || !bytes.HasSuffix(file, []byte("{\"a\":\"x\",\"b\":1,\"c\":\"0.06\"}\n")) {
		t.Error("ndjson: the huge cell changed")
	}
}
