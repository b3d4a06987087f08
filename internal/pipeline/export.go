package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/compress"
	"outturn/internal/format"
	"outturn/internal/source"
)

// formatsCalled are the formats by other names that people have for them, whose letters
// are nearer to those of another format.
var formatsCalled = map[string]string{"excel": "xlsx", "xls": "xlsx", "jsonl": "ndjson"}

// PrepareOutput understands a file that is asked for, and checks all of it that
// needs no rows. Name and Sink are left to its owner.
func PrepareOutput(o outturn.Output, zone *time.Location) (Output, error) {
	f, err := format.Find(o.Format)
	if err != nil {
		if name, ok := formatsCalled[strings.ToLower(o.Format)]; ok {
			err = outturn.Errorf(outturn.CodeNotFound, "There is no format %q. Did you mean %s?", o.Format, name)
		}
		return Output{}, outturn.InField("format", err)
	}
	var faults []error
	noDialect := o.Dialect != "" && f.Dialects() == nil
	if noDialect {
		faults = append(faults, outturn.InField("dialect", outturn.Errorf(outturn.CodeInvalid, "A dialect is for CSV and TSV, and the format is %s.", f.Name)))
	}
	if o.JSONNumbers && f.Name != "json" && f.Name != "ndjson" {
		faults = append(faults, outturn.InField("json_numbers", outturn.Errorf(outturn.CodeInvalid, "Decimals as JSON numbers are for JSON, and the format is %s.", f.Name)))
	}
	if err := CheckCompression(f.Name, o.Compression); err != nil {
		faults = append(faults, outturn.InField("compression", err))
	}
	level, err := compress.ParseLevel(o.Level)
	if err != nil {
		faults = append(faults, outturn.InField("level", err))
	}
	out := Output{
		Format: f.Name, Compression: o.Compression, Level: level,
		Options: format.Options{Dialect: o.Dialect, JSONNumbers: o.JSONNumbers, Zone: zone},
	}
	if !noDialect {
		if err := format.Check(f.Name, out.Options); err != nil {
			faults = append(faults, outturn.InField("dialect", err))
		}
	}
	return out, outturn.JoinFaults(faults)
}

// Extension is the end of the names of such files, with the point: .csv.gz.
func (o Output) Extension() string {
	f, errFormat := format.Find(o.Format)
	c, errCompression := compress.Find(o.Compression)
	if errFormat != nil || errCompression != nil {
		return ""
	}
	return f.Extension + c.Extension
}

// Export asks s for the rows of p, which has been bound to it, and writes them to
// every output. The manifest lists the files in the order of the outputs. Where it
// returns an error, what the sinks got is worth nothing.
func Export(ctx context.Context, s source.Snapshot, p Plan, outputs []Output, progress *Progress) (m outturn.Manifest, err error) {
	if progress == nil {
		progress = &Progress{}
	}
	progress.enter(outturn.PhaseQuerying)
	reader, err := s.Query(ctx, p.Query)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	progress.ask(reader.Progress)

	published := p.Published
	if p.Query.SQL != "" {
		published = len(reader.Columns())
	}
	result, err := Run(ctx, reader, Job{
		Outputs: outputs, Published: published, Totals: p.Totals, Key: p.Key,
		Manifest: p.Manifest, MaxRows: p.MaxRows, Progress: progress,
	})
	if err != nil {
		return m, err
	}
	return p.manifest(reader.Columns()[:published], outputs, result), nil
}

// manifest completes what was known before the first row.
func (p Plan) manifest(columns []batch.Column, outputs []Output, r Result) outturn.Manifest {
	m := p.Manifest
	for _, c := range columns {
		m.Columns = append(m.Columns, c.Name)
		m.Headers = append(m.Headers, c.Title())
	}
	if slices.Equal(m.Headers, m.Columns) {
		m.Headers = nil
	}
	m.Totals = r.Totals
	for i, o := range outputs {
		m.Files = append(m.Files, o.describe(r.Rows, r.Files[i]))
	}
	return m
}

// describe tells what an output came to.
func (o Output) describe(rows int64, file File) outturn.ManifestFile {
	m := outturn.ManifestFile{
		Name: o.Name, Format: o.Format, Dialect: o.Options.Dialect,
		Rows: rows, Bytes: file.Bytes, SHA256: file.SHA256, Notes: file.Notes,
	}
	if f, err := format.Find(o.Format); err == nil {
		m.MediaType = f.MediaTypeOf(o.Options.Dialect)
		if dialects := f.Dialects(); dialects != nil && m.Dialect == "" {
			m.Dialect = dialects[0]
		}
	}
	if c, err := compress.Find(o.Compression); err == nil {
		m.Compression = c.Name
		if c.MediaType != "" {
			m.MediaType = c.MediaType
		}
	}
	return m
}
