package reporting

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"outturn"
	"outturn/internal/calendar"
)

type generatorLedger interface {
	// CreateGenerator keeps a new one. A name that its tenant has already is
	// CodeConflict in the field name.
	CreateGenerator(ctx context.Context, g outturn.Generator, entry outturn.AuditEntry) (outturn.Generator, error)
	Generator(ctx context.Context, viewer, id string) (outturn.Generator, error)
	// GeneratorByName returns a tenant's own; CodeNotFound.
	GeneratorByName(ctx context.Context, tenant, name string) (outturn.Generator, error)
	Generators(ctx context.Context, viewer, tenant string, q outturn.ListQuery) (outturn.List[outturn.Generator], error)
	// UpdateGenerator replaces spec, state and next time of one that still has the
	// revision, else it is CodeVersionChanged. It is the next revision then.
	UpdateGenerator(ctx context.Context, viewer, id string, revision int, g outturn.Generator, entry outturn.AuditEntry) (outturn.Generator, error)
	// Settle returns when what was read before is on the disk.
	Settle(ctx context.Context) error
	SwitchGenerator(ctx context.Context, viewer, id string, state outturn.GeneratorState, next time.Time, entry outturn.AuditEntry) (outturn.Generator, error)
	DeleteGenerator(ctx context.Context, viewer, id string, revision int, entry outturn.AuditEntry) error
	// Webhook returns one that viewer sees; CodeNotFound.
	Webhook(ctx context.Context, viewer, id string) (outturn.Webhook, error)
	Firings(ctx context.Context, viewer, generator string, q outturn.ListQuery) (outturn.List[outturn.Firing], error)
}

// A GeneratorInput is a generator as a client wants it: a new one, or all of what one is
// to become.
type GeneratorInput struct {
	Tenant string // id of whose; "" is the principal's own
	// Spec is without what has a default, such as zones, which is filled in here.
	Spec outturn.GeneratorSpec
	// Faults are what the edge could not understand. They are told with all else.
	Faults error

	Origin  string          // the edge
	Foreign json.RawMessage // what it wants back
}

// A Forecast is one firing to come.
type Forecast struct {
	At     time.Time
	Window *outturn.Window // nil: all there is
	// Skipped says why it will not take place, as a sentence.
	Skipped string
}

// MostForecasts is how many firings to come are told at once.
const MostForecasts = 100

// Applied says what became of a generator that was applied.
type Applied string

const (
	AppliedCreated   Applied = "created"
	AppliedChanged   Applied = "changed"
	AppliedUnchanged Applied = "unchanged"
)

// A GeneratorDraft is a generator as it would be kept, and when it would fire next.
type GeneratorDraft struct {
	outturn.Generator
	Upcoming []Forecast
}

// forecastsOfDraft is how many firings to come a draft has.
const forecastsOfDraft = 12

// CreateGenerator keeps a new generator. From then on it fires.
func (s *Service) CreateGenerator(ctx context.Context, p outturn.Principal, in GeneratorInput) (outturn.Generator, error) {
	g, err := s.newGenerator(ctx, p, in)
	if err != nil {
		return g, err
	}
	g.ID = outturn.NewID(s.now())
	made, err := s.ledger.CreateGenerator(ctx, g, s.entry(p, generatorCreate, g.Tenant, g.ID, specDetail(outturn.GeneratorSpec{}, g.GeneratorSpec)))
	if err != nil {
		return made, s.tellLimit(ctx, p, err)
	}
	s.fireAtOnce(ctx, made)
	s.config.Due()
	return made, nil
}

// fireAtOnce makes the run of a generator that is to fire now before who made it is
// answered: it may ask for that run next. What does not come of it here the scheduler
// does.
func (s *Service) fireAtOnce(ctx context.Context, g outturn.Generator) {
	if g.State != outturn.GeneratorActive || g.NextAt.IsZero() || g.NextAt.After(s.now()) {
		return
	}
	if err := s.fireDue(ctx, g); err != nil && outturn.ErrorCode(err) != outturn.CodeVersionChanged {
		s.config.Log.WarnContext(ctx, "A generator did not fire as it was made; the scheduler will see to it.", "generator", g.ID, "error", err)
	}
}

// DraftGenerator is CreateGenerator that keeps nothing.
func (s *Service) DraftGenerator(ctx context.Context, p outturn.Principal, in GeneratorInput) (GeneratorDraft, error) {
	return s.draft(s.newGenerator(ctx, p, in))
}

func (s *Service) draft(g outturn.Generator, err error) (GeneratorDraft, error) {
	if err != nil {
		return GeneratorDraft{}, err
	}
	list, err := s.forecast(g, forecastsOfDraft)
	return GeneratorDraft{g, list}, err
}

// newGenerator is a generator without an id, that nobody has kept yet.
func (s *Service) newGenerator(ctx context.Context, p outturn.Principal, in GeneratorInput) (outturn.Generator, error) {
	if err := s.permit(ctx, p, generatorCreate, in.Tenant); err != nil {
		return outturn.Generator{}, err
	}
	tenant, err := s.tenantOf(ctx, p, in.Tenant)
	if err != nil {
		return outturn.Generator{}, err
	}
	if err := s.permitDataset(ctx, p, in.Spec.Request.Dataset, tenant.ID); err != nil {
		return outturn.Generator{}, err
	}
	now := s.now()
	g := outturn.Generator{
		Tenant: tenant.ID, Revision: 1, State: outturn.GeneratorActive, Origin: in.Origin, Foreign: in.Foreign,
		CreatedBy: p.Subject, CreatedAt: now, UpdatedAt: now,
	}
	err = s.specify(ctx, p, tenant, &g, in)
	return g, err
}

// specify checks what a client wants of g, which is new or as it was, and makes it g's.
func (s *Service) specify(ctx context.Context, p outturn.Principal, tenant outturn.Tenant, g *outturn.Generator, in GeneratorInput) error {
	var f faults
	f.add("", in.Faults)
	c := specCompiler{service: s, tenant: tenant, old: *g, now: s.now(), faults: &f}
	spec, next := c.compile(ctx, p, in.Spec)
	if c.failed != nil {
		return c.failed
	}
	taken, err := s.nameTaken(ctx, g, spec.Name)
	switch {
	case err != nil:
		return err
	case taken != nil && len(f) == 0:
		return taken
	case taken != nil:
		f.add("", taken)
	}
	if err := f.err(); err != nil {
		return err
	}
	again := !same(spec.Trigger, g.Trigger)
	goesOn := spec.Trigger.Kind == outturn.TriggerSchedule && g.Trigger.Kind == outturn.TriggerSchedule
	g.GeneratorSpec = spec
	switch {
	case !again: // what is due stays due
	case g.State == outturn.GeneratorDone:
		g.State, g.NextAt = outturn.GeneratorActive, next
	case g.State == outturn.GeneratorDisabled:
	case !goesOn, g.NextAt.IsZero(), g.NextAt.After(c.now): // else it is due by what it was until now
		g.NextAt = next
	}
	return nil
}

// nameTaken says that another generator of the tenant has the name of g.
func (s *Service) nameTaken(ctx context.Context, g *outturn.Generator, name string) (taken, err error) {
	if !isName(name) {
		return nil, nil
	}
	other, err := s.ledger.GeneratorByName(ctx, g.Tenant, name)
	switch {
	case outturn.ErrorCode(err) == outturn.CodeNotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case other.ID == g.ID:
		return nil, nil
	}
	return outturn.InField("name", outturn.Errorf(outturn.CodeConflict, "There is a generator %s already. Choose another name, or change that one.", outturn.Shown(name))), nil
}

// same says of two parts of a spec that they are kept alike.
func same[T any](a, b T) bool {
	textA, _ := json.Marshal(a) // of texts and numbers
	textB, _ := json.Marshal(b)
	return bytes.Equal(textA, textB)
}

// specDetail is what the audit has of a change: each member that became another, as
// JSON.
func specDetail(was, is outturn.GeneratorSpec) map[string]string {
	members := func(spec outturn.GeneratorSpec) (m map[string]json.RawMessage) {
		text, _ := json.Marshal(spec) // of texts and numbers
		_ = json.Unmarshal(text, &m)
		return m
	}
	detail := map[string]string{"name": is.Name}
	before, after := members(was), members(is)
	for name := range before {
		if after[name] == nil {
			detail[name] = "null"
		}
	}
	for name, value := range after {
		if name != "name" && string(value) != string(before[name]) {
			detail[name] = string(value)
		}
	}
	if was.Name != "" && was.Name != is.Name {
		detail["name_before"] = was.Name
	}
	return detail
}

// Generator returns a generator as it is now.
func (s *Service) Generator(ctx context.Context, p outturn.Principal, id string) (outturn.Generator, error) {
	if err := s.permit(ctx, p, generatorRead, id); err != nil {
		return outturn.Generator{}, err
	}
	return s.ledger.Generator(ctx, p.Tenant, id)
}

// Generators lists those of a tenant: "" is the principal's own, "*" also all below it.
func (s *Service) Generators(ctx context.Context, p outturn.Principal, tenant string, q outturn.ListQuery) (outturn.List[outturn.Generator], error) {
	whose := tenant
	if whose == "*" {
		whose = ""
	}
	if err := s.permit(ctx, p, generatorList, whose); err != nil {
		return outturn.List[outturn.Generator]{}, err
	}
	return s.ledger.Generators(ctx, p.Tenant, tenant, q)
}

// UpdateGenerator makes a new revision of a generator that is still the one that was
// read, else it is CodeVersionChanged. Runs that there are keep the revision that they
// were made by. Where nothing is different there is no new revision. What the edge that
// made it wants back stays, unless the input has something else.
func (s *Service) UpdateGenerator(ctx context.Context, p outturn.Principal, id string, revision int, in GeneratorInput) (outturn.Generator, error) {
	g, was, err := s.redraft(ctx, p, id, revision, in)
	if err != nil {
		return g, err
	}
	again := in.Foreign == nil || bytes.Equal(in.Foreign, g.Foreign)
	if again && same(g.GeneratorSpec, was) {
		return g, s.ledger.Settle(ctx) // who has made it so may be waiting yet
	}
	if !again {
		g.Foreign = in.Foreign
	}
	changed, err := s.ledger.UpdateGenerator(ctx, p.Tenant, id, revision, g, s.entry(p, generatorUpdate, g.Tenant, id, specDetail(was, g.GeneratorSpec)))
	if err == nil {
		s.config.Due()
	}
	return changed, err
}

// DraftUpdate is UpdateGenerator that keeps nothing.
func (s *Service) DraftUpdate(ctx context.Context, p outturn.Principal, id string, revision int, in GeneratorInput) (GeneratorDraft, error) {
	g, was, err := s.redraft(ctx, p, id, revision, in)
	if err == nil && !same(g.GeneratorSpec, was) {
		g.Revision++
	}
	return s.draft(g, err)
}

// redraft is a generator as it is to be, and what it was.
func (s *Service) redraft(ctx context.Context, p outturn.Principal, id string, revision int, in GeneratorInput) (g outturn.Generator, was outturn.GeneratorSpec, err error) {
	if err := s.permit(ctx, p, generatorUpdate, id); err != nil {
		return g, was, err
	}
	g, err = s.ledger.Generator(ctx, p.Tenant, id)
	if err != nil {
		return g, was, err
	}
	if g.Revision != revision {
		return g, was, outturn.Errorf(outturn.CodeVersionChanged, "The generator is at revision %d now, and %d was read. Read it again.", g.Revision, revision)
	}
	tenant, err := s.tenantOf(ctx, p, g.Tenant)
	if err != nil {
		return g, was, err
	}
	if in.Tenant != "" && in.Tenant != g.Tenant {
		in.Faults = outturn.JoinFaults(append([]error{in.Faults}, outturn.InField("tenant", outturn.Errorf(outturn.CodeInvalid, "A generator stays with its tenant. Make another one."))))
	}
	for _, dataset := range []string{g.Request.Dataset, in.Spec.Request.Dataset} {
		if err := s.permitDataset(ctx, p, dataset, id); err != nil {
			return g, was, err
		}
	}
	was = g.GeneratorSpec
	err = s.specify(ctx, p, tenant, &g, in)
	return g, was, err
}

// ApplyGenerator makes the generator of that name what the input says: a new one, a new
// revision, or nothing where it is so already. So it can be repeated (P26).
func (s *Service) ApplyGenerator(ctx context.Context, p outturn.Principal, in GeneratorInput) (outturn.Generator, Applied, error) {
	for try := 1; ; try++ {
		g, applied, err := s.applyGenerator(ctx, p, in)
		code := outturn.ErrorCode(err)
		if code != outturn.CodeConflict && code != outturn.CodeVersionChanged || try == 3 {
			return g, applied, err
		}
		// Somebody else made or changed it meanwhile.
	}
}

func (s *Service) applyGenerator(ctx context.Context, p outturn.Principal, in GeneratorInput) (outturn.Generator, Applied, error) {
	old, found, err := s.named(ctx, p, in)
	if err != nil {
		return old, "", err
	}
	if !found {
		g, err := s.CreateGenerator(ctx, p, in)
		return g, AppliedCreated, err
	}
	g, err := s.UpdateGenerator(ctx, p, old.ID, old.Revision, in)
	return g, appliedTo(old, g), err
}

// DraftApply is ApplyGenerator that keeps nothing.
func (s *Service) DraftApply(ctx context.Context, p outturn.Principal, in GeneratorInput) (GeneratorDraft, Applied, error) {
	old, found, err := s.named(ctx, p, in)
	if err != nil {
		return GeneratorDraft{}, "", err
	}
	if !found {
		d, err := s.DraftGenerator(ctx, p, in)
		return d, AppliedCreated, err
	}
	d, err := s.DraftUpdate(ctx, p, old.ID, old.Revision, in)
	return d, appliedTo(old, d.Generator), err
}

// named looks the generator up that has the name of an input already.
func (s *Service) named(ctx context.Context, p outturn.Principal, in GeneratorInput) (g outturn.Generator, found bool, err error) {
	if err := s.permit(ctx, p, generatorCreate, in.Tenant); err != nil {
		return g, false, err
	}
	tenant, err := s.tenantOf(ctx, p, in.Tenant)
	if err != nil {
		return g, false, err
	}
	g, err = s.ledger.GeneratorByName(ctx, tenant.ID, in.Spec.Name)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		return g, false, nil
	}
	return g, err == nil, err
}

func appliedTo(was, is outturn.Generator) Applied {
	if was.Revision == is.Revision {
		return AppliedUnchanged
	}
	return AppliedChanged
}

// DeleteGenerator takes a generator away whose revision is still the one that was read.
// Its runs and the record of its firings stay.
func (s *Service) DeleteGenerator(ctx context.Context, p outturn.Principal, id string, revision int) error {
	if err := s.permit(ctx, p, generatorDelete, id); err != nil {
		return err
	}
	g, err := s.ledger.Generator(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	return s.ledger.DeleteGenerator(ctx, p.Tenant, id, revision, s.entry(p, generatorDelete, g.Tenant, id, map[string]string{"name": g.Name}))
}

// EnableGenerator lets a generator fire that was switched off, from now on: what it
// would have fired for meanwhile is over.
func (s *Service) EnableGenerator(ctx context.Context, p outturn.Principal, id string) (outturn.Generator, error) {
	if err := s.permit(ctx, p, generatorEnable, id); err != nil {
		return outturn.Generator{}, err
	}
	g, err := s.ledger.Generator(ctx, p.Tenant, id)
	if err != nil {
		return g, err
	}
	switch g.State {
	case outturn.GeneratorActive:
		return g, nil
	case outturn.GeneratorPaused:
		return g, outturn.Errorf(outturn.CodeConflict, "The generator is paused (%s) and goes on by itself when that is over.", g.PausedFor)
	}
	next, fires := nextFiring(g.GeneratorSpec, s.now())
	if !fires {
		return g, outturn.Errorf(outturn.CodeConflict, "The generator has nothing left to fire for. Give it another time, or an end that is to come.")
	}
	g, err = s.ledger.SwitchGenerator(ctx, p.Tenant, id, outturn.GeneratorActive, next, s.entry(p, generatorEnable, g.Tenant, id, map[string]string{"name": g.Name}))
	if err == nil {
		s.config.Due()
	}
	return g, err
}

// DisableGenerator keeps a generator from firing until it is enabled again. Runs that it
// has made go on, and it can still be run by hand.
func (s *Service) DisableGenerator(ctx context.Context, p outturn.Principal, id string) (outturn.Generator, error) {
	if err := s.permit(ctx, p, generatorDisable, id); err != nil {
		return outturn.Generator{}, err
	}
	g, err := s.ledger.Generator(ctx, p.Tenant, id)
	if err != nil || g.State == outturn.GeneratorDisabled {
		return g, err
	}
	return s.ledger.SwitchGenerator(ctx, p.Tenant, id, outturn.GeneratorDisabled, time.Time{}, s.entry(p, generatorDisable, g.Tenant, id, map[string]string{"name": g.Name}))
}

// GeneratorRuns lists the runs that a generator has made.
func (s *Service) GeneratorRuns(ctx context.Context, p outturn.Principal, id string, q outturn.ListQuery) (outturn.List[outturn.Run], error) {
	g, err := s.Generator(ctx, p, id)
	if err != nil {
		return outturn.List[outturn.Run]{}, err
	}
	its := &outturn.Expr{Op: outturn.OpEQ, Field: "generator", Values: []string{id}}
	if q.Where != nil {
		its = &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{its, q.Where}}
	}
	q.Where = its
	return s.ledger.Runs(ctx, p.Tenant, g.Tenant, q)
}

// Firings lists each time that a generator fired, or was to.
func (s *Service) Firings(ctx context.Context, p outturn.Principal, id string, q outturn.ListQuery) (outturn.List[outturn.Firing], error) {
	if err := s.permit(ctx, p, generatorRead, id); err != nil {
		return outturn.List[outturn.Firing]{}, err
	}
	return s.ledger.Firings(ctx, p.Tenant, id, q)
}

// Upcoming returns the next n firings of a generator with the window of each: those
// that there will be, or would be where it is not active. There are none of one that
// waits for events or for somebody.
func (s *Service) Upcoming(ctx context.Context, p outturn.Principal, id string, n int) (outturn.Generator, []Forecast, error) {
	if n < 1 || n > MostForecasts {
		return outturn.Generator{}, nil, outturn.InField("n", outturn.Errorf(outturn.CodeInvalid, "From 1 to %d firings to come can be told.", MostForecasts))
	}
	g, err := s.Generator(ctx, p, id)
	if err != nil {
		return g, nil, err
	}
	list, err := s.forecast(g, n)
	return g, list, err
}

// forecast returns the next n firings of a generator, as if each run succeeded.
func (s *Service) forecast(g outturn.Generator, n int) ([]Forecast, error) {
	list := []Forecast{}
	for after := s.now(); len(list) < n; {
		at, fires := nextFiring(g.GeneratorSpec, after)
		if !fires || at.IsZero() {
			break
		}
		f := Forecast{At: at}
		w, err := windowOf(g, at)
		switch {
		case outturn.ErrorCode(err) == outturn.CodeInvalid:
			f.Skipped = err.Error()
		case err != nil:
			return nil, err
		case w != nil:
			f.Window, g.CoveredTo = w, w.To
		}
		list = append(list, f)
		after = at
	}
	return list, nil
}

// nextFiring is when a spec, which is sound, fires next by itself: zero where it waits
// for something else, false where it never does again.
func nextFiring(spec outturn.GeneratorSpec, after time.Time) (next time.Time, fires bool) {
	switch t := spec.Trigger; t.Kind {
	case outturn.TriggerSchedule:
		rule, err := calendar.New(*t.Schedule)
		if err != nil {
			return time.Time{}, false
		}
		return rule.Next(after)
	case outturn.TriggerOnce:
		at, err := calendar.Once(t.At, t.Zone)
		return at, err == nil && at.After(after)
	}
	return time.Time{}, true
}
