package reporting_test

import (
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"outturn"
	"outturn/internal/reporting"
)

func webhookOf(tenant string) outturn.Webhook {
	return outturn.Webhook{Tenant: tenant, Name: "w " + outturn.NewID(day), URL: "https://hooks.example.com/in?token=t0ken", Enabled: true}
}

// webhook makes one of a tenant.
func (s *stage) webhook(whose string) outturn.Webhook {
	s.t.Helper()
	in := webhookOf(s.tenants[whose].ID)
	in.Name = markers[whose] + " " + outturn.NewID(day)
	w, _, err := s.CreateWebhook(s.t.Context(), s.operator(), in)
	must(s.t, err)
	return w
}

// TestP37Webhooks: what may not be called is refused before it is saved, at once and by
// its field, when it is made as when it is changed.
func TestP37Webhooks(t *testing.T) {
	s := newStage(t)
	good := s.webhook("own")
	for url, want := range map[string]string{
		"https://127.0.0.1/in": "may be called", "https://169.254.169.254/latest/meta-data": "may be called", "https://2130706433/": "may be called",
		"https://[::ffff:10.0.0.1]/": "may be called", "https://localhost/": "may be called", "http://hooks.example.com/": "Use https",
		"https://user:pa55@hooks.example.com/": "user and password", "hooks.example.com": "begins with https", "": "begins with https",
	} {
		in := webhookOf("")
		in.URL, in.Name, in.Events = url, "", []string{"run.done"}
		_, _, err := s.CreateWebhook(t.Context(), s.as(outturn.RoleManager), in)
		fields := map[string]string{}
		for _, f := range outturn.Faults(err) {
			fields[f.Field] = f.Message
		}
		if len(fields) != 3 || !strings.Contains(fields["url"], want) || fields["name"] == "" || fields["events[0]"] == "" || strings.Contains(err.Error(), "pa55") {
			t.Errorf("%q: %v", url, fields)
		}
		_, err = s.UpdateWebhook(t.Context(), s.as(outturn.RoleManager), good.ID, 0, reporting.WebhookUpdate{URL: &url})
		if f := outturn.Faults(err); len(f) != 1 || f[0].Field != "url" || f[0].Code != outturn.CodeInvalid {
			t.Errorf("a change to %q: %v", url, err)
		}
	}
	if w, err := s.Webhook(t.Context(), s.as(outturn.RoleViewer), good.ID); err != nil || w.URL != good.URL || w.Version != 1 {
		t.Errorf("it is %+v: %v", w, err)
	}
}

// TestWebhookSecrets: a secret is one of the spec, is told once, and is in no audit; and
// a generator tells only webhooks of its own tenant.
func TestWebhookSecrets(t *testing.T) {
	s := newStage(t)
	w, first, err := s.CreateWebhook(t.Context(), s.as(outturn.RoleManager), webhookOf(""))
	must(t, err)
	_, second, err := s.RotateWebhook(t.Context(), s.as(outturn.RoleManager), w.ID, 0)
	must(t, err)
	for _, text := range []string{first.Reveal(), second.Reveal()} {
		if _, err := standardwebhooks.NewWebhook(text); err != nil || !strings.HasPrefix(text, "whsec_") || len(text) < 40 {
			t.Errorf("the secret %q: %v", text, err)
		}
	}
	if first == second {
		t.Error("a rotation leaves the secret as it was")
	}
	list, err := s.AuditEntries(t.Context(), s.as(outturn.RoleAdmin), outturn.ListQuery{})
	must(t, err)
	for _, e := range list.Items {
		for _, value := range e.Detail {
			if strings.Contains(value, first.Reveal()) || strings.Contains(value, "t0ken") {
				t.Errorf("the audit has %v", e.Detail)
			}
		}
	}
	for whose, code := range map[string]outturn.Code{"own": "", "child": outturn.CodeInvalid, "parent": outturn.CodeInvalid} {
		in := monthly("g " + outturn.NewID(day))
		in.Spec.Deliveries = []outturn.Destination{{Kind: outturn.DestinationWebhook, Webhook: s.webhook(whose).ID}}
		_, err := s.CreateGenerator(t.Context(), s.as(outturn.RoleManager), in)
		wantCode(t, "a generator that tells a webhook of "+whose, err, code)
	}
}
