package api_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestOfferedModels: those that a service has are listed, shown and used by the names
// that it gives them, and change only there.
func TestOfferedModels(t *testing.T) {
	b := newBay(t, nil)
	b.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["org/big:free"]}, "prices": {"far/*": {"output": 1000000}}}`)
	if err := b.runtime.RefreshOffers(t.Context(), "far"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"far/org/big:free", url.PathEscape("far/org/big:free")} {
		status, body := b.do("GET", "/v1/models/"+path, "")
		var m struct {
			ID, State, Engine string
			OwnedBy           string `json:"owned_by"`
			Offer             struct{ Engine string }
		}
		if err := json.Unmarshal([]byte(body), &m); err != nil || status != 200 || m.ID != "far/org/big:free" || m.State != "ready" || m.Engine != "far" || m.Offer.Engine != "far" {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if _, body := b.do("GET", "/v1/models", ""); !strings.Contains(body, `"id":"far/org/big:free"`) {
		t.Errorf("the list: %s", body)
	}
	if status, body := b.do("POST", "/v1/chat/completions", chat("far/org/big:free", "one two")); status != 200 {
		t.Errorf("chat: %d %s", status, body)
	}
	if status, body := b.do("PATCH", "/v1/models/far/org/big:free", `{"name": "x"}`); status != 409 || !strings.Contains(body, "has no file here") {
		t.Errorf("a change: %d %s", status, body)
	}
	status, body := b.do("GET", "/v1/engines/far", "")
	if status != 200 || !strings.Contains(body, `"usage":{"requests":1,"failures":0,"input_tokens":1,"output_tokens":2,"cost":2}`) {
		t.Errorf("the engine: %d %s", status, body)
	}
	if _, text := b.do("GET", "/metrics", ""); !strings.Contains(text, `enginebay_engine_cost_total{engine="far"} 2`) {
		t.Error("the cost is not among the metrics")
	}
}
