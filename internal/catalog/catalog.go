// Package catalog holds what can be asked for: the data sets, their views and
// the tenant tree of a source.
//
// A data set is one file, NAME.sql: a header of YAML in the leading comment and
// one SELECT. Beside it may lie NAME.ENGINE.sql, a SELECT that takes its place on
// that engine, and views in NAME.VIEW.yaml. The tenant tree is _tenants.sql.
// Those for the reference schema are built in; an operator's own come from a
// folder.
package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"outturn"
)

//go:embed all:datasets
var builtin embed.FS

// treeFile is where a source's tenant tree is declared.
const treeFile = "_tenants.sql"

// A Catalog is the data sets of one source. It does not change once opened and
// may be used by any number of goroutines.
type Catalog struct {
	datasets map[string]*outturn.Dataset
	views    map[string]map[string]*outturn.View // by data set and name
	tree     *outturn.TenantTree
	faults   map[string]error // by file
}

// Builtin opens the data sets of the reference schema for an engine.
func Builtin(engine string) (*Catalog, error) {
	sub, err := fs.Sub(builtin, "datasets")
	if err != nil {
		return nil, err
	}
	return open(sub, engine)
}

// OpenFolder opens an operator's folder of data sets for an engine.
func OpenFolder(folder, engine string) (*Catalog, error) {
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() {
		return nil, outturn.Errorf(outturn.CodeInvalid, "There is no folder of data sets at %s.", folder)
	}
	c, err := open(os.DirFS(folder), engine)
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The folder of data sets %s cannot be read: %w.", folder, err)
	}
	if len(c.datasets) == 0 && len(c.faults) == 0 {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The folder %s holds no data sets (files NAME.sql).", folder)
	}
	return c, nil
}

// open reads every file of fsys. A broken file breaks what it describes and
// nothing else: it is reported when that is asked for, and by Faults.
func open(fsys fs.FS, engine string) (*Catalog, error) {
	c := &Catalog{
		datasets: map[string]*outturn.Dataset{},
		views:    map[string]map[string]*outturn.View{},
		faults:   map[string]error{},
	}
	files, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := c.addSQL(fsys, file, engine); err != nil {
			c.faults[file] = outturn.Errorf(outturn.CodeDatasetInvalid, "%s is broken:\n  %s", file, indent(err))
		}
	}
	views, err := fs.Glob(fsys, "*.*.yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range views {
		if err := c.addView(fsys, file); err != nil {
			c.faults[file] = outturn.Errorf(outturn.CodeDatasetInvalid, "%s is broken:\n  %s", file, indent(err))
		}
	}
	return c, nil
}

func indent(err error) string { return strings.ReplaceAll(err.Error(), "\n", "\n  ") }

func (c *Catalog) addSQL(fsys fs.FS, file, engine string) error {
	name := strings.TrimSuffix(file, ".sql")
	if strings.Contains(name, ".") {
		return nil // another engine's SELECT, or ours, which addSQL reads below
	}
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return err
	}
	if file == treeFile {
		c.tree, err = parseTree(text)
		return err
	}
	d, err := parseDataset(name, text)
	if err != nil {
		return err
	}
	special, err := fs.ReadFile(fsys, name+"."+engine+".sql")
	switch {
	case err == nil:
		d.SQL = string(special)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	c.datasets[name] = d
	return nil
}

func (c *Catalog) addView(fsys fs.FS, file string) error {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return err
	}
	v, err := ParseView(text)
	if err != nil {
		return err
	}
	if want := v.Dataset + "." + v.Name + ".yaml"; path.Base(file) != want {
		return fmt.Errorf("the view %s of data set %s must be in a file %s", v.Name, v.Dataset, want)
	}
	d, err := c.Dataset(v.Dataset)
	if err != nil {
		return err
	}
	if v.Name == outturn.FullView {
		return errFullView
	}
	if err := v.Validate(d); err != nil {
		return err
	}
	if c.views[d.Name] == nil {
		c.views[d.Name] = map[string]*outturn.View{}
	}
	c.views[d.Name][v.Name] = v
	return nil
}

// Datasets lists the sound data sets by name.
func (c *Catalog) Datasets() []*outturn.Dataset {
	var list []*outturn.Dataset
	for _, name := range slices.Sorted(maps.Keys(c.datasets)) {
		list = append(list, c.datasets[name])
	}
	return list
}

// Dataset returns the data set of that name.
func (c *Catalog) Dataset(name string) (*outturn.Dataset, error) {
	if d, ok := c.datasets[name]; ok {
		return d, nil
	}
	if fault, ok := c.faults[name+".sql"]; ok {
		return nil, fault
	}
	return nil, outturn.Unknown("data set", name, slices.Sorted(maps.Keys(c.datasets)))
}

// Views lists d's views by name, the full one first.
func (c *Catalog) Views(d *outturn.Dataset) []*outturn.View {
	list := []*outturn.View{outturn.Full(d)}
	for _, name := range slices.Sorted(maps.Keys(c.views[d.Name])) {
		list = append(list, c.views[d.Name][name])
	}
	return list
}

// View returns d's view of that name; "" is the full one.
func (c *Catalog) View(d *outturn.Dataset, name string) (*outturn.View, error) {
	if name == "" || name == outturn.FullView {
		return outturn.Full(d), nil
	}
	if v, ok := c.views[d.Name][name]; ok {
		return v, nil
	}
	if fault, ok := c.faults[d.Name+"."+name+".yaml"]; ok {
		return nil, fault
	}
	names := append([]string{outturn.FullView}, slices.Sorted(maps.Keys(c.views[d.Name]))...)
	return nil, outturn.Unknown("view of "+d.Name, name, names)
}

// Tree returns the tenant tree; nil when the source is flat.
func (c *Catalog) Tree() (*outturn.TenantTree, error) {
	return c.tree, c.faults[treeFile]
}

// Faults returns what is wrong with the catalogue's files, by file.
func (c *Catalog) Faults() map[string]error { return c.faults }
