// Package ledger is the source of what Outturn has of itself: the audit. It speaks no
// SQL. What the query compiler does for a database is done here with the ledger's own
// lists, so whose entries somebody gets is decided where GET /v1/audit decides it.
//
// A snapshot is exact though nothing is held open for it: entries are only ever added,
// so it is enough to note the newest one when it begins.
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// An Audit is what the ledger keeps of who did what.
type Audit interface {
	// AuditEnd is the number of the newest entry.
	AuditEnd(ctx context.Context) (int64, error)
	// AuditEntriesUpTo lists what concerns viewer and all below it, and to the provider
	// also what concerns no tenant, up to an end. A page may be short, or empty, and
	// have a Next.
	AuditEntriesUpTo(ctx context.Context, viewer string, end int64, q outturn.ListQuery) (outturn.List[outturn.AuditEntry], error)
}

// A Source is the ledger as a source. Its tenants are the ledger's: Query.Tenant is
// the id of one, and the provider's has everything.
type Source struct {
	audit Audit
	now   func() time.Time
}

var _ source.Own = (*Source)(nil)

// New returns the source of an audit.
func New(audit Audit, now func() time.Time) *Source { return &Source{audit, now} }

// Begin notes how far the audit has come.
func (s *Source) Begin(ctx context.Context) (source.Snapshot, error) {
	taken := s.now()
	end, err := s.audit.AuditEnd(ctx)
	if err != nil {
		return nil, interpret(ctx, err)
	}
	return &snapshot{s, end, taken}, nil
}

// Check reports what of q cannot be met: orders other than that of the time, and
// filters by what no list of the ledger has.
func (s *Source) Check(q source.Query) error {
	_, err := listQuery(q)
	return err
}

// interpret says what an error of the ledger is to a run.
func interpret(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if outturn.ErrorCode(err) == outturn.CodeUnavailable { // another process holds it, and lets go of it
		return outturn.Errorf(outturn.CodeSourceUnavailable, "The audit cannot be read now: %w", err)
	}
	return err
}

type snapshot struct {
	source *Source
	end    int64
	taken  time.Time
}

func (s *snapshot) Instant() time.Time { return s.taken }
func (s *snapshot) Consistent() bool   { return true }
func (s *snapshot) Close() error       { return nil }

// Query begins to list. The entries are read a page at a time, as they are asked for.
func (s *snapshot) Query(ctx context.Context, q source.Query) (source.Reader, error) {
	list, err := listQuery(q)
	if err != nil {
		return nil, err
	}
	if q.Tenant == "" {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The audit is made for one tenant. Name it.")
	}
	r := &reader{snapshot: s, ctx: ctx, viewer: q.Tenant, list: list, left: -1}
	switch {
	case q.Newest:
		r.add(batch.Column{Name: "CHANGED", Type: outturn.Time, Scale: outturn.MaxTimeScale}, columnOf("AT"), outturn.ViewColumn{})
		r.left = 1
		return r, nil
	case q.Limit > 0:
		r.left = q.Limit
	}
	for _, v := range q.View.Columns {
		r.add(source.PublishedColumn(q.Dataset, v), columnOf(v.Field), v)
	}
	for _, name := range q.Hidden {
		c := columnOf(name)
		r.add(batch.Column{Name: source.HiddenPrefix + name, Header: name, Type: c.Type, Scale: c.Scale}, c, outturn.ViewColumn{})
	}
	return r, nil
}

type reader struct {
	snapshot *snapshot
	ctx      context.Context // of the query: it is read as long as that may run
	viewer   string
	list     outturn.ListQuery
	left     int // rows that may still come; below 0: any number
	done     bool

	columns  []batch.Column
	cells    []func(b *batch.Batch, c int, e *outturn.AuditEntry)
	replaced int64
}

// add makes a field, or what a view makes of it, a column.
func (r *reader) add(column batch.Column, from auditColumn, v outturn.ViewColumn) {
	text := from.text
	if v.Attribute != "" {
		text = func(e *outturn.AuditEntry) string { return e.Detail[v.Attribute] }
	}
	r.columns = append(r.columns, column)
	r.cells = append(r.cells, func(b *batch.Batch, c int, e *outturn.AuditEntry) {
		if column.Type == outturn.Time {
			b.AppendInt(c, e.At.UnixMicro())
			return
		}
		value := text(e)
		there := value != ""
		if v.Attribute != "" {
			_, there = e.Detail[v.Attribute]
		}
		if !there {
			b.AppendNull(c)
			return
		}
		if word, ok := v.Map[value]; ok {
			value = word
		}
		batch.AppendText(b, c, r.valid(value))
	})
}

// valid counts and replaces what is no UTF-8.
func (r *reader) valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	fixed := string([]rune(text))
	r.replaced += int64(strings.Count(fixed, "\uFFFD") - strings.Count(text, "\uFFFD"))
	return fixed
}

func (r *reader) Columns() []batch.Column { return r.columns }

// Next fills b with the entries of a page that has any.
func (r *reader) Next(b *batch.Batch) error {
	b.Reset(r.columns)
	for !r.done && r.left != 0 {
		r.list.Page.Limit = outturn.MaxPage
		if r.left > 0 {
			r.list.Page.Limit = min(r.left, outturn.MaxPage)
		}
		page, err := r.snapshot.source.audit.AuditEntriesUpTo(r.ctx, r.viewer, r.snapshot.end, r.list)
		if err != nil {
			return interpret(r.ctx, err)
		}
		r.list.Page.After, r.done = page.Next, page.Next == ""
		if n := len(page.Items); n > 0 {
			r.left -= min(n, max(r.left, 0))
			r.fill(b, page.Items)
			return nil
		}
	}
	return io.EOF
}

func (r *reader) fill(b *batch.Batch, entries []outturn.AuditEntry) {
	for i := range entries {
		for c, cell := range r.cells {
			cell(b, c, &entries[i])
		}
	}
	b.SetRows(len(entries))
}

func (r *reader) Replaced() int64           { return r.replaced }
func (r *reader) Progress() (float64, bool) { return 0, false }
func (r *reader) Close() error              { return nil }

// detailText is the detail as GET /v1/audit has it; "" where there is none.
func detailText(e *outturn.AuditEntry) string {
	if len(e.Detail) == 0 {
		return ""
	}
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	_ = w.Encode(e.Detail) // texts by texts
	return strings.TrimSuffix(b.String(), "\n")
}
