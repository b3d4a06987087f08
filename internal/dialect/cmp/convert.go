package cmp

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/internal/dialect/rde"
)

// statusOf are CMP's words for a stage (rde-cmp section 3.4).
var statusOf = map[rde.Stage]string{rde.Pending: "submitted", rde.InProgress: "processing", rde.Ready: "completed", rde.Failed: "error"}

// typeOf are CMP's words for APS's (the same section).
var typeOf = map[string]string{"ONETIME": "onetime", "DAILY": "daily", "MONTHLY": "monthly", "ON_INVOICE": "on_invoice", "PERIODIC": "periodic"}

// cmpView is what CMP's clients call the shipped view cmp.
const cmpView = "CMP API"

// toReport is a run as CMP has it, without where its file is.
func (a *API) toReport(r *outturn.Run) report {
	v := report{
		ID: r.ID, Name: r.Name, CustomizationName: customizationOf(r.Request),
		Status: statusOf[rde.StageOf(*r)], Type: typeOf[rde.EventType(r.Rhythm)], Format: "unknown",
		CreationDate: r.CreatedAt.UTC().Format(time.RFC3339),
	}
	if format, err := rde.Format(r.Format); err == nil {
		v.Format = format
	}
	if a.UpperCase {
		v.Format = strings.ToUpper(v.Format)
	}
	if r.Request.Window != nil {
		start, end := rde.Ends(*r.Request.Window)
		v.StartDate, v.EndDate = start.Format(time.RFC3339), end.Format(time.RFC3339)
	}
	return v
}

// customizationOf is the name of the view that a run has; "" where it named none.
func customizationOf(q outturn.RunRequest) string {
	switch {
	case q.OwnView != nil:
		return q.OwnView.Name
	case strings.EqualFold(q.View, "cmp"):
		return cmpView
	}
	return q.View
}

// fileOf is the file that a report is, the first of a run; nil where there is none.
func fileOf(r *outturn.Run) *outturn.File {
	if r.State != outturn.RunSucceeded || len(r.Files) == 0 {
		return nil
	}
	return &r.Files[0]
}

// A listing is what a client wants of a list.
type listing struct {
	where         *outturn.Expr
	name          string // in any case, which the ledger cannot tell; "" is any
	offset, limit int64
}

// Limits of a page.
const (
	defaultLimit = 10
	mostLimit    = 500
)

// fromQuery reads the query of a list (sections 3.1). What it does not know it ignores.
func (a *API) fromQuery(values url.Values) (listing, error) {
	q := &query{values: values, sent: map[string]any{}}
	l := listing{name: q.get("name")}
	l.where = &outturn.Expr{Op: outturn.OpAnd, Args: append([]*outturn.Expr{is("files_gone_at"), is("removed_at")}, a.period(q)...)}
	if format := q.get("format"); format != "" {
		known, err := rde.Format(format)
		q.fault("format", err)
		l.where.Args = append(l.where.Args, is("format", known))
	}
	for _, name := range []string{"status", "type"} {
		word := strings.ToLower(q.get(name))
		if word == "" {
			continue
		}
		condition, ok := filters[name][word]
		if !ok {
			q.fault(name, outturn.Unknown(name, word, wordsOf[name]))
			continue
		}
		l.where.Args = append(l.where.Args, condition)
	}
	if a.Paging {
		l.offset, l.limit = q.number("offset", 0, 0, outturn.MaxOffset), q.number("limit", defaultLimit, 1, mostLimit)
	} else if offset, err := strconv.ParseInt(values.Get("offset"), 10, 64); err == nil && offset > 0 {
		l.offset = offset
	}
	if len(q.faults) > 0 {
		return l, badRequest{outturn.JoinFaults(q.faults), q.sent}
	}
	return l, nil
}

// period are the conditions of from and to, both days of UTC that are in it.
func (a *API) period(q *query) []*outturn.Expr {
	from, fromGiven := q.instant("from")
	to, toGiven := q.instant("to")
	if !fromGiven {
		from = a.Now().Add(-a.Retention)
	}
	conditions := []*outturn.Expr{instant(outturn.OpGE, from)}
	if toGiven {
		after := to.Truncate(time.Second).Add(time.Second)
		if len(q.get("to")) == len(time.DateOnly) {
			after = to.Add(day)
		}
		if fromGiven && len(q.faults) == 0 && !from.Before(after) {
			q.fault("to", outturn.Errorf(outturn.CodeInvalid, "to is before from."))
		}
		if after.Year() <= 9999 { // what is later is no instant to the ledger, and ends nothing
			conditions = append(conditions, instant(outturn.OpLT, after))
		}
	}
	return conditions
}

// Conditions of a list, by CMP's words (section 3.4).
var (
	wordsOf = map[string][]string{
		"status": {"submitted", "processing", "completed", "error"},
		"type":   {"periodic", "daily", "monthly", "onetime", "on_invoice"},
	}
	begun   = &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{is("furthest", "")}}
	filters = map[string]map[string]*outturn.Expr{
		"status": {
			"submitted":  all(is("state", "queued"), is("furthest", "")),
			"processing": either(is("state", "running"), all(is("state", "queued"), begun)),
			"completed":  is("state", "succeeded"),
			"error":      is("state", "failed", "cancelled"),
		},
		"type": {
			"periodic":   is("rhythm", "day", "week", "month", "cron"),
			"daily":      is("rhythm", "day"),
			"monthly":    is("rhythm", "month"),
			"onetime":    either(is("rhythm"), is("rhythm", "once", "manual")),
			"on_invoice": is("rhythm", "event"),
		},
	}
)

// is says that a field is one of some values, or that it has none.
func is(field string, values ...string) *outturn.Expr {
	op := outturn.OpIn
	switch len(values) {
	case 0:
		op = outturn.OpNull
	case 1:
		op = outturn.OpEQ
	}
	return &outturn.Expr{Op: op, Field: field, Values: values}
}

func all(args ...*outturn.Expr) *outturn.Expr { return &outturn.Expr{Op: outturn.OpAnd, Args: args} }

func either(args ...*outturn.Expr) *outturn.Expr { return &outturn.Expr{Op: outturn.OpOr, Args: args} }

func instant(op outturn.Op, t time.Time) *outturn.Expr {
	return &outturn.Expr{Op: op, Field: "created_at", Values: []string{t.UTC().Format(time.RFC3339Nano)}}
}

// A query is read part by part, and each fault noted.
type query struct {
	values url.Values
	sent   map[string]any
	faults []error
}

func (q *query) fault(name string, err error) {
	if err == nil {
		return
	}
	q.sent[name] = q.values.Get(name)
	told := *outturn.Faults(outturn.InField(name, err))[0]
	told.Code = outturn.CodeInvalid
	q.faults = append(q.faults, &told)
}

var errTwice = outturn.Errorf(outturn.CodeInvalid, "It came more than once. Send it once.")

// get is a parameter; "" where there is none.
func (q *query) get(name string) string {
	if values := q.values[name]; len(values) > 1 && q.sent[name] == nil {
		q.fault(name, errTwice)
	}
	return q.values.Get(name)
}

func (q *query) instant(name string) (time.Time, bool) {
	text := q.get(name)
	if text == "" {
		return time.Time{}, false
	}
	written := rde.Instant(strings.Replace(text, " ", "+", 1)) // a plus that was not escaped is a blank here
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, written); err == nil && t.UTC().Year() >= 0 {
			return t.UTC(), true
		}
	}
	q.fault(name, outturn.Errorf(outturn.CodeInvalid, "Write a day, as 2025-10-31, or an instant, as 2025-10-31T23:59:59Z."))
	return time.Time{}, false
}

func (q *query) number(name string, absent, least, most int64) int64 {
	text := q.get(name)
	if text == "" {
		return absent
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		q.fault(name, outturn.Errorf(outturn.CodeInvalid, "It is a number from %d to %d.", least, most))
		return absent
	}
	return n
}
