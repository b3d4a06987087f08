package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what one process used from start to exit, as the system counts it.
type usage struct {
	wall, cpu float64 // seconds
	peakMiB   float64 // largest resident set

	// What a cluster's meter adds.
	server    float64 // CPU seconds of PostgreSQL
	foreign   float64 // how much of the machine other programs had
	megabytes float64 // of the file
}

// A program is one process to run to its end.
type program struct {
	output string // removed before each run, so that none pays for truncating it
	args   []string
	env    []string
}

// onCores limits a Go program to n cores; 0 is no limit.
func (p program) onCores(n int) program {
	if n > 0 {
		p.env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(n))
	}
	return p
}

func (p program) run() (usage, error) {
	if err := os.RemoveAll(p.output); err != nil {
		return usage{}, err
	}
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Env = p.env
	var talk strings.Builder
	cmd.Stderr = &talk
	started := time.Now()
	err := cmd.Run()
	wall := time.Since(started).Seconds()
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", p.args[0], err, talk.String())
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return usage{wall: wall, cpu: cpu.Seconds(), peakMiB: float64(used.Maxrss) / 1024}, nil
}

// outturn runs the product to a file.
func (b *bench) outturn(out string, threads int, memory string, args ...string) program {
	args = append([]string{b.binary}, args...)
	return program{output: out, args: append(args, "--data", b.dir, "--threads", strconv.Itoa(threads), "--memory", memory, "--out", out)}
}

// export runs outturn over a table of the benchmark.
func (b *bench) export(table, out string, threads int, memory string, args ...string) program {
	return b.outturn(out, threads, memory, append([]string{"export", "orders", "--source", "duckdb:" + table, "--datasets", "bench/datasets"}, args...)...)
}

// copy runs DuckDB's own COPY of a table or a SELECT in parentheses.
func (b *bench) copy(file, what, out string, threads int, memory string) program {
	return program{output: out, args: []string{b.self, copyCommand, file, what, out, strconv.Itoa(threads), memory}}
}

func runAll(programs ...program) error {
	for _, run := range programs {
		if _, err := run.run(); err != nil {
			return err
		}
	}
	return nil
}

// A pair is two programs measured in turn.
type pair struct{ a, b []usage }

// measure runs a and b in turn, n times each.
func measure(n int, a, b func() (usage, error)) (pair, error) {
	var p pair
	for range n {
		ua, err := a()
		if err != nil {
			return p, err
		}
		ub, err := b()
		if err != nil {
			return p, err
		}
		p.a, p.b = append(p.a, ua), append(p.b, ub)
	}
	return p, nil
}

func (p pair) print(nameA, nameB string) {
	for _, row := range []struct {
		name string
		runs []usage
	}{{nameA, p.a}, {nameB, p.b}} {
		fmt.Printf("  %-31s wall %5.2f s   CPU %5.2f s   peak %4.0f MiB\n", row.name,
			median(row.runs, wall), median(row.runs, cpu), median(row.runs, peak))
	}
	fmt.Printf("  ratio: wall %s, CPU %s\n", p.ratio(wall), p.ratio(cpu))
}

// printServed prints a pair of programs that a cluster has metered.
func (p pair) printServed(nameA, nameB string) {
	printServed(nameA, p.a)
	printServed(nameB, p.b)
	fmt.Printf("  ratio: wall %s, client CPU %s, client and server %s, size %.3f\n",
		p.ratio(wall), p.ratio(cpu), p.ratio(total), median(p.a, size)/median(p.b, size))
	var quiet pair
	for i := range p.a {
		if max(p.a[i].foreign, p.b[i].foreign) <= mostForeign {
			quiet.a, quiet.b = append(quiet.a, p.a[i]), append(quiet.b, p.b[i])
		}
	}
	if noisy := len(p.a) - len(quiet.a); noisy == len(p.a) {
		fmt.Println("  every pair is noisy: trust CPU, not wall")
	} else if noisy > 0 {
		fmt.Printf("  %d of %d pairs are noisy; the others: wall %s\n", noisy, len(p.a), quiet.ratio(wall))
	}
}

// mostForeign is how much of the machine others may have beside a program for its
// wall time to mean something.
const mostForeign = 0.05

func printServed(name string, runs []usage) {
	fmt.Printf("  %-31s wall %5.2f s   client CPU %5.2f s   server CPU %5.2f s   peak %4.0f MiB   %7.1f MB   others %2.0f %%\n",
		name, median(runs, wall), median(runs, cpu), median(runs, func(u usage) float64 { return u.server }), median(runs, peak), median(runs, size),
		100*median(runs, func(u usage) float64 { return u.foreign }))
}

func wall(u usage) float64  { return u.wall }
func cpu(u usage) float64   { return u.cpu }
func total(u usage) float64 { return u.cpu + u.server }
func peak(u usage) float64  { return u.peakMiB }
func size(u usage) float64  { return u.megabytes }

// ratio is the median of a/b pair by pair, with the least and the largest.
func (p pair) ratio(of func(usage) float64) string {
	ratios := p.ratios(of)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
}

// ratios lists a/b pair by pair, the least first.
func (p pair) ratios(of func(usage) float64) []float64 {
	var ratios []float64
	for i := range p.a {
		ratios = append(ratios, of(p.a[i])/of(p.b[i]))
	}
	slices.Sort(ratios)
	return ratios
}

func median(runs []usage, of func(usage) float64) float64 {
	var all []float64
	for _, u := range runs {
		all = append(all, of(u))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
