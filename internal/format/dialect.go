package format

import (
	"strings"

	"outturn"
)

// A dialect is how rows of fields between delimiters are written for one kind of
// reader.
type dialect struct {
	name      string
	mediaType string // "" is the format's own
	bom       bool   // begin with U+FEFF, by which Excel knows UTF-8
	utf16     bool   // UTF-16, the low byte first, instead of UTF-8
	delimiter byte
	point     byte // decimal mark
	guard     bool // keep text from being run as a formula
	copied    bool // as PostgreSQL's COPY writes it, where none of the above is asked
}

// dialects holds those of each format that has any, the default first.
var dialects = map[string][]dialect{
	"csv": {
		{name: "machine", delimiter: ',', point: '.'},
		{name: "spreadsheet", bom: true, delimiter: ',', point: '.', guard: true},
		{name: "semicolon", bom: true, delimiter: ';', point: ',', guard: true},
		{name: "postgres", copied: true},
	},
	"tsv": {
		{name: "machine", delimiter: '\t', point: '.'},
		{name: "utf16", mediaType: "text/tab-separated-values; charset=utf-16le", bom: true, utf16: true, delimiter: '\t', point: '.'},
	},
}

// Dialects lists the format's dialects, the default first. Most formats have
// none.
func (f Format) Dialects() []string {
	var names []string
	for _, d := range dialects[f.Name] {
		names = append(names, d.name)
	}
	return names
}

// MediaTypeOf returns the media type of a file in the named dialect; "" is the
// default one.
func (f Format) MediaTypeOf(name string) string {
	for _, d := range dialects[f.Name] {
		if d.name == name && d.mediaType != "" {
			return d.mediaType
		}
	}
	return f.MediaType
}

func findDialect(format, name string) (dialect, error) {
	list := dialects[format]
	if name == "" {
		return list[0], nil
	}
	for _, d := range list {
		if d.name == name {
			return d, nil
		}
	}
	return dialect{}, outturn.Unknown(strings.ToUpper(format)+" dialect", name, Format{Name: format}.Dialects())
}
