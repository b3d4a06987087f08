package cmp

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"outturn"
)

// A list is read page by page, newest first.
type list struct {
	api    *API
	ctx    context.Context
	p      outturn.Principal
	wanted listing

	after string
	last  time.Time // when the last run was made that was read
	ended bool
}

// next returns more reports, and none at the end.
func (l *list) next() ([]outturn.Run, error) {
	for !l.ended {
		read, err := l.read(newestFirst, outturn.Page{Limit: outturn.MaxPage, After: l.after})
		if err != nil {
			return nil, err
		}
		l.after, l.ended = read.Next, read.Next == ""
		fit := read.Items
		if len(fit) > 0 {
			l.last = fit[len(fit)-1].CreatedAt
		}
		if l.wanted.name != "" {
			fit = slices.DeleteFunc(fit, func(r outturn.Run) bool { return !strings.EqualFold(l.wanted.name, r.Name) })
		}
		if len(fit) > 0 {
			return fit, nil
		}
	}
	return nil, nil
}

// The two ways to read a list.
var (
	newestFirst = []outturn.Order{{Field: "created_at", Desc: true}}
	oldestFirst = []outturn.Order{{Field: "created_at"}}
)

func (l *list) read(order []outturn.Order, page outturn.Page) (outturn.List[outturn.Run], error) {
	return l.api.Gate.Service.RunReports(l.ctx, l.p, "", outturn.ListQuery{Where: l.wanted.where, Order: order, Page: page})
}

// count says how many there are, or that there are more than are counted.
func (l *list) count() (total int64, more bool, err error) {
	if l.wanted.name == "" {
		part, err := l.read(newestFirst, outturn.Page{Limit: 1, Total: true})
		if err != nil || part.Total == nil {
			return outturn.MaxTotal, true, err
		}
		return *part.Total, false, nil
	}
	again := *l
	for {
		part, err := again.next()
		if len(part) == 0 || err != nil {
			return total, false, err
		}
		total += int64(len(part))
	}
}

// runs are all of l, page by page, and last why there are no more where it broke. While
// one page is dealt with, others are read: those of the newer and of the older half of the
// time at once.
func (l *list) runs() iter.Seq2[[]outturn.Run, error] {
	return func(yield func([]outturn.Run, error) bool) {
		first, err := l.next()
		if len(first) == 0 || err != nil {
			if err != nil {
				yield(nil, err)
			}
			return
		}
		halves, err := l.halve()
		if err != nil {
			yield(nil, err)
			return
		}
		ctx, cancel := context.WithCancel(l.ctx)
		var reading sync.WaitGroup
		defer reading.Wait()
		defer cancel()
		read := make([]<-chan part, len(halves))
		for i := range halves {
			read[i] = halves[i].ahead(ctx, &reading)
		}
		if !yield(first, nil) {
			return
		}
		for _, parts := range read {
			for part := range parts {
				if !yield(part.runs, part.err) || part.err != nil {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil { // which ends the reading without a word
			yield(nil, err)
		}
	}
}

// halve are lists of what l has not read yet.
func (l *list) halve() ([]*list, error) {
	if l.ended {
		return nil, nil
	}
	oldest, err := l.read(oldestFirst, outturn.Page{Limit: 1})
	if len(oldest.Items) == 0 || err != nil {
		return []*list{l}, err
	}
	from := oldest.Items[0].CreatedAt
	middle := from.Add(l.last.Sub(from) / 2).Truncate(time.Microsecond)
	newer, older := *l, *l
	newer.wanted.where = all(l.wanted.where, instant(outturn.OpGE, middle))
	older.wanted.where, older.after = all(l.wanted.where, instant(outturn.OpLT, middle)), ""
	return []*list{&newer, &older}, nil
}

// A part is a page of a list, or why there is none.
type part struct {
	runs []outturn.Run
	err  error
}

// pagesAhead is how many pages are read that nobody has dealt with.
const pagesAhead = 5

// ahead reads l until ctx ends.
func (l *list) ahead(ctx context.Context, reading *sync.WaitGroup) <-chan part {
	l.ctx = ctx
	parts := make(chan part, pagesAhead)
	send := func(p part) bool {
		select {
		case parts <- p:
			return true
		case <-ctx.Done():
			return false
		}
	}
	reading.Go(func() {
		defer close(parts)
		defer func() { // here nobody else takes it
			if fault := recover(); fault != nil {
				send(part{err: fmt.Errorf("read reports: panic: %v\n%s", fault, debug.Stack())})
			}
		}()
		for more := true; more; {
			runs, err := l.next()
			more = (len(runs) > 0 || err != nil) && send(part{runs, err}) && err == nil
		}
	})
	return parts
}

// all writes every report as it is read, so that it takes the same memory however many
// they are.
func (l *list) all(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	text, total := []byte(`{"data":[`), int64(0)
	for runs, err := range l.runs() {
		var reports []report
		if err == nil {
			reports, err = l.api.toReports(l.ctx, l.p, runs)
		}
		switch {
		case err != nil && total == 0:
			return err
		case err != nil: // the client must not take what it has for all
			_ = l.api.Gate.Tellable(l.ctx, err)
			panic(http.ErrAbortHandler)
		}
		if total > 0 {
			text = append(text, ',')
		}
		part, _ := json.Marshal(reports) // texts alone
		text = append(text, part[1:len(part)-1]...)
		total += int64(len(reports))
		if _, err := w.Write(text); err != nil {
			return nil // the client is gone
		}
		text = text[:0]
	}
	tail, _ := json.Marshal(pagination{0, total, total})
	text = append(append(append(text, `],"pagination":`...), tail...), "}\n"...)
	_, _ = w.Write(text)
	return nil
}

// page answers with the page that is asked for.
func (l *list) page(w http.ResponseWriter) error {
	from, to := l.wanted.offset, l.wanted.offset+l.wanted.limit
	if l.wanted.name == "" {
		part, err := l.read(newestFirst, outturn.Page{Limit: int(l.wanted.limit), Offset: int(from), Total: true})
		total := from + int64(len(part.Items))
		if part.Total != nil {
			total = *part.Total
		} else if part.Next != "" {
			total++ // there are more than are counted
		}
		return l.answer(w, part.Items, pagination{from, l.wanted.limit, max(total, 0)}, err)
	}
	var runs []outturn.Run
	total := int64(0)
	for {
		part, err := l.next()
		if len(part) == 0 || err != nil {
			return l.answer(w, runs, pagination{from, l.wanted.limit, total}, err)
		}
		for i := range part {
			if total >= from && total < to {
				runs = append(runs, part[i])
			}
			total++
		}
	}
}

func (l *list) answer(w http.ResponseWriter, runs []outturn.Run, page pagination, err error) error {
	if err != nil {
		return err
	}
	reports, err := l.api.toReports(l.ctx, l.p, runs)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, reportList{reports, page})
	return nil
}
