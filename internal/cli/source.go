package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/secret"
	"outturn/internal/source"
	"outturn/internal/source/clickhouse"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/postgres"
)

// sourceKinds are the kinds of source, by the word before the colon.
var sourceKinds = []string{"duckdb", "folder", "postgres", "clickhouse"}

// parseSource takes a source's URL apart. The path of a database server is its whole URL.
func parseSource(url string) (kind, path string, err error) {
	kind, path, ok := strings.Cut(url, ":")
	if !ok || path == "" {
		return "", "", outturn.Errorf(outturn.CodeInvalid, "%q does not name a source. Write duckdb:FILE, folder:PATH, postgres://USER@HOST/DATABASE or clickhouse://USER@HOST/DATABASE.", secret.Masked(url))
	}
	if kind == "postgres" || kind == "postgresql" {
		return "postgres", url, postgres.Check(url)
	}
	if kind == "clickhouse" {
		return kind, url, clickhouse.Check(url)
	}
	if !slices.Contains(sourceKinds, kind) {
		return "", "", outturn.Unknown("kind of source", kind, sourceKinds)
	}
	return kind, path, nil
}

// sourcePath returns the kind of the settings' source and where it lies.
func (s *Settings) sourcePath() (kind, path string, err error) {
	if s.Source != "" {
		return parseSource(s.Source)
	}
	if _, err := os.Stat(s.seedFile()); err != nil {
		return "", "", outturn.Errorf(outturn.CodeInvalid, "There are no data to export: no source is named and %s does not exist. Run `outturn demo` to make sample data, or name your own with --source duckdb:FILE or folder:PATH.", s.seedFile())
	}
	return "duckdb", s.seedFile(), nil
}

// sourceFiles lists the files that are read: the DuckDB file, or those in the
// folder and one level below.
func (s *Settings) sourceFiles() ([]string, error) {
	kind, path, err := s.sourcePath()
	switch {
	case err != nil:
		return nil, err
	case kind == "duckdb":
		return []string{path}, nil
	case kind != "folder":
		return nil, nil
	}
	top, err := filepath.Glob(filepath.Join(globEscape.Replace(path), "*"))
	if err != nil {
		return nil, err
	}
	below, err := filepath.Glob(filepath.Join(globEscape.Replace(path), "*", "*"))
	return append(top, below...), err
}

// globEscape makes a path a pattern that matches it alone.
var globEscape = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)

// A sourceUse is how a command uses the source.
type sourceUse struct {
	linger   time.Duration // see duckdb.Config
	progress bool          // see duckdb.Config
	leave    bool          // see duckdb.Config
	note     func(ctx context.Context, note string)
}

// openSource returns the source of the settings, or the data folder's sample data.
func (s *Settings) openSource(use sourceUse) (source.Source, error) {
	kind, path, err := s.sourcePath()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "clickhouse":
		return clickhouse.New(clickhouse.Config{URL: path}), nil
	case "postgres":
		return postgres.New(postgres.Config{URL: path, Parallel: s.Parallel, StatementTimeout: s.StatementTimeout, MaxAge: s.MaxSnapshotAge, Note: use.note}), nil
	}
	temp, err := s.tempFolder()
	if err != nil {
		return nil, err
	}
	return duckdb.New(duckdb.Config{
		Path:      path,
		Folder:    kind == "folder",
		Memory:    s.Memory,
		Threads:   s.Threads,
		TempDir:   temp,
		TempQuota: s.TempQuota,
		Linger:    use.linger,
		Progress:  use.progress,
		Leave:     use.leave,
	}), nil
}

// tempFolder returns the folder for what the engine cannot keep in memory: in the
// data folder, or the system's where there is no data folder yet.
func (s *Settings) tempFolder() (string, error) {
	if _, err := os.Stat(s.DataDir); err != nil {
		return "", nil
	}
	temp := filepath.Join(s.DataDir, "tmp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return "", outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder cannot be written: %w.", err)
	}
	return temp, nil
}

// openCatalog returns the data sets of the settings, as they are for the engine that
// reads the source. What is in files DuckDB reads.
func (s *Settings) openCatalog() (*catalog.Catalog, error) {
	engine := "duckdb"
	if kind, _, err := s.sourcePath(); err == nil && kind != "folder" {
		engine = kind
	}
	open := catalog.Builtin
	if s.Datasets != "" {
		open = func(engine string) (*catalog.Catalog, error) { return catalog.OpenFolder(s.Datasets, engine) }
	}
	cat, err := open(engine)
	if err != nil || s.Names == "" {
		return cat, err
	}
	names, err := catalog.OpenNames(s.Names)
	if err != nil {
		return nil, err
	}
	if cat, err = cat.WithNames(names); err != nil {
		return nil, outturn.Errorf(outturn.CodeDatasetInvalid, "The names in %s do not fit the data sets: %w", s.Names, err)
	}
	return cat, nil
}

// printJSON prints v as JSON, with all in its texts escaped that a terminal would obey
// or show in another order.
func printJSON(w io.Writer, v any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeMisleading(text.String()))
	return err
}

// escapeMisleading writes what misleads in a JSON text as \uXXXX. Such characters are in
// strings only.
func escapeMisleading(text string) string {
	if !strings.ContainsFunc(text, misleads) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !misleads(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
