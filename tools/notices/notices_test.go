package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	mit  = "Permission is hereby granted, free of charge, to any person …\nTHE SOFTWARE IS PROVIDED “AS IS”, WITHOUT WARRANTY"
	bsd2 = "Redistribution and use in source and binary\n  forms, with or without modification, are permitted"
	bsd3 = bsd2 + "\nNeither the name … may be used to endorse or promote products derived from this software"
	gpl  = "GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007"
)

// TestRun makes the page for a real program of this module.
func TestRun(t *testing.T) {
	const program = "gotest.tools/gotestsum"
	file := filepath.Join(t.TempDir(), "NOTICES.md")
	if err := run(program, file, false); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| gotest.tools/gotestsum | v",
		"| Apache-2.0 |",
		"| golang.org/x/sys | v",
		"### Go: standard library and runtime (LICENSE)",
		"Version 2.0, January 2004",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if strings.Contains(string(page), "DuckDB") {
		t.Error("DuckDB is on the page of a program that does not link it")
	}
	if err := run(program, file, true); err != nil {
		t.Errorf("check of the page just written: %v", err)
	}
	if err := os.WriteFile(file, append(page, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(program, file, true); err == nil {
		t.Error("check of an edited page: got no error")
	}
}

func TestRunErrors(t *testing.T) {
	tests := []struct{ name, program, want string }{
		{"NoProgram", "", "name the program"},
		{"NoModules", "../skips", "links no modules"},
		{"NotThere", "./nowhere", "nowhere"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := run(tt.program, filepath.Join(t.TempDir(), "NOTICES.md"), false)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestLicence(t *testing.T) {
	tests := []struct {
		name  string
		texts []string
		want  string
		err   string
	}{
		{"MIT", []string{mit}, "MIT", ""},
		{"BSD2", []string{bsd2}, "BSD-2-Clause", ""},
		{"BSD3", []string{bsd3}, "BSD-3-Clause", ""},
		{"Apache", []string{"Apache License\n   Version 2.0, January 2004"}, "Apache-2.0", ""},
		{"ApacheHeader", []string{"Licensed under the Apache License, Version 2.0"}, "Apache-2.0", ""},
		{"Two", []string{mit + "\n" + bsd3}, "BSD-3-Clause, MIT", ""},
		{"WithNotice", []string{mit, "Contains work by A. Nother."}, "MIT", ""},
		{"None", nil, "", "no licence found"},
		{"Unknown", []string{"All rights reserved."}, "", "no licence found"},
		{"MPLNamesOthers", []string{"Mozilla Public License Version 2.0\nmeans either the GNU General Public License, Version 2.0, the GNU Lesser\nGeneral Public License, Version 2.1, the GNU Affero General Public\nLicense, Version 3.0, or any later versions"}, "MPL-2.0", ""},
		{"GPL", []string{gpl}, "", "is GPL"},
		{"GPLBesideMIT", []string{mit, gpl}, "", "is GPL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m module
			for _, body := range tt.texts {
				m.texts = append(m.texts, text{"LICENSE", body})
			}
			got, err := m.licence()
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestReadTexts(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"LICENSE", "NOTICE.txt", "license.go", "README.md",
		"zstd/LICENSE", "zstd/internal/xxhash/LICENSE.txt", "zstd/internal/xxhash/hash.go",
		"cmd/LICENSE",
	} {
		write(t, filepath.Join(dir, name), name)
	}
	m := module{dir: dir}
	if err := m.readTexts(map[string]bool{filepath.Join(dir, "zstd/internal/xxhash"): true}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, text := range m.texts {
		got = append(got, text.file)
	}
	want := []string{"LICENSE", "NOTICE.txt", "zstd/LICENSE", "zstd/internal/xxhash/LICENSE.txt"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRender(t *testing.T) {
	modules := []module{
		{path: duckdbLibraries + "linux-amd64", version: "v0.10505.0", texts: []text{{"LICENSE", mit}}},
		{path: "example.org/a", version: "v1.0.0", texts: []text{{"LICENSE", bsd3}}},
		{path: "example.org/b", version: "v2.0.0", texts: []text{{"COPYING", bsd3 + "\n"}}},
	}
	var b strings.Builder
	if err := render(&b, modules); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"| example.org/b | v2.0.0 | BSD-3-Clause |",
		"## DuckDB v1.5.5\n",
		"| Zstandard | BSD-3-Clause |",
		"### example.org/a (LICENSE), example.org/b (COPYING)\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if n := strings.Count(page, "endorse or promote"); n != 1 {
		t.Errorf("got a shared text %d times, want once", n)
	}

	modules[2].texts = nil
	if err := render(&b, modules); err == nil || !strings.Contains(err.Error(), "example.org/b v2.0.0") {
		t.Errorf("got %v, want an error that names the module without a licence", err)
	}
}

func TestKnowAllArchives(t *testing.T) {
	dir := t.TempDir()
	lib := module{path: duckdbLibraries + "linux-amd64", version: "v0.1.0", dir: dir}
	write(t, filepath.Join(dir, "libduckdb_static.a"), "")
	if err := knowAllArchives([]module{lib}); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(dir, "libspatial_extension.a"), "")
	if err := knowAllArchives([]module{lib}); err == nil || !strings.Contains(err.Error(), "libspatial_extension.a is new") {
		t.Errorf("got %v, want an error that names the archive", err)
	}
}

func TestDuckDBVersion(t *testing.T) {
	for bindings, want := range map[string]string{
		"v0.10505.0": "v1.5.5",
		"v0.10400.1": "v1.4.0",
		"v0.21012.0": "v2.10.12",
		"v2.0.0":     "v2.0.0",
	} {
		if got := duckdbVersion(bindings); got != want {
			t.Errorf("%s: got %s, want %s", bindings, got, want)
		}
	}
}

func write(t *testing.T, file, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}
