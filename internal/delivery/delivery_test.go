package delivery_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/delivery"
	"outturn/internal/guard"
	"outturn/internal/secret"
	"outturn/internal/store"
)

func TestMain(m *testing.M) {
	if dieInChild() {
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

var none = outturn.AuditEntry{}

// A bench is a ledger with one tenant, and a clock that goes with the wall's and that a
// test moves on.
type bench struct {
	testing.TB
	store  *store.Store
	blobs  blob.Store
	keys   *secret.Keyring
	tenant outturn.Tenant
	ahead  atomic.Int64
}

func (b *bench) now() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }

func (b *bench) pass(d time.Duration) { b.ahead.Add(int64(d)) }

func newBench(tb testing.TB) *bench { return openBench(tb, tb.TempDir()) }

func openBench(tb testing.TB, dir string) *bench {
	tb.Helper()
	b := &bench{TB: tb}
	var err error
	b.store, err = store.Open(tb.Context(), store.Config{Path: filepath.Join(dir, "ledger.db"), Now: b.now})
	b.ok(err)
	tb.Cleanup(func() { b.ok(b.store.Close()) })
	b.blobs, err = blob.OpenFolder(filepath.Join(dir, "files"))
	b.ok(err)
	b.keys, err = secret.NewKeyring(make([]byte, secret.KeyBytes))
	b.ok(err)
	root, err := b.store.CreateTenant(tb.Context(), outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"}, none)
	b.ok(err)
	b.tenant, err = b.store.CreateTenant(tb.Context(), outturn.Tenant{Parent: root.ID, Kind: outturn.KindReseller, Name: "Northwind", ExternalID: "a-1"}, none)
	b.ok(err)
	return b
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// webhook makes one, and returns its secret.
func (b *bench) webhook(url string, events ...string) (outturn.Webhook, string) {
	b.Helper()
	id := outturn.NewID(b.now())
	text, keys := b.secretFor(id)
	w, err := b.store.CreateWebhook(b.Context(), outturn.Webhook{ID: id, Tenant: b.tenant.ID, Name: id, URL: url, Events: events, Enabled: true}, keys, none)
	b.ok(err)
	return w, text
}

func (b *bench) secretFor(webhook string) (string, outturn.WebhookKeys) {
	b.Helper()
	text := outturn.WebhookSecretPrefix + base64.StdEncoding.EncodeToString(secret.NewKey())
	sealed, err := b.keys.Seal(secret.ForWebhook(webhook), []byte(text))
	b.ok(err)
	return text, outturn.WebhookKeys{Sealed: sealed}
}

const fileText = "ID,AMOUNT\r\n1,2.50\r\n"

// A runEnd says what becomes of a run.
type runEnd struct {
	name    string
	invoice string
	text    string // of its file; "" is fileText
	reason  *outturn.Reason
	to      []outturn.Destination
}

// ended makes a run that has ended, which queues its messages.
func (b *bench) ended(e runEnd) outturn.Run {
	b.Helper()
	if e.name == "" {
		e.name = "July orders"
	}
	if e.text == "" {
		e.text = fileText
	}
	window, err := outturn.NewWindow("2026-07-01", "2026-08-01", time.UTC)
	b.ok(err)
	r, err := b.store.CreateRun(b.Context(), outturn.Run{
		Tenant: b.tenant.ID, Name: e.name, Origin: "api", CreatedBy: "client:1", Deliveries: e.to,
		Request: outturn.RunRequest{Dataset: "orders", Window: &window, Invoice: e.invoice, Outputs: []outturn.Output{{Format: "csv"}}},
	}, nil, none)
	b.ok(err)
	r, err = b.store.ClaimRun(b.Context(), r.ID, "runner", time.Minute)
	b.ok(err)
	if e.reason != nil {
		r, err = b.store.FailRun(b.Context(), r.Claim(), *e.reason, time.Time{})
		b.ok(err)
		return r
	}
	f := outturn.File{
		ManifestFile: outturn.ManifestFile{Name: "orders.csv", Format: "csv", MediaType: "text/csv", Rows: 1, Bytes: int64(len(e.text)), SHA256: secret.Hash(e.text)},
		Key:          fmt.Sprintf("%s/%s/1/orders.csv", r.Tenant, r.ID), ExpiresAt: b.now().Add(90 * 24 * time.Hour),
	}
	up, err := b.blobs.Create(b.Context(), f.Key)
	b.ok(err)
	defer up.Abort()
	_, err = io.WriteString(up, e.text)
	b.ok(err)
	b.ok(up.Commit(b.Context()))
	r, err = b.store.SucceedRun(b.Context(), r.Claim(), outturn.Manifest{Dataset: "orders"}, []outturn.File{f})
	b.ok(err)
	return r
}

func toHook(w outturn.Webhook) []outturn.Destination {
	return []outturn.Destination{{Kind: outturn.DestinationWebhook, Webhook: w.ID, On: outturn.DeliveryEvents}}
}

// config is of a worker that may call loopback.
func (b *bench) config() delivery.Config {
	b.Helper()
	g, err := guard.New(guard.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AllowHTTP: true})
	b.ok(err)
	return delivery.Config{
		Ledger: b.store, Blobs: b.blobs, Sealer: b.keys, Client: g.Client(), Owner: "worker", BaseURL: func() string { return "https://reports.example.com" },
		Poll: 5 * time.Millisecond, Now: b.now, Version: "test",
	}
}

// work starts a worker; the test's end breaks it off.
func (b *bench) work(c delivery.Config) *delivery.Worker {
	b.Helper()
	w, err := delivery.New(b.Context(), c)
	b.ok(err)
	b.ok(w.Start(b.Context()))
	b.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		b.ok(w.Stop(now))
	})
	return w
}

// message returns the one message of a run.
func (b *bench) message(run string) outturn.Delivery {
	b.Helper()
	list, err := b.store.Deliveries(b.Context(), b.tenant.ID, outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpEQ, Field: "run", Values: []string{run}}})
	b.ok(err)
	if len(list.Items) != 1 {
		b.Fatalf("the run has %d messages, want 1: %+v", len(list.Items), list.Items)
	}
	return list.Items[0]
}

// await waits until a message has been tried so often, or has ended.
func (b *bench) await(id string, attempts int) outturn.Delivery {
	b.Helper()
	var d outturn.Delivery
	b.wait(func() bool {
		var err error
		d, err = b.store.Delivery(b.Context(), b.tenant.ID, id)
		b.ok(err)
		return d.State != outturn.DeliverySending && (len(d.Log) >= attempts || !d.EndedAt.IsZero())
	}, func() string { return fmt.Sprintf("the message is %+v", d) })
	return d
}

// wait returns when it is so. now tells how things are when it never was.
func (b *bench) wait(is func() bool, now func() string) {
	b.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ends := time.Now().Add(25 * time.Second); !is(); <-tick.C {
		if time.Now().After(ends) {
			b.Fatal("it never came to this: " + now())
		}
	}
}

// A call is what a receiver got.
type call struct {
	header http.Header
	body   []byte
}

// A receiver answers as it is told and keeps what it got.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	answer func(w http.ResponseWriter, req *http.Request, n int)
}

func newReceiver(tb testing.TB, answer func(w http.ResponseWriter, req *http.Request, n int)) *receiver {
	tb.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.calls = append(r.calls, call{req.Header, body})
		n := len(r.calls)
		r.mu.Unlock()
		if r.answer != nil {
			r.answer(w, req, n)
		}
	}))
	tb.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// TestWebhookMessage: what a receiver gets, held against the library of the spec, over a
// failed try, a rotation and a resend.
func TestWebhookMessage(t *testing.T) {
	b := newBench(t)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	hook, first := b.webhook(r.URL)
	run := b.ended(runEnd{invoice: "0042", to: toHook(hook)})
	b.work(b.config())
	d := b.await(b.message(run.ID).ID, 1)
	if d.State != outturn.DeliveryPending || d.Log[0].Status != 500 || d.Log[0].Class != "status" {
		t.Fatalf("after a 500: %+v", d)
	}
	second, keys := b.secretFor(hook.ID)
	_, err := b.store.UpdateWebhook(t.Context(), b.tenant.ID, hook.ID, 0, func(_ *outturn.Webhook, k *outturn.WebhookKeys) error {
		*k = outturn.WebhookKeys{Sealed: keys.Sealed, Old: k.Sealed, OldUntil: b.now().Add(time.Hour)}
		return nil
	}, none)
	b.ok(err)
	b.pass(11 * time.Second)
	if d = b.await(d.ID, 2); d.State != outturn.DeliveryDelivered {
		t.Fatalf("the second try: %+v", d)
	}
	b.pass(2 * time.Hour)
	_, err = b.store.ResendDelivery(t.Context(), b.tenant.ID, d.ID, none)
	b.ok(err)
	b.await(d.ID, 3)

	calls := r.got()
	if len(calls) != 3 {
		t.Fatalf("got %d calls, want 3", len(calls))
	}
	for i, want := range [][2]bool{{true, false}, {true, true}, {false, true}} {
		for j, secret := range []string{first, second} {
			verify, err := standardwebhooks.NewWebhook(secret)
			b.ok(err)
			if err := verify.VerifyIgnoringTimestamp(calls[i].body, calls[i].header); (err == nil) != want[j] {
				t.Errorf("call %d with secret %d: %v", i, j, err)
			}
		}
		if calls[i].header.Get("Webhook-Id") != d.ID {
			t.Errorf("call %d has the id %s, want %s", i, calls[i].header.Get("Webhook-Id"), d.ID)
		}
	}
	if calls[0].header.Get("Webhook-Timestamp") == calls[1].header.Get("Webhook-Timestamp") {
		t.Error("a later try has the time of the first")
	}

	var body struct {
		Type      string
		Timestamp time.Time
		Data      struct {
			Run struct {
				ID, Name, State, Invoice string
			}
			Files []struct {
				Name, URL, SHA256 string
				Rows, Bytes       int64
				ExpiresAt         time.Time `json:"expires_at"`
			}
		}
	}
	b.ok(json.Unmarshal(calls[1].body, &body))
	if body.Type != "run.succeeded" || !body.Timestamp.Equal(d.CreatedAt) || body.Data.Run.ID != run.ID || body.Data.Run.State != "succeeded" || body.Data.Run.Invoice != "0042" || len(body.Data.Files) != 1 {
		t.Errorf("the body is %s", calls[1].body)
	}
	f := body.Data.Files[0]
	token, isLink := strings.CutPrefix(f.URL, "https://reports.example.com/f/")
	link, file, err := b.store.LinkByHash(t.Context(), secret.Hash(token))
	if !isLink || err != nil || file.ID != run.Files[0].ID || f.SHA256 != file.SHA256 || f.Rows != 1 || f.Bytes != int64(len(fileText)) {
		t.Errorf("the file is %+v: %v", f, err)
	}
	if left := link.ExpiresAt.Sub(b.now()); left < 47*time.Hour || left > 48*time.Hour {
		t.Errorf("the link lives %s more after the last try", left)
	}
	if !strings.Contains(string(calls[0].body), token) || !strings.Contains(string(calls[2].body), token) {
		t.Error("the link is another one in each try")
	}
	if strings.Contains(string(calls[1].body), "2.50") {
		t.Error("rows are in the body")
	}
}

// TestWebhookOutcomes: what becomes of a message after each way that a receiver can
// behave, and what its log tells.
func TestWebhookOutcomes(t *testing.T) {
	b := newBench(t)
	const secretText = "internal-secret"
	stranger := newReceiver(t, nil)
	tests := []struct {
		name          string
		answer        func(w http.ResponseWriter, req *http.Request, n int)
		url           string
		state         outturn.DeliveryState
		status        int
		class         string
		least, most   time.Duration
		disabled      string
		sinceDisabled bool
	}{
		{name: "OK", answer: func(w http.ResponseWriter, _ *http.Request, _ int) { fmt.Fprint(w, secretText) }, state: outturn.DeliveryDelivered, status: 200},
		{name: "Accepted", answer: func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(202) }, state: outturn.DeliveryDelivered, status: 202},
		{name: "LongAnswer", answer: func(w http.ResponseWriter, _ *http.Request, _ int) { fmt.Fprint(w, strings.Repeat("x", 1<<20)) }, state: outturn.DeliveryDelivered, status: 200},
		{name: "500", answer: func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(500); fmt.Fprint(w, secretText) }, state: outturn.DeliveryPending, status: 500, class: "status", least: 8 * time.Second, most: 11 * time.Second},
		{name: "404", answer: func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(404) }, state: outturn.DeliveryPending, status: 404, class: "status", least: 8 * time.Second, most: 11 * time.Second},
		{name: "RetryAfter", answer: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(429)
		}, state: outturn.DeliveryPending, status: 429, class: "status", least: 119 * time.Second, most: 121 * time.Second},
		{name: "RetryAfterAges", answer: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Retry-After", "99999999")
			w.WriteHeader(503)
		}, state: outturn.DeliveryPending, status: 503, class: "status", least: 5 * time.Hour, most: 6*time.Hour + time.Second},
		{name: "Gone", answer: func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(410) }, state: outturn.DeliveryFailed, status: 410, class: "status", disabled: "gone"},
		{name: "Redirect", answer: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Location", stranger.URL)
			w.WriteHeader(307)
		}, state: outturn.DeliveryPending, status: 307, class: "status", least: 8 * time.Second, most: 11 * time.Second},
		{name: "Hangs", answer: func(_ http.ResponseWriter, req *http.Request, _ int) { <-req.Context().Done() }, state: outturn.DeliveryPending, class: "timeout", least: 8 * time.Second, most: 14 * time.Second},
		{name: "ClosesInMidAnswer", answer: func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }, state: outturn.DeliveryPending, class: "protocol", least: 8 * time.Second, most: 11 * time.Second},
		{name: "Refuses", url: "http://" + unused(t), state: outturn.DeliveryPending, class: "connect", least: 8 * time.Second, most: 11 * time.Second},
		{name: "Forbidden", url: "http://169.254.169.254/latest", state: outturn.DeliveryPending, class: "refused_address", least: 8 * time.Second, most: 11 * time.Second},
		{name: "NoURL", url: "http://%zz", state: outturn.DeliveryFailed, class: "refused_address"},
		{name: "Disabled", state: outturn.DeliveryFailed, class: "disabled", sinceDisabled: true},
	}
	c := b.config()
	c.Timeout = 3 * time.Second
	type waiting struct {
		hook outturn.Webhook
		d    outturn.Delivery
	}
	var all []waiting
	for _, tt := range tests {
		url := tt.url
		if url == "" {
			url = newReceiver(t, tt.answer).URL
		}
		hook, _ := b.webhook(url)
		run := b.ended(runEnd{to: toHook(hook)})
		if tt.sinceDisabled {
			_, err := b.store.UpdateWebhook(t.Context(), b.tenant.ID, hook.ID, 0, func(w *outturn.Webhook, _ *outturn.WebhookKeys) error { w.Enabled = false; return nil }, none)
			b.ok(err)
		}
		all = append(all, waiting{hook, b.message(run.ID)})
	}
	b.work(c)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := b.await(all[i].d.ID, 1)
			a := d.Log[0]
			if d.State != tt.state || a.Status != tt.status || a.Class != tt.class {
				t.Errorf("got %s %+v, want %s %d %s", d.State, a, tt.state, tt.status, tt.class)
			}
			if wait := d.NextAt.Sub(a.At); tt.most > 0 && (wait < tt.least || wait > tt.most+time.Second) {
				t.Errorf("it waits %s, want %s to %s", wait, tt.least, tt.most)
			}
			if told, _ := json.Marshal(d); strings.Contains(string(told), secretText) {
				t.Errorf("it tells what was answered: %s", told)
			}
			hook, err := b.store.Webhook(t.Context(), b.tenant.ID, all[i].hook.ID)
			if err != nil || hook.DisabledFor != tt.disabled || hook.Enabled != (tt.disabled == "" && !tt.sinceDisabled) {
				t.Errorf("the webhook is %+v: %v", hook, err)
			}
		})
	}
	if n := len(stranger.got()); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

// over lets time pass until nobody tries a message any more.
func (b *bench) over(d outturn.Delivery) outturn.Delivery {
	b.Helper()
	b.wait(func() bool {
		if d = b.await(d.ID, 0); d.State == outturn.DeliveryPending {
			b.pass(max(0, d.NextAt.Sub(b.now())))
		}
		return !d.EndedAt.IsZero() || d.Attempt > 20
	}, func() string { return fmt.Sprintf("the message is %+v", d) })
	if d.EndedAt.IsZero() {
		b.Fatalf("it is tried for ever: %+v", d)
	}
	return d
}

// TestGivenUp tries a message until nobody tries any more, three days later, and one of
// a test once. What Outturn cannot do says nothing against a webhook.
func TestGivenUp(t *testing.T) {
	b := newBench(t)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(500) })
	hook, _ := b.webhook(r.URL)
	run := b.ended(runEnd{to: toHook(hook)})
	b.work(b.config())
	begun := b.now()
	d := b.over(b.message(run.ID))
	if took := d.EndedAt.Sub(begun); took < 60*time.Hour || took > 75*time.Hour || d.Attempt != 11 {
		t.Errorf("given up after %s and %d attempts", took, d.Attempt)
	}
	if hook, err := b.store.Webhook(t.Context(), b.tenant.ID, hook.ID); err != nil || hook.DisabledFor != outturn.DisabledFailing {
		t.Errorf("the webhook is %+v: %v", hook, err)
	}
	b.pass(time.Hour)
	test, err := b.store.TestWebhook(t.Context(), b.tenant.ID, hook.ID, none)
	b.ok(err)
	if test = b.await(test.ID, 1); test.State != outturn.DeliveryFailed || test.Log[0].Status != 500 {
		t.Errorf("a test is %+v", test)
	}

	unopened := outturn.Webhook{Tenant: b.tenant.ID, Name: "unopened", URL: r.URL + "/unopened", Enabled: true}
	unopened, err = b.store.CreateWebhook(t.Context(), unopened, outturn.WebhookKeys{Sealed: []byte("by another key")}, none)
	b.ok(err)
	run = b.ended(runEnd{to: toHook(unopened)})
	d = b.over(b.message(run.ID))
	if unopened, err = b.store.Webhook(t.Context(), b.tenant.ID, unopened.ID); err != nil || !unopened.Enabled || d.Log[0].Class != delivery.ClassInternal {
		t.Errorf("the webhook is %+v after %+v: %v", unopened, d.Log[0], err)
	}
}

// TestDeadlyMessage has each process die that sends a message: the fifth time in a row it
// is given up.
func TestDeadlyMessage(t *testing.T) {
	b := newBench(t)
	r := newReceiver(t, func(http.ResponseWriter, *http.Request, int) {})
	hook, _ := b.webhook(r.URL)
	d := b.message(b.ended(runEnd{to: toHook(hook)}).ID)
	for range 4 {
		_, err := b.store.ClaimDelivery(t.Context(), d.ID, "dead", time.Minute)
		b.ok(err)
		b.pass(time.Minute)
		_, err = b.store.SweepDeliveries(t.Context(), "", make([]time.Duration, 4))
		b.ok(err)
	}
	_, err := b.store.ClaimDelivery(t.Context(), d.ID, "dead", time.Minute)
	b.ok(err)
	c := b.config()
	c.Alone = true
	w := b.work(c)
	if d = b.await(d.ID, 5); d.State != outturn.DeliveryFailed || d.Log[4].Class != outturn.DeliveryWorkerLost || w.GivenUp() != 1 || len(r.got()) > 0 {
		t.Errorf("%d given up, got %+v", w.GivenUp(), d)
	}
}

// TestP29 has a fifth of the destinations dead, each in one of four ways and with a
// backlog, and messages to the others behind it.
func TestP29DeadDestinations(t *testing.T) {
	const destinations, each = 50, 6
	b := newBench(t)
	var mu sync.Mutex
	arrived := map[string]time.Time{}
	dead := []func(w http.ResponseWriter, req *http.Request, n int){
		func(_ http.ResponseWriter, req *http.Request, _ int) { <-req.Context().Done() },
		func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(500) },
		func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) },
	}
	var healthy []outturn.Webhook
	var sick []outturn.Webhook
	for i := range destinations {
		if i%5 != 0 {
			r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				arrived[req.Header.Get("Webhook-Id")] = time.Now()
			}))
			t.Cleanup(r.Close)
			w, _ := b.webhook(r.URL)
			healthy = append(healthy, w)
			continue
		}
		url := "http://" + unused(t)
		if n := i / 5 % 4; n < 3 {
			url = newReceiver(t, dead[n]).URL
		}
		w, _ := b.webhook(url)
		sick = append(sick, w)
	}
	for range each {
		for _, w := range sick {
			b.ended(runEnd{to: toHook(w)})
		}
	}
	made := map[string]time.Time{}
	for range each {
		for _, w := range healthy {
			run := b.ended(runEnd{to: toHook(w)})
			made[b.message(run.ID).ID] = time.Time{}
		}
	}
	begun := time.Now()
	b.work(b.config()) // with the real limit of 30 s: those that hang hang to the end of this test
	var took []time.Duration
	b.wait(func() bool {
		mu.Lock()
		defer mu.Unlock()
		took = took[:0]
		for id := range made {
			if at, ok := arrived[id]; ok {
				took = append(took, at.Sub(begun))
			}
		}
		return len(took) == len(made)
	}, func() string { return fmt.Sprintf("%d of %d arrived", len(took), len(made)) })
	slices.Sort(took)
	if p95 := took[len(took)*95/100]; p95 > 10*time.Second {
		t.Errorf("95 %% of the messages to healthy destinations arrive within %s, want 10 s", p95)
	} else {
		t.Logf("95 %% of %d messages to healthy destinations arrive within %s", len(took), p95)
	}
}

// TestP29Breaker has a destination that fails five times in a row: it is left alone for
// half a minute, then there is one try to see, and when that arrives the others follow.
func TestP29Breaker(t *testing.T) {
	b := newBench(t)
	var well atomic.Bool
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		if !well.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	sick, _ := b.webhook(r.URL)
	const messages = 20
	for range messages {
		b.ended(runEnd{to: toHook(sick)})
	}
	w := b.work(b.config())
	called := func(least, most int) {
		t.Helper()
		b.wait(func() bool { return len(r.got()) >= least }, func() string { return fmt.Sprintf("%d calls, want %d", len(r.got()), least) })
		b.passedOver(w)
		if n := len(r.got()); n < least || n > most {
			t.Fatalf("it was called %d times, want %d to %d", n, least, most)
		}
	}
	called(5, 6) // the sixth is on its way as the fifth fails
	b.pass(15 * time.Second)
	called(5, 6)
	before := len(r.got())
	b.pass(time.Minute) // as long as after a sixth failure
	called(before+1, before+1)
	well.Store(true)
	b.pass(15 * time.Minute)
	called(before+1+messages, before+1+messages)
}

// passedOver waits until a worker has looked at all that is due: what it did not begin
// by then it will not.
func (b *bench) passedOver(w *delivery.Worker) {
	b.Helper()
	healthy, _ := b.webhook(newReceiver(b, nil).URL)
	for range 3 {
		run := b.ended(runEnd{to: toHook(healthy)})
		w.Wake()
		b.await(b.message(run.ID).ID, 1)
	}
}

// TestP29OneHost: of all webhooks of one host two are called at once.
func TestP29OneHost(t *testing.T) {
	b := newBench(t)
	goOn := make(chan struct{})
	r := newReceiver(t, func(http.ResponseWriter, *http.Request, int) { <-goOn })
	var all []string
	for i := range 6 {
		hook, _ := b.webhook(r.URL + fmt.Sprint("/", i))
		all = append(all, b.message(b.ended(runEnd{to: toHook(hook)}).ID).ID)
	}
	w := b.work(b.config())
	b.passedOver(w)
	if n := len(r.got()); n != 2 {
		t.Errorf("%d are called at once", n)
	}
	close(goOn)
	for _, id := range all {
		if d := b.await(id, 1); d.State != outturn.DeliveryDelivered {
			t.Errorf("it is %+v", d)
		}
	}
}

// TestOneTenantOfMany has a tenant whose many hosts all hang, and a message of another
// behind theirs: no tenant has all the room there is.
func TestOneTenantOfMany(t *testing.T) {
	b := newBench(t)
	for range 3 {
		hook, _ := b.webhook(newReceiver(t, func(_ http.ResponseWriter, req *http.Request, _ int) { <-req.Context().Done() }).URL)
		for range 2 {
			b.ended(runEnd{to: toHook(hook)})
		}
	}
	c := b.config()
	c.Webhooks = 4
	w := b.work(c)
	for {
		sending, err := b.store.Deliveries(t.Context(), b.tenant.ID, outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpEQ, Field: "state", Values: []string{"sending"}}})
		b.ok(err)
		if len(sending.Items) > 1 {
			break
		}
	}
	var err error
	b.tenant, err = b.store.CreateTenant(t.Context(), outturn.Tenant{Parent: b.tenant.Parent, Kind: outturn.KindReseller, Name: "Other", ExternalID: "a-2"}, none)
	b.ok(err)
	hook, _ := b.webhook(newReceiver(t, func(http.ResponseWriter, *http.Request, int) {}).URL)
	run := b.ended(runEnd{to: toHook(hook)})
	w.Wake()
	if d := b.await(b.message(run.ID).ID, 1); d.State != outturn.DeliveryDelivered {
		t.Errorf("got %+v", d)
	}
}

// TestStop gives back at once what is being sent.
func TestStop(t *testing.T) {
	b := newBench(t)
	called := make(chan struct{}, 1)
	r := newReceiver(t, func(_ http.ResponseWriter, req *http.Request, _ int) {
		called <- struct{}{}
		<-req.Context().Done()
	})
	hook, _ := b.webhook(r.URL)
	run := b.ended(runEnd{to: toHook(hook)})
	w, err := delivery.New(t.Context(), b.config())
	b.ok(err)
	b.ok(w.Stop(t.Context()))
	b.ok(w.Start(t.Context()))
	<-called
	now, cancel := context.WithCancel(t.Context())
	cancel()
	b.ok(w.Stop(now))
	b.ok(w.Stop(now))
	if d := b.message(run.ID); d.State != outturn.DeliveryPending || d.Attempt != 0 || len(d.Log) != 0 {
		t.Errorf("it is %+v", d)
	}
}

// unused is an address that nobody listens at.
func unused(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ln.Close()
	return ln.Addr().String()
}
