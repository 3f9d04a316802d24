package responses_test

import (
	"io"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/responses"
)

// TestDeepAnswers: a service that answers with depth does not end the process, as a stack
// that overflows would.
func TestDeepAnswers(t *testing.T) {
	const deep = 20_000_000
	object := `{"object":"response","output":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `}`
	a := &responses.Answer{Request: &responses.Request{}, ID: "resp_1"}
	if got := a.Whole([]byte(object)); string(got) != object {
		t.Error("an answer that cannot be read was changed")
	}
	event := `data: {"type":"response.completed","response":` + object + "}\n\n"
	got, err := io.ReadAll(a.Stream(io.NopCloser(strings.NewReader(event))))
	if err != nil || string(got) != event {
		t.Errorf("an event that cannot be read was changed: %v", err)
	}
}
