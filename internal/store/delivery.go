package store

import "outturn"

// An announcement is something that happened and that somebody may want to be told.
type announcement struct {
	event     string // one of outturn.DeliveryEvents
	tenant    string // whose it is
	run       *outturn.Run
	generator string
}

// announce queues a message to each destination that asked for an announcement, in the
// transaction that makes it true.
func (t *tx) announce(announcement) error { return nil }
