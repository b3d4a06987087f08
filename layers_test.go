package outturn_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers is the order in which packages stand on each other, lowest first. A
// package imports from the layers below its own; within a layer only what
// sideways permits. A name ending in /* stands for every package one level
// below it that is not named itself. Packages that do not exist yet may be
// listed: the place is decided before the code.
//
// A suite that implementations share (./internal/source/sourcetest) is not
// listed: it stands in the layer of its subject (./internal/source), and only
// test files and suites of layers above it import it.
//
// Test files are free. A test stands above everything it puts together, and
// the compiler already refuses a cycle.
var layers = []layer{
	{"0", []string{
		".", "./client",
		"./internal/batch", "./internal/calendar", "./internal/compress", "./internal/guard",
		"./internal/rql", "./internal/secret", "./internal/xlsx",
	}},
	{"½", []string{"./internal/source", "./internal/format", "./internal/queue"}}, // contracts live with their family
	{"1", []string{"./internal/source/*", "./internal/queue/*", "./internal/store", "./internal/blob", "./internal/catalog"}},
	{"2", []string{"./internal/pipeline", "./internal/workbench", "./internal/seed", "./internal/verify"}},
	{"3", []string{"./internal/reporting", "./internal/runner", "./internal/delivery", "./internal/auth"}},
	{"4", []string{"./internal/scheduler", "./internal/download", "./internal/edge"}},
	{"5", []string{"./internal/api", "./internal/web", "./internal/dialect/*"}},
	{"6", []string{"./internal/server"}},
	{"7", []string{"./internal/cli"}},
	{"8", []string{"./cmd/outturn"}},
}

// sideways holds the permitted imports within one layer. "*" is any package of
// the layer.
var sideways = []struct{ from, to string }{
	{"*", "."}, // everybody may use the words of the business
	// What APS and CMP share, which are two ways to ask for the same reports.
	{"./internal/dialect/aps", "./internal/dialect/rde"},
	{"./internal/dialect/cmp", "./internal/dialect/rde"},
}

// apart holds what must not be linked, by itself or through others, though its
// layer would permit it: who checks the writers' files must not believe what they
// believe.
var apart = []struct{ from, to string }{
	{"./internal/verify", "./internal/format"},
	{"./internal/verify", "./internal/compress"},
}

// outside holds what belongs to no layer: programs for those who work on
// Outturn. They may import anything, and nothing in a layer may import them.
var outside = []string{"./bench", "./tools"}

// duckDB may be linked by these packages and by the layers above them, so that
// the rest builds and tests without a C++ compiler.
var (
	duckDB      = "github.com/duckdb/"
	linksDuckDB = []string{"./internal/source/duckdb", "./internal/workbench", "./internal/seed"}
)

type layer struct {
	name     string
	packages []string
}

// A graph holds the imports of each package of the module. The module's own
// packages are written as paths from its root, "." and "./internal/batch".
type graph map[string][]string

func TestLayers(t *testing.T) {
	g := readGraph(t, ".")
	if len(g) == 0 {
		t.Fatal("no packages found")
	}
	for _, fault := range violations(g) {
		t.Error(fault)
	}
}

// TestLayersRules shows each rule refusing a graph and accepting its nearest
// permitted neighbour.
func TestLayersRules(t *testing.T) {
	tests := []struct {
		name string
		g    graph
		want string // in the one fault; empty: none
	}{
		{"Down", graph{"./internal/pipeline": {"./internal/source"}}, ""},
		{"Climbs", graph{"./internal/source": {"./internal/pipeline"}}, "layer ½ must not import ./internal/pipeline of layer 2"},
		{"DownFromHalf", graph{"./internal/source": {"./internal/batch"}}, ""},
		{"ClimbsToHalf", graph{"./internal/batch": {"./internal/source"}}, "layer 0 must not import ./internal/source"},
		{"DownManyLayers", graph{"./cmd/outturn": {"./internal/batch"}}, ""},

		{"SidewaysToTheRoot", graph{"./internal/batch": {"."}}, ""},
		{"Sideways", graph{"./internal/batch": {"./internal/compress"}}, "./internal/batch must not import ./internal/compress of its own layer 0"},
		{"SidewaysBetweenProviders", graph{"./internal/source/postgres": {"./internal/source/duckdb"}}, "of its own layer 1"},
		{"ProviderToItsContract", graph{"./internal/source/postgres": {"./internal/source"}}, ""},
		{"ContractToItsProvider", graph{"./internal/source": {"./internal/source/postgres"}}, "must not import ./internal/source/postgres of layer 1"},

		{"Listed", graph{"./internal/dialect/zuora": nil}, ""},
		{"InNoLayer", graph{"./internal/misc": nil}, "./internal/misc is in no layer"},
		{"BelowAListedPackage", graph{"./internal/source/duckdb/arrow": nil}, "./internal/source/duckdb/arrow is in no layer"},
		{"ImportInNoLayer", graph{"./internal/cli": {"./internal/misc"}}, "imports ./internal/misc, which is in no layer"},
		{"OtherCommand", graph{"./cmd/other": nil}, "./cmd/other is in no layer"},

		{"RootOnTheStandardLibrary", graph{".": {"fmt", "encoding/json"}}, ""},
		{"RootOnAModule", graph{".": {"golang.org/x/text/language"}}, "only the standard library, not golang.org/x/text/language"},
		{"RootOnItsOwn", graph{".": {"./client"}}, "only the standard library, not ./client"},
		{"OthersOnAModule", graph{"./internal/batch": {"golang.org/x/text/language"}}, ""},

		{"SuiteOnItsSubject", graph{"./internal/source/sourcetest": {"./internal/source", "./internal/batch", "testing"}}, ""},
		{"SuiteClimbs", graph{"./internal/source/sourcetest": {"./internal/seed"}}, "layer ½ must not import ./internal/seed of layer 2"},
		{"SuiteInAProduct", graph{"./internal/pipeline": {"./internal/source/sourcetest"}}, "a suite, which only test files and suites may import"},
		{"SuiteOnALowerSuite", graph{"./internal/server/servertest": {"./internal/source/sourcetest"}}, ""},
		{"SuiteOnAHigherSuite", graph{"./internal/source/sourcetest": {"./internal/server/servertest"}}, "must not import ./internal/server/servertest of layer"},

		{"BenchAnything", graph{"./bench": {"./internal/cli"}, "./bench/peer": {"./internal/seed"}}, ""},
		{"ImportOfBench", graph{"./internal/cli": {"./bench/peer"}}, "imports ./bench/peer, which is in no layer"},
		{"NotBench", graph{"./benchmarks": nil}, "./benchmarks is in no layer"},

		{"Apart", graph{"./internal/verify": {"./internal/format"}}, "./internal/verify must not link ./internal/format"},
		{"ApartThroughAnother", graph{
			"./internal/verify": {"./internal/source"},
			"./internal/source": {"./internal/compress"},
		}, "./internal/verify must not link ./internal/compress"},
		{"ApartFromOthers", graph{"./internal/verify": {"./internal/batch"}}, ""},

		{"DuckDB", graph{"./internal/source/duckdb": {"github.com/duckdb/duckdb-go-bindings"}}, ""},
		{"DuckDBInASuite", graph{"./internal/source/duckdb/duckdbtest": {"github.com/duckdb/duckdb-go-bindings"}}, ""},
		{"DuckDBElsewhere", graph{"./internal/format": {"github.com/duckdb/duckdb-go-bindings"}}, "./internal/format must not link DuckDB"},
		{"DuckDBThroughAnother", graph{
			"./internal/source/duckdb": {"github.com/duckdb/duckdb-go-bindings"},
			"./internal/pipeline":      {"./internal/source/duckdb"},
		}, "./internal/pipeline must not link DuckDB"},
		{"DuckDBFromAbove", graph{
			"./internal/source/duckdb": {"github.com/duckdb/duckdb-go-bindings"},
			"./internal/runner":        {"./internal/source/duckdb"},
			"./internal/cli":           {"./internal/runner"},
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			faults := violations(tt.g)
			switch {
			case tt.want == "" && len(faults) > 0:
				t.Errorf("got %q, want no fault", faults)
			case tt.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], tt.want)):
				t.Errorf("got %q, want one fault with %q", faults, tt.want)
			}
		})
	}
}

// TestReadGraph reads a module made for the purpose, with everything around the
// packages that is not a package.
func TestReadGraph(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                     "// A comment.\nmodule example.org/shop // another\n\ngo 1.26\n",
		"shop.go":                    "package shop\n\nimport \"fmt\"\n",
		"shop_test.go":               "package shop\n\nimport \"testing\"\n",
		"internal/a/a.go":            "package a\n\nimport (\n\t\"example.org/shop\"\n\tb \"example.org/shop/internal/b\"\n)\n",
		"internal/a/other.go":        "//go:build windows\n\npackage a\n\nimport (\n\t\"example.org/shopping\"\n\t\"example.org/shop\"\n)\n",
		"internal/a/testdata/x/x.go": "package x\n\nimport \"net\"\n",
		"internal/b/b_test.go":       "package b\n\nimport \"net\"\n",
		"tools/go.mod":               "module example.org/shop/tools\n",
		"tools/lint/main.go":         "package main\n\nimport \"net\"\n",
		".cache/main.go":             "package main\n\nimport \"net\"\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := readGraph(t, dir)
	want := graph{
		".":            {"fmt"},
		"./internal/a": {".", "./internal/b", "example.org/shopping"},
		"./internal/b": {},
	}
	if !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// violations returns every import that breaks a rule, and every package that
// has no place.
func violations(g graph) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }

	for _, pkg := range slices.Sorted(maps.Keys(g)) {
		if isOutside(pkg) {
			continue
		}
		at, ok := layerOf(pkg)
		if !ok {
			fault("%s is in no layer", pkg)
			continue
		}
		for _, imp := range g[pkg] {
			if pkg == "." {
				if !isStandard(imp) {
					fault("the root package may import only the standard library, not %s", imp)
				}
				continue
			}
			if !isOwn(imp) {
				continue
			}
			to, ok := layerOf(imp)
			switch {
			case !ok:
				fault("%s imports %s, which is in no layer", pkg, imp)
			case isSuite(imp) && !isSuite(pkg):
				fault("%s imports %s, a suite, which only test files and suites may import", pkg, imp)
			case to > at:
				fault("%s of layer %s must not import %s of layer %s", pkg, layers[at].name, imp, layers[to].name)
			case to == at && !isSideways(pkg, imp):
				fault("%s must not import %s of its own layer %s", pkg, imp, layers[at].name)
			}
		}
		for _, a := range apart {
			if pkg == a.from && g.links(pkg, a.to) {
				fault("%s must not link %s", pkg, a.to)
			}
		}
		if g.links(pkg, duckDB) && !mayLinkDuckDB(pkg, at) && !isSuite(pkg) {
			fault("%s must not link DuckDB", pkg)
		}
	}
	return faults
}

// layerOf returns the index of the layer pkg stands in.
func layerOf(pkg string) (int, bool) {
	if isSuite(pkg) {
		pkg = path.Dir(pkg)
		if !strings.HasPrefix(pkg, ".") {
			pkg = "./" + pkg // path.Dir cleans the prefix away
		}
	}
	for i, l := range layers {
		if slices.Contains(l.packages, pkg) {
			return i, true
		}
	}
	for i, l := range layers {
		if slices.Contains(l.packages, pkg[:strings.LastIndex(pkg, "/")+1]+"*") {
			return i, true
		}
	}
	return 0, false
}

// isSuite reports whether pkg is the shared test suite of the package above
// it, as ./internal/source/sourcetest is.
func isSuite(pkg string) bool {
	dir, name := path.Split(pkg)
	return dir != "" && name == path.Base(dir)+"test"
}

func isSideways(from, to string) bool {
	if isSuite(from) && strings.HasPrefix(from, to+"/") {
		return true
	}
	for _, s := range sideways {
		if (s.from == "*" || s.from == from) && s.to == to {
			return true
		}
	}
	return false
}

func isOutside(pkg string) bool {
	return slices.ContainsFunc(outside, func(dir string) bool {
		return pkg == dir || strings.HasPrefix(pkg, dir+"/")
	})
}

func isOwn(imp string) bool { return imp == "." || strings.HasPrefix(imp, "./") }

// isStandard goes by the dot that the first element of every module path has
// when it can be downloaded.
func isStandard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !isOwn(imp) && !strings.Contains(first, ".")
}

func mayLinkDuckDB(pkg string, at int) bool {
	if slices.Contains(linksDuckDB, pkg) {
		return true
	}
	for _, below := range linksDuckDB {
		if i, _ := layerOf(below); at <= i {
			return false
		}
	}
	return true
}

// links reports whether pkg imports a package that begins with prefix, itself
// or through the module's other packages.
func (g graph) links(pkg, prefix string) bool {
	seen := map[string]bool{}
	var visit func(string) bool
	visit = func(pkg string) bool {
		if seen[pkg] {
			return false
		}
		seen[pkg] = true
		return slices.ContainsFunc(g[pkg], func(imp string) bool {
			return strings.HasPrefix(imp, prefix) || isOwn(imp) && visit(imp)
		})
	}
	return visit(pkg)
}

// readGraph reads the imports of all packages of the module in dir, for every
// platform and without the go command. Test files do not count, but a folder
// that has nothing else is still a package.
func readGraph(t testing.TB, dir string) graph {
	t.Helper()
	module := modulePath(t, dir)
	g := graph{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != dir && notPackages(file):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".go":
			return nil
		}
		rel, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := "."
		if rel != "." {
			pkg = "./" + filepath.ToSlash(rel)
		}
		if g[pkg] == nil {
			g[pkg] = []string{}
		}
		if strings.HasSuffix(file, "_test.go") {
			return nil
		}
		imports, err := readImports(file, module)
		g[pkg] = append(g[pkg], imports...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range g {
		slices.Sort(g[pkg])
		g[pkg] = slices.Compact(g[pkg])
	}
	return g
}

// notPackages reports whether the go command ignores the folder: hidden ones,
// test data, and modules of their own.
func notPackages(dir string) bool {
	name := filepath.Base(dir)
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func readImports(file, module string) ([]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var imports []string
	for _, spec := range f.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if imp == module {
			imp = "."
		} else if rest, ok := strings.CutPrefix(imp, module+"/"); ok {
			imp = "./" + rest
		}
		imports = append(imports, imp)
	}
	return imports, nil
}

func modulePath(t testing.TB, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "module" {
			return f[1]
		}
	}
	t.Fatal("go.mod names no module")
	return ""
}
