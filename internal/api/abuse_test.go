package api_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
)

// wantProtected holds an answer against what each says to browsers, and to scripts
// of other sites. keeps says that it may be kept, which the page's files may.
func wantProtected(t *testing.T, what string, h http.Header, keeps bool) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
	} {
		if got := h.Values(name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %s is %q, want %s", what, name, got, want)
		}
	}
	if got := h.Get("Cache-Control"); !strings.Contains(got, "no-store") && !(keeps && got == "no-cache") {
		t.Errorf("%s: Cache-Control is %q", what, got)
	}
	policy := h.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") && !(keeps && strings.Contains(policy, "default-src 'self'")) || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("%s: Content-Security-Policy is %q", what, policy)
	}
	if h.Get("X-Request-Id") == "" {
		t.Errorf("%s: no X-Request-Id", what)
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" || name == "Strict-Transport-Security" {
			t.Errorf("%s: it says %s: %s", what, name, h.Get(name))
		}
	}
}

// Every answer protects: of each route for those who may and who may not, refused
// and not, by methods that it has and has not, and where there is no route.
func TestProtected(t *testing.T) {
	d := openapi(t)
	manager := callerOf(t, "Northwind", outturn.RoleManager)
	run := manager.run(t, accounts)
	var link struct{ URL string }
	manager.do(t, "POST", "/v1/files/"+run.Files[0].ID+"/links", `{}`).decode(t, 201, &link)
	asked, statuses := 0, map[int]bool{}
	ask := func(who caller, method, path, body string) {
		a := who.do(t, method, path, body, "Origin", "https://evil.example", "Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization")
		keeps := path == "/docs" || strings.HasPrefix(path, "/docs/") && a.status == http.StatusOK
		wantProtected(t, fmt.Sprintf("%s %s (%d)", method, path, a.status), a.header, keeps)
		asked++
		statuses[a.status] = true
	}
	for _, o := range d.operations {
		path := braces.ReplaceAllString(o.path, absent)
		for _, who := range []caller{{}, manager} {
			ask(who, o.method, path, "")
		}
		if o.method != http.MethodGet && o.method != http.MethodHead {
			ask(manager, o.method, path, "{}")
		}
		for _, method := range []string{http.MethodOptions, http.MethodTrace, "PROPFIND"} {
			ask(manager, method, path, "")
		}
		a := manager.do(t, http.MethodOptions, path, "", "Origin", "https://evil.example", "Access-Control-Request-Method", o.method)
		if a.status != http.StatusMethodNotAllowed {
			t.Errorf("a script of another site asks whether it may %s, and the answer is %d", o, a.status)
		}
	}
	for _, path := range []string{
		"/", "/docs", "/docs/page.js", "/docs/absent", "/docs/../docs", "/openapi.json", "/nowhere", "//", "/v1", "/v1/runs/", "/v1/files/" + run.Files[0].ID + "/content",
		strings.TrimPrefix(link.URL, shop.URL()), "/v1/runs/" + run.ID + "/events", "/v1/runs/" + run.ID, "/v1/runs?limit=x",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			ask(manager, method, path, "")
		}
	}
	if asked < 180 || len(statuses) < 9 {
		t.Errorf("only %d answers were seen, with the statuses %v", asked, statuses)
	}
}

// speak sends a text as it is and returns the answers until the server hangs up.
func speak(t testing.TB, text string) (list []answer) {
	t.Helper()
	conn := dial(t)
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, text) }() // the server may answer before it has all
	for r := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(r, nil)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("after %d answers the server holds the connection", len(list))
		}
		if err != nil {
			return list
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		list = append(list, answer{resp.StatusCode, resp.Header, body})
	}
}

// What no client would send is refused or answered, and the connection ends.
func TestOddRequests(t *testing.T) {
	const end = "Connection: close\r\n\r\n"
	const host = " HTTP/1.1\r\nHost: outturn.example\r\n"
	for _, c := range []struct {
		name, text string
		statuses   []int
		foreign    bool // net/http answers before we are asked
	}{
		{"Plain", "GET /healthz" + host + end, []int{200}, false},
		{"ManyHeaders", "GET /healthz" + host + strings.Repeat("X-A: b\r\n", 20_000) + end, []int{431}, true},
		{"LongHeader", "GET /healthz" + host + "X-A: " + strings.Repeat("b", 1<<20) + "\r\n" + end, []int{431}, true},
		{"LongURL", "GET /" + strings.Repeat("a", 1<<20) + host + end, []int{431}, true},
		{"LongURLThatFits", "GET /" + strings.Repeat("a", 60_000) + host + end, []int{404}, false},
		{"PipelinedGarbage", "GET /healthz" + host + "\r\n\x16\x03\x01\x00 garbage\r\n\r\n", []int{200, 400}, true},
		{"Pipelined", strings.Repeat("GET /healthz"+host+"\r\n", 50) + "GET /nowhere" + host + end, append(slices.Repeat([]int{200}, 50), 404), false},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400}, true},
		{"Connect", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n" + end, []int{405}, false},
		{"Trace", "TRACE /healthz" + host + "X-Secret: canary\r\n" + end, []int{405}, false},
		{"AnyMethod", "CANARY /healthz" + host + end, []int{405}, false},
		{"OptionsOfAll", "OPTIONS *" + host + end, []int{404}, false},
		{"AbsoluteForm", "GET http://evil.example/healthz HTTP/1.1\r\nHost: outturn.example\r\n" + end, []int{200}, false},
		{"HTTP10", "GET /healthz HTTP/1.0\r\n\r\n", []int{200}, false},
		{"HTTP2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{404}, true},
		{"NoHost", "GET /healthz HTTP/1.1\r\n" + end, []int{400}, true},
		{"TwoHosts", "GET /healthz" + host + "Host: evil.example\r\n" + end, []int{400}, true},
		{"HostWithPath", "GET /healthz HTTP/1.1\r\nHost: a/b\r\n" + end, []int{400}, true},
		{"HostWithUser", "GET /healthz HTTP/1.1\r\nHost: canary@a\r\n" + end, []int{400}, true},
		{"HostWithMarkup", "GET /healthz HTTP/1.1\r\nHost: a'()b\r\n" + end, []int{400}, false},
		{"HostOfBlank", "GET /healthz HTTP/1.1\r\nHost: a b\r\n" + end, []int{400}, true},
		{"Encodings", "POST /oauth2/token" + host + "Transfer-Encoding: gzip, chunked\r\n" + end, []int{501}, true},
		{"TwoLengths", "POST /oauth2/token" + host + "Content-Length: 1\r\nContent-Length: 2\r\n" + end + "aa", []int{400}, true},
		{"BadChunk", "POST /oauth2/token" + host + "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n" + end + "zz\r\n", []int{400}, false},
		{"ColonSpace", "GET /healthz" + host + "X-A : b\r\n" + end, []int{400}, true},
		{"Folded", "GET /healthz" + host + "X-A: b\r\n\tc\r\n" + end, []int{200}, false},
		{"NUL", "GET /healthz" + host + "X-A: b\x00\r\n" + end, []int{400}, true},
		{"ClimbingPath", "GET /docs/../../../etc/passwd" + host + end, []int{404}, false},
		{"EncodedClimbingPath", "GET /docs/..%2f..%2fetc%2fpasswd" + host + end, []int{404}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []int
			for _, a := range speak(t, c.text) {
				got = append(got, a.status)
				if bytes.Contains(a.body, []byte("canary")) || bytes.Contains(a.body, []byte("root:")) {
					t.Errorf("the answer is %s", a.body)
				}
				if !c.foreign {
					wantProtected(t, c.name, a.header, false)
				}
			}
			if !slices.Equal(got, c.statuses) {
				t.Errorf("answered %v, want %v", got, c.statuses)
			}
		})
	}
}

// A body of 1 GiB is refused when a little more than what may come has come, whatever
// way it is sent and to what.
func TestHugeBodies(t *testing.T) {
	manager := callerOf(t, "Northwind", outturn.RoleManager)
	block := bytes.Repeat([]byte("a"), 1<<16)
	for _, path := range []string{"POST /v1/runs", "POST /v1/views", "POST /oauth2/token", "GET /v1/runs", "GET /healthz", "POST /nowhere"} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", path, chunked), func(t *testing.T) {
				conn := dial(t)
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				media, length, chunk := "application/json", "Content-Length: 1073741824", ""
				if strings.Contains(path, "oauth2") {
					media = "application/x-www-form-urlencoded"
				}
				if chunked {
					length, chunk = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n", len(block))
				}
				fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%s\r\n\r\n", path, manager.token, media, length)
				sent := make(chan int, 1)
				go func() {
					n, err := 0, error(nil)
					for err == nil && n < 1<<30 {
						_, _ = io.WriteString(conn, chunk)
						_, err = conn.Write(block)
						if chunked {
							_, _ = io.WriteString(conn, "\r\n")
						}
						n += len(block)
					}
					sent <- n
				}()
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				wantStatus := map[string]int{"GET /v1/runs": 200, "GET /healthz": 200, "POST /nowhere": 404}[path]
				if wantStatus == 0 {
					wantStatus = http.StatusRequestEntityTooLarge
				}
				if resp.StatusCode != wantStatus {
					t.Errorf("status %d, want %d", resp.StatusCode, wantStatus)
				}
				if n := <-sent; n > 32<<20 { // what systems hold on the way is some MiB
					t.Errorf("the server took %d MiB", n>>20)
				}
			})
		}
	}
}

// While many hold connections and send nothing more, others are answered, and memory
// stays about what it was.
func TestSlowCrowd(t *testing.T) {
	manager := callerOf(t, "Northwind", outturn.RoleManager)
	before := inUse()
	for i := range 400 {
		conn := dial(t)
		defer conn.Close()
		text := "GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: "
		if i%2 == 1 {
			text = "POST /v1/runs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + manager.token + "\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	started := time.Now()
	for range 20 {
		if a := manager.do(t, "GET", "/v1/runs", ""); a.status != http.StatusOK {
			t.Fatalf("status %d", a.status)
		}
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("20 lists took %s", took)
	}
	if after := inUse(); after > before+64<<20 {
		t.Errorf("%d MiB were in use, and %d are", before>>20, after>>20)
	}
}

// What costs much is refused by a bound that the answer tells, or is answered soon;
// many at once leave memory about as it was.
func TestCostlyRequests(t *testing.T) {
	manager := callerOf(t, "Northwind", outturn.RoleManager)
	many := func(n int, each string) string { return strings.TrimSuffix(strings.Repeat(each+",", n), ",") }
	list := func(filter string) string { return "/v1/runs?" + url.Values{"filter": {filter}}.Encode() }
	deep := func(n int, inner string) string {
		return strings.Repeat(`{"op":"not","args":[`, n) + inner + strings.Repeat("]}", n)
	}
	const leaf = `{"op":"eq","field":"ACCOUNT_ID","values":["1"]}`
	const preview = "POST /v1/datasets/accounts/preview"
	const runs = "POST /v1/runs"
	run := func(more string) string { return `{"dataset":"accounts","formats":[{"format":"csv"}],` + more + `}` }
	keys := rows(t)["idempotency_keys"]
	for _, c := range []struct {
		name, route, body string
		status            int
		told              string
	}{
		{"ListFilter", "GET " + list("state eq failed or "+strings.Repeat("name eq a or ", 4000)+"name eq b"), "", 422, "10000"},
		{"ListFilterTooLong", "GET " + list("name eq '"+strings.Repeat("a", 60_000)+"'"), "", 422, "10000"},
		{"ListFilterDeep", "GET " + list(strings.Repeat("not (", 100)+"state eq failed"+strings.Repeat(")", 100)), "", 422, "64 levels"},
		{"ListValues", "GET " + list("name in ("+many(2000, "a")+")"), "", 422, "at most"},
		{"ListComparisons", "GET " + list(strings.Repeat("name eq a or ", 500)+"name eq b"), "", 422, "at most"},
		{"Limit", "GET /v1/runs?limit=1000000000", "", 422, "limit"},
		{"LimitOverflow", "GET /v1/runs?limit=99999999999999999999", "", 422, "limit"},
		{"Cursor", "GET /v1/runs?cursor=" + strings.Repeat("A", 60_000), "", 422, "cursor"},
		{"Order", "GET /v1/runs?order=" + many(10_000, "name"), "", 422, "order"},
		{"FilterText", preview, `{"filter":"` + strings.Repeat("ACCOUNT_ID eq 1 or ", 3400) + `ACCOUNT_ID eq 2"}`, 422, "at most 500"},
		{"FilterFits", preview, `{"filter":"` + strings.Repeat("ACCOUNT_ID eq 1 or ", 499) + `ACCOUNT_ID eq 2"}`, 200, ""},
		{"FilterTooLong", preview, `{"filter":"` + strings.Repeat("ACCOUNT_ID eq 1 or ", 4000) + `ACCOUNT_ID eq 2"}`, 422, "65536"},
		{"FilterDeep", preview, `{"filter":` + deep(64, leaf) + `}`, 200, ""},
		{"FilterTooDeep", preview, `{"filter":` + deep(200, leaf) + `}`, 422, "64"},
		{"FilterVeryDeep", preview, `{"filter":` + deep(20_000, leaf) + `}`, 400, "depth"},
		{"FilterWide", preview, `{"filter":{"op":"or","args":[` + many(15_000, leaf) + `]}}`, 422, "at most 500"},
		{"FilterValues", preview, `{"filter":{"op":"in","field":"ACCOUNT_ID","values":[` + many(100_000, `"1"`) + `]}}`, 422, "10000"},
		{"FilterValuesThatFit", preview, `{"filter":{"op":"in","field":"ACCOUNT_ID","values":[` + many(10_000, `"1"`) + `]}}`, 200, ""},
		{"Columns", preview, `{"columns":[` + many(10_000, `"ACCOUNT_ID"`) + `]}`, 422, "columns"},
		{"UnknownColumns", preview, `{"columns":[` + many(10_000, `"absent"`) + `]}`, 422, "at most 2000"},
		{"Orders", preview, `{"order":"` + many(10_000, "ACCOUNT_ID") + `"}`, 422, "order"},
		{"Window", preview, `{"window":{"from":"2016-01-01","to":"2026-01-01"}}`, 200, ""},
		{"WindowOfAges", preview, `{"window":{"from":"0001-01-01","to":"9999-12-31"}}`, 0, ""},
		{"Formats", runs, `{"dataset":"accounts","formats":[` + many(10_000, `{"format":"csv"}`) + `]}`, 422, "formats"},
		{"RunColumns", runs, run(`"columns":[` + many(10_000, `"ACCOUNT_ID"`) + `]`), 422, "columns"},
		{"ViewColumns", "POST /v1/views", `{"name":"wide","dataset":"accounts","columns":[` + many(10_000, `{"field":"ACCOUNT_ID"}`) + `]}`, 422, "columns"},
		{"ViewMap", "POST /v1/views", `{"name":"mapped","dataset":"accounts","columns":[{"field":"ACCOUNT_ID","map":{"a":"` + strings.Repeat("b", 900_000) + `"}}]}`, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := inUse()
			method, path, _ := strings.Cut(c.route, " ")
			for i := range 3 {
				began := time.Now()
				a := manager.do(t, method, path, c.body, "Idempotency-Key", fmt.Sprint(c.name, i))
				took := time.Since(began)
				if c.status != 0 && a.status != c.status || a.status >= 500 || !strings.Contains(strings.ToLower(string(a.body)), strings.ToLower(c.told)) {
					t.Fatalf("%d %.500s", a.status, a.body)
				}
				if took > 5*time.Second {
					t.Errorf("it took %s", took)
				}
			}
			if after := inUse(); after > before+64<<20 {
				t.Errorf("%d MiB were in use, and %d are", before>>20, after>>20)
			}
		})
	}
	if n := rows(t)["idempotency_keys"]; n != keys {
		t.Errorf("there were %d keys, and what was refused left %d", keys, n)
	}
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
