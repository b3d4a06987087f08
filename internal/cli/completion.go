package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"outturn"
	"outturn/internal/compress"
	"outturn/internal/format"
)

// completionCmd prints a script that asks the program itself, through the hidden
// command __complete, what can stand next.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

var completionScripts = map[string]string{
	"bash": `# bash: source <(outturn completion bash)
_outturn() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(outturn __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _outturn outturn
`,
	"zsh": `#compdef outturn
# zsh: source <(outturn completion zsh)
_outturn() {
  local -a found
  found=("${(@f)$(outturn __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found || _files
}
compdef _outturn outturn
`,
	"fish": `# fish: outturn completion fish | source
complete -c outturn -a '(outturn __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

func (c *completionCmd) Run(streams IO) error {
	_, err := io.WriteString(streams.Out, completionScripts[c.Shell])
	return err
}

// completeCmd prints what can stand in the place of the last word, a line each.
type completeCmd struct {
	Words []string `arg:"" optional:""`
}

func (c *completeCmd) Run(streams IO, settings *Settings, parser *kong.Kong) error {
	for _, candidate := range candidates(parser.Model, c.Words, settings) {
		fmt.Fprintln(streams.Out, candidate)
	}
	return nil
}

// candidates returns what may follow: the values of a flag that waits for one,
// else commands, data sets and flags that begin as the last word does.
func candidates(app *kong.Application, words []string, settings *Settings) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	node := app.Node
	for _, word := range words[:len(words)-1] {
		i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word && !n.Hidden })
		if i >= 0 {
			node = node.Children[i]
		}
	}
	var all []string
	if len(words) > 1 && strings.HasPrefix(words[len(words)-2], "--") {
		all = flagValues(strings.TrimPrefix(words[len(words)-2], "--"))
	}
	if all == nil {
		all = nextWords(node, settings)
	}
	return slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, last) })
}

func nextWords(node *kong.Node, settings *Settings) []string {
	var all []string
	for _, child := range node.Children {
		if !child.Hidden {
			all = append(all, child.Name)
		}
	}
	if node.Name == "export" || node.Name == "show" {
		if cat, err := settings.openCatalog(); err == nil {
			for _, d := range cat.Datasets() {
				all = append(all, d.Name)
			}
		}
	}
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			all = append(all, "--"+flag.Name)
		}
	}
	return all
}

// flagValues lists the values of flags that have few.
func flagValues(flag string) []string {
	switch flag {
	case "format":
		return format.Names()
	case "csv-dialect":
		return format.Dialects()
	case "compress":
		return compress.Names()
	case "view":
		return []string{outturn.FullView, "cmp"}
	}
	return nil
}
