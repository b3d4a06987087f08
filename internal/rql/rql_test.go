package rql_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/rql"
)

// The published examples: rde-aps is the contract of APS (sections 1.1 to 4), connect
// that of Connect (3.1 to 3.4 and 8). Below "+" are forms that we read beyond them.
var examples = []struct {
	from    string
	dialect rql.Dialect
	raw     string
	want    string // see show
}{
	{"rde-aps 1.3", rql.APS, "implementing(http://www.odin.com/rde/tenant/2.1),eq(account.id,1000008041)", "implementing http://www.odin.com/rde/tenant/2.1; account.id eq '1000008041'"},
	{"rde-aps 3.4", rql.APS, "eq(account.aps.id,18b5a4f2-0d5e-4c77-9d3c-0f3b2a1c9e10)", "account.aps.id eq '18b5a4f2-0d5e-4c77-9d3c-0f3b2a1c9e10'"},
	{"rde-aps 3.4", rql.APS, "organization.id=1000", "organization.id eq '1000'"},
	{"rde-aps 3.4", rql.APS, "limit(0,2)", "limit 0 2"},
	{"rde-aps 3.4", rql.APS, "limit(10)", "limit 10 1000"},
	{"rde-aps 3.4", rql.APS, "composing(http://aps-standard.org/types/core/resource/1.0)", "composing http://aps-standard.org/types/core/resource/1.0"},
	{"rde-aps 3.4", rql.APS, "in(status,(READY,FAILED))", "status in ('READY', 'FAILED')"},
	{"rde-aps 3.4", rql.APS, "out(status,(READY,FAILED))", "not (status in ('READY', 'FAILED'))"},
	{"rde-aps 3.4", rql.APS, "like(commonName,Q?*ledger)", "commonName like 'Q_%ledger'"},
	{"rde-aps 3.4", rql.APS, "select(commonName,format,reportFiles,reportFiles.tenant)", "select commonName format reportFiles reportFiles.tenant"},
	{"rde-aps 3.4", rql.APS, "status=eq=READY", "status eq 'READY'"},
	{"rde-aps 3.4", rql.APS, "and(eq(format,JSON),ne(status,FAILED))", "(format eq 'JSON') and (status ne 'FAILED')"},
	{"rde-aps 3.4", rql.APS, "eq(format,JSON)&eq(status,READY),eq(name,x)", "(format eq 'JSON') and (status eq 'READY') and (name eq 'x')"},
	{"rde-aps 3.4", rql.APS, "or(gt(n,1),ge(n,2),lt(n,3),le(n,4)),not(eq(a,b))", "((n gt '1') or (n ge '2') or (n lt '3') or (n le '4')) and (not (a eq 'b'))"},
	{"rde-aps 3.4", rql.APS, "sort(+name,-aps.modified)", "order name aps.modified desc"},
	{"rde-aps 3.4", rql.APS, "name=a%20%21%23%25%26%27%28%29%2C%3D%3B%5B%5D", "name eq 'a !#%&''(),=;[]'"},
	{"rde-aps 4", rql.APS, "implementing(http://www.odin.com/rde/report-template/1.5),limit(0,10)", "implementing http://www.odin.com/rde/report-template/1.5; limit 0 10"},
	{"rde-aps 4", rql.APS, "commonName=NW%20Finance", "commonName eq 'NW Finance'"},
	{"rde-aps 4", rql.APS, "a=eq=b", "a eq 'b'"},
	{"rde-aps 4", rql.APS, "implementing%28http%3A%2F%2Fwww.odin.com%2Frde%2Freport-template%2F1.5%29%2Climit%280%2C10%29", "implementing http://www.odin.com/rde/report-template/1.5; limit 0 10"},
	{"+", rql.APS, "", ""},
	{"+", rql.APS, "commonName=NW+Finance%2B", "commonName eq 'NW Finance+'"},
	{"+", rql.APS, "ge(at,2025-01-01T00:00:00+02:00),le(at,2025-01-01T00:00:00%2B02:00)", "(at ge '2025-01-01T00:00:00+02:00') and (at le '2025-01-01T00:00:00+02:00')"},
	{"+", rql.APS, "and(implementing(u:x/1),eq(a,1),(b=2,limit(3,4))),sort(a)", "implementing u:x/1; (a eq '1') and (b eq '2'); order a; limit 3 4"},
	{"+", rql.APS, "eq%28a%2CNW%2520F%29=&b=eq%3D2", "(a eq 'NW F') and (b eq 'eq=2')"},
	{"+", rql.APS, `like(a,%5C*%5C?%5C%5C%5Cx_%25)`, `a like '*?\\\\x\_\%'`},
	{"+", rql.APS, "like(a,**)", "a like '%%'"},
	{"+", rql.APS, "eq(a,null()),ne(b,null()),in(c,(x,null())),c=empty()", "(a is null) and (not (b is null)) and ((c in ('x')) or (c is null)) and (c eq '')"},
	{"+", rql.APS, "eq(a,O'Brien|x/y:z@[1]!)", "a eq 'O''Brien|x/y:z@[1]!'"},
	{"+", rql.APS, "eq=like&in=out&limit=3", "(eq eq 'like') and (in eq 'out') and (limit eq '3')"},
	{"+", rql.APS, "a=in=(b,c)&or(a=1&b=2,c=3)&range(d,1,2)", "(a in ('b', 'c')) and (((a eq '1') and (b eq '2')) or (c eq '3')) and ((d ge '1') and (d le '2'))"},

	{"connect 3.2", rql.Connect, "select(-parameters)&and(eq(status,succeeded),ge(events.created.at,2026-01-01T00:00:00+00:00))&ordering(-events.created.at)&limit=100&offset=0", "(status eq 'succeeded') and (events.created.at ge '2026-01-01T00:00:00+00:00'); order events.created.at desc; select -parameters; limit 0 100"},
	{"connect 3.2", rql.Connect, "(in(id,(RP-417-220-903,RP-417-220-904)))", "id in ('RP-417-220-903', 'RP-417-220-904')"},
	{"connect 3.2", rql.Connect, "limit=1&offset=0&search=billing", "search eq 'billing'; limit 0 1"},
	{"connect 3.2", rql.Connect, "ordering(-created)&limit=3&in(status,(a,b))&like(name,*x*)", "(status in ('a', 'b')) and (name like '%x%'); order created desc; limit 0 3"},
	{"connect 3.2", rql.Connect, "created=ge=2026-01-01T00:00:00+00:00", "created ge '2026-01-01T00:00:00+00:00'"},
	{"connect 3.2", rql.Connect, "%28in%28id%2C%28RP-1%29%29%29&like%28name%2C%2Ax%20y%2A%29", "(id in ('RP-1')) and (name like '%x y%')"},
	{"connect 3.1", rql.Connect, "limit=10&offset=20", "limit 20 10"},
	{"connect 3.1", rql.Connect, "eq(limit,10),offset=eq=20", "limit 20 10"},
	{"connect 3.1", rql.Connect, "limit=0", "limit 0 0"},
	{"connect 3.1", rql.Connect, "limit=-5&offset=x&a=b", "a eq 'b'"},
	{"connect 3.3", rql.Connect, "eq(a,1)&ne(a,1)&gt(a,1)&ge(a,1)&lt(a,1)&le(a,1)&a=ge=1", "(a eq '1') and (a ne '1') and (a gt '1') and (a ge '1') and (a lt '1') and (a le '1') and (a ge '1')"},
	{"connect 3.3", rql.Connect, "ordering(a,-b,+c)", "order a b desc c"},
	{"connect 3.3", rql.Connect, "ordering()&select()", ""},
	{"connect 3.3", rql.Connect, "select(a,-b,c.d)", "select a -b c.d"},
	{"connect 3.3", rql.Connect, "x=t(a=b,c=d)", "(x.a eq 'b') and (x.c eq 'd')"},
	{"connect 3.3", rql.Connect, "eq(x,t(eq(a,b),y=t(like(c,*))))", "(x.a eq 'b') and (x.y.c like '%')"},
	{"connect 3.3", rql.Connect, "search=text", "search eq 'text'"},
	{"connect 3.3", rql.Connect, "eq(a,null())&ne(b,empty())&out(c,(x,null(),empty()))", "(a is null) and (b ne '') and (not ((c in ('x', '')) or (c is null)))"},
	{"connect 3.3", rql.Connect, "", ""},
	{"connect 3.3", rql.Connect, "a=b,c=d", "(a eq 'b') and (c eq 'd')"},
	{"connect 3.3", rql.Connect, "(a=b|c=d)", "(a eq 'b') or (c eq 'd')"},
	{"connect 3.3", rql.Connect, "(a=b;c=d)", "(a eq 'b') or (c eq 'd')"},
	{"connect 3.3", rql.Connect, "and(a=b,or(c=d,e=f))", "(a eq 'b') and ((c eq 'd') or (e eq 'f'))"},
	{"connect 3.3", rql.Connect, "not(a=b)", "not (a eq 'b')"},
	{"connect 3.3", rql.Connect, "not(in(a,(b,c)))", "not (a in ('b', 'c'))"},
	{"connect 3.3", rql.Connect, "in(a,(b))", "a in ('b')"},
	{"connect 3.3", rql.Connect, "in(a,(x,null()))", "(a in ('x')) or (a is null)"},
	{"connect 3.3", rql.Connect, "(in(id,(RP-1)))", "id in ('RP-1')"},
	{"connect 3.3", rql.Connect, "like(a,*)", "a like '%'"},
	{"connect 3.3", rql.Connect, "ilike(a,x y*)", "a ilike 'x y%'"},
	{"connect 3.3", rql.Connect, `ilike(a,"x y*")`, "a ilike 'x y%'"},
	{"connect 3.3", rql.Connect, `a="b,c"`, "a eq 'b,c'"},
	{"connect 3.3", rql.Connect, "a='b)c'", "a eq 'b)c'"},
	{"connect 3.3", rql.Connect, "a=b@c&a=x:y&a=-1&a=1.5&a=é", "(a eq 'b@c') and (a eq 'x:y') and (a eq '-1') and (a eq '1.5') and (a eq 'é')"},
	{"connect 3.3", rql.Connect, "a=2026-01-01T00:00:00+00:00", "a eq '2026-01-01T00:00:00+00:00'"},
	{"connect 3.3", rql.Connect, "order_by=-a", "order_by eq '-a'"},
	{"connect 3.3", rql.Connect, "a=b%20c", "a eq 'b c'"}, // refused by the grammar, which sees it decoded
	{"connect 3.3 [I]", rql.Connect, "not(and(a=b,c=d))", "not ((a eq 'b') and (c eq 'd'))"},
	{"connect 3.3 [I]", rql.Connect, "not(or(a=b,c=d))", "not ((a eq 'b') or (c eq 'd'))"},
	{"connect 3.3 [I]", rql.Connect, "range(a,1,2),lte(a,3),gte(a,4)", "((a ge '1') and (a le '2')) and (a le '3') and (a ge '4')"},
	{"connect 3.4", rql.Connect, `like(a,x*)&like(a,*x)&like(a,*x*)&like(a,a*b)&like(a,\*\\)&like(a,"a_b%c?")`, `(a like 'x%') and (a like '%x') and (a like '%x%') and (a like 'a%b') and (a like '*\\') and (a like 'a\_b\%c?')`},
	{"connect 3.4", rql.Connect, "search=%22%22", "search eq ''"},
	{"connect 8", rql.Connect, "and(a=1,or(b=2,c=3))", "(a eq '1') and ((b eq '2') or (c eq '3'))"},
	{"+", rql.Connect, "limit(10)&offset=5&a=null&b='it''s'&c=%22100%%22", "(a eq 'null') and (b eq 'it''s') and (c eq '100%'); limit 5 10"},
	{"+", rql.Connect, "(a=1&b=2|c=3)", "((a eq '1') and (b eq '2')) or (c eq '3')"},
	{"+", rql.Connect, "ne(x,t(a=1,b=2))&in(x,(t(a=1),t(b=2)))", "(not ((x.a eq '1') and (x.b eq '2'))) and ((x.a eq '1') or (x.b eq '2'))"},
}

func TestParse(t *testing.T) {
	for _, tt := range examples {
		q, err := rql.Parse(tt.raw, tt.dialect)
		if err != nil {
			t.Errorf("%s: %s: %v", tt.from, tt.raw, err)
			continue
		}
		if got := show(q); got != tt.want {
			t.Errorf("%s: %s:\n got %s\nwant %s", tt.from, tt.raw, got, tt.want)
		}
		roundTrip(t, q, tt.dialect)
	}
}

// show writes a query so that a table can hold it.
func show(q *rql.Query) string {
	var parts []string
	for _, typ := range q.Implementing {
		parts = append(parts, "implementing "+typ)
	}
	for _, typ := range q.Composing {
		parts = append(parts, "composing "+typ)
	}
	if q.Where != nil {
		parts = append(parts, q.Where.String())
	}
	order := "order"
	for _, o := range q.Order {
		order += " " + o.Field + map[bool]string{true: " desc"}[o.Desc]
	}
	if len(q.Order) > 0 {
		parts = append(parts, order)
	}
	if len(q.Select) > 0 {
		parts = append(parts, "select "+strings.Join(q.Select, " "))
	}
	if q.Limit != nil {
		parts = append(parts, fmt.Sprintf("limit %d %d", q.Limit.Start, q.Limit.Count))
	}
	return strings.Join(parts, "; ")
}

func TestParseErrors(t *testing.T) {
	list := func(n int) string { return strings.Repeat("1,", n-1) + "1" }
	for _, tt := range []struct {
		dialect rql.Dialect
		raw     string
		want    string
	}{
		{rql.APS, "eq(commonName,Q3%20ledger", `Position 26: a closing parenthesis is missing, as eq( at position 1 is still open.`},
		{rql.APS, "and(eq(a,1),in(b,(1,2", `Position 22: a closing parenthesis is missing, as ( at position 18 is still open.`},
		{rql.APS, "eq(é,1)", `Position 4: expected a field, found "é".`},
		{rql.APS, "eq(a,%C3%A9),eq(b", `Position 18: expected a comma after the first part of eq, found the end.`},
		{rql.APS, "eq(a,b,c)", `Position 7: expected the closing parenthesis of eq( at position 1, found ",". In a value , is written %2C.`},
		{rql.APS, "a=b=c", `Position 3: There is no comparison "b". Allowed: eq, ne, gt, ge, lt, le, like, ilike, in, out. In a value = is written %3D.`},
		{rql.APS, "a=b(c)", `Position 4: expected , & ) or the end after a value, found "(". In a value ( is written %28.`},
		{rql.APS, "a=b;c=d", `Position 4: expected , & ) or the end after a value, found ";". In a value ; is written %3B.`},
		{rql.APS, "(eq(a,b)|eq(c,d))", `Position 9: expected the closing parenthesis of ( at position 1, found "|".`},
		{rql.APS, "eq(a,)", `Position 6: expected a value, found ")". The empty text is written empty().`},
		{rql.APS, "eq(a,'b')", `Position 6: quotes have no meaning around a value. One that belongs to it is written %27.`},
		{rql.APS, "eg(a,b)", `Position 1: There is no function "eg". Did you mean eq?`},
		{rql.APS, "a=%2", `Position 3: expected two hexadecimal digits after %. A % itself is written %25.`},
		{rql.APS, "a=b%FF", `Position 4: what is percent-encoded here is not UTF-8.`},
		{rql.APS, "a=b%00", `Position 4: the character with the number 0 is not allowed.`},
		{rql.APS, "a=b\x00", `Position 4: the character with the number 0 is not allowed.`},
		{rql.APS, "a=\xff", `The query is not valid UTF-8.`},
		{rql.APS, "&a=b", `Position 1: expected a condition, found "&".`},
		{rql.APS, "a=b,", `Position 5: expected a condition, found the end.`},
		{rql.APS, "a=b)", `Position 4: this parenthesis closes none.`},
		{rql.APS, "(a=b)c", `Position 6: expected , or & or the end, found "c".`},
		{rql.APS, "a", `Position 2: expected ( or = after a, found the end.`},
		{rql.APS, "and()", `Position 5: expected a condition, found ")".`},
		{rql.APS, "not(a=b,c=d)", `Position 8: expected the closing parenthesis of not( at position 1, found ",".`},
		{rql.APS, "in(a,b)", `Position 6: expected ( before the values of in, found "b".`},
		{rql.APS, "gt(a,null())", `Position 6: null() goes with eq, ne, in and out, not with gt.`},
		{rql.APS, "implementing()", `Position 14: expected a type, found ")".`},
		{rql.APS, "or(implementing(x),a=b)", `Position 4: implementing cannot stand in an or.`},
		{rql.APS, "not(and(a=b,sort(a)))", `Position 13: sort cannot stand in a not.`},
		{rql.APS, "limit(1),limit(2)", `Position 10: limit is said twice.`},
		{rql.APS, "sort(a),sort(b)", `Position 9: the order is said twice.`},
		{rql.APS, "limit(x)", `Position 7: expected a whole number from 0, found "x".`},
		{rql.APS, "limit(0,-1)", `Position 9: expected a whole number from 0, found "-".`},
		{rql.APS, "limit(99999999999)", `Position 7: the number is too large.`},
		{rql.APS, "select(-a)", `Position 8: expected a field, found "-".`},
		{rql.APS, "eq%28a%2Cb", `Position 11: a closing parenthesis is missing, as eq( at position 1 is still open.`},
		{rql.APS, "eq%28a%2C%27b%29", `Position 10: quotes have no meaning`},
		{rql.APS, strings.Repeat("(", 33) + "a=b" + strings.Repeat(")", 33), `Position 33: more than 32 parentheses are nested here.`},
		{rql.APS, strings.Repeat("not(", 2000), `Position 132: more than 32 parentheses are nested here.`},
		{rql.APS, strings.Repeat("a=1,", 500) + "a=1", `Position 2001: the query has more than 500 conditions and fields.`},
		{rql.APS, "in(a,(" + list(1001) + "))", `Position 2007: the query has more than 1000 values.`},
		{rql.APS, "a=" + strings.Repeat("b", 8<<10), `The query is 8194 bytes long. At most 8192 are allowed.`},
		{rql.APS, strings.Repeat("b", 256) + "=1", `Position 1: the field is 256 characters long. At most 255 are allowed.`},

		{rql.Connect, "a=", `Position 3: expected a value, found the end.`},
		{rql.Connect, "=b", `Position 1: expected a condition, found "=".`},
		{rql.Connect, "a=b&", `Position 5: expected a condition, found the end.`},
		{rql.Connect, "&a=b", `Position 1: expected a condition, found "&".`},
		{rql.Connect, "a=b|c=d", `Position 4: "|" means or only within parentheses.`},
		{rql.Connect, "a=b;c=d", `Position 4: ";" means or only within parentheses.`},
		{rql.Connect, "and(a=b)", `Position 8: expected a comma and another condition, since and takes two or more, found ")".`},
		{rql.Connect, "or(a=b)", `Position 7: expected a comma and another condition, since or takes two or more`},
		{rql.Connect, "not(t)", `Position 6: expected ( or = after t, found ")".`},
		{rql.Connect, "in(a,b)", `Position 6: expected ( before the values of in`},
		{rql.Connect, "in(a,())", `Position 7: expected a value, found ")".`},
		{rql.Connect, "contains(a,b)", `Position 1: There is no function "contains".`},
		{rql.Connect, "a>5", `Position 2: expected ( or = after a, found ">".`},
		{rql.Connect, "a!=b", `Position 2: expected ( or = after a, found "!".`},
		{rql.Connect, "a=b/c", `Position 4: "/" stands here without quotes. A value with it stands in quotes.`},
		{rql.Connect, "a=$5", `Position 3: "$" stands here without quotes.`},
		{rql.Connect, "gt(a,#1)", `Position 6: "#" stands here without quotes.`},
		{rql.Connect, "a=(b)", `Position 3: expected a value, found "(".`},
		{rql.Connect, "a[0]=b", `Position 2: expected ( or = after a, found "[".`},
		{rql.Connect, "2a=b", `Position 1: expected a condition, found "2".`},
		{rql.Connect, "_a=b", `Position 1: expected a condition, found "_".`},
		{rql.Connect, "a=b%2520c", `Position 4: "%" stands here without quotes.`},
		{rql.Connect, "a=%C3%A9%7Cc=d", `Position 9: "|" means or only within parentheses.`},
		{rql.Connect, "a='b", `Position 3: the quote that opens here is not closed.`},
		{rql.Connect, "eq(a,b,c)", `Position 7: expected the closing parenthesis of eq( at position 1, found ",". A value with , stands in quotes.`},
		{rql.Connect, "(a=1,b=2|c=3)", `Position 9: a comma and | or ; stand in the same parentheses.`},
		{rql.Connect, "(a=1|b=2,c=3)", `Position 9: a comma and | or ; stand in the same parentheses.`},
		{rql.Connect, "limit=1&limit=2", `Position 9: limit is said twice.`},
		{rql.Connect, "gt(limit,1)", `Position 1: limit takes one number, as in limit=10.`},
		{rql.Connect, "in(offset,(1))", `Position 1: offset takes one number, as in offset=10.`},
		{rql.Connect, "(limit=1|a=b)", `Position 2: limit cannot stand in an or.`},
		{rql.Connect, "x=t(limit(3))", `Position 5: limit cannot stand in a tuple.`},
		{rql.Connect, "ordering(a)&ordering(b)", `Position 13: the order is said twice.`},
		{rql.Connect, "select(a,-a)", `Position 10: a is both selected and left out.`},
		{rql.Connect, "like(a,x**)", `Position 8: two wildcards stand together. One * is any run of characters.`},
		{rql.Connect, "like(a,null())", `Position 8: null() goes with eq, ne, in and out, not with like.`},
		{rql.Connect, "gt(a,empty())", `Position 6: empty() goes with eq, ne, in and out, not with gt.`},
		{rql.Connect, "gt(a,t(b=c))", `Position 6: t(…) goes with eq, ne, in and out, not with gt.`},
		{rql.Connect, "implementing(x)", `Position 1: There is no function "implementing".`},
		{rql.Connect, strings.Repeat("x=t(", 40), `Position 132: more than 32 parentheses are nested here.`},
	} {
		_, err := rql.Parse(tt.raw, tt.dialect)
		wantError(t, tt.raw[:min(len(tt.raw), 40)], err, outturn.CodeInvalid, tt.want)
	}
}

func wantError(t testing.TB, name string, err error, code outturn.Code, want string) {
	t.Helper()
	if err == nil || outturn.ErrorCode(err) != code || !strings.Contains(err.Error(), want) {
		t.Errorf("%s:\n got %v (%s)\nwant %s (%s)", name, err, outturn.ErrorCode(err), want, code)
	}
}

// roundTrip writes q and reads it again.
func roundTrip(t testing.TB, q *rql.Query, d rql.Dialect) {
	t.Helper()
	text, err := rql.Encode(q, d)
	if err != nil {
		t.Fatalf("%s: %v", show(q), err)
	}
	again, err := rql.Parse(text, d)
	if err != nil {
		// Its own words can be longer, and nest deeper, than those it was read from.
		if strings.Contains(err.Error(), "bytes long") || strings.Contains(err.Error(), "are nested here") {
			return
		}
		t.Fatalf("%s is written %s: %v", show(q), text, err)
	}
	clearPositions(q.Where)
	clearPositions(again.Where)
	if !reflect.DeepEqual(q, again) {
		t.Fatalf("%s is written %s, which reads as %s", show(q), text, show(again))
	}
	if twice, err := rql.Encode(again, d); err != nil || twice != text {
		t.Fatalf("%s is written %s, and then %s, %v", show(q), text, twice, err)
	}
}

func clearPositions(e *outturn.Expr) {
	if e == nil {
		return
	}
	e.Pos = 0
	for _, arg := range e.Args {
		clearPositions(arg)
	}
}

// What has no form is refused, not written as something else.
func TestEncodeErrors(t *testing.T) {
	is := func(op outturn.Op, field string, values ...string) rql.Query {
		return rql.Query{Where: &outturn.Expr{Op: op, Field: field, Values: values}}
	}
	for _, tt := range []struct {
		dialect rql.Dialect
		q       rql.Query
		want    string
	}{
		{rql.Connect, is(outturn.OpLike, "a", "b_"), "no wildcard for one character"},
		{rql.Connect, is(outturn.OpEQ, "limit", "1"), "limit is no field"},
		{rql.Connect, rql.Query{Implementing: []string{"x"}}, "no implementing(x)"},
		{rql.APS, rql.Query{Select: []string{"-a"}}, "a field that cannot be written"},
		{rql.APS, rql.Query{Limit: &rql.Limit{Count: -1}}, "the limit -1 from 0"},
		{rql.APS, is(outturn.OpEQ, "a,b", "1"), "a field that cannot be written"},
		{rql.APS, is(outturn.OpEQ, "a", "1", "2"), "eq with 2 values"},
		{rql.APS, is("match", "a", "1"), "match with 1 values"},
		{rql.APS, is(outturn.OpEQ, "a", "\xff"), "no text that a query may hold"},
		{rql.APS, is(outturn.OpLike, "a", `b\`), "ends in"},
		{rql.APS, rql.Query{Where: &outturn.Expr{Op: outturn.OpOr}}, "or with 0 parts"},
	} {
		if text, err := rql.Encode(&tt.q, tt.dialect); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s is written %s, %v; want %s", show(&tt.q), text, err, tt.want)
		}
	}
}

func TestMap(t *testing.T) {
	broken := errors.New("disk on fire")
	field := func(path string, op outturn.Op, values []string, _ int) (*outturn.Expr, error) {
		switch path {
		case "status":
			return &outturn.Expr{Op: op, Field: "state", Values: values}, nil
		case "search":
			like := &outturn.Expr{Op: outturn.OpLike, Values: []string{"%" + values[0] + "%"}}
			id, name := *like, *like
			id.Field, name.Field = "id", "name"
			return &outturn.Expr{Op: outturn.OpOr, Args: []*outturn.Expr{&id, &name}}, nil
		case "account.id":
			return nil, nil
		case "broken":
			return nil, broken
		}
		return nil, outturn.Errorf(outturn.CodeInvalid, "There is no field %s.", path)
	}
	for _, tt := range []struct{ raw, want string }{
		{"", ""},
		{"status=READY", "state eq 'READY'"},
		{"or(status=READY,and(search=x,ne(status,null())))", "(state eq 'READY') or (((id like '%x%') or (name like '%x%')) and (not (state is null)))"},
		{"account.id=VA-1", ""},
		{"not(account.id=VA-1)&status=A", "state eq 'A'"},
		{"or(account.id=VA-1,status=A)", "state eq 'A'"},
	} {
		q, err := rql.Parse(tt.raw, rql.APS)
		if err != nil {
			t.Fatal(err)
		}
		before := show(q)
		e, err := rql.Map(q.Where, field)
		if got := show(&rql.Query{Where: e}); err != nil || got != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.raw, got, err, tt.want)
		}
		if show(q) != before {
			t.Errorf("%s has become %s", before, show(q))
		}
		if e != nil && e.Pos == 0 {
			t.Errorf("%s has no position", tt.raw)
		}
	}

	q, err := rql.Parse("status=READY,or(x.y=1,z=2)", rql.APS)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rql.Map(q.Where, field)
	wantError(t, "two faults", err, outturn.CodeInvalid, "Position 17, field x.y: There is no field x.y.\nPosition 23, field z: There is no field z.")
	q, _ = rql.Parse("broken=1", rql.APS)
	if _, err = rql.Map(q.Where, field); !errors.Is(err, broken) || outturn.ErrorCode(err) != outturn.CodeInternal {
		t.Errorf("got %v", err)
	}
}
