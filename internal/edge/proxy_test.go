package edge

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"outturn"
)

func TestParseProxies(t *testing.T) {
	good, err := ParseProxies([]string{"loopback", " 10.1.2.3/8", "192.0.2.7", "2001:db8::/32", "::ffff:192.0.2.8"})
	if err != nil || len(good) != 6 || good[2].String() != "10.0.0.0/8" || good[5].String() != "192.0.2.8/32" {
		t.Errorf("got %v, %v", good, err)
	}
	for _, bad := range []string{"", "localhost", "10.0.0.0/33", "10.0.0", "0.0.0.0/0", "::/0", "fe80::1%eth0", "::ffff:10.0.0.0/104"} {
		if _, err := ParseProxies([]string{bad}); outturn.ErrorCode(err) != outturn.CodeInvalid || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What headers say of a request counts from proxies that are trusted, and where it
// makes sense.
func TestOrigin(t *testing.T) {
	proxies, err := ParseProxies([]string{"loopback", "10.0.0.0/8", "2001:db8:1::/48"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer string
		headers    []string // names and values in turn
		want       string   // address, and what links begin with
	}{
		{"None", "127.0.0.1:9", nil, "127.0.0.1 http://here:80"},
		{"Stranger", "203.0.113.1:9", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example"}, "203.0.113.1 http://here:80"},
		{"One", "127.0.0.1:9", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "HTTPS", "X-Forwarded-Host", "reports.example.com"}, "192.0.2.1 https://reports.example.com"},
		{"Mapped", "[::ffff:127.0.0.1]:9", []string{"X-Forwarded-For", "::ffff:192.0.2.1"}, "192.0.2.1 http://here:80"},
		{"MadeUp", "127.0.0.1:9", []string{"X-Forwarded-For", "192.0.2.66, 192.0.2.1"}, "192.0.2.1 http://here:80"},
		{"Chain", "127.0.0.1:9", []string{"X-Forwarded-For", "192.0.2.66, 192.0.2.1 ,10.0.0.2", "X-Forwarded-For", "[2001:db8:1::5]:443"}, "192.0.2.1 http://here:80"},
		{"ChainBroken", "127.0.0.1:9", []string{"X-Forwarded-For", "192.0.2.66, unknown, 10.0.0.2"}, "10.0.0.2 http://here:80"},
		{"AllTrusted", "127.0.0.1:9", []string{"X-Forwarded-For", "10.0.0.1, 10.0.0.2"}, "10.0.0.1 http://here:80"},
		{"Ports", "127.0.0.1:9", []string{"X-Forwarded-For", "192.0.2.1:4711"}, "192.0.2.1 http://here:80"},
		{"V6", "[2001:db8:1::9]:9", []string{"X-Forwarded-For", "2001:db8::7%eth0"}, "2001:db8::7 http://here:80"},
		{"Empty", "127.0.0.1:9", []string{"X-Forwarded-For", "", "X-Forwarded-Proto", "", "X-Forwarded-Host", ""}, "127.0.0.1 http://here:80"},
		{"TwoProtos", "127.0.0.1:9", []string{"X-Forwarded-Proto", "https, http"}, "127.0.0.1 http://here:80"},
		{"ProtoTwice", "127.0.0.1:9", []string{"X-Forwarded-Proto", "https", "X-Forwarded-Proto", "https"}, "127.0.0.1 http://here:80"},
		{"OddProto", "127.0.0.1:9", []string{"X-Forwarded-Proto", "javascript"}, "127.0.0.1 http://here:80"},
		{"OddHosts", "127.0.0.1:9", []string{"X-Forwarded-Host", "a.example/x"}, "127.0.0.1 http://here:80"},
		{"TwoHosts", "127.0.0.1:9", []string{"X-Forwarded-Host", "a.example, b.example"}, "127.0.0.1 http://here:80"},
		{"Forwarded", "127.0.0.1:9", []string{"Forwarded", "for=192.0.2.1;proto=https;host=a.example"}, "127.0.0.1 http://here:80"},
		{"TLS", "203.0.113.1:9", []string{"TLS", "yes"}, "203.0.113.1 https://here:80"},
		{"NoAddress", "@", []string{"X-Forwarded-For", "192.0.2.1"}, "@ http://here:80"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/p", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Host, r.RemoteAddr = "here:80", c.peer
			for i := 0; i < len(c.headers); i += 2 {
				if c.headers[i] == "TLS" {
					r.TLS = &tls.ConnectionState{}
				}
				r.Header.Add(c.headers[i], c.headers[i+1])
			}
			o := proxies.origin(r)
			if got := o.Address + " " + o.Scheme + "://" + o.Host; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestSaneHost(t *testing.T) {
	for host, want := range map[string]bool{
		"a": true, "a.example:8080": true, "127.0.0.1:1": true, "[::1]:8080": true, "[::1]": true, "A_b-c.d": true,
		"": false, "a/b": false, "a b": false, "a@b": false, ":80": false, "a:b": false, "a\"": false, "a?x": false, "a#": false, "a%41": false, "[::1": false,
		"\u00e4": false, strings.Repeat("a", 300): false,
	} {
		if got := saneHost(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}
