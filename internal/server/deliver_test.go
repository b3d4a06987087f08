package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"outturn"
	"outturn/client"
	"outturn/internal/delivery"
	"outturn/internal/secret"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// TestDeliveries leads a message from a run to a receiver that checks its signature and
// fetches the file by the link in it; without the operator's word none gets there.
func TestDeliveries(t *testing.T) {
	type message struct {
		header http.Header
		body   []byte
	}
	got := make(chan message, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- message{r.Header, body}
	}))
	t.Cleanup(receiver.Close)
	address := servertest.FreeAddress(t)
	s := open(t, filepath.Join(t.TempDir(), "data"), func(c *server.Config) {
		c.WebhookAllow, c.WebhookHTTP, c.Metrics = []string{"127.0.0.1/32"}, true, address
	})
	defer s.stop()
	hook, err := s.client.CreateWebhook(t.Context(), client.WebhookInput{Name: "ERP", URL: receiver.URL, Events: []string{outturn.RunSucceededEvent}})
	must(t, err)
	run := s.run("sales")
	var m message
	select {
	case m = <-got:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing arrives")
	}
	verify, err := standardwebhooks.NewWebhook(hook.Secret)
	must(t, err)
	must(t, verify.Verify(m.body, m.header))
	var body struct {
		Data struct {
			Run   struct{ ID string }
			Files []struct{ URL, SHA256 string }
		}
	}
	must(t, json.Unmarshal(m.body, &body))
	if body.Data.Run.ID != run.ID || len(body.Data.Files) != 1 || !strings.HasPrefix(body.Data.Files[0].URL, s.URL()+"/f/") {
		t.Fatalf("it is %s", m.body)
	}
	if status, text := get(t, body.Data.Files[0].URL); status != http.StatusOK || secret.Hash(text) != body.Data.Files[0].SHA256 {
		t.Errorf("the link answers %d %q", status, text)
	}

	tested, err := s.client.TestWebhook(t.Context(), hook.ID)
	must(t, err)
	until(t, "the test is delivered", func() bool {
		d, err := s.client.Delivery(t.Context(), tested.ID)
		must(t, err)
		return d.State == outturn.DeliveryDelivered
	})
	_, err = s.client.ResendDelivery(t.Context(), tested.ID)
	must(t, err)
	for range 2 {
		if m := <-got; m.header.Get("Webhook-Id") != tested.ID {
			t.Errorf("got %s, want the test and again the test %s", m.header.Get("Webhook-Id"), tested.ID)
		}
	}
	until(t, "nothing waits", func() bool {
		now, _ := scrape(t, address)
		return now["outturn_deliveries_waiting"] == 0
	})

	strict := open(t, filepath.Join(t.TempDir(), "data"))
	defer strict.stop()
	_, err = strict.client.CreateWebhook(t.Context(), client.WebhookInput{Name: "ERP", URL: "https" + strings.TrimPrefix(receiver.URL, "http")})
	wantError(t, "a webhook to loopback", err, outturn.CodeInvalid, "may be called")
	if f := outturn.Faults(err); len(f) != 1 || f[0].Field != "url" {
		t.Errorf("the faults are %+v", f)
	}
}

func TestDeliverySettings(t *testing.T) {
	folder, err := server.OpenFolder(t.Context(), filepath.Join(t.TempDir(), "data"), time.Now)
	must(t, err)
	defer folder.Close()
	src, cat := newSource(t)
	for want, change := range map[string]func(*server.Config){
		"is no network": func(c *server.Config) { c.WebhookAllow = []string{"10.0.0.1"} },
		"never called":  func(c *server.Config) { c.WebhookAllow = []string{"169.254.0.0/16"} },
		"is no e-mail":  func(c *server.Config) { c.SMTP = &delivery.SMTP{Host: "mail.example.com"} },
	} {
		c := server.Config{Source: src, Catalog: cat, Listen: "127.0.0.1:0"}
		change(&c)
		_, err := server.New(t.Context(), folder, c)
		wantError(t, want, err, outturn.CodeInvalid, want)
	}
}
