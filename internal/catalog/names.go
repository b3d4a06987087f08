package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"

	"outturn"
)

// namesFile is where other names are given to what data sets and views publish:
//
//	provisioned_orders:
//	  CUSTOMER_ORDER_ID: CUST_ORDER_ID
//	provisioned_orders.cmp:
//	  orderId: orderID
//
// Of a data set the field's name in its file is on the left, of a view the column's.
const namesFile = "names.yaml"

// Names are new names by old ones, by data set or view, as DATASET or DATASET.VIEW.
type Names map[string]map[string]string

// BuiltinNames is the text of the names of all that is inferred, each standing for
// itself: a file to go on from.
func BuiltinNames() ([]byte, error) { return builtin.ReadFile("datasets/" + namesFile) }

// OpenNames reads an operator's file of names.
func OpenNames(path string) (Names, error) {
	text, err := ReadViewFile(path)
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The file of names cannot be read: %w.", err)
	}
	names, err := parseNames(text)
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeDatasetInvalid, "%s is broken:\n  %s", path, indent(err))
	}
	return names, nil
}

func parseNames(text []byte) (Names, error) {
	tree, err := parseTokens(text)
	if err != nil || tree == nil {
		return nil, err
	}
	names, r := Names{}, &viewReader{}
	r.entries(tree, "the names", func(of string, value ast.Node) {
		names[of] = map[string]string{}
		r.entries(value, "names of "+outturn.Cut(of), func(old string, value ast.Node) {
			var name string
			if !r.text(value, "name for "+outturn.Cut(old), &name) {
				return
			}
			if !outturn.ValidName.MatchString(name) {
				r.fault(value, "the name %s for %s: use letters, digits and underscores, a letter first", outturn.Shown(name), outturn.Cut(old))
			}
			names[of][old] = name
		})
	})
	return names, r.err()
}

// WithNames returns c with other names for what it publishes. A data set or view that
// c does not have is an error at once, a field or column that it does not have when it
// is asked for.
func (c *Catalog) WithNames(names Names) (*Catalog, error) {
	with := *c
	with.datasets, with.views = maps.Clone(c.datasets), maps.Clone(c.views)
	var faults []error
	for _, of := range slices.Sorted(maps.Keys(names)) {
		dataset, view, isView := strings.Cut(of, ".")
		if _, ok := c.datasets[dataset]; !ok {
			faults = append(faults, outturn.Unknown("data set with names", dataset, slices.Sorted(maps.Keys(c.datasets))))
		} else if _, ok := c.views[dataset][view]; isView && !ok {
			faults = append(faults, outturn.Unknown("view of "+dataset+" with names", view, slices.Sorted(maps.Keys(c.views[dataset]))))
		}
	}
	if len(faults) > 0 {
		return nil, outturn.JoinFaults(faults)
	}
	for dataset, read := range c.datasets {
		fields := names[dataset]
		with.datasets[dataset] = renamed(dataset, read, func(d *outturn.Dataset) error { return renameFields(d, fields) })
		with.views[dataset] = maps.Clone(c.views[dataset])
		for view, read := range c.views[dataset] {
			columns := names[dataset+"."+view]
			with.views[dataset][view] = renamed(dataset+"."+view, read, func(v *outturn.View) error {
				return renameColumns(v, fields, columns)
			})
		}
	}
	return &with, nil
}

// renamed reads something when it is first asked for and renames a copy of it.
func renamed[T any](of string, read func() (*T, error), rename func(*T) error) func() (*T, error) {
	return sync.OnceValues(func() (*T, error) {
		was, err := read()
		if err != nil {
			return nil, err
		}
		is := *was
		if err := rename(&is); err != nil {
			return nil, outturn.Errorf(outturn.CodeDatasetInvalid, "The names given to %s do not fit:\n  %s", of, indent(err))
		}
		return &is, nil
	})
}

// renameFields gives fields of d other names. Expressions of its header are SQL over
// the SELECT's columns, which stay what they are.
func renameFields(d *outturn.Dataset, names map[string]string) error {
	var faults []error
	for _, old := range slices.Sorted(maps.Keys(names)) {
		if _, ok := d.Field(old); !ok {
			faults = append(faults, outturn.Unknown("field of "+d.Name, old, d.FieldNames()))
		}
	}
	if err := outturn.JoinFaults(faults); err != nil || len(names) == 0 {
		return err
	}
	name := func(old string) string { return nameOf(old, names) }
	fields := slices.Clone(d.Fields)
	for i := range fields {
		f := &fields[i]
		if now := name(f.Name); now != f.Name {
			f.Column, f.Name = f.Selected(), now
		}
		f.Currency = name(f.Currency)
	}
	d.Fields, d.Invoice, d.Key = fields, name(d.Invoice), slices.Clone(d.Key)
	for i, key := range d.Key {
		d.Key[i] = name(key)
	}
	return d.Validate()
}

// renameColumns gives columns of v other names, and follows its data set's fields.
func renameColumns(v *outturn.View, fields, names map[string]string) error {
	var faults []error
	left := maps.Clone(names)
	v.Columns = slices.Clone(v.Columns)
	for i := range v.Columns {
		c := &v.Columns[i]
		delete(left, c.Name())
		if name := nameOf(c.Name(), names); name != c.Name() {
			c.Alias = name
		}
		c.Field = nameOf(c.Field, fields)
	}
	for _, old := range slices.Sorted(maps.Keys(left)) {
		faults = append(faults, fmt.Errorf("there is no column %s in the view %s of %s", outturn.Shown(old), v.Name, v.Dataset))
	}
	seen := map[string]bool{}
	for _, c := range v.Columns {
		if folded := strings.ToLower(c.Name()); seen[folded] {
			faults = append(faults, fmt.Errorf("two columns of the view %s of %s would be called %s", v.Name, v.Dataset, c.Name()))
		} else {
			seen[folded] = true
		}
	}
	return outturn.JoinFaults(faults)
}

func nameOf(old string, names map[string]string) string {
	if name, ok := names[old]; ok {
		return name
	}
	return old
}

// readNames applies the names that lie beside the data sets.
func (c *Catalog) readNames(fsys fs.FS) (*Catalog, error) {
	text, err := readViewText(fsys, namesFile)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	if changesNothing(text) {
		return c, nil
	}
	names, err := parseNames(text)
	if err == nil {
		c, err = c.WithNames(names)
	}
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeDatasetInvalid, "%s is broken:\n  %s", namesFile, indent(err))
	}
	return c, nil
}

// changesNothing says that each line of names leaves a name as it is, or names none, as
// those of the built-in file do. To read them takes longer than all else that is done
// before a report begins.
func changesNothing(text []byte) bool {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		old, name, pair := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if line != "" && line[0] != '#' && (!pair || name != "" && (name != old || !outturn.ValidName.MatchString(name))) {
			return false
		}
	}
	return true
}
