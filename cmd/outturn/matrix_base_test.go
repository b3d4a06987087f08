package main_test

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"outturn/internal/format/formattest"
	"outturn/internal/source/duckdb/duckdbtest"
)

// base is the sample data's tables, and what SQL over them says of reports.
type base struct {
	db      *duckdbtest.DB
	python  *formattest.Python
	file    string
	viewers map[string]account
}

type account struct{ id, zone, resellers string }

// typed is the report type of a report that names one, or none: then it is for an
// account with resellers right below it, or for one without.
func (a account) typed(named string) string {
	switch {
	case named != "":
		return named
	case a.resellers != "0":
		return "PROVIDER"
	}
	return "RESELLER"
}

// openBase opens the sample data read-only, so that the program can read them too.
func openBase(t *testing.T) base {
	b := base{file: seed(t), python: formattest.StartPython(t, "testdata/matrix/read.py"), viewers: map[string]account{}}
	b.db, _ = duckdbtest.Open(t, "")
	b.db.Exec("ATTACH '"+b.file+"' AS commerce (READ_ONLY)", "USE commerce", "SET TimeZone = 'UTC'", "CREATE TEMP TABLE below AS "+below)
	for name, sql := range matrixViewers {
		row := b.db.Rows("SELECT CAST(id AS VARCHAR), CASE WHEN parent_id IS NULL THEN 'UTC' ELSE time_zone END, (SELECT CAST(count(*) AS VARCHAR) FROM accounts AS r WHERE r.parent_id = accounts.id AND r.type = 'Reseller') FROM accounts WHERE id = (" + sql + ")")[0]
		b.viewers[name] = account{row[0], row[1], row[2]}
	}
	return b
}

// of is base for a subtest, which then is the one to fail.
func (b base) of(t *testing.T) base {
	b.db = b.db.For(t)
	return b
}

// table holds what the base tables say of a report.
func (r report) table() string { return `"` + r.dataset + "/" + r.reportType + "/" + r.viewer + `"` }

// work has SQL work out a report, once.
func (b base) work(t *testing.T, r report) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "matrix", r.dataset+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	viewer := b.viewers[r.viewer]
	w, windowed := r.window()
	from, to := "TIMESTAMPTZ '-infinity'", "TIMESTAMPTZ 'infinity'"
	if windowed {
		from, to = "timezone('"+viewer.zone+"', TIMESTAMP '"+w.from+"')", "timezone('"+viewer.zone+"', TIMESTAMP '"+w.to+"')"
	} else {
		w = span{"-infinity", "infinity"}
	}
	sql := strings.NewReplacer("@viewer", viewer.id, "@mine", "(SELECT id FROM below WHERE above = "+viewer.id+")", "@report_type", viewer.typed(r.reportType),
		"@from_day", "DATE '"+w.from+"'", "@to_day", "DATE '"+w.to+"'", "@from", from, "@to", to).Replace(string(text))
	b.db.Exec("CREATE TEMP TABLE IF NOT EXISTS " + r.table() + " AS " + sql)
}

// one returns the only cell of a SELECT.
func (b base) one(sql string) string {
	return b.db.Rows("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (" + sql + ")")[0][0]
}

// types are the types of a report's columns, by their names in small letters.
func (b base) types(r report) map[string]string {
	types := map[string]string{}
	for _, row := range b.db.Rows("SELECT lower(column_name), data_type FROM duckdb_columns() WHERE table_name = '" + strings.Trim(r.table(), `"`) + "'") {
		types[row[0]] = row[1]
	}
	return types
}

// rows are the rows of a report; cells that the base tables say nothing of are null.
func (b base) rows(r report, view []viewColumn) [][]string {
	var list []string
	for _, c := range view {
		switch {
		case c.decimal:
			list = append(list, "CAST("+c.exact()+" AS VARCHAR)")
		case c.known:
			list = append(list, "CAST("+c.source()+" AS VARCHAR)")
		default:
			list = append(list, "CAST(NULL AS VARCHAR)")
		}
	}
	return b.db.Rows("SELECT " + strings.Join(list, ", ") + " FROM " + r.table())
}

// sums are the sums of an amount per currency.
func (b base) sums(r report, amount viewColumn, currency string) map[string]string {
	sums := map[string]string{}
	for _, row := range b.db.Rows("SELECT " + currency + ", CAST(sum(" + amount.exact() + ") AS VARCHAR) FROM " + r.table() + " WHERE " + currency + " IS NOT NULL GROUP BY ALL") {
		sums[row[0]] = row[1]
	}
	return sums
}

// exact is a decimal at the view's scale.
func (c viewColumn) exact() string {
	return fmt.Sprintf("CAST(%s AS DECIMAL(38,%d))", c.source(), c.scale())
}

// inFormat is a cell as rows are compared. A workbook does not write the zeros at the
// end of a number: how many are shown is the cell's format.
func (c viewColumn) inFormat(format fileFormat, cell string) string {
	if x, ok := new(big.Rat).SetString(cell); ok && c.decimal && format.name == "xlsx" {
		return x.FloatString(c.scale())
	}
	return cell
}

// read returns the rows of a file, read by something that is not the program: DuckDB,
// or Python where DuckDB reads no such format.
func (b base) read(t *testing.T, format fileFormat, file string, view []viewColumn) [][]string {
	t.Helper()
	var titles, names, types []string
	for _, c := range view {
		titles = append(titles, c.title())
		names = append(names, c.name())
		types = append(types, quoted(c.name())+": 'VARCHAR'")
	}
	list := func(columns []string) string {
		var list []string
		for _, c := range columns {
			list = append(list, quoted(c))
		}
		return "SELECT " + strings.Join(list, ", ") + " FROM "
	}
	// Columns are said by name, so that none becomes a number on the way.
	records := ", columns = {" + strings.Join(types, ", ") + "})"
	switch format {
	case fileFormat{"csv", ""}:
		return b.db.Rows(list(titles) + "read_csv('" + file + "', delim = ',' " + strictCSV)
	case fileFormat{"tsv", ""}:
		return b.db.Rows(list(titles) + "read_csv('" + file + "', delim = '\t' " + strictCSV)
	case fileFormat{"json", ""}:
		return b.db.Rows(list(names) + "read_json('" + file + "', format = 'array'" + records)
	case fileFormat{"ndjson", ""}:
		if info, err := os.Stat(file); err == nil && info.Size() == 0 {
			return nil // no rows, which DuckDB takes for no file
		}
		return b.db.Rows(list(names) + "read_json('" + file + "', format = 'newline_delimited'" + records)
	case fileFormat{"xml", ""}:
		return b.readByPython(t, "xml", file, names)
	case fileFormat{"tsv", "utf16"}:
		return b.readByPython(t, "utf16", file, titles)
	}
	return b.readByPython(t, format.name, file, titles)
}

// strictCSV has DuckDB keep what is empty in quotes apart from what is empty.
const strictCSV = `, header = true, all_varchar = true, quote = '"', escape = '"', allow_quoted_nulls = false, strict_mode = true, parallel = false)`

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (b base) readByPython(t *testing.T, format, file string, titles []string) [][]string {
	t.Helper()
	request := struct {
		Format string   `json:"format"`
		Path   string   `json:"path"`
		Titles []string `json:"titles"`
	}{format, file, titles}
	var answer struct {
		Rows  [][]*string
		Error string
	}
	if b.python.Ask(t, request, &answer); answer.Error != "" {
		t.Fatalf("Python cannot read it: %s", answer.Error)
	}
	rows := make([][]string, len(answer.Rows))
	for i, row := range answer.Rows {
		for _, cell := range row {
			if cell == nil {
				rows[i] = append(rows[i], duckdbtest.Null)
			} else {
				rows[i] = append(rows[i], *cell)
			}
		}
	}
	return rows
}
