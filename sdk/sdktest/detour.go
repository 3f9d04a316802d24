package sdktest

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// detouring are the fields with which a stream of the operation goes to Detour.
func detouring(e sdk.Endpoint, op sdk.Operation) []string {
	var fields []string
	for _, which := range e.DetourStreams {
		if field, found := strings.CutPrefix(which, string(op)+" "); found {
			fields = append(fields, field)
		}
	}
	return fields
}

// detour: a stream that Detour answers is one all the same, or it is refused.
func (e *engine) detour(t T, inst sdk.Instance, op sdk.Operation, field string) {
	value, ok := values[field]
	if !ok {
		value = json.RawMessage(`true`)
	}
	body := merge(t, map[string]any{field: value}, e.body(t, op, e.Model.ID, true))
	resp, err := post(t.Context(), inst.Endpoint(), op, body)
	if err != nil {
		t.Fatalf("POST /v1/%s: %v", op, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		err = pieces(resp, op, e.Model.ID)
	} else {
		err = refusal(resp)
	}
	if err != nil {
		t.Errorf("POST /v1/%s, a stream with %s: %v", op, field, err)
	}
}

// values are what fields of OpenAI's may be; another one is true, which may be refused.
var values = map[string]json.RawMessage{
	"tool_choice": json.RawMessage(`"auto"`),
	"tools":       json.RawMessage(`[]`),
	"n":           json.RawMessage(`1`),
}
