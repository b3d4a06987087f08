package runner

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// mostStem is how many bytes of a run's name begin the name of a file: with the id,
// the time and the extension it must fit what file systems take, 255.
const mostStem = 150

// fileName names a file as CloudBlue's RDE does (rde-aps section 7), so that whoever
// takes such names apart can go on doing it:
//
//	<name>.<id of the file>.<YYYY-MM-DD>.<HH-mm-ss.SSS><+hhmm><extension>
func fileName(name, id string, at time.Time, extension string) string {
	return stem(name) + "." + id + "." + at.Format("2006-01-02.15-04-05.000-0700") + extension
}

// stem makes of what people call a run what every file system takes.
func stem(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`/\:*?"<>|`, r) || r == utf8.RuneError || r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069' {
			return '_'
		}
		return r
	}, name)
	for len(name) > mostStem {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	name = strings.Trim(name, ". ")
	if name == "" {
		return "report"
	}
	return name
}
