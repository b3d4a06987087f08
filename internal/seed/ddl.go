package seed

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Schema is the DDL of the reference schema.
//
//go:embed schema.sql
var Schema string

// A table is one of the schema as its text tells it.
type table struct {
	name     string
	about    string            // what a row is
	key      string            // its columns, as in "account_id, kind"
	comments map[string]string // by column
	columns  []string          // in order
}

// tables takes the schema's text apart: what a row is and its key stand before a table,
// what needs to be said of a column behind it. It is done when asked for: every command
// would begin a millisecond later.
var tables = sync.OnceValue(func() (list []table) {
	var (
		tableText  = regexp.MustCompile(`(?ms)((?:^--[^\n]*\n)+)^CREATE TABLE (\w+) \(\n(.*?)^\);`)
		keyText    = regexp.MustCompile(`\s*key: (\w+(?:, \w+)*)$`)
		columnText = regexp.MustCompile(`(?m)^  (\w+) +[^\n]*?(?:-- ([^\n]*))?$`)
	)
	for _, m := range tableText.FindAllStringSubmatch(Schema, -1) {
		about := strings.Join(strings.Fields(strings.ReplaceAll("\n"+m[1], "\n--", " ")), " ")
		key := keyText.FindStringSubmatch(about)
		t := table{name: m[2], about: strings.TrimSuffix(about, key[0]), key: key[1], comments: map[string]string{}}
		for _, c := range columnText.FindAllStringSubmatch(m[3], -1) {
			t.columns = append(t.columns, c[1])
			if c[2] != "" {
				t.comments[c[1]] = c[2]
			}
		}
		list = append(list, t)
	}
	return list
})

// described are the statements that tell a database what the text of the schema tells
// people. Each table ends with a mark, by which it is known again.
func described(mark string) string {
	var b strings.Builder
	for _, t := range tables() {
		fmt.Fprintf(&b, "COMMENT ON TABLE %s IS %s;\n", t.name, quoted(t.about+" "+mark))
		for _, column := range t.columns {
			if comment := t.comments[column]; comment != "" {
				fmt.Fprintf(&b, "COMMENT ON COLUMN %s.%s IS %s;\n", t.name, column, quoted(comment))
			}
		}
	}
	return b.String()
}

// keyed are the statements that make the keys.
func keyed() string {
	var b strings.Builder
	for _, t := range tables() {
		fmt.Fprintf(&b, "ALTER TABLE %s ADD PRIMARY KEY (%s);\n", t.name, t.key)
	}
	return b.String()
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
