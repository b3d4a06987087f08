package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"

	"outturn"
)

// What a view's file may be at most, so that reading one costs little whoever
// wrote it: the parser takes the square of the time for twice the keys. The views
// that people write are far from all of these.
const (
	mostViewText   = 256 << 10
	mostViewTokens = 20_000
	mostViewDepth  = 16
	mostViewKey    = 255 // characters
)

// ReadViewFile reads the text of a view's file, which must be a regular one: a
// pipe would be waited for.
func ReadViewFile(path string) ([]byte, error) { return readViewText(disk{}, path) }

// disk is the machine's files by the paths that its users write.
type disk struct{}

func (disk) Open(path string) (fs.File, error)     { return os.Open(path) }
func (disk) Stat(path string) (fs.FileInfo, error) { return os.Stat(path) }

func readViewText(fsys fs.FS, file string) ([]byte, error) {
	info, err := fs.Stat(fsys, file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", file)
	}
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// One byte more than may be, for ParseView to see that there is more.
	return io.ReadAll(io.LimitReader(f, mostViewText+1))
}

// parseTokens makes a tree of a view's file, and an error of one that is not worth
// it. The tree is nil for an empty file.
func parseTokens(text []byte) (ast.Node, error) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if len(text) > mostViewText {
		return nil, fmt.Errorf("the file is larger than the %d KiB that a view may have", mostViewText>>10)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("the file is not UTF-8")
	}
	tokens, err := scanTokens(string(text))
	if err != nil {
		return nil, err
	}
	// Keys that stand twice are the viewReader's to tell.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, fmt.Errorf("YAML%w", yamlError(err, 0))
	}
	var tree ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if tree != nil {
			return nil, errors.New("a file holds one view, and this one goes on after ---")
		}
		tree = doc.Body
	}
	return tree, nil
}

// scanTokens takes a file apart and stops where it is none of a view's.
func scanTokens(text string) (tokens token.Tokens, err error) {
	var s scanner.Scanner
	s.Init(text)
	var d depth
	for {
		some, err := s.Scan()
		if errors.Is(err, io.EOF) {
			return tokens, nil
		}
		for _, t := range some {
			if err := checkToken(t, tokens); err != nil {
				return nil, fmt.Errorf("YAML, line %d: %w", t.Position.Line, err)
			}
			if d.add(t) > mostViewDepth {
				return nil, fmt.Errorf("YAML, line %d: lists and keys stand more than %d deep in each other", t.Position.Line, mostViewDepth)
			}
			tokens.Add(t)
		}
		if len(tokens) > mostViewTokens {
			return nil, fmt.Errorf("the file has more than the %d words and signs that a view may have", mostViewTokens)
		}
	}
}

// checkToken refuses what makes much of a little text, and all else of YAML that a
// view does not need.
func checkToken(t *token.Token, before token.Tokens) error {
	switch t.Type {
	case token.AnchorType, token.AliasType:
		return errors.New("a view has no anchors and aliases (& and *). Put quotes around a text that begins so")
	case token.TagType:
		return errors.New("a view has no tags (!). Put quotes around a text that begins so")
	case token.MappingKeyType:
		return errors.New("a view has no keys after a question mark. Put quotes around a text that begins so")
	case token.MappingValueType:
		if n := len(before); n > 0 && utf8.RuneCountInString(before[n-1].Value) > mostViewKey {
			return fmt.Errorf("the key %s is longer than %d characters", outturn.Shown(before[n-1].Value), mostViewKey)
		}
	}
	return nil
}

// depth counts how deep a token stands: in brackets, and below the beginnings of
// lines and the dashes to the left of it.
type depth struct {
	brackets int
	columns  []int
	line     int
	dash     bool // the token before was one
}

func (d *depth) add(t *token.Token) int {
	first := t.Position.Line != d.line || d.dash
	d.line, d.dash = t.Position.Line, t.Type == token.SequenceEntryType
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		d.brackets++
	case token.SequenceEndType, token.MappingEndType:
		d.brackets = max(0, d.brackets-1)
	case token.CommentType:
		return 0
	}
	if d.brackets == 0 && first {
		for n := len(d.columns); n > 0 && d.columns[n-1] >= t.Position.Column; n-- {
			d.columns = d.columns[:n-1]
		}
		d.columns = append(d.columns, t.Position.Column)
	}
	return len(d.columns) + d.brackets
}

// A viewReader makes a view of the tree of its file and gathers what is wrong.
type viewReader struct {
	faults []error
	// partial says that what the view is made of could not be read, so that it
	// says nothing to look for faults in what there is of it.
	partial bool
}

func (r *viewReader) fault(n ast.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("line %d: %s", n.GetToken().Position.Line, fmt.Sprintf(format, args...)))
}

// err returns the faults, of very many the first.
func (r *viewReader) err() error { return outturn.JoinFaults(r.faults) }

func (r *viewReader) view(tree ast.Node) *outturn.View {
	v := &outturn.View{}
	r.keys(tree, "a view", []string{"name", "dataset", "title", "translations", "description", "columns"}, func(key string, value ast.Node) {
		switch key {
		case "name":
			r.text(value, key, &v.Name)
		case "dataset":
			r.text(value, key, &v.Dataset)
		case "title":
			r.text(value, key, &v.Title)
		case "translations":
			v.Translations = r.words(value, key)
		case "description":
			r.text(value, key, &v.Description)
			v.Description = strings.TrimSpace(v.Description)
		case "columns":
			list, ok := value.(*ast.SequenceNode)
			if !ok {
				r.partial = true
				r.fault(value, "columns must be a list, such as - {field: NAME}, and is %s", kindOf(value))
				return
			}
			for i, entry := range list.Values {
				v.Columns = append(v.Columns, r.column(entry, fmt.Sprintf("column %d", i+1)))
			}
		}
	})
	return v
}

// column reads a column, which what names for messages.
func (r *viewReader) column(entry ast.Node, what string) (c outturn.ViewColumn) {
	text := func(key string, value ast.Node, to *string) {
		if r.text(value, key+" of "+what, to) && *to == "" {
			r.fault(value, "the %s of %s is empty. Leave it out, or write something there", key, what)
		}
	}
	r.keys(entry, what, []string{"field", "alias", "header", "attribute", "map", "scale"}, func(key string, value ast.Node) {
		switch key {
		case "field":
			r.text(value, key+" of "+what, &c.Field)
		case "alias":
			text(key, value, &c.Alias)
		case "header":
			text(key, value, &c.Header)
		case "attribute":
			text(key, value, &c.Attribute)
		case "map":
			c.Map = r.words(value, "map of "+what)
		case "scale":
			c.Scale = r.scale(value, what)
		}
	})
	return c
}

// words reads the words that stand in the place of codes.
func (r *viewReader) words(n ast.Node, what string) map[string]string {
	words := map[string]string{}
	r.entries(n, what, func(code string, value ast.Node) {
		var word string
		if r.text(value, fmt.Sprintf("word for %s in the %s", outturn.Shown(code), what), &word) {
			words[code] = word
		}
	})
	if len(words) == 0 {
		return nil
	}
	return words
}

// scale reads how many digits a column has. As a number it would be another one: 1
// of 1.5, and 8 of 010.
func (r *viewReader) scale(n ast.Node, what string) *int {
	text, ok := scalarText(n)
	scale, err := strconv.Atoi(text)
	if !ok || err != nil {
		have := outturn.Shown(text)
		if !ok {
			have = kindOf(n)
		}
		r.fault(n, "the scale of %s is no whole number of digits, but %s", what, have)
		return nil
	}
	return &scale
}

// keys calls set with every key of n that may be there, and tells of the others.
func (r *viewReader) keys(n ast.Node, what string, allowed []string, set func(key string, value ast.Node)) {
	r.entries(n, what, func(key string, value ast.Node) {
		if slices.Contains(allowed, key) {
			set(key, value)
			return
		}
		message, list := outturn.Unknown("key of "+what, key, allowed).Error(), "Allowed: "+strings.Join(allowed, ", ")+"."
		if !strings.HasSuffix(message, list) {
			message += " " + list
		}
		r.fault(value, "%s", message)
	})
}

// entries calls use with every key of n and what stands there.
func (r *viewReader) entries(n ast.Node, what string, use func(key string, value ast.Node)) {
	node, ok := n.(ast.MapNode)
	if !ok {
		r.partial = true
		r.fault(n, "%s must be made of keys and values, such as key: value, and is %s", what, kindOf(n))
		return
	}
	taken := map[string]bool{}
	for each := node.MapRange(); each.Next(); {
		key, ok := scalarText(each.Key())
		switch {
		case !ok:
			r.fault(each.Key(), "a key of %s is %s. Put quotes around a text", what, kindOf(each.Key()))
		case taken[key]:
			r.fault(each.Key(), "the key %s of %s is there twice", outturn.Shown(key), what)
		default:
			taken[key] = true
			use(key, each.Value())
		}
	}
}

// text reads a text, and tells whether there is one.
func (r *viewReader) text(n ast.Node, what string, to *string) bool {
	text, ok := scalarText(n)
	if !ok {
		r.partial = true
		if n.Type() == ast.NullType {
			r.fault(n, "the %s has no value. Leave it out, or put quotes around a text", what)
		} else {
			r.fault(n, "the %s must be a text, and is %s", what, kindOf(n))
		}
		return false
	}
	*to = text
	return true
}

// scalarText returns the text of a scalar as it stands in the file: 007 is not 7,
// and 2.00 not 2.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode, *ast.MergeKeyNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// kindOf says in words what a node is.
func kindOf(n ast.Node) string {
	if text, ok := scalarText(n); ok {
		return "the text " + outturn.Shown(text)
	}
	switch n.(type) {
	case *ast.NullNode:
		return "nothing (null)"
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "keys and values"
	}
	return "something else"
}
