// Package format renders batches as files: CSV, TSV, JSON, NDJSON, XML and XLSX.
//
// A format is a Writer. New makes the one of a name; what goes into it are the
// batches of one query in order, and what comes out is one file's bytes.
// docs/formats.md has the one table of how each format spells each value.
//
// The row formats are three pure functions each (encoder), and rowWriter runs
// them on every core:
//
//	batches ──► Head, Rows(batch), Rows(batch) …, Tail ──► io.Writer
package format

import (
	"io"
	"strings"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/compress"
	"outturn/internal/xlsx"
)

// A Writer turns batches into the bytes of one file. One goroutine uses it.
//
// Write takes its own hold of a batch and releases it when the batch is encoded,
// which may be after Write returned; batches encode on every core and are
// written in order. The first error sticks: every later call returns it. Close
// waits for what is under way, writes the end of the file and leaves the
// io.Writer open: its owner closes it. Close must be called also after an error
// and then gives back the holds of batches that were not written.
type Writer interface {
	Write(b *batch.Batch) error
	Close() (Summary, error)
}

// A Summary is what a file came to.
type Summary struct {
	Rows  int64 // encoded and written
	Notes outturn.Notes
}

func (s *Summary) add(o Summary) {
	s.Rows += o.Rows
	s.Notes.Add(o.Notes)
}

// Options say what to write. The zero value of each is the default.
type Options struct {
	// Columns are the columns to write: the first ones of each batch.
	Columns []batch.Column
	// Key are the places in the batches of the columns that tell rows apart, for
	// errors. They may lie behind Columns.
	Key []int
	// Zone is the zone that instants are written in; nil is UTC.
	Zone *time.Location
	// Dialect is the dialect of CSV or TSV by name; see Format.Dialects. The other
	// formats have none and do not look at it.
	Dialect string
	// JSONNumbers writes decimals as number literals instead of strings.
	JSONNumbers bool
	// Level is how much a format that is compressed inside saves; see Packed.
	Level compress.Level
	// Info gives what a workbook tells about itself on its last sheet, when all
	// rows are written; nil: nothing.
	Info func(Summary) []InfoLine
	// Workers is how many batches encode at once; 0 is one a core.
	Workers int
}

// An InfoLine is a line of what a workbook tells about itself.
type InfoLine struct {
	Label string
	Value string
	// Unit stands beside the value, such as its currency.
	Unit string
	// Number makes the value a number, if it is one that the format can hold.
	Number bool
}

// A Format is what is known of a file format before anything is written.
type Format struct {
	Name      string
	Extension string // of a file's name, with the point
	MediaType string // in the default dialect; see MediaTypeOf
	// Packed formats are compressed inside, and are not compressed again.
	Packed bool

	encoder func(Options) (encoder, error)
	// writer is that of a format that is more than its rows; else it is a rowWriter.
	writer func(io.Writer, encoder, Options) Writer
}

var formats = []Format{
	{Name: "csv", Extension: ".csv", MediaType: "text/csv; charset=utf-8", encoder: newCSV},
	{Name: "tsv", Extension: ".tsv", MediaType: "text/tab-separated-values; charset=utf-8", encoder: newTSV},
	{Name: "json", Extension: ".json", MediaType: "application/json", encoder: newJSON},
	{Name: "ndjson", Extension: ".ndjson", MediaType: "application/x-ndjson", encoder: newNDJSON},
	{Name: "xml", Extension: ".xml", MediaType: "application/xml", encoder: newXML},
	{Name: "xlsx", Extension: ".xlsx", MediaType: xlsx.MediaType, Packed: true, encoder: newSheet, writer: newXLSX},
}

// Names lists the formats.
func Names() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	return names
}

// Find returns the named format.
func Find(name string) (Format, error) {
	for _, f := range formats {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, outturn.Unknown("format", name, Names())
}

// New returns the writer of the named format.
func New(name string, w io.Writer, o Options) (Writer, error) {
	f, err := Find(name)
	if err != nil {
		return nil, err
	}
	e, err := f.encoder(o)
	if err != nil {
		return nil, err
	}
	if f.writer != nil {
		return f.writer(w, e, o), nil
	}
	return newRowWriter(w, e, o.Workers), nil
}

// ByExtension returns the name of the format that a file's name promises, ""
// where it promises none.
func ByExtension(file string) string {
	for _, f := range formats {
		if strings.HasSuffix(strings.ToLower(file), f.Extension) {
			return f.Name
		}
	}
	return ""
}

// Check reports options that the named format refuses.
func Check(name string, o Options) error {
	f, err := Find(name)
	if err != nil {
		return err
	}
	_, err = f.encoder(o)
	return err
}
