package rql_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"outturn"
	"outturn/internal/rql"
)

// Whatever is read is written so that it reads the same; whatever is not is the
// client's error, and says where.
func FuzzParse(f *testing.F) {
	for _, tt := range examples {
		f.Add(tt.raw, tt.dialect == rql.Connect)
	}
	for _, raw := range []string{"a=b%", "a='b''", "%", "((((", "x=t(", "in(a,(", "a%3Db", "eq%28a%2C%2525%29=&", "limit=99999999999", `like(a,\`, "a=\x00", "a=%00"} {
		f.Add(raw, true)
		f.Add(raw, false)
	}
	f.Fuzz(func(t *testing.T, raw string, connect bool) {
		d := rql.APS
		if connect {
			d = rql.Connect
		}
		q, err := rql.Parse(raw, d)
		if err == nil {
			checkPositions(t, q.Where, raw)
			roundTrip(t, q, d)
			return
		}
		if outturn.ErrorCode(err) != outturn.CodeInvalid || !strings.HasPrefix(err.Error(), "Position ") && !strings.HasPrefix(err.Error(), "The query is ") {
			t.Fatalf("%q: %v", raw, err)
		}
	})
}

func checkPositions(t *testing.T, e *outturn.Expr, raw string) {
	if e == nil {
		return
	}
	if e.Pos < 1 || e.Pos > len([]rune(raw)) {
		t.Fatalf("%q: %s stands at position %d", raw, e, e.Pos)
	}
	for _, arg := range e.Args {
		checkPositions(t, arg, raw)
	}
}

// Every query that can be put together is written so that it reads the same.
func FuzzRoundTrip(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed, "any 'text' of \"ours\", (é)&=;%41+|\\*?", "http://www.odin.com/rde/tenant/2.1")
	}
	f.Fuzz(func(t *testing.T, seed uint64, text, typ string) {
		for _, d := range []rql.Dialect{rql.APS, rql.Connect} {
			m := maker{rand.New(rand.NewPCG(seed, 2)), d, text}
			q := m.query(typ)
			if _, err := rql.Encode(q, d); err != nil {
				if utf8.ValidString(text) && utf8.ValidString(typ) && !strings.Contains(text+typ, "\x00") {
					t.Fatalf("%s: %v", show(q), err)
				}
				continue
			}
			roundTrip(t, q, d)
		}
	})
}

// A maker puts queries together of what the fuzzer finds.
type maker struct {
	*rand.Rand
	rql.Dialect
	text string
}

func (m maker) query(typ string) *rql.Query {
	q := &rql.Query{}
	if m.IntN(4) > 0 {
		q.Where = m.expr(4)
	}
	for range m.IntN(3) {
		q.Order = append(q.Order, outturn.Order{Field: m.field(), Desc: m.IntN(2) == 0})
	}
	for _, field := range []string{"a", "b.c", "d-e"}[:m.IntN(4)] {
		if m.Dialect == rql.Connect && m.IntN(2) == 0 {
			field = "-" + field
		}
		q.Select = append(q.Select, field)
	}
	if m.IntN(2) == 0 {
		q.Limit = &rql.Limit{Start: m.IntN(1000), Count: m.IntN(1000)}
	}
	if m.Dialect == rql.APS && typ != "" {
		for range m.IntN(3) {
			q.Implementing = append(q.Implementing, typ)
			q.Composing = append(q.Composing, typ+"/x")
		}
	}
	if m.Dialect == rql.Connect && q.Limit != nil && m.IntN(3) == 0 {
		q.Limit.Count = -1
	}
	return q
}

func (m maker) field() string {
	return []string{"a", "eq", "in", "t", "null", "aps.id", "account.aps.id", "a-b_c", "zé", "and", "search"}[m.IntN(11)]
}

func (m maker) value() string {
	r := []rune(m.text)
	if len(r) == 0 || m.IntN(3) == 0 {
		return samples[m.IntN(len(samples))]
	}
	at := m.IntN(len(r))
	return string(r[at : at+m.IntN(len(r)-at+1)])
}

func (m maker) expr(depth int) *outturn.Expr {
	kind := m.IntN(12)
	if depth == 0 {
		kind = m.IntN(9)
	}
	leaf := &outturn.Expr{Field: m.field()}
	switch kind {
	case 0:
		leaf.Op = outturn.OpNull
	case 1:
		leaf.Op = outturn.OpIn
		for range 1 + m.IntN(3) {
			leaf.Values = append(leaf.Values, m.value())
		}
	case 2, 3:
		leaf.Op = []outturn.Op{outturn.OpLike, rql.OpILike}[kind-2]
		leaf.Values = []string{m.pattern()}
	case 9:
		return &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{m.expr(depth - 1)}}
	case 10, 11:
		e := &outturn.Expr{Op: []outturn.Op{outturn.OpAnd, outturn.OpOr}[kind-10]}
		for range 2 + m.IntN(2) {
			e.Args = append(e.Args, m.expr(depth-1))
		}
		return e
	default:
		leaf.Op = []outturn.Op{outturn.OpEQ, outturn.OpNE, outturn.OpLT, outturn.OpLE, outturn.OpGT, outturn.OpGE}[m.IntN(6)]
		leaf.Values = []string{m.value()}
	}
	return leaf
}

// pattern is one in outturn's form that the dialect has words for.
func (m maker) pattern() string {
	pattern := ""
	for i, r := range []rune(m.value()) {
		switch {
		case i%5 == 4:
			pattern += "%"
		case i%5 == 2 && m.Dialect == rql.APS:
			pattern += "_"
		case strings.ContainsRune(`%_\`, r):
			pattern += `\` + string(r)
		default:
			pattern += string(r)
		}
	}
	return pattern
}

// The longest queries of every shape take no time to speak of, read or refused.
func TestLinear(t *testing.T) {
	for _, piece := range []string{"(", "a", "a=", "a=b,", "not(", "x=t(", "%", "%25", "%C3%A9", "'", `a="`, "a=x&", "in(a,(", "1,", "eq%28", "&", "|", "select(),", "sort(),", "limit=", "null()", `\`, "*"} {
		for _, before := range []string{"", "a=", "like(a,", "in(a,(", "select(", "or("} {
			for _, d := range []rql.Dialect{rql.APS, rql.Connect} {
				raw := (before + strings.Repeat(piece, rql.MaxLength))[:rql.MaxLength]
				start := time.Now()
				_, err := rql.Parse(raw, d)
				if took := time.Since(start); took > 500*time.Millisecond {
					t.Errorf("%s%s…: %v, %v", before, piece, took, err)
				}
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	const raw = "implementing(http://www.odin.com/rde/report-file/1.6),eq(reportTemplate.aps.id,18b5a4f2-0d5e-4c77-9d3c-0f3b2a1c9e10),in(status,(READY,FAILED)),sort(-aps.modified),limit(0,100)"
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := rql.Parse(raw, rql.APS); err != nil {
			b.Fatal(err)
		}
	}
}
