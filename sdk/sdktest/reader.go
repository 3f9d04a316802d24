package sdktest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// pause is how long a slow reader leaves a stream alone, time and again.
const pause = 150 * time.Millisecond

// slowReader: somebody who reads slowly gets all the same, and nobody waits for them.
func (e *engine) slowReader(t T) {
	h := e.up(t)
	inst := h.loaded(t, e.request(t, h, nil))
	op := anyOperation(inst.Endpoint())
	if !streams(op) {
		t.Skipf("%s does not stream", op)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	resp, err := post(ctx, inst.Endpoint(), op, e.body(t, op, e.Model.ID, true))
	if err != nil {
		t.Fatalf("POST /v1/%s: %v", op, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("POST /v1/%s: status %d", op, resp.StatusCode)
	}
	slow := &slowly{from: resp.Body, first: func() {
		if inst.Endpoint().Parallel != 1 {
			e.answer(t, inst, e.Model.ID, op, false)
		}
	}}
	resp.Body = slow
	if err := pieces(resp, op, e.Model.ID); err != nil {
		t.Errorf("a stream that is read slowly: %v", err)
	}
}

// slowly reads a little at first, and pauses between the first few times.
type slowly struct {
	from  io.ReadCloser
	first func() // called before anything is read
	reads int
}

// Read implements io.Reader.
func (s *slowly) Read(p []byte) (int, error) {
	if s.reads == 0 {
		s.first()
	}
	if s.reads++; s.reads <= 8 {
		<-time.After(pause)
		p = p[:min(len(p), 16)]
	}
	return s.from.Read(p)
}

// Close implements io.Closer.
func (s *slowly) Close() error { return s.from.Close() }

// Sizes of what is big, in bytes: one message of the control plane may have 16 MiB, and
// gRPC servers take 4 by themselves; a request with pictures has some.
const (
	bigFile    = 6 << 20
	bigRequest = 4 << 20
)

// big: large model files and large requests arrive.
func (e *engine) big(t T) {
	h := e.up(t)
	req := e.request(t, h, nil)
	req.Model.Manifest.Metadata = map[string]any{"notes": strings.Repeat("n", bigFile)}
	inst, err := h.Load(t.Context(), req, nil)
	if err != nil {
		t.Fatalf("Load with a model file of %d MiB: %v; a gRPC server may have to be told to take messages of 16 MiB", bigFile>>20, err)
	}
	op := anyOperation(inst.Endpoint())
	if takesForm(op) {
		t.Skipf("%s takes no JSON", op)
	}
	body := merge(t, map[string]any{"user": strings.Repeat("u", bigRequest)}, e.body(t, op, e.Model.ID, false))
	resp, err := post(t.Context(), inst.Endpoint(), op, body)
	if err != nil {
		t.Fatalf("a request of %d MiB: %v", bigRequest>>20, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		err = whole(resp, op, e.Model.ID)
	} else {
		err = refusal(resp)
	}
	if err != nil {
		t.Errorf("a request of %d MiB: %v", bigRequest>>20, err)
	}
}

// leave: a client that goes away in the middle does no harm, and nothing is computed
// for it any more: who comes next has their answer within a second of the usual.
func (e *engine) leave(t T) {
	h := e.up(t)
	inst := h.loaded(t, e.request(t, h, nil))
	op := anyOperation(inst.Endpoint())
	usual := e.timed(t, inst, op)
	var took time.Duration
	for range tries {
		for range 8 {
			e.goAway(t, inst, op)
		}
		if took = e.timed(t, inst, op); t.Failed() || took <= 2*usual+second {
			return
		}
	}
	t.Errorf("after clients that went away an answer takes %v, and %v before; it must notice within a second that they have gone",
		took.Round(time.Millisecond), usual.Round(time.Millisecond))
}

// timed asks, checks the answer and returns the time that it took.
func (e *engine) timed(t T, inst sdk.Instance, op sdk.Operation) time.Duration {
	t.Helper()
	begun := time.Now()
	e.answer(t, inst, e.Model.ID, op, false)
	return time.Since(begun)
}

// goAway asks, and leaves at the first byte of the answer, or before it.
func (e *engine) goAway(t T, inst sdk.Instance, op sdk.Operation) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), pause)
	defer cancel()
	resp, err := post(ctx, inst.Endpoint(), op, e.body(t, op, e.Model.ID, streams(op)))
	if err == nil {
		cancel()
		resp.Body.Close()
	} else if ctx.Err() == nil {
		t.Fatalf("a request: %v", err)
	}
}
