package cli

import (
	"bytes"
	"slices"
	"testing"

	"github.com/alecthomas/kong"
)

// A command that is parsed by itself is what it is among all others.
func TestCommandsByThemselves(t *testing.T) {
	var everything commands
	all, err := newParser(&everything, "", IO{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range all.Model.Children {
		var c commands
		one, err := newParser(&c, want.Name, IO{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
		if err != nil {
			t.Fatal(err)
		}
		if want.Name == "completion" || want.Hidden {
			if len(one.Model.Children) != len(all.Model.Children) {
				t.Errorf("%s knows %d commands", want.Name, len(one.Model.Children))
			}
			continue
		}
		if len(one.Model.Children) != 1 {
			t.Errorf("with %s come %d commands", want.Name, len(one.Model.Children))
		}
		if got, want := described(one.Model.Children[0]), described(want); !slices.Equal(got, want) {
			t.Errorf("got\n%q, want\n%q", got, want)
		}
	}
}

// described is what a person may read of a command, and of those below it.
func described(n *kong.Node) (list []string) {
	list = append(list, n.FullPath(), n.Summary(), n.Help)
	for _, flags := range n.AllFlags(false) {
		for _, f := range flags {
			list = append(list, f.String(), f.Help, f.Default)
		}
	}
	for _, p := range n.Positional {
		list = append(list, p.Summary(), p.Help)
	}
	for _, below := range n.Children {
		list = append(list, described(below)...)
	}
	return list
}
