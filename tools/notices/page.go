package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// render writes the page: a table of all modules, what DuckDB carries, and
// each distinct text once with the modules it belongs to.
func render(w io.Writer, modules []module) error {
	var b strings.Builder
	b.WriteString(`# Third-party notices

Outturn is under the Apache License 2.0 (LICENSE). The program contains the work of others listed here, under their own
licences. ` + "`make notices`" + ` writes this page from what cmd/outturn links on any platform; ` + "`make verify`" + ` fails when it is
out of date.

| part | version | licence |
| --- | --- | --- |
`)
	for _, m := range modules {
		licence, err := m.licence()
		if err != nil {
			return fmt.Errorf("%s %s: %w", m.path, m.version, err)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.path, m.version, licence)
	}
	renderDuckDB(&b, modules)
	renderTexts(&b, modules)
	_, err := io.WriteString(w, b.String())
	return err
}

// renderDuckDB adds the entry that no module graph has: the database itself.
func renderDuckDB(b *strings.Builder, modules []module) {
	i := slices.IndexFunc(modules, func(m module) bool { return strings.HasPrefix(m.path, duckdbLibraries) })
	if i < 0 {
		return
	}
	fmt.Fprintf(b, `
## DuckDB %s

DuckDB (https://duckdb.org, MIT, Copyright Stichting DuckDB Foundation) is not a Go module. It is linked statically from
the archives in %sPLATFORM, whose licence text below is DuckDB's own. Those
archives carry parts by others; their texts are in DuckDB's source of that version, under third_party/ and extension/:

| part | licence |
| --- | --- |
`, duckdbVersion(modules[i].version), duckdbLibraries)
	for _, p := range duckdbParts {
		if p.part != "" {
			fmt.Fprintf(b, "| %s | %s |\n", p.part, p.licence)
		}
	}
}

// renderTexts prints a text that several modules share once.
func renderTexts(b *strings.Builder, modules []module) {
	var bodies []string
	users := map[string][]string{}
	for _, m := range modules {
		for _, t := range m.texts {
			body := strings.TrimSpace(strings.ReplaceAll(t.body, "\r\n", "\n"))
			if users[body] == nil {
				bodies = append(bodies, body)
			}
			users[body] = append(users[body], m.path+" ("+t.file+")")
		}
	}
	b.WriteString("\n## Texts\n")
	for _, body := range bodies {
		fence := "```"
		for strings.Contains(body, fence) {
			fence += "`"
		}
		fmt.Fprintf(b, "\n### %s\n\n%stext\n%s\n%s\n", strings.Join(users[body], ", "), fence, body, fence)
	}
}
