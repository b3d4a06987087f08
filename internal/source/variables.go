package source

import (
	"slices"
	"strings"

	"outturn"
)

// variables are the names a data set's SELECT may use with an @ before them.
var variables = []string{"tenant", "report_type", "zone"}

// A template is the SELECT of a data set, taken apart where its variables stand.
type template struct {
	text []string // one more than vars
	vars []string
}

// parseTemplate reads a SELECT as far as is needed to know what is text, what is
// a comment and what is a variable. It refuses what could break out of the
// parentheses that the compiler puts around it.
func parseTemplate(sql string) (template, error) {
	sql = TrimStatement(sql)
	var t template
	depth, done := 0, 0
	for i := 0; i < len(sql); {
		if end, closed := skipOpaque(sql, i); end > i {
			if !closed {
				return t, outturn.Errorf(outturn.CodeDatasetInvalid, "What opens with %c on line %d of the SELECT is not closed.", sql[i], lineOf(sql, i))
			}
			i = end
			continue
		}
		switch c := sql[i]; {
		case c == '(':
			depth++
		case c == ')':
			depth--
			if depth < 0 {
				return t, outturn.Errorf(outturn.CodeDatasetInvalid, "The SELECT closes a parenthesis on line %d that it did not open.", lineOf(sql, i))
			}
		case c == ';':
			return t, outturn.Errorf(outturn.CodeDatasetInvalid, "The file holds more than one statement: there is a semicolon on line %d of the SELECT.", lineOf(sql, i))
		case c == '$' && i+1 < len(sql) && isDigit(sql[i+1]):
			return t, outturn.Errorf(outturn.CodeDatasetInvalid, "The SELECT has a parameter %s on line %d. Only @tenant, @report_type and @zone are filled in.", wordAt(sql, i+1), lineOf(sql, i))
		case c == '@' && i+1 < len(sql) && isWord(sql[i+1]) && !isDigit(sql[i+1]):
			name := wordAt(sql, i+1)
			if !slices.Contains(variables, name) {
				return t, outturn.Errorf(outturn.CodeDatasetInvalid, "The SELECT has an unknown variable @%s on line %d. There are @tenant, @report_type and @zone.", name, lineOf(sql, i))
			}
			t.text = append(t.text, sql[done:i])
			t.vars = append(t.vars, name)
			i += len(name)
			done = i + 1
		}
		i++
	}
	if depth > 0 {
		return t, outturn.Errorf(outturn.CodeDatasetInvalid, "The SELECT opens %d parentheses that it does not close.", depth)
	}
	t.text = append(t.text, sql[done:])
	return t, nil
}

// AsksReportType reports whether the SELECT of d is another one for each report type.
func AsksReportType(d *outturn.Dataset) bool {
	t, err := parseTemplate(d.SQL)
	return err == nil && slices.Contains(t.vars, "report_type")
}

// TrimStatement cuts what follows a statement and means nothing: blanks,
// semicolons and comments, so that it can be put into parentheses.
func TrimStatement(sql string) string {
	sql = strings.TrimSpace(sql)
	end := 0
	for i := 0; i < len(sql); {
		next, _ := skipOpaque(sql, i)
		isComment := next > i && (sql[i] == '-' || sql[i] == '/')
		next = max(next, i+1)
		if !isComment && !strings.ContainsRune("; \t\r\n", rune(sql[i])) {
			end = next
		}
		i = next
	}
	return sql[:end]
}

// NotSelect is the error of a statement that does something.
func NotSelect() error {
	return outturn.Errorf(outturn.CodeQueryFailed, "The statement is not a SELECT. Reports only read.")
}

// StartsSelect looks at the first word: engines take SHOW and its like
// for queries too.
func StartsSelect(sql string) bool {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f\v(")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql, "*/")
		default:
			word := sql
			if end := strings.IndexFunc(sql, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }); end >= 0 {
				word = sql[:end]
			}
			switch strings.ToUpper(word) {
			case "SELECT", "WITH", "FROM", "VALUES", "TABLE":
				return true
			}
			return false
		}
	}
}

// plain is the SELECT where it has no variables, else "".
func (t template) plain() string {
	if len(t.vars) > 0 {
		return ""
	}
	return t.text[0]
}

// render puts value(name) where each variable stands.
func (t template) render(value func(name string) string) string {
	var b strings.Builder
	for i, text := range t.text {
		b.WriteString(text)
		if i < len(t.vars) {
			b.WriteString(value(t.vars[i]))
		}
	}
	return b.String()
}

// describable returns the SELECT with no value in its variables, for asking an
// engine which columns it has.
func (t template) describable(s Syntax) string {
	return t.render(func(string) string { return s.Unbound })
}

// skipOpaque returns the end of the string, quoted identifier or comment that
// starts at i, and whether it is closed; i when none starts there.
func skipOpaque(sql string, i int) (end int, closed bool) {
	length := 0
	rest := sql[i:]
	switch {
	case strings.HasPrefix(rest, "--"):
		length = len(rest)
		if end := strings.IndexAny(rest, "\r\n"); end >= 0 {
			length = end + 1
		}
		closed = true
	case strings.HasPrefix(rest, "/*"):
		length, closed = commentLength(rest)
	case rest[0] == '"':
		length, closed = quotedLength(rest, false)
	case rest[0] == '\'':
		escapes := i > 0 && (sql[i-1] == 'e' || sql[i-1] == 'E') && (i == 1 || !isWord(sql[i-2]))
		length, closed = stringLength(rest, escapes)
	case rest[0] == '$' && (i == 0 || !isWord(sql[i-1]) && sql[i-1] != '$'): // else part of a name
		tag := "$" + wordAt(rest, 1) + "$"
		if strings.HasPrefix(rest, tag) && (len(tag) == 2 || !isDigit(tag[1])) {
			length, closed = untilAfter(rest[len(tag):], tag)
			length += len(tag)
		}
	}
	return i + length, closed
}

func untilAfter(s, end string) (length int, found bool) {
	if at := strings.Index(s, end); at >= 0 {
		return at + len(end), true
	}
	return len(s), false
}

// commentLength returns the length of the block comment at the start of s; such
// comments nest.
func commentLength(s string) (length int, closed bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1, true
			}
		}
	}
	return len(s), false
}

// stringLength returns the length of the string at the start of s, and of those
// that continue it on further lines.
func stringLength(s string, escapes bool) (length int, closed bool) {
	length, closed = quotedLength(s, escapes)
	for closed {
		rest := s[length:]
		blank := len(rest) - len(strings.TrimLeft(rest, " \t\r\n\f\v"))
		if blank == len(rest) || rest[blank] != '\'' || !strings.ContainsAny(rest[:blank], "\r\n") {
			break
		}
		var more int
		more, closed = quotedLength(rest[blank:], escapes)
		length += blank + more
	}
	return length, closed
}

// quotedLength returns the length of the quoted text at the start of s, in which
// the quote is doubled, and where escapes is set also \-escaped.
func quotedLength(s string, escapes bool) (length int, closed bool) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] != quote:
		case i+1 < len(s) && s[i+1] == quote:
			i++
		default:
			return i + 1, true
		}
	}
	return len(s), false
}

func wordAt(s string, i int) string {
	end := i
	for end < len(s) && isWord(s[end]) {
		end++
	}
	return s[i:end]
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func lineOf(s string, i int) int { return 1 + strings.Count(s[:i], "\n") }
