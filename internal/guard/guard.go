// Package guard is the one way out of Outturn to a host that a tenant names, such
// as that of a webhook. Whatever the name, no connection is made to the machine
// itself, to the network that it stands in or to the metadata service of its cloud.
//
//	g, err := guard.New(guard.Config{Allow: networksOfTheOperator})
//	err = g.CheckURL(text)             before it is saved: what the text alone tells
//	res, err := g.Client().Do(req)     at every call: resolve, check each address, dial the checked one
//
// What fails is an *Error, which says how by a class and never by what the other
// side sent or where the name led: a tenant learns nothing of what stands behind it.
package guard

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

const (
	// MaxTimeout bounds one call whatever is set: a host that hangs costs no more.
	MaxTimeout = 30 * time.Second
	// defaultBytes is what is read of an answer. Nobody looks at more than its status.
	defaultBytes = 64 << 10
	// mostHeader is what is read of an answer's header.
	mostHeader = 64 << 10
	// mostAddresses of a name are tried; further ones are checked all the same.
	mostAddresses = 8
	// leastDial is what one of several addresses has to answer in, at least.
	leastDial = 2 * time.Second
)

// A Config says what else than the public internet may be reached. Its zero value
// is https to public hosts.
type Config struct {
	// Allow names networks that are otherwise refused, such as 10.1.2.0/24. Loopback
	// is allowed only by a prefix of loopback itself, and what no call may reach, such
	// as link-local addresses and metadata services, by none.
	Allow []netip.Prefix
	// AllowHTTP also lets URLs without TLS in.
	AllowHTTP bool
	// Ports are those that a URL may name; empty: every one but those of mail, shells
	// and the like, which browsers refuse as well.
	Ports []int
	// Timeout is for a whole call, from the look-up to the last byte; MaxTimeout when 0.
	Timeout time.Duration
	// MaxBytes is what may be read of an answer; 64 KiB when 0.
	MaxBytes int64
	// RootCAs are who may sign a host's certificate; those of the machine when nil.
	RootCAs *x509.CertPool
	// Resolver looks names up; Go's own when nil.
	Resolver Resolver
}

// A Resolver finds the addresses of a name. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// A Guard makes connections to hosts that tenants name. Any number of goroutines may
// use it.
type Guard struct {
	Config
	client *http.Client
}

// New returns a Guard, or says which setting is wrong.
func New(c Config) (*Guard, error) {
	if c.Timeout == 0 {
		c.Timeout = MaxTimeout
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultBytes
	}
	if c.Resolver == nil {
		// Go's own asks DNS and the hosts file, and nothing that is found by shouting
		// into the local network.
		c.Resolver = &net.Resolver{PreferGo: true}
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.Allow = slices.Clone(c.Allow)
	c.Ports = slices.Clone(c.Ports)
	g := &Guard{Config: c}
	g.client = g.newClient()
	return g, nil
}

func (c Config) validate() error {
	var faults []error
	for _, p := range c.Allow {
		switch {
		case !p.IsValid():
			faults = append(faults, errors.New("allow: a network is missing its address"))
		case p.Addr().Is4In6():
			faults = append(faults, fmt.Errorf("allow: write %s as a network of IPv4", p))
		case p != p.Masked():
			faults = append(faults, fmt.Errorf("allow: %s names one address of a network; write %s", p, p.Masked()))
		case slices.ContainsFunc(never, func(n netip.Prefix) bool { return contains(n, p) }):
			faults = append(faults, fmt.Errorf("allow: %s is never called, whatever is allowed", p))
		}
	}
	for _, port := range c.Ports {
		if port < 1 || port > 65535 {
			faults = append(faults, fmt.Errorf("ports: %d is no port", port))
		}
	}
	if c.Timeout < 0 || c.Timeout > MaxTimeout {
		faults = append(faults, fmt.Errorf("timeout: %s is not between 0 and %s", c.Timeout, MaxTimeout))
	}
	if c.MaxBytes < 0 {
		faults = append(faults, fmt.Errorf("max bytes: %d is less than none", c.MaxBytes))
	}
	return errors.Join(faults...)
}

// DialContext connects by TCP to a host and port. A name is looked up once and the
// address that was checked is dialled, so that nothing is asked twice and answered
// differently; one address among several that may not be reached refuses them all.
// The connection ends when the Guard's timeout, counted from here, is over.
func (g *Guard) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	deadline := time.Now().Add(g.Timeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()

	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, fail(ClassRefused)
	}
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fail(ClassRefused)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return nil, fail(ClassRefused)
	}
	found, err := g.lookUp(ctx, "ip"+network[len("tcp"):], host)
	if err != nil {
		return nil, err
	}
	conn, err := dial(ctx, found, uint16(port))
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, fail(ClassConnect)
	}
	return conn, nil
}

// lookUp returns the addresses of a host, all of them checked.
func (g *Guard) lookUp(ctx context.Context, network, host string) ([]netip.Addr, error) {
	addr, err := g.checkHost(host)
	if err != nil {
		return nil, fail(ClassRefused)
	}
	if addr.IsValid() {
		return []netip.Addr{addr}, nil
	}
	found, err := g.Resolver.LookupNetIP(ctx, network, absolute(host))
	switch {
	case ctx.Err() != nil:
		return nil, failed(ctx, ctx.Err(), ClassTimeout)
	case err != nil || len(found) == 0: // also where the name server takes too long: not the host does
		return nil, fail(ClassDNS)
	}
	for i := range found {
		found[i] = found[i].Unmap()
		if !g.permits(found[i]) {
			return nil, fail(ClassRefused)
		}
	}
	return found, nil
}

// dial tries addresses in the resolver's order. Each gets its part of the time that is
// left, so that a dead one does not use up that of the next.
func dial(ctx context.Context, addrs []netip.Addr, port uint16) (net.Conn, error) {
	addrs = addrs[:min(len(addrs), mostAddresses)]
	err := error(fail(ClassConnect))
	for i, addr := range addrs {
		var conn net.Conn
		conn, err = dialOne(ctx, netip.AddrPortFrom(addr, port), len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed(ctx, err, ClassConnect)
}

func dialOne(ctx context.Context, to netip.AddrPort, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		part := max(time.Until(deadline)/time.Duration(left), leastDial)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, part)
		defer cancel()
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", to.String())
}
