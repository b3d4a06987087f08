package pipeline

import (
	"sync/atomic"

	"outturn"
)

// Progress is how far a run has come. Any goroutine may read it.
type Progress struct {
	Rows  atomic.Int64 // read from the source
	Bytes atomic.Int64 // written, all files together

	// OnPhase, where it is set, is told what the run is at now. It must not wait for
	// long: the run waits for it.
	OnPhase func(outturn.RunPhase)

	share atomic.Pointer[func() (float64, bool)]
}

// Share is how much of the work the engine believes is done, 0 to 1, where it can
// tell.
func (p *Progress) Share() (share float64, known bool) {
	if ask := p.share.Load(); ask != nil {
		return (*ask)()
	}
	return 0, false
}

func (p *Progress) ask(share func() (float64, bool)) { p.share.Store(&share) }

func (p *Progress) enter(phase outturn.RunPhase) {
	if p.OnPhase != nil {
		p.OnPhase(phase)
	}
}
