// Package rde holds what CloudBlue's two APIs to Reporting and Data Export share: APS
// and CMP ask for the same reports in different words.
//
// Both say of a period its first and its last second. Outturn's windows end where the
// next begins: Window and Ends are the way there and back.
package rde

import (
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"outturn"
	"outturn/internal/reporting"
)

// DefaultDataset is the data set of who names none (rde-datasets section 1).
const DefaultDataset = "provisioned_orders"

// space is the name space of ID.
var space = uuid.MustParse("6f8f3f04-9a0c-5a5e-8f0b-3c1d7a5e2b61")

// ID is the UUID of something that has none in the ledger, such as a data set: the same
// one for the same kind and name in every installation.
func ID(kind, name string) string {
	return uuid.NewSHA1(space, []byte(kind+"\x00"+name)).String()
}

// offset is that of an instant without a colon, as the platform itself writes it in the
// names of files, and much of what calls it everywhere.
var offset = regexp.MustCompile(`^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*[+-]\d\d)(\d\d)$`)

// Instant is the text of an instant with the colon that RFC 3339 has in offsets.
func Instant(text string) string { return offset.ReplaceAllString(text, "$1:$2") }

// Window is the period from one second to another, both of them in it; fractions of a
// second are dropped. A data set that is selected by days has each day that the period
// touches. The days are those of the tenant's zone, or of UTC where the period is cut at
// midnights there and not in the tenant's.
func Window(d *outturn.Dataset, start, end time.Time, zone *time.Location) reporting.WindowText {
	from, to := start.Truncate(time.Second), end.Truncate(time.Second).Add(time.Second)
	if atMidnight(from, time.UTC) && atMidnight(to, time.UTC) && !(atMidnight(from, zone) && atMidnight(to, zone)) {
		zone = time.UTC
	}
	if d.Period != nil && d.Period.Kind == outturn.PeriodDate {
		from = day(from, zone, 0)
		if !atMidnight(to, zone) {
			to = day(to, zone, 1)
		}
	}
	return reporting.WindowText{From: from.UTC().Format(time.RFC3339), To: to.UTC().Format(time.RFC3339), Zone: zone.String()}
}

func atMidnight(t time.Time, zone *time.Location) bool { return day(t, zone, 0).Equal(t) }

// day is the first instant of the day of t in a zone, or of one some days later.
func day(t time.Time, zone *time.Location, later int) time.Time {
	local := t.In(zone)
	return outturn.StartOfDay(local.Year(), local.Month(), local.Day()+later, zone)
}

// Ends are the first and the last second of a window.
func Ends(w outturn.Window) (start, end time.Time) {
	return w.From.UTC(), w.To.UTC().Add(-time.Second)
}

// A Stage is how far a report has come, as its clients tell it apart.
type Stage int

// A stage is never taken back: a report that is tried again stays InProgress.
const (
	Pending Stage = iota
	InProgress
	Ready
	Failed
)

// StageOf returns the stage of a run.
func StageOf(r outturn.Run) Stage {
	switch r.State {
	case outturn.RunSucceeded:
		return Ready
	case outturn.RunFailed, outturn.RunCancelled:
		return Failed
	case outturn.RunQueued:
		if r.Furthest == "" {
			return Pending
		}
	}
	return InProgress
}

// formats are those that a report can have, with how its file is compressed: what is
// packed by itself is not packed again (rde-aps section 7).
var formats = map[string]string{"json": "gzip", "xml": "gzip", "csv": "gzip", "xlsx": "none"}

// Format returns a format by its name in any case. xslx is xlsx: so three generations of
// the documentation spell it (rde-cmp section 7).
func Format(name string) (string, error) {
	format := strings.ToLower(name)
	if format == "xslx" {
		format = "xlsx"
	}
	if _, ok := formats[format]; !ok {
		return "", outturn.Unknown("format", name, []string{"json", "xml", "csv", "xlsx"})
	}
	return format, nil
}

// Outputs is the one file of a report.
func Outputs(format string) []outturn.Output {
	return []outturn.Output{{Format: format, Compression: formats[format]}}
}

// EventType is the word of both APIs, in APS's spelling, for what makes reports with a
// rhythm. PERIODIC is one that is neither daily nor monthly.
func EventType(rhythm outturn.Rhythm) string {
	switch rhythm {
	case "", outturn.RhythmOnce, outturn.RhythmManual:
		return "ONETIME"
	case outturn.RhythmDay:
		return "DAILY"
	case outturn.RhythmMonth:
		return "MONTHLY"
	case outturn.RhythmEvent:
		return "ON_INVOICE"
	}
	return "PERIODIC"
}
