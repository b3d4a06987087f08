package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/format"
	"outturn/internal/pipeline"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/duckdb/duckdbtest"
)

// fidelityRows is how many random rows go through every format.
func fidelityRows() int {
	if os.Getenv("OUTTURN_TEST_FULL") != "" {
		return 200_000
	}
	return 10_000
}

// fidelityTable makes a table of every type from DuckDB's own random numbers,
// with nulls, empty texts, extremes and characters that formats stumble over.
const fidelityTable = `
SELECT setseed(0.20260901);
CREATE TABLE mixed AS
WITH r AS (SELECT i, hash(i) AS h, hash(i, 1) AS g, random() AS u FROM range(%d) AS t(i))
SELECT
  i AS id,
  CASE h %% 7 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE list_extract(
    ['plain', 'with, comma', 'with "quotes"', 'two' || chr(10) || 'lines', 'cr' || chr(13) || 'lf' || chr(10), ' spaces ', '日本語 ñ ü 🙂', '=1+1', '-5', '@x', '''', 'a;b', chr(9) || 'tab', 'NULL', '\N', '00042', chr(8232) || chr(1)],
    CAST(g %% 17 AS INTEGER) + 1) || CASE WHEN h %% 3 = 0 THEN '' ELSE CAST(g AS VARCHAR) END END AS words,
  CASE h %% 11 WHEN 0 THEN NULL WHEN 1 THEN 0 WHEN 2 THEN -9223372036854775808 WHEN 3 THEN 9223372036854775807 ELSE CAST(g >> 1 AS BIGINT) >> CAST(h %% 60 AS INTEGER) END AS number,
  CASE h %% 11 WHEN 0 THEN NULL WHEN 1 THEN 0 WHEN 2 THEN 99999999999999999999999999999.99999999 WHEN 3 THEN -0.00000001
    ELSE CAST(g AS DECIMAL(38,8)) * (CASE WHEN h %% 2 = 0 THEN -1 ELSE 1 END) / (CAST(10 AS DECIMAL(30,0)) ^ (h %% 20))::DECIMAL(30,0) END::DECIMAL(38,8) AS money,
  CASE h %% 5 WHEN 0 THEN NULL ELSE CAST(CAST(g %% 2000000 AS BIGINT) - 1000000 AS DECIMAL(9,2)) / 100 END::DECIMAL(9,2) AS cents,
  CASE h %% 9 WHEN 0 THEN NULL WHEN 1 THEN 0.1 WHEN 2 THEN 1e300 WHEN 3 THEN -5e-324 ELSE (u - 0.5) * (10.0 ^ CAST(g %% 40 AS INTEGER)) END::DOUBLE AS ratio,
  CASE h %% 5 WHEN 0 THEN NULL ELSE g %% 2 = 0 END AS flag,
  CASE h %% 5 WHEN 0 THEN NULL WHEN 1 THEN DATE '1970-01-01' WHEN 2 THEN DATE '0001-01-01' WHEN 3 THEN DATE '9999-12-31' ELSE DATE '1900-01-01' + CAST(g %% 80000 AS INTEGER) END AS day,
  CASE h %% 5 WHEN 0 THEN NULL WHEN 1 THEN make_timestamptz(0) ELSE make_timestamptz(CAST(g %% 4102444800000000 AS BIGINT)) END AS moment,
  CASE h %% 5 WHEN 0 THEN NULL ELSE to_json({'k': g, 'text': 'a "b"' || chr(10), 'list': [1, 2]}) END AS extra
FROM r`

var fidelityDataset = &outturn.Dataset{
	Name: "mixed", Version: 1, Description: "every type", SQL: "SELECT * FROM mixed",
	Fields: []outturn.Field{
		{Name: "id", Type: outturn.Int}, {Name: "words", Type: outturn.Text}, {Name: "number", Type: outturn.Int},
		{Name: "money", Type: outturn.Decimal, Scale: 8}, {Name: "cents", Type: outturn.Decimal, Scale: 2},
		{Name: "ratio", Type: outturn.Float}, {Name: "flag", Type: outturn.Bool}, {Name: "day", Type: outturn.Date},
		{Name: "moment", Type: outturn.Time, Scale: 6}, {Name: "extra", Type: outturn.JSON},
	},
}

// export runs the whole pipeline of d into a file of the given format.
func export(t testing.TB, src source.Source, q source.Query, output pipeline.Output, path string) pipeline.Result {
	t.Helper()
	ctx := context.Background()
	snap, err := src.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, snap)
	r, err := snap.Query(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, r)
	f, err := blob.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	output.Sink = f
	totals, _ := pipeline.PlanTotals(q.Dataset, q.View)
	result, err := pipeline.Run(ctx, r, pipeline.Job{Outputs: []pipeline.Output{output}, Published: len(q.View.Columns), Totals: totals})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	return result
}

func closing(t testing.TB, c io.Closer) {
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// fidelitySource makes the table and returns what each cell must read back as,
// spelled by DuckDB from the table itself.
func fidelitySource(t *testing.T, folder string) (src source.Source, want [][]string) {
	t.Helper()
	file := filepath.Join(folder, "mixed.duckdb")
	db, closeDB := duckdbtest.Open(t, file)
	db.Exec(strings.Split(fmt.Sprintf(fidelityTable, fidelityRows()), ";\n")...)
	want = db.Rows(`SELECT CAST(id AS VARCHAR), words, CAST(number AS VARCHAR), CAST(money AS VARCHAR), CAST(cents AS VARCHAR),
		CAST(ratio AS VARCHAR), CAST(flag AS VARCHAR), CAST(day AS VARCHAR), strftime(timezone('UTC', moment), '%Y-%m-%dT%H:%M:%S.%fZ'), CAST(extra AS VARCHAR)
		FROM mixed ORDER BY id`)
	closeDB()
	return duckdb.New(duckdb.Config{Path: file, TempDir: folder}), want
}

// readLines reads lines of JSON.
const readLines = `read_json(%s, format = 'newline_delimited', columns = {id: 'VARCHAR', words: 'VARCHAR', number: 'VARCHAR', money: 'VARCHAR', cents: 'VARCHAR', ratio: 'VARCHAR', flag: 'VARCHAR', day: 'VARCHAR', moment: 'VARCHAR', extra: 'JSON'})`

// DuckDB's own readers find in every file exactly the values of the table: digit
// for digit, null and empty told apart.
func TestFidelityByDuckDB(t *testing.T) {
	folder := t.TempDir()
	src, want := fidelitySource(t, folder)
	query := source.Query{Dataset: fidelityDataset, View: outturn.Full(fidelityDataset), Everything: true}

	for _, tt := range []struct {
		name, format, compression, read string
	}{
		{"CSV", "csv", "none", `read_csv(%s, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"', new_line = '\r\n', nullstr = '', allow_quoted_nulls = false)`},
		{"CSVGzip", "csv", "gzip", `read_csv(%s, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"', new_line = '\r\n', nullstr = '', allow_quoted_nulls = false, compression = 'gzip')`},
		{"TSV", "tsv", "none", `read_csv(%s, all_varchar = true, header = true, delim = '\t', quote = '"', escape = '"', new_line = '\r\n', nullstr = '', allow_quoted_nulls = false)`},
		{"NDJSON", "ndjson", "none", readLines},
		{"NDJSONZstd", "ndjson", "zstd", `read_json(%s, format = 'newline_delimited', compression = 'zstd', columns = {id: 'VARCHAR', words: 'VARCHAR', number: 'VARCHAR', money: 'VARCHAR', cents: 'VARCHAR', ratio: 'VARCHAR', flag: 'VARCHAR', day: 'VARCHAR', moment: 'VARCHAR', extra: 'JSON'})`},
		{"JSON", "json", "none", `read_json(%s, format = 'array', columns = {id: 'VARCHAR', words: 'VARCHAR', number: 'VARCHAR', money: 'VARCHAR', cents: 'VARCHAR', ratio: 'VARCHAR', flag: 'VARCHAR', day: 'VARCHAR', moment: 'VARCHAR', extra: 'JSON'})`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(folder, tt.name)
			result := export(t, src, query, pipeline.Output{Format: tt.format, Compression: tt.compression, Options: format.Options{}}, path)
			if result.Rows != int64(len(want)) {
				t.Fatalf("wrote %d rows of %d", result.Rows, len(want))
			}
			compareRows(t, readBack(t, tt.read, path), want)
		})
	}
}

// These make lines of JSON of a file, by readers that are not ours: of an XML
// report a member for each element, of a TSV file one for each field that is not
// empty.
const (
	xmlToJSON = `
import json, sys, xml.etree.ElementTree as tree
for _, record in tree.iterparse(sys.argv[1]):
    if record.tag == "record":
        print(json.dumps({cell.tag: cell.text or "" for cell in record}))
        record.clear()
`
	utf16ToJSON = `
import csv, json, sys
with open(sys.argv[1], encoding="utf-16", newline="") as file:
    for row in csv.DictReader(file, delimiter="\t", strict=True):
        print(json.dumps({name: text for name, text in row.items() if text}))
`
)

// Python's readers find the values of the table, but for what its csv cannot tell
// (the empty text) and XML cannot carry (the one control character).
func TestFidelityByPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is missing")
	}
	folder := t.TempDir()
	src, want := fidelitySource(t, folder)
	query := source.Query{Dataset: fidelityDataset, View: outturn.Full(fidelityDataset), Everything: true}
	for _, tt := range []struct {
		format, dialect, script string
		words                   func(string) string
	}{
		{"tsv", "utf16", utf16ToJSON, func(words string) string {
			if words == "" {
				return duckdbtest.Null
			}
			return words
		}},
		{"xml", "", xmlToJSON, func(words string) string { return strings.ReplaceAll(words, "\x01", "\ufffd") }},
	} {
		t.Run(tt.format, func(t *testing.T) {
			path, lines := filepath.Join(folder, tt.format), filepath.Join(folder, tt.format+".ndjson")
			result := export(t, src, query, pipeline.Output{Format: tt.format, Options: format.Options{Dialect: tt.dialect}}, path)
			var wanted [][]string
			replaced := int64(0)
			for _, row := range want {
				row = slices.Clone(row)
				if words := tt.words(row[1]); words != row[1] {
					replaced += int64(strings.Count(row[1], "\x01"))
					row[1] = words
				}
				wanted = append(wanted, row)
			}
			if got := result.Files[0].Notes.Replaced; got != replaced {
				t.Errorf("noted %d replaced characters, want %d", got, replaced)
			}
			out, err := exec.Command(python, "-c", tt.script, path).Output()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(lines, out, 0o600); err != nil {
				t.Fatal(err)
			}
			read := strings.Replace(readLines, "extra: 'JSON'", "extra: 'VARCHAR'", 1) // a text in both
			compareRows(t, readBack(t, read, lines), wanted)
		})
	}
}

// readBack returns the rows of a file by one of DuckDB's readers.
func readBack(t *testing.T, read, path string) [][]string {
	t.Helper()
	reader, _ := duckdbtest.Open(t, "")
	return reader.Rows(`SELECT id, words, number, money, cents, CAST(CAST(ratio AS DOUBLE) AS VARCHAR), flag, day, moment, CAST(CAST(extra AS JSON) AS VARCHAR) FROM ` +
		fmt.Sprintf(read, "'"+path+"'") + ` ORDER BY CAST(id AS BIGINT)`)
}

func compareRows(t *testing.T, got, want [][]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("read %d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if slices.Equal(got[i], want[i]) {
			continue
		}
		for c := range want[i] {
			if got[i][c] != want[i][c] {
				t.Errorf("row %d, %s: got %q, want %q", i, fidelityDataset.Fields[c].Name, got[i][c], want[i][c])
			}
		}
		t.FailNow()
	}
}
