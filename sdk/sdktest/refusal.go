package sdktest

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// refuses: what can never load is refused with a code and a sentence.
func (e *engine) refuses(t T) {
	h := e.up(t)
	before := h.look()
	refused := func(name string, req sdk.LoadRequest, codes ...sdk.Code) {
		t.Run(name, func(t T) {
			inst, err := h.Load(t.Context(), req, nil)
			if inst != nil {
				_ = closeIn(inst, patience)
			}
			coded(t, err, codes...)
			before.same(t, h)
		})
	}
	if len(e.BadSettings) > 0 {
		refused("settings", e.request(t, h, e.BadSettings), sdk.CodeInvalid)
	}
	if len(e.Model.Files) > 0 {
		req := e.request(t, h, nil)
		req.Model.Files = []string{filepath.Join(e.Model.Dir, "missing"+filepath.Ext(e.Model.Files[0]))}
		refused("missing weights", req, sdk.CodeInvalid, sdk.CodeNotFound)
	}
	if e.Foreign.ID != "" {
		refused("foreign model", sdk.LoadRequest{Model: e.Foreign, Settings: h.effective(t, e.Settings)}, sdk.CodeUnsupported, sdk.CodeInvalid)
	}
}

// coded: an error has one of the codes, and a sentence for a person.
func coded(t T, err error, codes ...sdk.Code) {
	t.Helper()
	if err == nil {
		t.Errorf("no error; want one of %q", codes)
		return
	}
	var e *sdk.Error
	if !errors.As(err, &e) {
		t.Errorf("error without a code: %v", err)
		return
	}
	if !slices.Contains(codes, e.Code) {
		t.Errorf("code %q, want one of %q: %v", e.Code, codes, err)
	}
	if e.Message == "" || len(e.Message) > 1000 || strings.ContainsAny(e.Message, "\n\r\x1b") || strings.HasPrefix(e.Message, "rpc error") {
		t.Errorf("%q is no sentence for a user", e.Message)
	}
}

// cancels: a load that is called off returns soon and leaves nothing, wherever
// it was.
func (e *engine) cancels(t T) {
	h := e.up(t)
	closed := h.loaded(t, e.request(t, h, nil)) // what the first load makes once is no leak
	if err := closeIn(closed, patience); err != nil {
		t.Fatalf("Close: %v", err)
	}
	before := h.look()
	quick := e.request(t, h, nil)
	t.Run("before", func(t T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		calledOff(t, h, ctx, quick, func() {})
		before.same(t, h)
	})
	t.Run("quick", func(t T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		inst, err := h.Load(ctx, quick, func(sdk.Progress) { cancel() })
		if err == nil { // it was quicker than the cancel
			err = closeIn(inst, patience)
		} else if sdk.CodeOf(err) == sdk.CodeCanceled {
			err = nil
		}
		if err != nil {
			t.Errorf("a load that was called off: %v", err)
		}
		before.same(t, h)
	})
	if len(e.SlowSettings) == 0 {
		return
	}
	t.Run("slow", func(t T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // where it reports no progress
		defer cancel()
		calledOff(t, h, ctx, e.request(t, h, e.SlowSettings), cancel)
		before.same(t, h)
	})
}

// callOff is how long a load may go on after it was called off, up to two seconds
// of which pass before that.
const callOff = 8 * time.Second

// calledOff loads until progress is seen, and checks that the load ends then.
func calledOff(t T, h *host, ctx context.Context, req sdk.LoadRequest, cancel func()) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		inst, err := h.Load(ctx, req, func(sdk.Progress) { cancel() })
		if inst != nil {
			_ = closeIn(inst, patience)
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		coded(t, err, sdk.CodeCanceled, sdk.CodeUnavailable)
	case <-time.After(callOff):
		t.Errorf("the load does not end")
	}
}
