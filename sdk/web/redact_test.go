package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/enginebay/enginebay/sdk/web"
)

// TestRedactor: in answers a secret becomes as many stars, also where it comes in pieces;
// in texts it becomes one sign. Short ones are hidden in texts alone.
func TestRedactor(t *testing.T) {
	r := web.NewRedactor("sk-0123456789abcdef", "local", "", "abc")
	w := httptest.NewRecorder()
	r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Told", "Bearer sk-0123456789abcdef")
		for _, piece := range []string{"a sk-01234", "56789abc", "def and local, sk-0"} {
			fmt.Fprint(w, piece)
		}
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got, told := w.Body.String(), w.Header().Get("X-Told"); got != "a ******************* and local, sk-0" || told != "Bearer *******************" {
		t.Errorf("%q, %q", got, told)
	}
	if got := r.Text("sk-0123456789abcdef of local is abc"); got != "… of … is abc" {
		t.Errorf("%q", got)
	}
	if got := web.NewRedactor().Text("nothing"); got != "nothing" {
		t.Errorf("%q", got)
	}
}
