package reporting_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/reporting"
	"outturn/internal/secret"
)

func TestTenantFaults(t *testing.T) {
	s := newStage(t)
	customer, err := s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{Parent: s.tenants["own"].ID, Kind: outturn.KindCustomer, Name: "c"})
	must(t, err)
	before := s.rowCounts()
	for name, tt := range map[string]struct {
		tenant outturn.Tenant
		fields []string
		code   outturn.Code
		says   string
	}{
		"Kind":           {outturn.Tenant{Kind: "resler", Name: "n"}, []string{"kind"}, outturn.CodeInvalid, "reseller"},
		"Provider":       {outturn.Tenant{Kind: outturn.KindProvider, Name: "n"}, []string{"kind"}, outturn.CodeInvalid, "one provider"},
		"BelowACustomer": {outturn.Tenant{Kind: outturn.KindCustomer, Name: "n", Parent: customer.ID}, []string{"parent"}, outturn.CodeInvalid, "no tenants below"},
		"Account":        {outturn.Tenant{Kind: outturn.KindCustomer, Name: "n", ExternalID: "1\n2"}, []string{"external_id"}, outturn.CodeInvalid, "one line"},
		"Taken":          {outturn.Tenant{Kind: outturn.KindCustomer, Name: "n", ExternalID: "1000"}, []string{"external_id"}, outturn.CodeConflict, "already"},
		"NotBelow":       {outturn.Tenant{Kind: outturn.KindCustomer, Name: "n", ExternalID: "101"}, []string{"external_id"}, outturn.CodeInvalid, `no account "101" below`},
		"Its own":        {outturn.Tenant{Kind: outturn.KindCustomer, Name: "n", ExternalID: "100"}, []string{"external_id"}, outturn.CodeInvalid, `no account "100" below`},
		"Above":          {outturn.Tenant{Kind: outturn.KindCustomer, Name: "n", ExternalID: "10"}, []string{"external_id"}, outturn.CodeInvalid, `no account "10" below`},
		"NoAccount":      {outturn.Tenant{Kind: outturn.KindCustomer, Name: "n", ExternalID: "9999"}, []string{"external_id"}, outturn.CodeInvalid, `no account "9999" below`},
		"NotOfChild":     {outturn.Tenant{Kind: outturn.KindCustomer, Name: "n", ExternalID: "1001", Parent: s.tenants["child"].ID}, []string{"external_id"}, outturn.CodeInvalid, `no account "1001" below`},
		"All": {outturn.Tenant{Kind: "x", Name: " ", Zone: "Mars", Currency: "eur", ReportType: "x", Limits: outturn.Limits{Bytes: new(int64(-1))}},
			[]string{"currency", "kind", "limits.bytes", "name", "report_type", "zone"}, outturn.CodeInvalid, "Mars"},
	} {
		_, err := s.CreateTenant(t.Context(), s.as(outturn.RoleAdmin), tt.tenant)
		var fields []string
		for _, f := range outturn.Faults(err) {
			fields = append(fields, f.Field)
		}
		slices.Sort(fields)
		if outturn.ErrorCode(err) != tt.code || !slices.Equal(fields, tt.fields) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %q in %v: %v", name, outturn.ErrorCode(err), fields, err)
		}
		noMarkers(t, name, nil, err)
	}
	if after := s.rowCounts(); !maps.Equal(after, before) {
		t.Errorf("what was refused left something: got %v, want %v", after, before)
	}
	for name, tenant := range map[string]outturn.Tenant{
		"Below":   {Kind: outturn.KindCustomer, Name: "n", ExternalID: "1001"},
		"Nowhere": {Kind: outturn.KindReseller, Name: "n", Zone: "Europe/Warsaw", ReportType: "provider"},
	} {
		made, err := s.CreateTenant(t.Context(), s.as(outturn.RoleAdmin), tenant)
		if err != nil || made.Parent != s.tenants["own"].ID || made.ReportType != strings.ToUpper(tenant.ReportType) {
			t.Errorf("%s: got %+v, %v", name, made, err)
		}
	}
	_, err = s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{Kind: outturn.KindReseller, Name: "n", ExternalID: "not there yet"})
	must(t, err) // an operator may join what the source does not know yet
}

func TestTenantChangeFaults(t *testing.T) {
	s := newStage(t)
	own, child, sibling := s.tenants["own"], s.tenants["child"], s.tenants["sibling"]
	spare, err := s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{Parent: own.ID, Kind: outturn.KindReseller, Name: "n", ExternalID: "1001"})
	must(t, err)
	below, err := s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{Parent: child.ID, Kind: outturn.KindReseller, Name: "n"})
	must(t, err)
	customer, err := s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{Parent: own.ID, Kind: outturn.KindCustomer, Name: "n"})
	must(t, err)
	update := func(id string, u reporting.TenantUpdate) func(p outturn.Principal) error {
		return func(p outturn.Principal) error { _, err := s.UpdateTenant(t.Context(), p, id, u); return err }
	}
	move := func(id, parent string) func(p outturn.Principal) error {
		return func(p outturn.Principal) error { _, err := s.MoveTenant(t.Context(), p, id, parent); return err }
	}
	before := s.rowCounts()
	for name, tt := range map[string]struct {
		do     func(p outturn.Principal) error
		fields []string
		code   outturn.Code
		says   string
	}{
		"All": {update(child.ID, reporting.TenantUpdate{
			Name: new(""), Zone: new("Mars"), Currency: new("EURO"), ReportType: new("x"), ExternalID: new("1\n2"),
			Limits: outturn.Limits{Running: new(int64(-1)), Requests: new(int64(1e15))}.ByKind(),
		}), []string{"currency", "external_id", "limits.requests_per_minute", "limits.running", "name", "report_type", "zone"}, outturn.CodeInvalid, "ISO 4217"},
		"AccountOfAnother": {update(child.ID, reporting.TenantUpdate{ExternalID: new("101")}), []string{"external_id"}, outturn.CodeInvalid, `no account "101" below`},
		"OwnAccount":       {update(own.ID, reporting.TenantUpdate{ExternalID: new("1001")}), []string{"external_id"}, outturn.CodeForbidden, "above"},
		"OwnLimits":        {update(own.ID, reporting.TenantUpdate{Limits: outturn.Limits{}.ByKind(), Name: new("n")}), []string{""}, "", ""},
		"OwnLimitsRaised":  {update(own.ID, reporting.TenantUpdate{Limits: outturn.Limits{Rows: new(int64(9))}.ByKind()}), []string{"limits"}, outturn.CodeForbidden, "above"},
		"MovedAway":        {move(child.ID, sibling.ID), []string{"parent"}, outturn.CodeNotFound, ""},
		"MovedNowhere":     {move(child.ID, ""), []string{"parent"}, outturn.CodeInvalid, "new parent"},
		"MovedItself":      {move(own.ID, child.ID), []string{""}, outturn.CodeForbidden, "never by itself"},
		"MovedUnderItself": {move(child.ID, child.ID), []string{"parent"}, outturn.CodeInvalid, "under itself"},
		"MovedBelowItself": {move(child.ID, below.ID), []string{"parent"}, outturn.CodeInvalid, "under one below it"},
		"UnderACustomer":   {move(child.ID, customer.ID), []string{"parent"}, outturn.CodeInvalid, "A customer has no tenants below it."},
		"NotBelowInSource": {move(spare.ID, child.ID), []string{"external_id"}, outturn.CodeInvalid, `no account "1001" below`},
	} {
		err := tt.do(s.as(outturn.RoleAdmin))
		var fields []string
		for _, f := range outturn.Faults(err) {
			fields = append(fields, f.Field)
		}
		slices.Sort(fields)
		if outturn.ErrorCode(err) != tt.code || err != nil && (!slices.Equal(fields, tt.fields) || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: got %q in %v: %v", name, outturn.ErrorCode(err), fields, err)
		}
		noMarkers(t, name, nil, err)
	}
	after := s.rowCounts()
	delete(before, "audit")
	delete(after, "audit") // refusals are noted
	if !maps.Equal(after, before) {
		t.Errorf("what was refused left something: got %v, want %v", after, before)
	}
	before["audit"] = s.audited()
	wantCode(t, "an operator, whatever the source says", move(spare.ID, child.ID)(s.operator()), "")
	if got := s.audit(before["audit"], "local:operator"); len(got) != 2 || got[0].Action != "tenant.left" || got[0].Tenant != own.ID || got[1].Detail["from"] != own.ID || got[1].Detail["parent"] != child.ID {
		t.Errorf("the audit got %+v", got)
	}
}

// Nobody makes, renews or ends a client whose role is above its own.
func TestClientRoles(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	root := func(role outturn.Role) outturn.Principal {
		p := s.as(role)
		p.Tenant = s.tenants["provider"].ID
		return p
	}
	operator, _ := s.client("provider", outturn.RoleOperator)
	admin, _ := s.client("provider", outturn.RoleAdmin)
	for name, tt := range map[string]struct {
		do   func() error
		want outturn.Code
	}{
		"OperatorMadeByAdmin": {func() error {
			_, _, err := s.CreateClient(ctx, root("admin"), outturn.Client{Name: "n", Role: "operator"})
			return err
		}, outturn.CodeForbidden},
		"OperatorRevokedByAdmin": {func() error { _, err := s.RevokeClient(ctx, root("admin"), operator.ID); return err }, outturn.CodeForbidden},
		"OperatorRotatedByAdmin": {func() error { _, _, err := s.RotateClient(ctx, root("admin"), operator.ID, 0); return err }, outturn.CodeForbidden},
		"OperatorOfAReseller": {func() error {
			_, _, err := s.CreateClient(ctx, s.operator(), outturn.Client{Tenant: s.tenants["own"].ID, Name: "n", Role: "operator"})
			return err
		}, outturn.CodeInvalid},
		"NoRole": {func() error { _, _, err := s.CreateClient(ctx, root("admin"), outturn.Client{Name: "n"}); return err }, outturn.CodeInvalid},
		"NoSuchKind": {func() error {
			_, _, err := s.CreateClient(ctx, root("admin"), outturn.Client{Name: "n", Role: "admin", Kind: "basic"})
			return err
		}, outturn.CodeInvalid},
		"NoAddress": {func() error {
			_, _, err := s.CreateClient(ctx, root("admin"), outturn.Client{Name: "n", Role: "admin", Email: "Finance <finance@example.com>"})
			return err
		}, outturn.CodeInvalid},
		"NoName": {func() error {
			_, _, err := s.CreateClient(ctx, root("admin"), outturn.Client{Role: "admin"})
			return err
		}, outturn.CodeInvalid},
		"AdminMadeByAdmin": {func() error {
			_, _, err := s.CreateClient(ctx, root("admin"), outturn.Client{Name: "n", Role: "admin"})
			return err
		}, ""},
		"AdminRotatedByAdmin": {func() error { _, _, err := s.RotateClient(ctx, root("admin"), admin.ID, 0); return err }, ""},
		"OverlapBelowZero":    {func() error { _, _, err := s.RotateClient(ctx, root("admin"), admin.ID, -1); return err }, outturn.CodeInvalid},
		"OverlapTooLong":      {func() error { _, _, err := s.RotateClient(ctx, root("admin"), admin.ID, 30*24*time.Hour+1); return err }, outturn.CodeInvalid},
	} {
		before := s.audited()
		wantCode(t, name, tt.do(), tt.want)
		got := s.audit(before, "client:admin")
		if tt.want == outturn.CodeForbidden && (len(got) != 1 || got[0].Outcome != "forbidden") || tt.want == outturn.CodeInvalid && len(got) > 0 {
			t.Errorf("%s: the audit got %+v", name, got)
		}
	}
}

// door is a sign-in over the stage's ledger.
func (s *stage) door() *auth.Service {
	s.t.Helper()
	d, err := auth.New(s.t.Context(), auth.Config{Ledger: s.ledger, Sealer: s.sealer, Now: s.clock.Now, Log: slog.New(slog.NewJSONHandler(s.log, nil))})
	must(s.t, err)
	return d
}

func signIn(t testing.TB, door *auth.Service, client, key string) (token string, err error) {
	r, err := door.Token(t.Context(), auth.TokenRequest{GrantType: "client_credentials", ClientID: client, Secret: secret.Text(key)})
	return r.AccessToken.Reveal(), err
}

func bearer(token string) auth.Request {
	return auth.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

// within is the time after which a revoked client is out everywhere: see
// docs/operations.md.
const within = 10 * time.Second

func TestRevokedClientIsOut(t *testing.T) {
	s := newStage(t)
	door := s.door()
	c, key := s.client("own", outturn.RoleManager)
	token, err := signIn(t, door, c.ID, key)
	must(t, err)
	_, err = door.Authenticate(t.Context(), bearer(token))
	must(t, err)
	c, err = s.RevokeClient(t.Context(), s.as(outturn.RoleAdmin), c.ID)
	if err != nil || !c.RevokedAt.Equal(s.clock.Now()) {
		t.Fatalf("got %+v, %v", c, err)
	}
	_, err = signIn(t, door, c.ID, key)
	wantCode(t, "its secret at once", err, outturn.CodeUnauthenticated)
	s.clock.advance(within)
	_, err = door.Authenticate(t.Context(), bearer(token))
	wantCode(t, "its token", err, outturn.CodeUnauthenticated)
	entries := s.rowCounts()["audit"]
	again, err := s.RevokeClient(t.Context(), s.as(outturn.RoleAdmin), c.ID)
	if err != nil || !again.RevokedAt.Equal(c.RevokedAt) {
		t.Errorf("again: got %+v, %v", again, err)
	}
	if more := s.rowCounts()["audit"] - entries; more != 0 {
		t.Errorf("again: %d entries in the audit, where nothing changed", more)
	}
	_, _, err = s.RotateClient(t.Context(), s.as(outturn.RoleAdmin), c.ID, 0)
	wantCode(t, "a new secret for it", err, outturn.CodeConflict)
}

func TestRotatedSecret(t *testing.T) {
	s := newStage(t)
	door, admin := s.door(), s.as(outturn.RoleAdmin)
	c, first := s.client("own", outturn.RoleManager)
	token, err := signIn(t, door, c.ID, first)
	must(t, err)
	_, second, err := s.RotateClient(t.Context(), admin, c.ID, time.Hour)
	must(t, err)
	for _, key := range []string{first, second.ClientSecret} {
		_, err := signIn(t, door, c.ID, key)
		must(t, err)
	}
	s.clock.advance(time.Minute)
	_, err = door.Authenticate(t.Context(), bearer(token))
	must(t, err) // a token outlives the secret that it came from
	s.clock.advance(59 * time.Minute)
	_, err = signIn(t, door, c.ID, first)
	wantCode(t, "the old secret after its hour", err, outturn.CodeUnauthenticated)
	_, third, err := s.RotateClient(t.Context(), admin, c.ID, 0)
	must(t, err)
	_, err = signIn(t, door, c.ID, second.ClientSecret)
	wantCode(t, "a secret that was replaced at once", err, outturn.CodeUnauthenticated)
	_, err = signIn(t, door, c.ID, third.ClientSecret)
	must(t, err)
}

// What opens something is shown once. It is in no audit row, no line of the log, and
// nowhere in the ledger's files.
func TestSecretsAreNotKept(t *testing.T) {
	s := newStage(t)
	door, admin := s.door(), s.as(outturn.RoleAdmin)
	c, first := s.client("own", outturn.RoleManager)
	token, err := signIn(t, door, c.ID, first)
	must(t, err)
	_, second, err := s.RotateClient(t.Context(), admin, c.ID, time.Hour)
	must(t, err)
	canaries := map[string]string{}
	for _, kind := range outturn.ClientKinds {
		made, shown, err := s.CreateClient(t.Context(), admin, outturn.Client{Kind: kind, Name: "n", Role: outturn.RoleViewer})
		must(t, err)
		_, renewed, err := s.RotateClient(t.Context(), admin, made.ID, time.Hour)
		must(t, err)
		for when, c := range map[string]outturn.Credential{"": shown, ", renewed": renewed} {
			fmt.Fprintf(s.log, "%v %+v %#v %q", c, c, c, []any{c})
			for name, part := range secretParts(t, c) {
				canaries[string(kind)+" "+name+when] = part
			}
		}
	}
	_, link, err := s.CreateLink(t.Context(), s.as(outturn.RoleManager), s.succeeded("own").Files[0].ID, 0)
	must(t, err)
	_, content, err := s.OpenLink(t.Context(), reporting.Click{Token: link})
	read(t, content, err)
	_, _, err = s.OpenLink(t.Context(), reporting.Click{Token: link + "x"})
	wantCode(t, "a wrong link", err, outturn.CodeNotFound)
	_, err = signIn(t, door, c.ID, first+"x")
	wantCode(t, "a wrong secret", err, outturn.CodeUnauthenticated)
	_, err = s.CancelRun(t.Context(), s.as(outturn.RoleViewer), link)
	wantCode(t, "a link in the place of an id", err, outturn.CodeNotFound)
	_, err = s.CreateRun(t.Context(), s.as(outturn.RoleViewer), reporting.CreateRunInput{Tenant: s.as(outturn.RoleViewer).Tenant, Name: link})
	wantCode(t, "a link in the place of a name", err, outturn.CodeForbidden)

	kept := s.log.Bytes()
	var file string
	must(t, s.sql.QueryRowContext(t.Context(), `SELECT file FROM pragma_database_list`).Scan(&file))
	files, err := filepath.Glob(file + "*")
	must(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(t, err)
		kept = append(kept, text...)
	}
	if !bytes.Contains(kept, []byte(c.ID)) {
		t.Fatal("not even the client is found, so the search is worth nothing")
	}
	maps.Copy(canaries, map[string]string{"the first secret": first, "the second": second.ClientSecret, "the token": token, "the link": link})
	for name, canary := range canaries {
		if bytes.Contains(kept, []byte(strings.TrimRight(canary, "x"))) {
			t.Errorf("%s is kept", name)
		}
	}
}

// secretParts are those of a credential that nobody else may see, by their names.
func secretParts(t testing.TB, c outturn.Credential) map[string]string {
	t.Helper()
	text, err := json.Marshal(c)
	must(t, err)
	parts := map[string]string{}
	must(t, json.Unmarshal(text, &parts))
	for _, public := range []string{"client_id", "consumer_key", "username", "access_key_id"} {
		delete(parts, public)
	}
	if key := parts["api_key"]; key != "" {
		_, parts["api_key"], _ = strings.Cut(key, ":")
	}
	return parts
}
