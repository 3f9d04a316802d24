package sdktest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// blocks is how long a call is watched that must not return: nothing else tells.
const blocks = 300 * time.Millisecond

// loads: progress only grows, and the endpoint is private and answers at once.
func (e *engine) loads(t T) {
	h := e.up(t)
	var last sdk.Progress
	inst, err := h.Load(t.Context(), e.request(t, h, nil), func(p sdk.Progress) {
		if p.Fraction > 1 || (p.Fraction >= 0 && p.Fraction < last.Fraction) {
			t.Errorf("progress is %v after %v; it grows from 0 to 1, or is below 0 where it is not known", p.Fraction, last.Fraction)
		}
		last = p
	})
	if err != nil {
		e.lacks = "the model does not load; see engine/load"
		t.Fatalf("Load: %v", err)
	}
	endpoint := inst.Endpoint()
	if len(endpoint.Operations) == 0 {
		t.Errorf("the endpoint names no operations")
	}
	for _, socket := range []string{endpoint.Socket, endpoint.DetourSocket} {
		if socket != "" {
			private(t, socket, h.run)
		}
	}
	if status, err := e.ask(t, inst, anyOperation(endpoint), false); err != nil || status != 200 {
		t.Errorf("the first request after Load: status %d, %v", status, err)
	}
}

// private: a socket is in the run folder, and for this user alone.
func private(t T, socket, run string) {
	t.Helper()
	if filepath.Dir(socket) != run {
		t.Errorf("socket %s is not in the run folder %s", socket, run)
	}
	info, err := os.Lstat(socket)
	if err != nil {
		t.Errorf("socket: %v", err)
		return
	}
	if info.Mode().Type() != os.ModeSocket {
		t.Errorf("%s is no socket: %v", socket, info.Mode())
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		t.Errorf("socket %s is open to others: %v", socket, info.Mode())
	}
}

// closes: Wait blocks until Close, which leaves nothing and may come twice, also
// while a request runs.
func (e *engine) closes(t T) {
	h := e.up(t)
	before := h.look()
	inst := h.loaded(t, e.request(t, h, nil))
	ended := make(chan error, 1)
	go func() { ended <- inst.Wait() }()
	if status, err := e.ask(t, inst, anyOperation(inst.Endpoint()), false); err != nil || status != 200 {
		t.Errorf("a request: status %d, %v", status, err)
	}
	select {
	case err := <-ended:
		t.Fatalf("Wait has returned, and the instance was not closed: %v", err)
	case <-time.After(blocks):
	}
	open := e.begin(t, inst)
	for range 2 {
		if err := closeIn(inst, patience); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	waited(t, ended, "Wait after Close")
	if err := open(); err != nil {
		t.Errorf("%v", err)
	}
	before.same(t, h)
}

func closeIn(inst sdk.Instance, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return inst.Close(ctx)
}

// waited checks that Wait returns, without an error.
func waited(t T, ended <-chan error, what string) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	case <-time.After(patience):
		t.Errorf("%s does not return", what)
	}
}

// several: models load at the same time, one of them twice, and do not mind when
// another is closed.
func (e *engine) several(t T) {
	h := e.up(t)
	before := h.look()
	reqs := make([]sdk.LoadRequest, 3)
	for i := range reqs {
		reqs[i] = e.request(t, h, nil)
		if i < 2 {
			reqs[i].Model.ID = fmt.Sprintf("%s-%d", e.Model.ID, i)
		}
	}
	reqs = append(reqs, reqs[2])
	insts := make([]sdk.Instance, len(reqs))
	var all sync.WaitGroup
	for i, req := range reqs {
		all.Go(func() {
			inst, err := h.Load(t.Context(), req, nil)
			if err != nil {
				t.Errorf("Load %s beside others: %v", req.Model.ID, err)
				return
			}
			insts[i] = inst
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	for i, inst := range insts {
		e.answer(t, inst, reqs[i].Model.ID, anyOperation(inst.Endpoint()), false)
		if err := closeIn(inst, patience); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	before.same(t, h)
}
