package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"outturn"
)

// reportColumns are what a list of reports shows of a run. To fetch a cell costs more than
// to find it, so that the texts that many runs have in common come as one, parted by
// what stands in no line of text; the name comes last, as it is.
var reportColumns = `created_at, id, ` + strings.Join([]string{
	"tenant", "state", "furthest", "COALESCE(format, '')", "COALESCE(rhythm, '')", "COALESCE(generator, '')", "COALESCE(view_name, '')", "name",
}, " || '"+parting+"' || ") + ` AS shared, window_from, window_to, finished_at, files_gone_at`

const parting = "\x1f"

// reportFile is what it shows of the file.
const reportFile = `f.id, f.name, f.expires_at`

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
		page.Next = p.encode(p.keyOf(&page.Items[p.limit-1]))
	}
	return page, err
}

// reports reads the reports of a page, and one more.
func (t *tx) reports(p *listPlan) ([]outturn.Run, error) {
	text, args := p.exactPage(reportColumns)
	rows, err := t.db.QueryContext(t.ctx, bind(`SELECT r.*, `+reportFile+` FROM (`+text+`) r
		LEFT JOIN files f ON f.run = r.id AND f.place = 0 AND f.marked_at IS NULL`), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	// They are large, so that lists that grow would copy much.
	list, files := make([]outturn.Run, 0, p.limit+1), make([]outturn.File, 0, p.limit+1)
	windows := make([]outturn.Window, 0, p.limit+1)
	row := newReportRow()
	for n := 0; rows.Next(); n++ {
		if err := rows.Scan(row.to[:]...); err != nil {
			return nil, err
		}
		list = append(list, outturn.Run{})
		r := &list[n]
		if err := row.read(r); err != nil {
			return nil, err
		}
		if w := row.window(); w.Zone != nil {
			windows = append(windows, w)
			r.Request.Window = &windows[len(windows)-1]
		}
		if f := row.file(r); f.ID != "" {
			files = append(files, f)
			r.Files = files[len(files)-1 : len(files) : len(files)]
		}
	}
	return list, rows.Err()
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

// A reportRow is the cells of a row, as they come.
type reportRow struct {
	cells, to [10]any
	shared    map[string][]string // the texts of those that there were
}

func newReportRow() *reportRow {
	row := &reportRow{shared: map[string][]string{}}
	for i := range row.to {
		row.to[i] = &row.cells[i]
	}
	return row
}

func (row *reportRow) read(r *outturn.Run) error {
	shared := row.text(2)
	texts := row.shared[shared]
	if texts == nil {
		if texts = strings.SplitN(shared, parting, 8); len(texts) < 8 {
			return fmt.Errorf("a report has only %d texts", len(texts))
		}
		row.shared[shared] = texts
	}
	r.Tenant, r.State, r.Furthest, r.Format = texts[0], outturn.RunState(texts[1]), outturn.RunPhase(texts[2]), texts[3]
	r.Rhythm, r.Generator, r.Request.View, r.Name = outturn.Rhythm(texts[4]), texts[5], texts[6], texts[7]
	r.ID, r.CreatedAt, r.FinishedAt, r.FilesGoneAt = row.text(1), row.instant(0), row.instant(5), row.instant(6)
	return nil
}

// window is that of a run; it has no zone where there is none.
func (row *reportRow) window() (w outturn.Window) {
	if row.cells[3] != nil && row.cells[4] != nil {
		w = outturn.Window{From: row.instant(3), To: row.instant(4), Zone: time.UTC}
	}
	return w
}

// file is that of r; it has no id where there is none.
func (row *reportRow) file(r *outturn.Run) (f outturn.File) {
	f.ID, f.Name, f.ExpiresAt = row.text(7), row.text(8), row.instant(9)
	f.Run, f.Tenant = r.ID, r.Tenant
	return f
}

func (row *reportRow) text(i int) string {
	s, _ := row.cells[i].(string)
	return s
}

func (row *reportRow) instant(i int) time.Time {
	n, ok := row.cells[i].(int64)
	if !ok {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
