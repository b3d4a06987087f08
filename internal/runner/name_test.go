package runner

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"outturn"
	"outturn/internal/blob"
)

// rdeName is the pattern of names that RDE's clients take apart, with our formats.
var rdeName = regexp.MustCompile(`^(?P<name>.+)\.(?P<id>[0-9a-f-]{36})\.(?P<d>\d{4}-\d\d-\d\d)\.(?P<t>\d\d-\d\d-\d\d\.\d{3})(?P<z>[+-]\d{4})\.(?P<ext>json|xml|csv|xlsx|tsv|ndjson)(\.gz|\.zst)?$`)

func TestFileName(t *testing.T) {
	const id = "0198c1d2-3e4f-7a5b-8c6d-7e8f9a0b1c2d"
	kathmandu := time.Date(2026, 11, 26, 9, 8, 7, 6_999_999, time.FixedZone("", 5*3600+45*60))
	for _, tt := range []struct{ name, stem string }{
		{"Q3 ledger", "Q3 ledger"},
		{"a.b.csv", "a.b.csv"},
		{"ünïcödé 報告書", "ünïcödé 報告書"},
		{"👩‍👩‍👧 sales", "👩‍👩‍👧 sales"},
		{"می\u200Cخواهم", "می\u200Cخواهم"}, // a joiner belongs to the spelling
		{"e\u0301", "e\u0301"},
		{"", "report"},
		{" \t ", "_"},
		{"...", "report"},
		{"\u00A0\u3000", "report"},
		{"  .hidden. ", "hidden"},
		{"../../etc/passwd", "_.._etc_passwd"},
		{`..\..\boot.ini`, "_.._boot.ini"},
		{"/", "_"},
		{"C:", "C_"},
		{`a"b<c>d|e?f*g`, "a_b_c_d_e_f_g"},
		{"line\r\nSet-Cookie: x", "line__Set-Cookie_ x"},
		{"nul\x00byte", "nul_byte"},
		{"\x1b[31mred\x7f\u0085", "_[31mred__"},
		{"\u2028\u2029\uFEFFtext", "___text"},
		{"gnp\u202Egpj.exe", "gnp_gpj.exe"},
		{"\u2066a\u2069\u200E\u200F\u061C", "_a____"},
		{"bad\xff\xc3utf8", "bad__utf8"},
		{"\xed\xa0\x80", "___"}, // half a surrogate pair
		{"=cmd|' /C calc'!A0", "=cmd_' _C calc'!A0"},
		{"<script>", "_script_"},
		{"CON", "_CON"},
		{"nul.txt", "_nul.txt"},
		{"Com¹", "_Com¹"},
		{"LPT9 .x", "_LPT9 .x"},
		{"CONTRACTS", "CONTRACTS"},
		{strings.Repeat("a", 120), strings.Repeat("a", 120)},
		{strings.Repeat("a", 119) + "é", strings.Repeat("a", 119)},
		{strings.Repeat("a", 119) + " b", strings.Repeat("a", 119)},
		{strings.Repeat("報", 1000), strings.Repeat("報", 40)},
		{strings.Repeat("😀", 1000), strings.Repeat("😀", 30)},
		{strings.Repeat("/", 1<<16), strings.Repeat("_", 120)},
	} {
		for _, extension := range []string{".json.gz", ".xlsx", ".ndjson.zst"} {
			got := fileName(tt.name, id, kathmandu, extension)
			part := rdeName.FindStringSubmatch(got)
			if part == nil {
				t.Errorf("%q is named %q, which no client takes apart", tt.name, got)
				continue
			}
			if want := []string{tt.stem, id, "2026-11-26", "09-08-07.006", "+0545"}; strings.Join(part[1:6], "\n") != strings.Join(want, "\n") {
				t.Errorf("%q is named %q, want %q", tt.name, part[1:6], want)
			}
			if !strings.HasSuffix(got, "+0545"+extension) || len(got) > 255 || !utf8.ValidString(got) {
				t.Errorf("%q is named %q, with %d bytes", tt.name, got, len(got))
			}
			if err := blob.CheckKey(attemptKey(outturn.Run{Tenant: id, ID: id, Attempt: 9999}) + got); err != nil {
				t.Errorf("%q cannot be stored: %v", tt.name, err)
			}
		}
	}
}
