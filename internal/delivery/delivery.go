// Package delivery tells people and programs what became of runs: by e-mail, and by
// webhooks as Standard Webhooks says. What is to be told stands in the ledger, put there
// by the transaction that made it true, so that nothing is told that did not happen and
// a crash forgets nothing.
//
//	ledger ──due──► lane (2 a host, circuit breaker) ──► claim ──► compose ──► send ──► outcome
//	                                                      ▲                               │
//	                                                      └────── later, same id ◄────────┘
//
// A message may come twice, when a process dies between the sending and the note of it,
// and then under the same id: webhook-id, or Message-ID.
package delivery

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/secret"
)

// A Ledger keeps messages. Changes name the claim that makes them.
type Ledger interface {
	// DueDeliveries lists messages of a kind that may be sent now, at most each of one
	// target, so that a backlog to one hides no other.
	DueDeliveries(ctx context.Context, kind outturn.DestinationKind, limit, each int) ([]outturn.Delivery, error)
	ClaimDelivery(ctx context.Context, id, owner string, lease time.Duration) (outturn.Delivery, error)
	EndDelivery(ctx context.Context, c outturn.DeliveryClaim, o outturn.DeliveryOutcome) (outturn.Delivery, error)
	ReleaseDelivery(ctx context.Context, c outturn.DeliveryClaim) error
	// PostponeDelivery makes a message that waits due later.
	PostponeDelivery(ctx context.Context, id string, until time.Time) error
	// SweepDeliveries takes back messages whose lease is over, and those of all but others
	// where it is set: they are due again after a pause, that for the n-th time in a row,
	// or have failed where there is none.
	SweepDeliveries(ctx context.Context, others string, pauses []time.Duration) ([]outturn.Delivery, error)

	contentLedger
}

// A Config says what a Worker works with. Ledger, Blobs, Sealer, Client, BaseURL and
// Owner must be set; the zero value of the others is their default.
type Config struct {
	Ledger Ledger
	Blobs  blob.Store
	Sealer secret.Sealer
	// Client calls webhooks: one that lets nobody reach what tenants must not, such as
	// that of package guard.
	Client *http.Client
	// SMTP is nil where no mail can be sent; it then waits until it can.
	SMTP *SMTP
	// BaseURL returns what links begin with, without a slash at the end.
	BaseURL func() string
	Owner   string // names this process in the ledger; no other ever has it
	// Alone says that no other process sends, as a lock proves.
	Alone bool

	Poll     time.Duration // how often the ledger is asked what is due; 1 s
	Timeout  time.Duration // of one attempt; at most and by default 30 s
	Each     int           // attempts at once to one host or address; 2
	Webhooks int           // attempts at once to all hosts; 128
	Mails    int           // mails at once; 8
	// MostAttached is how many bytes files may have in a mail, as they are encoded there;
	// 10 MiB. Larger ones go as a link (P34).
	MostAttached int64

	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// mostTime of one attempt, whatever is set: a destination that hangs costs no more (P29).
const mostTime = 30 * time.Second

func (c Config) withDefaults() Config {
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.Timeout <= 0 || c.Timeout > mostTime {
		c.Timeout = mostTime
	}
	set := func(n *int, standard int) {
		if *n <= 0 {
			*n = standard
		}
	}
	set(&c.Each, 2)
	set(&c.Webhooks, 128)
	set(&c.Mails, 8)
	if c.MostAttached <= 0 {
		c.MostAttached = 10 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// A Worker sends messages from Start to Stop.
type Worker struct {
	Config
	composer composer
	mailer   *mailer // nil without SMTP
	lanes    *lanes

	givenUp atomic.Int64

	wake  chan struct{}
	quit  context.CancelFunc // ends the loop
	abort context.CancelFunc // ends attempts
	loop  sync.WaitGroup
	sends sync.WaitGroup
}

// New makes a Worker. Nothing is sent before Start.
func New(ctx context.Context, c Config) (*Worker, error) {
	if c.Ledger == nil || c.Blobs == nil || c.Sealer == nil || c.Client == nil || c.BaseURL == nil || c.Owner == "" {
		return nil, errors.New("delivery: a ledger, storage, sealer, client, base URL and owner are needed")
	}
	c = c.withDefaults()
	w := &Worker{Config: c, lanes: newLanes(c), wake: make(chan struct{}, 1)}
	key, err := openLinkKey(ctx, c.Ledger, c.Sealer)
	if err != nil {
		return nil, err
	}
	w.composer = composer{ledger: c.Ledger, key: key, base: c.BaseURL, now: c.Now}
	if c.SMTP != nil {
		if w.mailer, err = newMailer(*c.SMTP); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Start begins to send. What an ended process was sending is due again at once, where it
// is certain that none is left.
func (w *Worker) Start(ctx context.Context) error {
	if w.Alone {
		if err := w.sweep(ctx, w.Owner); err != nil {
			return err
		}
	}
	var loop, attempts context.Context
	loop, w.quit = context.WithCancel(context.WithoutCancel(ctx))
	attempts, w.abort = context.WithCancel(context.WithoutCancel(ctx))
	w.loop.Go(func() { w.run(loop, attempts) })
	return nil
}

// Stop begins no attempt any more and waits for those under way until ctx ends; then
// they are broken off and their messages given back. It may be called before Start, and
// twice.
func (w *Worker) Stop(ctx context.Context) error {
	if w.quit == nil {
		return nil
	}
	w.quit()
	w.loop.Wait()
	defer context.AfterFunc(ctx, w.abort)()
	w.sends.Wait()
	w.abort()
	return nil
}

// Wake hears at once, instead of within Poll, that something is due.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is going to look
	}
}

// GivenUp is how many messages this process has given up.
func (w *Worker) GivenUp() int64 { return w.givenUp.Load() }

// mostDue is how many messages of a kind one look at the ledger brings.
const mostDue = 2000

func (w *Worker) run(ctx, attempts context.Context) {
	tick := time.NewTicker(w.Poll)
	defer tick.Stop()
	for {
		w.complain(ctx, "lost deliveries were not swept", w.sweep(ctx, ""))
		w.begin(ctx, attempts, outturn.DestinationWebhook)
		w.begin(ctx, attempts, outturn.DestinationEmail)
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-tick.C:
		}
	}
}

// lostPauses are how long a message waits whose worker was lost, the first time in a row
// and so on: a server that something else ends again and again does not use them up.
var lostPauses = []time.Duration{0, 10 * time.Second, time.Minute, 5 * time.Minute}

// sweep takes back what nobody sends any more.
func (w *Worker) sweep(ctx context.Context, others string) error {
	lost, err := w.Ledger.SweepDeliveries(ctx, others, lostPauses)
	for _, d := range lost {
		if d.State == outturn.DeliveryFailed {
			w.tellGivenUp(d, outturn.DeliveryAttempt{Class: outturn.DeliveryWorkerLost})
			continue
		}
		w.Log.Warn("a delivery's worker was lost; it is tried again", "delivery", d.ID, "attempt", d.Attempt, "at", d.NextAt)
	}
	return err
}

func (w *Worker) tellGivenUp(d outturn.Delivery, last outturn.DeliveryAttempt) {
	w.givenUp.Add(1)
	w.Log.Warn("a delivery is given up", "delivery", d.ID, "event", d.Event, "kind", string(d.Kind), "attempt", d.Attempt, "class", last.Class, "status", last.Status)
}

// begin begins attempts of messages that are due, as far as there is room.
func (w *Worker) begin(ctx, attempts context.Context, kind outturn.DestinationKind) {
	if w.lanes.full(kind) {
		return
	}
	due, err := w.Ledger.DueDeliveries(ctx, kind, mostDue, w.Each)
	if err != nil {
		w.complain(ctx, "due deliveries were not listed", err)
		return
	}
	for _, d := range due {
		if ctx.Err() != nil {
			return
		}
		l, until := w.lanes.enter(d)
		if l == nil {
			if !until.IsZero() {
				w.complain(ctx, "a delivery was not postponed", w.Ledger.PostponeDelivery(ctx, d.ID, until))
			}
			continue
		}
		w.sends.Go(func() {
			defer w.Wake()
			w.lanes.leave(l, w.attempt(attempts, d.ID))
		})
	}
}

// A result is what came of trying a message.
type result struct {
	ok         bool
	status     int
	class      string
	retryAfter time.Duration
	final      bool // another try would end the same
	gone       bool // the webhook wants nothing any more
	ours       bool // it says nothing of the destination
	answers    bool // nor that the mail server is down: it will not have this one mail now
	tooLarge   bool // the mail server says so of the mail
}

// ClassInternal is the class of an attempt that failed within Outturn; the log says how.
const ClassInternal = "internal"

// leaseMore is how much longer a claim lasts than an attempt may.
const leaseMore = 30 * time.Second

// attempt claims a message and tries it.
func (w *Worker) attempt(ctx context.Context, id string) result {
	d, err := w.Ledger.ClaimDelivery(ctx, id, w.Owner, w.Timeout+leaseMore)
	if err != nil {
		if outturn.ErrorCode(err) != outturn.CodeConflict {
			w.complain(ctx, "a delivery was not claimed", err)
		}
		return result{ours: true}
	}
	begun := w.Now()
	limited, cancel := context.WithTimeout(ctx, w.Timeout)
	r, err := w.send(limited, d)
	cancel()
	noted := context.WithoutCancel(ctx)
	if ctx.Err() != nil && !r.ok {
		w.complain(noted, "a delivery was not given back", w.Ledger.ReleaseDelivery(noted, d.Claim()))
		return result{ours: true}
	}
	if err != nil {
		w.Log.Error("a delivery could not be tried", "delivery", d.ID, "attempt", d.Attempt, "error", err)
		r = result{class: ClassInternal, ours: true}
	}
	o := w.outcome(d, r, begun)
	done, err := w.Ledger.EndDelivery(noted, d.Claim(), o)
	if err != nil {
		w.complain(noted, "the outcome of a delivery was not noted", err) // the lease runs out, and it is sent again
		return r
	}
	if done.State == outturn.DeliveryFailed {
		w.tellGivenUp(d, o.Attempt)
	}
	return r
}

func (w *Worker) outcome(d outturn.Delivery, r result, begun time.Time) outturn.DeliveryOutcome {
	now := w.Now()
	o := outturn.DeliveryOutcome{
		Delivered: r.ok,
		Attempt:   outturn.DeliveryAttempt{At: begun.UTC().Truncate(time.Microsecond), Took: now.Sub(begun).Milliseconds(), Status: r.status, Class: r.class},
	}
	switch {
	case r.ok:
	case r.gone:
		o.Disable = outturn.DisabledGone
	case r.final || d.Event == outturn.WebhookTestEvent: // who tests looks at what comes of it
	default:
		if wait, again := backoff(d.ID, d.Attempt, r.retryAfter); again {
			o.RetryAt = now.Add(wait)
		} else if d.Attempt == mostAttempts && !r.ours {
			o.Disable = outturn.DisabledFailing
		}
	}
	return o
}

func (w *Worker) complain(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		w.Log.Error(what, "error", err)
	}
}

func (w *Worker) send(ctx context.Context, d outturn.Delivery) (result, error) {
	if d.Kind == outturn.DestinationEmail {
		return w.sendMail(ctx, d)
	}
	return w.sendWebhook(ctx, d)
}
