package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"outturn/internal/source/postgres/postgrestest"

	// The tests build the program themselves, which the go command does not see:
	// by this import it knows that old results do not hold when the program changes.
	_ "outturn/internal/cli"
)

// built is the binary as a user has it, and sample data made by it; once for all
// tests of this package.
var built struct {
	folder string
	binary func() (string, error)
	seed   func() (string, error)
}

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "outturn-script-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.folder = folder
	built.binary = sync.OnceValues(func() (string, error) {
		path := filepath.Join(folder, "outturn")
		return path, command("go", "build", "-o", path, "outturn/cmd/outturn")
	})
	built.seed = sync.OnceValues(func() (string, error) {
		binary, err := built.binary()
		if err != nil {
			return "", err
		}
		path := filepath.Join(folder, "commerce.duckdb")
		return path, command(binary, "seed", "--scale", "1", "--to", "duckdb:"+path)
	})
	status := postgrestest.Run(m)
	if err := os.RemoveAll(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, out)
	}
	return nil
}

// binary returns the path of the built binary.
func binary(t testing.TB) string {
	t.Helper()
	path, err := built.binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// seed returns the path of the sample data.
func seed(t testing.TB) string {
	t.Helper()
	path, err := built.seed()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestScript runs the journeys: what a user types and what they get. In them
// $SEED is the sample data's file; "status N" wants an exit status, "serve" starts a
// server, and "field" takes a member out of the JSON that was printed. [oauthlib] is
// where python3-oauthlib is installed.
func TestScript(t *testing.T) {
	bin, data := binary(t), seed(t)
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(bin)+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("OUTTURN", bin)
			e.Values[serverKey{}] = &scriptServer{}
			e.Setenv("SEED", data)
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "oauthlib" {
				return false, fmt.Errorf("there is no condition %s", name)
			}
			return exec.Command("/usr/bin/python3", "-c", "import oauthlib").Run() == nil, nil // Debian's packages are for it
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "serve": serve, "field": field},
	})
}

// status runs a command and wants it to end with a status: status 2 outturn …
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [args]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = fmt.Sprint(exit.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("status %s, want %s", got, args[0])
	}
}
