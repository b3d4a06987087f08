package reporting_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/reporting"
)

// read reads a file that was opened, and closes it.
func read(t testing.TB, content blob.Object, err error) string {
	t.Helper()
	must(t, err)
	text, err := io.ReadAll(content)
	must(t, err)
	must(t, content.Close())
	return string(text)
}

// A link opens its file for whoever has it, until one of five things ends it: then it
// says so and what to do.
func TestP33Links(t *testing.T) {
	for name, tt := range map[string]struct {
		life time.Duration
		end  func(s *stage, l outturn.Link, r outturn.Run)
	}{
		"ItsTime":       {time.Hour, func(s *stage, _ outturn.Link, _ outturn.Run) { s.clock.advance(time.Hour) }},
		"48HoursUnsaid": {0, func(s *stage, _ outturn.Link, _ outturn.Run) { s.clock.advance(48 * time.Hour) }},
		"Revoked": {0, func(s *stage, l outturn.Link, _ outturn.Run) {
			must(s.t, s.RevokeLink(s.t.Context(), s.operator(), l.ID))
		}},
		"RunDeleted": {0, func(s *stage, _ outturn.Link, r outturn.Run) {
			must(s.t, s.DeleteRun(s.t.Context(), s.operator(), r.ID))
		}},
		"TimeOfTheFile":  {90 * 24 * time.Hour, func(s *stage, _ outturn.Link, _ outturn.Run) { s.clock.advance(90 * 24 * time.Hour) }},
		"FileWasSweptUp": {90 * 24 * time.Hour, func(s *stage, _ outturn.Link, _ outturn.Run) { s.clock.advance(90 * 24 * time.Hour); s.sweepFiles() }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			ctx, r := t.Context(), s.succeeded("own")
			l, token, err := s.CreateLink(ctx, s.as(outturn.RoleManager), r.Files[0].ID, tt.life)
			must(t, err)
			if life := tt.life; life > 0 && !l.ExpiresAt.Equal(day.Add(life)) {
				t.Errorf("it ends at %s", l.ExpiresAt)
			}
			if tt.life > 89*24*time.Hour {
				s.clock.advance(89 * 24 * time.Hour)
			}
			f, content, err := s.OpenLink(ctx, reporting.Click{Token: token, From: "192.0.2.9", Request: "req-9"})
			if got := read(t, content, err); got != "content of "+markers["own"] || f.ID != r.Files[0].ID {
				t.Errorf("got %q of %s", got, f.ID)
			}
			tt.end(s, l, r)
			before := s.audited()
			_, _, err = s.OpenLink(ctx, reporting.Click{Token: token, From: "192.0.2.9", Request: "req-9"})
			wantCode(t, "at its end", err, outturn.CodeGone)
			if err != nil && (!strings.Contains(err.Error(), "Ask whoever sent it for a new one") || strings.Contains(err.Error(), markers["own"])) {
				t.Errorf("it says %v", err)
			}
			if s.audited() != before {
				t.Error("what was not opened is in the audit")
			}
		})
	}
}

// sweepFiles does what the runner's sweep does with files whose time is over.
func (s *stage) sweepFiles() {
	s.t.Helper()
	files, err := s.ledger.ExpiredFiles(s.t.Context(), 100)
	must(s.t, err)
	for _, f := range files {
		must(s.t, s.ledger.ForgetFiles(s.t.Context(), []string{f.ID}))
	}
}

func TestLinkFaults(t *testing.T) {
	s := newStage(t, func(c *reporting.Config) { c.Limits.LinkLife = 100 * 24 * time.Hour })
	ctx, p := t.Context(), s.as(outturn.RoleManager)
	file := s.succeeded("own").Files[0]
	for name, life := range map[string]time.Duration{"Short": time.Minute - 1, "Long": 90*24*time.Hour + 1, "Negative": -time.Hour} {
		_, _, err := s.CreateLink(ctx, p, file.ID, life)
		wantCode(t, name, err, outturn.CodeInvalid)
		if f := outturn.Faults(err); len(f) != 1 || f[0].Field != "expires_in" {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	s.clock.advance(80 * 24 * time.Hour)
	l, token, err := s.CreateLink(ctx, p, file.ID, 90*24*time.Hour)
	if err != nil || !l.ExpiresAt.Equal(file.ExpiresAt) {
		t.Errorf("it outlives its file: %s, %v", l.ExpiresAt, err)
	}
	for name, token := range map[string]string{
		"Empty": "", "Cut": token[:len(token)-1], "Longer": token + "x", "NoPrefix": strings.TrimPrefix(token, "otl_"), "VeryLong": "otl_" + strings.Repeat("x", 1<<20),
		"ItsHash": l.TokenHash, "ItsID": l.ID,
	} {
		_, _, err := s.OpenLink(ctx, reporting.Click{Token: token})
		wantCode(t, name, err, outturn.CodeNotFound)
		if err != nil && token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("%s: it repeats the token: %v", name, err)
		}
	}
	must(t, s.RevokeLink(ctx, p, l.ID))
	before := s.rowCounts()["audit"]
	must(t, s.RevokeLink(ctx, p, l.ID))
	if after := s.rowCounts()["audit"]; after != before {
		t.Errorf("revoking again: the audit got %d entries", after-before)
	}
}

// Each download says in the audit who took which bytes, from where, and why if they
// say so.
func TestDownloadsAreAudited(t *testing.T) {
	s := newStage(t)
	ctx, p := t.Context(), s.as(outturn.RoleViewer)
	f := s.succeeded("own").Files[0]
	l, token, err := s.CreateLink(ctx, s.as(outturn.RoleManager), f.ID, 0)
	must(t, err)
	before := s.audited()
	for _, reason := range []string{strings.Repeat("x", 256), "two\nlines", "\xff"} {
		_, _, err := s.OpenFile(ctx, p, f.ID, reason)
		wantCode(t, "the reason "+reason, err, outturn.CodeInvalid)
		_, _, err = s.OpenLink(ctx, reporting.Click{Token: token, Reason: reason, From: "192.0.2.9", Request: "req-9"})
		wantCode(t, "the reason "+reason, err, outturn.CodeInvalid)
	}
	_, content, err := s.OpenFile(ctx, p, f.ID, "the month's end")
	read(t, content, err)
	_, content, err = s.OpenLink(ctx, reporting.Click{Token: token, From: "192.0.2.9", Request: "req-9"})
	read(t, content, err)
	got := append(s.audit(before, p.Subject), s.audit(before, "link:"+l.ID)...)
	want := []outturn.AuditEntry{
		{Tenant: f.Tenant, Subject: p.Subject, Via: "oauth2", Action: "file.download", Object: f.ID, Outcome: "ok", From: p.From, Request: p.Request,
			Detail: map[string]string{"run": f.Run, "name": f.Name, "sha256": f.SHA256, "reason": "the month's end"}},
		{Tenant: f.Tenant, Subject: "link:" + l.ID, Via: "link", Action: "link.download", Object: f.ID, Outcome: "ok", From: "192.0.2.9", Request: "req-9",
			Detail: map[string]string{"run": f.Run, "name": f.Name, "sha256": f.SHA256, "link": l.ID, "created_by": "client:manager"}},
	}
	if asJSON(t, got) != asJSON(t, want) {
		t.Errorf("got %s, want %s", asJSON(t, got), asJSON(t, want))
	}
}

// A file whose time is over says so; one that the storage has lost is no fault of who
// asks, and is not told with its bytes.
func TestFilesThatAreGone(t *testing.T) {
	s := newStage(t)
	ctx, p := t.Context(), s.as(outturn.RoleManager)
	lost, over := s.succeeded("own").Files[0], s.succeeded("own").Files[0]
	must(t, s.files.Delete(ctx, lost.Key))
	before := s.audited()
	_, _, err := s.OpenFile(ctx, p, lost.ID, "")
	wantCode(t, "lost", err, outturn.CodeInternal)

	up, err := s.files.Create(ctx, lost.Key)
	must(t, err)
	_, err = io.WriteString(up, "short")
	must(t, err)
	must(t, up.Commit(ctx))
	_, _, err = s.OpenFile(ctx, p, lost.ID, "")
	wantCode(t, "cut short", err, outturn.CodeInternal)

	s.clock.advance(90 * 24 * time.Hour)
	_, err = s.File(ctx, p, over.ID)
	wantCode(t, "over", err, outturn.CodeGone)
	_, _, err = s.OpenFile(ctx, p, over.ID, "")
	if outturn.ErrorCode(err) != outturn.CodeGone || !strings.Contains(err.Error(), "again") {
		t.Errorf("over: got %v", err)
	}
	_, _, err = s.CreateLink(ctx, p, over.ID, 0)
	wantCode(t, "a link to it", err, outturn.CodeGone)
	if s.audited() != before {
		t.Error("what nobody got is in the audit")
	}
}
