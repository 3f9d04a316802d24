package sdktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// A Case is what the suite needs to know of an engine.
type Case struct {
	// Model is one that the engine can run. It is loaded often, and several
	// times at once: a tiny one will do.
	Model sdk.Model

	// Settings lie over the defaults of the plugin's schema, for the deployment
	// as for each load. A JSON object, or nothing.
	Settings json.RawMessage

	// Secrets are those of the deployment.
	Secrets map[string]string

	// Requests are the bodies to send, without "model" and "stream", which the
	// suite sets. An operation that sdk names has a default here; transcriptions and
	// translations are always asked for with a second of silence.
	Requests map[sdk.Operation]json.RawMessage

	// BadSettings lie over Settings and are wrong: Load must refuse them.
	// Without them that is not tested.
	BadSettings json.RawMessage

	// SlowSettings lie over Settings and make a load that does not end within a
	// minute. Without them, only loads that are quick are called off.
	SlowSettings json.RawMessage

	// Foreign is a model that the engine cannot run, such as one of another
	// format. Without an ID that is not tested.
	Foreign sdk.Model
}

// Engine runs the suite for an engine.
func Engine(t *testing.T, s Subject, c Case) {
	runAll(goTest{t}, s, append(s.checks(), newEngine(s, c).checks()...))
}

// newEngine is an engine with what it is to be tried with.
func newEngine(s Subject, c Case) *engine {
	e := &engine{work: work{Subject: s, settings: c.Settings, secrets: c.Secrets}, Case: c}
	w := &e.work
	if c.Model.ID == "" {
		w.lacks = "no model was given"
	}
	w.use, w.round, w.tell, w.order, w.promised = e.busy, e.roundTrip, e.tell, e.order, e.promised
	return e
}

// checks are those of an engine.
func (e *engine) checks() []Check {
	return slices.Concat([]Check{
		{"describe", "it says its name, version, kinds and abilities before it was configured", false, func(t T) { e.describe(t, sdk.KindEngine, sdk.CapabilityInspect, sdk.CapabilityModels) }},
		{"load", "progress only grows, the endpoint is private, and it answers at once", false, e.with(e.loads)},
	}, e.first(), []Check{
		{"inspect", "what it says of a model comes quickly, starts nothing, and a model that cannot run has a reason", false, e.with(e.inspect)},
		{"models", "the models that it offers have ids of their own", false, e.offers},
		{"answer", "each operation is answered in OpenAI's form, whole and as a stream, and nonsense is refused", false, e.with(e.answers)},
		{"parallel", "as many requests as it says are answered at the same time", false, e.with(e.parallel)},
		{"leave", "a client that goes away does no harm, and within a second nothing is computed for it", false, e.with(e.leave)},
		{"slow-reader", "a stream that is read slowly arrives whole, and nobody waits for it", false, e.with(e.slowReader)},
		{"big", "model files of 6 MiB and requests of 4 MiB arrive", false, e.with(e.big)},
		{"close", "an instance lives until it is closed, and leaves nothing", false, e.with(e.closes)},
		{"several", "models load at the same time, and do not mind when another is closed", false, e.with(e.several)},
		{"cancel", "a load that is called off ends within a second and leaves nothing", false, e.with(e.cancels)},
		{"refuse", "what cannot load is refused with a code and a sentence", false, e.with(e.refuses)},
	}, e.last())
}

// engine is the engine under test.
type engine struct {
	work
	Case
}

// up is the plugin, configured.
func (e *engine) up(t T) *host {
	t.Helper()
	return e.configured(t, e.Settings, e.Secrets)
}

// request is the load of the case's model with further settings.
func (e *engine) request(t T, h *host, further json.RawMessage) sdk.LoadRequest {
	t.Helper()
	return sdk.LoadRequest{Model: e.Model, Settings: h.effective(t, e.Settings, further)}
}

// loaded is a model that is up; the test's end closes it where the test has not.
func (h *host) loaded(t T, req sdk.LoadRequest) sdk.Instance {
	t.Helper()
	inst, err := h.Load(t.Context(), req, nil)
	if err != nil {
		t.Fatalf("Load %s: %v", req.Model.ID, err)
	}
	return inst
}

// offers: each model of the service has a name of its own. A service that is out of
// reach, or a deployment without one, has a coded error.
func (e *engine) offers(t T) {
	h := e.up(t)
	if !h.can(t, sdk.CapabilityModels) {
		t.Skipf("the engine offers no models of its own")
	}
	offered, err := h.Models(t.Context())
	if err != nil && sdk.CodeOf(err) == sdk.CodeInternal {
		t.Errorf("Models: %v; it needs a code such as unavailable, unauthorized or unsupported", err)
	}
	seen := map[string]bool{}
	for _, m := range offered {
		if m.ID == "" || seen[m.ID] {
			t.Errorf("the offered model %q has no id of its own", m.ID)
		}
		seen[m.ID] = true
	}
}

// inspect: quick, starts nothing, and a model that cannot run is no error.
func (e *engine) inspect(t T) {
	h := e.up(t)
	if !h.can(t, sdk.CapabilityInspect) {
		t.Skipf("the engine does not inspect models")
	}
	before := h.look()
	got, err := h.Inspect(t.Context(), e.request(t, h, nil))
	switch {
	case err != nil:
		t.Fatalf("Inspect: %v", err)
	case len(got.Reasons) > 0:
		t.Errorf("Inspect says that the model cannot run: %q", got.Reasons)
	case len(got.Operations) == 0:
		t.Errorf("Inspect names no operations")
	case got.ContextLength < 0:
		t.Errorf("Inspect says that the context is %d tokens long", got.ContextLength)
	}
	before.same(t, h)
	if e.Foreign.ID == "" {
		return
	}
	got, err = h.Inspect(t.Context(), sdk.LoadRequest{Model: e.Foreign, Settings: h.effective(t, e.Settings)})
	if err != nil {
		t.Errorf("Inspect of a model that cannot run is an error, and not a reason: %v", err)
	} else if len(got.Reasons) == 0 {
		t.Errorf("Inspect gives no reason for a model that cannot run")
	}
}

// roundTrip loads the case's model, asks it, and closes it.
func (e *engine) roundTrip(t T, h *host) error {
	inst, err := h.Load(t.Context(), e.request(t, h, nil), nil)
	if err != nil {
		return fmt.Errorf("load %s: %w", e.Model.ID, err)
	}
	status, err := e.ask(t, inst, anyOperation(inst.Endpoint()), false)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	return errors.Join(err, closeIn(inst, patience))
}
