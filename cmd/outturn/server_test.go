package main_test

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// serve starts a server for the rest of a journey, and sets OUTTURN_URL: serve
// --data data --source duckdb:$SEED. "serve stop" ends it before, as SIGTERM does,
// and wants it to end well.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: serve [flags], or serve stop")
	}
	s := ts.Value(serverKey{}).(*scriptServer)
	if args[0] == "stop" {
		if err := s.stop(); err != nil {
			ts.Fatalf("the server ended with %v\n%s", err, &s.talk)
		}
		return
	}
	path, err := exec.LookPath(ts.Getenv("OUTTURN"))
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(cmd.Environ(), "HOME="+ts.Getenv("HOME"))
	*s = scriptServer{cmd: cmd}
	cmd.Stderr = &s.talk
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		if err := s.stop(); err != nil {
			ts.Logf("the server ended with %v", err)
		}
		ts.Logf("[server]\n%s", &s.talk)
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		ts.Fatalf("the server does not answer: %v\n%s", err, &s.talk)
	}
	_, url, _ := strings.Cut(line, "answers at ")
	url, _, _ = strings.Cut(url, ",")
	ts.Setenv("OUTTURN_URL", url)
}

type serverKey struct{}

type scriptServer struct {
	cmd   *exec.Cmd
	talk  strings.Builder
	ended bool
}

func (s *scriptServer) stop() error {
	if s.cmd == nil || s.ended {
		return nil
	}
	s.ended = true
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	return s.cmd.Wait()
}

// field sets a variable to a member of the JSON that the last command printed:
// field ID id, field FILE files.0.id.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: field VARIABLE member[.member…]")
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
	for _, member := range strings.Split(args[1], ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[member]
		case []any:
			i := int(member[0] - '0')
			if len(member) != 1 || i < 0 || i >= len(v) {
				ts.Fatalf("there is no element %s", member)
			}
			value = v[i]
		default:
			value = nil
		}
	}
	text, ok := value.(string)
	if !ok {
		ts.Fatalf("there is no text %s in what was printed", args[1])
	}
	ts.Setenv(args[0], text)
}
