package postgres

import (
	"net"
	"testing"
	"time"
)

// SlowWrites has every write of connections that are made until the test ends return so
// much later than it was sent. No test that does so may be parallel.
func SlowWrites(tb testing.TB, takes time.Duration) {
	was := dialed
	dialed = func(c net.Conn) net.Conn { return &slowWriter{c, takes} }
	tb.Cleanup(func() { dialed = was })
}

type slowWriter struct {
	net.Conn
	takes time.Duration
}

func (w *slowWriter) Write(p []byte) (int, error) {
	defer time.Sleep(w.takes) // the answer comes meanwhile
	return w.Conn.Write(p)
}
