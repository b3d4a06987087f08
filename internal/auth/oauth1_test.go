package auth

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"outturn"
)

// params are those of an Authorization header.
type params map[string]string

func (p params) header() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(p)) {
		list = append(list, name+`="`+escape(p[name])+`"`)
	}
	return "OAuth " + strings.Join(list, ", ")
}

// sign signs a request with what params say, unless they have a signature.
func (r *Request) sign(key string, p params) {
	if _, signed := p["oauth_signature"]; !signed {
		o := oauth{method: methods[p["oauth_signature_method"]]}
		if o.method == nil {
			o.method = methods["HMAC-SHA1"]
		}
		for name, value := range p {
			o.params = append(o.params, pair{name, value})
		}
		p = maps.Clone(p)
		p["oauth_signature"] = o.sign(key, o.base(*r, false))
	}
	r.Header.Set("Authorization", p.header())
}

// at makes a request of a URL.
func at(t testing.TB, method, address string) Request {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	r := with("")
	r.Method, r.Scheme, r.Host, r.Path, r.Query = method, u.Scheme, u.Host, u.EscapedPath(), u.RawQuery
	return r
}

// The example of RFC 5849, section 3.4.1.1, and what it signs to by section 1.2 with
// its token left out of account.
func TestBaseStringOfTheRFC(t *testing.T) {
	r := at(t, "POST", "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b")
	r.Form = "c2&a3=2+q"
	o, _ := parseOAuth(`realm="Example",
		oauth_consumer_key="9djdj82h48djs9d2",
		oauth_token="kkk9d7dh3k39sjv7",
		oauth_signature_method="HMAC-SHA1",
		oauth_timestamp="137131201",
		oauth_nonce="7d8f3e4a",
		oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D"`) // there are no tokens here, and it says so
	const want = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q" +
		"%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_" +
		"key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m" +
		"ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk" +
		"9d7dh3k39sjv7"
	if got := o.base(r, false); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The vectors of the reference, as a server sees them.
func TestVectors(t *testing.T) {
	const key, shown, timestamp = "demoConsumerKey0001", "demoConsumerSecret-AAAA-BBBB", 1735689600
	for _, tt := range []struct{ method, url, signature string }{
		{"POST", "https://reports.example.test/aps/2/resources", "dUNAPC4/yQTq4F2nMl9CLG6tC3g="},
		{"GET", "https://reports.example.test/aps/2/resources?implementing(http://www.odin.com/rde/report-template/1.5),limit(0,10)", "QNZv7MnLXCjNoZd6vgsZ87qHuYg="},
		{"GET", "https://reports.example.test/aps/2/resources?implementing%28http%3A%2F%2Fwww.odin.com%2Frde%2Freport-template%2F1.5%29%2Climit%280%2C10%29", "QNZv7MnLXCjNoZd6vgsZ87qHuYg="},
		{"GET", "https://reports.example.test/aps/2/collections/rde-report-templates?commonName=NW%20Finance", "sjkTpnkGGk7pIbHeEvZD2Fp5I2A="},
		{"GET", "https://reports.example.test/aps/2/collections/rde-report-templates?commonName=NW+Finance", "sjkTpnkGGk7pIbHeEvZD2Fp5I2A="},
		{"get", "HTTPS://Reports.Example.Test:443/aps/2/collections/rde-report-templates?commonName=NW%20Finance", "sjkTpnkGGk7pIbHeEvZD2Fp5I2A="},
	} {
		s := newStage(t)
		s.now = time.Unix(timestamp-10, 0)
		s.Service = s.start(t)
		s.now = time.Unix(timestamp, 0)
		s.ledger.clients[key] = outturn.Client{ID: key, Kind: outturn.ClientOAuth1, Tenant: "t1", Role: outturn.RoleViewer, Sealed: s.seal(t, key, shown)}
		r := at(t, tt.method, tt.url)
		if tt.method == "POST" {
			r.Header.Set("Content-Type", "application/json")
		}
		for _, separator := range []string{", ", ","} {
			p := params{
				"oauth_consumer_key": key, "oauth_nonce": "n0nce42", "oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": fmt.Sprint(timestamp),
				"oauth_version": "1.0", "oauth_signature": tt.signature,
			}
			s.nonces = nonces{}
			r.Header.Set("Authorization", strings.ReplaceAll(p.header(), ", ", separator))
			if _, err := s.Authenticate(t.Context(), r); err != nil {
				t.Errorf("%s %s: %v", tt.method, tt.url, err)
			}
		}
	}
}

// RFC 5849 section 3.6: four marks, letters and digits stay as they are.
func TestEscape(t *testing.T) {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	for c := range 256 {
		text := string([]byte{byte(c)})
		want := fmt.Sprintf("%%%02X", c)
		if strings.Contains(unreserved, text) {
			want = text
		}
		back, ok := unescape(want, true)
		if got := escape(text); got != want || back != text || !ok {
			t.Errorf("%q: got %s, and back %q", text, got, back)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for address, want := range map[string]string{
		"http://a.example":              "http://a.example/",
		"http://a.example:80/x":         "http://a.example/x",
		"http://a.example:443/x":        "http://a.example:443/x",
		"https://a.example:443/x":       "https://a.example/x",
		"https://a.example:80/x":        "https://a.example:80/x",
		"HTTP://A.Example:8080/X%2fy/":  "http://a.example:8080/X%2fy/",
		"http://[::1]:80/%7Bx%7D;a=b,c": "http://[::1]/%7Bx%7D;a=b,c",
	} {
		if got := baseURL(at(t, "GET", address)); got != want {
			t.Errorf("%s: got %s", address, got)
		}
	}
}

// Each change to a request that was signed, or to its signature, keeps it out. The
// table begins with what lets it in.
func TestSigned(t *testing.T) {
	const key, address = "id-of-oauth1", "http://outturn.example/v1/runs?eq(state,failed),limit(0,10)&a=b+c"
	set := func(name, value string) func(params) { return func(p params) { p[name] = value } }
	unset := func(name string) func(params) { return func(p params) { delete(p, name) } }
	for _, tt := range []struct {
		name   string
		params func(params)   // before it is signed
		after  func(*Request) // it was signed
		says   string         // in the refusal; "" lets it in
	}{
		{name: "OK"},
		{name: "SHA1", params: set("oauth_signature_method", "HMAC-SHA1")},
		{name: "Version", params: set("oauth_version", "1.0")},
		{name: "EmptyToken", params: set("oauth_token", "")},
		{name: "OtherParameter", params: set("oauth_body_hash", "x=")},
		{name: "LongNonce", params: set("oauth_nonce", strings.Repeat("n", mostNonce))},
		{name: "Realm", after: func(r *Request) { edit(r, "OAuth ", `OAuth realm="a, b=c", `) }},
		{name: "Blanks", after: func(r *Request) { edit(r, ", ", " ,\t,  ") }},
		{name: "Escapes", after: func(r *Request) { r.Query = strings.ReplaceAll(r.Query, "(", "%28") }},
		{name: "PlusForBlank", after: func(r *Request) { r.Query = strings.ReplaceAll(r.Query, "+", "%20") }},
		{name: "Order", after: func(r *Request) { r.Query = "a=b+c&eq(state,failed),limit(0,10)" }},
		{name: "JSONBodyIsNotSigned", after: func(r *Request) { r.Header.Set("Content-Type", "application/json") }},
		{name: "Early", params: set("oauth_timestamp", fmt.Sprint(start.Add(300*time.Second).Unix()))},
		{name: "Late", params: set("oauth_timestamp", fmt.Sprint(start.Add(-300*time.Second).Unix()))},

		{name: "OtherMethod", after: func(r *Request) { r.Method = "DELETE" }, says: "wrong"},
		{name: "OtherPath", after: func(r *Request) { r.Path = "/v1/views" }, says: "wrong"},
		{name: "PathByCase", after: func(r *Request) { r.Path = "/V1/runs" }, says: "wrong"},
		{name: "OtherHost", after: func(r *Request) { r.Host = "other.example" }, says: "wrong"},
		{name: "OtherPort", after: func(r *Request) { r.Host += ":8080" }, says: "wrong"},
		{name: "OtherScheme", after: func(r *Request) { r.Scheme = "https" }, says: "wrong"},
		{name: "OtherValue", after: func(r *Request) { r.Query = strings.ReplaceAll(r.Query, "b+c", "b+d") }, says: "wrong"},
		{name: "OtherExpression", after: func(r *Request) { r.Query = strings.ReplaceAll(r.Query, "failed", "queued") }, says: "wrong"},
		{name: "MoreQuery", after: func(r *Request) { r.Query += "&tenant=x" }, says: "wrong"},
		{name: "NoQuery", after: func(r *Request) { r.Query = "" }, says: "wrong"},
		{name: "FormThatWasNotSigned", after: func(r *Request) { r.Form = "a=b" }, says: "wrong"},
		{name: "OtherNonce", after: func(r *Request) { edit(r, `oauth_nonce="1"`, `oauth_nonce="2"`) }, says: "wrong"},
		{name: "OtherClient", after: func(r *Request) { edit(r, key, "id-of-zuora") }, says: "wrong"},
		{name: "NoClient", after: func(r *Request) { edit(r, key, "nobody") }, says: "wrong"},
		{name: "OtherAlgorithm", after: func(r *Request) { edit(r, "HMAC-SHA256", "HMAC-SHA1") }, says: "wrong"},
		{name: "ParameterAdded", after: func(r *Request) { edit(r, "OAuth ", `OAuth x="y", `) }, says: "wrong"},
		{name: "CutSignature", after: func(r *Request) { edit(r, "%3D\"", `"`) }, says: "wrong"},

		{name: "TooEarly", params: set("oauth_timestamp", fmt.Sprint(start.Add(301*time.Second).Unix())), says: "301 seconds away"},
		{name: "TooLate", params: set("oauth_timestamp", fmt.Sprint(start.Add(-301*time.Second).Unix())), says: "301 seconds away"},
		{name: "Plaintext", params: func(p params) { p["oauth_signature_method"], p["oauth_signature"] = "PLAINTEXT", clientSecret+"&" }, says: "HMAC-SHA1"},
		{name: "RSA", params: set("oauth_signature_method", "RSA-SHA1"), says: "HMAC-SHA1"},
		{name: "NoMethod", params: unset("oauth_signature_method"), says: "HMAC-SHA1"},
		{name: "OtherVersion", params: set("oauth_version", "2.0"), says: "oauth_version"},
		{name: "EmptyVersion", params: set("oauth_version", ""), says: "oauth_version"},
		{name: "Token", params: set("oauth_token", "t"), says: "no OAuth tokens"},
		{name: "NoNonce", params: unset("oauth_nonce"), says: "oauth_nonce"},
		{name: "TooLongNonce", params: set("oauth_nonce", strings.Repeat("n", mostNonce+1)), says: "oauth_nonce"},
		{name: "NoTimestamp", params: unset("oauth_timestamp"), says: "oauth_timestamp"},
		{name: "NegativeTimestamp", params: set("oauth_timestamp", "-1"), says: "oauth_timestamp"},
		{name: "HugeTimestamp", params: set("oauth_timestamp", strings.Repeat("9", 30)), says: "oauth_timestamp"},
		{name: "NoConsumer", params: unset("oauth_consumer_key"), says: "oauth_consumer_key"},
		{name: "NoSignature", params: set("oauth_signature", ""), says: "oauth_signature"},
		{name: "Twice", after: func(r *Request) { edit(r, "OAuth ", `OAuth oauth_nonce="1", `) }, says: "twice"},
		{name: "TwiceEscaped", after: func(r *Request) { edit(r, "OAuth ", `OAuth oauth%5Fnonce="1", `) }, says: "twice"},
		{name: "InQueryToo", after: func(r *Request) { r.Query += "&oauth_nonce=1" }, says: "outside"},
		{name: "InFormToo", after: func(r *Request) { r.Form = "oauth_consumer_key=x" }, says: "outside"},
		{name: "Unquoted", after: func(r *Request) { edit(r, `"`, "") }, says: "not understood"},
		{name: "BadEscape", after: func(r *Request) { edit(r, `oauth_nonce="`, `oauth_nonce="%zz`) }, says: "not understood"},
		{name: "OpenQuote", after: func(r *Request) { edit(r, `"1"`, `"1`) }, says: "not understood"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.addKinds(t)
			p := params{"oauth_consumer_key": key, "oauth_nonce": "1", "oauth_signature_method": "HMAC-SHA256", "oauth_timestamp": fmt.Sprint(start.Unix())}
			if tt.params != nil {
				tt.params(p)
			}
			r := at(t, "GET", address)
			r.sign(clientSecret, p)
			if tt.after != nil {
				tt.after(&r)
			}
			who, err := s.Authenticate(t.Context(), r)
			if tt.says == "" {
				if err != nil || who.Via != "oauth1" {
					t.Fatalf("got %+v, %v", who, err)
				}
				if _, err := s.Authenticate(t.Context(), r); outturn.ErrorCode(err) != outturn.CodeUnauthenticated || !strings.Contains(err.Error(), "came before") {
					t.Errorf("again: got %v", err)
				}
				return
			}
			if outturn.ErrorCode(err) != outturn.CodeUnauthenticated || who.Subject != "" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %+v, %v", who, err)
			}
			if told := fmt.Sprint(err, s.ledger.audit); strings.Contains(told, clientSecret) || strings.Contains(told, "nobody") {
				t.Errorf("it tells what was sent: %s", told)
			}
		})
	}
}

// edit changes what stands in the Authorization header.
func edit(r *Request, from, to string) {
	h := r.Header.Get("Authorization")
	r.Header.Set("Authorization", strings.ReplaceAll(h, from, to))
}

// Of many that send one signed request at once, one is let in.
func TestReplayedAtOnce(t *testing.T) {
	s := newStage(t)
	s.addKinds(t)
	var in atomic.Int64
	for range 5 {
		r := s.shows(outturn.ClientOAuth1, idOf(outturn.ClientOAuth1), clientSecret)
		var all sync.WaitGroup
		for from := range 20 {
			r := r
			r.From = fmt.Sprint(from) // or they would be slowed down
			all.Go(func() {
				if _, err := s.Authenticate(t.Context(), r); err == nil {
					in.Add(1)
				}
			})
		}
		all.Wait()
	}
	if n := in.Load(); n != 5 {
		t.Errorf("%d of 5 requests were let in", n)
	}
}

// A request that was rightly signed and comes again is refused however often, locks its
// client out of nothing, and does not fill the audit.
func TestReplaysAreNoGuesses(t *testing.T) {
	for name, signedAt := range map[string]time.Time{"Again": start, "TooLate": start.Add(-time.Hour)} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.addKinds(t)
			sign := func(nonce string, when time.Time, with string) Request {
				r := at(t, "GET", "http://outturn.example/v1/runs")
				r.sign(with, params{"oauth_consumer_key": "id-of-oauth1", "oauth_nonce": nonce, "oauth_signature_method": "HMAC-SHA256", "oauth_timestamp": fmt.Sprint(when.Unix())})
				return r
			}
			old := sign("1", signedAt, clientSecret)
			_, _ = s.Authenticate(t.Context(), old)
			before := len(s.ledger.audit)
			for range 3 * pairBurst {
				if _, err := s.Authenticate(t.Context(), old); outturn.ErrorCode(err) != outturn.CodeUnauthenticated {
					t.Fatalf("a replay: got %v", err)
				}
			}
			if n := len(s.ledger.audit) - before; n == 0 || n > pairBurst {
				t.Errorf("%d replays are in the audit", n)
			}
			if _, err := s.Authenticate(t.Context(), sign("2", start, clientSecret)); err != nil {
				t.Errorf("the next request: %v", err)
			}
			for range pairBurst {
				_, _ = s.Authenticate(t.Context(), sign("3", start, "wrong"))
			}
			if _, err := s.Authenticate(t.Context(), sign("4", start, clientSecret)); outturn.ErrorCode(err) != outturn.CodeLimit {
				t.Errorf("after wrong secrets: %v", err)
			}
		})
	}
}

// A form's body is signed.
func TestSignedForm(t *testing.T) {
	s := newStage(t)
	s.addKinds(t)
	r := at(t, "POST", "http://outturn.example/v1/runs")
	r.Form = "a=b+c&x"
	r.sign(clientSecret, params{"oauth_consumer_key": "id-of-oauth1", "oauth_nonce": "1", "oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": fmt.Sprint(s.now.Unix())})
	swapped := r
	swapped.Form = "a=b+d&x"
	if _, err := s.Authenticate(t.Context(), swapped); outturn.ErrorCode(err) != outturn.CodeUnauthenticated {
		t.Errorf("another body: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// Some clients leave parameters without a value out of what they sign. They are let
// in unless the configuration says otherwise.
func TestClientsThatDropEmptyPairs(t *testing.T) {
	s := newStage(t)
	s.addKinds(t)
	r := at(t, "GET", "http://outturn.example/v1/runs?a=b")
	r.sign(clientSecret, params{"oauth_consumer_key": "id-of-oauth1", "oauth_nonce": "1", "oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": fmt.Sprint(s.now.Unix())})
	r.Query = "limit(0,10)&a=b&empty="
	s.config.WholeQuery = true
	if _, err := s.Authenticate(t.Context(), r); outturn.ErrorCode(err) != outturn.CodeUnauthenticated {
		t.Errorf("with WholeQuery: %v", err)
	}
	s.config.WholeQuery = false
	if _, err := s.Authenticate(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// The nonces of before a restart are not known, so what was signed then is refused.
func TestSignedBeforeARestart(t *testing.T) {
	s := newStage(t)
	s.addKinds(t)
	s.now = s.now.Add(time.Minute)
	r := s.shows(outturn.ClientOAuth1, idOf(outturn.ClientOAuth1), clientSecret)
	if _, err := s.Authenticate(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(time.Second / 2) // the same second of a timestamp
	s.Service = s.start(t)
	if _, err := s.Authenticate(t.Context(), r); outturn.ErrorCode(err) != outturn.CodeUnauthenticated || !strings.Contains(err.Error(), "Sign it again") {
		t.Errorf("got %v", err)
	}
	s.now = s.now.Add(time.Second)
	if _, err := s.enter(t, outturn.ClientOAuth1, idOf(outturn.ClientOAuth1), clientSecret); err != nil {
		t.Errorf("signed after it: %v", err)
	}
}

// A client that has used up its room is refused; no nonce of it is forgotten as long
// as it could come again, and others have theirs.
func TestNonces(t *testing.T) {
	var n nonces
	now := start
	for i := range mostNonces {
		if got := n.use("a", now.Unix()+300, fmt.Sprint(i), now); got != nonceFresh {
			t.Fatalf("nonce %d: %v", i, got)
		}
	}
	for _, tt := range []struct {
		what, client, nonce string
		at                  int64
		want                nonceState
	}{
		{"the first again", "a", "0", 300, nonceSeen},
		{"one more", "a", "more", 300, nonceFull},
		{"at another time", "a", "0", 299, nonceFull},
		{"the same of another", "b", "0", 300, nonceFresh},
		{"the same of it again", "b", "0", 300, nonceSeen},
		{"at another time of it", "b", "0", 299, nonceFresh},
	} {
		if got := n.use(tt.client, now.Unix()+tt.at, tt.nonce, now); got != tt.want {
			t.Errorf("%s: got %v", tt.what, got)
		}
	}
	now = now.Add(600 * time.Second) // the last moment that its timestamp is taken
	if got := n.use("a", now.Unix()-300, "0", now); got != nonceSeen {
		t.Errorf("at the end of its time: got %v", got)
	}
	now = now.Add(time.Second)
	if got := n.use("a", now.Unix(), "more", now); got != nonceFresh {
		t.Errorf("when there is room again: got %v", got)
	}
	now = now.Add(time.Hour)
	n.use("c", now.Unix(), "0", now)
	if len(n.clients) != 1 {
		t.Errorf("%d clients are remembered for ever", len(n.clients))
	}
}

// FuzzOAuth sends any header and any query: nothing panics, and what was not signed
// lets nobody in.
func FuzzOAuth(f *testing.F) {
	s := newStage(f)
	s.config.WholeQuery = true
	s.addKinds(f)
	good := s.shows(outturn.ClientOAuth1, idOf(outturn.ClientOAuth1), clientSecret)
	header := strings.TrimPrefix(good.Header.Get("Authorization"), "OAuth ")
	seed := func(h, query, form string) { f.Add(h, "GET", "http", "outturn.example", "/v1/runs", query, form) }
	seed(header, good.Query, "")
	seed(header, "limit%280%2C10%29&a=b%20c", "")
	seed(strings.ReplaceAll(header, ", ", ",\r\n "), good.Query, "&&")
	seed(`a="b",,c="%"`, "%&%2&+=+&=", "=&a=")
	f.Fuzz(func(t *testing.T, h, method, scheme, host, path, query, form string) {
		s.throttle, s.nonces = throttle{}, nonces{}
		r := Request{Method: method, Scheme: scheme, Host: host, Path: path, Query: query, Form: form, Header: with("OAuth " + h).Header}
		p, err := s.Authenticate(t.Context(), r)
		if err != nil {
			if code := outturn.ErrorCode(err); code != outturn.CodeUnauthenticated || p.Subject != "" {
				t.Errorf("got %+v, %v", p, err)
			}
			return
		}
		// What was let in is what was signed, written differently.
		if !strings.EqualFold(method, "GET") || baseURL(r) != baseURL(good) || !samePairs(query+"&"+form, good.Query) {
			t.Errorf("%+v let in %+v", r, p)
		}
	})
}

func samePairs(a, b string) bool {
	sorted := func(text string) string {
		var list []string
		for _, p := range formPairs(text) {
			list = append(list, fmt.Sprintf("%q", p))
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	return sorted(a) == sorted(b)
}

// FuzzBaseString wants of any request one base string of three parts, which says no
// more and no less than the parameters.
func FuzzBaseString(f *testing.F) {
	f.Add("a=b&c", "x", "1")
	f.Add("limit(0,10)&%zz=+", "%", "é=&")
	f.Fuzz(func(t *testing.T, query, name, value string) {
		r := with("")
		r.Query = query
		o := oauth{params: []pair{{name, value}}}
		parts := strings.Split(o.base(r, false), "&")
		if len(parts) != 3 || parts[0] != "GET" {
			t.Fatalf("got %q", parts)
		}
		decoded, ok := unescape(parts[2], false)
		if !ok || !samePairs(decoded, query+"&"+escape(name)+"="+escape(value)) {
			t.Errorf("%q and %q=%q became %q", query, name, value, decoded)
		}
	})
}
