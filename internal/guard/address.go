package guard

import (
	"net/netip"
	"slices"
)

// never is what no call reaches, also when the operator allows a network around it:
// addresses that name no single host, and those behind which a cloud tells a machine
// its own secrets.
var never = prefixes(
	"0.0.0.0/8",          // this host
	"169.254.0.0/16",     // link-local; metadata of most clouds
	"100.100.100.200/32", // metadata of Alibaba Cloud
	"168.63.129.16/32",   // what Azure tells a machine, at a public address
	"192.0.0.192/32",     // metadata of Oracle Cloud
	"224.0.0.0/4",        // multicast
	"240.0.0.0/4",        // reserved, and broadcast

	"::/128",
	"fe80::/10",       // link-local
	"ff00::/8",        // multicast
	"fd00:ec2::/32",   // metadata of AWS
	"fd20:ce::/32",    // metadata of Google Cloud
	"fd00:c1::/32",    // metadata of Oracle Cloud
	"fd00:42::/32",    // metadata of Scaleway
	"::ffff:0:0:0/96", // IPv4 translated (SIIT)
	"64:ff9b:1::/48",  // NAT64 of a network's own; where the IPv4 stands in it is not known
	"2002::/16",       // 6to4 carries any IPv4
	"2001::/32",       // Teredo, likewise
)

// special is what is not the public internet. The operator may allow parts of it.
var special = prefixes(
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // private
	"100.64.0.0/10",                                     // between a provider and its customers
	"127.0.0.0/8",                                       // loopback
	"192.0.0.0/24",                                      // protocols
	"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", // documentation
	"192.88.99.0/24",                                        // relays of 6to4
	"198.18.0.0/15",                                         // benchmarks
	"192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24", // AS112, AMT: anycast into whatever is near

	"2001::/23",     // protocols, benchmarks, ORCHID
	"2001:db8::/32", // documentation
	"3fff::/20",     // documentation
	"2620:4f:8000::/48",
)

var (
	loopback4 = netip.MustParsePrefix("127.0.0.0/8")
	loopback6 = netip.MustParsePrefix("::1/128")
	global6   = netip.MustParsePrefix("2000::/3") // what of IPv6 is handed out to hosts of the internet
	// compatible is an IPv4 address with zeros before it, which some still read as one.
	compatible = netip.MustParsePrefix("::/96")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
)

// permits reports whether addr may be connected to.
func (g *Guard) permits(addr netip.Addr) bool {
	addr = addr.Unmap()
	switch {
	case !addr.IsValid() || addr.Zone() != "" || in(never, addr) || isISATAP(addr),
		compatible.Contains(addr) && !addr.IsLoopback():
		return false
	case nat64.Contains(addr):
		// A network that has IPv6 alone reaches the public IPv4 so.
		b := addr.As16()
		return g.permits(netip.AddrFrom4([4]byte(b[12:])))
	case addr.IsLoopback():
		return slices.ContainsFunc(g.Allow, func(p netip.Prefix) bool {
			return p.Contains(addr) && (contains(loopback4, p) || p == loopback6)
		})
	case addr.Is6() && !global6.Contains(addr) || in(special, addr):
		return in(g.Allow, addr)
	}
	return true
}

// isISATAP reports whether an IPv6 address is of a tunnel whose end it names in its
// last four bytes (RFC 5214).
func isISATAP(addr netip.Addr) bool {
	if !addr.Is6() {
		return false
	}
	b := addr.As16()
	return b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

func in(list []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// contains reports whether every address of b is one of a.
func contains(a, b netip.Prefix) bool { return a.Bits() <= b.Bits() && a.Contains(b.Addr()) }

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}
