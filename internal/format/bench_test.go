package format_test

import (
	"io"
	"syscall"
	"testing"
	"time"

	"outturn/internal/batch"
	"outturn/internal/compress"
	"outturn/internal/format"
	"outturn/internal/format/formattest"
)

// counting counts what is written to it.
type counting int64

func (c *counting) Write(p []byte) (int, error) {
	*c += counting(len(p))
	return len(p), nil
}

// cpuTime is what the process has used of all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWriter encodes orders with one worker. One operation is one row.
func BenchmarkWriter(b *testing.B) {
	const rows = 2000 // about batch.TargetBytes
	var batches []*batch.Batch
	for i := range int64(8) {
		batches = append(batches, formattest.Batch(i*rows, rows))
	}
	for _, c := range []struct {
		name, format string
		options      format.Options
	}{
		{"csv", "csv", format.Options{}},
		{"csv/spreadsheet", "csv", format.Options{Dialect: "spreadsheet"}},
		{"csv/semicolon", "csv", format.Options{Dialect: "semicolon"}},
		{"csv/postgres", "csv", format.Options{Dialect: "postgres"}},
		{"tsv", "tsv", format.Options{}},
		{"tsv/utf16", "tsv", format.Options{Dialect: "utf16"}},
		{"json", "json", format.Options{}},
		{"ndjson", "ndjson", format.Options{}},
		{"ndjson/numbers", "ndjson", format.Options{JSONNumbers: true}},
		{"xml", "xml", format.Options{}},
		{"xlsx", "xlsx", format.Options{}},
		{"xlsx/small", "xlsx", format.Options{Level: compress.Small}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.options.Columns, c.options.Workers = formattest.Columns(), 1
			var size counting
			w, err := format.New(c.format, io.Writer(&size), c.options)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			start := cpuTime()
			written := 0
			for i := 0; written < b.N; i++ {
				if err := w.Write(batches[i%len(batches)]); err != nil {
					b.Fatal(err)
				}
				written += rows
			}
			if _, err := w.Close(); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size) / int64(written))
			b.ReportMetric(float64(size)/float64(written), "B/row")
			b.ReportMetric(float64(written)/(cpuTime()-start).Seconds(), "rows/cpu-s")
		})
	}
}
