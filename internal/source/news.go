package source

import (
	"context"
	"time"
)

// A Fenced is a Source that knows what is written in it and not yet seen.
type Fenced interface {
	// Unfinished names the transactions that are open at an instant of the database's
	// clock. What a transaction wrote that is not named is in every snapshot that is
	// begun after Unfinished has returned, or is written by one that begins after that
	// instant. A name is not used again in any time that matters. Where the source cannot
	// tell, at is zero.
	Unfinished(ctx context.Context) (at time.Time, names []string, err error)
}

// A Notifier is a Source that tells by itself what happens in it.
type Notifier interface {
	// Listen tells of what is sent to a channel until ctx ends. It connects again as
	// often as it must.
	Listen(ctx context.Context, channel string, to Listener)
}

// A Listener is what a Notifier calls, one call after the other.
type Listener struct {
	// Connected: from now on nothing is missed. What was sent before is.
	Connected func()
	Notified  func(payload string)
	// Lost says why nothing is heard, and after how long it is tried again.
	Lost func(err error, again time.Duration)
}
