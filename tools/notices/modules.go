package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A module is something linked into the program, with the texts it comes with.
type module struct {
	path, version string
	dir           string
	texts         []text
}

// A text is a licence or a notice as its author wrote it.
type text struct{ file, body string }

// platforms are those that DuckDB's bindings carry a library for, so the page
// does not depend on where it was made.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"}

// linked returns the modules of every package that program links on any
// platform, in order of their paths, with the texts beside those packages.
func linked(program string) ([]module, error) {
	found := map[string]*module{}
	dirs := map[string]map[string]bool{} // module path: folders of its linked packages
	for _, platform := range platforms {
		packages, err := goList(program, platform)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			if p.Standard || p.Module == nil || p.Module.Main {
				continue
			}
			m := p.Module
			if m.Replace != nil {
				m.Version, m.Dir = m.Replace.Version, m.Replace.Dir
			}
			if found[m.Path] == nil {
				found[m.Path] = &module{path: m.Path, version: m.Version, dir: m.Dir}
				dirs[m.Path] = map[string]bool{}
			}
			dirs[m.Path][p.Dir] = true
		}
	}
	var modules []module
	for _, path := range slices.Sorted(maps.Keys(found)) {
		m := found[path]
		if err := m.readTexts(dirs[path]); err != nil {
			return nil, fmt.Errorf("%s %s: %w", m.path, m.version, err)
		}
		modules = append(modules, *m)
	}
	if len(modules) == 0 {
		return nil, fmt.Errorf("%s links no modules", program)
	}
	return modules, nil
}

// A listing is what `go list -json` says about a package.
type listing struct {
	Dir      string
	Standard bool
	Module   *listedModule
}

type listedModule struct {
	Path, Version, Dir string
	Main               bool
	Replace            *listedModule
}

func goList(program, platform string) ([]listing, error) {
	goos, goarch, _ := strings.Cut(platform, "/")
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,Standard,Module", program)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list for %s: %w\n%s", platform, err, &stderr)
	}
	var packages []listing
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listing
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

// legal matches the files that carry a licence or a notice.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|unlicense)([-._].*)?$`)

// readTexts reads the texts in the module's own folder, in those of its linked
// packages, and in between: code that was taken over keeps its licence beside it.
func (m *module) readTexts(dirs map[string]bool) error {
	all := map[string]bool{m.dir: true}
	for dir := range dirs {
		for ; len(dir) > len(m.dir); dir = filepath.Dir(dir) {
			all[dir] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !legal.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
				continue
			}
			file := filepath.Join(dir, e.Name())
			body, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(m.dir, file)
			if err != nil {
				return err
			}
			m.texts = append(m.texts, text{filepath.ToSlash(name), string(body)})
		}
	}
	return nil
}

// goLicence is the entry for the standard library and the runtime, which are
// part of every Go program.
func goLicence() (module, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return module{}, fmt.Errorf("go env GOROOT: %w", err)
	}
	dir := strings.TrimSpace(string(out))
	m := module{path: "Go: standard library and runtime", version: "of the toolchain", dir: dir}
	return m, m.readTexts(nil)
}
