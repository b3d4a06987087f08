package delivery_test

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
// which it kills itself. While mail is sent its server kills it.
const (
	dieIn    = "OUTTURN_TEST_DIE_IN"
	dieAt    = "OUTTURN_TEST_DIE_AT"
	dieMails = "OUTTURN_TEST_DIE_MAILS" // the port of its mail server
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
	port, _ := strconv.Atoi(os.Getenv(dieMails))
	w, err := delivery.New(ctx, delivery.Config{
		SMTP:   &delivery.SMTP{Host: "127.0.0.1", Port: port, Security: delivery.SecurityNone, From: "reports@example.com"},
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
	t.Run("Webhook", func(t *testing.T) {
		dir := t.TempDir()
		b := openBench(t, dir)
		r := newReceiver(t, nil)
		want := b.killed(dir, 0, func() []outturn.Destination {
			hook, _ := b.webhook(r.URL)
			return toHook(hook)
		}, func(int, *exec.Cmd) {})
		b.delivered(want, b.config())
		arrived(t, want, r.got(), func(c call) string { return c.header.Get("Webhook-Id") })
	})
	t.Run("Mail", func(t *testing.T) {
		dir := t.TempDir()
		b := openBench(t, dir)
		server, _ := newMailServer(t, delivery.SecurityNone)
		want := b.killed(dir, server.port, func() []outturn.Destination { return toAddress(outturn.Destination{}) }, func(at int, child *exec.Cmd) {
			server.onStep(func(step int) {
				if step == at {
					_ = child.Process.Kill()
				}
			})
		})
		server.onStep(nil)
		c := b.config()
		c.SMTP = &delivery.SMTP{Host: server.host, Port: server.port, Security: delivery.SecurityNone, From: "reports@example.com"}
		b.delivered(want, c)
		arrived(t, want, server.mails(), func(m gotMail) string {
			h, _, _, _ := read(t, m.text)
			id, _, _ := strings.Cut(strings.TrimPrefix(h.Get("Message-Id"), "<"), "@")
			return id
		})
	})
}

// killed queues a message for each step of a delivery and has a process die at it. It
// returns the ids of the messages. started is called when a process was.
func (b *bench) killed(dir string, port int, to func() []outturn.Destination, started func(step int, child *exec.Cmd)) map[string]bool {
	b.Helper()
	rounds := 1
	if os.Getenv("OUTTURN_TEST_CHAOS") != "" {
		rounds = 20
	}
	want := map[string]bool{}
	for range rounds {
		for step := range steps {
			want[b.message(b.ended(runEnd{to: to()}).ID).ID] = true
			var out bytes.Buffer
			child := exec.CommandContext(b.Context(), os.Args[0])
			child.Env = append(os.Environ(), dieIn+"="+dir, dieAt+"="+strconv.Itoa(step), dieMails+"="+strconv.Itoa(port))
			child.Stdout, child.Stderr = &out, &out
			b.ok(child.Start())
			started(step, child)
			err := child.Wait()
			if status, is := child.ProcessState.Sys().(syscall.WaitStatus); !is || !status.Signaled() || status.Signal() != syscall.SIGKILL {
				b.Fatalf("step %d: the process ended with %v\n%s", step, err, &out)
			}
		}
	}
	return want
}

// delivered has a process that lives deliver what those that died have left.
func (b *bench) delivered(want map[string]bool, c delivery.Config) {
	b.Helper()
	c.Alone = true
	b.work(c)
	for id := range want {
		if d := b.over(b.await(id, 0)); d.State != outturn.DeliveryDelivered {
			b.Errorf("%s is %+v", id, d)
		}
	}
}

// arrived checks that each message that was wanted came, and no other.
func arrived[T any](t *testing.T, want map[string]bool, got []T, id func(T) string) {
	t.Helper()
	times := map[string]int{}
	for _, one := range got {
		times[id(one)]++
	}
	for id := range times {
		if !want[id] {
			t.Errorf("%s arrived, and was never queued", id)
		}
	}
	for id := range want {
		if times[id] == 0 {
			t.Errorf("%s never arrived", id)
		}
	}
}
