package cli

import (
	"fmt"
	"io"
	"maps"
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
	if flag := waitingFlag(node, words); flag != nil {
		all = flagValues(flag.Name, words, settings)
	} else {
		all = nextWords(node, words, settings)
	}
	return slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, last) })
}

// waitingFlag returns the flag that the last word is the value of; nil if it is
// none's.
func waitingFlag(node *kong.Node, words []string) *kong.Flag {
	if len(words) < 2 {
		return nil
	}
	before := words[len(words)-2]
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			if (before == "--"+flag.Name || flag.Short != 0 && before == "-"+string(flag.Short)) && !flag.IsBool() {
				return flag
			}
		}
	}
	return nil
}

// takeDataset are the commands that a data set's name follows.
var takeDataset = []string{"outturn export", "outturn dataset show", "outturn view list", "outturn view show", "outturn view create"}

func nextWords(node *kong.Node, words []string, settings *Settings) []string {
	var all []string
	for _, child := range node.Children {
		if !child.Hidden {
			all = append(all, child.Name)
		}
	}
	if node.Name == "completion" {
		all = append(all, slices.Sorted(maps.Keys(completionScripts))...)
	}
	views := viewNames(words[:len(words)-1], settings)
	switch path := node.FullPath(); {
	case path == "outturn view show" && len(views) > 0:
		all = append(all, views...)
	case slices.Contains(takeDataset, path):
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

// flagValues lists the values of flags that have few. For the others the shell
// offers files.
func flagValues(flag string, words []string, settings *Settings) []string {
	switch flag {
	case "format":
		return format.Names()
	case "csv-dialect":
		return dialectNames()
	case "compress":
		return compress.Names()
	case "compress-level":
		return []string{string(compress.Fast), string(compress.Small)}
	case "report-type":
		return outturn.ReportTypes
	case "view", "from-view":
		return viewNames(words, settings)
	}
	return nil
}

// dialectNames lists the dialects of all formats.
func dialectNames() (names []string) {
	for _, name := range format.Names() {
		f, _ := format.Find(name)
		for _, dialect := range f.Dialects() {
			if !slices.Contains(names, dialect) {
				names = append(names, dialect)
			}
		}
	}
	return names
}

// viewNames lists the views of the data set that stands among the words.
func viewNames(words []string, settings *Settings) (names []string) {
	cat, err := settings.openCatalog()
	if err != nil {
		return nil
	}
	for _, d := range cat.Datasets() {
		if !slices.Contains(words, d.Name) {
			continue
		}
		for _, v := range cat.Views(d) {
			names = append(names, v.Name)
		}
	}
	return names
}
