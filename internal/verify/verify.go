// Package verify says whether a file is what its manifest says. It is made for
// those who do not trust the program that wrote the file: it shares no code with
// the writers, so a fault of theirs is not repeated here.
//
//	report, err := verify.File(ctx, "payments.csv", verify.Options{Manifest: &m})
//
// A file is read from its beginning to its end, piece by piece: SHA-256 and bytes
// are taken of what lies there, rows, columns and totals of what a reader of the
// format finds in it. Memory does not grow with the file. Whatever is wrong is a
// sentence in Report.Faults; an error means that the file could not be judged.
package verify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"outturn"
)

// Options say what to hold a file against.
type Options struct {
	// Manifest is nil where there is none: then the file is only read, and told to
	// be damaged or whole.
	Manifest *outturn.Manifest
	// Limit is how many bytes may come out of a compressed file or a workbook.
	// 0 is a thousand times its size, and at least 1 GB.
	Limit int64
}

// A Report is what was found in a file.
type Report struct {
	File        string `json:"file"`
	Manifest    string `json:"manifest,omitempty"` // its path, filled in by who read it
	Format      string `json:"format"`
	Dialect     string `json:"dialect,omitempty"`
	Compression string `json:"compression,omitempty"`

	Rows    *int64   `json:"rows"` // nil where they were not counted to the end
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`
	Columns []string `json:"columns,omitempty"`
	// Totals are summed from the file: by column, then by currency. Where the file
	// does not say the currency of an amount, the sum over all is under "*".
	Totals map[string]map[string]string `json:"totals,omitempty"`

	Faults []string `json:"faults"` // empty: the file is sound
	Notes  []string `json:"notes"`  // what could not be checked, and what is odd
}

// Sound reports whether no fault was found.
func (r *Report) Sound() bool { return len(r.Faults) == 0 }

// A damage is a fault that ends the reading: what follows cannot be understood.
type damage string

func (d damage) Error() string { return string(d) }

func damaged(format string, args ...any) error { return damage(fmt.Sprintf(format, args...)) }

// File reads the file at path and holds it against o.Manifest.
func File(ctx context.Context, path string, o Options) (*Report, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c := &check{path: path, file: f, ctx: ctx, o: o, report: &Report{File: path, Faults: []string{}, Notes: []string{}}}
	if err := c.run(); err != nil {
		return nil, err
	}
	return c.report, nil
}

func open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, outturn.Errorf(outturn.CodeNotFound, "There is no file %s.", path)
	case err == nil && !info.Mode().IsRegular():
		return nil, outturn.Errorf(outturn.CodeInvalid, "%s is no regular file, so it cannot be verified.", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return f, nil
}

func unreadable(path string, err error) error {
	return outturn.Errorf(outturn.CodeStorageUnavailable, "%s cannot be read: %w.", path, err)
}

// A check is one file on its way to a report.
type check struct {
	path   string
	file   *os.File
	ctx    context.Context
	o      Options
	report *Report

	size  int64                 // when it was opened
	entry *outturn.ManifestFile // what the manifest says of the file; may be nil
	raw   *rawReader
	tally *tally
}

func (c *check) run() error {
	info, err := c.file.Stat()
	if err != nil {
		return unreadable(c.path, err)
	}
	c.size = info.Size()
	c.raw = &rawReader{ctx: c.ctx, r: c.file, hash: sha256.New()}
	if err := c.findEntry(); err != nil {
		return err
	}
	c.tally = newTally(c.o.Manifest)

	err = c.read()
	if c.raw.err != nil {
		return c.interrupted(c.raw.err)
	}
	var d damage
	if err != nil && !errors.As(err, &d) {
		return c.interrupted(err)
	}
	c.compare(string(d))
	return nil
}

// interrupted is the error of a file that could not be read to its end for a
// reason that is not in it.
func (c *check) interrupted(err error) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	return unreadable(c.path, err)
}

// findEntry finds what the manifest says of this file: by its name, else by its
// content, else there is only one it can be.
func (c *check) findEntry() error {
	m := c.o.Manifest
	if m == nil {
		return nil
	}
	name := filepath.Base(c.path)
	by := func(fits func(outturn.ManifestFile) bool) bool {
		i := slices.IndexFunc(m.Files, fits)
		if i >= 0 {
			c.entry = &m.Files[i]
		}
		return i >= 0
	}
	if by(func(f outturn.ManifestFile) bool { return f.Name == name }) {
		return nil
	}
	if len(m.Files) == 1 {
		c.entry = &m.Files[0]
		c.note("The manifest calls the file %s.", c.entry.Name)
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &rawReader{ctx: c.ctx, r: io.NewSectionReader(c.file, 0, c.size), hash: sha256.New()}); err != nil {
		return c.interrupted(err)
	}
	hex := hex.EncodeToString(sum.Sum(nil))
	if by(func(f outturn.ManifestFile) bool { return strings.EqualFold(f.SHA256, hex) }) {
		c.note("The manifest calls the file %s.", c.entry.Name)
		return nil
	}
	c.fault("The manifest tells of %d files, and this is none of them: neither by its name nor by its SHA-256.", len(m.Files))
	c.o.Manifest = nil // there is nothing in it to hold this file against
	return nil
}

func (c *check) fault(format string, args ...any) {
	c.report.Faults = append(c.report.Faults, fmt.Sprintf(format, args...))
}

func (c *check) note(format string, args ...any) {
	c.report.Notes = append(c.report.Notes, fmt.Sprintf(format, args...))
}

// read reads the whole file.
func (c *check) read() error {
	in := bufio.NewReaderSize(c.raw, pieceSize)
	err := c.readContent(in)
	// Whatever stopped the reader, the SHA-256 is of all bytes.
	_, drained := io.Copy(io.Discard, in)
	return errors.Join(err, drained)
}

func (c *check) readContent(in *bufio.Reader) error {
	head, _ := in.Peek(512)
	if len(head) == 0 && c.raw.err == nil {
		c.chooseFormat(nil)
		if !c.mayBeEmpty() {
			return damaged("The file is empty.")
		}
	}
	text, compression, err := c.decompress(in, head)
	if err != nil {
		return err
	}
	defer text.Close()
	c.report.Compression = compression
	content := bufio.NewReaderSize(text, pieceSize)
	head, _ = content.Peek(4096)
	c.chooseFormat(head)
	if c.entry == nil && c.report.Format == "csv" && len(firstLine(head)) == len(head) {
		content, head = lookFurther(content) // where the header ends the dialect shows
		c.chooseFormat(head)
	}
	if err := c.checkContent(head); err != nil {
		return err
	}
	looks := looksLike(head) // before the buffer has other bytes
	if err := c.checkHeader(looks, c.readFormat(content)); err != nil {
		return err
	}
	// A reader may stop at the end of its format; the end of the compressed data,
	// with its checksum, is read all the same.
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	return text.end()
}

// mayBeEmpty tells whether a file without bytes can be whole: NDJSON is its rows and
// nothing else. Without a manifest nobody knows whether there were any.
func (c *check) mayBeEmpty() bool {
	return c.entry != nil && c.report.Format == "ndjson" && (c.entry.Compression == "" || c.entry.Compression == "none")
}

// decompress opens what the file is compressed by, whatever the manifest says of
// it.
func (c *check) decompress(in *bufio.Reader, head []byte) (text *inflated, compression string, err error) {
	compression = compressionOf(head)
	if e := c.entry; e != nil {
		claimed := e.Compression
		if claimed == "" {
			claimed = "none"
		}
		switch {
		case claimed == compression:
		case claimed == "none":
			c.fault("The manifest says that the file is not compressed, but it is, by %s.", compression)
		case compression == "none":
			c.chooseFormat(head)
			return nil, compression, damaged("The manifest says that the file is compressed by %s, but it does not begin as such a file does.", claimed)
		default:
			c.fault("The manifest says that the file is compressed by %s, but it is by %s.", claimed, compression)
		}
	}
	text, err = inflate(in, compression, c.limit())
	return text, compression, err
}

// limit is how many bytes may come out of the file.
func (c *check) limit() int64 {
	if c.o.Limit > 0 {
		return c.o.Limit
	}
	return max(1_000_000_000, 1000*c.size)
}

// chooseFormat settles which reader to take: the one for what the manifest says,
// else for the name, else for the first bytes.
func (c *check) chooseFormat(head []byte) {
	r := c.report
	if c.entry != nil {
		r.Format, r.Dialect = c.entry.Format, c.entry.Dialect
		if byName := formatOfName(c.path); byName != "" && byName != r.Format {
			c.note("The name promises %s, but the manifest says %s.", byName, r.Format)
		}
		if r.Dialect == "" {
			r.Dialect = defaultDialect(r.Format)
		}
		return
	}
	if r.Format = formatOfName(c.path); r.Format == "" {
		r.Format = formatOfContent(head)
	}
	r.Dialect = dialectOfContent(r.Format, head)
}

// checkContent refuses first bytes that belong to another format. A header may begin
// as any: where there is a manifest, which tells it, checkHeader judges later.
func (c *check) checkContent(head []byte) error {
	looks := looksLike(head)
	switch c.report.Format {
	case "csv", "tsv":
		if looks != "" && c.entry == nil {
			return c.misnamed(looks)
		}
	case "xlsx":
		if looks != "zip" {
			return c.misnamed(looks)
		}
	case "json", "ndjson":
		if looks != "" && looks != "json" && looks != "ndjson" { // their readers tell these two apart
			return c.misnamed(looks)
		}
	case "xml":
		if looks != "" && looks != "xml" {
			return c.misnamed(looks)
		}
	case "parquet":
		if looks != "parquet" {
			return c.misnamed(looks)
		}
	}
	return nil
}

// checkHeader tells of a delimited file that begins as another format does, unless
// the manifest's header is what begins so. What was taken for rows is forgotten then.
// err is how the reading went.
func (c *check) checkHeader(looks string, err error) error {
	var d damage
	delimited := c.report.Format == "csv" || c.report.Format == "tsv"
	if !delimited || looks == "" || c.tally.headed || c.tally.unread != "" || err != nil && !errors.As(err, &d) {
		return err
	}
	c.tally = newTally(c.o.Manifest)
	return c.misnamed(looks)
}

func (c *check) misnamed(looks string) error {
	if looks == "" {
		return damaged("The file should be %s, but it does not begin as such a file does.", c.report.Format)
	}
	return damaged("The file should be %s, but it looks like %s.", c.report.Format, looks)
}

func (c *check) readFormat(content *bufio.Reader) error {
	t := c.tally
	switch c.report.Format {
	case "csv", "tsv":
		return readDelimited(content, c.report.Format, c.report.Dialect, t)
	case "json":
		return readJSON(content, t)
	case "ndjson":
		return readNDJSON(content, t)
	case "xml":
		return readXML(content, t)
	case "xlsx":
		if c.report.Compression != "none" {
			t.unread = "rows, columns and totals were not read: the workbook is compressed once more"
			return nil
		}
		return readXLSX(&readerAt{ctx: c.ctx, r: c.file, size: c.size, raw: c.raw}, c.size, c.limit(), t)
	case "":
		t.unread = "this is no format that is known here: rows, columns and totals were not read"
	default:
		t.unread = fmt.Sprintf("rows, columns and totals were not read: there is no reader for %s here", c.report.Format)
	}
	return nil
}

// compare holds what was found against the manifest. stopped says what ended the
// reading early; empty where the file was read to its end.
func (c *check) compare(stopped string) {
	r, t := c.report, c.tally
	r.Bytes, r.SHA256 = c.raw.n, hex.EncodeToString(c.raw.hash.Sum(nil))
	if stopped != "" {
		if t.rows > 0 && t.unread == "" {
			stopped += fmt.Sprintf(" It was read up to there: %s rows.", group(t.rows))
		}
		c.fault("%s", stopped)
	}
	r.Faults = append(r.Faults, t.faults.all()...)
	sameBytes := c.compareBytes()
	switch {
	case t.unread != "":
		c.note("%s.", strings.ToUpper(t.unread[:1])+t.unread[1:])
	case stopped != "":
		r.Columns = t.columns
	default:
		r.Columns, r.Rows = t.columns, &t.rows
		if sameContent := c.compareContent(); sameContent && !sameBytes {
			c.note("The number of rows, the columns and the totals are those of the manifest all the same.")
		}
	}
}

// compareBytes holds the file as it lies against the manifest.
func (c *check) compareBytes() (same bool) {
	e, r := c.entry, c.report
	if e == nil {
		return true
	}
	before := len(r.Faults)
	if e.Bytes != r.Bytes {
		c.fault("The manifest says %s bytes, the file has %s.", group(e.Bytes), group(r.Bytes))
	}
	if !strings.EqualFold(e.SHA256, r.SHA256) {
		c.fault("The SHA-256 is %s, the manifest says %s.", r.SHA256, e.SHA256)
	}
	return len(r.Faults) == before
}

// compareContent holds what a reader found against the manifest.
func (c *check) compareContent() (same bool) {
	r, t := c.report, c.tally
	if c.entry == nil {
		if missing := t.tellMissing(); missing != "" {
			c.note("%s", missing)
		}
		return true
	}
	before := len(r.Faults)
	if missing := t.tellMissing(); missing != "" {
		c.fault("%s", missing)
	}
	if c.entry.Rows != t.rows {
		c.fault("The manifest says %s rows, the file has %s.", group(c.entry.Rows), group(t.rows))
	}
	faults, notes := t.compareTotals()
	r.Faults = append(r.Faults, faults...)
	r.Notes = append(r.Notes, notes...)
	r.Totals = t.totals()
	return len(r.Faults) == before && len(t.faults.list) == 0
}

// group writes 1234567 as 1,234,567.
func group(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// A rawReader takes the SHA-256 of what passes and keeps the error that is the
// disk's, so that it is not taken for damage.
type rawReader struct {
	ctx  context.Context
	r    io.Reader
	hash hash.Hash
	n    int64
	err  error
}

func (r *rawReader) Read(p []byte) (int, error) {
	if r.err == nil {
		r.err = r.ctx.Err()
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.r.Read(p)
	r.hash.Write(p[:n])
	r.n += int64(n)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// A readerAt is the same for a format that is not read from front to back.
type readerAt struct {
	ctx  context.Context
	r    io.ReaderAt
	size int64
	raw  *rawReader
}

func (r *readerAt) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		r.raw.err = err
		return 0, err
	}
	if off < 0 || off > r.size {
		return 0, io.EOF // what sent the reader there is damage, not the disk
	}
	n, err := r.r.ReadAt(p, off)
	if err != nil && err != io.EOF {
		r.raw.err = err
	}
	return n, err
}

// A faultList holds the faults of single rows: the first few, and how many more
// there are.
type faultList struct {
	list []string
	more int
}

// maxRowFaults is how many are told. A file with the wrong delimiter has one in
// every row.
const maxRowFaults = 10

func (f *faultList) add(format string, args ...any) {
	if len(f.list) == maxRowFaults {
		f.more++
		return
	}
	f.list = append(f.list, fmt.Sprintf(format, args...))
}

func (f *faultList) all() []string {
	if f.more == 0 {
		return f.list
	}
	return append(slices.Clone(f.list), fmt.Sprintf("There are %s more faults of this kind.", group(int64(f.more))))
}

// maxShown is how many letters of a text stand in a sentence.
const maxShown = 40

// shown is text for a sentence: quoted, and not too long.
func shown(text []byte) string {
	text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	if r := []rune(string(text[:min(len(text), 4*maxShown)])); len(r) > maxShown {
		return fmt.Sprintf("%q…", string(r[:maxShown]))
	}
	return fmt.Sprintf("%q", text)
}

// shownNumber is a number for a sentence: one as no amount is gives way to how long
// it is.
func shownNumber(text string) string {
	const most, kept = 80, 20
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s… (%d digits)", text[:kept], len(strings.TrimPrefix(strings.Replace(text, ".", "", 1), "-")))
}
