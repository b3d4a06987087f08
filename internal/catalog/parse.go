package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"outturn"
)

// header is the YAML in the leading comment of a data set's file.
type header struct {
	Version     int      `yaml:"version"`
	Source      string   `yaml:"source"`
	Description string   `yaml:"description"`
	Tenant      string   `yaml:"tenant"`
	Period      *period  `yaml:"period"`
	Key         []string `yaml:"key"`
	Split       string   `yaml:"split"`
	Invoice     string   `yaml:"invoice"`
	Changed     string   `yaml:"changed"`
	Fields      []field  `yaml:"fields"`
}

type period struct {
	Expr string `yaml:"expr"`
	Kind string `yaml:"kind"`
	Zone string `yaml:"zone"`
}

type field struct {
	Name     string `yaml:"name"`
	Type     string `yaml:"type"`
	Scale    int    `yaml:"scale"`
	ID       bool   `yaml:"id"`
	Meaning  string `yaml:"meaning"`
	Evidence string `yaml:"evidence"`
	Currency string `yaml:"currency"`
	Additive bool   `yaml:"additive"`
}

// parseDataset reads the file of the data set of that name.
func parseDataset(name string, text []byte) (*outturn.Dataset, error) {
	var h header
	sql, err := parseFile(text, &h)
	if err != nil {
		return nil, err
	}
	d := &outturn.Dataset{
		Name: name, Version: h.Version, Source: h.Source, Description: strings.TrimSpace(h.Description),
		SQL: sql, Tenant: h.Tenant, Key: h.Key, Split: h.Split, Invoice: h.Invoice, Changed: h.Changed,
	}
	if h.Period != nil {
		d.Period = &outturn.Period{Expr: h.Period.Expr, Kind: outturn.PeriodKind(h.Period.Kind), Zone: h.Period.Zone}
	}
	for _, f := range h.Fields {
		d.Fields = append(d.Fields, outturn.Field{
			Name: f.Name, Type: outturn.Type(f.Type), Scale: f.Scale, ID: f.ID, Meaning: f.Meaning,
			Evidence: f.Evidence, Currency: f.Currency, Additive: f.Additive,
		})
	}
	if d.Own() {
		return nil, fmt.Errorf("source %s is that of the data sets which Outturn has of itself; say what the schema of your own is called", outturn.OwnSource)
	}
	return d, d.Validate()
}

// parseTree reads a _tenants.sql file.
func parseTree(text []byte) (*outturn.TenantTree, error) {
	var h struct {
		Version     int    `yaml:"version"`
		Source      string `yaml:"source"`
		Description string `yaml:"description"`
	}
	sql, err := parseFile(text, &h)
	if err != nil {
		return nil, err
	}
	return &outturn.TenantTree{Version: h.Version, Source: h.Source, Description: h.Description, SQL: sql}, nil
}

// parseFile splits a file into its header, which it decodes into h, and its
// SELECT.
func parseFile(text []byte, h any) (sql string, err error) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	open := bytes.Index(text, []byte("/*"))
	if open < 0 || len(bytes.TrimSpace(text[:open])) > 0 {
		return "", errors.New("the file must open with its header: YAML in a comment between /* and */")
	}
	length := bytes.Index(text[open:], []byte("*/"))
	if length < 0 {
		return "", errors.New("the header's comment is not closed: */ is missing")
	}
	headerText := text[open+len("/*") : open+length]
	if err := yaml.UnmarshalWithOptions(headerText, h, yaml.Strict()); err != nil {
		return "", fmt.Errorf("header%w", yamlError(err, bytes.Count(text[:open], []byte("\n"))))
	}
	return strings.TrimSpace(string(text[open+length+len("*/"):])), nil
}

// yamlError tells a YAML error in one line, its line counted from the top of the
// file of which skipped lines lie above the YAML. It begins where the place was
// left off: ", line 3: …".
func yamlError(err error, skipped int) error {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return fmt.Errorf(": %w", err)
	}
	message, _, _ := strings.Cut(syntax.GetMessage(), "\n")
	message = outturn.Cut(message)
	if token := syntax.GetToken(); token != nil && token.Position != nil {
		return fmt.Errorf(", line %d: %s", token.Position.Line+skipped, message)
	}
	return fmt.Errorf(": %s", message)
}
