package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"outturn/internal/format"
)

// xlsxArgs are outturn's words for a workbook of a level.
func xlsxArgs(level string) []string {
	return []string{"--format", "xlsx", "--compress-level", level}
}

// xlsxGoals are what each level is to reach against each library: rows per CPU
// second over theirs, at no more than so much of their file's size.
var xlsxGoals = []struct {
	level       string
	ratio, size float64
}{{"fast", 6, 1.20}, {"small", 4, 1.05}}

// An xlsxPeer is a library that writes workbooks.
type xlsxPeer struct {
	name, title string
	missing     string // why it cannot run here; "" if it can
}

// xlsx compares a DuckDB table to a workbook with what libraries write of it. They
// are an order of magnitude slower, so the pairs have fewer rows, and one run
// each has all. Level by level, since speed is easily had for size.
func (b *bench) xlsx() error {
	peers, err := b.buildXLSXPeers()
	if err != nil {
		return err
	}
	small, err := b.table(b.peerRows)
	if err != nil {
		return err
	}
	if _, err := format.Find("xlsx"); err != nil {
		fmt.Println("skipped: this outturn writes no workbooks; the libraries against each other:")
		return b.xlsxPeersAlone(small, peers)
	}
	for _, goal := range xlsxGoals {
		for _, peer := range peers {
			if peer.missing != "" {
				fmt.Printf("%s: skipped: %s\n", peer.title, peer.missing)
				continue
			}
			if err := b.sameValues(b.exportXLSX(small, goal.level, 2), b.xlsxPeer(peer, small)); err != nil {
				return fmt.Errorf("%s and %s: %w", goal.level, peer.title, err)
			}
			for _, on := range []struct {
				name         string
				threads, max int
			}{{"one core", 1, 1}, {"2 threads", 2, 0}} {
				us, them := b.exportXLSX(small, goal.level, on.threads).onCores(on.max), b.xlsxPeer(peer, small).onCores(on.max)
				if err := raceXLSX(goal.level+", "+on.name, peer.title, us, them, b.peerRows, b.pairs); err != nil {
					return err
				}
			}
			if b.rows > b.peerRows {
				table, err := b.table(b.rows)
				if err != nil {
					return err
				}
				if err := raceXLSX(goal.level+", 2 threads", peer.title, b.exportXLSX(table, goal.level, 2), b.xlsxPeer(peer, table), b.rows, 1); err != nil {
					return err
				}
			}
			fmt.Printf("  goal: at least %.0f times the rows per CPU s, at no more than %.2f of the size\n", goal.ratio, goal.size)
		}
	}
	return nil
}

// xlsxPeersAlone shows that the libraries write the same values, and their speed.
func (b *bench) xlsxPeersAlone(table string, peers []xlsxPeer) error {
	for _, peer := range peers {
		if peer.missing != "" {
			fmt.Printf("%s: skipped: %s\n", peer.title, peer.missing)
			return nil
		}
	}
	first, second := b.xlsxPeer(peers[0], table), b.xlsxPeer(peers[1], table)
	if err := b.sameValues(first, second); err != nil {
		return err
	}
	return raceXLSX(peers[0].title, peers[1].title, first, second, b.peerRows, b.pairs)
}

// buildXLSXPeers builds the libraries' program, which is in a module of its own.
func (b *bench) buildXLSXPeers() ([]xlsxPeer, error) {
	peers := []xlsxPeer{
		{name: "excelize", title: "excelize StreamWriter"},
		{name: "libxlsxwriter", title: "libxlsxwriter, constant_memory"},
	}
	tags := "libxlsxwriter"
	probe := exec.Command("cc", "-fsyntax-only", "-xc", "-")
	probe.Stdin = strings.NewReader("#include <xlsxwriter.h>\n")
	if probe.Run() != nil {
		tags, peers[1].missing = "", "libxlsxwriter-dev is not installed"
	}
	build := exec.Command("go", "build", "-trimpath", "-tags", tags, "-o", filepath.Join(b.dir, "xlsx-peer"), "./xlsx")
	build.Dir, build.Stderr = "bench/peers", os.Stderr
	return peers, build.Run()
}

func (b *bench) exportXLSX(table, level string, threads int) program {
	return b.export(table, filepath.Join(b.dir, "ours.xlsx"), threads, "1GiB", xlsxArgs(level)...)
}

func (b *bench) xlsxPeer(peer xlsxPeer, table string) program {
	out := filepath.Join(b.dir, peer.name+".xlsx")
	return program{output: out, args: []string{filepath.Join(b.dir, "xlsx-peer"), peer.name, table, out}}
}

// raceXLSX measures a writer of workbooks against another and sets speed beside
// size.
func raceXLSX(name, peerName string, us, them program, rows, pairs int) error {
	pair, err := measure(pairs, us.run, them.run)
	if err != nil {
		return err
	}
	fmt.Printf("%d rows, %s against %s\n", rows, name, peerName)
	pair.print(name, peerName)
	var size [2]float64
	for i, out := range []string{us.output, them.output} {
		info, err := os.Stat(out)
		if err != nil {
			return err
		}
		size[i] = float64(info.Size()) / 1e6
	}
	ratios := pair.ratios(cpu)
	rate := func(runs []usage) float64 { return float64(rows) / median(runs, cpu) / 1e3 }
	fmt.Printf("  rows per CPU s %.0fk and %.0fk: %.2f times, at %.3f of the size (%.1f MB and %.1f MB)\n",
		rate(pair.a), rate(pair.b), 1/ratios[len(ratios)/2], size[0]/size[1], size[0], size[1])
	return nil
}

//go:embed samexlsx.py
var sameXLSX string

// sameValues runs both programs and has an independent reader compare every value.
func (b *bench) sameValues(first, second program) error {
	python, err := openpyxl()
	if err != nil {
		return err
	}
	if err := runAll(first, second); err != nil {
		return err
	}
	out, err := exec.Command(python, "-c", sameXLSX, first.output, second.output).Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return fmt.Errorf("the two files differ: %s", strings.TrimSpace(string(failed.Stderr)))
		}
		return err
	}
	rows, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || rows != b.peerRows {
		return fmt.Errorf("the two files have %s rows of %d", out, b.peerRows)
	}
	fmt.Printf("%d rows: both files hold the same values\n", rows)
	return nil
}

// openpyxl returns a Python that has it: the one on the path, or the system's.
func openpyxl() (string, error) {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import openpyxl").Run() == nil {
			return python, nil
		}
	}
	return "", errors.New("no Python with openpyxl (python3-openpyxl) to read the files back")
}
