package reporting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"outturn"
	"outturn/internal/calendar"
	"outturn/internal/queue"
)

type firingLedger interface {
	// DueGenerators lists active generators that are to fire now, whosever they are;
	// NextDue tells when the next one is, zero when none will be.
	DueGenerators(ctx context.Context, most int) ([]outturn.Generator, error)
	NextDue(ctx context.Context) (time.Time, error)
	Generator(ctx context.Context, viewer, id string) (outturn.Generator, error)
	// GeneratorMaker returns the tenant whose client made a revision.
	GeneratorMaker(ctx context.Context, id string, revision int) (tenant string, err error)
	// Fire keeps what a generator fires and returns the runs that it made. It is
	// CodeVersionChanged where somebody else has fired it since it was read, or changed
	// it, and CodeConflict where it has fired for an event already.
	Fire(ctx context.Context, in outturn.FireInput) ([]outturn.Run, error)
	// NextInTurn lists the runs of the generator of a run whose turn it is.
	NextInTurn(ctx context.Context, run string) ([]outturn.Run, error)
}

// together is how many generators fire at once: their changes share a commit.
const together = 32

// FireDue fires the generators that are due, at most so many, and returns how many that
// were and when the next one is due, zero when none will be. Any number of processes may
// do so at once: each generator fires once for each time (P26). What cannot be fired now
// is due still, and in the error.
func (s *Service) FireDue(ctx context.Context, most int) (n int, next time.Time, err error) {
	due, err := s.ledger.DueGenerators(ctx, most)
	if err != nil {
		return 0, next, err
	}
	var mu sync.Mutex
	var faults []error
	var firing sync.WaitGroup
	free := make(chan struct{}, together)
	for _, g := range due {
		if ctx.Err() != nil {
			break
		}
		free <- struct{}{}
		firing.Go(func() {
			defer func() { <-free }()
			err := s.fireDue(ctx, g)
			mu.Lock()
			defer mu.Unlock()
			switch outturn.ErrorCode(err) {
			case "":
				n++
			case outturn.CodeVersionChanged: // another process was faster
			default:
				faults = append(faults, fmt.Errorf("fire generator %s: %w", g.ID, err))
			}
		})
	}
	firing.Wait()
	if next, err = s.ledger.NextDue(ctx); err != nil {
		faults = append(faults, err)
	}
	return n, next, errors.Join(append(faults, ctx.Err())...)
}

// fireDue fires one generator for all the times that it is due for.
func (s *Service) fireDue(ctx context.Context, g outturn.Generator) error {
	now := s.now()
	in := outturn.FireInput{Generator: g, Due: true, Entry: s.entry(generatorPrincipal(g), runCreate, "", "", map[string]string{"generator": g.ID, "dataset": g.Request.Dataset})}
	times, errRule := dueTimes(g, now)
	in.Next = times.next
	for _, skipped := range times.skipped {
		f := firingOf(g, outturn.CauseSchedule, skipped.at)
		f.Skipped, f.Message = skipped.why, skipped.message
		in.Firings = append(in.Firings, f)
	}
	tenant, err := s.ledger.Tenant(ctx, g.Tenant, g.Tenant)
	if err != nil {
		return err
	}
	for _, at := range times.fire {
		f := firingOf(g, outturn.CauseSchedule, at)
		var w *outturn.Window
		err := errRule
		if err == nil {
			w, err = windowOf(g, at)
		}
		f.Window = w
		if err := s.addRun(ctx, &in, tenant, f, err); err != nil {
			return err
		}
	}
	made, err := s.ledger.Fire(ctx, in)
	if err != nil {
		return err
	}
	if g.Trigger.Overlap == outturn.OverlapCancel {
		s.config.Cancel("") // the one before, whichever it was
	}
	s.ringMade(ctx, made)
	return nil
}

// generatorPrincipal is who a generator's runs are made by: itself, for its tenant,
// whoever made it and wherever they are now (P35).
func generatorPrincipal(g outturn.Generator) outturn.Principal {
	return outturn.Principal{Subject: "generator:" + g.ID, Kind: "system", Name: g.Name, Tenant: g.Tenant, Via: "generator"}
}

func firingOf(g outturn.Generator, cause outturn.Cause, at time.Time) outturn.Firing {
	return outturn.Firing{Generator: g.ID, Revision: g.Revision, Cause: cause, ScheduledFor: at}
}

// addRun adds a firing to in, with its run. Where what the generator asks for is not
// there any more, or its window (err) is none, the firing is skipped; the schedule goes
// on, and whom it would have told is told.
func (s *Service) addRun(ctx context.Context, in *outturn.FireInput, tenant outturn.Tenant, f outturn.Firing, err error) error {
	var r outturn.Run
	if err == nil {
		r, err = s.runOf(ctx, in.Generator, tenant, f, "")
	}
	switch outturn.ErrorCode(err) {
	case "":
		if err := s.hasRoom(ctx, tenant, len(in.Runs)+1); err != nil {
			if outturn.ErrorCode(err) != outturn.CodeLimit {
				return err
			}
			f.Skipped, f.Message = outturn.SkippedLimit, err.Error()
			break
		}
		r.ID = outturn.NewID(s.now().Add(time.Duration(len(in.Runs)) * time.Millisecond)) // those made together are in turn by their ids
		f.Run = r.ID
		in.Runs = append(in.Runs, r)
	case outturn.CodeInvalid, outturn.CodeDatasetInvalid, outturn.CodeNotFound:
		f.Skipped, f.Message = outturn.SkippedInvalid, err.Error()
	default:
		return err
	}
	in.Firings = append(in.Firings, f)
	return nil
}

// hasRoom is CodeLimit where a tenant that has no limit of its own has as many runs
// queued as one may. Limits of the tree are the ledger's to keep.
func (s *Service) hasRoom(ctx context.Context, tenant outturn.Tenant, n int) error {
	if tenant.Limits.Queued != nil {
		return nil
	}
	queued, _, err := s.ledger.Backlog(ctx, tenant.ID)
	if err != nil || queued+n <= s.config.Limits.Queued {
		return err
	}
	return outturn.Errorf(outturn.CodeLimit, "%d runs wait already, and %d is the most a tenant may have. Wait until some are done, or cancel some.", queued, s.config.Limits.Queued)
}

// runOf is the run of a firing, as if somebody of the generator's tenant asked for it
// now: whose rows it has, and what a view's name stands for, is what they are now.
// invoice is what the event was about. Its errors are what is wrong with the request.
func (s *Service) runOf(ctx context.Context, g outturn.Generator, tenant outturn.Tenant, f outturn.Firing, invoice string) (outturn.Run, error) {
	req := g.Request
	req.Window, req.Invoice = f.Window, invoice
	if err := s.viewAbove(ctx, g, tenant, &req); err != nil {
		return outturn.Run{}, err
	}
	var faults faults
	req, plan := s.complete(ctx, generatorPrincipal(g), tenant, req, &faults)
	checkOutputs(req, plan, &faults)
	if err := faults.err(); err != nil {
		for _, fault := range outturn.Faults(err) {
			if fault.Code != outturn.CodeInvalid && fault.Code != outturn.CodeDatasetInvalid {
				return outturn.Run{}, fault // it is no fault of the request, and may pass
			}
		}
		return outturn.Run{}, &outturn.Error{Code: outturn.CodeInvalid, Message: sentences(err)}
	}
	return outturn.Run{
		Tenant: g.Tenant, Name: cmp.Or(g.RunName, g.Name), Request: req, Rhythm: g.Trigger.Rhythm(), Generator: g.ID, Revision: f.Revision, Cause: f.Cause, ScheduledFor: f.ScheduledFor,
		Event: f.Event, InTurn: f.Cause != outturn.CauseEvent, Low: f.Cause == outturn.CauseBackfill, Deliveries: g.Deliveries,
		Origin: g.Origin, Foreign: g.Foreign, CreatedBy: "generator:" + g.ID,
	}, nil
}

// sentences are the messages of all faults in err.
func sentences(err error) (text string) {
	for _, fault := range outturn.Faults(err) {
		if text != "" {
			text += " "
		}
		text += fault.Message
	}
	return text
}

// viewAbove finds the view that a request names among those of the tenant above whose
// client made the revision of g, where it is no shipped one and not the tenant's own. The
// views of those above are not for others to name.
func (s *Service) viewAbove(ctx context.Context, g outturn.Generator, tenant outturn.Tenant, req *outturn.RunRequest) error {
	if req.View == "" || req.OwnView != nil {
		return nil
	}
	maker, err := s.ledger.GeneratorMaker(ctx, g.ID, g.Revision)
	if err != nil {
		return err
	}
	for of := tenant; of.Parent != "" && of.ID != maker; {
		if of, err = s.ledger.Tenant(ctx, of.Parent, of.Parent); err != nil {
			return err
		}
		if of.ID != maker {
			continue
		}
		found := *req
		if err := s.ownView(ctx, outturn.Principal{Tenant: maker}, tenant, &found); err == nil {
			*req = found
		}
	}
	return nil
}

// ringMade tells the workers of new runs, but for those whose turn it is not: the end of
// the one before rings them. That they could not be told undoes nothing: the sweeper
// tells them again.
func (s *Service) ringMade(ctx context.Context, made []outturn.Run) {
	if len(made) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	var ready []outturn.Run
	var err error
	if made[0].InTurn {
		ready, err = s.ledger.NextInTurn(ctx, made[0].ID)
	} else {
		ready = made
	}
	queued, running, errBacklog := s.ledger.Backlog(ctx, made[0].Tenant)
	err = errors.Join(err, errBacklog)
	for _, r := range ready {
		job := queue.Job{Run: r.ID, Tenant: r.Tenant, Class: class(queued + running - 1)}
		if r.Low {
			job.Class = queue.ClassLow
		}
		err = errors.Join(err, s.config.Queue.Ring(ctx, job))
	}
	if err != nil {
		s.config.Log.WarnContext(ctx, "The workers could not be told of runs; the sweeper will.", "generator", made[0].Generator, "error", err)
	}
}

// fireEvent makes the run of a generator for an event that it waits for, once however
// often it is asked. For a limit that is reached it is CodeLimit, where it is patient, and
// can be asked again later; else the event is skipped.
func (s *Service) fireEvent(ctx context.Context, g outturn.Generator, e outturn.Event, patient bool) error {
	p := generatorPrincipal(g)
	in := outturn.FireInput{Generator: g, Entry: s.entry(p, runCreate, "", "", map[string]string{"generator": g.ID, "event": e.ID, "dataset": g.Request.Dataset})}
	f := firingOf(g, outturn.CauseEvent, s.now())
	f.Event, f.EventKey = e.ID, e.Key()
	tenant, err := s.ledger.Tenant(ctx, g.Tenant, g.Tenant)
	if err != nil {
		return err
	}
	if g.State == outturn.GeneratorPaused {
		f.Skipped, f.Message = outturn.SkippedPaused, "It came while the generator was paused ("+g.PausedFor+")."
	} else {
		r, err := s.runOf(ctx, g, tenant, f, e.Subject)
		switch outturn.ErrorCode(err) {
		case "":
			r.ID = outturn.NewID(s.now())
			f.Run, in.Runs = r.ID, []outturn.Run{r}
		case outturn.CodeInvalid, outturn.CodeDatasetInvalid, outturn.CodeNotFound:
			f.Skipped, f.Message = outturn.SkippedInvalid, err.Error()
		default:
			return err
		}
	}
	if f.Run != "" {
		err = s.hasRoom(ctx, tenant, 1)
	}
	var made []outturn.Run
	if err == nil {
		in.Firings = []outturn.Firing{f}
		made, err = s.ledger.Fire(ctx, in)
	}
	if outturn.ErrorCode(err) == outturn.CodeLimit && !patient {
		f.Run, f.Skipped, f.Message = "", outturn.SkippedLimit, err.Error()
		in.Runs, in.Firings = nil, []outturn.Firing{f}
		made, err = s.ledger.Fire(ctx, in)
	}
	if outturn.ErrorCode(err) == outturn.CodeConflict {
		return nil // it has fired for it
	}
	if err != nil {
		return err
	}
	s.ringMade(ctx, made)
	return nil
}

// RunGenerator makes a run of a generator now, whatever its state. Its schedule stays as
// it is (P45).
func (s *Service) RunGenerator(ctx context.Context, p outturn.Principal, id, key, fingerprint string) (outturn.Run, error) {
	if err := s.permit(ctx, p, generatorRun, id); err != nil {
		return outturn.Run{}, err
	}
	k, done, err := s.useKey(p, key, fingerprint)
	if err != nil {
		return outturn.Run{}, err
	}
	defer done()
	if r, found, err := s.madeBefore(ctx, p, k); found || err != nil {
		return r, err
	}
	g, err := s.ledger.Generator(ctx, p.Tenant, id)
	if err != nil {
		return outturn.Run{}, err
	}
	if g.Trigger.Kind == outturn.TriggerEvent {
		return outturn.Run{}, outturn.Errorf(outturn.CodeConflict, "The generator makes a run for each event, of what the event is about, and there is none now. Send the event again instead.")
	}
	f := firingOf(g, outturn.CauseManual, s.now())
	zone, err := zoneOf(g)
	if err == nil {
		f.Window, err = calendar.Window(g.Window, f.ScheduledFor, zone, g.CoveredTo)
	}
	if err != nil {
		return outturn.Run{}, outturn.InField("window", err)
	}
	made, err := s.fireAsked(ctx, p, g, []outturn.Firing{f}, k, generatorRun)
	if err != nil {
		return outturn.Run{}, err
	}
	return made[0], nil
}

// fireAsked makes the runs of firings that p asked for, all or none.
func (s *Service) fireAsked(ctx context.Context, p outturn.Principal, g outturn.Generator, firings []outturn.Firing, key *outturn.IdempotencyKey, a action) ([]outturn.Run, error) {
	tenant, err := s.ledger.Tenant(ctx, p.Tenant, g.Tenant)
	if err != nil {
		return nil, err
	}
	if err := s.permitDataset(ctx, p, g.Request.Dataset, g.ID); err != nil {
		return nil, err
	}
	in := outturn.FireInput{Generator: g, Key: key, Entry: s.entry(p, a, g.Tenant, "", map[string]string{"generator": g.ID, "dataset": g.Request.Dataset})}
	for i, f := range firings {
		r, err := s.runOf(ctx, g, tenant, f, "")
		if err != nil {
			return nil, err
		}
		r.ID, r.CreatedBy = outturn.NewID(s.now().Add(time.Duration(i)*time.Millisecond)), p.Subject
		f.Run = r.ID
		in.Runs, in.Firings = append(in.Runs, r), append(in.Firings, f)
	}
	if err := s.hasRoom(ctx, tenant, len(firings)); err != nil {
		return nil, err
	}
	made, err := s.ledger.Fire(ctx, in)
	if err != nil {
		return nil, s.tellLimit(ctx, p, err)
	}
	s.ringMade(ctx, made)
	return made, nil
}
