package core_test

import (
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// TestContextLength is what the engine says, before a model is loaded and after.
func TestContextLength(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"ctx_len": 700}`, "usual": ``, "wrong": `"settings": {"ctx_len": "many"}`})
	if _, err := h.Create("routed", sdk.Manifest{Targets: []sdk.Target{{Model: "m"}}}); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		want int
		code sdk.Code
	}{
		"m": {700, ""}, "usual": {4096, ""}, "routed": {0, ""}, "wrong": {0, sdk.CodeInvalid}, "none": {0, sdk.CodeNotFound},
	}
	for id, test := range tests {
		got, err := h.ContextLength(t.Context(), id)
		if got != test.want || (err == nil) != (test.code == "") || err != nil && sdk.CodeOf(err) != test.code {
			t.Errorf("%s: %d, %v; want %d, %s", id, got, err, test.want, test.code)
		}
	}
	if m, err := h.Model("m"); err != nil || m.State != core.StateReady {
		t.Errorf("it was loaded for it: %s, %v", m.State, err)
	}
	if _, err := h.Start(t.Context(), "m", core.Ask{}, map[string]any{"ctx_len": 300.0}); err != nil {
		t.Fatal(err)
	}
	if got, err := h.ContextLength(t.Context(), "m"); got != 300 || err != nil {
		t.Errorf("loaded with 300: %d, %v", got, err)
	}
}
