package cli

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
)

// sourceKinds are the kinds of source, by the word before the colon.
var sourceKinds = []string{"duckdb", "folder"}

// parseSource takes a source's URL apart.
func parseSource(url string) (kind, path string, err error) {
	kind, path, ok := strings.Cut(url, ":")
	if !ok || path == "" {
		return "", "", outturn.Errorf(outturn.CodeInvalid, "%q does not name a source. Write duckdb:FILE or folder:PATH.", url)
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
	if err != nil || kind != "folder" {
		return []string{path}, err
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

// openSource returns the source of the settings, or the data folder's sample
// data, opened the way that the command changes it to.
func (s *Settings) openSource(change ...func(*duckdb.Config)) (source.Source, error) {
	kind, path, err := s.sourcePath()
	if err != nil {
		return nil, err
	}
	temp, err := s.tempFolder()
	if err != nil {
		return nil, err
	}
	c := duckdb.Config{
		Path:      path,
		Folder:    kind == "folder",
		Memory:    s.Memory,
		Threads:   s.Threads,
		TempDir:   temp,
		TempQuota: s.TempQuota,
	}
	for _, f := range change {
		f(&c)
	}
	return duckdb.New(c), nil
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

// openCatalog returns the data sets of the settings. Both kinds of source are
// read by DuckDB.
func (s *Settings) openCatalog() (*catalog.Catalog, error) {
	if s.Datasets == "" {
		return catalog.Builtin("duckdb")
	}
	return catalog.OpenFolder(s.Datasets, "duckdb")
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
