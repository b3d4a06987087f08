package delivery_test

import (
	"context"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/delivery"
	"outturn/internal/guard"
	"outturn/internal/secret"
	"outturn/internal/store"
)

// Of a process that is to die, these name the folder that it works in and the step at
// which it kills itself.
const (
	dieIn = "OUTTURN_TEST_DIE_IN"
	dieAt = "OUTTURN_TEST_DIE_AT"
)

// The steps of a delivery.
const (
	beforeClaim = iota
	afterClaim
	beforeSending
	afterSending
	afterNoting
	steps
)

// A dying ledger and transport kill the process, as kill -9 does, at one step.
type dying struct {
	*store.Store
	next http.RoundTripper
	at   int
}

func (d dying) die(step int) {
	if d.at == step {
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {}
	}
}

func (d dying) ClaimDelivery(ctx context.Context, id, owner string, lease time.Duration) (outturn.Delivery, error) {
	d.die(beforeClaim)
	claimed, err := d.Store.ClaimDelivery(ctx, id, owner, lease)
	d.die(afterClaim)
	return claimed, err
}

func (d dying) EndDelivery(ctx context.Context, c outturn.DeliveryClaim, o outturn.DeliveryOutcome) (outturn.Delivery, error) {
	done, err := d.Store.EndDelivery(ctx, c, o)
	d.die(afterNoting)
	return done, err
}

func (d dying) RoundTrip(req *http.Request) (*http.Response, error) {
	d.die(beforeSending)
	res, err := d.next.RoundTrip(req)
	d.die(afterSending)
	return res, err
}

// dieInChild works, and dies, where this is the process that shall.
func dieInChild() bool {
	dir := os.Getenv(dieIn)
	if dir == "" {
		return false
	}
	step, _ := strconv.Atoi(os.Getenv(dieAt))
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "ledger.db")})
	must(err)
	blobs, err := blob.OpenFolder(filepath.Join(dir, "files"))
	must(err)
	keys, err := secret.NewKeyring(make([]byte, secret.KeyBytes))
	must(err)
	g, err := guard.New(guard.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AllowHTTP: true})
	must(err)
	d := dying{Store: s, next: g.Client().Transport, at: step}
	w, err := delivery.New(ctx, delivery.Config{
		Ledger: d, Blobs: blobs, Sealer: keys, Client: &http.Client{Transport: d}, Owner: outturn.NewID(time.Now()), Alone: true,
		BaseURL: func() string { return "https://reports.example.com" }, Poll: 5 * time.Millisecond,
	})
	must(err)
	must(w.Start(ctx))
	select {}
}

// TestFaultKilled kills the process at every step of a delivery, again and again: each
// message arrives at least once, and never under another id.
func TestFaultKilled(t *testing.T) {
	rounds := 1
	if os.Getenv("OUTTURN_TEST_CHAOS") != "" {
		rounds = 20
	}
	dir := t.TempDir()
	b := openBench(t, dir)
	r := newReceiver(t, nil)
	want := map[string]bool{}
	for range rounds {
		for step := range steps {
			hook, _ := b.webhook(r.URL)
			want[b.message(b.ended(runEnd{to: toHook(hook)}).ID).ID] = true
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), dieIn+"="+dir, dieAt+"="+strconv.Itoa(step))
			out, err := child.CombinedOutput()
			if status, is := child.ProcessState.Sys().(syscall.WaitStatus); !is || !status.Signaled() || status.Signal() != syscall.SIGKILL {
				t.Fatalf("step %d: the process ended with %v\n%s", step, err, out)
			}
		}
	}
	c := b.config()
	c.Alone = true
	b.work(c)
	for id := range want {
		if d := b.await(id, 1); d.State != outturn.DeliveryDelivered {
			t.Errorf("%s is %+v", id, d)
		}
	}
	arrived := map[string]int{}
	for _, call := range r.got() {
		arrived[call.header.Get("Webhook-Id")]++
	}
	for id := range arrived {
		if !want[id] {
			t.Errorf("%s arrived, and was never queued", id)
		}
	}
	for id := range want {
		if arrived[id] == 0 {
			t.Errorf("%s never arrived", id)
		}
	}
}
