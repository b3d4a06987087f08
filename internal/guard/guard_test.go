package guard_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"outturn"
	"outturn/internal/guard"
)

// targets is what may be called and what may not, as hosts of a URL. What is refused has
// a neighbour that is not, where one exists.
var targets = []struct {
	host    string
	refused bool
}{
	// Loopback, in every spelling.
	{"127.0.0.1", true}, {"126.255.255.255", false}, {"128.0.0.1", false},
	{"127.0.0.0", true}, {"127.255.255.255", true}, {"127.0.0.2", true}, {"127.1.2.3", true},
	{"127.1", true}, {"127.0.1", true}, {"127", true}, {"1", true}, {"0", true},
	{"2130706433", true}, {"017700000001", true}, {"0x7f000001", true}, {"0x7F000001", true}, {"0X7f000001", true},
	{"0x7f.1", true}, {"0x7f.0x0.0x0.0x1", true}, {"0177.0.0.1", true}, {"0177.0.0.01", true}, {"127.0.0.01", true},
	{"127.0.0.0x1", true}, {"00000127.0.0.1", true}, {"127.0.0.1.", true}, {"127.1.", true}, {"0x", true}, {"127.0x", true},
	{"127.0.0.1.1", true}, {"256.0.0.1", true}, {"4294967297", true}, {"99999999999999999999", true},
	{"8.8.8.8", false}, {"8.8.2056", true}, {"134744072", true}, {"0x08080808", true}, {"010.8.8.8", true},
	{"localhost", true}, {"LOCALHOST", true}, {"localhost.", true}, {"a.localhost", true}, {"localhost.example.com", false},
	{"localhost.localdomain", true}, {"notlocalhost.com", false},
	{"[::1]", true}, {"[0:0:0:0:0:0:0:1]", true}, {"[0000:0000:0000:0000:0000:0000:0000:0001]", true}, {"[::0.0.0.1]", true},
	{"[::127.0.0.1]", true}, {"[::7f00:1]", true}, {"[::8.8.8.8]", true},
	{"[::ffff:127.0.0.1]", true}, {"[::ffff:7f00:1]", true}, {"[::FFFF:7F00:0001]", true}, {"[0:0:0:0:0:ffff:127.0.0.1]", true},
	{"[::ffff:8.8.8.8]", false}, {"[::ffff:0:127.0.0.1]", true}, {"[::ffff:0:8.8.8.8]", true},

	// This host, and all hosts.
	{"0.0.0.0", true}, {"0.1.2.3", true}, {"1.0.0.1", false}, {"[::]", true}, {"[::ffff:0.0.0.0]", true},
	{"255.255.255.255", true}, {"0xffffffff", true}, {"4294967295", true}, {"240.0.0.1", true}, {"223.255.255.1", false},
	{"224.0.0.1", true}, {"239.255.255.250", true}, {"[ff02::1]", true}, {"[ff0e::1]", true},

	// Link-local, and where clouds tell machines their secrets.
	{"169.254.169.254", true}, {"169.253.169.254", false}, {"169.255.0.1", false}, {"169.254.0.1", true}, {"169.254.170.2", true},
	{"2852039166", true}, {"0xa9fea9fe", true}, {"0xA9.0xFE.0xA9.0xFE", true}, {"0251.0376.0251.0376", true}, {"169.16689662", true},
	{"169.254.43518", true}, {"[::ffff:169.254.169.254]", true}, {"[::ffff:a9fe:a9fe]", true}, {"[::169.254.169.254]", true},
	{"[fe80::1]", true}, {"[fe80::a9fe:a9fe]", true}, {"[fe80::1%25eth0]", true}, {"[fe80::1%25lo]", true}, {"[febf::1]", true},
	{"[fec0::1]", true}, {"[fd00:ec2::254]", true}, {"[fd00:ec2::23]", true}, {"[fd20:ce::254]", true}, {"[fd00:c1::a9fe:a9fe]", true},
	{"[fd00:42::42]", true}, {"100.100.100.200", true}, {"168.63.129.16", true}, {"168.63.129.17", false}, {"192.0.0.192", true},
	{"metadata.google.internal", true}, {"METADATA.google.internal.", true}, {"metadata", true}, {"instance-data", true},

	// Private networks and what belongs to a provider.
	{"10.0.0.1", true}, {"10.255.255.255", true}, {"9.255.255.255", false}, {"11.0.0.1", false}, {"10.1", true}, {"0x0a000001", true},
	{"012.0.0.1", true}, {"167772161", true}, {"172.16.0.1", true}, {"172.31.255.255", true}, {"172.15.255.255", false}, {"172.32.0.1", false},
	{"192.168.0.1", true}, {"192.168.1", true}, {"192.167.255.255", false}, {"192.169.0.1", false}, {"[::ffff:192.168.0.1]", true},
	{"100.64.0.1", true}, {"100.127.255.255", true}, {"100.63.255.255", false}, {"100.128.0.1", false},
	{"[fc00::1]", true}, {"[fdff:ffff::1]", true}, {"[2606:4700:4700::1111]", false}, {"[2a00:1450:4001::8a]", false},

	// Documentation, benchmarks, protocols.
	{"192.0.2.1", true}, {"198.51.100.1", true}, {"203.0.113.1", true}, {"203.0.114.1", false}, {"198.18.0.1", true}, {"198.19.255.255", true},
	{"198.20.0.1", false}, {"192.0.0.8", true}, {"192.0.1.1", false}, {"192.88.99.1", true}, {"192.88.98.1", false},
	{"[2001:db8::1]", true}, {"[3fff::1]", true}, {"[2001:2::1]", true}, {"[2001:10::1]", true}, {"[2001:200::1]", false},
	{"[100::1]", true}, {"[5f00::1]", true}, {"[4000::1]", true},

	// IPv4 within IPv6.
	{"[64:ff9b::127.0.0.1]", true}, {"[64:ff9b::a00:1]", true}, {"[64:ff9b::169.254.169.254]", true}, {"[64:ff9b::8.8.8.8]", false},
	{"[64:ff9b:1::8.8.8.8]", true}, {"[2002:7f00:1::]", true}, {"[2002:a9fe:a9fe::1]", true}, {"[2002:808:808::1]", true},
	{"[2001:0:808:808::1]", true}, {"[2001::f5ff:fffe]", true}, {"[2606:4700::5efe:127.0.0.1]", true}, {"[2606:4700::200:5efe:10.0.0.1]", true},

	// Names, and what only looks like one.
	{"example.com", false}, {"EXAMPLE.com", false}, {"example.com.", false}, {"hooks.example.co.uk", false}, {"xn--bcher-kva.example", false},
	{"my_hook.example.com", false}, {"1.example.com", false}, {"0x7f.example.com", false}, {"127.0.0.1.example.com", false},
	{"a.local", true}, {"printer.lan", true}, {"db.internal", true}, {"db.internal.example.com", false}, {"router.home.arpa", true},
	{"1.0.0.127.in-addr.arpa", true}, {"intranet", true}, {"db", true},
	{"bücher.example", true}, {"１２７.０.０.１", true}, {"127。0。0。1", true}, {"127．0．0．1", true}, {"①②⑦.0.0.1", true}, {"ⓛocalhost", true},
	{"loc\u00adalhost", true}, {"%6c%6fcalhost", true}, {"127%2e0%2e0%2e1", true}, {"%e2%91%a0", true}, {"a..example.com", true}, {".example.com", true},
	{"example.com..", true}, {"-a.example.com", true}, {"a-.example.com", true}, {"a b.example.com", true}, {"exa\\mple.com", true},
	{"exa,mple.com", true}, {"exa'mple.com", true}, {strings.Repeat("a", 63) + ".example.com", false}, {strings.Repeat("a", 64) + ".example.com", true},
	{strings.Repeat("a.", 124) + "com", false}, {strings.Repeat("a.", 126) + "com", true},
	{"[::1", true}, {"::1", true}, {"[127.0.0.1]", true}, {"[v1.x]", true}, {"[]", true}, {"", true},
}

func TestP37Targets(t *testing.T) {
	if len(targets) < 120 {
		t.Fatalf("%d targets", len(targets))
	}
	g := newGuard(t, guard.Config{})
	for _, tt := range targets {
		err := g.CheckURL("https://" + tt.host + "/hook")
		switch {
		case tt.refused != (err != nil):
			t.Errorf("%q: refused %v, want %v: %v", tt.host, err != nil, tt.refused, err)
		case err != nil && outturn.ErrorCode(err) != outturn.CodeInvalid:
			t.Errorf("%q: code %s", tt.host, outturn.ErrorCode(err))
		case err != nil && len(tt.host) > 3 && strings.Contains(err.Error(), tt.host):
			t.Errorf("%q is repeated: %v", tt.host, err)
		}
	}
}

// TestP37Listeners has listeners where a tenant must not come, and gives every name
// their address: none of the refused targets reaches them.
func TestP37Listeners(t *testing.T) {
	dns := newDNS(t)
	listeners := []*listener{newListener(t, "127.0.0.1:0"), newListener(t, "127.0.0.2:0")}
	for _, addr := range localAddrs(t) {
		listeners = append(listeners, newListener(t, netip.AddrPortFrom(addr, 0).String()))
	}
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	strict := newGuard(t, guard.Config{AllowHTTP: true, Resolver: dns.resolver()})
	lax := newGuard(t, guard.Config{AllowHTTP: true, Resolver: dns.resolver(), Allow: everywhere})
	for _, l := range listeners {
		addr, port := l.addr.Addr(), l.port()
		dns.always(addr.WithZone(""))
		refused := func(g *guard.Guard, host string) {
			conn, err := g.DialContext(t.Context(), "tcp", host+":"+port)
			if err == nil {
				conn.Close()
			}
			if class(err) != guard.ClassRefused {
				t.Errorf("%s, dialled: %v", host, err)
			}
			res, err := g.Client().Get("http://" + host + ":" + port)
			if err == nil {
				res.Body.Close()
				t.Errorf("%s answers", host)
			}
		}
		hosts := []string{bracketed(addr.String()), bracketed(addr.WithZone("").String()), "rebound.example.com"}
		for _, host := range hosts {
			refused(strict, host)
			if addr.IsLoopback() || addr.IsLinkLocalUnicast() {
				refused(lax, host)
			}
		}
		for _, tt := range targets {
			if tt.refused {
				refused(strict, tt.host)
			}
		}
		if n := l.taken.Load(); n != 0 {
			t.Errorf("%s took %d connections", addr, n)
		}
	}

	// The same listeners are there for whom the operator lets in.
	for _, l := range listeners {
		if !l.addr.Addr().IsLoopback() {
			continue
		}
		g := newGuard(t, guard.Config{Resolver: dns.resolver(), Allow: []netip.Prefix{netip.PrefixFrom(l.addr.Addr(), l.addr.Addr().BitLen())}})
		dns.always(l.addr.Addr())
		for _, host := range []string{l.addr.Addr().String(), "rebound.example.com", "db"} {
			conn, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort(host, l.port()))
			if err != nil {
				t.Errorf("%s at %s: %v", host, l.addr, err)
				continue
			}
			conn.Close()
		}
	}
}

// TestP37Allowed: which networks an operator's word opens, and which no word does.
func TestP37Allowed(t *testing.T) {
	tests := []struct {
		allow, host string
		refused     bool
	}{
		{"10.0.0.0/8", "10.1.2.3", false}, {"10.0.0.0/16", "10.1.2.3", true}, {"192.168.0.0/16", "10.1.2.3", true},
		{"10.0.0.0/8", "[::ffff:10.1.2.3]", false}, {"10.0.0.0/8", "[64:ff9b::10.1.2.3]", false}, {"10.0.0.0/8", "0x0a010203", true},
		{"10.0.0.0/8", "db", false}, {"10.0.0.0/8", "db.internal", false}, {"10.0.0.0/8", "metadata.google.internal", true},
		{"10.0.0.0/8", "localhost", true}, {"127.0.0.0/8", "localhost", false},
		{"127.0.0.1/32", "127.0.0.1", false}, {"127.0.0.1/32", "127.0.0.2", true}, {"::1/128", "[::1]", false}, {"::1/128", "127.0.0.1", true},
		{"0.0.0.0/0", "10.1.2.3", false}, {"0.0.0.0/0", "127.0.0.1", true}, {"0.0.0.0/0", "169.254.169.254", true},
		{"0.0.0.0/0", "0.0.0.0", true}, {"0.0.0.0/0", "100.100.100.200", true}, {"0.0.0.0/0", "224.0.0.1", true}, {"0.0.0.0/0", "192.0.0.192", true},
		{"100.64.0.0/10", "100.100.100.200", true}, {"100.64.0.0/10", "100.100.100.201", false}, {"192.0.0.0/24", "192.0.0.192", true},
		{"fd00::/8", "[fd00:1::1]", false}, {"fd00::/8", "[fd00:ec2::254]", true}, {"fc00::/7", "[fd20:ce::254]", true},
		{"::/0", "[::1]", true}, {"::/0", "[::127.0.0.1]", true}, {"::/0", "[fe80::1]", true}, {"::/0", "[ff02::1]", true}, {"::/0", "[2002:7f00:1::]", true},
		{"::/0", "[2001:db8::1]", false}, {"::/0", "10.1.2.3", true},
	}
	for _, tt := range tests {
		g := newGuard(t, guard.Config{Allow: []netip.Prefix{netip.MustParsePrefix(tt.allow)}})
		if err := g.CheckURL("https://" + tt.host); tt.refused != (err != nil) {
			t.Errorf("%s where %s is allowed: %v", tt.host, tt.allow, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for want, c := range map[string]guard.Config{
		"":                         {Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Timeout: guard.MaxTimeout, Ports: []int{443}},
		"never called":             {Allow: []netip.Prefix{netip.MustParsePrefix("169.254.169.0/24")}},
		"write 10.1.2.0/24":        {Allow: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/24")}},
		"as a network of IPv4":     {Allow: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:10.0.0.0"), 104)}},
		"is missing its address":   {Allow: []netip.Prefix{{}}},
		"65536 is no port":         {Ports: []int{65536}},
		"31s is not between":       {Timeout: 31 * time.Second},
		"-1 is less than none":     {MaxBytes: -1},
		"-1s is not between 0 and": {Timeout: -time.Second},
	} {
		_, err := guard.New(c)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestCheckURL: what of a URL is refused beside its host.
func TestCheckURL(t *testing.T) {
	plain := guard.Config{}
	tests := []struct {
		config guard.Config
		url    string
		want   string // in the fault; "": none
	}{
		{plain, "https://example.com", ""},
		{plain, "HTTPS://example.com/a%20b?token=%23x&y=@", ""},
		{plain, "http://example.com", "Use https"},
		{guard.Config{AllowHTTP: true}, "http://example.com", ""},
		{plain, "ftp://example.com", "begins with https://"},
		{plain, "file:///etc/passwd", "begins with https://"},
		{plain, "gopher://example.com", "begins with https://"},
		{plain, "//example.com", "begins with https://"},
		{plain, "example.com/hook", "begins with https://"},
		{plain, "", "begins with https://"},
		{plain, "https:example.com", "names no host"},
		{plain, "https:///example.com", "names no host"},
		{plain, "https://", "names no host"},
		{plain, "https://user:pass@example.com", "Leave user and password out"},
		{plain, "https://@example.com", "Leave user and password out"},
		{plain, "https://example.com:443@10.0.0.1/", "Leave user and password out"},
		{plain, "https://example.com/#x", "after #"},
		{plain, "https://example.com/#", "after #"},
		{plain, "https://example.com#@10.0.0.1", "after #"},
		{plain, "https://example.com/a b", "without blanks"},
		{plain, "https://example.com\\@10.0.0.1/", "without blanks or backslashes"},
		{plain, "https://example.com/\n", "without blanks"},
		{plain, " https://example.com", "without blanks"},
		{plain, "https://example.com/ü", "percent-encoded"},
		{plain, "https://example.com/%zz", "This is no URL"},
		{plain, "https://example.com:x", "This is no URL"},
		{plain, "https://example.com/" + strings.Repeat("x", 2100), "at most 2048"},

		{plain, "https://example.com:8443", ""},
		{plain, "https://example.com:22", "Port 22 may not"},
		{plain, "https://example.com:6667", "Port 6667 may not"},
		{plain, "https://example.com:0", "Write the port"},
		{plain, "https://example.com:0443", "Write the port"},
		{plain, "https://example.com:", "Write the port"},
		{plain, "https://example.com:65535", ""},
		{plain, "https://example.com:65536", "from 1 to 65535"},
		{plain, "https://example.com:99999999999999999999", "from 1 to 65535"},
		{guard.Config{Ports: []int{443, 8443}}, "https://example.com:8443", ""},
		{guard.Config{Ports: []int{443, 8443}}, "https://example.com", ""},
		{guard.Config{Ports: []int{443, 8443}}, "https://example.com:9443", "Port 9443 may not"},
		{guard.Config{Ports: []int{8443}}, "https://example.com", "Port 443 may not"},
	}
	for _, tt := range tests {
		err := newGuard(t, tt.config).CheckURL(tt.url)
		if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.url, err, tt.want)
		}
		if err == nil {
			continue
		}
		if f := outturn.Faults(outturn.InField("url", err)); len(f) != 1 || f[0].Field != "url" || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%q: %+v", tt.url, f)
		}
	}
}

// TestP37Rebinding has a name that leads to an address which may be called when it is
// asked for first, and to one that may not ever after.
func TestP37Rebinding(t *testing.T) {
	dns := newDNS(t)
	good := newListener(t, "127.0.0.2:0")
	bad := newListener(t, "127.0.0.1:"+good.port())
	allowed, forbidden := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")
	g := newGuard(t, guard.Config{Resolver: dns.resolver(), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	dialled := func() guard.Class {
		conn, err := g.DialContext(t.Context(), "tcp", "rebound.example.com:"+good.port())
		if err != nil {
			return class(err)
		}
		if got := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); got != allowed {
			t.Errorf("connected to %s", got)
		}
		conn.Close()
		return ""
	}

	dns.answers([]netip.Addr{allowed}, []netip.Addr{forbidden})
	if c := dialled(); c != "" || dns.asked.Load() != 1 {
		t.Errorf("the first call: %q after %d questions, want a connection after one", c, dns.asked.Load())
	}
	for range 3 {
		if c := dialled(); c != guard.ClassRefused {
			t.Errorf("a later call: %q", c)
		}
	}
	for _, mixed := range [][]netip.Addr{{allowed, forbidden}, {forbidden, allowed}} {
		dns.answers(mixed)
		if c := dialled(); c != guard.ClassRefused {
			t.Errorf("one of %v is refused: %q", mixed, c)
		}
	}
	dns.answers(nil)
	if c := dialled(); c != guard.ClassDNS {
		t.Errorf("a name without addresses: %q", c)
	}
	if n := bad.taken.Load(); n != 0 {
		t.Errorf("%d connections where none may be", n)
	}
	dns.answers([]netip.Addr{allowed})
	if c := dialled(); c != "" {
		t.Errorf("with an address that may be called: %q", c)
	}
}

// TestDialNext: of several addresses the dead ones are passed over, and networks other
// than TCP are refused.
func TestDialNext(t *testing.T) {
	dns := newDNS(t)
	l := newListener(t, "127.0.0.3:0")
	dns.answers([]netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")})
	g := newGuard(t, guard.Config{Resolver: dns.resolver(), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	conn, err := g.DialContext(t.Context(), "tcp", "two.example.com:"+l.port())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for network, addr := range map[string]string{
		"udp": "127.0.0.3:" + l.port(), "unix": "/run/x.sock", "tcp": "127.0.0.3:http", "tcp4": "127.0.0.3:0", "tcp6": "127.0.0.3",
	} {
		if _, err := g.DialContext(t.Context(), network, addr); class(err) != guard.ClassRefused {
			t.Errorf("%s %s: %v", network, addr, err)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, tt := range targets {
		f.Add("https://" + tt.host + ":8443/hook")
	}
	f.Add("http://example.com:443@127.0.0.1/#x")
	g := newGuard(f, guard.Config{AllowHTTP: true})
	f.Fuzz(func(t *testing.T, text string) {
		if g.CheckURL(text) != nil {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.User != nil || u.Hostname() == "" {
			t.Fatalf("%q passes: %v", text, err)
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
			if addr = addr.Unmap(); addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() {
				t.Fatalf("%q passes", text)
			}
		}
		if err := g.CheckURL(u.String()); err != nil {
			t.Fatalf("%q passes, and %q does not: %v", text, u, err)
		}
	})
}

func newGuard(tb testing.TB, c guard.Config) *guard.Guard {
	tb.Helper()
	g, err := guard.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func class(err error) guard.Class {
	var failed *guard.Error
	if errors.As(err, &failed) {
		return failed.Class
	}
	return ""
}

// A listener counts who comes, and closes at once.
type listener struct {
	addr  netip.AddrPort
	taken atomic.Int32
}

func newListener(tb testing.TB, addr string) *listener {
	tb.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	l := &listener{addr: ln.Addr().(*net.TCPAddr).AddrPort()}
	tb.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			l.taken.Add(1)
			conn.Close()
		}
	}()
	return l
}

func (l *listener) port() string {
	return l.addr.String()[strings.LastIndexByte(l.addr.String(), ':')+1:]
}

// bracketed is an address as a URL has it.
func bracketed(addr string) string {
	if strings.Contains(addr, ":") {
		return "[" + addr + "]"
	}
	return addr
}

// localAddrs are the machine's addresses that are not of the internet, as far as it has
// some: ::1, link-local ones, and those of its own network.
func localAddrs(tb testing.TB) []netip.Addr {
	tb.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		tb.Fatal(err)
	}
	var local []netip.Addr
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			switch addr := p.Addr(); {
			case err != nil || addr == netip.MustParseAddr("127.0.0.1"):
			case addr.Is6() && addr.IsLinkLocalUnicast():
				local = append(local, addr.WithZone(i.Name))
			case addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast():
				local = append(local, addr)
			}
		}
	}
	return local
}

// A dnsServer answers every question for an IPv4 address with the next of its answers,
// and with the last one ever after. It is a real one, so that names go the way they go.
type dnsServer struct {
	addr  string
	asked atomic.Int32

	mu    sync.Mutex
	lists [][]netip.Addr
}

func newDNS(tb testing.TB) *dnsServer {
	tb.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &dnsServer{addr: conn.LocalAddr().String()}
	tb.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply, err := s.reply(buf[:n]); err == nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	return s
}

func (s *dnsServer) answers(lists ...[]netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists = lists
	s.asked.Store(0)
}

func (s *dnsServer) always(addr netip.Addr) { s.answers([]netip.Addr{addr}) }

func (s *dnsServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", s.addr)
	}}
}

func (s *dnsServer) reply(question []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	q := m.Questions[0]
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}
	m.Additionals = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	var next []netip.Addr
	if len(s.lists) > 0 {
		next = s.lists[0]
	}
	if q.Type == dnsmessage.TypeA {
		s.asked.Add(1)
		if len(s.lists) > 1 {
			s.lists = s.lists[1:]
		}
	}
	for _, addr := range next {
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		switch {
		case q.Type == dnsmessage.TypeA && addr.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}})
		case q.Type == dnsmessage.TypeAAAA && addr.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	return m.Pack()
}
