package cmp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/dialect/cmp"
	"outturn/internal/server/servertest"
)

// Every filter, alone and with every other, against a reading of the whole list
// (sections 3.1 and 3.4).
func TestFilters(t *testing.T) {
	begin(t)
	c := newTenant(t, shop, "1000001")
	defer at(shop, noon)
	c.limit(t, outturn.Limits{Running: new(int64)}) // what is queued stays so
	types := map[string]string{"": "onetime", "once": "onetime", "manual": "onetime", "day": "daily", "month": "monthly", "week": "periodic", "cron": "periodic", "event": "on_invoice"}
	formats, n := []string{"json", "xml", "csv", "xlsx"}, 0
	for rhythm := range types {
		for _, state := range []string{"submitted", "processing", "error"} {
			at(shop, noon.Add(time.Duration(n-30)*8*time.Hour))
			r := c.create(t, fmt.Sprintf(`{"name":"Report %d","format":"%s","startDate":"2026-10-01T00:00:00Z"}`, n%5, formats[n%4]))
			if r.Status != "submitted" {
				t.Fatalf("got %+v", r)
			}
			write(t, shop, `UPDATE runs SET rhythm = NULLIF(?1, '') WHERE id = ?2`, rhythm, r.ID)
			switch state {
			case "processing": // its first attempt was lost
				write(t, shop, `UPDATE runs SET furthest = 'querying' WHERE id = ?1`, r.ID)
			case "error":
				operator, err := shop.Folder.Operator(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := shop.Reporting().CancelRun(t.Context(), operator, r.ID); err != nil {
					t.Fatal(err)
				}
			}
			n++
			var got report
			c.do(t, "GET", "/reports/"+r.ID, "").decode(t, http.StatusOK, &got)
			if got.Status != state || got.Type != types[rhythm] || got.DownloadURL != "" {
				t.Errorf("%s and %q: got %+v", state, rhythm, got)
			}
		}
	}
	at(shop, noon)
	every := c.list(t, "from=2026-09-01")
	if len(every.Data) != n || every.Pagination.Total != n || every.Pagination.Limit != n {
		t.Fatalf("%d of %d reports, %+v", len(every.Data), n, every.Pagination)
	}
	if !slices.IsSortedFunc(every.Data, func(a, b report) int { return strings.Compare(b.CreationDate, a.CreationDate) }) {
		t.Error("not the newest first")
	}
	periodic := []string{"daily", "monthly", "periodic"}
	filters := map[string]func(report) bool{
		"from=2026-12-01":  func(r report) bool { return r.CreationDate >= "2026-12-01" },
		"to=2026-12-01":    func(r report) bool { return r.CreationDate < "2026-12-02" },
		"format=XSLX":      func(r report) bool { return r.Format == "xlsx" },
		"format=csv":       func(r report) bool { return r.Format == "csv" },
		"name=REPORT+3":    func(r report) bool { return r.Name == "Report 3" },
		"name=Report":      func(report) bool { return false },
		"type=periodic":    func(r report) bool { return slices.Contains(periodic, r.Type) },
		"status=completed": func(report) bool { return false },
		"format=":          func(report) bool { return true },
	}
	for _, word := range []string{"daily", "monthly", "onetime", "ON_INVOICE"} {
		filters["type="+word] = func(r report) bool { return r.Type == strings.ToLower(word) }
	}
	for _, word := range []string{"submitted", "processing", "Error"} {
		filters["status="+word] = func(r report) bool { return r.Status == strings.ToLower(word) }
	}
	token := c.token(t)
	for a, fitsA := range filters {
		for b, fitsB := range filters {
			nameA, _, _ := strings.Cut(a, "=")
			if nameB, _, _ := strings.Cut(b, "="); nameA == nameB && a != b {
				continue
			}
			query := a + "&" + b
			if a == b {
				query = a
			}
			if !strings.Contains(query, "from=") {
				query += "&from=2026-09-01"
			}
			var want []string
			for _, r := range every.Data {
				if fitsA(r) && fitsB(r) {
					want = append(want, r.ID)
				}
			}
			var got reports
			c.send(t, "GET", "/reports?"+query, "", "Authorization", "Bearer "+token, "X-Subscription-Key", c.SubscriptionKey).decode(t, http.StatusOK, &got)
			if !slices.Equal(got.ids(), want) || got.Pagination.Total != len(want) || got.Pagination.Limit != len(want) || got.Pagination.Offset != 0 {
				t.Errorf("%s: got %d of %d, %+v", query, len(got.Data), len(want), got.Pagination)
			}
		}
	}
}

// The switches: pages and upper case, another base path, and nothing at the root.
func TestSwitches(t *testing.T) {
	s := serve(t, cmp.Config{Paging: true, UpperCase: true, BasePath: "/simple/api/", NoRoot: true, MaxPeriod: 7 * 24 * time.Hour})
	c := newTenant(t, s, "1000003")
	c.base = "/simple/api"
	for i := range 12 {
		c.create(t, fmt.Sprintf(`{"name":"n%d","format":"json","startDate":"2026-10-01T00:00:00Z","endDate":"2026-10-02T00:00:00Z"}`, i%2))
	}
	for query, want := range map[string]struct{ got, offset, limit, total int }{
		"":                       {10, 0, 10, 12}, // defaults of the specification
		"limit=5":                {5, 0, 5, 12},
		"offset=10&limit=5":      {2, 10, 5, 12},
		"offset=12":              {0, 12, 10, 12}, // lesson 5
		"offset=99999":           {0, 99999, 10, 12},
		"name=N1":                {6, 0, 10, 6},
		"name=n1&offset=4":       {2, 4, 10, 6},
		"name=n0&limit=1":        {1, 0, 1, 6},
		"limit=500&format=JSON":  {12, 0, 500, 12},
		"limit=500&format=csv":   {0, 0, 500, 0},
		"limit=500&type=onetime": {12, 0, 500, 12},
	} {
		l := c.list(t, query)
		if p := l.Pagination; len(l.Data) != want.got || p.Offset != want.offset || p.Limit != want.limit || p.Total != want.total {
			t.Errorf("%q: got %d, %+v; want %+v", query, len(l.Data), p, want)
		}
		for _, r := range l.Data {
			if r.Format != "JSON" {
				t.Errorf("%q: format %s", query, r.Format)
			}
		}
	}
	var seen []string
	for offset := 0; ; offset += 5 {
		l := c.list(t, fmt.Sprintf("limit=5&offset=%d", offset))
		if len(l.Data) == 0 {
			break
		}
		seen = append(seen, l.ids()...)
	}
	if all := c.list(t, "limit=500").ids(); !slices.Equal(seen, all) {
		t.Errorf("pages have %d, all at once %d", len(seen), len(all))
	}
	var f fault
	c.do(t, "GET", "/reports?offset=-1&limit=501", "").decode(t, http.StatusBadRequest, &f)
	if f.Code != "INVALID_INPUT" || f.Details["offset"] != "-1" || f.Details["limit"] != "501" {
		t.Errorf("got %+v", f)
	}
	c.do(t, "POST", "/reports", `{"name":"a","startDate":"2026-10-01T00:00:00Z","endDate":"2026-10-08T00:00:00Z"}`).decode(t, http.StatusBadRequest, &f)
	if !strings.Contains(f.Message, "7 days") {
		t.Errorf("got %+v", f)
	}
	for _, path := range []string{"/token", "/auth/token", "/reports", "/reports/" + seen[0], "/marketplace/reports", "/auth/realms/a/protocol/openid-connect/token"} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound || resp.Header.Get("X-Correlation-ID") != "" {
			t.Errorf("%s: %s, not of the native API", path, resp.Status)
		}
	}
}

// What cannot be set.
func TestConfig(t *testing.T) {
	gate := gateOf(t)
	for _, c := range []struct {
		config cmp.Config
		says   string
	}{
		{cmp.Config{Gate: gate, BasePath: "/"}, ""},
		{cmp.Config{Gate: gate, BasePath: "/a/b-c_d.e~f/"}, ""},
		{cmp.Config{Gate: gate, NoRoot: true}, ""},
		{cmp.Config{}, "gate"},
		{cmp.Config{Gate: gate, BasePath: "marketplace"}, "no path"},
		{cmp.Config{Gate: gate, BasePath: "/a//b"}, "no path"},
		{cmp.Config{Gate: gate, BasePath: "/a/../b"}, "no path"},
		{cmp.Config{Gate: gate, BasePath: "/{a}"}, "no path"},
		{cmp.Config{Gate: gate, BasePath: "/v1/cmp"}, "Others answer at /v1"},
		{cmp.Config{Gate: gate, BasePath: "/aps"}, "Others answer at /aps"},
		{cmp.Config{Gate: gate, BasePath: "/", NoRoot: true}, "nowhere"},
	} {
		if _, err := cmp.New(c.config); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q, %t: got %v, want %q", c.config.BasePath, c.config.NoRoot, err, c.says)
		}
	}
}

// Only these paths are CMP's at the root, and all below the base path.
func TestServes(t *testing.T) {
	a, err := cmp.New(cmp.Config{Gate: gateOf(t)})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"/marketplace": true, "/marketplace/": true, "/marketplace/reports": true, "/marketplace/x/y": true, "/marketplaces": false,
		"/token": true, "/auth/token": true, "/reports": true, "/reports/a": true, "/auth/realms/a/protocol/openid-connect/token": true,
		"/": false, "/tokens": false, "/token/": false, "/reports/": false, "/reports/a/b": false, "/auth": false, "/auth/realms/a/b/protocol/openid-connect/token": false,
		"/v1/runs": false, "/oauth2/token": false, "/f/x": false, "/aps/2/resources": false,
	} {
		if a.Serves(path) != want {
			t.Errorf("%s: %t", path, !want)
		}
	}
}

// A report whose file is gone, or that was deleted, is in no list, and there is none.
func TestGone(t *testing.T) {
	begin(t)
	c := newTenant(t, shop, "1000002")
	kept, gone := c.create(t, october).ID, c.create(t, october).ID
	c.completed(t, kept)
	c.completed(t, gone)
	operator, err := shop.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.limit(t, outturn.Limits{Running: new(int64)})
	stopped := c.create(t, october).ID // which never has a file
	if _, err := shop.Reporting().CancelRun(t.Context(), operator, stopped); err != nil {
		t.Fatal(err)
	}
	if ids := c.list(t, "status=error").ids(); !slices.Equal(ids, []string{stopped}) {
		t.Errorf("what was stopped is listed as %v", ids)
	}
	for _, id := range []string{gone, stopped} {
		if err := shop.Reporting().DeleteRun(t.Context(), operator, id); err != nil {
			t.Fatal(err)
		}
	}
	if ids := c.list(t, "").ids(); !slices.Equal(ids, []string{kept}) {
		t.Errorf("got %v, want only %s", ids, kept)
	}
	for _, id := range []string{gone, stopped} {
		if a := c.do(t, "GET", "/reports/"+id, ""); a.status != http.StatusNotFound {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	if a := c.do(t, "GET", "/reports/"+strings.ToUpper(kept), ""); a.status != http.StatusOK {
		t.Errorf("an id in upper case: %d %s", a.status, a.body)
	}
}

// More reports than one page of the ledger come all at once, each once.
func TestManyReports(t *testing.T) {
	begin(t)
	c := newTenant(t, shop, "1000013")
	first := c.completed(t, c.create(t, october).ID)
	if err := servertest.Multiply(t.Context(), shop.Data, first.ID, 4500, time.Second); err != nil {
		t.Fatal(err)
	}
	l := c.list(t, "")
	if !slices.IsSortedFunc(l.Data, func(a, b report) int { return strings.Compare(b.CreationDate, a.CreationDate) }) {
		t.Error("they are not in order")
	}
	ids := l.ids()
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != 4501 || l.Pagination.Total != 4501 || l.Pagination.Limit != 4501 {
		t.Errorf("%d reports, %+v", n, l.Pagination)
	}
	if n := len(c.list(t, "name=october+CLOSE&offset=4500").Data); n != 4501 {
		t.Errorf("%d reports of the name", n)
	}
	for _, query := range []string{"offset=4501", "offset=999999999", "name=October+close&offset=4501"} {
		if l := c.list(t, query); len(l.Data) != 0 || l.Pagination.Total != 4501 {
			t.Errorf("%s: %d, %+v", query, len(l.Data), l.Pagination)
		}
	}
}

// So do those that were made at one instant, and others before and after it.
func TestManyReportsAtOnce(t *testing.T) {
	begin(t)
	c := newTenant(t, shop, "1000023")
	for range 2 {
		first := c.completed(t, c.create(t, october).ID)
		if err := servertest.Multiply(t.Context(), shop.Data, first.ID, 1500, 0); err != nil {
			t.Fatal(err)
		}
	}
	c.completed(t, c.create(t, october).ID)
	ids := c.list(t, "").ids()
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != 3003 || len(ids) != n {
		t.Errorf("%d reports, %d times", n, len(ids))
	}
}

// What a role may do. One that may not give out links sees no address of a file.
func TestRoles(t *testing.T) {
	begin(t)
	admin := newTenant(t, shop, "1000016")
	done := admin.completed(t, admin.create(t, october).ID)
	for role, may := range map[outturn.Role]bool{outturn.RoleAdmin: true, outturn.RoleManager: true, outturn.RoleViewer: false} {
		c := newCaller(t, shop, admin.tenant, role)
		one := c.completed(t, done.ID)
		list := c.list(t, "name=October+close&to=2026-12-06").Data
		if (one.DownloadURL != "") != may || len(list) == 0 || (list[len(list)-1].DownloadURL != "") != may {
			t.Errorf("%s: %+v, %+v", role, one, list)
		}
		a := c.do(t, "POST", "/reports", october)
		if may && a.status != http.StatusOK || !may && (a.status != http.StatusForbidden || !strings.Contains(string(a.body), `"code":"FORBIDDEN"`)) {
			t.Errorf("%s makes a report: %d %s", role, a.status, a.body)
		}
	}
}

// What is over a limit is told with when to come again (section 4).
func TestLimits(t *testing.T) {
	begin(t)
	c := newTenant(t, shop, "1000014")
	one, three := int64(1), int64(3)
	c.limit(t, outturn.Limits{Running: new(int64), Queued: &one})
	c.create(t, october)
	refused := func(what, path string, a answer) {
		t.Helper()
		var f fault
		a.decode(t, http.StatusTooManyRequests, &f)
		if wait := a.header.Get("Retry-After"); wait == "" || f.Code != "RATE_LIMIT" || fmt.Sprint(f.Details["retryAfter"]) != wait {
			t.Errorf("%s: %s: %v %s", what, path, a.header, a.body)
		}
	}
	refused("a report too many", "/reports", c.do(t, "POST", "/reports", october))
	token := c.token(t)
	c.limit(t, outturn.Limits{Requests: &three})
	for _, path := range []string{"/reports", "/reports/" + october[:3], "/reports", "/reports"} {
		a := c.send(t, "GET", path, "", "Authorization", "Bearer "+token, "X-Subscription-Key", c.SubscriptionKey)
		if a.status == http.StatusTooManyRequests {
			refused("a request too many", path, a)
			refused("a token too many", "/token", c.send(t, "POST", "/token", "", "Authorization", "", "X-Subscription-Key", c.SubscriptionKey))
			return
		}
	}
	t.Error("no request was too many")
}

// A tenant that is suspended is let in nowhere (section 4).
func TestSuspended(t *testing.T) {
	begin(t)
	c := newTenant(t, shop, "1000017")
	token := c.token(t)
	operator, err := shop.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.Reporting().SuspendTenant(t.Context(), operator, c.tenant); err != nil {
		t.Fatal(err)
	}
	for _, a := range []answer{
		c.send(t, "GET", "/reports", "", "Authorization", "Bearer "+token, "X-Subscription-Key", c.SubscriptionKey),
		c.send(t, "POST", "/token", "", "Authorization", "", "X-Subscription-Key", c.SubscriptionKey),
	} {
		if a.status != http.StatusForbidden || !strings.Contains(string(a.body), `"code":"FORBIDDEN"`) {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
}

// No client takes a part of a list for all of it. Where the ledger breaks before the first
// report, the list is refused; where it breaks midway, the connection ends before the JSON
// does (section 4).
func TestBrokenList(t *testing.T) {
	s := serve(t, cmp.Config{})
	c := newTenant(t, s, "1000013")
	newest := c.completed(t, c.create(t, october).ID)
	if err := servertest.Multiply(t.Context(), s.Data, newest.ID, 3500, time.Second); err != nil {
		t.Fatal(err)
	}
	token := c.token(t)
	list := func(query string) (status int, body []byte, err error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/reports?"+query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("X-Subscription-Key", c.SubscriptionKey)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err = io.ReadAll(resp.Body)
		return resp.StatusCode, body, err
	}
	refused := func(what, query string, codes ...string) {
		t.Helper()
		var f fault
		status, body, err := list(query)
		if err != nil || json.Unmarshal(body, &f) != nil || status < 500 || !slices.Contains(codes, f.Code) || bytes.Contains(body, []byte(`"data"`)) {
			t.Errorf("%s: %d %v %.200s", what, status, err, body)
		}
	}
	damage := func(place int) { // counted from the oldest
		write(t, s, `UPDATE runs SET window_from = 'damaged' WHERE id = (SELECT id FROM runs ORDER BY created_at LIMIT 1 OFFSET ?1)`, place)
	}
	damage(1000)
	status, body, err := list("")
	if !errors.Is(err, io.ErrUnexpectedEOF) || status != http.StatusOK || !bytes.HasPrefix(body, []byte(`{"data":[{"id":"`+newest.ID)) || json.Valid(body) {
		t.Errorf("a report in the middle is damaged: %d %v, %d bytes", status, err, len(body))
	}
	refused("a count, with a report in the middle damaged", "name=October+close&offset=1", "INTERNAL")
	damage(0)
	refused("the oldest report is damaged", "", "INTERNAL")
	damage(3500)
	refused("the newest report is damaged", "", "INTERNAL")
	if err := s.Folder.Close(); err != nil {
		t.Fatal(err)
	}
	refused("the ledger is closed", "", "INTERNAL", "UNAVAILABLE")
}
