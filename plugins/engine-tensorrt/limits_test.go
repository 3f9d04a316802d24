package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// TestAnswersWithoutEnd are broken off, and not kept.
func TestAnswersWithoutEnd(t *testing.T) {
	for kind, want := range map[string]int{"text/event-stream": http.StatusOK, "application/json": http.StatusBadGateway} {
		t.Run(kind, func(t *testing.T) {
			sent := make(chan int, 1)
			behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", kind)
				n, piece := 0, []byte(strings.Repeat("x", 1<<20))
				for ; n < 200; n++ {
					if _, err := w.Write(piece); err != nil {
						break
					}
				}
				sent <- n
			}))
			defer behind.Close()
			front := httptest.NewServer(&relay{server: &remote{base: behind.URL, client: newClient()}, there: "m", here: "m"})
			defer front.Close()
			resp, err := http.Post(front.URL+"/v1/chat/completions", "application/json", strings.NewReader(`{}`))
			if err == nil {
				defer resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("status %d", resp.StatusCode)
				}
				_, err = io.Copy(io.Discard, resp.Body)
			}
			if kind == "text/event-stream" && err == nil {
				t.Error("half a line looks like a whole answer")
			}
			if n := <-sent; n > 150 {
				t.Errorf("%d MiB were taken", n)
			}
		})
	}
}

// TestNumbersOfTokens may be anything that a server says.
func TestNumbersOfTokens(t *testing.T) {
	for value, want := range map[any]int{3.0: 3, -7.0: 0, 1e300: 1e12, "12": 12, "-3": 0, "x": 0, "NaN": 0} {
		if got, _ := (outputs{"n": value}).number("n"); got != want {
			t.Errorf("%v: %d", value, got)
		}
	}
}

// TestKeysStay: a server that repeats its key tells it to nobody who may chat.
func TestKeysStay(t *testing.T) {
	const key = "secret-0123456789abcdef"
	var broken atomic.Bool
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
		case "/v1/models":
			if broken.Load() {
				http.Error(w, `{"message":"`+r.Header.Get("Authorization")+` is wrong"}`, http.StatusBadRequest)
				return
			}
			fmt.Fprint(w, `{"data":[{"id":"m"}]}`)
		case "/v1/chat/completions":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "data: {}\n\ndata: {\"error\":%q}\n\n", r.Header.Get("Authorization"))
		case "/v1/completions":
			http.Error(w, `{"message":"`+r.Header.Get("Authorization")+` is wrong"}`, http.StatusBadRequest)
		default:
			http.NotFound(w, r)
		}
	}))
	defer behind.Close()
	e := newEngine()
	if err := e.Configure(t.Context(), sdk.Configuration{Secrets: map[string]string{"api_key": key}}); err != nil {
		t.Fatal(err)
	}
	inst, err := e.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "m"}, Settings: fmt.Appendf(nil, `{"base_url": %q}`, behind.URL), Log: hclog.NewNullLogger()}, func(sdk.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	defer inst.Close(t.Context())
	for path, want := range map[string]string{"chat/completions": `"Bearer ***`, "completions": "is wrong"} {
		if w := post(t, inst, path, `{}`); !strings.Contains(w.Body.String(), want) || strings.Contains(w.Body.String(), key) {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	broken.Store(true)
	req := sdk.LoadRequest{Model: sdk.Model{ID: "m"}, Settings: fmt.Appendf(nil, `{"base_url": %q}`, behind.URL), Log: hclog.NewNullLogger()}
	if _, err := e.Load(t.Context(), req, func(sdk.Progress) {}); err == nil || strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "is wrong") {
		t.Errorf("load: %v", err)
	}
	if i, err := e.Inspect(t.Context(), req); err != nil || strings.Contains(fmt.Sprint(i.Reasons), key) || !strings.Contains(fmt.Sprint(i.Reasons), "is wrong") {
		t.Errorf("inspect: %v %v", i, err)
	}
}
