package sdk

import (
	"context"
	"sync"
)

// A PlainInstance is an [Instance] without a process of its own: its endpoint's Handler
// answers in the plugin, or its URL is that of a server that runs elsewhere. It ends
// when it is closed, or when the engine says so with End. (One that fronts a server of
// its own is a Server of sdk/process.)
type PlainInstance struct {
	endpoint Endpoint
	free     func(context.Context) error

	once  sync.Once // of free
	freed error
	ended chan struct{}
	end   sync.Once // of ended
	why   error     // set before ended is closed
}

// NewInstance makes an instance. free, which may be nil, is called once, when it is
// closed: it gives back what the instance has taken, and returns when that is done or
// ctx ends.
func NewInstance(endpoint Endpoint, free func(ctx context.Context) error) *PlainInstance {
	if free == nil {
		free = func(context.Context) error { return nil }
	}
	return &PlainInstance{endpoint: endpoint, free: free, ended: make(chan struct{})}
}

// Endpoint implements [Instance].
func (i *PlainInstance) Endpoint() Endpoint { return i.endpoint }

// End says that the instance has ended by itself, and why: err is for the user, and
// has a code where a caller decides upon it. The core then closes it.
func (i *PlainInstance) End(err error) {
	i.end.Do(func() {
		i.why = err
		close(i.ended)
	})
}

// Wait implements [Instance].
func (i *PlainInstance) Wait() error {
	<-i.ended
	return i.why
}

// Close implements [Instance].
func (i *PlainInstance) Close(ctx context.Context) error {
	i.once.Do(func() {
		i.freed = i.free(ctx)
		i.End(nil)
	})
	return i.freed
}
