package guard

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"outturn"
)

const (
	mostURL   = 2048 // characters
	mostName  = 253
	mostLabel = 63
)

// blocked are ports at which other things than HTTP listen, and which could take a
// request for orders of their own: the list that browsers have
// (https://fetch.spec.whatwg.org/#port-blocking).
var blocked = []int{
	1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
	110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
	531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190,
	5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
}

// errForbidden is the same for whatever must not be reached: which of it a name stands
// for is nobody's business.
func errForbidden() error {
	return outturn.Errorf(outturn.CodeInvalid, "This host is not one that may be called. "+
		"Name a host on the public internet, or ask the operator to allow its network.")
}

// CheckURL says what is wrong with a URL that is to be called later, as far as the text
// alone tells: nothing is looked up. Its faults name no field (outturn.InField).
func (g *Guard) CheckURL(text string) error {
	if len(text) > mostURL {
		return outturn.Errorf(outturn.CodeInvalid, "A URL may have at most %d characters.", mostURL)
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || c == '\\' {
			return outturn.Errorf(outturn.CodeInvalid, "A URL is written in ASCII without blanks or backslashes: "+
				"the host in its xn-- form, everything else percent-encoded.")
		}
	}
	u, err := url.Parse(text)
	if err != nil { // not repeated: it may hold a password
		return outturn.Errorf(outturn.CodeInvalid, "This is no URL. Write one such as https://example.com/hook.")
	}
	if strings.Contains(text, "#") {
		return outturn.Errorf(outturn.CodeInvalid, "The part after # is never sent. Leave it out.")
	}
	return g.check(u)
}

// check holds a URL against what may be called.
func (g *Guard) check(u *url.URL) error {
	switch {
	case u.Scheme == "http" && !g.AllowHTTP:
		return outturn.Errorf(outturn.CodeInvalid, "Use https: what is sent is signed, and not for everybody on the way.")
	case u.Scheme != "https" && u.Scheme != "http":
		return outturn.Errorf(outturn.CodeInvalid, "Write a URL that begins with https://.")
	case u.Opaque != "" || u.Host == "":
		return outturn.Errorf(outturn.CodeInvalid, "The URL names no host. Write one such as https://example.com/hook.")
	case u.User != nil:
		return outturn.Errorf(outturn.CodeInvalid, "Leave user and password out of the URL: what is sent is signed instead.")
	}
	if err := g.checkPort(u); err != nil {
		return err
	}
	_, err := g.checkHost(u.Hostname())
	return err
}

func (g *Guard) checkPort(u *url.URL) error {
	text := u.Port()
	if text == "" && strings.HasSuffix(u.Host, ":") || strings.HasPrefix(text, "0") {
		return outturn.Errorf(outturn.CodeInvalid, "Write the port as a number after the colon, or leave the colon out.")
	}
	port := map[string]int{"https": 443, "http": 80}[u.Scheme]
	if text != "" {
		var err error
		if port, err = strconv.Atoi(text); err != nil || port > 65535 {
			return outturn.Errorf(outturn.CodeInvalid, "A port is a number from 1 to 65535.")
		}
	}
	switch {
	case len(g.Ports) > 0 && !slices.Contains(g.Ports, port):
		return outturn.Errorf(outturn.CodeInvalid, "Port %d may not be called. Ask the operator which may.", port)
	case len(g.Ports) == 0 && slices.Contains(blocked, port):
		return outturn.Errorf(outturn.CodeInvalid, "Port %d may not be called, since it is not one of HTTP.", port)
	}
	return nil
}

// checkHost returns the address that a host is the text of, or none for a name. It
// refuses every spelling of an address but the plain one, because what reads it later
// may not read it as we do.
func (g *Guard) checkHost(host string) (netip.Addr, error) {
	if strings.Contains(host, ":") {
		addr, err := netip.ParseAddr(host)
		if err != nil || !g.permits(addr) {
			return netip.Addr{}, errForbidden()
		}
		return addr.Unmap(), nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if endsInNumber(name) {
		addr, err := netip.ParseAddr(host) // without the dot cut off, octal or hexadecimal
		if err != nil || !g.permits(addr) {
			return netip.Addr{}, errForbidden()
		}
		return addr, nil
	}
	if !isName(name) {
		return netip.Addr{}, outturn.Errorf(outturn.CodeInvalid,
			"The URL's host is no name that can be looked up. Write it in ASCII, as in https://example.com/hook.")
	}
	if !g.permitsName(name) {
		return netip.Addr{}, errForbidden()
	}
	return netip.Addr{}, nil
}

// endsInNumber reports whether a host is meant as an IPv4 address, in whatever
// spelling: its last part is a number, also in hexadecimal
// (https://url.spec.whatwg.org/#ends-in-a-number-checker).
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if digits, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// isName reports whether every part of a name is one that DNS has for hosts.
// Underscores are not in the standard, and in use.
func isName(name string) bool {
	if name == "" || len(name) > mostName {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > mostLabel || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// inside are ends of names that are never those of the public internet.
var inside = []string{
	"local", "internal", "intranet", "lan", "home", "corp", "private", "localdomain", "home.arpa",
	"in-addr.arpa", "ip6.arpa",
}

// permitsName refuses names that are only for use inside a network. It is for telling
// so early: what a name leads to is checked where it is dialled.
func (g *Guard) permitsName(name string) bool {
	is := func(end string) bool { return name == end || strings.HasSuffix(name, "."+end) }
	switch {
	case is("localhost"):
		return g.permits(netip.MustParseAddr("127.0.0.1")) || g.permits(netip.IPv6Loopback())
	case is("metadata.google.internal"):
		return false
	case len(g.Allow) > 0:
		return true
	}
	return strings.Contains(name, ".") && !slices.ContainsFunc(inside, is)
}

// absolute is a name as the resolver should read it: with the end of the name at its
// end. Without the dot the machine's search list would make another one of it. A name
// of one part, which only an operator's own network has, is left to the list.
func absolute(name string) string {
	if strings.HasSuffix(name, ".") || !strings.Contains(name, ".") {
		return name
	}
	return name + "."
}
