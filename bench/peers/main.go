// Peers measures Outturn's row formats against the standard library's encoders:
// the same orders, the same machine, strictly in turn, counted in rows per second
// of CPU time.
//
//	go run . [-rows 50000] [-pairs 5] [-case csv,ndjson,xml,utf16] [-json]
//
// What each side has to do is the same: its rows lie in memory as a program would
// have them after reading a database (batches here, structs there), and the file's
// bytes go nowhere. Before any figure, both files are parsed and compared value by
// value; README.md says how to read what is printed.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"outturn/internal/batch"
	"outturn/internal/format"
	"outturn/internal/format/formattest"
)

// A contest is one format written by two hands.
type contest struct {
	name   string
	peer   string
	theirs func(io.Writer, []formattest.Order) error
	parse  func(file []byte) ([][]string, error) // values of each row, spelled alike
}

var contests = []contest{
	{"csv", "encoding/csv", writeCSV, parseCSV},
	{"ndjson", "encoding/json", writeNDJSON, parseNDJSON},
	{"xml", "encoding/xml", writeXML, parseXML},
}

// A solo is a dialect that no peer writes: its figure is its own speed.
type solo struct {
	name, format, dialect string
}

var solos = []solo{{"utf16", "tsv", "utf16"}}

func main() {
	rows := flag.Int("rows", 50_000, "rows in memory")
	pairs := flag.Int("pairs", 5, "measurements of each side")
	only := flag.String("case", "", "cases, separated by commas; empty for all")
	asJSON := flag.Bool("json", false, "print one JSON object a case")
	flag.Parse()
	if err := run(os.Stdout, *rows, *pairs, *only, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, rows, pairs int, only string, asJSON bool) error {
	orders, batches := makeRows(rows)
	wanted := func(name string) bool { return only == "" || slices.Contains(strings.Split(only, ","), name) }
	for _, c := range contests {
		if !wanted(c.name) {
			continue
		}
		if err := c.check(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		r, err := c.measure(orders, batches, pairs)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if asJSON {
			if err := json.NewEncoder(out).Encode(r); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(out, "%-7s %-14s %9.0f rows per CPU s   outturn %9.0f   ratio %.1f (%.1f to %.1f, %d pairs)\n",
			r.Case, r.Peer, r.Theirs, r.Ours, r.Ratio, r.Least, r.Most, r.Pairs)
	}
	for _, s := range solos {
		if !wanted(s.name) {
			continue
		}
		r, err := s.measure(len(orders), batches, pairs)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if asJSON {
			if err := json.NewEncoder(out).Encode(r); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(out, "%-7s %-14s %9.0f rows per CPU s   %.0f MB of file per CPU s (%.0f to %.0f, %d runs)\n",
			r.Case, "alone", r.Rate, r.Megabytes, r.Least, r.Most, r.Runs)
	}
	return nil
}

// makeRows makes the orders as structs, and as batches of about the size that
// sources hand on.
func makeRows(n int) ([]formattest.Order, []*batch.Batch) {
	const rowsPerBatch = 2000
	orders := make([]formattest.Order, n)
	for i := range orders {
		orders[i] = formattest.NewOrder(int64(i))
	}
	var batches []*batch.Batch
	for first := 0; first < n; first += rowsPerBatch {
		batches = append(batches, formattest.Batch(int64(first), min(rowsPerBatch, n-first)))
	}
	return orders, batches
}

// writeOurs encodes with one worker, because the peers have one: two on a core's
// two threads would count as twice the CPU time.
func writeOurs(name, dialect string, w io.Writer, batches []*batch.Batch) error {
	f, err := format.New(name, w, format.Options{Columns: formattest.Columns(), Dialect: dialect, Workers: 1})
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := f.Write(b); err != nil {
			break // Close tells
		}
	}
	_, err = f.Close()
	return err
}

// check compares the two files value by value.
func (c contest) check() error {
	orders, batches := makeRows(5000)
	var ours, theirs strings.Builder
	if err := writeOurs(c.name, "", &ours, batches); err != nil {
		return err
	}
	if err := c.theirs(&theirs, orders); err != nil {
		return err
	}
	a, err := c.parse([]byte(ours.String()))
	if err != nil {
		return fmt.Errorf("our file: %w", err)
	}
	b, err := c.parse([]byte(theirs.String()))
	if err != nil {
		return fmt.Errorf("the file of %s: %w", c.peer, err)
	}
	if len(a) != len(b) || len(a) < len(orders) {
		return fmt.Errorf("%d rows against %d", len(a), len(b))
	}
	for r := range a {
		if !slices.Equal(a[r], b[r]) {
			return fmt.Errorf("row %d: %q against %q", r, a[r], b[r])
		}
	}
	return nil
}

// A result is what a contest came to: rows per CPU second, medians.
type result struct {
	Case   string  `json:"case"`
	Peer   string  `json:"peer"`
	Rows   int     `json:"rows"`
	Pairs  int     `json:"pairs"`
	Theirs float64 `json:"peer_rows_per_cpu_s"`
	Ours   float64 `json:"outturn_rows_per_cpu_s"`
	Ratio  float64 `json:"ratio"` // the median of the pairs' ratios
	Least  float64 `json:"ratio_min"`
	Most   float64 `json:"ratio_max"`
}

func (c contest) measure(orders []formattest.Order, batches []*batch.Batch, pairs int) (result, error) {
	var theirs, ours, ratios []float64
	for range pairs {
		a, err := rate(len(orders), func() error { return c.theirs(io.Discard, orders) })
		if err != nil {
			return result{}, err
		}
		b, err := rate(len(orders), func() error { return writeOurs(c.name, "", discard{}, batches) })
		if err != nil {
			return result{}, err
		}
		theirs, ours, ratios = append(theirs, a), append(ours, b), append(ratios, b/a)
	}
	return result{
		Case: c.name, Peer: c.peer, Rows: len(orders), Pairs: pairs,
		Theirs: median(theirs), Ours: median(ours), Ratio: median(ratios),
		Least: slices.Min(ratios), Most: slices.Max(ratios),
	}, nil
}

// A soloResult is what a solo came to, medians.
type soloResult struct {
	Case      string  `json:"case"`
	Rows      int     `json:"rows"`
	Runs      int     `json:"runs"`
	Rate      float64 `json:"outturn_rows_per_cpu_s"`
	Megabytes float64 `json:"megabytes_per_cpu_s"` // of the file
	Least     float64 `json:"megabytes_min"`
	Most      float64 `json:"megabytes_max"`
}

func (s solo) measure(rows int, batches []*batch.Batch, runs int) (soloResult, error) {
	var size counter
	if err := writeOurs(s.format, s.dialect, &size, batches); err != nil {
		return soloResult{}, err
	}
	var rates, megabytes []float64
	for range runs {
		r, err := rate(rows, func() error { return writeOurs(s.format, s.dialect, discard{}, batches) })
		if err != nil {
			return soloResult{}, err
		}
		rates, megabytes = append(rates, r), append(megabytes, r*float64(size)/float64(rows)/1e6)
	}
	return soloResult{
		Case: s.name, Rows: rows, Runs: runs, Rate: median(rates),
		Megabytes: median(megabytes), Least: slices.Min(megabytes), Most: slices.Max(megabytes),
	}, nil
}

// counter counts the bytes of a file.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// discard takes bytes like io.Discard, and nothing else: no shortcuts.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// rate runs write over and over for at least a third of a second of CPU time and
// returns rows per CPU second: user and system time of the whole process, so the
// collector's and all workers' too.
func rate(rows int, write func() error) (float64, error) {
	runtime.GC()
	start, rounds := cpuTime(), 0
	for {
		if err := write(); err != nil {
			return 0, err
		}
		rounds++
		if used := cpuTime() - start; used > time.Second/3 {
			return float64(rounds*rows) / used.Seconds(), nil
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
