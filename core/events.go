package core

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// The types of events. State, progress and error are of a model in memory; added,
// changed and removed are of its folder.
const (
	EventModelState       = "model.state"
	EventModelProgress    = "model.progress"
	EventModelError       = "model.error"
	EventModelAdded       = "model.added"
	EventModelChanged     = "model.changed"
	EventModelRemoved     = "model.removed"
	EventEngineState      = "engine.state"
	EventEngineChanged    = "engine.changed" // its settings; with an error they are refused, and all goes on as before
	EventEngineModels     = "engine.models"  // the list of what its service offers was had anew
	EventPluginChanged    = "plugin.changed" // another version counts; with an error it is refused, and all goes on as before
	EventDownloadProgress = "download.progress"
	EventLost             = "events.lost" // what happened before is not known any more: read the lists again
)

// An Event is something that happened. Fields that do not apply are empty.
type Event struct {
	ID         uint64    `json:"id"` // rising, over restarts too
	Time       time.Time `json:"time"`
	Type       string    `json:"type"`
	Model      string    `json:"model,omitempty"`
	Engine     string    `json:"engine,omitempty"`
	Plugin     string    `json:"plugin,omitempty"`
	State      string    `json:"state,omitempty"`
	Transition string    `json:"transition,omitempty"`
	Progress   *float64  `json:"progress,omitempty"` // 0 to 1; absent where unknown
	Note       string    `json:"note,omitempty"`     // what happens now, for people
	Error      string    `json:"error,omitempty"`    // the sentence for users
	Download   *Download `json:"download,omitempty"` // of download.progress
}

const (
	keptEvents     = 1024 // for those who come back
	waitingEvents  = 256  // for each who listens
	maxListeners   = 256
	progressPeriod = 200 * time.Millisecond
)

// events is what happened lately, and who listens.
type events struct {
	mu   sync.Mutex
	next uint64
	kept []Event // the last keptEvents, in order; of a model's download only the last progress
	lost uint64  // id of the last event that is not known any more, though nothing took its place
	subs map[*Subscription]struct{}
}

// newEvents begins with an id that is higher than any of an earlier run.
func newEvents() *events {
	first := uint64(time.Now().UnixMicro())
	return &events{next: first, lost: first - 1, subs: map[*Subscription]struct{}{}}
}

// A Subscription is somebody who listens. Close it.
type Subscription struct {
	// C gives the events in order. It is closed by Close, at the end of the
	// runtime, and for one who reads too slowly: subscribe again after the last id.
	C <-chan Event

	c      chan Event
	events *events
}

// last is the id of the event that happened last.
func (e *events) last() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.next - 1
}

// Subscribe returns the events after the one of an id, as far as they are kept,
// and all that come. 0 is only those that come. [RetryError]: too many listen.
func (r *Runtime) Subscribe(after uint64) (*Subscription, error) {
	e := r.events
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.subs) >= maxListeners {
		return nil, &RetryError{Err: sdk.Errorf(sdk.CodeUnavailable, "%d clients listen to the events already; try again later", maxListeners), After: retryAfter}
	}
	room := waitingEvents
	if after > 0 {
		room += keptEvents
	}
	c := make(chan Event, room)
	s := &Subscription{C: c, c: c, events: e}
	if e.subs == nil { // closed
		close(c)
		return s, nil
	}
	e.subs[s] = struct{}{}
	if after == 0 {
		return s, nil
	}
	known := e.kept
	if after >= e.next { // of a server whose clock was ahead
		known = nil
	}
	if after >= e.next || after < e.lost {
		id := e.lost
		if known == nil {
			id = e.next - 1
		}
		c <- Event{ID: id, Time: time.Now(), Type: EventLost}
	}
	for _, event := range known {
		if event.ID > after {
			c <- event
		}
	}
	return s, nil
}

// Close ends the subscription; further calls do nothing.
func (s *Subscription) Close() {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	s.events.drop(s)
}

// drop is called with mu held.
func (e *events) drop(s *Subscription) {
	if _, ok := e.subs[s]; ok {
		delete(e.subs, s)
		close(s.c)
	}
}

// emit never blocks: who does not keep up is dropped, and may come back.
func (e *events) emit(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event.ID, event.Time = e.next, time.Now()
	e.next++
	if event.Type == EventDownloadProgress { // hours of them would push out all else
		e.kept = slices.DeleteFunc(e.kept, func(old Event) bool { return old.Type == event.Type && old.Model == event.Model })
	}
	if len(e.kept) == keptEvents {
		e.lost = e.kept[0].ID
		e.kept = e.kept[1:]
	}
	e.kept = append(e.kept, event)
	for s := range e.subs {
		select {
		case s.c <- event:
		default:
			e.drop(s)
		}
	}
}

// close ends every subscription.
func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for s := range e.subs {
		e.drop(s)
	}
	e.subs = nil
}

// progress keeps how far a load is, and tells of it now and then.
func (r *resident) progress(l *loading, p sdk.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.progress = p
	if time.Since(l.told) < progressPeriod {
		return
	}
	l.told = time.Now()
	event := Event{Type: EventModelProgress, Model: r.id, Transition: TransitionStarting, Note: p.Note}
	if p.Fraction >= 0 {
		event.Progress = &p.Fraction
	}
	r.runtime.events.emit(event)
}

// tell emits what the model does now, and what went wrong. Called with mu held.
func (r *resident) tell() {
	event := Event{Type: EventModelState, Model: r.id, State: StateReady}
	switch {
	case r.loading != nil:
		event.Transition = TransitionStarting
	case r.leaving != nil:
		event.Transition = TransitionStopping
	case r.loaded == nil && len(r.old) > 0:
		event.Transition = TransitionStopping
	case r.loaded != nil:
		event.State, event.Engine = StateRunning, r.loaded.plan.deployment.ID
	}
	r.runtime.events.emit(event)
	if r.err != nil && event.Transition == "" && event.State == StateReady {
		r.runtime.events.emit(Event{Type: EventModelError, Model: r.id, Error: Reason(r.err)})
	}
}

// Reason is what people are told of an error: the sentence that was written for
// them, without the cause, which the log has.
func Reason(err error) string {
	var coded *sdk.Error
	if errors.As(err, &coded) {
		return coded.Message
	}
	return err.Error()
}
