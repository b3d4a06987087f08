package aps

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/dialect/rde"
	"outturn/internal/rql"
)

// A field says what a condition on it is in the ledger's words.
type field func(op outturn.Op, values []string) (*outturn.Expr, error)

func equal(name, value string) *outturn.Expr {
	return &outturn.Expr{Op: outturn.OpEQ, Field: name, Values: []string{value}}
}

func among[T ~string](name string, values ...T) *outturn.Expr {
	e := &outturn.Expr{Op: outturn.OpIn, Field: name}
	for _, v := range values {
		e.Values = append(e.Values, string(v))
	}
	return e
}

func isNull(name string) *outturn.Expr { return &outturn.Expr{Op: outturn.OpNull, Field: name} }

func not(e *outturn.Expr) *outturn.Expr {
	return &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{e}}
}

func all(parts ...*outturn.Expr) *outturn.Expr { return joined(outturn.OpAnd, parts) }

func anyOf(parts ...*outturn.Expr) *outturn.Expr { return joined(outturn.OpOr, parts) }

// joined leaves out what is nil.
func joined(op outturn.Op, parts []*outturn.Expr) *outturn.Expr {
	parts = slices.DeleteFunc(parts, func(e *outturn.Expr) bool { return e == nil })
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	return &outturn.Expr{Op: op, Args: parts}
}

// never is true of no resource: each has an id.
var never = isNull("id")

// plain is a field that the ledger has too.
func plain(name string) field {
	return func(op outturn.Op, values []string) (*outturn.Expr, error) {
		if op == rql.OpILike {
			return nil, outturn.Errorf(outturn.CodeInvalid, "ilike is not for lists here; like is.")
		}
		return &outturn.Expr{Op: op, Field: name, Values: values}, nil
	}
}

// moment is plain, of instants. They are written all alike: lists that are no tables
// compare texts.
func moment(name string) field {
	return func(op outturn.Op, values []string) (*outturn.Expr, error) {
		if op == outturn.OpLike {
			return nil, outturn.Errorf(outturn.CodeInvalid, "like is for texts, and it is a date and time.")
		}
		written := make([]string, len(values))
		for i, v := range values {
			t, err := outturn.ParseInstant("", rde.Instant(v), time.UTC)
			if err != nil {
				return nil, outturn.Errorf(outturn.CodeInvalid, "%s is no date and time, such as 2025-09-30T23:59:59Z.", outturn.Shown(v))
			}
			written[i] = sortable(t)
		}
		return plain(name)(op, written)
	}
}

func sortable(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// lower is plain, of words that the ledger has in lower case.
func lower(name string) field {
	return func(op outturn.Op, values []string) (*outturn.Expr, error) {
		folded := make([]string, len(values))
		for i, v := range values {
			folded[i] = strings.ToLower(v)
		}
		return plain(name)(op, folded)
	}
}

// oneOf is a field of words, each of which is a condition.
func oneOf(words map[string]*outturn.Expr) field {
	return func(op outturn.Op, values []string) (*outturn.Expr, error) {
		var parts []*outturn.Expr
		for _, v := range values {
			e, ok := words[v]
			if !ok {
				return nil, outturn.Errorf(outturn.CodeInvalid, "%s is not one of its values.", outturn.Shown(v))
			}
			parts = append(parts, e)
		}
		switch op {
		case outturn.OpEQ, outturn.OpIn:
			return anyOf(parts...), nil
		case outturn.OpNE:
			return not(anyOf(parts...)), nil
		case outturn.OpNull:
			return never, nil
		}
		return nil, outturn.Errorf(outturn.CodeInvalid, "Its values have no order and no parts: eq, ne, in and out are for it.")
	}
}

// always is a field that has the same value in all resources of a kind.
func always(value string) field {
	return func(op outturn.Op, values []string) (*outturn.Expr, error) {
		words := map[string]*outturn.Expr{}
		for _, v := range values {
			words[v] = never
		}
		words[value] = not(never)
		return oneOf(words)(op, values)
	}
}

// commonName is the name that a template was given, which its generator has, or has
// with eight digits that make it the only one of that name; see named.
func commonName(op outturn.Op, values []string) (*outturn.Expr, error) {
	switch op {
	case outturn.OpEQ, outturn.OpNE, outturn.OpIn:
	default:
		return plain("name")(op, values)
	}
	var parts []*outturn.Expr
	for _, v := range values {
		pattern := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(v) + " (________)"
		parts = append(parts, equal("name", v), &outturn.Expr{Op: outturn.OpLike, Field: "name", Values: []string{pattern}})
	}
	if op == outturn.OpNE {
		return not(anyOf(parts...)), nil
	}
	return anyOf(parts...), nil
}

// A question is a query in APS's words (section 3.4).
type question struct {
	rql.Query
	types []typeID // that are to be implemented
	none  bool     // one of them is no type of ours
}

const mostListed = 1000 // resources in one answer

func readQuestion(raw string) (question, error) {
	q, err := rql.Parse(raw, rql.APS)
	if err != nil {
		return question{}, outturn.InField("query", err)
	}
	a := question{Query: *q}
	if len(q.Composing) > 0 {
		return a, invalid("query", "composing is not supported: no type here is composed of others.")
	}
	if q.Limit == nil {
		a.Limit = &rql.Limit{Count: mostListed}
	}
	if a.Limit.Count < 0 || a.Limit.Count > mostListed {
		return a, invalid("query", "At most %d resources are listed at once: limit(start,%d).", mostListed, mostListed)
	}
	for _, name := range q.Implementing {
		t, ok := parseType(name)
		a.none = a.none || !ok
		a.types = append(a.types, t)
	}
	return a, nil
}

// fits says whether resources of a kind are of all types that are asked for, and in
// which version they are to be shown.
func (a question) fits(k *kind) (as typeID, ok bool) {
	for _, t := range a.types {
		if !k.is(t) {
			return as, false
		}
		if slices.ContainsFunc(k.types, func(own typeID) bool { return own.path == t.path }) {
			as = t
		}
	}
	return as, !a.none && (len(a.types) > 0 || !k.alone)
}

// listing is what is asked of resources of a kind. It is CodeInvalid where that has no
// such field.
func (a question) listing(k *kind, as typeID) (listing, error) {
	q := listing{as: as}
	where, err := rql.Map(a.Where, func(path string, op outturn.Op, values []string, _ int) (*outturn.Expr, error) {
		f, ok := k.fields[path]
		if !ok {
			return nil, outturn.Errorf(outturn.CodeInvalid, "Lists of %s cannot be asked for it. Fields: %s.", k.name, strings.Join(fieldNames(k), ", "))
		}
		if strings.HasPrefix(path, "tenant.") {
			q.tenant = "*" // whose they are is said in the condition
		}
		return f(op, values)
	})
	if err != nil {
		return q, outturn.InField("query", err)
	}
	q.Where = where
	for _, o := range a.Order {
		name, ok := k.orders[o.Field]
		if !ok {
			return q, invalid("query", "Lists of %s are not sorted by %s.", k.name, outturn.Shown(o.Field))
		}
		q.Order = append(q.Order, outturn.Order{Field: name, Desc: o.Desc})
	}
	if len(q.Order) == 0 {
		q.Order = []outturn.Order{{Field: "created_at"}}
	}
	return q, nil
}

func fieldNames(k *kind) []string { return slices.Sorted(maps.Keys(k.fields)) }

// list lists the resources of some kinds, one kind after another, of those that a
// relation leads to where scope is not nil.
func (c *call) list(ctx context.Context, a question, kinds []*kind, scope *listing) (found, error) {
	total := int64(0)
	answer := found{total: &total}
	start, left := a.Limit.Start, a.Limit.Count
	var misfit error
	fit := 0
	for _, k := range kinds {
		as, ok := a.fits(k)
		if scope != nil {
			as, ok = typeID{}, !a.none
		}
		if !ok {
			continue
		}
		q, err := a.listing(k, as)
		if err != nil {
			misfit = cmp.Or(misfit, err)
			continue
		}
		fit++
		if scope != nil {
			q.Where, q.tenant = all(scope.Where, q.Where), scope.tenant
		}
		q.Page = outturn.Page{Offset: start, Limit: max(left, 1), Total: true}
		part, err := k.list(ctx, c, q)
		if outturn.ErrorCode(err) == outturn.CodeInvalid {
			err = outturn.InField("query", err)
		}
		if err != nil {
			return found{}, err
		}
		if len(part.list) > left {
			part.list = part.list[:left]
		}
		answer.list = append(answer.list, part.list...)
		left -= len(part.list)
		if part.total == nil || answer.total == nil {
			answer.total = nil
			continue
		}
		total += *part.total
		start = max(0, start-int(*part.total))
	}
	if fit == 0 && misfit != nil {
		return found{}, misfit
	}
	return answer, nil
}

// contentRange says which stretch of a list an answer is.
func contentRange(start int, f found) string {
	total := "*"
	if f.total != nil {
		total = fmt.Sprint(*f.total)
	}
	if len(f.list) == 0 {
		return "items */" + total
	}
	return fmt.Sprintf("items %d-%d/%s", start, start+len(f.list)-1, total)
}

// A row is a resource of a list that is short, and kept as a whole.
type row struct {
	fields map[string]string
	*resource
}

// pick lists those of rows that a query asks for.
func pick(rows []row, q listing) found {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return q.Where != nil && !holds(q.Where, r.fields) })
	if len(q.Order) > 0 {
		slices.SortStableFunc(rows, func(a, b row) int {
			for _, o := range q.Order {
				if d := strings.Compare(a.fields[o.Field], b.fields[o.Field]); d != 0 && o.Desc {
					return -d
				} else if d != 0 {
					return d
				}
			}
			return 0
		})
	}
	total := int64(len(rows))
	f := found{total: &total}
	for i := q.Page.Offset; i < len(rows) && len(f.list) < q.Page.Limit; i++ {
		f.list = append(f.list, rows[i].resource)
	}
	return f
}

// holds says whether a condition is true of a row, as it would be in the ledger.
func holds(e *outturn.Expr, fields map[string]string) bool {
	value, there := fields[e.Field]
	switch e.Op {
	case outturn.OpAnd:
		return !slices.ContainsFunc(e.Args, func(arg *outturn.Expr) bool { return !holds(arg, fields) })
	case outturn.OpOr:
		return slices.ContainsFunc(e.Args, func(arg *outturn.Expr) bool { return holds(arg, fields) })
	case outturn.OpNot:
		return !holds(e.Args[0], fields)
	case outturn.OpNull:
		return !there
	case outturn.OpNE:
		return !there || value != e.Values[0]
	}
	if !there {
		return false
	}
	switch e.Op {
	case outturn.OpEQ:
		return value == e.Values[0]
	case outturn.OpIn:
		return slices.Contains(e.Values, value)
	case outturn.OpLT:
		return value < e.Values[0]
	case outturn.OpLE:
		return value <= e.Values[0]
	case outturn.OpGT:
		return value > e.Values[0]
	case outturn.OpGE:
		return value >= e.Values[0]
	case outturn.OpLike:
		return like(e.Values[0], value)
	}
	return false
}

// like matches a pattern of OpLike.
func like(pattern, value string) bool {
	var glob strings.Builder
	for i, escaped := 0, false; i < len(pattern); i++ {
		switch ch := pattern[i]; {
		case escaped || strings.IndexByte(`%_\*?[`, ch) < 0:
			if strings.IndexByte(`*?[\`, ch) >= 0 {
				glob.WriteByte('\\')
			}
			glob.WriteByte(ch)
			escaped = false
		case ch == '%':
			glob.WriteByte('*')
		case ch == '_':
			glob.WriteByte('?')
		case ch == '\\':
			escaped = true
		default: // a sign of globs that is none of like
			glob.WriteByte('\\')
			glob.WriteByte(ch)
		}
	}
	// In a glob * stops at a slash, which none of ours has as text.
	matched, err := path.Match(strings.ReplaceAll(glob.String(), "/", "\x00"), strings.ReplaceAll(value, "/", "\x00"))
	return err == nil && matched
}
