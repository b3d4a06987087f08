package cli

import (
	"io"
	"strconv"
	"strings"
	"unicode"

	"outturn"
)

// readable is a text for people with all that a terminal would obey, or show as
// something else, written out: names and errors can come from anywhere.
func readable(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if !strings.ContainsFunc(text, misleads) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if misleads(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func misleads(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || !outturn.IsLine(string(r)))
}

// A readableWriter makes what is written readable. A rune must not be cut between two
// writes.
type readableWriter struct{ w io.Writer }

func (w readableWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.w, readable(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// oneLine is a text of several lines in one, for a cell of a table.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
