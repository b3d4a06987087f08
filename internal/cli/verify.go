package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"outturn"
	"outturn/internal/verify"
)

// verifyCmd holds a file against its manifest.
type verifyCmd struct {
	File string `arg:"" help:"The file to check."`

	Manifest   string `name:"manifest" placeholder:"FILE" help:"The manifest. Default: FILE.manifest.json beside the file."`
	NoManifest bool   `name:"no-manifest" help:"Say what is in a file that has no manifest; only damage is a fault."`
	Limit      string `name:"limit" placeholder:"SIZE" help:"What a compressed file or a workbook may unpack to. Default: 1000 times its size, at least 1GB."`
	JSON       bool   `name:"json" help:"Print what was found as JSON."`
}

func (c *verifyCmd) Run(ctx context.Context, streams IO) error {
	options, path, err := c.options()
	if err != nil {
		return err
	}
	report, err := verify.File(ctx, c.File, options)
	if err != nil {
		return err
	}
	damaged := !report.Sound()
	if report.Manifest = path; path == "" && !c.NoManifest {
		// Nothing was compared: whoever asks for a verdict must not take this for one.
		report.Faults = append(report.Faults, fmt.Sprintf("There is no manifest %s, so there was nothing to hold the file against. Name another with --manifest, such as the RUN.manifest.json that --download saves beside the files; --no-manifest only tells what is in the file.", c.File+manifestEnd))
	}
	if err := c.print(streams, report); err != nil {
		return err
	}
	return c.verdict(report, damaged)
}

// options reads the manifest. path is empty where there is none to read.
func (c *verifyCmd) options() (o verify.Options, path string, err error) {
	if c.Manifest != "" && c.NoManifest {
		return o, "", outturn.Errorf(outturn.CodeInvalid, "Give --manifest or --no-manifest, not both.")
	}
	if c.Limit != "" {
		if o.Limit, err = parseSize(c.Limit); err != nil {
			return o, "", err
		}
	}
	if c.NoManifest {
		return o, "", nil
	}
	if path = c.Manifest; path == "" {
		path = c.File + manifestEnd
	}
	o.Manifest, err = readManifest(path)
	if c.Manifest == "" && outturn.ErrorCode(err) == outturn.CodeNotFound {
		return o, "", nil
	}
	return o, path, err
}

// maxManifest is far more than any manifest needs.
const maxManifest = 16 << 20

func readManifest(path string) (*outturn.Manifest, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, outturn.Errorf(outturn.CodeNotFound, "There is no manifest %s.", path)
	}
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "The manifest %s cannot be read: %w.", path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "The manifest %s cannot be read: %w.", path, err)
	}
	var m outturn.Manifest
	if err := json.Unmarshal(text, &m); err != nil || len(text) > maxManifest {
		return nil, outturn.Errorf(outturn.CodeInvalid, "%s is no manifest: it is not the JSON of one.", path)
	}
	if m.Outturn == "" || len(m.Files) == 0 {
		return nil, outturn.Errorf(outturn.CodeInvalid, "%s is no manifest: it tells of no file.", path)
	}
	return &m, nil
}

// parseSize reads a size such as 512MB or 1GiB.
func parseSize(text string) (int64, error) {
	units := map[string]int64{
		"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
	}
	digits := strings.TrimRight(text, "BKMGTibkmgt ")
	unit, known := units[strings.ToUpper(strings.TrimSpace(text[len(digits):]))]
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || !known || n <= 0 {
		return 0, outturn.Errorf(outturn.CodeInvalid, "--limit %q is no size. Write one such as 512MB or 10GiB.", text)
	}
	return n * unit, nil
}

// print writes what was found to standard output, and what is odd beside it.
func (c *verifyCmd) print(streams IO, r *verify.Report) error {
	if c.JSON {
		return printJSON(streams.Out, r)
	}
	for _, note := range r.Notes {
		fmt.Fprintln(streams.Err, "outturn: note: "+readable(note))
	}
	if !r.Sound() && r.Manifest != "" {
		return nil // the verdict says it all
	}
	verdict := "sound."
	if r.Manifest == "" {
		verdict = "read without a manifest."
	}
	_, err := fmt.Fprintf(readableWriter{streams.Out}, "%s: %s %s\n", c.File, verdict, found(r))
	return err
}

// found tells what is in a file: a line, and one more for each amount.
func found(r *verify.Report) string {
	format := r.Format
	if format == "" {
		format = "an unknown format"
	}
	if r.Dialect != "" {
		format += " (" + r.Dialect + ")"
	}
	if r.Compression != "" && r.Compression != "none" {
		format += " in " + r.Compression
	}
	parts := []string{format}
	if r.Rows != nil {
		parts = append(parts, count(*r.Rows, "row"), count(int64(len(r.Columns)), "column"))
	}
	parts = append(parts, count(r.Bytes, "byte"), "SHA-256 "+r.SHA256)
	text := strings.Join(parts, ", ") + "."
	if r.Manifest == "" && len(r.Columns) > 0 {
		text += "\n  Columns: " + strings.Join(r.Columns, ", ")
	}
	for _, column := range slices.Sorted(maps.Keys(r.Totals)) {
		text += "\n  Total of " + column + ": " + sums(r.Totals[column])
	}
	return text
}

func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return groupDigits(n) + " " + what
}

// sums lists what an amount comes to in each currency: EUR 12.50, USD 3.00.
func sums(byCurrency map[string]string) string {
	if len(byCurrency) == 0 {
		return "none"
	}
	var list []string
	for _, code := range slices.Sorted(maps.Keys(byCurrency)) {
		list = append(list, strings.TrimSpace(code+" "+byCurrency[code]))
	}
	return strings.Join(list, ", ")
}

// verdict is nil for a sound file, and else says everything that is wrong.
func (c *verifyCmd) verdict(r *verify.Report, damaged bool) error {
	if r.Sound() {
		return nil
	}
	code, what := outturn.CodeFileDamaged, "is not what its manifest says"
	if r.Manifest == "" {
		what = "is damaged"
	}
	if !damaged {
		code, what = outturn.CodeNotFound, "was not verified"
	}
	return outturn.Errorf(code, "%s %s.\n  %s", c.File, what, strings.Join(r.Faults, "\n  "))
}
