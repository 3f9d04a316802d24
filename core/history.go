package core

import (
	"sync/atomic"
	"time"
)

// A History is what happened to a model since the server started.
type History struct {
	Loads     int           // that went well
	Loading   time.Duration // that they took, together
	Failures  int           // loads that did not
	Evictions int           // times that it left for others, or because nobody used it
	Ends      int           // times that its instance ended by itself
	Waits     int           // requests that waited for a slot of the engine
	Waiting   time.Duration // that they waited, together
}

// waits count the requests that waited for a model's slots; the instances come and go.
type waits struct{ count, took atomic.Int64 }

func (w *waits) add(took time.Duration) {
	w.count.Add(1)
	w.took.Add(int64(took))
}
