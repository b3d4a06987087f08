// Package pipeline is the one way rows become files:
//
//	reader ──batches──► format ──bytes──► compress ──► count and hash ──► sink
//
// Batches come from a small pool, so memory is bounded whatever the number of
// rows; they encode on every core and are written in order. Several files of one
// run come from one read.
package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"strings"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/compress"
	"outturn/internal/format"
	"outturn/internal/source"
)

// An Output is one file to make.
type Output struct {
	Format      string
	Options     format.Options // Columns and Key are filled in
	Compression string         // see compress.Names; "" is none
	Level       compress.Level
	Name        string // of the file, for the manifest
	Unhashed    bool   // nobody asks for its SHA-256: a tenth of the CPU time of plain CSV
	// Sink takes the bytes. It stays open: making the file visible is its
	// owner's, who does it only when Run returned no error.
	Sink io.Writer
}

// A Job is what Run needs to know.
type Job struct {
	Outputs []Output
	// Published is how many of the reader's columns go into the files; those
	// after them only feed the totals, and tell in errors which row it is.
	Published int
	Totals    []Total
	// Manifest is what is known before the first row, for files that tell about
	// themselves.
	Manifest outturn.Manifest
	// Key are the places of the reader's columns that tell rows apart.
	Key []int
	// MaxRows is how many rows there may be: with more the run fails with
	// CodeRowLimit, for nothing is cut off in silence (P04). 0 is any number.
	MaxRows int64
	// Progress is kept up to date while Run works; nil if nobody looks.
	Progress *Progress
}

// A Result is what came out.
type Result struct {
	Rows   int64
	Files  []File // in the order of Job.Outputs
	Totals Totals
}

// A File is what one output received.
type File struct {
	Bytes  int64
	SHA256 string // in hexadecimal; "" where the output is Unhashed
	Notes  outturn.Notes
}

// Run reads r to its end and writes every output. Where it returns an error, what
// the sinks got is worth nothing. It does not close r.
func Run(ctx context.Context, r source.Reader, job Job) (Result, error) {
	progress := job.Progress
	if progress == nil {
		progress = &Progress{}
	}
	files := make([]*file, 0, len(job.Outputs))
	closed := false
	defer func() {
		if !closed {
			_ = closeAll(files) // gives back batches; the first error is the one to tell
		}
	}()
	var totals Totals
	for _, o := range job.Outputs {
		o.Options.Columns, o.Options.Key = r.Columns()[:job.Published], job.Key
		o.Options.Level = o.Level
		o.Options.Info = func(s format.Summary) []format.InfoLine {
			s.Notes.Replaced += r.Replaced()
			return infoLines(job.Manifest, s, totals, o.Options.Columns)
		}
		f, err := openFile(o, progress)
		if err != nil {
			return Result{}, err
		}
		files = append(files, f)
	}
	tally := startTally(r.Columns(), job.Totals)
	defer tally.stop()

	rows, err := copyBatches(ctx, r, files, tally, job.MaxRows, progress)
	if err != nil {
		return Result{}, err
	}
	progress.enter(outturn.PhaseStoring)
	totals = tally.stop()
	closed = true
	if err := closeAll(files); err != nil {
		return Result{}, err
	}
	result := Result{Rows: rows, Totals: totals}
	for _, f := range files {
		if f.summary.Rows != rows {
			return Result{}, fmt.Errorf("read %d rows and wrote %d", rows, f.summary.Rows)
		}
		f.summary.Notes.Replaced += r.Replaced()
		result.Files = append(result.Files, f.result())
	}
	return result, nil
}

func copyBatches(ctx context.Context, r source.Reader, files []*file, tally *tally, most int64, progress *Progress) (rows int64, err error) {
	pool := batch.NewPool(2*runtime.GOMAXPROCS(0) + 2)
	for {
		b, err := pool.Get(ctx)
		if err != nil {
			return rows, err
		}
		if err := r.Next(b); err != nil {
			b.Release()
			if err == io.EOF {
				return rows, nil
			}
			return rows, err
		}
		if rows == 0 {
			progress.enter(outturn.PhaseRendering)
		}
		rows += int64(b.Rows())
		if most > 0 && rows > most {
			b.Release()
			return rows, outturn.Errorf(outturn.CodeRowLimit, "The report has more than the %d rows that a run may have. Ask for a shorter window or a narrower filter; nothing was cut off.", most)
		}
		progress.Rows.Store(rows)
		tally.add(b)
		for _, f := range files {
			if err := f.writer.Write(b); err != nil {
				b.Release()
				return rows, err
			}
		}
		b.Release()
	}
}

// A file is an output under way.
type file struct {
	writer     format.Writer
	compressor io.WriteCloser
	meter      *meter
	summary    format.Summary
}

func openFile(o Output, progress *Progress) (*file, error) {
	f := &file{meter: &meter{w: o.Sink, progress: progress}}
	if !o.Unhashed {
		f.meter.hash = sha256.New()
	}
	if err := CheckCompression(o.Format, o.Compression); err != nil {
		return nil, err
	}
	var err error
	if f.compressor, err = compress.New(o.Compression, f.meter, o.Level, o.Options.Workers); err != nil {
		return nil, err
	}
	if f.writer, err = format.New(o.Format, f.compressor, o.Options); err != nil {
		return nil, errors.Join(err, f.compressor.Close())
	}
	return f, nil
}

// CheckCompression refuses to compress what is compressed already.
func CheckCompression(formatName, compression string) error {
	f, err := format.Find(formatName)
	if err != nil {
		return err
	}
	c, err := compress.Find(compression)
	if err != nil {
		return err
	}
	if f.Packed && c.Extension != "" {
		return outturn.Errorf(outturn.CodeInvalid, "%s is compressed inside and is not compressed again by %s. Leave the compression out; its level, fast or small, can be chosen all the same.", strings.ToUpper(f.Name), c.Name)
	}
	return nil
}

func closeAll(files []*file) error {
	var errs []error
	for _, f := range files {
		var err error
		f.summary, err = f.writer.Close()
		errs = append(errs, err, f.compressor.Close())
	}
	return firstOf(errs)
}

// firstOf returns the first error. Those after it are its echo.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *file) result() File {
	r := File{Bytes: f.meter.bytes, Notes: f.summary.Notes}
	if f.meter.hash != nil {
		r.SHA256 = hex.EncodeToString(f.meter.hash.Sum(nil))
	}
	return r
}

// A meter counts and hashes what goes to a sink.
type meter struct {
	w        io.Writer
	hash     hash.Hash // nil where nobody asks
	bytes    int64
	progress *Progress
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	if m.hash != nil {
		m.hash.Write(p[:n])
	}
	m.bytes += int64(n)
	m.progress.Bytes.Add(int64(n))
	return n, err
}
