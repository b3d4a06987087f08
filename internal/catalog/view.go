package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

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
	v, r, err := parseView(text)
	if err == nil {
		err = r.err()
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// parseView reads a view as far as it can be read; the reader has what is wrong
// with the rest.
func parseView(text []byte) (*outturn.View, *viewReader, error) {
	tree, err := parseTokens(text)
	if err != nil {
		return nil, nil, err
	}
	if tree == nil {
		return nil, nil, errors.New("the file is empty")
	}
	r := &viewReader{}
	return r.view(tree), r, nil
}

// fit returns what is wrong with v as its file has it, and as a view of d.
func (r *viewReader) fit(v *outturn.View, d *outturn.Dataset) error {
	if r.partial {
		return r.err()
	}
	return errors.Join(r.err(), v.Validate(d))
}

// OwnView reads a view that is kept outside the catalogue and fits it to d, whose
// name it may leave out.
func OwnView(text []byte, d *outturn.Dataset) (*outturn.View, error) {
	v, r, err := parseView(text)
	if err != nil {
		return nil, err
	}
	if v.Dataset == "" {
		v.Dataset = d.Name
	}
	if v.Dataset != d.Name {
		return nil, fmt.Errorf("the view is of the data set %s, not of %s", outturn.Cut(v.Dataset), d.Name)
	}
	if err := r.fit(v, d); err != nil {
		return nil, err
	}
	// The full view may come back from a file as it was written there.
	if isFull(v.Name) && !reflect.DeepEqual(v.Columns, outturn.Full(d).Columns) {
		return nil, errFullView
	}
	return v, nil
}

// isFull says whether a view would be taken for the full one.
func isFull(name string) bool { return strings.EqualFold(name, outturn.FullView) }

// FormatView writes a view as the file that ParseView reads.
func FormatView(v *outturn.View) []byte {
	var b bytes.Buffer
	for _, line := range [][2]string{{"name", v.Name}, {"dataset", v.Dataset}, {"title", v.Title}, {"description", v.Description}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], scalar(line[1]))
		}
	}
	if len(v.Translations) > 0 {
		fmt.Fprintf(&b, "translations: %s\n", flow(v.Translations))
	}
	if len(v.Columns) == 0 {
		b.WriteString("columns: []\n")
		return b.Bytes()
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
			fmt.Fprintf(&b, ", map: %s", flow(c.Map))
		}
		if c.Scale != nil {
			fmt.Fprintf(&b, ", scale: %d", *c.Scale)
		}
		b.WriteString("}\n")
	}
	return b.Bytes()
}

// flow writes texts by their keys in one line.
func flow(texts map[string]string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		pairs = append(pairs, strconv.Quote(key)+": "+scalar(texts[key]))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
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
