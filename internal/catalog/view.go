package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"outturn"
)

var errFullView = errors.New("the view " + outturn.FullView + " is every data set's own; choose another name")

// ParseView reads a view's file:
//
//	name: short
//	dataset: payments
//	description: What the bookkeepers ask for
//	columns:
//	  - {field: CUSTOMER_PAYMENT_TOTAL, alias: total, header: Total, scale: 2}
//
// Whether it fits its data set is told by its Validate.
func ParseView(text []byte) (*outturn.View, error) {
	var file struct {
		Name        string `yaml:"name"`
		Dataset     string `yaml:"dataset"`
		Description string `yaml:"description"`
		Columns     []struct {
			Field     string            `yaml:"field"`
			Alias     string            `yaml:"alias"`
			Header    string            `yaml:"header"`
			Attribute string            `yaml:"attribute"`
			Map       map[string]string `yaml:"map"`
			Scale     any               `yaml:"scale"` // as an int, the decoder would make 1 of 1.5
		} `yaml:"columns"`
	}
	in := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := in.Decode(&file); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, fmt.Errorf("YAML%w", yamlError(err, 0))
	}
	var more any
	if err := in.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("a file holds one view, and this one goes on after ---")
	}
	v := &outturn.View{Name: file.Name, Dataset: file.Dataset, Description: strings.TrimSpace(file.Description)}
	for _, c := range file.Columns {
		column := outturn.ViewColumn{Field: c.Field, Alias: c.Alias, Header: c.Header, Attribute: c.Attribute, Map: c.Map}
		if c.Scale != nil {
			scale, err := strconv.Atoi(fmt.Sprint(c.Scale))
			if err != nil {
				return nil, fmt.Errorf("column %s: scale %v is no whole number", column.Name(), c.Scale)
			}
			column.Scale = &scale
		}
		v.Columns = append(v.Columns, column)
	}
	return v, nil
}

// OwnView reads a view that is kept outside the catalogue and fits it to d, whose
// name it may leave out.
func OwnView(text []byte, d *outturn.Dataset) (*outturn.View, error) {
	v, err := ParseView(text)
	if err != nil {
		return nil, err
	}
	if v.Dataset == "" {
		v.Dataset = d.Name
	}
	if v.Dataset != d.Name {
		return nil, fmt.Errorf("the view is of the data set %s, not of %s", v.Dataset, d.Name)
	}
	if err := v.Validate(d); err != nil {
		return nil, err
	}
	// The full view may come back from a file as it was written there.
	if v.Name == outturn.FullView && !reflect.DeepEqual(v.Columns, outturn.Full(d).Columns) {
		return nil, errFullView
	}
	return v, nil
}

// FormatView writes a view as the file that ParseView reads.
func FormatView(v *outturn.View) []byte {
	var b bytes.Buffer
	for _, line := range [][2]string{{"name", v.Name}, {"dataset", v.Dataset}, {"description", v.Description}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], scalar(line[1]))
		}
	}
	b.WriteString("columns:\n")
	for _, c := range v.Columns {
		fmt.Fprintf(&b, "  - {field: %s", scalar(c.Field))
		for _, key := range [][2]string{{"alias", c.Alias}, {"header", c.Header}, {"attribute", c.Attribute}} {
			if key[1] != "" {
				fmt.Fprintf(&b, ", %s: %s", key[0], scalar(key[1]))
			}
		}
		if len(c.Map) > 0 {
			var pairs []string
			for _, code := range slices.Sorted(maps.Keys(c.Map)) {
				pairs = append(pairs, strconv.Quote(code)+": "+scalar(c.Map[code]))
			}
			fmt.Fprintf(&b, ", map: {%s}", strings.Join(pairs, ", "))
		}
		if c.Scale != nil {
			fmt.Fprintf(&b, ", scale: %d", *c.Scale)
		}
		b.WriteString("}\n")
	}
	return b.Bytes()
}

var (
	plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*( [A-Za-z0-9_]+)*$`)
	// What YAML of one age or another takes for something else than text.
	notText = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null|nan|inf)$`)
)

// scalar writes a text so that YAML reads it as that: as it is, or in quotes with
// Go's escapes, all of which YAML has too.
func scalar(s string) string {
	if plain.MatchString(s) && !notText.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
