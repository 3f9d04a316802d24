package sdktest

import (
	"sync"
)

// together is how many requests are sent at once where Parallel allows for more.
const together = 16

// parallel: as many requests as the endpoint says are answered when they come at
// the same time.
func (e *engine) parallel(t T) {
	h := e.up(t)
	inst := h.loaded(t, e.request(t, h, nil))
	n := inst.Endpoint().Parallel
	if n == 0 || n > together {
		n = together
	}
	op := anyOperation(inst.Endpoint())
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if status, err := e.ask(t, inst, op, streams(op) && i%2 == 1); err != nil || status != 200 {
				t.Errorf("one of %d requests at once: status %d, %v", n, status, err)
			}
		})
	}
	all.Wait()
}
