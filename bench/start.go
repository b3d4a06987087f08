package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"outturn"
	"outturn/client"
)

// start measures what a new user waits for: `make run` where all is built but
// nothing seeded, up to the first file, as a second terminal would fetch it. Then
// how much memory the server holds that has nothing to do.
func (b *bench) start() error {
	warm := exec.Command("make", "assets", "build")
	warm.Stderr = os.Stderr
	if err := warm.Run(); err != nil {
		return err
	}
	var firsts, served, idle sample
	for range b.pairs {
		d, err := b.startDemo()
		if err != nil {
			return err
		}
		firsts, served, idle = append(firsts, d.first), append(served, d.served), append(idle, d.idleMiB)
		fmt.Printf("    answers after %.1f s, first file (%d rows) after %.1f s; idle: %.0f MiB\n", d.served, d.rows, d.first, d.idleMiB)
	}
	fmt.Printf("  make run to its answer %.1f s, to the first file %.1f s (goal: at most 20)\n", served.at(0.5), firsts.at(0.5))
	fmt.Printf("  idle server %.0f MiB (goal: at most 96)\n", idle.at(0.5))
	return nil
}

// A demo is one start: seconds, and what the server holds.
type demo struct {
	served, first, idleMiB float64
	rows                   int64
}

// idleFor is how long the server is left alone before its memory is looked at: the
// source has been closed by then.
const idleFor = 5 * time.Second

var exported = regexp.MustCompile(`export OUTTURN_URL=(\S+) OUTTURN_CLIENT_ID=(\S+) OUTTURN_CLIENT_SECRET=(\S+)`)

func (b *bench) startDemo() (d demo, err error) {
	data := filepath.Join(b.dir, "demo")
	if err := os.RemoveAll(data); err != nil {
		return d, err
	}
	cmd := exec.Command("make", "run")
	cmd.Env = append(os.Environ(), "OUTTURN_DATA="+data, "OUTTURN_LISTEN=127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // make and the server end together
	out, err := cmd.StdoutPipe()
	if err != nil {
		return d, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return d, err
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	words, err := readUntil(out, exported)
	if err != nil {
		return d, err
	}
	d.served = time.Since(began).Seconds()
	c, err := newClient(words[1], words[2], words[3])
	if err != nil {
		return d, err
	}
	if d.rows, err = firstFile(c); err != nil {
		return d, err
	}
	d.first = time.Since(began).Seconds()
	time.Sleep(idleFor)
	pid, err := lastChild(cmd.Process.Pid)
	if err == nil {
		d.idleMiB, err = residentMiB(pid)
	}
	return d, err
}

// readUntil reads what a process says until it matches, and lets it talk on.
func readUntil(out io.Reader, want *regexp.Regexp) ([]string, error) {
	var said bytes.Buffer
	part := make([]byte, 4096)
	for {
		n, err := out.Read(part)
		said.Write(part[:n])
		if found := want.FindStringSubmatch(said.String()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("it ended after it said: %s", said.String())
		}
	}
}

// firstFile does what the demo offers to try: last month's payments as a workbook.
func firstFile(c *client.Client) (rows int64, err error) {
	ctx := context.Background()
	today := time.Now().UTC()
	month := time.Date(today.Year(), today.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	run, err := c.CreateRun(ctx, client.RunInput{
		Dataset: "payments", Formats: []outturn.Output{{Format: "xlsx"}},
		Window: &client.Window{From: month.Format(time.DateOnly), To: month.AddDate(0, 1, 0).Format(time.DateOnly)},
	})
	if err != nil {
		return 0, err
	}
	if run, err = c.WaitRun(ctx, run.ID); err != nil {
		return 0, err
	}
	if run.State != outturn.RunSucceeded || len(run.Files) != 1 || run.Files[0].Rows == 0 {
		return 0, fmt.Errorf("the first run is %s with %d files: %+v", run.State, len(run.Files), run.Reason)
	}
	return run.Files[0].Rows, c.Download(ctx, run.Files[0], io.Discard) // holds it against its SHA-256
}

// lastChild is the process at the end of a line of only children.
func lastChild(pid int) (int, error) {
	for {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err != nil {
			return 0, err
		}
		names := strings.Fields(string(children))
		if len(names) == 0 {
			return pid, nil
		}
		if pid, err = strconv.Atoi(names[0]); err != nil {
			return 0, err
		}
	}
}
