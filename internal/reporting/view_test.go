package reporting_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"outturn"
)

// draft is a view without a fault.
func draft(name string) outturn.SavedView {
	return outturn.SavedView{View: outturn.View{Name: name, Dataset: "payments", Columns: []outturn.ViewColumn{{Field: "INVOICES"}}}}
}

func TestViewFaults(t *testing.T) {
	s := newStage(t)
	kept := s.view("own", "kept")
	s.view("sibling", "theirs")
	before := s.rowCounts()
	for name, tt := range map[string]struct {
		change func(v *outturn.SavedView)
		fields []string
		code   outturn.Code
		says   string
	}{
		"NoName":      {func(v *outturn.SavedView) { v.Name = "" }, []string{"name"}, outturn.CodeInvalid, "Give the view a name"},
		"Name":        {func(v *outturn.SavedView) { v.Name = "a b" }, []string{"name"}, outturn.CodeInvalid, "letters, digits"},
		"ShippedName": {func(v *outturn.SavedView) { v.Name = "CMP" }, []string{"name"}, outturn.CodeInvalid, "has a view cmp already"},
		"Taken":       {func(v *outturn.SavedView) { v.Name = "kept" }, []string{"name"}, outturn.CodeConflict, "kept"},
		"NoDataset":   {func(v *outturn.SavedView) { v.Dataset = "" }, []string{"dataset"}, outturn.CodeInvalid, "Name the data set"},
		"Dataset":     {func(v *outturn.SavedView) { v.Dataset = "paymnts" }, []string{"dataset"}, outturn.CodeInvalid, "Did you mean payments?"},
		"NoColumns":   {func(v *outturn.SavedView) { v.Columns = nil }, []string{"columns"}, outturn.CodeInvalid, "at least one"},
		"Description": {func(v *outturn.SavedView) { v.Description = "\xff" }, []string{"description"}, outturn.CodeInvalid, "without control characters"},
		"Language":    {func(v *outturn.SavedView) { v.Translations = map[string]string{"es": "Breve", "in Spanish": "Breve"} }, []string{"translations"}, outturn.CodeInvalid, `"in Spanish" is no language`},
		"Translation": {func(v *outturn.SavedView) { v.Translations = map[string]string{"es": "a\nb"} }, []string{"translations"}, outturn.CodeInvalid, "language es"},
		"All": {func(v *outturn.SavedView) {
			v.Name, v.Columns = "", []outturn.ViewColumn{{Field: "INVOICE"}, {Field: "CUSTOMER_NMAE"}}
		}, []string{"columns", "columns", "name"}, outturn.CodeInvalid, "Did you mean CUSTOMER_NAME?"},
	} {
		v := draft("new")
		tt.change(&v)
		for what, try := range map[string]func() error{
			"create": func() error { _, err := s.CreateView(t.Context(), s.as(outturn.RoleManager), v); return err },
			"update": func() error {
				_, err := s.UpdateView(t.Context(), s.as(outturn.RoleManager), s.spareView(t).ID, 1, v)
				return err
			},
		} {
			if what == "update" && (name == "NoDataset" || name == "Dataset") {
				continue // it stays what it was
			}
			err := try()
			var fields []string
			for _, f := range outturn.Faults(err) {
				fields = append(fields, f.Field)
			}
			slices.Sort(fields)
			if outturn.ErrorCode(err) != tt.code || !slices.Equal(fields, tt.fields) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s, %s: got %q in %v: %v", name, what, outturn.ErrorCode(err), fields, err)
			}
		}
	}
	before["views"]++ // the spare one
	before["audit"]++
	if after := s.rowCounts(); !maps.Equal(after, before) {
		t.Errorf("what was refused left something: got %v, want %v", after, before)
	}
	theirs := draft("theirs") // is another's name, and free
	if _, err := s.CreateView(t.Context(), s.as(outturn.RoleManager), theirs); err != nil {
		t.Errorf("a name that a sibling has: %v", err)
	}
	if v, err := s.View(t.Context(), s.as(outturn.RoleViewer), kept.ID); err != nil || v.Version != 1 {
		t.Errorf("the one that was there: got %+v, %v", v, err)
	}
}

// spareView is a view of own to change, always the same.
func (s *stage) spareView(t testing.TB) outturn.SavedView {
	t.Helper()
	v, err := s.ledger.ViewByName(t.Context(), s.tenants["own"].ID, "payments", "spare")
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		v = s.view("own", "spare")
	}
	return v
}

// Of two who read the same version one is told that it is not that any more.
func TestViewVersions(t *testing.T) {
	s := newStage(t)
	ctx, p := t.Context(), s.as(outturn.RoleManager)
	v, err := s.CreateView(ctx, p, draft("mine"))
	if err != nil || v.Version != 1 || v.CreatedBy != p.Subject || v.Tenant != s.tenants["own"].ID {
		t.Fatalf("got %+v, %v", v, err)
	}
	next := draft("ours")
	next.Dataset = ""
	changed, err := s.UpdateView(ctx, p, v.ID, 1, next)
	if err != nil || changed.Version != 2 || changed.Name != "ours" || changed.Dataset != "payments" || !changed.CreatedAt.Equal(v.CreatedAt) || changed.CreatedBy != v.CreatedBy {
		t.Errorf("got %+v, %v", changed, err)
	}
	_, err = s.UpdateView(ctx, p, v.ID, 1, next)
	wantCode(t, "update of what was", err, outturn.CodeVersionChanged)
	wantCode(t, "delete of what was", s.DeleteView(ctx, p, v.ID, 1), outturn.CodeVersionChanged)
	moved := next
	moved.Dataset = "invoices"
	_, err = s.UpdateView(ctx, p, v.ID, 2, moved)
	wantCode(t, "to another data set", err, outturn.CodeInvalid)
	if kept, err := s.View(ctx, p, v.ID); err != nil || asJSON(t, kept) != asJSON(t, changed) {
		t.Errorf("it is kept as %+v, %v", kept, err)
	}
	must(t, s.DeleteView(ctx, p, v.ID, 2))
	_, err = s.View(ctx, p, v.ID)
	wantCode(t, "a deleted one", err, outturn.CodeNotFound)
	wantCode(t, "delete again", s.DeleteView(ctx, p, v.ID, 2), outturn.CodeNotFound)
}

// A run keeps the view it was made with. Whose view a name means: the tenant's of
// the run, then that of who asks; never one from beside or above.
func TestViewOfARun(t *testing.T) {
	s := newStage(t)
	ctx, p := t.Context(), s.as(outturn.RoleManager)
	mine := s.view("own", "mine")
	s.view("own", "both")
	s.view("child", "both")
	s.view("parent", "above")
	in := input()
	in.Request.View = "mine"
	r, err := s.CreateRun(ctx, p, in)
	must(t, err)
	must(t, s.DeleteView(ctx, p, mine.ID, 1))
	r, err = s.Run(ctx, p, r.ID)
	if err != nil || r.Request.OwnView == nil || r.Request.OwnView.Description != markers["own"] {
		t.Errorf("got %+v, %v", r.Request, err)
	}
	for name, tt := range map[string]struct{ view, tenant, want string }{
		"TheTenants": {"both", "child", markers["child"]},
		"TheAskers":  {"both", "own", markers["own"]},
		"Deleted":    {"mine", "own", ""},
		"Above":      {"above", "own", ""},
		"InCapitals": {"BOTH", "own", ""},
	} {
		in := input()
		in.Tenant, in.Request.View = s.tenants[tt.tenant].ID, tt.view
		r, err := s.CreateRun(ctx, p, in)
		if tt.want == "" {
			wantCode(t, name, err, outturn.CodeInvalid)
			continue
		}
		if err != nil || r.Request.OwnView.Description != tt.want {
			t.Errorf("%s: got %+v, %v", name, r.Request.OwnView, err)
		}
	}
	d, err := s.Dataset(ctx, p, "payments")
	if err != nil || !slices.Equal(d.Views, []string{"full", "cmp", "both"}) {
		t.Errorf("the views of the data set: got %v, %v", d.Views, err)
	}
}
