package reporting

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/calendar"
)

// A specCompiler turns what a client wants of a generator into what is kept: every
// default is filled in, and every fault noted.
type specCompiler struct {
	service *Service
	tenant  outturn.Tenant
	old     outturn.Generator // zero but for its tenant, of a new one
	now     time.Time
	faults  *faults

	next   time.Time // when it fires next
	failed error     // the ledger did not answer
}

// compile returns the spec that is kept, and when it fires next. They are of worth only
// where there are no faults.
func (c *specCompiler) compile(ctx context.Context, p outturn.Principal, spec outturn.GeneratorSpec) (outturn.GeneratorSpec, time.Time) {
	f := c.faults
	f.name("name", spec.Name)
	if spec.RunName != "" {
		f.name("run_name", spec.RunName)
	}
	zone := c.zone(&spec)
	c.trigger(ctx, p, &spec.Trigger, zone)
	window := c.window(&spec)
	c.deliveries(ctx, spec.Deliveries)

	req := spec.Request
	req.Window = window
	if spec.Trigger.Kind == outturn.TriggerEvent {
		req.Window = nil
		c.invoice(req.Dataset)
	}
	made, plan := c.service.complete(ctx, p, c.tenant, req, f)
	checkOutputs(made, plan, f)

	// What it says is kept, such as the name of a view, and what that stands for is
	// looked up at each firing; whose rows it has is never the client's to say.
	if spec.Request.ReportType != "" { // else it is the tenant's, or derived, at each firing
		spec.Request.ReportType = made.ReportType
	}
	spec.Request.Tenant, spec.Request.Everything, spec.Request.Window, spec.Request.SQL, spec.Request.Invoice = "", false, nil, "", ""
	return spec, c.next
}

// zone fills in the zone of the reports, and returns what a trigger has that names none:
// it is the report's, which is that of the trigger, or of the tenant (P23).
func (c *specCompiler) zone(spec *outturn.GeneratorSpec) string {
	own := ""
	switch t := spec.Trigger; {
	case t.Kind == outturn.TriggerSchedule && t.Schedule != nil:
		own = t.Schedule.Zone
	case t.Kind == outturn.TriggerOnce:
		own = t.Zone
	}
	name := spec.Request.Zone
	if name == "" {
		name = own
	}
	if name == "" {
		name = c.service.Zone(c.tenant)
	}
	zone, err := outturn.LoadZone(name)
	if err != nil {
		if spec.Request.Zone != "" || own == "" { // else it is told of the trigger
			c.faults.add("zone", err)
		}
		zone = time.UTC // the rest can be looked at all the same
	}
	spec.Request.Zone = zone.String()
	return zone.String()
}

func (c *specCompiler) trigger(ctx context.Context, p outturn.Principal, t *outturn.Trigger, zone string) {
	c.foreign(*t)
	switch t.Kind {
	case outturn.TriggerSchedule:
		c.schedule(ctx, p, t, zone)
	case outturn.TriggerOnce:
		c.once(t, zone)
	case outturn.TriggerEvent:
		c.event(t)
	case outturn.TriggerManual:
	default:
		c.faults.add("trigger.kind", unknownOf("kind of trigger", t.Kind, outturn.TriggerKinds))
	}
}

// foreign notes what a trigger has that one of its kind has not.
func (c *specCompiler) foreign(t outturn.Trigger) {
	for _, m := range []struct {
		name  string
		given bool
		kinds []outturn.TriggerKind
	}{
		{"at", t.At != "", []outturn.TriggerKind{outturn.TriggerOnce}},
		{"zone", t.Zone != "", []outturn.TriggerKind{outturn.TriggerOnce}},
		{"schedule", t.Schedule != nil, []outturn.TriggerKind{outturn.TriggerSchedule}},
		{"catch_up", t.CatchUp != "", []outturn.TriggerKind{outturn.TriggerSchedule}},
		{"catch_up_hours", t.CatchUpHours != 0, []outturn.TriggerKind{outturn.TriggerSchedule}},
		{"overlap", t.Overlap != "", []outturn.TriggerKind{outturn.TriggerSchedule}},
		{"event", t.Event != "", []outturn.TriggerKind{outturn.TriggerEvent}},
		{"scope", t.Scope != "", []outturn.TriggerKind{outturn.TriggerEvent}},
	} {
		if m.given && slices.Contains(outturn.TriggerKinds, t.Kind) && !slices.Contains(m.kinds, t.Kind) {
			c.faults.addf("trigger."+m.name, "A trigger of the kind %s has no %s; one of the kind %s has.", t.Kind, m.name, m.kinds[0])
		}
	}
}

// mostCatchUpHours is a year.
const mostCatchUpHours = 366 * 24

func (c *specCompiler) schedule(ctx context.Context, p outturn.Principal, t *outturn.Trigger, zone string) {
	f := c.faults
	if t.CatchUp == "" {
		t.CatchUp = outturn.CatchUps[0]
	}
	if t.Overlap == "" {
		t.Overlap = outturn.Overlaps[0]
	}
	if t.CatchUpHours == 0 {
		t.CatchUpHours = outturn.DefaultCatchUpHours
	}
	if !slices.Contains(outturn.CatchUps, t.CatchUp) {
		f.add("trigger.catch_up", unknownOf("catch-up", t.CatchUp, outturn.CatchUps))
	}
	if !slices.Contains(outturn.Overlaps, t.Overlap) {
		f.add("trigger.overlap", unknownOf("policy of overlap", t.Overlap, outturn.Overlaps))
	}
	if t.CatchUpHours < 0 || t.CatchUpHours > mostCatchUpHours {
		f.addf("trigger.catch_up_hours", "Missed firings are looked for up to %d hours back, which is a year; 0 is a week.", mostCatchUpHours)
	}
	if t.Schedule == nil {
		f.addf("trigger.schedule", "Say when it fires: every day, week or month, or a cron expression.")
		return
	}
	r := *t.Schedule // the caller's stays as it is
	t.Schedule = &r
	if r.Zone == "" {
		r.Zone = zone
	}
	rule, err := calendar.New(r)
	f.add("trigger.schedule", err)
	if err != nil {
		return
	}
	r.Zone = rule.Zone().String()
	if same(*t, c.old.Trigger) {
		return // it was found good, whatever the limits have become
	}
	field := "trigger.schedule.every"
	if r.Every == outturn.UnitCron {
		field = "trigger.schedule.cron"
	}
	f.add(field, c.tooOften(ctx, p, rule.Gap()))
	next, fires := rule.Next(c.now)
	if !fires {
		f.addf("trigger.schedule.end", "It has fired for the last time already. Give it an end that is to come.")
	}
	c.next = next
}

// tooOften says that firings with that gap are nearer to each other than the server
// permits, or the tenant's limit, or one above.
func (c *specCompiler) tooOften(ctx context.Context, p outturn.Principal, gap time.Duration) error {
	above, err := c.service.ledger.LimitsAbove(ctx, p.Tenant, c.tenant.ID)
	if err != nil {
		c.failed = err
		return nil
	}
	perDay := c.tenant.Limits.Firings
	for _, l := range above {
		if l.Kind == outturn.LimitFirings && (perDay == nil || *l.Most < *perDay) {
			perDay = l.Most
		}
	}
	const day = 24 * time.Hour
	least, why := c.service.config.Limits.Interval, ""
	switch {
	case perDay == nil:
	case *perDay == 0:
		return outturn.Errorf(outturn.CodeInvalid, "The tenant may have no schedules: its limit %s, or that of one above, is 0.", outturn.LimitFirings)
	case day/time.Duration(*perDay) > least: // else the server's is the longer
		least = (day / time.Duration(*perDay)).Truncate(time.Second)
		why = fmt.Sprintf(": the limit %s of the tenant, or of one above, is %d", outturn.LimitFirings, *perDay)
	}
	if gap >= least {
		return nil
	}
	return outturn.Errorf(outturn.CodeInvalid, "It fires every %s at times, and a schedule here may fire once in %s at most%s.", spanText(gap), spanText(least), why)
}

// spanText writes a duration without the units that are zero at its end.
func spanText(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if before, ok := strings.CutSuffix(text, zero); ok {
			text = before + zero[:1]
		}
	}
	return text
}

func (c *specCompiler) once(t *outturn.Trigger, zone string) {
	if old := c.old.Trigger; t.At == "" && old.Kind == outturn.TriggerOnce {
		*t = old // "now" was said once
		return
	}
	if t.Zone == "" {
		t.Zone = zone
	}
	loc, err := outturn.LoadZone(t.Zone)
	atOnce := t.At == ""
	if err == nil {
		t.Zone = loc.String()
		if atOnce {
			t.At = c.now.In(loc).Format(time.RFC3339)
		}
	}
	at, err := calendar.Once(t.At, t.Zone)
	switch {
	case err != nil:
		c.faults.add("trigger", err)
	case same(*t, c.old.Trigger): // it may be over
	case !atOnce && !at.After(c.now):
		c.faults.addf("trigger.at", "%s is over. Give it a time that is to come, or none for now.", at.In(loc).Format(time.RFC3339))
	}
	c.next = at
}

func (c *specCompiler) event(t *outturn.Trigger) {
	if t.Scope == "" {
		t.Scope = outturn.Scopes[0]
	}
	if !slices.Contains(outturn.Scopes, t.Scope) {
		c.faults.add("trigger.scope", outturn.Unknown("scope of events", t.Scope, outturn.Scopes))
	}
	types := []string{outturn.EventInvoiceIssued}
	switch {
	case t.Event == "":
		c.faults.addf("trigger.event", "Say which events it waits for, such as %s.", types[0])
	case !slices.Contains(types, t.Event):
		c.faults.add("trigger.event", outturn.Unknown("type of event", t.Event, types))
	}
}

// invoice notes that a data set cannot be selected by what an event is about.
func (c *specCompiler) invoice(dataset string) {
	d, err := c.service.config.Catalog.Dataset(dataset)
	if err == nil && d.Invoice == "" {
		c.faults.addf("dataset", "The data set %s does not say which of its fields is the invoice, so a run of it cannot be of one. Choose another data set, or another trigger.", d.Name)
	}
}

// window checks the rule for windows and returns the one of the next firing, that the
// data set is held against.
func (c *specCompiler) window(spec *outturn.GeneratorSpec) *outturn.Window {
	w := &spec.Window
	if w.Kind == "" {
		w.Kind = outturn.WindowAll
	}
	if err := calendar.CheckWindow(*w); err != nil {
		c.faults.add("window", err)
		return nil
	}
	if spec.Trigger.Kind == outturn.TriggerEvent && w.Kind != outturn.WindowAll {
		c.faults.addf("window.kind", "A run of an event is about one invoice, whenever that was: its window is %s.", outturn.WindowAll)
		return nil
	}
	at := c.next
	if kind := spec.Trigger.Kind; at.IsZero() && len(*c.faults) > 0 && kind != outturn.TriggerManual {
		return nil // when it fires is not known
	}
	if at.IsZero() {
		at = c.now
	}
	cut, err := windowOf(outturn.Generator{GeneratorSpec: *spec, CoveredTo: c.old.CoveredTo}, at)
	c.faults.add("window", err)
	return cut
}

// mostDeliveries is how many destinations one generator tells.
const mostDeliveries = 20

func (c *specCompiler) deliveries(ctx context.Context, list []outturn.Destination) {
	f := c.faults
	if len(list) > mostDeliveries {
		f.addf("deliveries", "A generator tells at most %d destinations, and these are %d.", mostDeliveries, len(list))
		return
	}
	for i, d := range list {
		field := fmt.Sprintf("deliveries[%d]", i)
		err := d.Validate()
		f.add(field, err)
		if err == nil && d.Kind == outturn.DestinationWebhook {
			f.add(field+".webhook", c.webhook(ctx, d.Webhook))
		}
	}
}

// webhook says that the generator's tenant has no such webhook. Whether another has one
// is nobody's business.
func (c *specCompiler) webhook(ctx context.Context, id string) error {
	w, err := c.service.ledger.Webhook(ctx, c.tenant.ID, id)
	if outturn.ErrorCode(err) == outturn.CodeNotFound || err == nil && w.Tenant != c.tenant.ID {
		return outturn.Errorf(outturn.CodeInvalid, "The tenant has no webhook %s. Make it first, and name it by its id.", outturn.Shown(id))
	}
	if err != nil {
		c.failed = err
	}
	return nil
}

// unknownOf is outturn.Unknown for words that have a type.
func unknownOf[T ~string](kind string, word T, allowed []T) error {
	var names []string
	for _, a := range allowed {
		names = append(names, string(a))
	}
	return outturn.Unknown(kind, string(word), names)
}
