package api_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A generator makes requests from the description: mostly valid ones, and of all
// some that are broken in one place or another.
type generator struct {
	d     *description
	known map[string][]string // values that mean something, by the name of where they stand
	r     *rand.Rand
}

func (g *generator) seed(n uint64) { g.r = rand.New(rand.NewPCG(26, n)) }

// chance is true one time in n.
func (g *generator) chance(n int) bool { return g.r.IntN(n) == 0 }

func (g *generator) one(of []string) string { return of[g.r.IntN(len(of))] }

type generated struct {
	target string
	body   string
	header []string
}

func (g *generator) request(o operation) generated {
	out := generated{target: o.path}
	query := url.Values{}
	parameters, _ := o.spec["parameters"].([]any)
	for _, p := range parameters {
		p := p.(map[string]any)
		name, in := p["name"].(string), p["in"].(string)
		if in != "path" && g.chance(2) {
			continue
		}
		value := g.text(name)
		switch in {
		case "path":
			if of := o.method + " " + name; g.known[of] != nil {
				value = g.text(of)
			}
			if value == "" {
				value = "_" // else it is another path
			}
			out.target = strings.Replace(out.target, "{"+name+"}", url.PathEscape(value), 1)
		case "query":
			query.Set(name, value)
		case "header":
			out.header = append(out.header, name, headerText(value))
		}
	}
	if g.chance(30) {
		query.Set(g.text("unknown"), "1")
	}
	if len(query) > 0 {
		out.target += "?" + query.Encode()
	}
	if g.chance(30) {
		out.header = append(out.header, "Accept", g.one([]string{"application/json", "text/html", "*/*", "application/*;q=0.1", "none", ";", "text/event-stream"}))
	}
	body, ok := o.spec["requestBody"].(map[string]any)
	if !ok {
		return out
	}
	for media, content := range body["content"].(map[string]any) {
		value := g.value(content.(map[string]any)["schema"].(map[string]any), "", 0)
		text, _ := json.Marshal(value)
		out.body = string(text)
		if form, ok := value.(map[string]any); ok && media == "application/x-www-form-urlencoded" {
			values := url.Values{}
			for name, v := range form {
				text, _ := v.(string)
				values.Set(name, text)
			}
			out.body = values.Encode()
		}
		if g.chance(40) {
			media = g.one([]string{"text/plain", "application/xml", "", "application/json; charset=utf-8", "application/problem+json", "+;"})
		}
		out.header = append(out.header, "Content-Type", media)
	}
	if g.chance(25) {
		out.body = g.broken(out.body)
	}
	return out
}

func (g *generator) broken(body string) string {
	switch g.r.IntN(5) {
	case 0:
		return body[:g.r.IntN(len(body)+1)]
	case 1:
		return strings.Repeat("[", 20_000)
	case 2:
		return body + body
	case 3:
		i := g.r.IntN(len(body) + 1)
		return body[:i] + string(rune(g.r.IntN(256))) + body[i:]
	}
	return g.one([]string{"", "null", "[]", "0", `"a"`, "\xff\xfe", "{}"})
}

var oddTexts = []string{
	"", " ", "0", "-1", "1e9", "null", "*", "%", "'", `"`, "\\", "../..", "a\x00b", "\u202e", "\ufffd", "☃", "𝒳", "\r\nX: y", "{id}", "; DROP TABLE runs", "true",
	absent, strings.Repeat("x", 300), strings.Repeat("é", 11_000), "9223372036854775808", "2026-02-30", "((((", "a eq", "bytes=9-", "otl_", `W/"1"`,
}

// text returns what may stand where name is: mostly something that means something.
func (g *generator) text(name string) string {
	if known := g.known[name]; len(known) > 0 && !g.chance(6) {
		return g.one(known)
	}
	return g.one(oddTexts)
}

// headerText is what of a text a header can carry.
func headerText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text[:min(len(text), 4000)])
}

// value makes a value of a schema, now and then another.
func (g *generator) value(schema map[string]any, name string, depth int) any {
	if g.chance(25) {
		return []any{nil, true, 1.5, -1, 1e30, "", []any{}, map[string]any{}, []any{nil}, map[string]any{"a": 1}}[g.r.IntN(10)]
	}
	schema = g.d.follow(schema)
	if of, ok := schema["oneOf"].([]any); ok {
		return g.value(of[g.r.IntN(len(of))].(map[string]any), name, depth)
	}
	if of, ok := schema["enum"].([]any); ok {
		return of[g.r.IntN(len(of))]
	}
	switch kind(schema["type"]) {
	case "object":
		return g.object(schema, depth)
	case "array":
		list := []any{}
		for range g.r.IntN(3) {
			if depth < 6 {
				list = append(list, g.value(schema["items"].(map[string]any), name, depth+1))
			}
		}
		return list
	case "boolean":
		return g.chance(2)
	case "integer", "number":
		return g.r.IntN(200)
	}
	return g.text(name)
}

func (g *generator) object(schema map[string]any, depth int) map[string]any {
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(map[string]any)
	object := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !slices.Contains(required, any(name)) && !g.chance(4) || g.chance(50) {
			continue
		}
		object[name] = g.value(properties[name].(map[string]any), name, depth+1)
	}
	if of, ok := schema["additionalProperties"].(map[string]any); ok {
		for range g.r.IntN(3) {
			object[g.text("key")] = g.value(of, "", depth+1)
		}
	}
	if g.chance(30) {
		object["x"+strconv.Itoa(g.r.IntN(100))] = 1
	}
	return object
}

// kind is a schema's type; of several the first.
func kind(of any) string {
	if list, ok := of.([]any); ok {
		of = list[0]
	}
	text, _ := of.(string)
	return text
}
