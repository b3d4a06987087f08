package main

import (
	"errors"
	"slices"
	"strings"
)

// known holds a licence's SPDX name and the words that only it has, after
// spaces are made single and letters lower.
var known = []struct {
	name    string
	phrases []string
}{
	{"AGPL", []string{"gnu affero general public license version"}},
	{"LGPL", []string{"gnu lesser general public license version"}},
	{"GPL", []string{"gnu general public license version"}},
	{"Apache-2.0", []string{"apache license version 2.0"}},
	{"MPL-2.0", []string{"mozilla public license version 2.0"}},
	{"MIT", []string{"permission is hereby granted, free of charge", "the software is provided \"as is\""}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "endorse or promote products derived from"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"}},
	{"CC0-1.0", []string{"cc0 1.0 universal"}},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}},
}

// refused must not be linked into a program under the Apache licence.
var refused = []string{"AGPL", "LGPL", "GPL"}

// secondary is what the MPL 2.0 says of other licences without granting one.
const secondary = "gnu general public license version 2.0, the gnu lesser general public license version 2.1, the gnu affero general public license version 3.0"

// kinds returns the licences that a text grants, by their SPDX names.
func kinds(body string) []string {
	body = strings.ToLower(strings.Join(strings.Fields(body), " "))
	body = strings.NewReplacer("“", `"`, "”", `"`, "license, version", "license version").Replace(body)
	body = strings.ReplaceAll(body, secondary, "")
	var names []string
	for _, k := range known {
		if !slices.ContainsFunc(k.phrases, func(p string) bool { return !strings.Contains(body, p) }) {
			names = append(names, k.name)
		}
	}
	if !slices.Contains(names, "BSD-3-Clause") && strings.Contains(body, "redistribution and use in source and binary forms") {
		names = append(names, "BSD-2-Clause")
	}
	return names
}

// licence names every licence among the module's texts.
func (m module) licence() (string, error) {
	var names []string
	for _, t := range m.texts {
		for _, name := range kinds(t.body) {
			if slices.Contains(refused, name) {
				return "", errors.New(t.file + " is " + name + ", which this program must not link")
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return "", errors.New("no licence found that is known")
	}
	slices.Sort(names)
	return strings.Join(names, ", "), nil
}
