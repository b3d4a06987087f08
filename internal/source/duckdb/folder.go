package duckdb

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
	"outturn/internal/source"
)

// A view is a table of a folder: one data file, or several of one kind that
// belong together.
type view struct {
	name  string
	kind  string // ".parquet" or ".csv"
	files []string
}

// folderViews lists the tables of a folder by name.
func folderViews(path string) ([]view, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "There is no folder %s.", path)
	}
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The folder %s cannot be read: %w.", path, err)
	}
	var views []view
	seen := map[string]string{}
	for _, entry := range entries {
		v, err := viewOf(filepath.Join(path, entry.Name()))
		if err != nil {
			return nil, err
		}
		if len(v.files) == 0 {
			continue
		}
		folded := strings.ToLower(v.name)
		if other, ok := seen[folded]; ok {
			return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The folder %s has %s and %s, which are the same table %s. Rename one of them.", path, other, entry.Name(), v.name)
		}
		seen[folded] = entry.Name()
		views = append(views, v)
	}
	if len(views) == 0 {
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The folder %s holds no Parquet or CSV file.", path)
	}
	return views, nil
}

// viewOf makes the table of a data file or of a folder of them. Anything else is
// a table without files.
func viewOf(path string) (view, error) {
	info, err := os.Stat(path) // through links: current.parquet may point to a dated file
	if err != nil || strings.HasPrefix(filepath.Base(path), ".") {
		return view{}, nil
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return view{}, nil
		}
		kind := dataKind(path)
		if kind == "" {
			return view{}, nil
		}
		base := filepath.Base(path)
		return view{name: base[:len(base)-len(kind)], kind: kind, files: []string{path}}, nil
	}
	v := view{name: filepath.Base(path)}
	parts, err := os.ReadDir(path)
	if err != nil {
		return v, outturn.Errorf(outturn.CodeSourceUnavailable, "The folder %s cannot be read: %w.", path, err)
	}
	for _, part := range parts {
		kind := dataKind(part.Name())
		if kind == "" || !isFile(filepath.Join(path, part.Name())) || strings.HasPrefix(part.Name(), ".") {
			continue
		}
		if v.kind != "" && kind != v.kind {
			return v, outturn.Errorf(outturn.CodeSourceUnavailable, "The folder %s mixes %s and %s files. The parts of one table must be of one kind.", path, v.kind[1:], kind[1:])
		}
		v.kind = kind
		v.files = append(v.files, filepath.Join(path, part.Name()))
	}
	return v, nil
}

// globEscape makes a file's name a pattern that matches it alone.
var globEscape = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]")

// isFile reports whether path is a file, and not a pipe that would never end.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// files lists what the engine must be let read: the files of all views, and the
// patterns it is given for them, which it takes for files too.
func files(views []view) (list []string) {
	for _, v := range views {
		for _, file := range v.files {
			list = append(list, file, globEscape.Replace(file))
		}
	}
	return list
}

// textList returns the SQL of a list of texts.
func textList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quoteText(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func dataKind(name string) string {
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".parquet", ".csv":
		return ext
	}
	return ""
}

// create makes v a view of the engine.
func (v view) create(ctx context.Context, conn duck.Connection) error {
	patterns := make([]string, len(v.files))
	for i, file := range v.files {
		patterns[i] = globEscape.Replace(file)
	}
	files := textList(patterns)
	read := "read_parquet(" + files + ", hive_partitioning = false)"
	if v.kind == ".csv" {
		header, err := v.header()
		if err != nil {
			return err
		}
		columns := make([]string, len(header))
		for i, name := range header {
			columns[i] = quoteText(name) + ": 'VARCHAR'"
		}
		read = "read_csv(" + files + ", auto_detect = false, header = true, columns = {" + strings.Join(columns, ", ") + "}" +
			`, delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false, strict_mode = true, hive_partitioning = false)`
	}
	return execute(ctx, conn, "open "+v.files[0], "CREATE VIEW "+source.QuoteIdent(v.name)+" AS SELECT * FROM "+read, v.files[0])
}

// header returns the column names of a CSV table, which its files agree on.
func (v view) header() ([]string, error) {
	var header []string
	for i, file := range v.files {
		names, err := readHeader(file)
		if err != nil {
			return nil, err
		}
		if i > 0 && !slices.Equal(names, header) {
			return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The files %s and %s are parts of one table, but their header rows differ.", v.files[0], file)
		}
		header = names
	}
	return header, nil
}

func readHeader(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The file %s cannot be read: %w.", path, err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = in.Discard(3) // just peeked at
	}
	if first, err := in.Peek(1); err == nil && (first[0] == '\n' || first[0] == '\r') {
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The first line of %s is empty. A CSV file starts with a header row.", path)
	}
	names, err := csv.NewReader(in).Read()
	if err == io.EOF {
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The file %s is empty. A CSV file starts with a header row.", path)
	}
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The header row of %s cannot be read: %w.", path, err)
	}
	seen := map[string]bool{}
	for i, name := range names {
		folded := strings.ToLower(name)
		if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The header row of %s is not UTF-8. Save the file as UTF-8.", path)
		}
		if name == "" {
			return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "Column %d of %s has no name in the header row.", i+1, path)
		}
		if seen[folded] {
			return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The header row of %s has the column %q twice.", path, name)
		}
		seen[folded] = true
	}
	return names, nil
}
