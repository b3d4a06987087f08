package reporting_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/queue"
	"outturn/internal/reporting"
)

// An edit changes the request of input.
type edit func(in *reporting.CreateRunInput)

// formats asks for outputs.
func formats(outputs ...outturn.Output) edit {
	return func(in *reporting.CreateRunInput) { in.Request.Outputs = outputs }
}

func where(field, value string) *outturn.Expr {
	return &outturn.Expr{Op: outturn.OpEQ, Field: field, Values: []string{value}}
}

// Each fault alone: about which field it is, and what it says.
func TestCreateRunFaults(t *testing.T) {
	s := newStage(t)
	s.view("sibling", "theirs")
	s.view("own", "september")
	bare, err := s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{Parent: s.tenants["own"].ID, Kind: outturn.KindCustomer, Name: "bare"})
	must(t, err)
	day := func(from, to, zone string) edit {
		return func(in *reporting.CreateRunInput) {
			in.Window = &reporting.WindowText{From: from, To: to, Zone: zone}
		}
	}
	nine := make([]outturn.Output, 9)
	before := s.rowCounts()
	for name, tt := range map[string]struct {
		change edit
		field  string
		says   string
	}{
		"NoDataset":      {func(in *reporting.CreateRunInput) { in.Request.Dataset = "" }, "dataset", "Name the data set"},
		"Dataset":        {func(in *reporting.CreateRunInput) { in.Request.Dataset = "paymnts" }, "dataset", "Did you mean payments?"},
		"View":           {func(in *reporting.CreateRunInput) { in.Request.View = "cpm" }, "view", "Did you mean cmp"},
		"ForeignView":    {func(in *reporting.CreateRunInput) { in.Request.View = "theirs" }, "view", `no view of payments "theirs". Allowed: full, cmp, september.`},
		"OwnView":        {func(in *reporting.CreateRunInput) { in.Request.View = "septmber" }, "view", "Did you mean september?"},
		"Columns":        {func(in *reporting.CreateRunInput) { in.Request.Columns = []string{"CUSTOMER_NMAE"} }, "columns", "Did you mean CUSTOMER_NAME"},
		"ColumnTwice":    {func(in *reporting.CreateRunInput) { in.Request.Columns = []string{"INVOICES", "INVOICES"} }, "columns", "twice"},
		"ViewAndColumns": {func(in *reporting.CreateRunInput) { in.Request.View, in.Request.Columns = "cmp", []string{"INVOICES"} }, "columns", "not for both"},
		"FilterField":    {func(in *reporting.CreateRunInput) { in.Request.Where = where("CUSTOMER_NMAE", "x") }, "filter", "Did you mean CUSTOMER_NAME"},
		"FilterValue":    {func(in *reporting.CreateRunInput) { in.Request.Where = where("CUSTOMER_PAYMENT_TOTAL", "dear") }, "filter", "dear"},
		"Order":          {func(in *reporting.CreateRunInput) { in.Request.Order = []outturn.Order{{Field: "CUSTOMER_NMAE"}} }, "order", "Did you mean CUSTOMER_NAME"},
		"WindowFrom":     {day("soon", "2026-10-01", ""), "window.from", "soon"},
		"WindowTo":       {day("2026-09-01", "late", ""), "window.to", "late"},
		"WindowNoEnd":    {day("2026-09-01", "", ""), "window.to", "both from and to"},
		"WindowEmpty":    {day("2026-09-02", "2026-09-01", ""), "window", "is not before"},
		"WindowZone":     {day("2026-09-01", "2026-09-02", "Europe/Berln"), "window.zone", "Europe/Berln"},
		"WindowNoDays": {func(in *reporting.CreateRunInput) {
			in.Request.Dataset = "invoices"
			day("2026-09-01T08:00:00", "2026-09-02", "")(in)
		}, "window", "whole days"},
		"Zone":           {func(in *reporting.CreateRunInput) { in.Zone = "Mars" }, "zone", "Mars"},
		"ReportType":     {func(in *reporting.CreateRunInput) { in.Request.ReportType = "RESELER" }, "report_type", "RESELLER"},
		"NameBlank":      {func(in *reporting.CreateRunInput) { in.Name = "  " }, "name", "at most 120"},
		"NameTwoLines":   {func(in *reporting.CreateRunInput) { in.Name = "a\nb" }, "name", "one line"},
		"NameLong":       {func(in *reporting.CreateRunInput) { in.Name = strings.Repeat("é", 121) }, "name", "at most 120"},
		"NoOutput":       {formats(), "outputs", "at least one"},
		"Outputs":        {formats(nine...), "outputs", "at most 8"},
		"Format":         {formats(outturn.Output{Format: "cvs"}), "outputs[0].format", "Did you mean csv"},
		"Compression":    {formats(outturn.Output{Format: "csv"}, outturn.Output{Format: "csv", Compression: "gzp"}), "outputs[1].compression", "Did you mean gzip"},
		"Level":          {formats(outturn.Output{Format: "csv", Compression: "gzip", Level: "smal"}), "outputs[0].level", "small"},
		"Dialect":        {formats(outturn.Output{Format: "csv", Dialect: "machin"}), "outputs[0].dialect", "Did you mean machine"},
		"DialectOfJSON":  {formats(outturn.Output{Format: "json", Dialect: "machine"}), "outputs[0].dialect", "json"},
		"OutputTwice":    {formats(outturn.Output{Format: "csv"}, outturn.Output{Format: "csv", Compression: "none", Dialect: "machine"}), "outputs[1]", "number 1"},
		"NotJoined":      {func(in *reporting.CreateRunInput) { in.Tenant = bare.ID }, "tenant", "external_id"},
		"Key":            {func(in *reporting.CreateRunInput) { in.Key = strings.Repeat("k", 256) }, "Idempotency-Key", "255"},
		"KeyUnprintable": {func(in *reporting.CreateRunInput) { in.Key = "é" }, "Idempotency-Key", "ASCII"},
	} {
		t.Run(name, func(t *testing.T) {
			in := input()
			tt.change(&in)
			_, err := s.CreateRun(t.Context(), s.as(outturn.RoleManager), in)
			faults := outturn.Faults(err)
			if len(faults) != 1 {
				t.Fatalf("got %d faults: %v", len(faults), err)
			}
			if f := faults[0]; f.Code != outturn.CodeInvalid || f.Field != tt.field || !strings.Contains(f.Message, tt.says) {
				t.Errorf("got %s in %q: %s; want it in %q to say %q", f.Code, f.Field, f.Message, tt.field, tt.says)
			}
			noMarkers(t, name, nil, err)
		})
	}
	if after := s.rowCounts(); !maps.Equal(after, before) {
		t.Errorf("what was refused left something: got %v, want %v", after, before)
	}
}

// All at once, each in its field.
func TestCreateRunTellsAllFaults(t *testing.T) {
	s := newStage(t)
	in := input()
	in.Name, in.Zone = "\t", "Mars"
	in.Window = &reporting.WindowText{From: "soon", To: "late", Zone: "Venus"}
	in.Request.Columns = []string{"CUSTOMER_NMAE", "INVOICE"}
	in.Request.Where = &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{where("CUSTOMER_NMAE", "x"), where("CUSTOMER_PAYMENT_TOTAL", "dear")}}
	in.Request.Order = []outturn.Order{{Field: "NOTHING"}, {Field: "NEITHER"}}
	in.Request.ReportType = "x"
	in.Request.Outputs = []outturn.Output{{Format: "cvs"}, {Format: "csv", Compression: "gzp", Dialect: "machin"}}
	before := s.rowCounts()
	_, err := s.CreateRun(t.Context(), s.as(outturn.RoleManager), in)
	var got []string
	for _, f := range outturn.Faults(err) {
		got = append(got, f.Field)
	}
	slices.Sort(got)
	want := []string{
		"columns", "columns", "filter", "filter", "name", "order", "order", "outputs[0].format", "outputs[1].compression", "outputs[1].dialect",
		"report_type", "window.from", "window.to", "window.zone", "zone",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: %v", got, want, err)
	}
	if after := s.rowCounts(); !maps.Equal(after, before) {
		t.Errorf("it left something: got %v, want %v", after, before)
	}
}

// What a run has that nobody asked for.
func TestCreateRunFillsIn(t *testing.T) {
	s := newStage(t)
	zoned, err := s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{
		Parent: s.tenants["parent"].ID, Kind: outturn.KindReseller, Name: "Zoned", ExternalID: "7", Zone: "Europe/Warsaw", ReportType: "reseller",
	})
	must(t, err)
	for name, tt := range map[string]struct {
		change edit
		check  func(r outturn.Run) bool
	}{
		"Account":    {func(in *reporting.CreateRunInput) { in.Request.Tenant, in.Request.Everything = "1", true }, func(r outturn.Run) bool { return r.Request.Tenant == "100" && !r.Request.Everything }},
		"Of its own": {func(in *reporting.CreateRunInput) {}, func(r outturn.Run) bool { return r.Tenant == s.tenants["own"].ID && r.CreatedBy == "client:manager" }},
		"Name":       {func(in *reporting.CreateRunInput) {}, func(r outturn.Run) bool { return r.Name == "payments" }},
		"NoZone":     {func(in *reporting.CreateRunInput) {}, func(r outturn.Run) bool { return r.Request.Zone == "UTC" }},
		"No SQL":     {func(in *reporting.CreateRunInput) { in.Request.SQL = "SELECT 1" }, func(r outturn.Run) bool { return r.Request.SQL == "" }},
		"No raw window": {func(in *reporting.CreateRunInput) {
			in.Request.Window = &outturn.Window{From: day, To: day, Zone: time.UTC}
		}, func(r outturn.Run) bool { return r.Request.Window == nil }},
		"WindowInZone": {func(in *reporting.CreateRunInput) {
			in.Zone = "Asia/Tokyo"
			in.Window = &reporting.WindowText{From: "2026-09-01", To: "2026-09-02"}
		}, func(r outturn.Run) bool {
			return r.Request.Window.From.Equal(time.Date(2026, 8, 31, 15, 0, 0, 0, time.UTC))
		}},
		"TenantsZone": {func(in *reporting.CreateRunInput) { in.Tenant = zoned.ID }, func(r outturn.Run) bool {
			return r.Request.Zone == "Europe/Warsaw" && r.Request.ReportType == "RESELLER"
		}},
		"ZoneOverTenant": {func(in *reporting.CreateRunInput) { in.Tenant, in.Zone = zoned.ID, "UTC" }, func(r outturn.Run) bool { return r.Request.Zone == "UTC" }},
	} {
		t.Run(name, func(t *testing.T) {
			in, p := input(), s.as(outturn.RoleManager)
			tt.change(&in)
			if in.Tenant != "" {
				p.Tenant = s.tenants["parent"].ID
			}
			r, err := s.CreateRun(t.Context(), p, in)
			must(t, err)
			kept, err := s.Run(t.Context(), p, r.ID)
			must(t, err)
			if !tt.check(r) || asJSON(t, kept) != asJSON(t, r) {
				t.Errorf("got %+v, and it is kept as %+v", r, kept)
			}
		})
	}
	in := input()
	r, err := s.CreateRun(t.Context(), s.operator(), in)
	if err != nil || !r.Request.Everything || r.Request.Tenant != "" {
		t.Errorf("for the provider: got %+v, %v, want everything", r.Request, err)
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return string(text)
}

// ringer notes what rings.
type ringer struct {
	jobs []queue.Job
	err  error
}

func (r *ringer) Ring(_ context.Context, j queue.Job) error {
	r.jobs = append(r.jobs, j)
	return r.err
}

// The first runs of a tenant ring before those of one who has many, and one that
// nobody could be told of is there all the same.
func TestRing(t *testing.T) {
	bell := &ringer{}
	s := newStage(t, func(c *reporting.Config) { c.Queue = bell })
	for range 22 {
		s.queued("own")
	}
	s.queued("child")
	var classes []int
	for _, j := range bell.jobs {
		classes = append(classes, j.Class)
	}
	want := append(append(make([]int, 3), slices.Repeat([]int{1}, 17)...), 2, 2, 0)
	if !slices.Equal(classes, want) {
		t.Errorf("got classes %v, want %v", classes, want)
	}
	// A backfill rings after all others, one run at a time, even of a tenant that has none.
	bell.jobs = nil
	_, past, err := s.Backfill(t.Context(), s.operator(), reporting.BackfillInput{Generator: s.generator("parent").ID, From: "2026-06-01", To: "2026-09-01"})
	must(t, err)
	if want := (queue.Job{Run: past[0].ID, Tenant: s.tenants["parent"].ID, Class: queue.ClassLow}); len(past) != 3 || len(bell.jobs) != 1 || bell.jobs[0] != want {
		t.Errorf("a backfill of %d runs rings %+v, want %+v", len(past), bell.jobs, want)
	}
	bell.err = errors.New("nobody hears")
	r := s.queued("sibling")
	if _, err := s.Run(t.Context(), s.operator(), r.ID); err != nil || !strings.Contains(s.log.String(), "nobody hears") {
		t.Errorf("got %v, and the log %s", err, s.log)
	}
}

func TestRunLimit(t *testing.T) {
	s := newStage(t, func(c *reporting.Config) { c.Limits.Queued = 2 })
	ctx, p, in := t.Context(), s.as(outturn.RoleManager), input()
	first, err := s.CreateRun(ctx, p, in)
	must(t, err)
	in.Key = "second"
	second, err := s.CreateRun(ctx, p, in)
	must(t, err)
	again, err := s.CreateRun(ctx, p, in)
	if err != nil || again.ID != second.ID {
		t.Errorf("the same again where the limit is reached: got %v, %v", again.ID, err)
	}
	before := s.rowCounts()
	_, err = s.CreateRun(ctx, p, input())
	wantCode(t, "a third", err, outturn.CodeLimit)
	_, err = s.RetryRun(ctx, p, s.cancelled(first).ID, "", "")
	must(t, err)
	_, err = s.RetryRun(ctx, p, first.ID, "", "")
	wantCode(t, "a third by retry", err, outturn.CodeLimit)
	if after := s.rowCounts(); after["runs"] != before["runs"]+1 {
		t.Errorf("got %d runs, want %d", after["runs"], before["runs"]+1)
	}
	s.queued("sibling") // which has a limit of its own
}

// cancelled cancels a run.
func (s *stage) cancelled(r outturn.Run) outturn.Run {
	s.t.Helper()
	r, err := s.CancelRun(s.t.Context(), s.operator(), r.ID)
	must(s.t, err)
	return r
}

func TestIdempotency(t *testing.T) {
	s := newStage(t)
	ctx, p, other := t.Context(), s.as(outturn.RoleManager), s.as(outturn.RoleAdmin)
	in := input()
	in.Window = &reporting.WindowText{From: "2026-09-01", To: "2026-10-01", Zone: "Europe/Warsaw"}
	in.Foreign = json.RawMessage(`{"their":"words"}`)
	in.Key, in.Fingerprint = strings.Repeat("k", 255), "a"

	wrong := in
	wrong.Request.View = "cpm"
	_, err := s.CreateRun(ctx, p, wrong)
	wantCode(t, "with a fault", err, outturn.CodeInvalid)

	first, err := s.CreateRun(ctx, p, in)
	must(t, err)
	before := s.rowCounts()
	s.clock.advance(time.Hour)
	again, err := s.CreateRun(ctx, p, in)
	if err != nil || asJSON(t, again) != asJSON(t, first) || string(again.Foreign) != string(first.Foreign) {
		t.Errorf("the same again: got %s, %v, want %s", asJSON(t, again), err, asJSON(t, first))
	}
	in.Fingerprint = "b"
	_, err = s.CreateRun(ctx, p, in)
	wantCode(t, "another request", err, outturn.CodeKeyReused)
	_, err = s.RetryRun(ctx, p, first.ID, in.Key, "c")
	wantCode(t, "a retry with the key of a create", err, outturn.CodeKeyReused)
	if after := s.rowCounts(); !maps.Equal(after, before) {
		t.Errorf("saying it again left something: got %v, want %v", after, before)
	}

	theirs, err := s.CreateRun(ctx, other, in)
	if err != nil || theirs.ID == first.ID {
		t.Errorf("the same key of somebody else: got %s, %v", theirs.ID, err)
	}
	in.Fingerprint = "a"
	ended := s.cancelled(first)
	again, err = s.CreateRun(ctx, p, in)
	if err != nil || again.ID != first.ID || again.State != ended.State {
		t.Errorf("when it has ended: got %+v, %v", again, err)
	}

	retried, err := s.RetryRun(ctx, p, first.ID, "r", "r")
	must(t, err)
	again, err = s.RetryRun(ctx, p, first.ID, "r", "r")
	if err != nil || asJSON(t, again) != asJSON(t, retried) {
		t.Errorf("the same retry: got %+v, %v, want %+v", again, err, retried)
	}

	s.clock.advance(24 * time.Hour)
	anew, err := s.CreateRun(ctx, p, in)
	if err != nil || anew.ID == first.ID {
		t.Errorf("after a day: got %s, %v, want another", anew.ID, err)
	}
}

// waitingLedger lets no run be made until it is let.
type waitingLedger struct {
	reporting.Ledger
	come, let chan struct{}
}

func (l waitingLedger) Backlog(ctx context.Context, tenant string) (int, int, error) {
	l.come <- struct{}{}
	select {
	case <-l.let:
	case <-ctx.Done():
		return 0, 0, context.Cause(ctx)
	}
	return l.Ledger.Backlog(ctx, tenant)
}

// What a key has made goes with its tenant: after a move the first request that came
// with it is no way to see the run.
func TestIdempotencyAfterMove(t *testing.T) {
	s := newStage(t)
	p, in := s.as(outturn.RoleManager), input()
	in.Tenant, in.Key, in.Fingerprint = s.tenants["child"].ID, "k", "f"
	r, err := s.CreateRun(t.Context(), p, in)
	must(t, err)
	_, err = s.CancelRun(t.Context(), p, r.ID)
	must(t, err)
	_, err = s.RetryRun(t.Context(), p, r.ID, "again", "f")
	must(t, err)
	_, err = s.MoveTenant(t.Context(), s.operator(), s.tenants["child"].ID, s.tenants["sibling"].ID)
	must(t, err)
	_, err = s.CreateRun(t.Context(), p, in)
	wantCode(t, "created again", err, outturn.CodeNotFound)
	_, err = s.RetryRun(t.Context(), p, r.ID, "again", "f")
	wantCode(t, "repeated again", err, outturn.CodeNotFound)
}

func TestIdempotencyInFlight(t *testing.T) {
	l := waitingLedger{come: make(chan struct{}, 3), let: make(chan struct{})}
	s := newStage(t, func(c *reporting.Config) { l.Ledger = c.Ledger; c.Ledger = l })
	in := input()
	in.Key, in.Fingerprint = "k", "a"
	var first outturn.Run
	var wait sync.WaitGroup
	wait.Go(func() { first, _ = s.CreateRun(t.Context(), s.as(outturn.RoleManager), in) })
	<-l.come
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := s.CreateRun(soon, s.as(outturn.RoleManager), in)
	wantCode(t, "while the first is not answered", err, outturn.CodeKeyInFlight)
	close(l.let)
	wait.Wait()
	again, err := s.CreateRun(t.Context(), s.as(outturn.RoleManager), in)
	if err != nil || again.ID != first.ID {
		t.Errorf("when it is answered: got %s, %v, want %s", again.ID, err, first.ID)
	}
}

func TestRetry(t *testing.T) {
	s := newStage(t)
	ctx, p := t.Context(), s.as(outturn.RoleManager)
	in := input()
	in.Window = &reporting.WindowText{From: "2026-09-01", To: "2026-10-01"}
	in.Request.View, in.Name = "mine", "September"
	mine := s.view("own", "mine")
	old, err := s.CreateRun(ctx, p, in)
	must(t, err)
	_, err = s.RetryRun(ctx, p, old.ID, "", "")
	wantCode(t, "a queued one", err, outturn.CodeConflict)
	_, err = s.RetryRun(ctx, p, s.running("own").ID, "", "")
	wantCode(t, "a running one", err, outturn.CodeConflict)
	must(t, s.DeleteView(ctx, p, mine.ID, mine.Version))
	s.cancelled(old)
	s.clock.advance(40 * 24 * time.Hour)
	r, err := s.RetryRun(ctx, p, old.ID, "", "")
	must(t, err)
	if r.ID == old.ID || r.RetryOf != old.ID || r.State != outturn.RunQueued || r.Name != old.Name || r.Tenant != old.Tenant ||
		asJSON(t, r.Request) != asJSON(t, old.Request) || r.Request.OwnView == nil {
		t.Errorf("got %+v, want it as %+v", r, old)
	}
	if kept, err := s.Run(ctx, p, old.ID); err != nil || kept.State != outturn.RunCancelled {
		t.Errorf("the old one: got %s, %v", kept.State, err)
	}
}

func TestCancel(t *testing.T) {
	s := newStage(t)
	ctx, p := t.Context(), s.as(outturn.RoleManager)
	waiting, err := s.CancelRun(ctx, p, s.queued("own").ID)
	if err != nil || waiting.State != outturn.RunCancelled || waiting.CancelledBy != p.Subject || !waiting.FinishedAt.Equal(s.clock.Now()) {
		t.Errorf("a queued one: got %+v, %v", waiting, err)
	}
	busy, err := s.CancelRun(ctx, p, s.running("own").ID)
	if err != nil || busy.State != outturn.RunRunning || busy.CancelledBy != p.Subject || !busy.CancelAt.Equal(s.clock.Now()) {
		t.Errorf("a running one: got %+v, %v", busy, err)
	}
	if a, b := <-s.told, <-s.told; a != waiting.ID || b != busy.ID {
		t.Errorf("the runner was told of %s and %s", a, b)
	}
	before := s.rowCounts()
	for _, r := range []outturn.Run{waiting, busy} {
		again, err := s.CancelRun(ctx, s.as(outturn.RoleAdmin), r.ID)
		if err != nil || asJSON(t, again) != asJSON(t, r) {
			t.Errorf("again: got %+v, %v", again, err)
		}
	}
	_, err = s.CancelRun(ctx, p, s.succeeded("own").ID)
	wantCode(t, "one that has succeeded", err, outturn.CodeConflict)
	if after := s.rowCounts(); after["audit"] != before["audit"]+1 { // the create of the last one
		t.Errorf("the audit got %d entries", after["audit"]-before["audit"])
	}
}

func TestDelete(t *testing.T) {
	s := newStage(t)
	ctx, p := t.Context(), s.as(outturn.RoleManager)
	for _, r := range []outturn.Run{s.queued("own"), s.running("own")} {
		wantCode(t, "a "+string(r.State)+" one", s.DeleteRun(ctx, p, r.ID), outturn.CodeConflict)
	}
	r, kept := s.succeeded("own"), s.succeeded("own")
	must(t, s.DeleteRun(ctx, p, r.ID))
	must(t, s.DeleteRun(ctx, p, r.ID)) // which changes nothing more
	gone, err := s.Run(ctx, p, r.ID)
	if err != nil || gone.State != outturn.RunSucceeded || len(gone.Files) != 0 || !gone.FilesGoneAt.Equal(s.clock.Now()) {
		t.Errorf("the run: got %+v, %v", gone, err)
	}
	if _, err := s.files.Open(ctx, r.Files[0].Key); outturn.ErrorCode(err) != outturn.CodeNotFound {
		t.Errorf("its bytes: got %v", err)
	}
	_, err = s.File(ctx, p, r.Files[0].ID)
	wantCode(t, "its file", err, outturn.CodeNotFound)
	_, content, err := s.OpenFile(ctx, p, kept.Files[0].ID, "")
	must(t, err)
	must(t, content.Close())
}
