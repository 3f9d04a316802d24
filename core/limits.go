package core

import (
	"fmt"
	"slices"
	"time"
)

// Forever keeps a model in memory until somebody stops it.
const Forever time.Duration = -1

// Limits bound what is in memory and what may wait. They may change while the
// runtime works.
type Limits struct {
	KeepAlive    *time.Duration // how long a model stays after its last request, where nothing nearer says so; nil is Forever
	MaxLoaded    int            // models in memory at the same time; 0 is any number
	Memory       uint64         // bytes of all models, by their engines' estimates; 0 is any number
	QueuePerSlot int            // requests that wait for each that an engine works on; 0 is 64
	LoadTimeout  time.Duration  // for a load and the wait for its room; 0 is 10 minutes
	Pinned       []string       // ids of models that, once loaded, stay; a model's own file may say so too
}

const (
	defaultQueue       = 64
	defaultLoadTimeout = 10 * time.Minute
	// assumedSlots is how many requests an engine is taken to work on before it
	// has said so.
	assumedSlots = 4
)

func (l Limits) filled() *Limits {
	if l.QueuePerSlot <= 0 {
		l.QueuePerSlot = defaultQueue
	}
	if l.LoadTimeout <= 0 {
		l.LoadTimeout = defaultLoadTimeout
	}
	return &l
}

// queue is how many requests may wait for a model of so many slots.
func (l *Limits) queue(slots int) int {
	if slots == 0 {
		slots = assumedSlots
	}
	return l.QueuePerSlot * slots
}

// pins says whether a model, or the one that it is an edition of, is among the pinned.
func (l *Limits) pins(id string) bool {
	return slices.ContainsFunc(l.Pinned, func(pinned string) bool { return pinned == id || isEdition(id, pinned) })
}

// SetLimits changes the limits. Models beyond the new ones leave as soon as
// nobody uses them; nothing in flight breaks off.
func (r *Runtime) SetLimits(l Limits) {
	r.limits.Store(l.filled())
	for _, res := range r.all() {
		res.reconsider()
	}
	r.room.trim()
}

// ParseKeepAlive reads a time such as "10m" or "1h30m", or "forever".
func ParseKeepAlive(text string) (time.Duration, error) {
	if text == "forever" {
		return Forever, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no time such as \"10m\" or \"1h30m\", and not \"forever\"", text)
	}
	return max(d, Forever), nil
}
