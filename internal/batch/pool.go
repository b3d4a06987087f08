package batch

import (
	"context"
	"sync"
)

// A Pool lends a fixed number of batches, which bounds the memory of everything
// between a source and its files. The one that came back last is lent first: it
// is still in a core's cache, and those that a run never needs take no memory.
type Pool struct {
	lent chan struct{} // as many as may be out

	mu   sync.Mutex
	free []*Batch
}

// NewPool returns a pool of n batches.
func NewPool(n int) *Pool {
	return &Pool{lent: make(chan struct{}, n)}
}

// Get waits for a free batch. The caller is its only holder.
func (p *Pool) Get(ctx context.Context) (*Batch, error) {
	select {
	case p.lent <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	b := p.take()
	b.refs.Store(1)
	return b, nil
}

func (p *Pool) take() *Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return &Batch{pool: p}
	}
	b := p.free[last]
	p.free = p.free[:last]
	return b
}

func (p *Pool) giveBack(b *Batch) {
	p.mu.Lock()
	p.free = append(p.free, b)
	p.mu.Unlock()
	<-p.lent
}

// Retain adds a holder, who must call Release.
func (b *Batch) Retain() { b.refs.Add(1) }

// Release gives up the caller's hold. The last one returns b to its pool. A
// batch that belongs to no pool is not counted.
func (b *Batch) Release() {
	if b.pool == nil {
		return
	}
	switch left := b.refs.Add(-1); {
	case left == 0:
		b.pool.giveBack(b)
	case left < 0:
		panic("batch: released more often than held")
	}
}
