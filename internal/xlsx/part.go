package xlsx

import (
	"fmt"
	"strings"
)

// The namespaces and kinds of ECMA-376, first edition (transitional), which every
// reader knows.
const (
	declaration   = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	spreadsheet   = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relationships = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packages      = "http://schemas.openxmlformats.org/package/2006/"
	documentTypes = "application/vnd.openxmlformats-officedocument."
)

// MediaType is that of the whole file.
const MediaType = documentTypes + "spreadsheetml.sheet"

// packageRelations is _rels/.rels: where to begin.
const packageRelations = declaration + `<Relationships xmlns="` + packages + `relationships">` +
	`<Relationship Id="rId1" Type="` + relationships + `/officeDocument" Target="xl/workbook.xml"/>` +
	`<Relationship Id="rId2" Type="` + packages + `relationships/metadata/core-properties" Target="docProps/core.xml"/>` +
	`<Relationship Id="rId3" Type="` + relationships + `/extended-properties" Target="docProps/app.xml"/>` +
	`</Relationships>`

// application is docProps/app.xml: what made the file.
const application = declaration +
	`<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"><Application>Outturn</Application></Properties>`

// properties is docProps/core.xml. It has no dates: the sheet Info tells those.
const properties = declaration + `<cp:coreProperties xmlns:cp="` + packages + `metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
	`<dc:creator>Outturn</dc:creator></cp:coreProperties>`

func sheetPath(n int) string { return fmt.Sprintf("xl/worksheets/sheet%d.xml", n) }

// contentTypes is [Content_Types].xml: what each part is.
func contentTypes(sheets int) string {
	var b strings.Builder
	b.WriteString(declaration + `<Types xmlns="` + packages + `content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="` + documentTypes + `spreadsheetml.sheet.main+xml"/>` +
		`<Override PartName="/xl/styles.xml" ContentType="` + documentTypes + `spreadsheetml.styles+xml"/>` +
		`<Override PartName="/docProps/app.xml" ContentType="` + documentTypes + `extended-properties+xml"/>` +
		`<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>`)
	for n := range sheets {
		fmt.Fprintf(&b, `<Override PartName="/%s" ContentType="%sspreadsheetml.worksheet+xml"/>`, sheetPath(n+1), documentTypes)
	}
	b.WriteString(`</Types>`)
	return b.String()
}

// workbookRelations is xl/_rels/workbook.xml.rels: where the sheets and the styles
// lie. The sheets' ids are their numbers.
func workbookRelations(sheets int) string {
	var b strings.Builder
	b.WriteString(declaration + `<Relationships xmlns="` + packages + `relationships">`)
	for n := range sheets {
		fmt.Fprintf(&b, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, n+1, relationships, n+1)
	}
	fmt.Fprintf(&b, `<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/></Relationships>`, sheets+1, relationships)
	return b.String()
}

// workbookPart is xl/workbook.xml.
func workbookPart(sheets []sheet) string {
	return declaration + `<workbook xmlns="` + spreadsheet + `" xmlns:r="` + relationships + `">` +
		`<bookViews><workbookView xWindow="0" yWindow="0" windowWidth="24000" windowHeight="12000"/></bookViews>` +
		sheetList(sheets) + definedNames(sheets) + `<calcPr calcId="0"/></workbook>`
}

func sheetList(sheets []sheet) string {
	var b strings.Builder
	b.WriteString(`<sheets>`)
	for i, s := range sheets {
		fmt.Fprintf(&b, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, attribute(s.name), i+1, i+1)
	}
	b.WriteString(`</sheets>`)
	return b.String()
}

// definedNames are what Excel keeps for a filter and for a header that is printed
// on every page.
func definedNames(sheets []sheet) string {
	var filters, titles strings.Builder
	for i, s := range sheets {
		if s.filtered == "" {
			continue
		}
		name := attribute("'" + strings.ReplaceAll(s.name, "'", "''") + "'!")
		fmt.Fprintf(&filters, `<definedName name="_xlnm._FilterDatabase" localSheetId="%d" hidden="1">%s%s</definedName>`, i, name, s.filtered)
		fmt.Fprintf(&titles, `<definedName name="_xlnm.Print_Titles" localSheetId="%d">%s$1:$1</definedName>`, i, name)
	}
	if filters.Len() == 0 {
		return ""
	}
	return `<definedNames>` + filters.String() + titles.String() + `</definedNames>`
}

// attribute escapes text for an attribute's value. What XML cannot carry must have
// been taken out.
func attribute(text string) string {
	return strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`, `"`, `&quot;`, "\t", "&#9;", "\n", "&#10;", "\r", "&#13;").Replace(text)
}
