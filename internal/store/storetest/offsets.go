package storetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"outturn"
)

// testOffsets holds pages by an offset, and totals, against what filters and orders
// mean, for each viewer.
func testOffsets(t *testing.T, b *bench) {
	reseller := b.tenant(b.root.ID, outturn.KindReseller)
	var below []string
	for range 3 {
		below = append(below, b.tenant(reseller.ID, outturn.KindCustomer).ID)
	}
	runs := b.variety(append(below, reseller.ID, b.root.ID))
	scopes := []struct {
		viewer, tenant string
		sees           []string // nil: all
	}{
		{b.root.ID, "*", nil},
		{b.root.ID, below[0], below[:1]},
		{reseller.ID, "*", append([]string{reseller.ID}, below...)},
		{reseller.ID, "", []string{reseller.ID}},
	}
	check := func(t rapid.TB, scope int, q outturn.ListQuery) {
		s := scopes[scope]
		visible := slices.DeleteFunc(slices.Clone(runs), func(r outturn.Run) bool { return s.sees != nil && !slices.Contains(s.sees, r.Tenant) })
		want := listed(visible, q)
		page, err := b.store.Runs(ctx, s.viewer, s.tenant, q)
		rest := want[min(q.Page.Offset, len(want)):]
		some := rest[:min(q.Page.Limit, len(rest))]
		totals := page.Total != nil && *page.Total == int64(len(want))
		if err != nil || !slices.Equal(idsOf(page.Items), some) || totals != q.Page.Total || (page.Next != "") != (len(rest) > len(some) && len(q.Order) < 2) {
			body, _ := json.Marshal(q)
			t.Fatalf("%s\ngot  %v of %v, next %q, %v\nwant %v of %d", body, idsOf(page.Items), page.Total, page.Next, err, some, len(want))
		}
		reports, err := b.store.RunReports(ctx, s.viewer, s.tenant, q)
		if err != nil || reports.Next != page.Next || !reflect.DeepEqual(reports.Total, page.Total) || len(reports.Items) != len(page.Items) {
			t.Fatalf("of reports: %d, next %q, total %v, %v; want %d, %q, %v", len(reports.Items), reports.Next, reports.Total, err, len(page.Items), page.Next, page.Total)
		}
		for i, r := range page.Items {
			if got, want := reports.Items[i], reported(r); !reflect.DeepEqual(got, want) {
				t.Fatalf("a report: got\n%+v, want\n%+v", got, want)
			}
		}
		if page.Next == "" {
			return
		}
		// Both ways lead on from there, with a total and without.
		q.Page = outturn.Page{Limit: outturn.MaxPage, After: page.Next, Total: q.Page.Offset%2 == 0}
		after, err := b.store.Runs(ctx, s.viewer, s.tenant, q)
		if err != nil || !slices.Equal(idsOf(after.Items), rest[len(some):]) || q.Page.Total && *after.Total != int64(len(want)) {
			t.Fatalf("then %v, %v, want %v", idsOf(after.Items), err, rest[len(some):])
		}
	}
	for i, e := range comparisons(runs) {
		order := []outturn.Order{{Field: "name"}, {Field: "created_at", Desc: true}, {Field: "finished_at", Desc: i%2 == 0}, {Field: "created_at"}, {Field: "name", Desc: true}}[i%5]
		check(t, i/5%len(scopes), outturn.ListQuery{Where: e, Order: []outturn.Order{order}, Page: outturn.Page{Limit: 7, Offset: []int{0, 3, 20, 70}[i/7%4], Total: true}})
	}
	rapid.Check(t, func(r *rapid.T) {
		q := outturn.ListQuery{Page: outturn.Page{
			Limit: rapid.SampledFrom([]int{1, 7, 1000}).Draw(r, "limit"), Offset: rapid.IntRange(1, 62).Draw(r, "offset"), Total: rapid.Bool().Draw(r, "total"),
		}}
		if rapid.IntRange(0, 9).Draw(r, "filtered") > 0 {
			q.Where = drawExpr(r, runs, 3)
		}
		if by := rapid.SampledFrom([]string{"", "name", "created_at", "finished_at"}).Draw(r, "order"); by != "" {
			q.Order = []outturn.Order{{Field: by, Desc: rapid.Bool().Draw(r, "desc")}}
			if then := rapid.SampledFrom([]string{"", "name", "created_at", "finished_at"}).Draw(r, "then"); then != "" {
				q.Order = append(q.Order, outturn.Order{Field: then, Desc: rapid.Bool().Draw(r, "then desc")})
			}
		}
		check(r, rapid.IntRange(0, len(scopes)-1).Draw(r, "scope"), q)
	})
	nobody := must[outturn.List[outturn.Run]](t)(b.store.Runs(ctx, reseller.ID, "*", outturn.ListQuery{
		Where: &outturn.Expr{Op: outturn.OpEQ, Field: "tenant", Values: []string{b.root.ID}}, Page: outturn.Page{Total: true},
	}))
	if len(nobody.Items) != 0 || nobody.Total == nil || *nobody.Total != 0 {
		t.Errorf("of another tenant's there are %+v", nobody)
	}
}

// reported is what a list of reports has of a run.
func reported(r outturn.Run) outturn.Run {
	is := outturn.Run{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, State: r.State, Furthest: r.Furthest, Format: r.Format, Rhythm: r.Rhythm, Generator: r.Generator,
		CreatedAt: r.CreatedAt, FinishedAt: r.FinishedAt, FilesGoneAt: r.FilesGoneAt, Request: outturn.RunRequest{View: r.Request.View},
	}
	if r.Request.OwnView != nil {
		is.Request.View = r.Request.OwnView.Name
	}
	if w := r.Request.Window; w != nil {
		is.Request.Window = &outturn.Window{From: w.From.UTC(), To: w.To.UTC(), Zone: time.UTC}
	}
	for _, f := range r.Files[:min(1, len(r.Files))] {
		is.Files = []outturn.File{{ID: f.ID, Run: r.ID, Tenant: r.Tenant, ManifestFile: outturn.ManifestFile{Name: f.Name}, ExpiresAt: f.ExpiresAt}}
	}
	return is
}

// testOffsetsOfGenerators lists generators by what dialects ask for, each way: by
// cursors, by offsets, and with more tenants than a statement names.
func testOffsetsOfGenerators(t *testing.T, b *bench) {
	reseller := b.tenant(b.root.ID, outturn.KindReseller)
	var tenants []string
	for range 205 {
		tenants = append(tenants, b.tenant(reseller.ID, outturn.KindCustomer).ID)
	}
	var all []outturn.Generator
	for i, rhythm := range slices.Concat(outturn.Rhythms, outturn.Rhythms) {
		b.pass(time.Duration(i%2) * time.Second)
		g := outturn.Generator{Tenant: tenants[i*100%len(tenants)], State: outturn.GeneratorActive, Origin: "api"}
		g.Name, g.Request.Outputs = fmt.Sprint("g", i), []outturn.Output{{Format: []string{"csv", "xml", "json"}[i%3]}}
		g.Trigger.Kind, g.Trigger.Event = outturn.TriggerKind(rhythm), "e"
		if !slices.Contains(outturn.TriggerKinds, g.Trigger.Kind) {
			g.Trigger = outturn.Trigger{Kind: outturn.TriggerSchedule, Schedule: &outturn.Recurrence{Every: outturn.Unit(rhythm)}}
		}
		all = append(all, must[outturn.Generator](t)(b.store.CreateGenerator(ctx, g, outturn.AuditEntry{})))
	}
	for i := range all { // some become another
		if i%4 > 0 {
			continue
		}
		b.pass(time.Second)
		g := all[i]
		g.Request.Outputs = []outturn.Output{{Format: "xlsx"}}
		g.Trigger = outturn.Trigger{Kind: outturn.TriggerManual}
		all[i] = must[outturn.Generator](t)(b.store.UpdateGenerator(ctx, b.root.ID, g.ID, 1, g, outturn.AuditEntry{}))
	}
	slices.SortFunc(all, func(a, c outturn.Generator) int {
		if n := a.UpdatedAt.Compare(c.UpdatedAt); n != 0 {
			return n
		}
		return strings.Compare(a.ID, c.ID)
	})
	for _, rhythm := range append(outturn.Rhythms, "") {
		for _, format := range []string{"", "csv", "xlsx"} {
			where := &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{{Op: outturn.OpNull, Field: "rhythm"}}}
			for field, value := range map[string]string{"rhythm": string(rhythm), "format": format} {
				if value != "" {
					where = &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{where, {Op: outturn.OpEQ, Field: field, Values: []string{value}}}}
				}
			}
			fits := func(g outturn.Generator) bool {
				return (rhythm == "" || g.Trigger.Rhythm() == rhythm) && (format == "" || g.Request.Outputs[0].Format == format)
			}
			for _, viewer := range []string{b.root.ID, reseller.ID, all[0].Tenant} {
				var want []string
				for _, g := range all {
					if fits(g) && (viewer != all[0].Tenant || g.Tenant == viewer) {
						want = append(want, g.ID)
					}
				}
				for _, exact := range []bool{false, true} {
					q := outturn.ListQuery{Where: where, Order: []outturn.Order{{Field: "updated_at"}}, Page: outturn.Page{Limit: 5, Total: exact}}
					var got []string
					for more := true; more; {
						page := must[outturn.List[outturn.Generator]](t)(b.store.Generators(ctx, viewer, "*", q))
						for _, g := range page.Items {
							got = append(got, g.ID)
						}
						if exact && *page.Total != int64(len(want)) {
							t.Errorf("%s as %s: %d, want %d", rhythm, format, *page.Total, len(want))
						}
						more = page.Next != ""
						q.Page.After, q.Page.Offset = page.Next, 0
						if exact {
							q.Page.After, q.Page.Offset = "", len(got)
						}
					}
					if !slices.Equal(got, want) {
						t.Errorf("%s as %s, exact %v: got %v, want %v", rhythm, format, exact, got, want)
					}
				}
			}
		}
	}
}
