package openai_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// speak answers a completion with three words, at once or one by one.
func speak(w http.ResponseWriter, r *http.Request) {
	body, err := openai.ReadBody(r)
	if err != nil {
		openai.From(err).Write(w)
		return
	}
	if body.Has("suffix") {
		openai.Errorf("suffix", "unsupported_parameter", "'suffix' is not supported with this model").Write(w)
		return
	}
	var stream bool
	body.Read("stream", &stream)
	if !stream {
		fmt.Fprint(w, `{"choices":[{"text":"one two three"}]}`)
		return
	}
	out := openai.NewStream(w, sdk.OpCompletion)
	for _, word := range []string{"one ", "two ", "three"} {
		if r.Context().Err() != nil { // the client has left
			return
		}
		if err := out.Send(map[string]any{"choices": []any{map[string]string{"text": word}}}); err != nil {
			return
		}
	}
	_ = out.Done()
}

func ask(body string) {
	w := httptest.NewRecorder()
	speak(w, httptest.NewRequest("POST", "/v1/completions", strings.NewReader(body)))
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
}

// A handler that answers as a whole, as a stream, and with an error.
func Example() {
	ask(`{"prompt": "count"}`)
	ask(`{"prompt": "count", "stream": true}`)
	ask(`{"prompt": "count", "suffix": "."}`)
	// Output:
	// 200 {"choices":[{"text":"one two three"}]}
	// 200 data: {"choices":[{"text":"one "}]}
	//
	// data: {"choices":[{"text":"two "}]}
	//
	// data: {"choices":[{"text":"three"}]}
	//
	// data: [DONE]
	// 400 {"error":{"message":"'suffix' is not supported with this model","type":"invalid_request_error","param":"suffix","code":"unsupported_parameter"}}
}

// A server behind the plugin streams in a form of its own.
func ExampleReadEvents() {
	stream := strings.NewReader("event: piece\ndata: {\"word\": \"one\"}\n\n: still there\n\ndata: {\"word\": \"two\"}\n\ndata: [DONE]\n\n")
	err := openai.ReadEvents(stream, func(data []byte) error {
		fmt.Println(string(data))
		return nil
	})
	fmt.Println(err)
	// Output:
	// {"word": "one"}
	// {"word": "two"}
	// <nil>
}
