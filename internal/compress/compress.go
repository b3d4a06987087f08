// Package compress makes files smaller on their way out, on every core.
//
//	rows ──► format ──► New(name, w, level, workers) ──► w
//
// What comes out depends on what went in, the name and the level, and on nothing
// else: not on the number of cores, not on how the input was cut into writes, not
// on the clock. So a file that is made again is the same file.
package compress

import (
	"errors"
	"io"
	"runtime"
	"strings"

	"outturn"
)

// A Level says what to save: the machine's time or the file's bytes.
type Level string

const (
	Fast  Level = "fast" // the default
	Small Level = "small"
)

// Levels lists the levels, the default first.
var Levels = []Level{Fast, Small}

// A Compression is what is known of one before anything is written.
type Compression struct {
	Name      string
	Extension string // after the one of the format; empty for none
	MediaType string // of the compressed file; empty for none: the format's own

	open func(w io.Writer, level Level, workers int) (io.WriteCloser, error)
}

var compressions = []Compression{
	{"none", "", "", func(w io.Writer, _ Level, _ int) (io.WriteCloser, error) { return plain{w}, nil }},
	{"gzip", ".gz", "application/gzip", newGzip},
	{"zstd", ".zst", "application/zstd", newZstd},
}

// Names lists the compressions, the default first.
func Names() []string {
	var names []string
	for _, c := range compressions {
		names = append(names, c.Name)
	}
	return names
}

// Find returns the named compression; "" is none.
func Find(name string) (Compression, error) {
	if name == "" {
		return compressions[0], nil
	}
	for _, c := range compressions {
		if c.Name == name {
			return c, nil
		}
	}
	return Compression{}, outturn.Unknown("compression", name, Names())
}

// ByExtension returns the name of the compression that a file's name promises;
// "" where it promises none.
func ByExtension(file string) string {
	file = strings.ToLower(file)
	for _, c := range compressions {
		if c.Extension != "" && strings.HasSuffix(file, c.Extension) {
			return c.Name
		}
	}
	return ""
}

// ParseLevel reads a level; "" is Fast.
func ParseLevel(text string) (Level, error) {
	switch level := Level(text); level {
	case "":
		return Fast, nil
	case Fast, Small:
		return level, nil
	}
	return "", outturn.Unknown("compression level", text, []string{string(Fast), string(Small)})
}

// New returns a writer that compresses into w. An empty level is Fast, and no
// workers are one a core. One goroutine uses the writer.
//
// Memory is bounded by the number of workers. The first error sticks: every later
// call returns it. Close waits for what is under way, writes the end and leaves w
// open; it must be called also after an error.
func New(name string, w io.Writer, level Level, workers int) (io.WriteCloser, error) {
	c, err := Find(name)
	if err != nil {
		return nil, err
	}
	if level, err = ParseLevel(string(level)); err != nil {
		return nil, err
	}
	z, err := c.open(w, level, cores(workers))
	if err != nil {
		return nil, err
	}
	return &sticky{w: z}, nil
}

// cores returns how many workers none are: one a core.
func cores(workers int) int {
	if workers <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return workers
}

// plain is the compression none.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }

var errClosed = errors.New("compress: write after close")

// sticky makes the first error that w returns the answer to every later call.
type sticky struct {
	w      io.WriteCloser
	err    error
	closed bool
}

func (s *sticky) Write(p []byte) (int, error) {
	if s.closed {
		return 0, errClosed
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.err = err
	return n, err
}

func (s *sticky) Close() error {
	if s.closed {
		return s.err
	}
	s.closed = true
	if err := s.w.Close(); s.err == nil {
		s.err = err
	}
	return s.err
}
