package main

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/sdk/sdktest"
)

// binary is the plugin's program.
var binary string

func TestMain(m *testing.M) {
	sdktest.Main(m, &binary, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start")) // Google's client brings it
}

const key = "sk-test-0123456789abcdef"

// service is a small server that speaks as OpenAI does, and remembers what it was asked.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	asked []asked
}

type asked struct {
	path   string
	header http.Header
	body   map[string]any
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// last is what was asked last.
func (s *service) last(t *testing.T) asked {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 {
		t.Fatal("nothing was asked")
	}
	return s.asked[len(s.asked)-1]
}

func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	a := asked{path: r.URL.RequestURI(), header: r.Header.Clone(), body: map[string]any{}}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for name := range r.MultipartForm.Value {
			a.body[name] = r.FormValue(name)
		}
		for name, files := range r.MultipartForm.File {
			a.body[name] = files[0].Size
		}
	} else {
		text, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(text, &a.body)
	}
	s.mu.Lock()
	s.asked = append(s.asked, a)
	s.mu.Unlock()
	w.Header().Set("X-Request-Id", "req_123")
	model, _ := a.body["model"].(string)
	op := r.URL.Path[strings.Index(r.URL.Path, "/v1")+3:]
	if i := strings.Index(op, "/deployments/"); i >= 0 {
		_, op, _ = strings.Cut(op[i+len("/deployments/"):], "/")
		op = "/" + op
	}
	s.answer(w, op, model, a.body["stream"] == true, a.body)
}

func (s *service) answer(w http.ResponseWriter, op, model string, stream bool, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case op == "/models":
		fmt.Fprint(w, `{"object":"list","data":[{"id":"gpt-4o","object":"model","created":1715367049,"owned_by":"system"},{"id":"text-embedding-3-small"},{"id":"gpt-4o"},{"id":"a b"},{"id":""}]}`)
	case strings.HasSuffix(op, "/chat/completions") && stream:
		counted := body["stream_options"] != nil
		s.stream(w, counted, `{"id":"c","object":"chat.completion.chunk","created":1,"model":%q,"choices":[{"index":0,"delta":{"role":"assistant","content":"hello"},"finish_reason":null}]%s}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":%q,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]%s}`, model)
	case strings.HasSuffix(op, "/chat/completions"):
		fmt.Fprintf(w, `{"id":"c","object":"chat.completion","created":1,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`, model)
	case strings.HasSuffix(op, "/completions") && stream:
		counted := body["stream_options"] != nil
		s.stream(w, counted, `{"id":"c","object":"text_completion","created":1,"model":%q,"choices":[{"index":0,"text":"hello","finish_reason":null}]%s}`,
			`{"id":"c","object":"text_completion","created":1,"model":%q,"choices":[{"index":0,"text":"","finish_reason":"stop"}]%s}`, model)
	case strings.HasSuffix(op, "/completions"):
		fmt.Fprintf(w, `{"id":"c","object":"text_completion","created":1,"model":%q,"choices":[{"index":0,"text":"hello","finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`, model)
	case op == "/embeddings":
		fmt.Fprintf(w, `{"object":"list","model":%q,"data":[{"object":"embedding","index":0,"embedding":[1,2]},{"object":"embedding","index":1,"embedding":[3,4]}],"usage":{"prompt_tokens":2,"total_tokens":2}}`, model)
	case op == "/rerank":
		fmt.Fprintf(w, `{"model":%q,"results":[{"index":0,"relevance_score":0.5}]}`, model)
	case op == "/audio/speech":
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write(append([]byte("RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00"), make([]byte, 1000)...))
	case op == "/audio/transcriptions" || op == "/audio/translations":
		fmt.Fprintf(w, `{"text":"hello","model":%q,"file":%v}`, model, body["file"])
	case (strings.HasSuffix(op, "/responses") || op == "/messages") && stream:
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n")
	default:
		fmt.Fprintf(w, `{"object":"response","model":%q}`, model)
	}
}

// stream sends two events, the usage where it was asked for, and the end.
func (s *service) stream(w http.ResponseWriter, counted bool, one, last, model string) {
	w.Header().Set("Content-Type", "text/event-stream")
	null := ""
	if counted {
		null = `,"usage":null`
	}
	for _, event := range []string{one, last} {
		fmt.Fprintf(w, "data: "+event+"\n\n", model, null)
		http.NewResponseController(w).Flush()
	}
	if counted {
		fmt.Fprintf(w, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":%q,\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}\n\n", model)
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}
