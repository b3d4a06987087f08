package postgres

import (
	"errors"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lowWater is how much must have come before a reader is woken: PostgreSQL sends
	// 8 KiB at a time, and waking for each costs both sides more than the rows do.
	lowWater = 64 << 10
	// lowPatience is how long less than that may lie there.
	lowPatience = 3 * time.Millisecond
)

// A largeReader is a connection that can wait for large pieces, but not long.
type largeReader struct {
	*net.TCPConn
	large bool // whether it does
	high  bool // whether the low-water mark is set
}

// largePieces lets a connection be read in large pieces, where it can be.
func largePieces(c net.Conn) (net.Conn, *largeReader) {
	if tcp, ok := c.(*net.TCPConn); ok {
		r := &largeReader{TCPConn: tcp}
		return r, r
	}
	return c, nil
}

// wait says whether to wait for large pieces: for rows, and not for a short answer.
func (c *largeReader) wait(large bool) {
	if c == nil || c.large == large {
		return
	}
	c.large = large
	if !large {
		c.mark(false)
		_ = c.SetReadDeadline(time.Time{})
	}
}

func (c *largeReader) mark(high bool) {
	if c.high == high {
		return
	}
	bytes := 1
	if high {
		bytes = lowWater
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	// Where it cannot be had the pieces are small, and all is well.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes)
	})
	c.high = high
}

func (c *largeReader) Read(p []byte) (int, error) {
	if !c.large {
		return c.TCPConn.Read(p)
	}
	c.mark(true)
	_ = c.SetReadDeadline(time.Now().Add(lowPatience))
	n, err := c.TCPConn.Read(p)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	c.mark(false)
	_ = c.SetReadDeadline(time.Time{})
	return c.TCPConn.Read(p)
}
