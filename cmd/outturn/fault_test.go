package main_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"outturn/internal/source/duckdb/duckdbtest"
)

// faults is how often a fault is tried: a sample, or all of it by make chaos.
func faults(sample, all int) int {
	if os.Getenv("OUTTURN_TEST_CHAOS") != "" {
		return all
	}
	return sample
}

// longQuery makes about 100 MB of CSV in some tenths of a second.
const longQuery = `SELECT i, repeat('row ', 20) || i AS words, i / 7 AS x, CAST(i AS DECIMAL(20,8)) AS money FROM range(1000000) AS t(i)`

// left lists what an export left in a folder, hidden names too.
func left(t *testing.T, folder string) []string {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// Whenever an export is killed, either the whole file is there or none, and
// nothing else.
func TestFaultKilledExport(t *testing.T) {
	bin, data := binary(t), seed(t)
	random := rand.New(rand.NewPCG(1, 2026))
	whole := export(t, bin, data, t.TempDir())
	killed := 0
	for i := range faults(8, 200) {
		folder := t.TempDir()
		out := filepath.Join(folder, "out.csv")
		cmd := exec.Command(bin, "export", "--query", longQuery, "--source", "duckdb:"+data, "--out", out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(random.Int64N(int64(whole.took)))
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		err := cmd.Wait()
		timer.Stop()
		if err != nil {
			killed++
		}
		names := left(t, folder)
		info, statErr := os.Stat(out)
		switch {
		case len(names) == 0 && err != nil:
		case len(names) == 1 && statErr == nil && info.Size() == whole.size:
		default:
			t.Errorf("kill %d after %s (%v): left %v", i, after, err, names)
		}
	}
	if killed == 0 {
		t.Error("no export was killed before its end")
	}
}

type exported struct {
	size int64
	took time.Duration
}

// export runs the long query to its end.
func export(t *testing.T, bin, data, folder string) exported {
	t.Helper()
	out := filepath.Join(folder, "whole.csv")
	started := time.Now()
	if err := command(bin, "export", "--query", longQuery, "--source", "duckdb:"+data, "--out", out); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	return exported{info.Size(), time.Since(started)}
}

// A signal to stop ends an export soon, with its own status, and leaves nothing.
func TestFaultInterruptedExport(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "out.csv")
	// A sort that yields nothing for a long time.
	cmd := exec.Command(binary(t), "export", "--query", "SELECT a.i FROM range(100000) AS a(i), range(100000) AS b(i) ORDER BY hash(a.i + b.i)", "--source", "duckdb:"+seed(t), "--out", out)
	var talk strings.Builder
	cmd.Stderr = &talk
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	started := time.Now()
	err := cmd.Wait()
	if took := time.Since(started); took > 6*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("got %v, want status 130", err)
	}
	if !strings.Contains(talk.String(), "Interrupted before it was done.") {
		t.Errorf("it said %q", talk.String())
	}
	if names := left(t, folder); len(names) > 0 {
		t.Errorf("left %v", names)
	}
}

// A disk that fills up at any point fails the export with status 5 and leaves
// nothing.
func TestFaultFullDisk(t *testing.T) {
	bin, data := binary(t), seed(t)
	random := rand.New(rand.NewPCG(2, 2026))
	for range faults(3, 50) {
		size := strconv.Itoa(100 + random.IntN(50_000)) // of the 100,000 kB that are wanted
		disk := t.TempDir()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size+"k"); err != nil {
			t.Skipf("a small disk needs the right to mount one: %v", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(disk, 0) })
		out, err := exec.Command(bin, "export", "--query", longQuery, "--source", "duckdb:"+data, "--out", filepath.Join(disk, "out.csv")).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 5 || !strings.Contains(string(out), "The disk is full") {
			t.Errorf("a disk of %s kB: %v, %s", size, err, out)
		}
		if names := left(t, disk); len(names) > 0 {
			t.Errorf("a disk of %s kB: left %v", size, names)
		}
	}
}

// A source that another process is writing to is told as such, and is no fault
// of the request.
func TestLockedSource(t *testing.T) {
	data := filepath.Join(t.TempDir(), "copy.duckdb")
	copyFile(t, seed(t), data)
	_, unlock := duckdbtest.Open(t, data)
	folder := t.TempDir()
	args := []string{"export", "payments", "--source", "duckdb:" + data, "--out", filepath.Join(folder, "out.csv")}
	out, err := exec.Command(binary(t), args...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(out), "copy.duckdb") {
		t.Errorf("got %v, %s", err, out)
	}
	if names := left(t, folder); len(names) > 0 {
		t.Errorf("left %v", names)
	}
	unlock()
	if out, err := exec.Command(binary(t), args...).CombinedOutput(); err != nil {
		t.Errorf("after the lock: %v, %s", err, out)
	}
}
