package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"outturn"
)

// reportText is a run and its first file as one text: what people cannot choose in parts
// that end with parting, then the lengths of what they can, and that as it is.
var reportText = `concat_ws('` + parting + `', created_at, id, tenant, state, furthest,
	COALESCE(format, ''), COALESCE(rhythm, ''), COALESCE(generator, ''), COALESCE(window_from, ''), COALESCE(window_to, ''),
	COALESCE(finished_at, ''), COALESCE(files_gone_at, ''), COALESCE(file_id, ''), COALESCE(file_end, ''),
	octet_length(name), octet_length(COALESCE(view_name, '')), octet_length(COALESCE(file_name, '')),
	name || COALESCE(view_name, '') || COALESCE(file_name, ''))`

const parting = "\x1f"

// reportFile joins a run with its first file, by names that no column of runs has.
const reportFile = ` LEFT JOIN (SELECT run AS file_run, id AS file_id, name AS file_name, expires_at AS file_end
	FROM files WHERE place = 0 AND marked_at IS NULL) file ON file_run = id`

// RunReports lists runs as Runs does, for those who show very many at once: with what a
// list of reports shows, which is id, tenant, name, state, furthest, format, rhythm,
// generator, when it was made and ended, the window, in UTC, and the name of the view; and
// the first file with id, name and end. Its pages are exact.
func (s *Store) RunReports(ctx context.Context, viewer, tenant string, q outturn.ListQuery) (page outturn.List[outturn.Run], err error) {
	p, err := runList.plan(q, viewer+" "+tenant)
	if err != nil {
		return page, err
	}
	page.Items = []outturn.Run{}
	err = s.read(ctx, "list reports", func(t *tx) error {
		if p.scope, err = t.scope(viewer, tenant); err != nil {
			return err
		}
		if err := t.narrow(p); err != nil {
			return err
		}
		if p.total {
			if page.Total, err = t.countAll(p); err != nil {
				return err
			}
		}
		if p.scope.none {
			return nil
		}
		page.Items, err = t.reports(p)
		return err
	})
	if len(page.Items) > p.limit {
		page.Items = page.Items[:p.limit]
		page.Next = p.next(p.keyOf(&page.Items[p.limit-1]))
	}
	return page, err
}

// reports reads the reports of a page, and one more. Lists have thousands, and to fetch a
// row costs as much as to find it, so that all come as one text.
func (t *tx) reports(p *listPlan) ([]outturn.Run, error) {
	p.joined = reportFile
	page, args := p.exactPage(reportText + " AS report")
	rows, err := t.db.QueryContext(t.ctx, bind(`SELECT group_concat(report, '') FROM (`+page+`) page`), args...)
	var text sql.NullString
	if err := (row{rows, err}).scan(&text); err != nil {
		return nil, err
	}
	// They are large, so that lists that grow would copy much.
	list, files := make([]outturn.Run, 0, p.limit+1), make([]outturn.File, 0, p.limit+1)
	windows := make([]outturn.Window, 0, p.limit+1)
	read := reportReader{rest: text.String}
	for n := 0; read.rest != ""; n++ {
		list = append(list, outturn.Run{})
		r := &list[n]
		window, file := read.report(r)
		if read.broken {
			return nil, fmt.Errorf("report %d of the page cannot be read", n)
		}
		if window.Zone != nil {
			windows = append(windows, window)
			r.Request.Window = &windows[len(windows)-1]
		}
		if file.ID != "" {
			files = append(files, file)
			r.Files = files[len(files)-1 : len(files) : len(files)]
		}
	}
	return list, nil
}

// keyOf is the place of a run in the order of p.
func (p *listPlan) keyOf(r *outturn.Run) listKey {
	k := listKey{id: r.ID, value: any(r.Name)}
	if p.by.kind == instantField {
		at := map[string]time.Time{"created_at": r.CreatedAt, "finished_at": r.FinishedAt}[p.by.name]
		if k.null, k.value = at.IsZero(), at.UnixMicro(); k.null {
			k.value = int64(0)
		}
	}
	return k
}

// A reportReader reads what reportText writes.
type reportReader struct {
	rest   string
	broken bool
}

// report reads a run; the window has no zone and the file no id where there is none.
func (t *reportReader) report(r *outturn.Run) (w outturn.Window, f outturn.File) {
	r.CreatedAt = t.instant()
	r.ID, r.Tenant, r.State, r.Furthest = t.text(), t.text(), outturn.RunState(t.text()), outturn.RunPhase(t.text())
	r.Format, r.Rhythm, r.Generator = t.text(), outturn.Rhythm(t.text()), t.text()
	if w.From, w.To = t.instant(), t.instant(); !w.From.IsZero() && !w.To.IsZero() {
		w.Zone = time.UTC
	}
	r.FinishedAt, r.FilesGoneAt = t.instant(), t.instant()
	f.Run, f.Tenant, f.ID, f.ExpiresAt = r.ID, r.Tenant, t.text(), t.instant()
	name, view, file := t.number(), t.number(), t.number()
	r.Name, r.Request.View, f.Name = t.take(name), t.take(view), t.take(file)
	return w, f
}

func (t *reportReader) text() string {
	text, rest, found := strings.Cut(t.rest, parting)
	t.rest, t.broken = rest, t.broken || !found
	return text
}

func (t *reportReader) number() int64 {
	n, err := strconv.ParseInt(t.text(), 10, 64)
	t.broken = t.broken || err != nil
	return n
}

func (t *reportReader) instant() time.Time {
	if rest, none := strings.CutPrefix(t.rest, parting); none {
		t.rest = rest
		return time.Time{}
	}
	return time.UnixMicro(t.number()).UTC()
}

func (t *reportReader) take(n int64) string {
	if t.broken = t.broken || n < 0 || n > int64(len(t.rest)); t.broken {
		return ""
	}
	text := t.rest[:n]
	t.rest = t.rest[n:]
	return text
}
