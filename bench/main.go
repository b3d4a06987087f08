// Bench measures the whole way from rows to a file: the outturn binary against
// what a user would run instead, whole process against whole process, in turn,
// on the same machine. Nothing is timed before both have been shown to write the
// same values.
//
//	make bench                        all cases, 1,000,000 and 4,000,000 rows
//	make bench ARGS="-rows 100000 -pairs 3 csv"
//	make bench ARGS=-h                the cases, what each is to show, options
//
// Figures are medians. A noisy machine shows in the spread beside them.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"outturn/internal/format"
)

// A bench is where things lie and how much is asked.
type bench struct {
	rows     int
	peerRows int // for peers that are slow
	scale    int // of the seeded shop
	pairs    int
	calls    int    // of each list
	dir      string // tables and output; kept between calls
	binary   string // outturn
	self     string // this program, which is also the peer

	postgres *cluster // nil until it is asked for
}

type benchCase struct {
	name, goal string
	run        func(*bench) error
}

// named reports whether a word of the command line means the case: its name or what
// stands before the slash in it.
func (c benchCase) named(word string) bool {
	return c.name == word || strings.HasPrefix(c.name, word+"/")
}

// cases are what can be named on the command line, in the order they run, each
// with what it is to show.
var cases = []benchCase{
	{"csv", "a table of 32 columns to CSV, against DuckDB's COPY: on one core at most 0.6 of its CPU, with 2 threads 0.7 of its wall", (*bench).csv},
	{"orders", "a reseller's Provisioned Orders, 162 columns of ten tables, to CSV, against COPY of the same SELECT: at most 1.0 of its wall", (*bench).orders},
	{"postgres/csv", "a table of 32 columns in PostgreSQL to CSV, against psql's \\copy: at most 0.75 of its wall, 0.60 with 4 connections", (*bench).postgresCSV},
	{"postgres/gzip", "the same compressed, against psql | gzip -1: at most 0.50 of its wall, and no larger", (*bench).postgresGzip},
	{"postgres/formats", "the same to NDJSON and XML, against psql's CSV: at most 0.80 of its wall; to XLSX 1.3", (*bench).postgresFormats},
	{"postgres/cpu", "the same to CSV, against database/sql and encoding/csv: at most 1/3 of the client's CPU", (*bench).postgresCPU},
	{"postgres/memory", "the same with 4 times the rows: at most 4.3 times the wall; at most 48 MiB, 96 for XLSX, 128 with 4 connections, beside what DuckDB costs an idle process", (*bench).postgresMemory},
	{"postgres/orders", "a reseller's Provisioned Orders from PostgreSQL to JSON.gz, against psql's \\copy of the same SELECT to CSV: at most 2 times its wall", (*bench).postgresOrders},
	{"xlsx", "a table of 32 columns to XLSX, against excelize and libxlsxwriter: at least 6 times their rows per CPU s at 1.20 of their size, 4 times at 1.05", (*bench).xlsx},
	{"memory", "the peak with 4 times the rows: at most 1.15 of the peak before", (*bench).memory},
	{"list", "pages of runs out of as many as -rows says, for every order and filters on every field, the first and the 5,000th: p99 at most 50 ms", (*bench).list},
	{"generators", "10,000 generators due in one minute: 95 % queued within 60 s, all within 5 minutes, each once; 100,000 and none due: a look in 5 ms; the next 12 times of a monthly rule in 50 µs", (*bench).generators},
	{"runs", "a server on this machine: at least 200 tiny runs a second from create to ready, and at that rate a create answered in 20 ms in 99 of 100 cases", (*bench).runs},
	{"audit", "runs over HTTP from create to ready, with the audit and with one that keeps nothing: at most 1.05 of the time; creates alone beside it", (*bench).audit},
	{"watchers", "500 live runs with a watcher each: less than 5 % of a core of the server", (*bench).watched},
	{"scope", "three times -rows rows: those below a reseller with 100,000 customers to CSV, against the same rows by a plain condition: at most 1.10 of its wall", (*bench).scope},
	{"scopelist", "GET /v1/runs as a reseller with 100,000 tenants below it, and as others beside it, -rows runs, for every order: p99 at most 50 ms", (*bench).scopeList},
	{"cmp", "10,000 reports of 90 days by CMP's GET /reports: p99 at most 150 ms; GET /reports/{id} at 200 a second: 20 ms", (*bench).cmp},
	{"auth", "to find out who sent a request, for each kind of credential: p99 at most 100 µs", (*bench).auth},
	{"start", "make run where all is built: the first file within 20 s; then an idle server of at most 96 MiB", (*bench).start},
	{"encode", "the row formats alone, against the standard library", (*bench).encode},
}

func help() {
	out := flag.CommandLine.Output()
	fmt.Fprintln(out, "bench [options] [case …]; without a case all of them\n\nCases:")
	for _, c := range cases {
		fmt.Fprintf(out, "  %-16s %s\n", c.name, c.goal)
	}
	fmt.Fprintln(out, "\nOptions:")
	flag.PrintDefaults()
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	if len(os.Args) > 1 && slices.Contains(commands, os.Args[1]) {
		if err := runCommand(os.Args[1:]); err != nil {
			log.Fatal(err)
		}
		return
	}
	b := &bench{}
	flag.IntVar(&b.rows, "rows", 1_000_000, "rows of the table; runs of the ledger")
	flag.IntVar(&b.peerRows, "peer-rows", 100_000, "rows of the table for the libraries that write workbooks")
	flag.IntVar(&b.scale, "scale", 10, "scale of the seeded shop: 100,000 charges times this")
	flag.IntVar(&b.pairs, "pairs", 5, "how often each of two programs runs")
	flag.IntVar(&b.calls, "calls", 100, "how often each list is read")
	flag.StringVar(&b.dir, "dir", "bench/out", "folder of tables and output")
	flag.Usage = help
	flag.Parse()
	for _, name := range flag.Args() {
		if !slices.ContainsFunc(cases, func(c benchCase) bool { return c.named(name) }) {
			log.Fatalf("there is no case %s; -h lists them", name)
		}
	}
	if err := b.prepare(); err != nil {
		log.Fatal(err)
	}
	for _, c := range cases {
		if flag.NArg() > 0 && !slices.ContainsFunc(flag.Args(), c.named) {
			continue
		}
		fmt.Printf("\n== %s: %s ==\n", c.name, c.goal)
		if err := c.run(b); err != nil {
			b.postgres.stop()
			log.Fatalf("%s: %v", c.name, err)
		}
	}
	b.postgres.stop()
}

// prepare builds the binary and finds this program.
func (b *bench) prepare() error {
	var err error
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	b.binary = filepath.Join(b.dir, "outturn")
	build := exec.Command("go", "build", "-trimpath", "-o", b.binary, "./cmd/outturn")
	build.Stderr = os.Stderr
	return build.Run()
}

// engineThreads are how the engine is used on both sides: on one core each, where
// CPU seconds mean the same; with one engine thread, to which Outturn adds its
// encoders on the other core (where two cores share caches, that makes each CPU
// second do less); and with two.
var engineThreads = []struct {
	name         string
	threads, max int
}{{"one core", 1, 1}, {"1 thread", 1, 0}, {"2 threads", 2, 0}}

// csv compares a DuckDB table to a CSV file with DuckDB's own COPY.
func (b *bench) csv() error {
	table, err := b.table(b.rows)
	if err != nil {
		return err
	}
	ours, theirs := filepath.Join(b.dir, "ours.csv"), filepath.Join(b.dir, "theirs.csv")
	for _, on := range engineThreads {
		us := b.export(table, ours, on.threads, "1GiB").onCores(on.max)
		peer := b.copy(table, "orders", theirs, on.threads, "1GiB")
		if err := b.raceCSV(on.name, us, peer, sameCSV); err != nil {
			return err
		}
	}
	return nil
}

// raceCSV measures outturn against COPY, once both have written the same values.
func (b *bench) raceCSV(name string, us, peer program, same func(a, b string) (rows int, err error)) error {
	if err := runAll(us, peer); err != nil {
		return err
	}
	rows, err := same(us.output, peer.output)
	if err != nil {
		return fmt.Errorf("the two files differ: %w", err)
	}
	fmt.Printf("%d rows, %s: both files hold the same values\n", rows, name)
	pair, err := measure(b.pairs, us.run, peer.run)
	if err != nil {
		return err
	}
	pair.print("outturn export, "+name, "DuckDB COPY, "+name)
	return nil
}

// memory looks at the peak of the process as rows grow fourfold.
func (b *bench) memory() error {
	for _, of := range []struct {
		format string
		most   int // MiB: the engine's limit and what Outturn may take beside it
	}{{"csv", 224}, {"xlsx", 256}} {
		if _, err := format.Find(of.format); err != nil {
			fmt.Printf("%s: skipped: this outturn does not write it\n", of.format)
			continue
		}
		var peaks []float64
		for _, rows := range []int{b.rows, 4 * b.rows} {
			table, err := b.table(rows)
			if err != nil {
				return err
			}
			run := b.export(table, filepath.Join(b.dir, "ours."+of.format), 2, "128MB", "--format", of.format)
			var runs []usage
			for range 3 {
				u, err := run.run()
				if err != nil {
					return err
				}
				runs = append(runs, u)
			}
			peak := median(runs, func(u usage) float64 { return u.peakMiB })
			peaks = append(peaks, peak)
			fmt.Printf("%-4s %9d rows, engine limit 128 MB: peak %.0f MiB, wall %.2f s, CPU %.2f s\n", of.format, rows, peak, median(runs, wall), median(runs, cpu))
		}
		fmt.Printf("%-4s peak grows by a factor of %.2f (goal: at most 1.15, and %d MiB)\n", of.format, peaks[1]/peaks[0], of.most)
	}
	return nil
}

// encode runs the formats against the libraries, which stand in their own module.
func (b *bench) encode() error {
	cmd := exec.Command("go", "run", ".")
	cmd.Dir = "bench/peers"
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
