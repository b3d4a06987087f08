package verify

import (
	"bufio"
	"bytes"
	"path/filepath"
	"strings"
)

// compressionOf tells the compression by the first bytes.
func compressionOf(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	}
	return "none"
}

var utf8Mark, utf16Mark = []byte("\uFEFF"), []byte{0xff, 0xfe}

// looksLike names the format that the first bytes belong to without doubt; "" for
// text that may be anything.
func looksLike(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "zip"
	case bytes.HasPrefix(head, []byte("PAR1")):
		return "parquet"
	case bytes.HasPrefix(head, []byte("%PDF-")):
		return "pdf"
	case bytes.HasPrefix(head, []byte{0xd0, 0xcf, 0x11, 0xe0}):
		return "an old Office file"
	case compressionOf(head) != "none":
		return compressionOf(head)
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, utf8Mark), " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("<?xml")):
		return "xml"
	case bytes.HasPrefix(text, []byte("{\"")):
		return "ndjson"
	case bytes.HasPrefix(text, []byte("[")):
		if rest := bytes.TrimLeft(text[1:], " \t\r\n"); bytes.HasPrefix(rest, []byte("{")) || bytes.HasPrefix(rest, []byte("]")) {
			return "json"
		}
	}
	return ""
}

// formatOfName returns the format that a file's name promises.
func formatOfName(path string) string {
	name := strings.ToLower(filepath.Base(path))
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	switch end := strings.TrimPrefix(filepath.Ext(name), "."); end {
	case "csv", "tsv", "json", "ndjson", "xml", "xlsx", "parquet":
		return end
	case "jsonl":
		return "ndjson"
	}
	return ""
}

// formatOfContent is a guess for a file that nobody says anything about.
func formatOfContent(head []byte) string {
	if looks := looksLike(head); looks != "" {
		if looks == "zip" {
			return "xlsx"
		}
		return looks
	}
	line := firstLine(head)
	switch {
	case bytes.HasPrefix(head, utf16Mark), bytes.ContainsRune(line, '\t'):
		return "tsv"
	case bytes.ContainsAny(line, ",;") && !bytes.ContainsRune(line, 0):
		return "csv"
	}
	return ""
}

// firstLine returns the header of a delimited file without its LF, and all of head
// where there is none. A line end between quotes is part of a name.
func firstLine(head []byte) []byte {
	quoted := false
	for i, c := range head {
		if c == '"' {
			quoted = !quoted
		} else if c == '\n' && !quoted {
			return head[:i]
		}
	}
	return head
}

// mostLooked is how far a header's end is looked for: far enough for the longest one
// of which all is quotes.
const mostLooked = 4 * maxHeader

// lookFurther returns content, and its first bytes as far as the header's end.
func lookFurther(content *bufio.Reader) (*bufio.Reader, []byte) {
	content = bufio.NewReaderSize(content, mostLooked)
	for n := 2 * pieceSize; ; n *= 2 {
		head, err := content.Peek(n)
		if n == mostLooked || err != nil || len(firstLine(head)) < len(head) {
			return content, head
		}
	}
}

func defaultDialect(format string) string {
	if format == "csv" || format == "tsv" {
		return "machine"
	}
	return ""
}

// dialectOfContent tells the dialect of a delimited file by its mark and header.
func dialectOfContent(format string, head []byte) string {
	line := firstLine(head)
	switch {
	case format == "tsv" && bytes.HasPrefix(head, utf16Mark):
		return "utf16"
	case format == "csv" && bytes.HasPrefix(head, utf8Mark) && bytes.Count(line, []byte(";")) > bytes.Count(line, []byte(",")):
		return "semicolon"
	case format == "csv" && bytes.HasPrefix(head, utf8Mark):
		return "spreadsheet"
	case format == "csv" && len(line) < len(head) && !bytes.HasSuffix(line, []byte("\r")):
		return "postgres"
	}
	return defaultDialect(format)
}
