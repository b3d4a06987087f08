// Package catalog holds what can be asked for: the data sets, their views and
// the tenant tree of a source.
//
// A data set is one file, NAME.sql: a header of YAML in the leading comment and
// one SELECT. Beside it may lie NAME.ENGINE.sql, a SELECT that takes its place on
// that engine, and views in NAME.VIEW.yaml. The tenant tree is _tenants.sql, and
// names.yaml gives other names to what they publish.
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
	"slices"
	"strings"
	"sync"

	"outturn"
)

//go:embed all:datasets
var builtin embed.FS

// treeFile is where a source's tenant tree is declared.
const treeFile = "_tenants.sql"

// A Catalog is the data sets of one source. Its files are found when it is opened,
// and each is read when it is first asked for: a report needs one of many. It may be
// used by any number of goroutines.
type Catalog struct {
	datasets map[string]func() (*outturn.Dataset, error)
	views    map[string]map[string]func() (*outturn.View, error) // by data set and name
	tree     func() (*outturn.TenantTree, error)                 // nil when there is none
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
	if len(c.datasets) == 0 && c.tree == nil && len(c.Faults()) == 0 {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The folder %s holds no data sets (files NAME.sql).", folder)
	}
	return c, nil
}

// open finds the files of fsys. A broken file breaks what it describes and nothing
// else: it is reported when that is asked for, and by Faults.
func open(fsys fs.FS, engine string) (*Catalog, error) {
	c := &Catalog{
		datasets: map[string]func() (*outturn.Dataset, error){},
		views:    map[string]map[string]func() (*outturn.View, error){},
	}
	files, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".sql")
		switch {
		case file == treeFile:
			c.tree = once(file, func() (*outturn.TenantTree, error) { return readTree(fsys) })
		case !strings.Contains(name, "."): // else an engine's own SELECT, which readDataset reads
			c.datasets[name] = once(file, func() (*outturn.Dataset, error) { return readDataset(fsys, name, engine) })
		}
	}
	files, err = fs.Glob(fsys, "*.*.yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		dataset, name, _ := strings.Cut(strings.TrimSuffix(file, ".yaml"), ".")
		if c.views[dataset] == nil {
			c.views[dataset] = map[string]func() (*outturn.View, error){}
		}
		c.views[dataset][name] = once(file, func() (*outturn.View, error) { return c.readView(fsys, file) })
	}
	return c.readNames(fsys)
}

// once reads a file when it is first asked for, and says of what is wrong in which
// file it is.
func once[T any](file string, read func() (*T, error)) func() (*T, error) {
	return sync.OnceValues(func() (*T, error) {
		v, err := read()
		if err != nil {
			return nil, outturn.Errorf(outturn.CodeDatasetInvalid, "%s is broken:\n  %s", file, indent(err))
		}
		return v, nil
	})
}

func indent(err error) string { return strings.ReplaceAll(err.Error(), "\n", "\n  ") }

func readTree(fsys fs.FS) (*outturn.TenantTree, error) {
	text, err := fs.ReadFile(fsys, treeFile)
	if err != nil {
		return nil, err
	}
	return parseTree(text)
}

func readDataset(fsys fs.FS, name, engine string) (*outturn.Dataset, error) {
	text, err := fs.ReadFile(fsys, name+".sql")
	if err != nil {
		return nil, err
	}
	d, err := parseDataset(name, text)
	if err != nil {
		return nil, err
	}
	special, err := fs.ReadFile(fsys, name+"."+engine+".sql")
	switch {
	case err == nil:
		d.SQL = string(special)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return d, nil
}

func (c *Catalog) readView(fsys fs.FS, file string) (*outturn.View, error) {
	text, err := readViewText(fsys, file)
	if err != nil {
		return nil, err
	}
	v, r, err := parseView(text)
	if err != nil {
		return nil, err
	}
	if v.Dataset == "" || v.Name == "" {
		dataset, name, _ := strings.Cut(strings.TrimSuffix(file, ".yaml"), ".")
		missing := fmt.Errorf("a view beside the data sets says of which it is and what it is called. Write dataset: %s and name: %s", dataset, name)
		return nil, errors.Join(r.err(), missing)
	}
	if want := v.Dataset + "." + v.Name + ".yaml"; file != want {
		return nil, fmt.Errorf("the view %s of data set %s must be in a file %s", outturn.Cut(v.Name), outturn.Cut(v.Dataset), outturn.Cut(want))
	}
	d, err := c.Dataset(v.Dataset)
	if err != nil {
		return nil, err
	}
	if isFull(v.Name) {
		return nil, errFullView
	}
	return v, r.fit(v, d)
}

// With returns c with a data set that Outturn has of itself. That there is a file of its
// name is an error: neither of the two may hide the other.
func (c *Catalog) With(own *outturn.Dataset) (*Catalog, error) {
	if _, taken := c.datasets[own.Name]; taken {
		return nil, outturn.Errorf(outturn.CodeDatasetInvalid, "The file %[1]s.sql cannot be served: %[1]s is a data set that Outturn has of itself. Give the file another name.", own.Name)
	}
	with := *c
	with.datasets = maps.Clone(c.datasets)
	with.datasets[own.Name] = func() (*outturn.Dataset, error) { return own, nil }
	return &with, nil
}

// Datasets lists the sound data sets by name.
func (c *Catalog) Datasets() []*outturn.Dataset {
	var list []*outturn.Dataset
	for _, name := range slices.Sorted(maps.Keys(c.datasets)) {
		if d, err := c.datasets[name](); err == nil {
			list = append(list, d)
		}
	}
	return list
}

// Dataset returns the data set of that name.
func (c *Catalog) Dataset(name string) (*outturn.Dataset, error) {
	if read, ok := c.datasets[name]; ok {
		return read()
	}
	var names []string
	for _, d := range c.Datasets() {
		names = append(names, d.Name)
	}
	return nil, outturn.Unknown("data set", name, names)
}

// Views lists d's sound views by name, the full one first.
func (c *Catalog) Views(d *outturn.Dataset) []*outturn.View {
	list := []*outturn.View{outturn.Full(d)}
	for _, name := range slices.Sorted(maps.Keys(c.views[d.Name])) {
		if v, err := c.views[d.Name][name](); err == nil {
			list = append(list, v)
		}
	}
	return list
}

// View returns d's view of that name or title, in any case; "" is the full one.
func (c *Catalog) View(d *outturn.Dataset, name string) (*outturn.View, error) {
	if name == "" || isFull(name) {
		return outturn.Full(d), nil
	}
	if read, ok := c.views[d.Name][name]; ok {
		return read()
	}
	for called, read := range c.views[d.Name] {
		if strings.EqualFold(called, name) {
			return read()
		}
	}
	var names []string
	for _, v := range c.Views(d) {
		if v.Title != "" && strings.EqualFold(v.Title, name) {
			return v, nil
		}
		names = append(names, v.Name)
	}
	return nil, outturn.Unknown("view of "+d.Name, name, names)
}

// Tree returns the tenant tree; nil when the source is flat.
func (c *Catalog) Tree() (*outturn.TenantTree, error) {
	if c.tree == nil {
		return nil, nil
	}
	return c.tree()
}

// Faults reads all that has not been read and returns what is wrong, by file.
func (c *Catalog) Faults() map[string]error {
	faults := map[string]error{}
	note := func(file string, err error) {
		if err != nil {
			faults[file] = err
		}
	}
	for name, read := range c.datasets {
		_, err := read()
		note(name+".sql", err)
	}
	for dataset, views := range c.views {
		for name, read := range views {
			_, err := read()
			note(dataset+"."+name+".yaml", err)
		}
	}
	_, err := c.Tree()
	note(treeFile, err)
	return faults
}
