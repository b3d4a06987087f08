package verify

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"

	"outturn"
)

// A sample is a small file made by hand, and what its manifest says.
type sample struct {
	name, format, dialect string
	data                  []byte
}

// The same four rows in every format: one amount is null, one wider than a word.
var (
	sampleColumns = []string{"ID", "NAME", "TOTAL", "CUR"}
	sampleTotals  = map[string]map[string]string{"TOTAL": {"EUR": "1000000000000000000010.75", "USD": "-0.75"}}

	sampleCSV = "ID,NAME,TOTAL,CUR\r\n" +
		"1,\"Ann, \"\"A\"\"\",10.50,EUR\r\n" +
		"2,Bob,-0.75,USD\r\n" +
		"3,\"two\r\nlines\",,EUR\r\n" +
		"4,Ünï €,1000000000000000000000.25,EUR\r\n"
	sampleSpreadsheet = "\uFEFF" + strings.Replace(sampleCSV, "Bob", "'=Bob", 1)
	sampleSemicolon   = "\uFEFFID;NAME;TOTAL;CUR\r\n" +
		"1;\"Ann; A\";10,50;EUR\r\n2;Bob;-0,75;USD\r\n3;C;;EUR\r\n4;Ünï;1000000000000000000000,25;EUR\r\n"
	samplePostgres = strings.ReplaceAll(sampleCSV, "\r\n", "\n")
	sampleTSV      = "ID\tNAME\tTOTAL\tCUR\r\n" +
		"1\tAnn, A\t10.50\tEUR\r\n2\tBob\t-0.75\tUSD\r\n3\t\"a\tb\"\t\tEUR\r\n4\tÜnï 😀\t1000000000000000000000.25\tEUR\r\n"
	sampleJSON = "[\n" +
		`{"ID":1,"NAME":"Ann \"A\" \u00e9 \ud83d\ude00","TOTAL":"10.50","CUR":"EUR"},` + "\n" +
		`{"ID":2,"NAME":null,"TOTAL":"-0.75","CUR":"USD"},` + "\n" +
		`{"ID":3,"NAME":{"a":[1,{"b":[]},-2.5e3],"c":{}},"TOTAL":null,"CUR":"EUR"},` + "\n" +
		`{"ID":4,"NAME":true,"TOTAL":1000000000000000000000.25,"CUR":"EUR"}` + "\n]\n"
	sampleNDJSON = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(sampleJSON, "[\n"), "]\n"), "},\n", "}\n")
	sampleXML    = `<?xml version="1.0" encoding="UTF-8"?>` + "\n<report>\n" +
		"<record><ID>1</ID><NAME>Ann &amp; &#x41;</NAME><TOTAL>10.50</TOTAL><CUR>EUR</CUR></record>\n" +
		"<record><ID>2</ID><NAME>Bob</NAME><TOTAL>-0.75</TOTAL><CUR>USD</CUR></record><!-- -- a -->\n" +
		"<record><ID>3</ID><NAME/><CUR><![CDATA[EUR]]></CUR></record>\n" +
		"<record><ID>4</ID><NAME>Ünï</NAME><TOTAL>1000000000000000000000.25</TOTAL><CUR>EUR</CUR></record>\n</report>\n"
)

func samples() []sample {
	return []sample{
		{"p.csv", "csv", "machine", []byte(sampleCSV)},
		{"spreadsheet.csv", "csv", "spreadsheet", []byte(sampleSpreadsheet)},
		{"semicolon.csv", "csv", "semicolon", []byte(sampleSemicolon)},
		{"postgres.csv", "csv", "postgres", []byte(samplePostgres)},
		{"p.tsv", "tsv", "machine", []byte(sampleTSV)},
		{"utf16.tsv", "tsv", "utf16", inUTF16("\uFEFF" + sampleTSV)},
		{"p.json", "json", "", []byte(sampleJSON)},
		{"p.ndjson", "ndjson", "", []byte(sampleNDJSON)},
		{"p.xml", "xml", "", []byte(sampleXML)},
		{"p.xlsx", "xlsx", "", zipped(sampleParts())},
	}
}

func inUTF16(text string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

// manifest is what a sound exporter would say of data.
func (s sample) manifest(data []byte) *outturn.Manifest {
	sum := sha256.Sum256(data)
	return &outturn.Manifest{
		Outturn: "test", Columns: sampleColumns,
		Totals: sampleTotals, Currencies: map[string]string{"TOTAL": "CUR"},
		Files: []outturn.ManifestFile{{
			Name: s.name, Format: s.format, Dialect: s.dialect, Compression: "none",
			Rows: 4, Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:]),
		}},
	}
}

// check writes data to a file and verifies it.
func checkFile(t testing.TB, name string, data []byte, o Options) *Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := File(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantSound(t *testing.T, r *Report) {
	t.Helper()
	if !r.Sound() {
		t.Errorf("%s is said to be unsound:\n%s", filepath.Base(r.File), strings.Join(r.Faults, "\n"))
	}
}

func wantFault(t *testing.T, r *Report, want string) {
	t.Helper()
	if !slices.ContainsFunc(r.Faults, func(f string) bool { return strings.Contains(f, want) }) {
		t.Errorf("%s: got the faults\n%s\nwant one with %q", filepath.Base(r.File), strings.Join(r.Faults, "\n"), want)
	}
}

func TestSound(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			r := checkFile(t, s.name, s.data, Options{Manifest: s.manifest(s.data)})
			wantSound(t, r)
			if r.Rows == nil || *r.Rows != 4 || fmt.Sprint(r.Totals) != fmt.Sprint(sampleTotals) || !slices.Equal(r.Columns, sampleColumns) {
				t.Errorf("got rows %v, totals %v, columns %v", r.Rows, r.Totals, r.Columns)
			}
		})
	}
}

// Without a manifest the same is found, but for the totals, which nobody asked for.
func TestWithoutManifest(t *testing.T) {
	for _, s := range samples() {
		for _, name := range []string{s.name, "nameless"} {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				r := checkFile(t, name, s.data, Options{})
				wantSound(t, r)
				if r.Format != s.format || r.Dialect != s.dialect || r.Rows == nil || *r.Rows != 4 || !slices.Equal(r.Columns, sampleColumns) {
					t.Errorf("got %s %s, rows %v, columns %v", r.Format, r.Dialect, r.Rows, r.Columns)
				}
			})
		}
	}
}

// Each damage is told by its own sentence, whether or not the SHA-256 gives it
// away: a manifest made from a file that was already wrong must not hide it.
func TestDamage(t *testing.T) {
	for _, tt := range []struct {
		file, old, new string
		want           string
	}{
		{"p.csv", "10.50", "10.51", "The sum of TOTAL in EUR is 1000000000000000000010.76 in the file, and 1000000000000000000010.75 by the manifest."},
		{"p.csv", "2,Bob,-0.75,USD\r\n", "", "The manifest says 4 rows, the file has 3."},
		{"p.csv", "2,Bob,-0.75,USD\r\n", "", "The sum of TOTAL in USD is -0.75 by the manifest, but no amount in the file has that currency."},
		{"p.csv", "USD", "JPY", "The sum of TOTAL in JPY is -0.75 in the file, and the manifest has none in that currency."},
		{"p.csv", "2,Bob,", "2,", "Row 2 has 3 fields, and there are 4 columns."},
		{"p.csv", "2,Bob,", "2,B,ob,", "Row 2 has 5 fields"},
		{"p.csv", "2,Bob,-0.75", "2,Bob,-0.7x", `Row 2: TOTAL holds "-0.7x", which is no decimal number.`},
		{"p.csv", "2,Bob,-0.75", "2,Bob,-7.5E-1", `Row 2: TOTAL holds "-7.5E-1", which is no decimal number.`},
		{"p.csv", "Bob", "B\xf6b", "Row 2 holds bytes that are not UTF-8."},
		{"p.csv", "Bob", "B\"b", "Row 2: a quote stands inside a field"},
		{"p.csv", "\"two\r\nlines\"", "\"two\r\nlines\" ", "Row 3: text follows a field's closing quote."},
		{"p.csv", "ID,NAME", "ID,NAMES", `Column 2 is called "NAMES" in the file, and "NAME" by the manifest.`},
		{"p.csv", "ID,NAME,TOTAL,CUR", "ID,NAME,TOTAL", "The manifest names 4 columns, the file has 3."},
		{"p.csv", "0.25,EUR\r\n", "0.25,EUR", "The file ends without a line end"},
		{"p.csv", "0.25,EUR\r\n", "0.2", "The file ends in the middle of row 4: it has been cut."},
		{"p.csv", "lines\",,EUR\r\n4,Ünï €,1000000000000000000000.25,EUR\r\n", "li", "The file ends inside a quoted field of row 3: it has been cut."},
		{"p.csv", "USD\r\n", "USD\n", "1 lines end with LF alone"},
		{"p.csv", "USD\r\n", "USD\rx", "Row 2: a CR stands alone."},
		{"p.csv", "ID,NAME", "\uFEFFID,NAME", "The file begins with a byte order mark"},
		{"p.csv", sampleCSV, "", "The file is empty."},
		{"p.csv", sampleCSV, sampleJSON, "The file should be csv, but it looks like json."},
		{"p.csv", sampleCSV, "PK\x03\x04 and so on", "The file should be csv, but it looks like zip."},
		{"spreadsheet.csv", "\uFEFF", "", "The file does not begin with a byte order mark"},
		{"semicolon.csv", "10,50", "10.50", `Row 1: TOTAL holds "10.50"`},
		{"postgres.csv", "USD\n", "USD\r\n", "1 lines end with CR and LF"},
		{"postgres.csv", "USD\n", "USD\n\n", "Row 3 has 1 fields, and there are 4 columns."},
		{"p.tsv", "\tBob", "Bob", "Row 2 has 3 fields"},
		{"p.json", `"10.50"`, `"10.49"`, "The sum of TOTAL in EUR is 1000000000000000000010.74 in the file"},
		{"p.json", `"ID":2,`, `"ID":2,"ID":2,`, "Row 2 has ID twice."},
		{"p.json", `"ID":2,`, ``, "Row 2 has no ID."},
		{"p.json", `"ID":2,`, `"id":2,`, `Row 2 has a member "id", which is no column.`},
		{"p.json", `"ID":2,"NAME":null`, `"NAME":null,"ID":2`, "Row 2 has its columns in another order"},
		{"p.json", "\n]\n", "\n]\n[]", "More follows after the end of the JSON array, from byte 273 on."},
		{"p.json", "\n]\n", "\n", "The file ends in or after row 5, before its array does: it has been cut."},
		{"p.json", "[\n", "", "The file should be one JSON array, but it begins with \"{\"."},
		{"p.json", `"USD"},`, `"USD"}`, `stands where "," or ']' should`},
		{"p.json", `"ID":2`, `"ID":02`, "stands where the end of a number that begins with 0 should"},
		{"p.json", `"ID":2`, `"ID":nul`, "stands where the word null should"},
		{"p.json", `\ud83d\ude00`, `\ud83d`, "half of a surrogate pair stands where a character should"},
		{"p.json", `"Ann `, "\"Ann\n", "the control character 0x0a stands where text should"},
		{"p.json", `"Ann `, "\"Ann\xff", "Row 1 holds bytes that are not UTF-8."},
		{"p.json", `"TOTAL":null`, `"TOTAL":[1]`, `Row 3: TOTAL holds "["`},
		{"p.ndjson", `"USD"}`, `"USD"`, "Row 2, byte"},
		{"p.ndjson", `"USD"}`, `"USD"}{}`, `"{" stands where the end of the line should`},
		{"p.ndjson", `0.25,"CUR":"EUR"}` + "\n", `0.25,"CUR":"EUR"}`, "The file ends without a line end, after row 4"},
		{"p.ndjson", `0.25,"CUR":"EUR"}` + "\n", `0.25,"CUR":"E`, "The file ends in the middle of row 4: it has been cut."},
		{"p.xml", "10.50", "10.51", "The sum of TOTAL in EUR is"},
		{"p.xml", "<ID>2</ID>", "<ID>2</ID><ID>2</ID>", "Row 2 has ID twice."},
		{"p.xml", "<ID>2</ID>", "<IDS>2</IDS>", `Row 2 has an element "IDS", which is no column.`},
		{"p.xml", "<ID>2</ID>", "<ID>2</DI>", `the element "DI" is closed, but it is not the one that is open`},
		{"p.xml", "</report>", "", "The XML ends in the middle"},
		{"p.xml", "<report>", "<!DOCTYPE report><report>", "document type, which is refused"},
		{"p.xml", "&amp;", "&nbsp;", "an entity is not known"},
	} {
		t.Run(tt.file+"/"+tt.want, func(t *testing.T) {
			all := samples()
			s := all[slices.IndexFunc(all, func(s sample) bool { return s.name == tt.file })]
			wrong := bytes.Replace(s.data, []byte(tt.old), []byte(tt.new), 1)
			if bytes.Equal(wrong, s.data) {
				t.Fatalf("%q is not in the file", tt.old)
			}
			r := checkFile(t, s.name, wrong, Options{Manifest: s.manifest(s.data)})
			wantFault(t, r, tt.want)
			wantFault(t, r, "the manifest says "+s.manifest(s.data).Files[0].SHA256)
			r = checkFile(t, s.name, wrong, Options{Manifest: s.manifest(wrong)})
			wantFault(t, r, tt.want)
			if slices.ContainsFunc(r.Faults, func(f string) bool { return strings.Contains(f, "SHA-256") }) {
				t.Errorf("the SHA-256 is right, but blamed: %v", r.Faults)
			}
		})
	}
}

// A cut at any byte is found by what the file holds alone, and so is a changed
// byte by its SHA-256.
func TestCutsAndFlips(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			least := len(s.data)
			if s.format == "json" || s.format == "xml" {
				least-- // the last line end is not part of it
			}
			step := 1
			if s.format == "xlsx" {
				step = 17 // it is longer
			}
			for n := 0; n < least; n += step {
				if r := checkBytes(t, s, s.data[:n], s.manifest(s.data[:n])); r.Sound() {
					t.Fatalf("cut after %d bytes of %d, it is said to be sound", n, len(s.data))
				}
			}
			for n := 0; n < len(s.data); n += step {
				flipped := bytes.Clone(s.data)
				flipped[n] ^= 1 << (n % 8)
				wantFault(t, checkBytes(t, s, flipped, s.manifest(s.data)), "SHA-256")
			}
		})
	}
}

// checkBytes is checkFile in one folder for all.
func checkBytes(t testing.TB, s sample, data []byte, m *outturn.Manifest) *Report {
	t.Helper()
	path := filepath.Join(os.TempDir(), fmt.Sprintf("verify-%d-%s", os.Getpid(), s.name))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	m.Files[0].Name = filepath.Base(path)
	r, err := File(context.Background(), path, Options{Manifest: m})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func zstded(data []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(data, nil)
}

func TestCompressed(t *testing.T) {
	s := samples()[0]
	for compression, pack := range map[string]func([]byte) []byte{"gzip": gzipped, "zstd": zstded} {
		packed := pack(s.data)
		check := func(data, sealed []byte, claimed string) *Report {
			m := s.manifest(sealed)
			m.Files[0].Compression = claimed
			return checkFile(t, s.name, data, Options{Manifest: m})
		}
		t.Run(compression, func(t *testing.T) {
			wantSound(t, check(packed, packed, compression))
			for n := 20; n < len(packed); n++ {
				wantFault(t, check(packed[:n], packed[:n], compression), "data is")
			}
			wantFault(t, check(packed[:len(packed)-1], packed, compression), "The "+compression+" data is cut off: it ends without its end mark.")
			wantFault(t, check(packed, packed, "none"), "The manifest says that the file is not compressed, but it is, by "+compression)
			wantFault(t, check(s.data, s.data, compression), "but it does not begin as such a file does")
			wrong := bytes.Clone(packed)
			wrong[len(wrong)-1] ^= 1
			wantFault(t, check(wrong, packed, compression), "data is damaged")
			more := append(bytes.Clone(packed), "more"...)
			if r := check(more, more, compression); r.Sound() {
				t.Error("bytes after the end are not noticed")
			}
		})
	}
}

func TestManifests(t *testing.T) {
	s := samples()[0]
	t.Run("ByName", func(t *testing.T) {
		m := s.manifest(s.data)
		m.Files = append([]outturn.ManifestFile{{Name: "other.csv", Format: "json"}}, m.Files...)
		wantSound(t, checkFile(t, s.name, s.data, Options{Manifest: m}))
	})
	t.Run("BySHA256", func(t *testing.T) {
		m := s.manifest(s.data)
		m.Files = append([]outturn.ManifestFile{{Name: "other.csv", Format: "json"}}, m.Files...)
		r := checkFile(t, "renamed.csv", s.data, Options{Manifest: m})
		wantSound(t, r)
		if len(r.Notes) != 1 || r.Notes[0] != "The manifest calls the file p.csv." {
			t.Errorf("notes: %q", r.Notes)
		}
	})
	t.Run("OnlyOne", func(t *testing.T) {
		wantSound(t, checkFile(t, "renamed.csv", s.data, Options{Manifest: s.manifest(s.data)}))
	})
	t.Run("NoneOfThem", func(t *testing.T) {
		m := s.manifest(s.data)
		m.Files = append(m.Files, outturn.ManifestFile{Name: "other.csv"})
		wantFault(t, checkFile(t, "renamed.csv", []byte(sampleCSV+"\r\n"), Options{Manifest: m}), "this is none of them")
	})
	t.Run("NoCurrencyInTheFile", func(t *testing.T) {
		data := []byte("TOTAL\r\n10.50\r\n-0.75\r\n\"\"\r\n1000000000000000000000.25\r\n")
		m := s.manifest(data)
		m.Columns, m.Currencies = []string{"TOTAL"}, nil
		r := checkFile(t, s.name, data, Options{Manifest: m})
		wantSound(t, r)
		if r.Totals["TOTAL"]["*"] != "1000000000000000000010.00" || len(r.Notes) != 1 {
			t.Errorf("totals %v, notes %q", r.Totals, r.Notes)
		}
		data = bytes.Replace(data, []byte("10.50"), []byte("10.60"), 1)
		m2 := s.manifest(data)
		m2.Columns, m2.Currencies = m.Columns, nil
		wantFault(t, checkFile(t, s.name, data, Options{Manifest: m2}), "The sum of TOTAL over all currencies is 1000000000000000000010.10 in the file, and 1000000000000000000010.00 by the manifest.")
	})
	t.Run("Titles", func(t *testing.T) {
		data := []byte(strings.Replace(sampleCSV, "ID,NAME", "Number,Name", 1))
		m := s.manifest(data)
		wantFault(t, checkFile(t, s.name, data, Options{Manifest: m}), `Column 1 is called "Number"`)
		m.Headers = []string{"Number", "Name", "TOTAL", "CUR"}
		wantSound(t, checkFile(t, s.name, data, Options{Manifest: m}))
	})
	t.Run("UnknownFormat", func(t *testing.T) {
		data := []byte("PAR1 and so on PAR1")
		m := s.manifest(data)
		m.Files[0].Format, m.Files[0].Dialect, m.Files[0].Name = "parquet", "", "p.parquet"
		r := checkFile(t, "p.parquet", data, Options{Manifest: m})
		wantSound(t, r)
		if len(r.Notes) != 1 || r.Rows != nil {
			t.Errorf("rows %v, notes %q", r.Rows, r.Notes)
		}
		wantFault(t, checkFile(t, "p.parquet", []byte("no such thing"), Options{Manifest: m}), "The file should be parquet")
	})
	t.Run("NoSumInTheManifest", func(t *testing.T) {
		m := s.manifest(s.data)
		m.Totals = map[string]map[string]string{"TOTAL": {"EUR": "much", "USD": "-0.75"}}
		wantFault(t, checkFile(t, s.name, s.data, Options{Manifest: m}), `"much", which is no decimal number`)
	})
}

// A line without a byte is no row, though a null of a lone column is one.
func TestEmptyLines(t *testing.T) {
	wantSound(t, checkFile(t, "p.csv", []byte("A\r\n\"\"\r\n1\r\n"), Options{}))
	wantFault(t, checkFile(t, "p.csv", []byte("A\r\n\r\n1\r\n"), Options{}), "Row 1 is an empty line.")
	wantFault(t, checkFile(t, "p.csv", []byte("\r\n1\r\n"), Options{}), "The file begins with an empty line where its header should be.")
}

// A guarded currency is the currency that it is.
func TestGuardedText(t *testing.T) {
	s := samples()[1]
	data := bytes.ReplaceAll(s.data, []byte("EUR"), []byte("'@EUR"))
	m := s.manifest(data)
	m.Totals = map[string]map[string]string{"TOTAL": {"@EUR": sampleTotals["TOTAL"]["EUR"], "USD": "-0.75"}}
	wantSound(t, checkFile(t, s.name, data, Options{Manifest: m}))
}

func TestFileErrors(t *testing.T) {
	for path, want := range map[string]outturn.Code{
		filepath.Join(t.TempDir(), "none.csv"): outturn.CodeNotFound,
		t.TempDir():                            outturn.CodeInvalid,
	} {
		if _, err := File(t.Context(), path, Options{}); outturn.ErrorCode(err) != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "p.csv")
	if err := os.WriteFile(path, []byte(sampleCSV), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := File(ctx, path, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// A faulty row is told once, and not every one of a million.
func TestFaultsAreFew(t *testing.T) {
	r := checkFile(t, "p.csv", []byte("A,B\r\n"+strings.Repeat("1\r\n", 1000)), Options{})
	if len(r.Faults) != maxRowFaults+1 || r.Faults[maxRowFaults] != "There are 990 more faults of this kind." {
		t.Errorf("got %q", r.Faults)
	}
}

// What unpacks to more than it may is given up, not read to the end.
func TestLimits(t *testing.T) {
	bomb := []byte("A\r\n" + strings.Repeat("1\r\n", 1_000_000))
	for name, data := range map[string][]byte{"p.csv.gz": gzipped(bomb), "p.csv.zst": zstded(bomb)} {
		wantFault(t, checkFile(t, name, data, Options{Limit: 1_000_000}), "More than 1,000,000 bytes come out of the file")
		wantSound(t, checkFile(t, name, data, Options{Limit: 10_000_000}))
	}
	deep := "[{\"A\":" + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}]"
	wantFault(t, checkFile(t, "p.json", []byte(deep), Options{}), "Row 1: values lie more than 10,000 deep")
	wantFault(t, checkFile(t, "p.xml", []byte(strings.Repeat("<a>", 100)), Options{}), "too deep")
	wantFault(t, checkFile(t, "p.csv", []byte(strings.Repeat("a,", 20_000)+"\r\n"), Options{}), "hardly one")

	many := map[string]string{}
	for i := range 5000 {
		many[fmt.Sprintf("part%d", i)] = ""
	}
	wantFault(t, checkFile(t, "p.xlsx", zipped(many), Options{}), "too many for a workbook")
	large := sampleParts()
	large["xl/theme.xml"] = strings.Repeat(" ", 5_000_000)
	wantFault(t, checkFile(t, "p.xlsx", zipped(large), Options{Limit: 1_000_000}), "More than 1,000,000 bytes")
	wantSound(t, checkFile(t, "p.xlsx", zipped(large), Options{Limit: 10_000_000}))
}

func zipped(parts map[string]string) []byte { return archive(parts, zip.Deflate) }

func archive(parts map[string]string, method uint16) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err != nil {
			panic(err)
		}
		w.Write([]byte(parts[name]))
	}
	z.Close()
	return b.Bytes()
}

// NDJSON without rows has no bytes. What has rows, or is cut to nothing, has some.
func TestNDJSONWithoutRows(t *testing.T) {
	s := sample{"p.ndjson", "ndjson", "", nil}
	none := s.manifest(nil)
	none.Files[0].Rows, none.Totals = 0, map[string]map[string]string{"TOTAL": {}}
	r := checkFile(t, s.name, nil, Options{Manifest: none})
	wantSound(t, r)
	if r.Rows == nil || *r.Rows != 0 || r.Format != "ndjson" {
		t.Errorf("got %v rows of %s", r.Rows, r.Format)
	}
	wantFault(t, checkFile(t, s.name, nil, Options{Manifest: s.manifest([]byte(sampleNDJSON))}), "The manifest says 4 rows, the file has 0.")
	wantFault(t, checkFile(t, "p.json", nil, Options{}), "The file is empty.")
}
