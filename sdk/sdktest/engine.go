package sdktest

import (
	"encoding/json"
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
	e := &engine{Subject: s, Case: c}
	t.Run("describe", func(t *testing.T) { s.describe(t, sdk.KindEngine, sdk.CapabilityInspect, sdk.CapabilityModels) })
	t.Run("configure", func(t *testing.T) { s.reconfigure(t, c.Settings, c.Secrets) })
	t.Run("inspect", e.inspect)
	t.Run("models", e.offers)
	t.Run("load", e.loads)
	t.Run("answer", e.answers)
	t.Run("parallel", e.parallel)
	t.Run("leave", e.leave)
	t.Run("close", e.closes)
	t.Run("several", e.several)
	t.Run("cancel", e.cancels)
	t.Run("refuse", e.refuses)
	if s.Path != "" {
		t.Run("end", func(t *testing.T) { s.ends(t, c.Settings, c.Secrets, e.busy) })
	}
}

// engine is the engine under test.
type engine struct {
	Subject
	Case
}

// up is the plugin, configured.
func (e *engine) up(t *testing.T) *host {
	t.Helper()
	return e.configured(t, e.Settings, e.Secrets)
}

// request is the load of the case's model with further settings.
func (e *engine) request(t *testing.T, h *host, further json.RawMessage) sdk.LoadRequest {
	t.Helper()
	return sdk.LoadRequest{Model: e.Model, Settings: h.effective(t, e.Settings, further)}
}

// loaded is a model that is up; the test's end closes it where the test has not.
func (h *host) loaded(t *testing.T, req sdk.LoadRequest) sdk.Instance {
	t.Helper()
	inst, err := h.Load(t.Context(), req, nil)
	if err != nil {
		t.Fatalf("Load %s: %v", req.Model.ID, err)
	}
	return inst
}

// offers: each model of the service has a name of its own. A service that is out of
// reach, or a deployment without one, has a coded error.
func (e *engine) offers(t *testing.T) {
	h := e.up(t)
	if !h.can(t, sdk.CapabilityModels) {
		t.Skip("the engine offers no models of its own")
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
func (e *engine) inspect(t *testing.T) {
	h := e.up(t)
	if !h.can(t, sdk.CapabilityInspect) {
		t.Skip("the engine does not inspect models")
	}
	before := h.look()
	got, err := h.Inspect(t.Context(), e.request(t, h, nil))
	switch {
	case err != nil:
		t.Fatalf("Inspect: %v", err)
	case len(got.Reasons) > 0:
		t.Errorf("Inspect says that the model cannot run: %q", got.Reasons)
	case len(got.Operations) == 0:
		t.Error("Inspect names no operations")
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
		t.Error("Inspect gives no reason for a model that cannot run")
	}
}
