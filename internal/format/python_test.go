package format_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"testing"
)

// python is a Python process that reads files for the tests; see
// testdata/read.py. It lives as long as the test.
type python struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startPython(t testing.TB) *python {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is missing")
	}
	return startScript(t, path, "testdata/read.py")
}

// startScript starts a script that answers a line with a line.
func startScript(t testing.TB, interpreter, script string) *python {
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
		in.Close()
		cmd.Wait()
	})
	return &python{in, bufio.NewReaderSize(out, 1<<20)}
}

// read returns the rows that Python finds in a file, as read.py spells them.
func (p *python) read(t interface{ Fatalf(string, ...any) }, format, delimiter string, bom bool, data []byte) []any {
	if data == nil {
		data = []byte{}
	}
	request := struct {
		Format    string `json:"format"`
		Delimiter string `json:"delimiter"`
		BOM       bool   `json:"bom"`
		Data      []byte `json:"data"`
	}{format, delimiter, bom, data}
	var answer struct {
		Rows  []any
		Error string
	}
	p.ask(t, request, &answer)
	if answer.Error != "" {
		t.Fatalf("Python cannot read it: %s\n%q", answer.Error, data)
	}
	return answer.Rows
}

// ask sends a request and waits for the answer.
func (p *python) ask(t interface{ Fatalf(string, ...any) }, request, answer any) {
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
