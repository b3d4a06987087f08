package verify

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sampleParts are the parts of a workbook with the sample's rows on two sheets.
func sampleParts() map[string]string {
	const ns = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	const rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	const kind = "application/vnd.openxmlformats-officedocument.spreadsheetml."
	const xml = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	text := func(ref, text string) string {
		return `<c r="` + ref + `" s="1" t="inlineStr"><is><t xml:space="preserve">` + text + `</t></is></c>`
	}
	header := `<row r="1">` + text("A1", "ID") + text("B1", "NAME") + text("C1", "TOTAL") + text("D1", "CUR") + `</row>`
	sheet := func(rows string) string {
		return xml + `<worksheet ` + ns + `><sheetViews><sheetView workbookViewId="0"/></sheetViews><sheetData>` + header + rows + `</sheetData><autoFilter ref="A1:D3"/></worksheet>`
	}
	return map[string]string{
		"[Content_Types].xml": xml + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + kind + `sheet.main+xml"/>` +
			`<Override PartName="/xl/styles.xml" ContentType="` + kind + `styles+xml"/>` +
			`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + kind + `worksheet+xml"/>` +
			`<Override PartName="/xl/worksheets/sheet2.xml" ContentType="` + kind + `worksheet+xml"/>` +
			`<Override PartName="/xl/worksheets/sheet3.xml" ContentType="` + kind + `worksheet+xml"/></Types>`,
		"_rels/.rels": xml + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + rel + `officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml": xml + `<workbook ` + ns + `><sheets><sheet name="Data" sheetId="1" r:id="rId1"/>` +
			`<sheet name="Data 2" sheetId="2" r:id="rId2"/><sheet name="Info" sheetId="3" r:id="rId3"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": xml + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + rel + `worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="` + rel + `worksheet" Target="/xl/worksheets/sheet2.xml"/>` +
			`<Relationship Id="rId3" Type="` + rel + `worksheet" Target="worksheets/sheet3.xml"/><Relationship Id="rId4" Type="` + rel + `styles" Target="styles.xml"/></Relationships>`,
		"xl/styles.xml": xml + `<styleSheet ` + ns + `><fonts count="1"><font><sz val="11"/></font></fonts><fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders>` +
			`<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4"><xf/><xf numFmtId="49"/><xf/><xf numFmtId="2"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet1.xml": sheet(`<row r="2"><c r="A2" s="2"><v>1</v></c>` + text("B2", "Ann &amp; _x0041_") + `<c r="C2" s="3"><v>10.5</v></c>` + text("D2", "EUR") + `</row>` +
			`<row r="3"><c r="A3"><v>2</v></c><c r="B3" t="b"><v>1</v></c><c r="C3"><v>-7.5E-1</v></c>` + text("D3", "U_x0053_D") + `</row>`),
		"xl/worksheets/sheet2.xml": sheet(`<row r="2"><c r="A2"><v>3</v></c>` + text("D2", "EUR") + `</row>` +
			`<row r="3"><c r="A3"><v>4</v></c>` + text("C3", "1000000000000000000000.25") + text("D3", "EUR") + `</row>`),
		"xl/worksheets/sheet3.xml": xml + `<worksheet ` + ns + `><sheetData><row r="1">` + text("A1", "made for") + `</row></sheetData></worksheet>`,
	}
}

func xlsxSample() sample { return sample{"p.xlsx", "xlsx", "", zipped(sampleParts())} }

func TestXLSXDamage(t *testing.T) {
	const sheet1, sheet2 = "xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"
	for _, tt := range []struct {
		part, old, new string
		want           string // empty: sound
	}{
		{sheet1, "<v>10.5</v>", "<v>1.05E1</v>", ""},
		{sheet1, "<v>10.5</v>", "<v>10.499999999999999</v>", ""}, // a double with 17 digits
		{sheet1, "<v>10.5</v>", "<f></f><v>10.5</v>", "Row 1 has a formula in column 3."},
		{sheet1, "<v>10.5</v>", "<v>10.6</v>", "The sum of TOTAL in EUR is 1000000000000000000010.85 in the file, and 1000000000000000000010.75 by the manifest."},
		{sheet1, "<v>10.5</v>", "<v>10,5</v>", `Row 1: TOTAL holds "10,5", which is no decimal number.`},
		{sheet1, `<c r="C2" s="3"><v>`, `<c r="C2" t="e"><v>`, "Row 1 has an error instead of a value in column 3."},
		{sheet1, `<c r="C2" s="3"><v>`, `<c r="C2" t="s"><v>`, "refers to the shared text"},
		{sheet1, `<c r="C2" s="3">`, `<c r="A2" s="3">`, `Row 2 of the sheet Data has a cell called "A2" where it cannot be.`},
		{sheet1, `<c r="A3">`, `<c r="A4">`, `has a cell called "A4"`},
		{sheet1, `<row r="3">`, `<row r="2">`, `The row after row 2 of the sheet Data has the number "2".`},
		{sheet1, `<row r="3"><c r="A3"><v>2</v></c><c r="B3" t="b"><v>1</v></c><c r="C3">`, `<row r="4"><c r="C4">`, "sheet Data has a cell called \"D3\""},
		{sheet1, `</row></sheetData>`, `</row><row r="9"/></sheetData>`, ""}, // how another program formats what is below
		{sheet1, `</row></sheetData>`, `</row><row r="1048576"/></sheetData>`, ""},
		{sheet1, `</row></sheetData>`, `</row><row r="4"/></sheetData>`, "The manifest says 4 rows, the file has 5."},
		{sheet1, `</row></sheetData>`, `</row><row r="9"><c r="A9"><v>5</v></c></row></sheetData>`, "5 rows are missing, the first of them row 4 of the sheet Data"},
		{sheet1, `</row></sheetData>`, `</row><row r="9"/><row r="11"/><row r="12"><c r="A12"><v>5</v></c></row></sheetData>`, "The manifest says 4 rows, the file has 7."},
		{sheet2, `<row r="2"><c r="A2"><v>3</v></c><c r="D2" s="1" t="inlineStr"><is><t xml:space="preserve">EUR</t></is></c></row>`, ``, "Row 2 of the sheet Data 2 is missing"},
		{sheet2, `<row r="2"><c r="A2"><v>3</v></c><c r="D2" s="1" t="inlineStr"><is><t xml:space="preserve">EUR</t></is></c></row>`, `<row r="2"></row>`, ""}, // a row of nulls
		{sheet1, "<v>10.5</v>", "<v>12345678901234567</v>", "The sum of TOTAL in EUR is 1000012345678901234600.25 in the file"},                                // 15 digits are sure
		{sheet1, `C2" s="3"><v>10.5</v>`, `C2" t="str"><v>12345678901234567</v>`, "The sum of TOTAL in EUR is 1000012345678901234567.25 in the file"},
		{sheet1, "<v>10.5</v>", "<v>1e300</v>", "The sum of TOTAL in EUR is 10000000000000000000… (303 digits) in the file, and 1000000000000000000010.75 by the manifest."},
		{sheet1, "<v>10.5</v>", "<v>1e401</v>", `Row 1: TOTAL holds "1e401", which is no decimal number.`},
		{sheet1, ">EUR<", ">" + strings.Repeat("EUR", 100) + "<", `The sum of TOTAL in "EUREUREUREUREUREUREUREUREUREUREUREUREURE"… is 10.5 in the file`},
		{sheet1, `TOTAL`, `SUM`, `Column 3 is called "SUM" in the file`},
		{sheet2, `TOTAL`, `SUM`, "The header of the sheet Data 2 is another than that of the first."},
		{sheet2, `</row></sheetData>`, `<c r="F3"><v>1</v></c></row></sheetData>`, "Row 4 has a value in column 6, and there are 4 columns."},
		{sheet2, `</row></sheetData>`, `<c r="F3" s="1"/></row></sheetData>`, ""}, // an empty cell with a style
		{sheet2, `</sheetData>`, ``, sheet2 + ": The XML is damaged"},
		{sheet2, `</worksheet>`, ``, sheet2 + ": The XML ends in the middle"},
		{sheet2, "worksheet", "dialogsheet", "The part is no sheet."},
		{"xl/workbook.xml", `r:id="rId2"`, `r:id="rId9"`, `the sheet "Data 2" leads to no part`},
		{"xl/workbook.xml", `r:id="rId2"`, `r:id="rId1"`, "Two sheets of the workbook are one and the same part"},
		{"xl/workbook.xml", `name="Data 2"`, `name="More"`, "The manifest says 4 rows, the file has 2."},
		{"xl/_rels/workbook.xml.rels", "sheet2", "sheet7", `The workbook has no part "xl/worksheets/sheet7.xml".`},
		{"_rels/.rels", "officeDocument\"", "other\"", "The zip archive is no workbook"},
	} {
		t.Run(tt.want+"/"+tt.new, func(t *testing.T) {
			parts := sampleParts()
			text := strings.Replace(parts[tt.part], tt.old, tt.new, 1)
			if text == parts[tt.part] {
				t.Fatalf("%q is not in %s", tt.old, tt.part)
			}
			parts[tt.part] = text
			s := xlsxSample()
			data := zipped(parts)
			r := checkFile(t, s.name, data, Options{Manifest: s.manifest(data)})
			if tt.want == "" {
				wantSound(t, r)
				return
			}
			wantFault(t, r, tt.want)
		})
	}
}

// A row that was taken out of a workbook is missed, though the numbers of the
// others tell where it was.
func TestMissingRow(t *testing.T) {
	s := xlsxSample()
	parts := sampleParts()
	const sheet = "xl/worksheets/sheet2.xml"
	start := strings.Index(parts[sheet], `<row r="2">`)
	end := strings.Index(parts[sheet], `<row r="3">`)
	parts[sheet] = parts[sheet][:start] + parts[sheet][end:]
	data := zipped(parts)
	const missing = "Row 2 of the sheet Data 2 is missing: it was deleted, or it was empty and a program that saved the workbook again left it out."
	r := checkFile(t, s.name, data, Options{Manifest: s.manifest(s.data)})
	wantFault(t, r, missing)
	wantFault(t, r, "The manifest says 4 rows, the file has 3.")
	if len(r.Faults) != 4 || len(r.Notes) != 0 {
		t.Errorf("faults %q, notes %q", r.Faults, r.Notes)
	}
	// Though the manifest counts as many.
	m := s.manifest(data)
	m.Files[0].Rows = 3
	r = checkFile(t, s.name, data, Options{Manifest: m})
	if !slices.Equal(r.Faults, []string{missing}) {
		t.Errorf("got %q", r.Faults)
	}
	// Without a manifest it is odd.
	r = checkFile(t, s.name, data, Options{})
	wantSound(t, r)
	if !slices.Contains(r.Notes, missing) || *r.Rows != 3 {
		t.Errorf("%d rows, notes %q", *r.Rows, r.Notes)
	}
	// What was packed anew and has all its rows is told so.
	r = checkFile(t, s.name, archive(sampleParts(), zip.Store), Options{Manifest: s.manifest(s.data)})
	if len(r.Faults) != 2 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "are those of the manifest all the same") {
		t.Errorf("faults %q, notes %q", r.Faults, r.Notes)
	}
}

// A changed byte within a part is found by the part's checksum or its packing.
func TestXLSXChecksums(t *testing.T) {
	s := xlsxSample()
	at := bytes.Index(s.data, []byte("xl/worksheets/sheet3.xml")) + 60 // of the sheet that is not counted
	data := bytes.Clone(s.data)
	data[at] ^= 0x10
	r := checkFile(t, s.name, data, Options{Manifest: s.manifest(data)})
	wantFault(t, r, "xl/worksheets/sheet3.xml: the part is damaged")
}

func TestSharedStrings(t *testing.T) {
	parts := sampleParts()
	parts["xl/_rels/workbook.xml.rels"] = strings.Replace(parts["xl/_rels/workbook.xml.rels"], "</Relationships>",
		`<Relationship Id="s" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>`, 1)
	parts["xl/sharedStrings.xml"] = `<sst><si><t>other</t></si><si><r><t>E</t></r><rPh sb="0" eb="1"><t>x</t></rPh><r><rPr><b/></rPr><t>UR</t></r></si><extLst><ext/></extLst></sst>`
	parts["xl/worksheets/sheet1.xml"] = strings.Replace(parts["xl/worksheets/sheet1.xml"],
		`<c r="D2" s="1" t="inlineStr"><is><t xml:space="preserve">EUR</t></is></c>`, `<c r="D2" t="s"><v>1</v></c>`, 1)
	s := xlsxSample()
	data := zipped(parts)
	wantSound(t, checkFile(t, s.name, data, Options{Manifest: s.manifest(data)}))
	parts["xl/sharedStrings.xml"] = strings.Replace(parts["xl/sharedStrings.xml"], "UR", "RU", 1)
	data = zipped(parts)
	wantFault(t, checkFile(t, s.name, data, Options{Manifest: s.manifest(data)}), "The sum of TOTAL in ERU is 10.5")
}

// openpyxl returns a Python that has it.
func openpyxl(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import openpyxl").Run() == nil {
			return python
		}
	}
	t.Skip("no python3 here has openpyxl (Debian: python3-openpyxl)")
	return ""
}

// Workbooks that another program made, or saved again, are read too.
func TestOpenpyxl(t *testing.T) {
	python := openpyxl(t)
	for name, script := range map[string]string{
		"Made": `
from decimal import Decimal
book = openpyxl.Workbook()
book.active.title = "Data"
book.active.append(["ID", "NAME", "TOTAL", "CUR"])
book.active.append([1, "Ann", Decimal("10.50"), "EUR"])
book.active.append([2, True, -0.75, "USD"])
more = book.create_sheet("Data 2")
more.append(["ID", "NAME", "TOTAL", "CUR"])
more.append([3, None, None, "EUR"])
more.append([4, "Ünï", "1000000000000000000000.25", "EUR"])
book.create_sheet("Info").append(["made", "for"])`,
		"SavedAgain": `
book = openpyxl.load_workbook("p.xlsx")`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := xlsxSample()
			if err := os.WriteFile(filepath.Join(dir, "p.xlsx"), s.data, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(python, "-c", "import openpyxl"+script+"\nbook.save('p.xlsx')")
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			data, err := os.ReadFile(filepath.Join(dir, "p.xlsx"))
			if err != nil {
				t.Fatal(err)
			}
			r := checkFile(t, s.name, data, Options{Manifest: s.manifest(data)})
			wantSound(t, r)
			// Against the manifest of what was written first, the bytes differ and nothing else.
			r = checkFile(t, s.name, data, Options{Manifest: s.manifest(s.data)})
			if len(r.Faults) != 2 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "are those of the manifest all the same") {
				t.Errorf("faults %q, notes %q", r.Faults, r.Notes)
			}
		})
	}
}
