// Package postgrestest starts real PostgreSQL servers for tests and benchmarks.
//
//	db := postgrestest.New(t, "CREATE TABLE …")  // a database of its own
//	src := postgres.New(postgres.Config{URL: db})
//
// The servers listen on the loopback address alone, keep their files in temporary
// folders, and run as another user where this process is root, which PostgreSQL
// refuses.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Password is that of the superuser "postgres" of every server.
const Password = "canary-password-of-the-test"

// A Server is one PostgreSQL. Its methods may be called by one goroutine at a time.
type Server struct {
	Folder string // of its data
	Port   int

	settings []string
	process  *exec.Cmd
	exited   chan error
}

// binaries returns the folder of the newest PostgreSQL that is installed.
func binaries() (string, error) {
	if folders, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); err == nil && len(folders) > 0 {
		newest := slices.MaxFunc(folders, func(a, b string) int { return version(a) - version(b) })
		return filepath.Dir(newest), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errors.New("PostgreSQL's server is not installed (Debian: postgresql)")
}

func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// Start makes a server with its data in folder, which must be empty or hold what an
// earlier Start made there, and starts it. Settings are such as "work_mem=64MB".
func Start(folder string, settings ...string) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{Folder: folder, settings: settings}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	as, err := servant(folder)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(folder, "PG_VERSION")); err != nil {
		secret := filepath.Join(filepath.Dir(folder), filepath.Base(folder)+".password")
		if err := os.WriteFile(secret, []byte(Password), 0o644); err != nil {
			return nil, err
		}
		defer os.Remove(secret)
		initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", folder, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret,
			"-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
		initdb.SysProcAttr, initdb.Dir = as, folder
		if out, err := initdb.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("initdb: %w\n%s", err, out)
		}
	}
	if s.Port, err = freePort(); err != nil {
		return nil, err
	}
	return s, s.Resume()
}

// servant gives the folder to whom the server is to run as, and returns how.
func servant(folder string) (*syscall.SysProcAttr, error) {
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() != 0 {
		return as, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		// The test's own folders above are closed to others.
		for above := filepath.Dir(folder); above != "/" && above != os.TempDir(); above = filepath.Dir(above) {
			if info, err := os.Stat(above); err == nil && info.Mode().Perm()&0o011 != 0o011 {
				if err := os.Chmod(above, info.Mode().Perm()|0o011); err != nil {
					return nil, err
				}
			}
		}
		return as, os.Chown(folder, uid, gid)
	}
	return nil, errors.New("there is neither a user postgres nor nobody to run PostgreSQL as")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Resume starts the server again on the same port after Stop.
func (s *Server) Resume() error {
	bin, err := binaries()
	if err != nil {
		return err
	}
	as, err := servant(s.Folder)
	if err != nil {
		return err
	}
	args := []string{"-D", s.Folder, "-p", strconv.Itoa(s.Port), "-k", "", "-h", "127.0.0.1"}
	for _, setting := range append([]string{"fsync=off", "max_connections=100", "autovacuum=off", "jit=off"}, s.settings...) {
		args = append(args, "-c", setting)
	}
	s.process = exec.Command(filepath.Join(bin, "postgres"), args...)
	s.process.SysProcAttr, s.process.Dir = as, s.Folder
	log, err := os.OpenFile(s.Folder+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	s.exited = make(chan error, 1)
	go func(p *exec.Cmd, exited chan<- error) { exited <- p.Wait() }(s.process, s.exited)
	return s.answers()
}

// answers waits until the server takes connections.
func (s *Server) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case exit := <-s.exited:
			text, _ := os.ReadFile(s.Folder + ".log")
			return fmt.Errorf("PostgreSQL ended: %w\n%s", errors.Join(exit, err), text)
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// PID is that of the postmaster.
func (s *Server) PID() int { return s.process.Process.Pid }

// URL is how the superuser connects to a database.
func (s *Server) URL(database string) string { return s.URLOf("postgres", Password, database) }

// URLOf is how a role connects to a database.
func (s *Server) URLOf(role, password, database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", role, password, s.Port, database)
}

// Stop ends the server: with SIGINT it breaks off what is going on ("fast"), with
// SIGQUIT it does so without a word ("immediate").
func (s *Server) Stop(how os.Signal) error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(how); err != nil {
		return err
	}
	// It was killed, as was asked for: how it ended says nothing.
	if err := <-s.exited; err != nil && s.process.ProcessState == nil {
		return err
	}
	s.process = nil
	return nil
}

// Stopped reports whether the server was stopped and not resumed.
func (s *Server) Stopped() bool { return s.process == nil }

// Exec runs statements in a database as the superuser.
func (s *Server) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

// OfTest starts a server that ends with the test.
func OfTest(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := Start(filepath.Join(tb.TempDir(), "postgres"), settings...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(syscall.SIGQUIT); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Replica starts a server that follows s, and ends with the test. Queries that are in its
// way it breaks off at once.
func (s *Server) Replica(tb testing.TB) *Server {
	tb.Helper()
	bin, err := binaries()
	if err != nil {
		tb.Fatal(err)
	}
	r := &Server{Folder: filepath.Join(tb.TempDir(), "replica"), settings: []string{"max_standby_streaming_delay=0", "hot_standby_feedback=off"}}
	if err := os.Mkdir(r.Folder, 0o700); err != nil {
		tb.Fatal(err)
	}
	as, err := servant(r.Folder)
	if err != nil {
		tb.Fatal(err)
	}
	copied := exec.Command(filepath.Join(bin, "pg_basebackup"), "-D", r.Folder, "-R", "-c", "fast", "--no-sync",
		"-d", fmt.Sprintf("host=127.0.0.1 port=%d user=postgres password=%s", s.Port, Password))
	copied.SysProcAttr, copied.Dir = as, r.Folder
	if out, err := copied.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	if r.Port, err = freePort(); err != nil {
		tb.Fatal(err)
	}
	if err := r.Resume(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Stop(syscall.SIGQUIT); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// shared is the server that the tests of a binary share.
var shared struct {
	sync.Mutex
	server    *Server
	databases int
}

// Run runs the tests of a binary whose tests use Shared or New:
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }
func Run(m *testing.M) int {
	status := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if s := shared.server; s != nil {
		err := s.Stop(syscall.SIGQUIT)
		if err := errors.Join(err, os.RemoveAll(filepath.Dir(s.Folder))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return status
}

// Shared is the binary's server, started when it is first asked for.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		folder, err := os.MkdirTemp("", "outturn-postgres-")
		if err != nil {
			tb.Fatal(err)
		}
		if shared.server, err = Start(filepath.Join(folder, "data")); err != nil {
			tb.Fatal(err)
		}
	}
	return shared.server
}

// New makes a database on the binary's server, runs sql in it and returns its URL.
func New(tb testing.TB, sql string) string {
	tb.Helper()
	s := Shared(tb)
	shared.Lock()
	shared.databases++
	name := "test_" + strconv.Itoa(shared.databases)
	shared.Unlock()
	if err := s.Exec(tb.Context(), "postgres", "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	if strings.TrimSpace(sql) != "" {
		if err := s.Exec(tb.Context(), name, sql); err != nil {
			tb.Fatal(err)
		}
	}
	return s.URL(name)
}
