package core

import (
	"context"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// partial is what came of a model's files; nil where nothing did.
func partial(m *store.Model) *Download {
	targets, err := m.Targets()
	if m.Ready || err != nil {
		return nil
	}
	now, any := Download{Phase: PhasePaused, ETA: -1}, false
	for _, target := range targets {
		f := DownloadFile{Name: target.Source.Filename, Total: target.Source.Size}
		if done, total, _, ok := download.Partial(target.Path); ok {
			f.Done, f.Total, any = done, max(total, f.Total), true
		} else if target.Whole { // which may be another variant's doing
			f.Done = f.Total
		}
		now.Done, now.Total, now.Files = now.Done+f.Done, now.Total+f.Total, append(now.Files, f)
	}
	if !any {
		return nil
	}
	return &now
}

// remember looks for what an earlier run left of a model's download, and says
// whether it is to go on.
func (ts *transfers) remember(m *store.Model) bool {
	now := partial(m)
	if now == nil {
		return false
	}
	ts.mu.Lock()
	ts.left[m.ID] = left{now: now}
	ts.mu.Unlock()
	targets, _ := m.Targets() // partial has looked at the error
	unfinished := false
	for _, target := range targets {
		_, _, paused, ok := download.Partial(target.Path)
		if paused {
			return false
		}
		unfinished = unfinished || ok
	}
	return unfinished
}

// cancel ends a model's download and marks its files, so that they are not resumed
// by themselves, or removes them.
func (ts *transfers) cancel(ctx context.Context, m *store.Model, discard bool) error {
	ts.mu.Lock()
	t := ts.byID[m.ID]
	ts.mu.Unlock()
	if t != nil {
		t.cancel(errCanceled)
		select {
		case <-t.done:
		case <-ctx.Done():
			return callerLeft(ctx)
		}
	}
	targets, err := m.Targets()
	if err != nil {
		return nil // such a model was never downloaded
	}
	others := ts.fetching()
	for _, target := range targets {
		if _, _, _, ok := download.Partial(target.Path); !ok || others[target.Path] {
			continue
		}
		mark := download.Pause
		if discard {
			mark = download.Discard
		}
		if err := mark(target.Path); err != nil {
			return &sdk.Error{Code: sdk.CodeInternal, Message: "what was downloaded of '" + m.ID + "' cannot be changed on disk", Cause: err}
		}
	}
	if m, err = ts.runtime.store.Model(m.ID); err != nil {
		return nil // it is no more
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.byID[m.ID] != nil { // somebody has begun another one
		return nil
	}
	delete(ts.left, m.ID)
	if now := partial(m); now != nil {
		ts.left[m.ID] = left{now: now}
	}
	if !m.Ready {
		ts.runtime.events.emit(Event{Type: EventModelState, Model: m.ID, State: StateToDownload})
	}
	return nil
}

// fetching are the files that are being fetched, or wait for that. Variants share
// some: their projector.
func (ts *transfers) fetching() map[string]bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	paths := map[string]bool{}
	for _, t := range ts.byID {
		for _, f := range t.files {
			paths[f.Path] = true
		}
	}
	return paths
}
