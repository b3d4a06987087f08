package main_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"outturn"
)

// A report is what a combination asks of the data, whatever the file is like.
type report struct{ dataset, reportType, viewer string }

// A combination is one file of the matrix.
type combination struct {
	report
	view   string
	format fileFormat
}

type fileFormat struct{ name, dialect string }

func (c combination) String() string {
	return strings.Join([]string{c.dataset, c.format.name + c.format.dialect, c.view, c.reportType, c.viewer}, "/")
}

var (
	matrixFormats = []fileFormat{{"csv", ""}, {"tsv", ""}, {"tsv", "utf16"}, {"json", ""}, {"ndjson", ""}, {"xml", ""}, {"xlsx", ""}}
	matrixViews   = []string{"full", "own", "cmp"}
)

// matrixViewers are accounts with something to see, each in another time zone.
var matrixViewers = map[string]string{
	"provider":                 `SELECT id FROM accounts WHERE parent_id IS NULL`,
	"reseller with resellers":  `SELECT parent_id FROM accounts WHERE level = 2 AND type = 'Reseller' GROUP BY parent_id HAVING NOT bool_or(is_operating_unit) ORDER BY count(*) DESC, parent_id LIMIT 1`,
	"level 2 reseller":         `SELECT r.id FROM accounts AS r JOIN accounts AS s ON s.parent_id = r.id AND s.type = 'Reseller' WHERE r.level = 2 AND NOT r.is_operating_unit GROUP BY r.id ORDER BY count(*) DESC, r.id LIMIT 1`,
	"level 3 reseller":         `SELECT r.id FROM accounts AS r JOIN service_users AS u ON u.account_id IN (SELECT id FROM accounts WHERE parent_id = r.id) WHERE r.level = 3 AND r.type = 'Reseller' GROUP BY r.id ORDER BY count(*) DESC, r.id LIMIT 1`,
	"parent of operating unit": `SELECT max(parent_id) FROM accounts WHERE is_operating_unit`,
	"customer":                 `SELECT payer_id FROM payments JOIN accounts AS a ON a.id = payer_id JOIN service_users AS u ON u.account_id = a.id WHERE a.type = 'Customer' AND a.level = 3 GROUP BY payer_id ORDER BY count(*) DESC, payer_id LIMIT 1`,
}

// combinations are all there are of the built-in data sets; two of them have the view
// cmp. The report type makes a difference to the orders alone: that it makes none to
// the others is seen for one viewer. Of resellers on the lower levels, and of reports
// that leave the type to what the account is, the four formats that everybody asks for
// are enough.
func combinations() []combination {
	var list []combination
	files, _ := filepath.Glob("../../internal/catalog/datasets/[a-z]*.sql")
	for _, file := range files {
		dataset := strings.TrimSuffix(filepath.Base(file), ".sql")
		for _, view := range matrixViews {
			if _, err := os.Stat(viewFile(dataset, view)); err != nil && view != "full" {
				continue
			}
			for _, format := range matrixFormats {
				rare := format.dialect != "" || !slices.Contains([]string{"csv", "json", "xml", "xlsx"}, format.name)
				for _, reportType := range []string{"RESELLER", "PROVIDER", ""} {
					for viewer := range matrixViewers {
						if reportType != "PROVIDER" && dataset != "provisioned_orders" && (reportType == "" || viewer != "reseller with resellers") {
							continue
						}
						if rare && (reportType == "" || strings.HasPrefix(viewer, "level ")) {
							continue
						}
						list = append(list, combination{report{dataset, reportType, viewer}, view, format})
					}
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b combination) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// sample draws combinations, always the same, so that everything occurs about as
// often: next is the one whose parts were drawn least so far.
func sample(all []combination, n int) []combination {
	all = slices.Clone(all)
	rng := rand.New(rand.NewPCG(4, 13))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	drawn := map[string]int{}
	parts := func(c combination) []string {
		return []string{c.dataset, c.format.name + c.format.dialect, c.dataset + c.view, c.dataset + c.view + c.reportType, c.reportType, c.viewer}
	}
	often := func(c combination) (sum int) {
		for _, part := range parts(c) {
			sum += drawn[part]
		}
		return sum
	}
	var list []combination
	for range n {
		c := slices.MinFunc(all, func(a, b combination) int { return often(a) - often(b) })
		all = slices.DeleteFunc(all, func(o combination) bool { return o == c })
		for _, part := range parts(c) {
			drawn[part]++
		}
		list = append(list, c)
	}
	return list
}

// The sample has every data set, view, format, report type and viewer in it.
func TestMatrixSample(t *testing.T) {
	all := combinations()
	parts := func(list []combination) map[string]bool {
		seen := map[string]bool{}
		for _, c := range list {
			for _, part := range []string{c.dataset + " in view " + c.view, c.format.name + " " + c.format.dialect, c.reportType, c.viewer} {
				seen[part] = true
			}
		}
		return seen
	}
	if n := len(all); n != 1019 {
		t.Errorf("there are %d combinations, want 1019", n)
	}
	want, got := parts(all), parts(sample(all, 28))
	for part := range want {
		if !got[part] {
			t.Errorf("no %s in the sample", part)
		}
	}
}

// A span is a window, in the viewer's zone.
type span struct{ from, to string }

// window is what is asked of a data set that has a period. A customer, and a reseller on
// a lower level, has so few rows that it gets them all; of orders a month is enough.
func (r report) window() (w span, windowed bool) {
	switch {
	case r.dataset == "subscription_resources" || r.viewer == "customer" || r.viewer == "level 3 reseller":
		return span{}, false
	case r.dataset == "provisioned_orders":
		return span{"2026-12-01", "2027-01-01"}, true
	case r.viewer == "level 2 reseller":
		return span{}, false
	case strings.HasPrefix(r.dataset, "service_plan"):
		return span{"2023-09-15", "2024-02-01"}, true
	}
	return span{"2026-02-01", "2026-05-01"}, true
}

// A viewColumn is one of a view, as far as a file shows it.
type viewColumn struct {
	Field, Alias, Header, Attribute string
	Map                             map[string]string
	Scale                           *int

	known   bool // the base tables say what is in it
	decimal bool
}

func (c viewColumn) name() string {
	if c.Alias != "" {
		return c.Alias
	}
	return c.Field
}

func (c viewColumn) title() string {
	if c.Header != "" {
		return c.Header
	}
	return c.name()
}

func (c viewColumn) scale() int {
	if c.Scale != nil {
		return *c.Scale
	}
	return 8
}

// viewFile is where a view comes from that is not all fields.
func viewFile(dataset, view string) string {
	if view == "own" {
		return filepath.Join("testdata", "matrix", dataset+".yaml")
	}
	return filepath.Join("..", "..", "internal", "catalog", "datasets", dataset+"."+view+".yaml")
}

// columns are the view's, for full the fields.
func (base base) columns(t *testing.T, c combination, fields []string) []viewColumn {
	t.Helper()
	var view struct{ Columns []viewColumn }
	if c.view == "full" {
		for _, field := range fields {
			view.Columns = append(view.Columns, viewColumn{Field: field})
		}
	} else {
		text, err := os.ReadFile(viewFile(c.dataset, c.view))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &view); err != nil {
			t.Fatal(err)
		}
	}
	types := base.types(c.report)
	for i := range view.Columns {
		column := &view.Columns[i]
		kind := types[strings.ToLower(column.source())]
		column.known, column.decimal = kind != "", strings.HasPrefix(kind, "DECIMAL")
	}
	return view.Columns
}

// source is the column's name in testdata/matrix/*.sql.
func (c viewColumn) source() string {
	if c.Attribute != "" || c.Map != nil {
		return c.Alias
	}
	return c.Field
}

// export runs the program.
func (base base) export(t *testing.T, c combination) (file string, m outturn.Manifest) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "report."+c.format.name)
	// One thread is enough for each: as many run at once as there are cores.
	args := []string{"export", c.dataset, "--source", "duckdb:" + base.file, "--threads", "1", "--out", file, "--manifest"}
	if c.reportType != "" {
		args = append(args, "--report-type", c.reportType)
	}
	if c.view == "own" {
		args = append(args, "--view", viewFile(c.dataset, c.view))
	} else {
		args = append(args, "--view", c.view)
	}
	if c.format.dialect != "" {
		args = append(args, "--csv-dialect", c.format.dialect)
	}
	if c.viewer != "provider" {
		args = append(args, "--tenant", base.viewers[c.viewer].id)
	}
	if w, windowed := c.window(); windowed {
		args = append(args, "--from", w.from, "--to", w.to)
	}
	if err := command(binary(t), args...); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file + ".manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return file, m
}
