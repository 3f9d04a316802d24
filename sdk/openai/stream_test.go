package openai_test

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

func TestStream(t *testing.T) {
	w := httptest.NewRecorder()
	s := openai.NewStream(w, sdk.OpChat)
	if w.Flushed {
		t.Error("something was sent before the first event")
	}
	if err := errors.Join(s.Send(map[string]string{"text": "a <b>"}), s.Done()); err != nil {
		t.Fatal(err)
	}
	if got := w.Body.String(); got != "data: {\"text\":\"a <b>\"}\n\ndata: [DONE]\n\n" || w.Header().Get("Content-Type") != "text/event-stream" || !w.Flushed {
		t.Errorf("%v %q", w.Header(), got)
	}
	if s.Send(func() {}) == nil {
		t.Error("what has no form in JSON was sent")
	}
}

// TestStreamFails: an error before the first event is an answer with a status, and
// after it the last event.
func TestStreamFails(t *testing.T) {
	w := httptest.NewRecorder()
	openai.NewStream(w, sdk.OpChat).Fail(sdk.Errorf(sdk.CodeExhausted, "full"))
	if w.Code != 429 || !strings.HasPrefix(w.Body.String(), `{"error":{"message":"full"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	s := openai.NewStream(w, sdk.OpChat)
	_ = s.Send(1)
	s.Fail(errors.New("secret words"))
	if got := w.Body.String(); w.Code != 200 || !strings.HasPrefix(got, "data: 1\n\ndata: {\"error\":{") || !strings.HasSuffix(got, "}}\n\n") || strings.Contains(got, "secret") {
		t.Errorf("%d %q", w.Code, got)
	}
}

func TestReadEvents(t *testing.T) {
	for name, test := range map[string]struct{ stream, want string }{
		"events":         {"data: a\n\ndata:b\r\n\r\n", "a|b"},
		"several lines":  {"data: {\ndata: }\n\n", "{\n}"},
		"other fields":   {": ping\n\nevent: x\nid: 1\ndata: a\n\n", "a"},
		"done":           {"data: a\n\ndata: [DONE]\n\ndata: b\n\n", "a"},
		"half an event":  {"data: a\n\ndata: b\n", "a"},
		"empty":          {"", ""},
		"an empty event": {"data:\n\ndata: a\n\n", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			err := openai.ReadEvents(iotest.OneByteReader(strings.NewReader(test.stream)), func(data []byte) error {
				got = append(got, string(data))
				return nil
			})
			if err != nil || strings.Join(got, "|") != test.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestReadEventsEnds(t *testing.T) {
	broken, enough := errors.New("broken"), errors.New("enough")
	if err := openai.ReadEvents(io.MultiReader(strings.NewReader("data: a\n\n"), iotest.ErrReader(broken)), func([]byte) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("a stream that breaks off: %v", err)
	}
	if err := openai.ReadEvents(strings.NewReader("data: a\n\ndata: b\n\n"), func([]byte) error { return enough }); err != enough {
		t.Errorf("a taker that has enough: %v", err)
	}
	for name, endless := range map[string]io.Reader{"line": io.MultiReader(strings.NewReader("data: "), same('x')), "event": repeated("data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n")} {
		var large *openai.Error
		if err := openai.ReadEvents(endless, func([]byte) error { return nil }); !errors.As(err, &large) || large.Status != 502 {
			t.Errorf("an endless %s: %v", name, err)
		}
	}
}

// same is one byte for ever.
type same byte

func (s same) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

// repeated is one line for ever.
type repeated string

func (r repeated) Read(p []byte) (n int, err error) {
	for n+len(r) <= len(p) {
		n += copy(p[n:], r)
	}
	return n, nil
}
