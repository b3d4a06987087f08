package edge

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"outturn"
)

// Proxies are the networks of those who may say for whom they speak. What
// X-Forwarded-For, -Proto and -Host say counts from them alone: anybody can send one.
// Forwarded (RFC 7239) never counts: a proxy that writes one of the two kinds passes
// on what its client wrote into the other.
type Proxies []netip.Prefix

// loopback is every address of this machine by itself.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// ParseProxies reads networks (10.0.0.0/8), addresses, and the word loopback.
func ParseProxies(list []string) (Proxies, error) {
	var p Proxies
	for _, text := range list {
		text = strings.TrimSpace(text)
		if text == "loopback" {
			p = append(p, loopback...)
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			var one netip.Addr
			if one, err = netip.ParseAddr(text); one.Zone() == "" {
				network = netip.PrefixFrom(one.Unmap(), one.Unmap().BitLen())
			}
		}
		if err != nil || !network.IsValid() || network.Addr().Is4In6() {
			return nil, outturn.Errorf(outturn.CodeInvalid, "%q is no network of proxies. Write it like 10.0.0.0/8 or 192.0.2.7, or loopback for this machine.", text)
		}
		if network.Bits() == 0 {
			return nil, outturn.Errorf(outturn.CodeInvalid, "%s is everybody: then anybody could say to be anybody. Name the proxies' own addresses.", text)
		}
		p = append(p, network.Masked())
	}
	return p, nil
}

func (p Proxies) trust(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// An Origin is where a request came from and what its client called, as the client
// sees it.
type Origin struct {
	Address string // of the client, without a port
	Scheme  string
	Host    string // with the port where it named one
}

// origin looks through the proxies that p trusts. What makes no sense in a header is
// as if it were not there.
func (p Proxies) origin(r *http.Request) Origin {
	o := Origin{Address: r.RemoteAddr, Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		o.Scheme = "https"
	}
	if o.Host == "" { // HTTP/1.0
		if here, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			o.Host = here.String()
		}
	}
	peer, ok := hostAddress(r.RemoteAddr)
	if !ok {
		return o
	}
	o.Address = peer.String()
	if !p.trust(peer) {
		return o
	}
	o.Address = p.client(peer, r.Header.Values("X-Forwarded-For")).String()
	if scheme := strings.ToLower(single(r.Header, "X-Forwarded-Proto")); scheme == "http" || scheme == "https" {
		o.Scheme = scheme
	}
	if host := single(r.Header, "X-Forwarded-Host"); saneHost(host) {
		o.Host = host
	}
	return o
}

// client reads from the right, where each proxy added whom it heard, up to the first
// that is none of p. Left of that stands what the client made up.
func (p Proxies) client(peer netip.Addr, added []string) netip.Addr {
	heard := strings.Split(strings.Join(added, ","), ",")
	for i := len(heard) - 1; i >= 0 && p.trust(peer); i-- {
		next, ok := hostAddress(strings.TrimSpace(heard[i]))
		if !ok {
			break
		}
		peer = next
	}
	return peer
}

// hostAddress reads an address that may have a port.
func hostAddress(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		with, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		a = with.Addr()
	}
	return a.Unmap().WithZone(""), true
}

// single is the value of a header that has one.
func single(h http.Header, name string) string {
	if values := h.Values(name); len(values) == 1 {
		return strings.TrimSpace(values[0])
	}
	return ""
}

// saneHost says whether a text is the name or address of a host, and perhaps its
// port, so that a link may begin with it.
func saneHost(text string) bool {
	if text == "" || len(text) > 262 {
		return false
	}
	for _, c := range []byte(text) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._:[]", c) >= 0) {
			return false
		}
	}
	u, err := url.Parse("http://" + text)
	return err == nil && u.Host == text && u.Hostname() != ""
}
