package runner

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// mostStem is how many bytes of a run's name begin the name of a file: with attemptKey, the
// id, the time and the extension it must fit what file systems take, 255.
const mostStem = 120

// fileName names a file as CloudBlue's RDE does (rde-aps section 7), so that whoever
// takes such names apart can go on doing it:
//
//	<name>.<id of the file>.<YYYY-MM-DD>.<HH-mm-ss.SSS><+hhmm><extension>
func fileName(name, id string, at time.Time, extension string) string {
	return stem(name) + "." + id + "." + at.Format("2006-01-02.15-04-05.000-0700") + extension
}

// stem makes of what people call a run what every file system takes, and every screen
// shows as it is.
func stem(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.In(r, unreadable...) || strings.ContainsRune(`/\:*?"<>|`, r) || r == utf8.RuneError {
			return '_'
		}
		return r
	}, name)
	for len(name) > mostStem {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	name = strings.TrimFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
	switch {
	case name == "":
		return "report"
	case device.MatchString(name):
		return "_" + name
	}
	return name
}

// unreadable are characters that break a line, turn the text around them or cannot be
// seen. Joiners are not among them: they belong to how some languages are spelt.
var unreadable = []*unicode.RangeTable{
	unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control,
	{R16: []unicode.Range16{{Lo: 0xFEFF, Hi: 0xFEFF, Stride: 1}}},
}

// device is what Windows takes for a device, whatever comes after the first point.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\.|$)`)
