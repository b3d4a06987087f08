package formattest

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"sync"
	"testing"
)

// Python is a process that reads files for the tests: a script that answers a line
// of JSON with another. It lives as long as the test, and may be asked by many at
// once.
type Python struct {
	asking sync.Mutex
	in     io.WriteCloser
	out    *bufio.Reader
}

// StartPython starts a script with the first Python in the path.
func StartPython(t testing.TB, script string) *Python {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is missing")
	}
	return start(t, path, script)
}

// StartPythonWith starts a script that needs a module, with the first Python that has
// it: one in the path, or the system's own, for which packages of the system are
// installed.
func StartPythonWith(t testing.TB, module, script string) *Python {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import "+module).Run() == nil {
			return start(t, name, script)
		}
	}
	t.Skipf("no python3 has the module %s (Debian: python3-%s)", module, module)
	return nil
}

func start(t testing.TB, interpreter, script string) *Python {
	t.Helper()
	cmd := exec.Command(interpreter, script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// What it answered has been judged; how it ends says no more.
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &Python{in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

// Ask sends a request and waits for the answer.
func (p *Python) Ask(t interface{ Fatalf(string, ...any) }, request, answer any) {
	p.asking.Lock()
	defer p.asking.Unlock()
	if err := json.NewEncoder(p.in).Encode(request); err != nil {
		t.Fatalf("ask Python: %v", err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("hear from Python: %v", err)
	}
	if err := json.Unmarshal(line, answer); err != nil {
		t.Fatalf("hear from Python: %v", err)
	}
}
