package rql_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/rql"
)

// A row has a text, or null, in each field.
type row map[string]*string

var (
	fieldNames = []string{"a", "b.id", "c"}
	samples    = []string{"", "x", "xy", "yx", "X", "Xy", "é", "10", "9", "a,b", "(x)", "it's", `say "x"`, "*", "?", "%", "_", `\`, `\*`, "x&y=z;w|v", "2026-01-01T00:00:00+02:00", "null", "a b+c", "%41"}
)

// A clause is a query in a client's words together with what it means: decided by the
// contract's sentences, and without the parser.
type clause struct {
	text  string
	means func(row) bool
}

// A client writes random queries in one dialect.
type client struct {
	*rand.Rand
	rql.Dialect
}

func (c client) one(words ...string) string { return words[c.IntN(len(words))] }

// value writes a value as the dialect's manual says.
func (c client) value(v string) string {
	if c.Dialect == rql.APS {
		if v == "" {
			return "empty()"
		}
		if c.IntN(2) == 0 {
			return strings.ReplaceAll(url.QueryEscape(v), "+", c.one("+", "%20"))
		}
		return strings.NewReplacer("%", "%25", "&", "%26", "'", "%27", "(", "%28", ")", "%29", ",", "%2C", "=", "%3D", ";", "%3B", " ", "%20", "+", "%2B", `"`, "%22").Replace(v)
	}
	switch {
	case strings.Contains(v, `"`):
		v = "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case v == "" || strings.ContainsAny(v, `,()'?%_&=;|`) || c.IntN(3) == 0:
		v = `"` + v + `"`
	}
	v = strings.ReplaceAll(v, "%", "%25")
	if c.IntN(2) == 0 {
		v = strings.NewReplacer(",", "%2C", "&", "%26", " ", "%20", `"`, "%22").Replace(v)
	}
	return v
}

// leaf compares one field.
func (c client) leaf() clause {
	f, v := c.one(fieldNames...), c.one(samples...)
	compare := func(op string, means func(string) bool) clause {
		text := op + "(" + f + "," + c.value(v) + ")"
		if c.IntN(2) == 0 {
			text = f + "=" + op + "=" + c.value(v)
		}
		return clause{text, func(r row) bool { return r[f] != nil && means(*r[f]) }}
	}
	switch c.IntN(10) {
	case 0:
		return compare("eq", func(has string) bool { return has == v })
	case 1:
		return clause{f + "=" + c.value(v), func(r row) bool { return r[f] != nil && *r[f] == v }}
	case 2:
		return negated(compare("ne", func(has string) bool { return has == v }), "%s")
	case 3:
		return compare(c.one("gt"), func(has string) bool { return has > v })
	case 4:
		return compare(c.one("ge", "gte"), func(has string) bool { return has >= v })
	case 5:
		return compare("lt", func(has string) bool { return has < v })
	case 6:
		return compare(c.one("le", "lte"), func(has string) bool { return has <= v })
	case 7:
		return clause{c.one("eq("+f+",null())", f+"=null()"), func(r row) bool { return r[f] == nil }}
	case 8:
		return c.like(f)
	default:
		return c.list(f)
	}
}

func negated(of clause, form string) clause {
	return clause{fmt.Sprintf(form, of.text), func(r row) bool { return !of.means(r) }}
}

// list is in or out of some values, null among them or not.
func (c client) list(f string) clause {
	var words, values []string
	null := false
	for range 1 + c.IntN(3) {
		if c.IntN(5) == 0 {
			null = true
			words = append(words, "null()")
			continue
		}
		v := c.one(samples...)
		values, words = append(values, v), append(words, c.value(v))
	}
	means := func(r row) bool { return r[f] == nil && null || r[f] != nil && slices.Contains(values, *r[f]) }
	list := "(" + strings.Join(words, ",") + ")"
	if c.IntN(2) == 0 {
		return clause{c.one("in("+f+","+list+")", f+"=in="+list), means}
	}
	return negated(clause{"out(" + f + "," + list + ")", means}, "%s")
}

// like is a pattern made of pieces: a character each, "any" or "one".
func (c client) like(f string) clause {
	var pieces []string
	for range 1 + c.IntN(4) {
		piece := c.one("any", "one", "x", "y", "X", "*", "?", "%", "_", `\`, "é", ",")
		if c.Dialect == rql.Connect && (piece == "one" || piece == "any" && len(pieces) > 0 && pieces[len(pieces)-1] == "any") {
			piece = "x" // has no such wildcard, and not two together
		}
		pieces = append(pieces, piece)
	}
	pattern := ""
	for _, piece := range pieces {
		switch {
		case piece == "any":
			pattern += "*"
		case piece == "one":
			pattern += "?"
		case piece == "*", piece == `\`, piece == "?" && c.Dialect == rql.APS:
			pattern += `\` + piece
		default:
			pattern += piece
		}
	}
	word := c.one("like", "ilike")
	return clause{word + "(" + f + "," + c.value(pattern) + ")", func(r row) bool {
		if r[f] == nil {
			return false
		}
		if word == "ilike" {
			lower := make([]string, len(pieces))
			for i, piece := range pieces {
				lower[i] = strings.ToLower(piece)
			}
			return fits(lower, strings.ToLower(*r[f]))
		}
		return fits(pieces, *r[f])
	}}
}

func fits(pieces []string, text string) bool {
	if len(pieces) == 0 {
		return text == ""
	}
	switch piece := pieces[0]; piece {
	case "any":
		for at := range text {
			if fits(pieces[1:], text[at:]) {
				return true
			}
		}
		return fits(pieces[1:], "")
	case "one":
		for at := range text {
			if at > 0 {
				return fits(pieces[1:], text[at:])
			}
		}
		return text != "" && fits(pieces[1:], "")
	default:
		rest, ok := strings.CutPrefix(text, piece)
		return ok && fits(pieces[1:], rest)
	}
}

// clause combines leaves to the given depth.
func (c client) clause(depth int) clause {
	if depth == 0 || c.IntN(4) == 0 {
		return c.leaf()
	}
	if c.IntN(4) == 0 {
		return negated(c.clause(depth-1), "not(%s)")
	}
	x, y, z := c.clause(depth-1), c.clause(depth-1), c.clause(depth-1)
	and := func(r row) bool { return x.means(r) && y.means(r) && z.means(r) }
	or := func(r row) bool { return x.means(r) || y.means(r) || z.means(r) }
	switch n := c.IntN(5); {
	case n == 0:
		return clause{"and(" + x.text + "," + y.text + "," + z.text + ")", and}
	case n == 1:
		return clause{"(" + x.text + c.one(",", "&") + y.text + c.one(",", "&") + z.text + ")", and}
	case n == 2:
		return clause{"or(" + x.text + "&" + y.text + "," + z.text + ")", func(r row) bool { return x.means(r) && y.means(r) || z.means(r) }}
	case n == 3 && c.Dialect == rql.Connect:
		return clause{"(" + x.text + c.one("|", ";") + y.text + "&" + z.text + ")", func(r row) bool { return x.means(r) || y.means(r) && z.means(r) }}
	default:
		return clause{"or(" + x.text + "," + y.text + "," + z.text + ")", or}
	}
}

// holds decides an Expr as its comment in the root package says.
func holds(e *outturn.Expr, r row) bool {
	switch e.Op {
	case outturn.OpAnd:
		return !slices.ContainsFunc(e.Args, func(arg *outturn.Expr) bool { return !holds(arg, r) })
	case outturn.OpOr:
		return slices.ContainsFunc(e.Args, func(arg *outturn.Expr) bool { return holds(arg, r) })
	case outturn.OpNot:
		return !holds(e.Args[0], r)
	case outturn.OpNull:
		return r[e.Field] == nil
	case outturn.OpNE:
		return r[e.Field] == nil || *r[e.Field] != e.Values[0]
	}
	if r[e.Field] == nil {
		return false
	}
	has, v := *r[e.Field], e.Values[0]
	switch e.Op {
	case outturn.OpEQ:
		return has == v
	case outturn.OpLT:
		return has < v
	case outturn.OpLE:
		return has <= v
	case outturn.OpGT:
		return has > v
	case outturn.OpGE:
		return has >= v
	case outturn.OpIn:
		return slices.Contains(e.Values, has)
	case outturn.OpLike:
		return fits(pieces(v), has)
	case rql.OpILike:
		return fits(pieces(strings.ToLower(v)), strings.ToLower(has))
	}
	panic("no condition " + string(e.Op))
}

// pieces takes outturn's pattern apart.
func pieces(pattern string) []string {
	var all []string
	escaped := false
	for _, r := range pattern {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '%':
			all = append(all, "any")
		case !escaped && r == '_':
			all = append(all, "one")
		default:
			all = append(all, string(r))
		}
		escaped = false
	}
	return all
}

func rows(r *rand.Rand) []row {
	all := make([]row, 30)
	for i := range all {
		all[i] = row{}
		for _, f := range fieldNames {
			if r.IntN(5) > 0 {
				v := samples[r.IntN(len(samples))]
				all[i][f] = &v
			}
		}
	}
	return all
}

// TestMeaning writes queries of which it knows what they mean, and has that decided
// row by row.
func TestMeaning(t *testing.T) {
	for _, d := range []rql.Dialect{rql.APS, rql.Connect} {
		yes, no := 0, 0
		for seed := range uint64(4000) {
			c := client{rand.New(rand.NewPCG(seed, 1)), d}
			asked := c.clause(3)
			q, err := rql.Parse(asked.text, d)
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, asked.text, err)
			}
			for _, r := range rows(c.Rand) {
				got, want := holds(q.Where, r), asked.means(r)
				if got != want {
					t.Fatalf("seed %d: %s reads as %s: got %v for %v, want %v", seed, asked.text, q.Where, got, showRow(r), want)
				}
				if got {
					yes++
				} else {
					no++
				}
			}
			roundTrip(t, q, d)
		}
		if yes < 20_000 || no < 20_000 {
			t.Errorf("dialect %d: %d rows are in and %d out: most queries say nothing", d, yes, no)
		}
	}
}

func showRow(r row) string {
	var parts []string
	for _, f := range fieldNames {
		if r[f] == nil {
			parts = append(parts, f+" null")
		} else {
			parts = append(parts, fmt.Sprintf("%s %q", f, *r[f]))
		}
	}
	return strings.Join(parts, ", ")
}
