package sourcetest

import "strings"

// Injections are texts that would change a statement which they were written into,
// instead of being bound to it: more than 300, made of ways to end what stands before,
// of what to do then, and of ways to hide what follows. canary is the path of a file
// that none of them may make.
func Injections(canary string) []string {
	return injections(canary, func(int) bool { return true })
}

// InjectionsAt are those for the n-th of so many places that all would take too long:
// more than 300 that hold no NUL, among them each way to end, to act and to hide, and
// all that are made otherwise. Five places in a row have each text.
func InjectionsAt(n int, canary string) []string {
	return injections(canary, func(i int) bool { return (i+n)%5 < 3 })
}

// injections are those that are not made of parts, and of the others, which come in
// turns, the turns that are wanted.
func injections(canary string, wanted func(turn int) bool) []string {
	ends := []string{"'", `"`, "`", "')", "'))", `")`, "1", "1)", "\\'", "''", "\u2019", "\u02bc", "\uff07", "%27", "%2527", "&#39;", "\xbf'", "'/**/", "$$", "*/", "]"}
	acts := []string{
		" OR 1=1", " OR 'a'='a", " AND 1=0 UNION SELECT NULL", " UNION ALL SELECT name, sql FROM sqlite_master", " UNION SELECT * FROM information_schema.tables",
		"; DROP TABLE runs", "; DELETE FROM tenants", "; UPDATE clients SET role='operator'", "; SELECT pg_sleep(9)", " OR (SELECT count(*) FROM range(1000000000)) > 0",
		"; COPY (SELECT 1) TO '" + canary + "'", " UNION SELECT * FROM read_csv('/etc/passwd')", " UNION SELECT content FROM read_text('/etc/passwd')",
		"; ATTACH '" + canary + "' AS x", "; PRAGMA writable_schema=1", "; INSTALL httpfs", " OR load_extension('x')", "; SET enable_external_access=true", "; EXPORT DATABASE '" + canary + "'",
		" ORDER BY 99", " LIMIT 0", " HAVING 1=1", " || getenv('HOME')", "; VACUUM INTO '" + canary + "'",
	}
	hides := []string{"", " --", " -- -", "#", "/*", ";--", "\x00", "\n--"}
	var list []string
	for e, end := range ends {
		for a, act := range acts {
			if wanted(e + a) {
				list = append(list, end+act+hides[(e+a)%len(hides)])
			}
		}
	}
	return append(list,
		"CASE WHEN 1=1 THEN 1 ELSE 0 END", "(SELECT 1)", "1;1", "1e309", "0x31", "1/0", "-1", "9223372036854775808", "NaN", "NULL", "*", "$1", "$99", "?", ":a", "@tenant", "@@version", "{{1}}", "${1}",
		"id; --", "id DESC, (SELECT 1)", "id::text", "id COLLATE NOCASE", `"id"`, "a.b.c", "rowid", "_rowid_", "x'00'", "E'\\047'", "U&'\\0027'", "q'[']'", "\u0000", "\ufeff'", "\u202e'",
		strings.Repeat("'", 500), strings.Repeat("(", 500), strings.Repeat("NOT ", 100), "a' 'b", "a'||'b", "a'+'b", "%", "_", "\\", "[a-z]",
	)
}
