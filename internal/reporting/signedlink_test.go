package reporting_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

// program is a client of a tenant, as it comes in.
func (s *stage) program(whose string, role outturn.Role) outturn.Principal {
	s.t.Helper()
	c, _ := s.client(whose, role)
	return outturn.Principal{Subject: "client:" + c.ID, Kind: "client", Tenant: c.Tenant, Roles: []outturn.Role{role}, Via: "cmp"}
}

// signed returns the token of a link to one file, and the name that goes with it.
func (s *stage) signed(p outturn.Principal, f outturn.File) (token, name string) {
	s.t.Helper()
	paths, _, err := s.SignLinks(s.t.Context(), p, []outturn.File{f})
	must(s.t, err)
	return splitPath(s.t, paths[0])
}

func splitPath(t testing.TB, path string) (token, name string) {
	t.Helper()
	token, escaped, _ := strings.Cut(strings.TrimPrefix(path, "/f/"), "/")
	name, err := url.PathUnescape(escaped)
	must(t, err)
	return token, name
}

// A signed link opens its file for whoever has it, until one of these ends it.
func TestSignedLinks(t *testing.T) {
	revoke := func(s *stage, p outturn.Principal, _ outturn.Run) {
		_, err := s.RevokeClient(s.t.Context(), s.operator(), strings.TrimPrefix(p.Subject, "client:"))
		must(s.t, err)
	}
	for name, tt := range map[string]struct {
		of   string // whose client it is
		end  func(s *stage, p outturn.Principal, r outturn.Run)
		want outturn.Code
	}{
		"ItsTime":         {"own", func(s *stage, _ outturn.Principal, _ outturn.Run) { s.clock.advance(12 * time.Hour) }, outturn.CodeGone},
		"AMomentToItsEnd": {"own", func(s *stage, _ outturn.Principal, _ outturn.Run) { s.clock.advance(12*time.Hour - 1000) }, ""},
		"AnotherRevoked":  {"own", func(s *stage, _ outturn.Principal, r outturn.Run) { revoke(s, s.program("own", outturn.RoleAdmin), r) }, ""},
		"ClientRevoked":   {"own", revoke, outturn.CodeGone},
		"AllEnded": {"own", func(s *stage, _ outturn.Principal, r outturn.Run) {
			must(s.t, s.EndLinks(s.t.Context(), s.as(outturn.RoleManager), r.Files[0].ID))
		}, outturn.CodeGone},
		"AllOfAnotherEnded": {"own", func(s *stage, _ outturn.Principal, _ outturn.Run) {
			must(s.t, s.EndLinks(s.t.Context(), s.as(outturn.RoleManager), s.succeeded("own").Files[0].ID))
		}, ""},
		"RunDeleted": {"own", func(s *stage, _ outturn.Principal, r outturn.Run) {
			must(s.t, s.DeleteRun(s.t.Context(), s.operator(), r.ID))
		}, outturn.CodeGone},
		"FileSweptUp": {"own", func(s *stage, _ outturn.Principal, _ outturn.Run) {
			s.clock.advance(90 * 24 * time.Hour)
			s.sweepFiles()
		}, outturn.CodeGone},
		"Suspended": {"parent", func(s *stage, _ outturn.Principal, _ outturn.Run) {
			_, err := s.SuspendTenant(s.t.Context(), s.operator(), s.tenants["parent"].ID)
			must(s.t, err)
		}, outturn.CodeForbidden},
		"Resumed": {"parent", func(s *stage, _ outturn.Principal, _ outturn.Run) {
			_, err := s.SuspendTenant(s.t.Context(), s.operator(), s.tenants["own"].ID)
			must(s.t, err)
			_, err = s.ResumeTenant(s.t.Context(), s.operator(), s.tenants["own"].ID)
			must(s.t, err)
		}, ""},
		"TenantDeleted": {"parent", func(s *stage, _ outturn.Principal, _ outturn.Run) {
			must(s.t, s.DeleteTenant(s.t.Context(), s.operator(), s.tenants["child"].ID))
			must(s.t, s.DeleteTenant(s.t.Context(), s.operator(), s.tenants["own"].ID))
		}, outturn.CodeGone},
		"MovedAway": {"parent", func(s *stage, _ outturn.Principal, _ outturn.Run) {
			_, err := s.MoveTenant(s.t.Context(), s.operator(), s.tenants["own"].ID, s.tenants["provider"].ID)
			must(s.t, err)
		}, outturn.CodeGone},
		"MovedAlong": {"provider", func(s *stage, _ outturn.Principal, _ outturn.Run) {
			_, err := s.MoveTenant(s.t.Context(), s.operator(), s.tenants["own"].ID, s.tenants["sibling"].ID)
			must(s.t, err)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			ctx, p, r := t.Context(), s.program(tt.of, outturn.RoleManager), s.succeeded("own")
			token, _ := s.signed(p, r.Files[0])
			_, content, err := s.OpenLink(ctx, reporting.Click{Token: token})
			if got := read(t, content, err); got != "content of "+markers["own"] {
				t.Errorf("got %q", got)
			}
			tt.end(s, p, r)
			before := s.audited()
			_, content, err = s.OpenLink(ctx, reporting.Click{Token: token})
			wantCode(t, "then", err, tt.want)
			if tt.want == "" {
				read(t, content, err)
				return
			}
			if !strings.Contains(err.Error(), "Ask whoever sent it") || strings.Contains(err.Error(), markers["own"]) {
				t.Errorf("it says %v", err)
			}
			if entries := s.audit(before, "link:"+strings.TrimPrefix(p.Subject, "client:")); tt.want == outturn.CodeGone && len(entries) > 0 {
				t.Errorf("the audit got %+v", entries)
			}
		})
	}
}

// What is asked for again within the hour is the same, also in another process; links
// that were ended have others in their place.
func TestSignLinks(t *testing.T) {
	s := newStage(t)
	ctx, p := t.Context(), s.program("own", outturn.RoleManager)
	files := []outturn.File{s.succeeded("own").Files[0], s.succeeded("child").Files[0]}
	files[1].Name = `Übersicht 100% "A/B" +?#;é 日本.csv.gz`
	other, err := reporting.New(s.config)
	must(t, err)
	t.Cleanup(other.Close)
	sign := func(what string, by *reporting.Service, wantUntil time.Time) string {
		t.Helper()
		before := s.rowCounts()["audit"]
		paths, until, err := by.SignLinks(ctx, p, files)
		if err != nil || len(paths) != len(files) || !until.Equal(wantUntil) {
			t.Fatalf("%s: %q until %s, %v", what, paths, until, err)
		}
		for i, path := range paths {
			token, name := splitPath(t, path)
			if u, err := url.Parse("http://host" + path); err != nil || name != files[i].Name || u.RawQuery+u.Fragment != "" || strings.Count(path, "/") != 3 || len(token) > 128 {
				t.Errorf("%s: %s, %v", what, path, err)
			}
		}
		if s.rowCounts()["audit"] != before {
			t.Errorf("%s: there is an entry in the audit", what)
		}
		return fmt.Sprint(paths)
	}
	noon := sign("at noon", s.Service, day.Add(12*time.Hour))
	s.clock.advance(time.Microsecond)
	one := sign("after noon", s.Service, day.Add(13*time.Hour))
	s.clock.advance(time.Hour - time.Microsecond)
	if again := sign("at one", other, day.Add(13*time.Hour)); again != one || one == noon {
		t.Errorf("got %s and %s, and %s at noon", one, again, noon)
	}
	ended := map[string]bool{one: true}
	for range 2 { // though the clock stands still
		must(t, s.EndLinks(ctx, p, files[0].ID))
		fresh := sign("after an end", other, day.Add(13*time.Hour))
		if ended[fresh] {
			t.Error("a link that was ended is back")
		}
		ended[fresh] = true
		token, _ := s.signed(p, files[0])
		_, content, err := s.OpenLink(ctx, reporting.Click{Token: token})
		read(t, content, err)
	}

	refused := func(what string, p outturn.Principal, code outturn.Code, files ...outturn.File) {
		t.Helper()
		paths, _, err := s.SignLinks(ctx, p, files)
		if outturn.ErrorCode(err) != code || len(paths) > 0 {
			t.Errorf("%s: got %q, %v, want %s", what, paths, err, code)
		}
	}
	for _, whose := range []string{"parent", "sibling", "provider"} {
		refused(whose+"'s among others", p, outturn.CodeNotFound, files[0], s.succeeded(whose).Files[0], files[1])
	}
	refused("by a viewer", s.program("own", outturn.RoleViewer), outturn.CodeForbidden, files...)
	refused("by no client", s.operator(), outturn.CodeForbidden, files...)
	if paths, _, err := s.SignLinks(ctx, p, nil); err != nil || len(paths) != 0 {
		t.Errorf("none: %q, %v", paths, err)
	}
	if viewer := s.as(outturn.RoleViewer); reporting.MayLink(viewer) || !reporting.MayLink(p) {
		t.Error("who may is not who may")
	}

	// What a manager sees of a run of the audit is not what it holds.
	secret := s.auditRunOf("own").Files[0]
	for role, want := range map[outturn.Role]int{outturn.RoleManager: 1, outturn.RoleAdmin: 2} {
		paths, _, err := s.SignLinks(ctx, s.program("own", role), []outturn.File{secret, files[0]})
		if got := strings.Count(fmt.Sprint(paths), "/f/"); err != nil || got != want || paths[1] == "" {
			t.Errorf("%s: got %q, %v", role, paths, err)
		}
	}
}

// The name at the end of a link is the file's or none, of a kept link too.
func TestNameOfLink(t *testing.T) {
	s := newStage(t)
	ctx, p, f := t.Context(), s.program("own", outturn.RoleManager), s.succeeded("own").Files[0]
	token, name := s.signed(p, f)
	_, kept, err := s.CreateLink(ctx, p, f.ID, 0)
	must(t, err)
	for _, token := range []string{token, kept} {
		for given, want := range map[string]outturn.Code{
			"": "", name: "", name + "x": outturn.CodeNotFound, strings.ToUpper(name): outturn.CodeNotFound, "x/" + name: outturn.CodeNotFound,
		} {
			before := s.audited()
			_, content, err := s.OpenLink(ctx, reporting.Click{Token: token, Name: given})
			wantCode(t, given, err, want)
			if err == nil {
				read(t, content, err)
			} else if s.audited() != before {
				t.Errorf("%s: what nobody got is in the audit", given)
			}
		}
	}
}

// Who got the link, and until when it is good, is told of each download.
func TestSignedDownloadsAreAudited(t *testing.T) {
	s := newStage(t)
	p, f := s.program("own", outturn.RoleManager), s.succeeded("own").Files[0]
	token, _ := s.signed(p, f)
	id := strings.TrimPrefix(p.Subject, "client:")
	before := s.audited()
	_, content, err := s.OpenLink(t.Context(), reporting.Click{Token: token, Reason: "why", From: "192.0.2.9", Request: "req-9"})
	read(t, content, err)
	want := []outturn.AuditEntry{{
		Tenant: f.Tenant, Subject: "link:" + id, Via: "link", Action: "link.download", Object: f.ID, Outcome: "ok", From: "192.0.2.9", Request: "req-9",
		Detail: map[string]string{"run": f.Run, "name": f.Name, "sha256": f.SHA256, "reason": "why", "given_to": p.Subject, "expires_at": "2026-09-16T00:00:00Z"},
	}}
	if got := s.audit(before, "link:"+id); asJSON(t, got) != asJSON(t, want) {
		t.Errorf("got %s, want %s", asJSON(t, got), asJSON(t, want))
	}
}

// forge makes a token of its parts, by what its format is said to be.
func forge(t testing.TB, key []byte, file string, end time.Time, ended uint64, client string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(file, "-", ""))
	must(t, err)
	b = binary.BigEndian.AppendUint32(b, uint32(end.Unix()/3600))
	b = append(binary.AppendUvarint(b, ended), client...)
	mac := hmac.New(sha256.New, key)
	mac.Write(append([]byte("outturn link 1\x00"), b...))
	return "otf_" + base64.RawURLEncoding.EncodeToString(append(b, mac.Sum(nil)[:16]...))
}

// linkKeys are the keys that sign links, as the ledger has them, the newest first.
func (s *stage) linkKeys() (keys []struct{ Key []byte }) {
	s.t.Helper()
	sealed, err := s.ledger.Secret(s.t.Context(), "links.signing")
	must(s.t, err)
	plain, err := s.sealer.Open("links.signing", sealed)
	must(s.t, err)
	must(s.t, json.Unmarshal(plain, &keys))
	return keys
}

// A token that differs in anything from one that was signed is answered like one that
// never was, in the same words.
func TestForgedLinks(t *testing.T) {
	s, elsewhere := newStage(t), newStage(t)
	ctx, p := t.Context(), s.program("own", outturn.RoleManager)
	f, sibling := s.succeeded("own").Files[0], s.succeeded("sibling").Files[0]
	token, _ := s.signed(p, f)
	client, end := strings.TrimPrefix(p.Subject, "client:"), day.Add(12*time.Hour)
	elsewhere.signed(elsewhere.program("own", outturn.RoleManager), elsewhere.succeeded("own").Files[0])

	key := s.linkKeys()[0].Key
	if len(key) != 32 {
		t.Errorf("a key of %d bytes", len(key))
	}
	if got := forge(t, key, f.ID, end, 0, client); got != token {
		t.Fatalf("got the token %s, want %s", token, got)
	}
	plain, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "otf_"))
	must(t, err)
	if n := len(token) - len("otf_"); n > 120 {
		t.Errorf("a token has %d characters", n)
	}
	of := func(b []byte) string { return "otf_" + base64.RawURLEncoding.EncodeToString(b) }
	spliced := func(at int, part []byte) string {
		return of(append(append(append([]byte{}, plain[:at]...), part...), plain[at+len(part):]...))
	}
	siblings, err := hex.DecodeString(strings.ReplaceAll(sibling.ID, "-", ""))
	must(t, err)
	forged := map[string]string{
		"AnotherFile":         spliced(0, siblings),
		"AnotherEnd":          spliced(16, binary.BigEndian.AppendUint32(nil, uint32(end.Unix()/3600)+1)),
		"AnotherInstallation": forge(t, elsewhere.linkKeys()[0].Key, f.ID, end, 0, client),
		"AnotherKey":          forge(t, make([]byte, 32), f.ID, end, 0, client),
		"NoKey":               forge(t, nil, f.ID, end, 0, client),
		"NoMAC":               of(plain[:len(plain)-16]),
		"ShortMAC":            of(plain[:len(plain)-1]),
		"NothingSigned":       of(make([]byte, 37)),
		"OnlyAPrefix":         "otf_",
		"AsAKeptLink":         "otl_" + strings.TrimPrefix(token, "otf_"),
		"NoPrefix":            strings.TrimPrefix(token, "otf_"),
		"Padded":              token + "=",
		"ALineAfter":          token + "\n",
		"ALineWithin":         token[:20] + "\r\n" + token[20:],
		"Twice":               token + token,
		"VeryLong":            token + strings.Repeat("A", 1<<20),
	}
	for i := range len(token) * 8 {
		b := []byte(token)
		b[i/8] ^= 1 << (i % 8)
		forged[fmt.Sprintf("BitOfText%d", i)] = string(b)
	}
	for i := range len(plain) * 8 {
		b := append([]byte{}, plain...)
		b[i/8] ^= 1 << (i % 8)
		forged[fmt.Sprintf("Bit%d", i)] = of(b)
	}
	before := s.audited()
	for name, token := range forged {
		_, _, err := s.OpenLink(ctx, reporting.Click{Token: token})
		if outturn.ErrorCode(err) != outturn.CodeNotFound || err.Error() != "There is no such link. Check that all of it was copied." {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if s.audited() != before {
		t.Error("what nobody got is in the audit")
	}

	// What is signed with the right key and leads nowhere: the key alone opens nothing.
	for name, token := range map[string]string{
		"OfASibling":  forge(t, key, sibling.ID, end, 0, client),
		"OfNoFile":    forge(t, key, outturn.NewID(day), end, 0, client),
		"OfNoClient":  forge(t, key, f.ID, end, 0, "ot_0"),
		"EndedBefore": forge(t, key, f.ID, end, 1, client),
		"Over":        forge(t, key, f.ID, day, 0, client),
	} {
		_, _, err := s.OpenLink(ctx, reporting.Click{Token: token})
		wantCode(t, name, err, outturn.CodeGone)
	}
	_, content, err := s.OpenLink(ctx, reporting.Click{Token: token})
	read(t, content, err)
}

// Nobody has signed anything yet: a token is refused as it is later, and no key is made
// of it.
func TestForgedBeforeTheFirst(t *testing.T) {
	s := newStage(t)
	_, _, err := s.OpenLink(t.Context(), reporting.Click{Token: forge(t, nil, outturn.NewID(day), day.Add(time.Hour), 0, "ot_0")})
	wantCode(t, "a token", err, outturn.CodeNotFound)
	if n := s.rowCounts()["secrets"]; n != 0 {
		t.Errorf("there are %d secrets", n)
	}
	must(t, s.TendLinkKeys(t.Context()))
	if n := s.rowCounts()["secrets"]; n != 0 {
		t.Errorf("there are %d secrets", n)
	}
}

// Keys are replaced: all processes open what any of them has signed, with any key,
// until it is over.
func TestLinkKeys(t *testing.T) {
	s := newStage(t, func(c *reporting.Config) { c.Limits.SignedLife = 90 * 24 * time.Hour })
	ctx, p := t.Context(), s.program("own", outturn.RoleManager)
	f := s.succeeded("own").Files[0]
	s.clock.advance(time.Minute) // into an hour in which all of a key are the same
	services := []*reporting.Service{s.Service}
	for range 7 {
		other, err := reporting.New(s.config)
		must(t, err)
		t.Cleanup(other.Close)
		services = append(services, other)
	}
	tokens := make([]string, len(services)) // each signs first, at the same time
	var wg sync.WaitGroup
	for i, by := range services {
		wg.Go(func() {
			paths, _, err := by.SignLinks(ctx, p, []outturn.File{f})
			if err != nil {
				t.Error(err)
				return
			}
			tokens[i], _ = splitPath(t, paths[0])
		})
	}
	wg.Wait()
	opens := func(what string) {
		t.Helper()
		for _, token := range tokens {
			for i, by := range services {
				_, content, err := by.OpenLink(ctx, reporting.Click{Token: token})
				if err != nil {
					t.Fatalf("%s: in process %d: %v", what, i, err)
				}
				read(t, content, nil)
			}
		}
	}
	opens("at first")
	if n := len(s.linkKeys()); n != 1 {
		t.Errorf("there are %d keys", n)
	}
	signedBy := func(by *reporting.Service) string {
		t.Helper()
		paths, _, err := by.SignLinks(ctx, p, []outturn.File{f})
		must(t, err)
		token, _ := splitPath(t, paths[0])
		tokens = append(tokens, token)
		return token
	}
	must(t, s.RotateLinkKey(ctx))
	fresh := signedBy(s.Service)
	if fresh == tokens[0] || signedBy(services[1]) != tokens[0] { // which has not heard of it
		t.Error("the new key does not sign, or the old one is forgotten at once")
	}
	s.clock.advance(time.Second) // as often as who sends anything has the ledger asked
	opens("after a rotation")
	s.clock.advance(5 * time.Second)
	if signedBy(services[1]) != fresh {
		t.Error("another process still signs with the old key")
	}

	most := 0
	for range 89 {
		s.clock.advance(24 * time.Hour)
		must(t, s.TendLinkKeys(ctx))
		must(t, services[1].TendLinkKeys(ctx))
		most = max(most, len(s.linkKeys()))
	}
	if most < 3 || most > 4 {
		t.Errorf("there were %d keys", most)
	}
	opens("on their last day")
	for range 200 {
		s.clock.advance(24 * time.Hour)
		must(t, s.TendLinkKeys(ctx))
		most = max(most, len(s.linkKeys()))
	}
	if most > 6 {
		t.Errorf("there were %d keys: old ones are kept for ever", most)
	}

	stranger := newStage(t)
	config := s.config
	config.Sealer = stranger.sealer
	other, err := reporting.New(config)
	must(t, err)
	t.Cleanup(other.Close)
	_, _, err = other.SignLinks(ctx, p, []outturn.File{f})
	if outturn.ErrorCode(err) != outturn.CodeInternal || !strings.Contains(err.Error(), "put back the key file") {
		t.Errorf("with another master key: %v", err)
	}
}

func TestSignedLife(t *testing.T) {
	for life, fits := range map[time.Duration]bool{-1: false, time.Minute: false, time.Hour - 1: false, time.Hour: true, 90 * 24 * time.Hour: true, 90*24*time.Hour + 1: false} {
		config := newStage(t).config
		config.Limits.SignedLife = life
		s, err := reporting.New(config)
		if (err == nil) != fits || err != nil && outturn.ErrorCode(err) != outturn.CodeInvalid {
			t.Errorf("%s: %v", life, err)
		}
		if err == nil {
			s.Close()
		}
	}
}

// As many reports as one list may have.
func BenchmarkSignLinks(b *testing.B) {
	s := newStage(b)
	p, f := s.program("own", outturn.RoleManager), s.succeeded("own").Files[0]
	files := make([]outturn.File, 10_000)
	for i := range files {
		files[i] = f
		files[i].ID = outturn.NewID(day)
		files[i].Name = "Provisioned Orders." + files[i].ID + ".2026-09-15.12-00-00.000+0000.json.gz"
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.SignLinks(b.Context(), p, files); err != nil {
			b.Fatal(err)
		}
	}
}
