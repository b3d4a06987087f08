package format_test

import (
	"testing"

	"outturn/internal/format/formattest"
)

// python reads files for the tests; see testdata/read.py.
type python struct{ *formattest.Python }

func startPython(t testing.TB) *python {
	t.Helper()
	return &python{formattest.StartPython(t, "testdata/read.py")}
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
	p.Ask(t, request, &answer)
	if answer.Error != "" {
		t.Fatalf("Python cannot read it: %s\n%q", answer.Error, data)
	}
	return answer.Rows
}
