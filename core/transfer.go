package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/store"
)

// The phases of a download.
const (
	PhaseWaiting     = "waiting" // for others to end
	PhaseDownloading = "downloading"
	PhaseVerifying   = "verifying"
	PhasePaused      = "paused" // nobody fetches; what came so far is kept
)

// A Download is how far the files of a model are.
type Download struct {
	Phase string         `json:"phase"`
	Done  int64          `json:"done"`  // bytes
	Total int64          `json:"total"` // bytes; 0 where unknown
	Speed float64        `json:"speed"` // bytes a second
	ETA   int64          `json:"eta"`   // seconds; -1 where unknown
	Files []DownloadFile `json:"files,omitempty"`
}

// A DownloadFile is how far one file is.
type DownloadFile struct {
	Name  string `json:"name"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // 0 where unknown
}

// transfers are the downloads of models. They own what changes:
//
//	none        → asking       begin: where its files are, and what they must be
//	asking      → waiting      that is known
//	asking      → none         nobody knows
//	waiting     → downloading  others have ended
//	downloading → none         it ended well, or badly: then the error stays until the next begin
//	any         → none         cancel, or the end of the runtime
//
// Who asks is shown as waiting.
type transfers struct {
	runtime *Runtime
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	limit  int // models at the same time
	busy   int
	queue  []*transfer
	byID   map[string]*transfer
	left   map[string]left // by id, of those that ended
	counts DownloadCounts  // but for Active
}

// DownloadCounts are what was downloaded since the runtime was opened.
type DownloadCounts struct {
	Bytes    uint64 // that came over the network
	Files    uint64 // that were made whole
	Failures uint64 // models whose download ended badly; canceled ones do not count
	Active   int    // models that are being downloaded; those that wait do not count
}

// Downloads returns what was downloaded so far.
func (r *Runtime) Downloads() DownloadCounts {
	r.transfers.mu.Lock()
	defer r.transfers.mu.Unlock()
	counts := r.transfers.counts
	counts.Active = r.transfers.busy
	counts.Bytes = r.downloader.Received()
	return counts
}

// left is what stays of a transfer.
type left struct {
	now *Download // its partial files
	err error     // why it ended badly
}

// transfer is one download. Its fields but for ctx and the channels belong to
// transfers.mu.
type transfer struct {
	id     string
	ctx    context.Context
	cancel context.CancelCauseFunc
	known  chan struct{} // closed when it is known what to fetch, or that nobody knows
	turn   chan struct{} // closed when it may begin
	done   chan struct{}
	err    error // set before known is closed: why it was not begun
	before left  // what was left of the one before
	files  []download.File
	now    Download
	told   time.Time
}

var (
	errCanceled = errors.New("somebody canceled the download")
	errClosing  = errors.New("the server ends")
	errLeft     = errors.New("who began the download left before it was known what to fetch")
)

const downloadPeriod = 500 * time.Millisecond

func newTransfers(r *Runtime) *transfers {
	return &transfers{runtime: r, limit: defaultModels, byID: map[string]*transfer{}, left: map[string]left{}}
}

// begin begins a download; mine is false where one of the same model is under way.
// Who has begun one says with enqueue what it is to fetch, or ends it with abandon.
func (ts *transfers) begin(id string) (t *transfer, mine bool, err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	switch {
	case ts.closed:
		return nil, false, shuttingDown()
	case ts.byID[id] != nil:
		return ts.byID[id], false, nil
	}
	t = &transfer{id: id, known: make(chan struct{}), turn: make(chan struct{}), done: make(chan struct{}), before: ts.left[id], now: Download{Phase: PhaseWaiting, ETA: -1}}
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	if t.before.now != nil {
		t.now.Done = t.before.now.Done
	}
	delete(ts.left, id)
	ts.byID[id] = t
	ts.running.Add(1)
	ts.runtime.events.emit(Event{Type: EventModelState, Model: id, State: StateDownloading})
	return t, true, nil
}

// enqueue has a download wait for its turn.
func (ts *transfers) enqueue(t *transfer, files []download.File) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.files = files
	for _, f := range files {
		t.now.Total += f.Size
	}
	close(t.known)
	ts.queue = append(ts.queue, t)
	ts.next()
	go ts.run(t)
}

// abandon ends a download of which nobody knows what it is to fetch, or that has
// nothing to fetch: then err is nil.
func (ts *transfers) abandon(t *transfer, err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	defer ts.running.Done()
	t.cancel(nil)
	t.err = err
	delete(ts.byID, t.id)
	if t.before != (left{}) && err != nil {
		ts.left[t.id] = t.before
	}
	event := Event{Type: EventModelState, Model: t.id, State: StateReady}
	if err != nil {
		event.State = StateToDownload
	}
	ts.runtime.events.emit(event)
	close(t.known)
	close(t.done)
}

// joined waits until it is known whether a download begins.
func (t *transfer) joined(ctx context.Context) error {
	select {
	case <-t.known:
		return t.err
	case <-ctx.Done():
		return callerLeft(ctx)
	}
}

// allow sets how many are fetched at the same time.
func (ts *transfers) allow(models int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.limit = models
	ts.next()
}

// next lets those begin whose turn has come. Called with mu held.
func (ts *transfers) next() {
	for ts.busy < ts.limit && len(ts.queue) > 0 {
		ts.busy++
		ts.queue[0].now.Phase = PhaseDownloading
		close(ts.queue[0].turn)
		ts.queue = ts.queue[1:]
	}
}

func (ts *transfers) run(t *transfer) {
	defer ts.running.Done()
	defer t.cancel(nil)
	ctx, err := t.ctx, error(nil)
	select {
	case <-t.turn:
		err = ts.runtime.downloader.Fetch(ctx, t.files, func(p download.Progress) { ts.progress(t, p) })
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil && ctx.Err() == nil {
		err = ts.runtime.explained(ctx, t.files, err)
		ts.runtime.log.Warn("model not downloaded", "model", t.id, "error", err)
	}
	if ctx.Err() != nil { // nobody's fault
		err = context.Cause(ctx)
	}
	m, gone := ts.runtime.store.Refresh(t.id)
	ts.end(t, m, gone, err)
}

// end is the end of a transfer, after which the model's folder was read again.
func (ts *transfers) end(t *transfer, m *store.Model, gone, err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	defer close(t.done)
	delete(ts.byID, t.id)
	select {
	case <-t.turn:
		ts.busy--
	default:
		ts.leave(t)
	}
	ts.next()
	delete(ts.left, t.id) // a look at the disk may have come meanwhile
	if gone != nil || ts.closed {
		return
	}
	event := Event{Type: EventModelState, Model: t.id, State: StateReady}
	if !m.Ready {
		event.State = StateToDownload
	}
	switch err {
	case nil:
		ts.counts.Files += uint64(len(t.files))
	case errCanceled:
		err = nil
	default:
		ts.counts.Failures++
	}
	if rest := (left{partial(m), err}); rest != (left{}) {
		ts.left[t.id] = rest
	}
	ts.runtime.events.emit(event)
	if err != nil {
		ts.runtime.events.emit(Event{Type: EventModelError, Model: t.id, Error: Reason(err)})
	}
	if m.Ready {
		ts.runtime.log.Info("model downloaded", "model", t.id)
	}
}

// leave takes a transfer out of the queue. Called with mu held.
func (ts *transfers) leave(t *transfer) {
	for i := range ts.queue {
		if ts.queue[i] == t {
			ts.queue = append(ts.queue[:i:i], ts.queue[i+1:]...)
			return
		}
	}
}

func (ts *transfers) progress(t *transfer, p download.Progress) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.now = Download{Phase: p.Phase, Done: p.Done, Total: p.Total, Speed: p.Speed, ETA: -1}
	if p.ETA >= 0 {
		t.now.ETA = int64(p.ETA.Seconds())
	}
	for _, f := range p.Files {
		t.now.Files = append(t.now.Files, DownloadFile(f))
	}
	if time.Since(t.told) < downloadPeriod && p.Done < p.Total {
		return
	}
	t.told = time.Now()
	now := t.now
	ts.runtime.events.emit(Event{Type: EventDownloadProgress, Model: t.id, State: StateDownloading, Download: &now})
}

// gone ends the download of a model whose folder was removed.
func (ts *transfers) gone(id string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.left, id)
	if t := ts.byID[id]; t != nil {
		t.cancel(errCanceled)
	}
}

// describe fills in what is known of a model's download.
func (ts *transfers) describe(m *store.Model, st *Status) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t := ts.byID[m.ID]; t != nil {
		now := t.now
		st.State, st.Download, st.Err = StateDownloading, &now, nil
		return
	}
	rest, ok := ts.left[m.ID]
	if !ok || m.Ready {
		return
	}
	st.Download = rest.now
	if rest.err != nil {
		st.Err = rest.err
	}
}

// close ends all downloads; what came of them is kept, and goes on at the next start.
func (ts *transfers) close() {
	ts.mu.Lock()
	ts.closed = true
	for _, t := range ts.byID {
		t.cancel(errClosing)
	}
	ts.mu.Unlock()
	ts.running.Wait()
}
