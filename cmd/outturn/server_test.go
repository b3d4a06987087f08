package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// serve starts a server for the rest of a journey, and sets OUTTURN_URL: serve
// --data data --source duckdb:$SEED. "serve demo" starts the demo instead, and sets
// for each of its clients, by its place, OUTTURN_CLIENT_ID_0 and so on. "serve stop"
// ends it before, as SIGTERM does, and wants it to end well; "serve reload" sends SIGHUP.
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
	if args[0] == "reload" {
		ts.Check(s.cmd.Process.Signal(syscall.SIGHUP))
		return
	}
	command, answers := "serve", readLine
	if args[0] == "demo" {
		command, answers, args = "demo", readDemo, append([]string{"--json"}, args[1:]...)
	}
	path, err := exec.LookPath(ts.Getenv("OUTTURN"))
	ts.Check(err)
	cmd := exec.Command(path, append([]string{command, "--listen", "127.0.0.1:0"}, args...)...)
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
	if err := answers(ts, out); err != nil {
		ts.Fatalf("the server does not answer: %v\n%s", err, &s.talk)
	}
}

// readLine takes the URL out of what serve prints when it answers.
func readLine(ts *testscript.TestScript, out io.Reader) error {
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, _ := strings.Cut(line, "answers at ")
	url, _, _ = strings.Cut(url, ",")
	ts.Setenv("OUTTURN_URL", url)
	return err
}

// readDemo takes URL and credentials out of what demo prints.
func readDemo(ts *testscript.TestScript, out io.Reader) error {
	var demo struct {
		URL     string `json:"url"`
		Clients []struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		} `json:"clients"`
	}
	err := json.NewDecoder(out).Decode(&demo)
	ts.Setenv("OUTTURN_URL", demo.URL)
	for i, c := range demo.Clients {
		ts.Setenv(fmt.Sprint("OUTTURN_CLIENT_ID_", i), c.ID)
		ts.Setenv(fmt.Sprint("OUTTURN_CLIENT_SECRET_", i), c.Secret)
	}
	return err
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
