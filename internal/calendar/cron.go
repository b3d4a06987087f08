package calendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"outturn"
)

// longestCron is how many bytes of an expression are read. One that lists every
// minute is shorter.
const longestCron = 400

// A cron is an expression of five fields, as sets of bits.
type cron struct {
	minutes, hours, days, months, weekdays uint64 // of weekdays, bit 0 is Sunday
	// both says that a day must be in days and in weekdays, because one of the fields
	// begins with a star; otherwise being in one is enough. So it is in Vixie's cron.
	both bool
}

// A cronField says what one of the five may hold.
type cronField struct {
	name     string
	min, max int
	names    []string // of min and what follows
}

var cronFields = [...]cronField{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

var cronMacros = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
	"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}

// parseCron reads an expression. Its Errors, one for each field with a fault, say
// which field it is.
func parseCron(text string) (cron, error) {
	if len(text) > longestCron {
		return cron{}, outturn.Errorf(outturn.CodeInvalid, "The cron expression %s has %d bytes; at most %d are taken.", outturn.Shown(text), len(text), longestCron)
	}
	expression := strings.TrimSpace(text)
	if strings.HasPrefix(expression, "@") {
		macro, known := cronMacros[strings.ToLower(expression)]
		if !known {
			return cron{}, outturn.Errorf(outturn.CodeInvalid, "There is no %s in cron here. There are @hourly, @daily, @weekly, @monthly and @yearly.", outturn.Shown(expression))
		}
		expression = macro
	}
	texts := strings.Fields(expression)
	if len(texts) != len(cronFields) {
		return cron{}, outturn.Errorf(outturn.CodeInvalid,
			"The cron expression %s has %d fields. Write five: minute, hour, day of month, month, day of week, such as 30 6 * * MON-FRI.", outturn.Shown(text), len(texts))
	}
	var sets [len(cronFields)]uint64
	var faults []error
	for i, field := range cronFields {
		set, err := field.parse(texts[i])
		sets[i] = set
		faults = append(faults, err)
	}
	c := cron{
		minutes: sets[0], hours: sets[1], days: sets[2], months: sets[3], weekdays: sets[4],
		both: texts[2][0] == '*' || texts[4][0] == '*',
	}
	c.weekdays |= c.weekdays >> 7 & 1 // 7 is Sunday, too
	return c, errors.Join(faults...)
}

// parse reads a list of numbers, ranges and steps.
func (f cronField) parse(text string) (uint64, error) {
	var set uint64
	for item := range strings.SplitSeq(text, ",") {
		bits, problem := f.item(item)
		if problem != "" {
			return 0, outturn.Errorf(outturn.CodeInvalid, "The cron field %s is %s: %s.", f.name, outturn.Shown(text), problem)
		}
		set |= bits
	}
	return set, nil
}

// item reads *, 5, 1-5 or MON-FRI, the ranges also with a step: */15 or 8-18/2. The
// second result says what is wrong, and is empty if nothing is.
func (f cronField) item(text string) (uint64, string) {
	span, stepText, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		var ok bool
		if step, ok = number(stepText); !ok || step < 1 || step > f.max {
			return 0, fmt.Sprintf("the step %s is not a number from 1 to %d", outturn.Shown(stepText), f.max)
		}
	}
	from, to := f.min, f.max
	if span != "*" {
		low, high, ranged := strings.Cut(span, "-")
		if stepped && !ranged {
			return 0, fmt.Sprintf("a step needs a range or a star before it, such as %d-%d/%d", f.min, f.max, step)
		}
		if !ranged {
			high = low
		}
		var ok bool
		if from, ok = f.value(low); !ok {
			return 0, outturn.Shown(low) + " is not " + f.allowed()
		}
		if to, ok = f.value(high); !ok {
			return 0, outturn.Shown(high) + " is not " + f.allowed()
		}
		if ranged && f.max == 7 && to == 0 && from > 0 {
			to = 7 // FRI-SUN
		}
		if from > to {
			return 0, "the range " + outturn.Shown(span) + " runs backwards; write it as two"
		}
	}
	var set uint64
	for n := from; n <= to; n += step {
		set |= 1 << n
	}
	return set, ""
}

// value reads a number of the field, or a name.
func (f cronField) value(text string) (int, bool) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.min + i, true
		}
	}
	n, ok := number(text)
	return n, ok && n >= f.min && n <= f.max
}

func (f cronField) allowed() string {
	numbers := fmt.Sprintf("a number from %d to %d", f.min, f.max)
	if f.names == nil {
		return numbers
	}
	return numbers + " or a name such as " + strings.ToUpper(f.names[1])
}

// number reads one or two digits, and nothing else.
func number(text string) (int, bool) {
	if len(text) < 1 || len(text) > 2 {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 8)
	return int(n), err == nil
}

// on returns the days that the expression's last three fields are about.
func (c cron) on() pattern {
	return func(d, limit day) (day, bool) {
		for d <= limit {
			m := d.month()
			if c.months>>(m%12+1)&1 == 0 {
				d = (m + 1).first()
				continue
			}
			first := m.first()
			for last := min(limit, m.last()); d <= last; d++ {
				inDays := c.days>>(d-first+1)&1 == 1
				inWeek := c.weekdays>>((d.weekday()+1)%7)&1 == 1
				if inDays && inWeek || !c.both && (inDays || inWeek) {
					return d, true
				}
			}
		}
		return 0, false
	}
}
