package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// ordersQuery is what is exported of the benchmark's table, as it stands.
const ordersQuery = "SELECT * FROM orders"

// fromPostgres is outturn writing rows of a database to a file.
func (b *bench) fromPostgres(url, out string, args ...string) program {
	args = append([]string{b.binary, "export", "--source", url, "--data", b.dir, "--out", out}, args...)
	return program{output: out, args: args}
}

// fromOrders is outturn writing the benchmark's table.
func (b *bench) fromOrders(url, out string, args ...string) program {
	return b.fromPostgres(url, out, append([]string{"--query", ordersQuery}, args...)...)
}

// likePostgres has outturn write what COPY would.
var likePostgres = []string{"--csv-dialect", "postgres"}

// fourConnections has outturn read by four connections, slice by slice of the key.
var fourConnections = append([]string{"--parallel", "4", "--key", "id"}, likePostgres...)

func (b *bench) out(name string) string { return filepath.Join(b.dir, name) }

// A goal is what a ratio is to be at most.
type goal struct {
	name string
	of   func(usage) float64
	most float64
}

func wallGoal(most float64) goal { return goal{"wall", wall, most} }

// race measures a against b in turn, beside the server, and sets everything that
// both used side by side.
func (b *bench) race(c *cluster, nameA, nameB string, us, them program, goals ...goal) (pair, error) {
	p, err := measure(b.pairs, c.meter(us), c.meter(them))
	if err != nil {
		return p, err
	}
	p.printServed(nameA, nameB)
	for _, g := range goals {
		ratios := p.ratios(g.of)
		verdict := "met"
		if ratios[len(ratios)/2] > g.most {
			verdict = "missed"
		}
		fmt.Printf("  goal: %s at most %.2f: %s\n", g.name, g.most, verdict)
	}
	return p, nil
}

// postgresCSV compares a table to a CSV file with psql.
func (b *bench) postgresCSV() error {
	c, url, err := b.ordersIn(b.rows)
	if err != nil {
		return err
	}
	ours, machine, theirs := b.out("ours.csv"), b.out("machine.csv"), b.out("theirs.csv")
	psql := c.copyOut(url, "orders", theirs)
	one, four, plain := b.fromOrders(url, ours, likePostgres...), b.fromOrders(url, ours, fourConnections...), b.fromOrders(url, machine)

	if err := b.identical(one, psql); err != nil {
		return err
	}
	if _, err := b.race(c, "outturn, as COPY writes", "psql \\copy csv", one, psql, wallGoal(0.75)); err != nil {
		return err
	}
	if err := b.sameAs(plain, psql, "bench/datasets", "orders"); err != nil {
		return err
	}
	if _, err := b.race(c, "outturn, machine", "outturn, as COPY writes", plain, one, wallGoal(1.05)); err != nil {
		return err
	}
	if err := b.identical(four, psql); err != nil {
		return err
	}
	_, err = b.race(c, "outturn, 4 connections", "psql \\copy csv", four, psql, wallGoal(0.60))
	return err
}

// postgresGzip compares a compressed CSV file with psql's pipe to gzip.
func (b *bench) postgresGzip() error {
	c, url, err := b.ordersIn(b.rows)
	if err != nil {
		return err
	}
	us := b.fromOrders(url, b.out("ours.csv.gz"), likePostgres...)
	psql := c.copyGzip(url, "orders", b.out("theirs.csv.gz"))
	if err := b.identical(us, psql); err != nil {
		return err
	}
	_, err = b.race(c, "outturn, csv.gz", "psql | gzip -1", us, psql, wallGoal(0.50), goal{"size", size, 1})
	return err
}

// postgresFormats compares the other formats with psql's CSV.
func (b *bench) postgresFormats() error {
	c, url, err := b.ordersIn(b.rows)
	if err != nil {
		return err
	}
	psql := c.copyOut(url, "orders", b.out("theirs.csv"))
	for _, of := range []struct {
		format string
		most   float64
	}{{"ndjson", 0.80}, {"xml", 0.80}, {"xlsx", 1.3}} {
		us := b.fromOrders(url, b.out("ours."+of.format))
		if err := b.sameAs(us, psql, "bench/datasets", "orders"); err != nil {
			return err
		}
		if _, err := b.race(c, "outturn, "+of.format, "psql \\copy csv", us, psql, wallGoal(of.most)); err != nil {
			return err
		}
	}
	return nil
}

// postgresCPU compares the CPU time of the client with that of a Go program as one
// would write it.
func (b *bench) postgresCPU() error {
	c, url, err := b.ordersIn(b.rows)
	if err != nil {
		return err
	}
	peer, err := b.buildSQLPeer()
	if err != nil {
		return err
	}
	us := b.fromOrders(url, b.out("ours.csv"), likePostgres...)
	them := program{output: b.out("theirs.csv"), args: []string{peer, url, ordersQuery, b.out("theirs.csv")}}
	if err := b.sameAs(us, them, "bench/datasets", "orders"); err != nil {
		return err
	}
	_, err = b.race(c, "outturn, csv", "database/sql + encoding/csv", us, them, goal{"client CPU", cpu, 1.0 / 3})
	return err
}

// buildSQLPeer builds the program that reads by database/sql.
func (b *bench) buildSQLPeer() (string, error) {
	path := b.out("sql-peer")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./sql")
	build.Dir, build.Stderr = "bench/peers", os.Stderr
	return path, build.Run()
}

// postgresMemory looks at the peak and the time of the process as rows grow fourfold.
func (b *bench) postgresMemory() error {
	idle, err := b.idlePeaks()
	if err != nil {
		return err
	}
	for _, of := range []struct {
		name, file string
		most       float64 // MiB, beside what an idle process has
		args       []string
	}{
		{"csv", "ours.csv", 48, likePostgres},
		{"csv.gz", "ours.csv.gz", 48, likePostgres},
		{"ndjson", "ours.ndjson", 48, nil},
		{"xml", "ours.xml", 48, nil},
		{"xlsx", "ours.xlsx", 96, nil},
		{"csv, 4 connections", "ours.csv", 128, fourConnections},
	} {
		var walls, peaks []float64
		for _, rows := range []int{b.rows, 4 * b.rows} {
			c, url, err := b.ordersIn(rows)
			if err != nil {
				return err
			}
			var runs []usage
			for range 3 {
				u, err := c.meter(b.fromOrders(url, b.out(of.file), of.args...))()
				if err != nil {
					return err
				}
				runs = append(runs, u)
			}
			fmt.Printf("%9d rows\n", rows)
			printServed(of.name, runs)
			walls, peaks = append(walls, median(runs, wall)), append(peaks, median(runs, peak))
		}
		fmt.Printf("  4 times the rows: wall %.2f times (goal: at most 4.3), peak %.0f MiB of which %.0f beside an idle process (goal: at most %.0f)\n",
			walls[1]/walls[0], peaks[1], peaks[1]-idle, of.most)
		if err := os.Remove(b.out(of.file)); err != nil { // up to 5 GB
			return err
		}
	}
	return nil
}

// idlePeaks prints what processes hold that do nothing, and returns what linking
// DuckDB adds: the difference of outturn and a Go program with pgx alone.
func (b *bench) idlePeaks() (mib float64, err error) {
	peer, err := b.buildSQLPeer()
	if err != nil {
		return 0, err
	}
	var peaks []float64
	for _, idle := range []string{b.binary, peer} {
		// This process holds as much itself, and its children never seem to hold less:
		// GNU time, which is small, starts them.
		out, err := exec.Command("/usr/bin/time", "-f", "%M", idle, "--version").CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("%w\n%s", err, out)
		}
		lines := strings.Fields(string(out))
		kib, err := strconv.ParseFloat(lines[len(lines)-1], 64)
		if err != nil {
			return 0, err
		}
		peaks = append(peaks, kib/1024)
	}
	fmt.Printf("an idle outturn holds %.0f MiB, an idle Go program with pgx %.0f: linking DuckDB costs %.0f\n", peaks[0], peaks[1], peaks[0]-peaks[1])
	return peaks[0] - peaks[1], nil
}

// postgresOrders compares Provisioned Orders of a level-1 reseller, all columns, with
// psql's \copy of the statement that Outturn runs for it.
func (b *bench) postgresOrders() error {
	c, err := b.cluster()
	if err != nil {
		return err
	}
	url, err := c.once(fmt.Sprintf("seed_%d", b.scale), func(url string) error {
		_, err := program{args: []string{b.binary, "seed", "--scale", strconv.Itoa(b.scale), "--to", url}}.run()
		return err
	})
	if err != nil {
		return err
	}
	resellers, err := b.resellers(url)
	if err != nil {
		return err
	}
	if len(resellers) == 0 {
		return errors.New("the shop has no reseller with resellers below it")
	}
	for _, which := range []struct{ name, tenant string }{
		{"the largest reseller", resellers[0]}, {"the median one", resellers[len(resellers)/2]},
	} {
		statement, err := b.statement(url, which.tenant)
		if err != nil {
			return err
		}
		fmt.Printf("%s is account %s\n", which.name, which.tenant)
		us := b.fromPostgres(url, b.out("ours.json.gz"), provisioned, "--tenant", which.tenant, "--report-type", "PROVIDER")
		psql := c.copyOut(url, "("+oneLine(statement)+")", b.out("theirs.csv"))
		if err := b.sameAs(us, psql, "", provisioned); err != nil {
			return err
		}
		if _, err := b.race(c, "outturn, json.gz", "psql \\copy csv", us, psql, wallGoal(2)); err != nil {
			return err
		}
	}
	return nil
}

var lineComment = regexp.MustCompile(`--[^\n]*`)

// oneLine is a statement for psql, whose commands end with their line: without its
// comments, which would take all that follows with them.
func oneLine(statement string) string {
	return strings.ReplaceAll(lineComment.ReplaceAllString(statement, ""), "\n", " ")
}

// ordersIn returns the database that has the given number of orders.
func (b *bench) ordersIn(rows int) (*cluster, string, error) {
	c, err := b.cluster()
	if err != nil {
		return nil, "", err
	}
	url, err := c.table(rows)
	return c, url, err
}

// identical runs both programs and compares their files byte by byte, uncompressed.
func (b *bench) identical(us, them program) error {
	if err := runAll(us, them); err != nil {
		return err
	}
	var files [2]io.Reader
	for i, path := range []string{us.output, them.output} {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		files[i] = f
		if strings.HasSuffix(path, ".gz") {
			if files[i], err = gzip.NewReader(f); err != nil {
				return err
			}
		}
	}
	if err := sameBytes(files[0], files[1]); err != nil {
		return fmt.Errorf("the two files differ: %w", err)
	}
	fmt.Printf("%s and %s are the same byte for byte\n", filepath.Base(us.output), filepath.Base(them.output))
	return nil
}

// sameAs runs both programs and has another process read both files back.
func (b *bench) sameAs(us, them program, folder, dataset string) error {
	if err := runAll(us, them); err != nil {
		return err
	}
	rows, err := b.ask(sameCommand, us.output, them.output, folder, dataset)
	if err != nil {
		return fmt.Errorf("the two files differ: %w", err)
	}
	fmt.Printf("%s rows: %s and %s hold the same values\n", strings.TrimSpace(rows), filepath.Base(us.output), filepath.Base(them.output))
	return nil
}
