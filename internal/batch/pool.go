package batch

import "context"

// A Pool lends a fixed number of batches, which bounds the memory of everything
// between a source and its files.
type Pool struct {
	free chan *Batch
}

// NewPool returns a pool of n batches.
func NewPool(n int) *Pool {
	p := &Pool{free: make(chan *Batch, n)}
	for range n {
		p.free <- &Batch{pool: p}
	}
	return p
}

// Get waits for a free batch. The caller is its only holder.
func (p *Pool) Get(ctx context.Context) (*Batch, error) {
	select {
	case b := <-p.free:
		b.refs.Store(1)
		return b, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
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
		b.pool.free <- b
	case left < 0:
		panic("batch: released more often than held")
	}
}
