//go:build unix

package servertest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options say what to start.
type Options struct {
	Binary  string   // path of the built program
	Data    string   // data folder; the server makes it
	Source  string   // as --source takes it
	Args    []string // more flags of serve
	Env     []string // more environment, NAME=value
	History *History // is told when the process comes and goes; may be nil
	Prefix  []string // what the program is started by, such as prlimit and its flags
}

// A Process is a server that a test may stop, kill and start again over the same
// folder. One goroutine does that; any may ask for URL.
type Process struct {
	tb testing.TB
	o  Options

	mu  sync.Mutex
	url string
	cmd *exec.Cmd
	log strings.Builder

	ended chan struct{} // closed when cmd has ended
	err   error         // how it ended; read after ended
}

// startTime is how long a server may take until it answers.
const startTime = 30 * time.Second

// Start starts a server and waits until it is ready. The test's end kills it, and
// shows its log when the test failed.
func Start(tb testing.TB, o Options) *Process {
	tb.Helper()
	p := &Process{tb: tb, o: o}
	tb.Cleanup(func() {
		if p.running() {
			p.Kill()
		}
		if tb.Failed() {
			tb.Logf("the server's log ends with:\n%s", tail(withoutRequests(p.Log()), 8000))
		}
	})
	p.Start()
	return p
}

// withoutRequests leaves out of a log what the history has.
func withoutRequests(log string) string {
	var kept strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "msg=request ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func tail(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return "…" + text[len(text)-most:]
}

var answersAt = regexp.MustCompile(`http://[0-9.]+:[0-9]+`)

// Start starts the server again, at another port, and waits until it is ready.
func (p *Process) Start() {
	p.tb.Helper()
	args := append([]string{"serve", "--data", p.o.Data, "--source", p.o.Source, "--listen", "127.0.0.1:0"}, p.o.Args...)
	args = append(append([]string{}, p.o.Prefix...), append([]string{p.o.Binary}, args...)...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), p.o.Env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.tb.Fatal(err)
	}
	cmd.Stderr = (*processLog)(p)
	p.o.History.Mark("start")
	if err := cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	ended := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.ended, p.url = cmd, ended, ""
	p.mu.Unlock()

	line := make(chan string, 1)
	go func() {
		defer close(ended)
		r := bufio.NewReader(out)
		first, _ := r.ReadString('\n')
		line <- first
		_, _ = io.Copy(io.Discard, r)
		p.err = cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	var said string
	select {
	case said = <-line:
	case <-ctx.Done():
	}
	url := answersAt.FindString(said)
	if url == "" {
		p.tb.Fatalf("the server said %q and not where it answers; its log:\n%s", said, tail(p.Log(), 4000))
	}
	p.mu.Lock()
	p.url = url
	p.mu.Unlock()
	if err := Every(ctx, 5*time.Millisecond, func() bool { return p.Ready(ctx) == http.StatusOK }); err != nil {
		p.tb.Fatalf("the server did not become ready in %s; its log:\n%s", startTime, tail(p.Log(), 4000))
	}
	p.o.History.Mark("ready")
}

// processLog takes what a server writes to its standard error.
type processLog Process

func (l *processLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(text)
}

// URL is where the server answers, or answered last.
func (p *Process) URL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url
}

// Log is what the server has written to its log, over all its lives.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Data is the data folder.
func (p *Process) Data() string { return p.o.Data }

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ready returns the status of /readyz, 0 when there was no answer.
func (p *Process) Ready(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+"/readyz", nil)
	if err != nil {
		return 0
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

func (p *Process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) {
	p.tb.Helper()
	p.o.History.Mark(s.String())
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Errorf("%s: %v", s, err)
	}
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits for the end of the process and returns its exit status, -1 when a
// signal ended it or it did not end in time.
func (p *Process) Wait(most time.Duration) int {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-timer.C:
		p.tb.Errorf("the server did not end within %s", most)
		return -1
	}
}

// Kill ends the process as nothing can prevent, and waits for its end.
func (p *Process) Kill() {
	p.tb.Helper()
	p.Signal(syscall.SIGKILL)
	<-p.ended
}

// Stop asks the process to end and returns its exit status.
func (p *Process) Stop(most time.Duration) int {
	p.tb.Helper()
	p.Signal(syscall.SIGTERM)
	return p.Wait(most)
}

// Pause stops the process where it is; Continue lets it go on as if nothing had
// been.
func (p *Process) Pause() { p.tb.Helper(); p.Signal(syscall.SIGSTOP) }

// Continue ends a Pause.
func (p *Process) Continue() { p.tb.Helper(); p.Signal(syscall.SIGCONT) }

// Uploads returns how many files the process has open in its store that have no
// name there yet, and how many bytes they have. Linux tells that; elsewhere there
// are none. A paused process holds still for it.
func (p *Process) Uploads() (files int, bytes int64) {
	folder := fmt.Sprintf("/proc/%d/fd", p.PID())
	entries, _ := os.ReadDir(folder)
	store, err := filepath.EvalSymlinks(filepath.Join(p.o.Data, "files"))
	if err != nil {
		return 0, 0
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(folder, e.Name()))
		if err != nil || !strings.HasPrefix(target, store+"/") || !strings.HasSuffix(target, " (deleted)") && !strings.Contains(filepath.Base(target), ".outturn-") {
			continue
		}
		if info, err := os.Stat(filepath.Join(folder, e.Name())); err == nil {
			files++
			bytes += info.Size()
		}
	}
	return files, bytes
}

// Command runs the program's command over the data folder and returns what it
// printed.
func (p *Process) Command(args ...string) []byte {
	p.tb.Helper()
	var talk strings.Builder
	cmd := exec.Command(p.o.Binary, append(args, "--data", p.o.Data)...)
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		p.tb.Fatalf("%v: %v\n%s", args, err, talk.String())
	}
	return out
}

func (p *Process) commandJSON(to any, args ...string) {
	p.tb.Helper()
	out := p.Command(append(args, "--json")...)
	if err := json.Unmarshal(out, to); err != nil {
		p.tb.Fatalf("%v: %v in %q", args, err, out)
	}
}

// Provider returns the id of the tenant at the root.
func (p *Process) Provider() string {
	p.tb.Helper()
	var tenants []struct{ ID, Kind string }
	p.commandJSON(&tenants, "tenant", "list")
	for _, t := range tenants {
		if t.Kind == "provider" {
			return t.ID
		}
	}
	p.tb.Fatalf("there is no provider among %v", tenants)
	return ""
}

// AddTenant makes a tenant for an account of the source and returns its id.
func (p *Process) AddTenant(name, account string) string {
	p.tb.Helper()
	var tenant struct{ ID string }
	p.commandJSON(&tenant, "tenant", "add", name, "--external-id", account)
	return tenant.ID
}

// A Credential is what a client of the API shows.
type Credential struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// AddClient makes a client of a tenant.
func (p *Process) AddClient(tenant, role string) Credential {
	p.tb.Helper()
	var c Credential
	p.commandJSON(&c, "client", "add", "--tenant", tenant, "--role", role)
	return c
}

// Every calls f now and then every so often until it returns true. Its error is why
// ctx ended before that.
func Every(ctx context.Context, often time.Duration, f func() bool) error {
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
