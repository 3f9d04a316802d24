package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestTokenIsKept: Entra is asked once for as long as its token is good, whoever
// comes first, and not with one that is about to end.
func TestTokenIsKept(t *testing.T) {
	for expires, want := range map[int]int32{3599: 1, 60: 8} {
		var asked atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/t/") {
				fmt.Fprintf(w, `{"access_token": "token-%d", "expires_in": %d}`, asked.Add(1), expires)
				return
			}
			if got := r.Header.Get("Authorization"); !strings.HasPrefix(got, "Bearer token-") || r.Header.Get("Api-Key") != "" {
				t.Errorf("got %q", got)
			}
			fmt.Fprint(w, `{}`)
		}))
		defer s.Close()
		quiet(t)
		a := configured(t, "d", fmt.Sprintf(`{"provider": "azure", "base_url": %q, "authority": %q, "tenant": "t", "client_id": "c"}`, s.URL, s.URL), map[string]string{"client_secret": "x"})
		u, err := a.opened(t, "m", `{"settings": {"deployment_name": "d"}}`)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				w := httptest.NewRecorder()
				u.ServeHTTP(w, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(chatBody)))
				if w.Code != 200 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		all.Wait()
		if asked.Load() != want {
			t.Errorf("a token for %d s: asked %d times", expires, asked.Load())
		}
		a.rest()
	}
}
