package clickhouse

import (
	"fmt"
	"strconv"
	"strings"

	"outturn"
)

// quoteText makes any text an SQL string. It is the one way by which values get into
// a statement: the driver has no other for servers before version 22.
func quoteText(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 2)
	b.WriteByte('\'')
	for i := range len(text) {
		switch c := text[i]; c {
		case '\'', '\\': // doubled, so that others' rules see the same end of the string
			b.WriteByte(c)
			b.WriteByte(c)
		case 0:
			b.WriteString(`\0`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// fill puts args where $1, $2… stand outside of strings, names and comments.
func fill(sql string, args []string) (string, error) {
	var b strings.Builder
	done := 0
	for i := 0; i < len(sql); {
		if end, _ := skipOpaque(sql, i); end > i {
			i = end
			continue
		}
		digits := 0
		for sql[i] == '$' && i+1+digits < len(sql) && sql[i+1+digits] >= '0' && sql[i+1+digits] <= '9' {
			digits++
		}
		if digits == 0 {
			i++
			continue
		}
		n, err := strconv.Atoi(sql[i+1 : i+1+digits])
		if err != nil || n < 1 || n > len(args) {
			return "", outturn.Errorf(outturn.CodeQueryFailed, "The statement has a parameter $%s, and there are %d values.", sql[i+1:i+1+digits], len(args))
		}
		b.WriteString(sql[done:i])
		b.WriteString(quoteText(args[n-1]))
		i += 1 + digits
		done = i
	}
	b.WriteString(sql[done:])
	return b.String(), nil
}

// closed reports what would not stay within the parentheses that are put around it.
// The compiler has looked by the rules of other engines; here are ClickHouse's,
// which knows escapes by backslash and names in backticks. What its versions read
// in different ways is refused. parts are the texts between variables: a value must
// not come to stand in a string or a comment.
func closed(parts ...string) error {
	depth := 0
	for p, part := range parts {
		for i := 0; i < len(part); {
			if end, shut := skipOpaque(part, i); end > i {
				if !shut && (strings.HasPrefix(part[i:], "--") && p == len(parts)-1) {
					shut = true // a line break follows
				}
				if !shut {
					return misread("opens a string, a name or a comment and does not close it, or has a variable in it", part[i:])
				}
				i = end
				continue
			}
			switch c := part[i]; c {
			case '(':
				depth++
			case ')':
				if depth--; depth < 0 {
					return misread("closes a parenthesis that it did not open", part[i:])
				}
			case ';':
				return misread("is more than one statement", part[i:])
			case '$', '#', 0:
				return misread(fmt.Sprintf("has a character outside of strings that versions of ClickHouse read in different ways, %q", c), part[i:])
			case 0xe2: // typographic quotes are quotes to some
				if strings.HasPrefix(part[i:], "\u2018") || strings.HasPrefix(part[i:], "\u2019") || strings.HasPrefix(part[i:], "\u201c") || strings.HasPrefix(part[i:], "\u201d") {
					return misread("has typographic quotes outside of strings", part[i:])
				}
			}
			i++
		}
	}
	if depth > 0 {
		return misread(fmt.Sprintf("opens %d parentheses that it does not close", depth), "")
	}
	return nil
}

func misread(what, at string) error {
	const most = 30
	where := ""
	if at != "" {
		if len(at) > most {
			at = at[:most]
		}
		where = fmt.Sprintf(" It is at %q.", strings.ToValidUTF8(at, "\uFFFD"))
	}
	return outturn.Errorf(outturn.CodeQueryFailed, "The SELECT %s.%s", what, where)
}

// skipOpaque returns the end of the string, quoted name or comment that starts at i,
// and whether it is closed; i when none starts there.
func skipOpaque(sql string, i int) (end int, shut bool) {
	rest := sql[i:]
	switch {
	case strings.HasPrefix(rest, "--"):
		if at := strings.IndexByte(rest, '\n'); at >= 0 {
			return i + at + 1, true
		}
		return len(sql), false
	case strings.HasPrefix(rest, "/*"):
		if at := strings.Index(rest[2:], "*/"); at >= 0 {
			return i + 2 + at + 2, true
		}
		return len(sql), false
	case rest[0] == '\'' || rest[0] == '"' || rest[0] == '`':
		for j := 1; j < len(rest); j++ {
			switch {
			case rest[j] == '\\':
				j++
			case rest[j] == rest[0] && j+1 < len(rest) && rest[j+1] == rest[0]:
				j++
			case rest[j] == rest[0]:
				return i + j + 1, true
			}
		}
		return len(sql), false
	}
	return i, true
}

// trim is source.TrimStatement by ClickHouse's rules.
func trim(sql string) string {
	end := 0
	for i := 0; i < len(sql); {
		next, _ := skipOpaque(sql, i)
		comment := next > i && (sql[i] == '-' || sql[i] == '/')
		next = max(next, i+1)
		if !comment && !strings.ContainsRune("; \t\r\n", rune(sql[i])) {
			end = next
		}
		i = next
	}
	return sql[:end]
}

// startsSelect looks at the first word: the server answers SHOW, KILL and SYSTEM too.
func startsSelect(sql string) bool {
	for i := 0; i < len(sql); {
		if strings.ContainsRune(" \t\r\n\f\v(", rune(sql[i])) {
			i++
			continue
		}
		if end, _ := skipOpaque(sql, i); end > i && (sql[i] == '-' || sql[i] == '/') {
			i = end
			continue
		}
		end := i
		for end < len(sql) && (sql[end]|0x20 >= 'a' && sql[end]|0x20 <= 'z') {
			end++
		}
		word := strings.ToUpper(sql[i:end])
		return word == "SELECT" || word == "WITH"
	}
	return false
}
