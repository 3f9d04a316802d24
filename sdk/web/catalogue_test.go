package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

func catalogue(t *testing.T, base string) *web.Catalogue {
	return &web.Catalogue{HTTP: client(t, web.Config{Private: here}), Base: base, Pause: time.Millisecond}
}

func TestJSON(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "<next>")
		fmt.Fprintf(w, `{"path": %q, "key": %q, "accept": %q}`, r.URL.RequestURI(), r.Header.Get("Api-Key"), r.Header.Get("Accept"))
	})
	c := catalogue(t, s.URL+"/v1/")
	c.Header = http.Header{"api-key": {"k"}}
	for path, want := range map[string]string{"models?a=b": "/v1/models?a=b", "/models/a%2Fb": "/v1/models/a%2Fb", s.URL + "/next?c=2": "/next?c=2",
		"/models?then=http://x": "/v1/models?then=http://x"} {
		var v struct{ Path, Key, Accept string }
		header, err := c.JSON(t.Context(), path, &v)
		if err != nil || v.Path != want || v.Key != "k" || v.Accept != "application/json" || header.Get("Link") != "<next>" {
			t.Errorf("%s: %+v, %v", path, v, err)
		}
	}
	for _, path := range []string{"http://example.com/v1/models", "https://127.0.0.1/", "ftp://x/", s.URL + "0/"} {
		if _, err := c.JSON(t.Context(), path, nil); sdk.CodeOf(err) != sdk.CodeUnavailable || !strings.Contains(err.Error(), "elsewhere") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestRefusals: the status decides on the code, and on whether to ask again.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		status int
		code   sdk.Code
		tries  int32
	}{
		{400, sdk.CodeInvalid, 1}, {401, sdk.CodeUnauthorized, 1}, {403, sdk.CodeUnauthorized, 1}, {404, sdk.CodeNotFound, 1}, {410, sdk.CodeNotFound, 1},
		{429, sdk.CodeUnavailable, 4}, {500, sdk.CodeUnavailable, 4}, {501, sdk.CodeUnavailable, 1}, {503, sdk.CodeUnavailable, 4}, {304, sdk.CodeUnavailable, 1},
	} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			var asked atomic.Int32
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.Header().Set("X-Error-Code", "Gated")
				w.WriteHeader(test.status)
				if test.status != http.StatusNotModified {
					io.WriteString(w, `{"error":{"message":"no\u0007\nway"}}`+strings.Repeat(" ", 8<<10))
				}
			})
			_, err := catalogue(t, s.URL).JSON(t.Context(), "x", nil)
			var status *web.StatusError
			if !errors.As(err, &status) || sdk.CodeOf(err) != test.code || status.Status != test.status || status.Header.Get("X-Error-Code") != "Gated" {
				t.Fatalf("got %v", err)
			}
			if len(status.Body) > 4<<10 || test.status != 304 && status.Says() != "no way" {
				t.Errorf("%d bytes, says %q", len(status.Body), status.Says())
			}
			if asked.Load() != test.tries {
				t.Errorf("asked %d times", asked.Load())
			}
		})
	}
}

func TestSays(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"plain"}`: "plain", `{"error":{"message":"inner"}}`: "inner", `{"message":"outer"}`: "outer", `{"error":{"code":1},"message":"outer"}`: "outer",
		`{"error":"invalid_client","error_description":"AADSTS7000215: wrong secret"}`: "AADSTS7000215: wrong secret",
		`{`: "", `<html>`: "", `[]`: "", `{"error":null}`: "",
	} {
		e := &web.StatusError{Status: 400, Host: "h", Body: []byte(body)}
		if got := e.Says(); got != want {
			t.Errorf("%s says %q", body, got)
		}
	}
}

// TestTriesAgain: what fails for a moment is no error.
func TestTriesAgain(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"busy": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"wait": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "0"); w.WriteHeader(429) },
		"wait until": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", time.Now().UTC().Format(http.TimeFormat))
			w.WriteHeader(429)
		},
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut later": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) < 4 {
					fail(w, r)
					return
				}
				io.WriteString(w, `{"a":1}`)
			})
			var v struct{ A int }
			if _, err := catalogue(t, s.URL).JSON(t.Context(), "x", &v); err != nil || v.A != 1 {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// TestWaitsNoLongerThanItMakesSense: an hour is not waited for, and the error has
// what the service said.
func TestWaitsNoLongerThanItMakesSense(t *testing.T) {
	var asked atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(429)
	})
	_, err := catalogue(t, s.URL).JSON(t.Context(), "x", nil)
	if sdk.CodeOf(err) != sdk.CodeUnavailable || asked.Load() != 1 {
		t.Errorf("asked %d times, %v", asked.Load(), err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, test := range map[string]struct {
		header, body, words string
	}{
		"login page": {"", "  <!DOCTYPE html><title>Sign in</title>", "web page"},
		"text":       {"", "hello", "something else"},
		"packed":     {"gzip", "{}", "gzip"},
		"endless":    {"", `"` + strings.Repeat("x", 33<<20), "32 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.header != "" {
					w.Header().Set("Content-Encoding", test.header)
				}
				io.WriteString(w, test.body)
			})
			var v any
			_, err := catalogue(t, s.URL).JSON(t.Context(), "x", &v)
			if sdk.CodeOf(err) != sdk.CodeUnavailable || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	_, err := catalogue(t, gone.URL).JSON(t.Context(), "x?token=secret", nil)
	if sdk.CodeOf(err) != sdk.CodeUnavailable || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("got %v", err)
	}
	_, err = catalogue(t, "http://10.0.0.1").JSON(t.Context(), "x", nil)
	refused(t, err, never)
	secure, _ := serveTLS(t, func(http.ResponseWriter, *http.Request) {})
	if _, err = catalogue(t, secure.URL).JSON(t.Context(), "x", nil); sdk.CodeOf(err) != sdk.CodeUnavailable || !strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Errorf("got %v", err)
	}
}

func TestCalledOff(t *testing.T) {
	asked := make(chan bool, 8)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := catalogue(t, s.URL).JSON(ctx, "x", nil); sdk.CodeOf(err) != sdk.CodeCanceled {
		t.Errorf("got %v", err)
	}
	busy := serve(t, func(w http.ResponseWriter, r *http.Request) { asked <- true; w.WriteHeader(503) })
	c := catalogue(t, busy.URL)
	c.Pause = time.Minute
	ctx, cancel = context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.JSON(ctx, "x", nil); sdk.CodeOf(err) != sdk.CodeCanceled {
		t.Errorf("between tries: got %v", err)
	}
}

func TestPost(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"said": %q}`, r.Method+" "+r.Header.Get("Content-Type")+" "+string(body))
	})
	for want, body := range map[string]any{
		"POST application/x-www-form-urlencoded secret=a%26b": url.Values{"secret": {"a&b"}},
		`POST application/json {"a":1}`:                       map[string]int{"a": 1},
	} {
		var v struct{ Said string }
		if _, err := catalogue(t, s.URL).Post(t.Context(), "token", body, &v); err != nil || v.Said != want {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	in := func(wait time.Duration) string { return time.Now().Add(wait).UTC().Format(http.TimeFormat) }
	for _, test := range []struct {
		name, value string
		least, most time.Duration
		ok          bool
	}{
		{"Retry-After", "", 0, 0, false},
		{"Retry-After", "soon", 0, 0, false},
		{"Retry-After", "-1", 0, 0, false},
		{"Retry-After", "NaN", 0, 0, false},
		{"Retry-After", "0", 0, 0, true},
		{"Retry-After", "7", 7 * time.Second, 7 * time.Second, true},
		{"Retry-After", "0.5", time.Second / 2, time.Second / 2, true},
		{"Retry-After", "1e300", 1e6 * time.Second, 1e6 * time.Second, true},
		{"Retry-After", in(time.Minute), 30 * time.Second, time.Minute, true},
		{"Retry-After", in(-time.Minute), 0, 0, true},
		{"Retry-After-Ms", "1500", 1500 * time.Millisecond, 1500 * time.Millisecond, true},
	} {
		wait, ok := web.RetryAfter(http.Header{test.name: {test.value}})
		if ok != test.ok || wait < test.least || wait > test.most {
			t.Errorf("%s %s: %v %v", test.name, test.value, wait, ok)
		}
	}
}
