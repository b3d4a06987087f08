package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

// nonces remembers which nonces came, by client and timestamp, for as long as a
// request with that timestamp would be taken. Each client has room of its own: one
// that sends many can crowd out nobody else's. The zero value is ready.
type nonces struct {
	mu      sync.Mutex
	clients map[string]*seenNonces
	swept   int64 // the minute that clients were last forgotten in
}

type seenNonces struct {
	at    map[int64]map[[16]byte]struct{} // by timestamp
	count int
	swept int64 // the second that timestamps were last forgotten in
}

// timestampWindow is how far the clock of who signs may be from ours.
const timestampWindow = 300 * time.Second

// mostNonces is how many of a client are remembered: 160 requests a second, for as
// long as a timestamp can be good. More are refused; to forget one would let its
// request in again.
const mostNonces = 100_000

type nonceState int

const (
	nonceFresh nonceState = iota
	nonceSeen
	nonceFull
)

// use notes a nonce, and says whether it may be used.
func (n *nonces) use(client string, timestamp int64, nonce string, now time.Time) nonceState {
	n.mu.Lock()
	defer n.mu.Unlock()
	oldest := now.Add(-timestampWindow).Unix()
	if minute := now.Unix() / 60; minute != n.swept {
		n.swept = minute
		for id, c := range n.clients {
			if c.forget(oldest); c.count == 0 {
				delete(n.clients, id)
			}
		}
	}
	c := n.clients[client]
	if c == nil {
		c = &seenNonces{at: map[int64]map[[16]byte]struct{}{}}
		if n.clients == nil {
			n.clients = map[string]*seenNonces{}
		}
		n.clients[client] = c
	}
	if now.Unix() != c.swept {
		c.swept = now.Unix()
		c.forget(oldest)
	}
	sum := sha256.Sum256([]byte(nonce))
	key := [16]byte(sum[:])
	if _, seen := c.at[timestamp][key]; seen {
		return nonceSeen
	}
	if c.count >= mostNonces {
		return nonceFull
	}
	if c.at[timestamp] == nil {
		c.at[timestamp] = map[[16]byte]struct{}{}
	}
	c.at[timestamp][key] = struct{}{}
	c.count++
	return nonceFresh
}

// forget drops what came with timestamps that are not taken any more.
func (c *seenNonces) forget(oldest int64) {
	for timestamp, seen := range c.at {
		if timestamp < oldest {
			c.count -= len(seen)
			delete(c.at, timestamp)
		}
	}
}
