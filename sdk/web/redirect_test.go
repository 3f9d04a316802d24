package web_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk/web"
)

// headers answers with the headers that came.
func headers(w http.ResponseWriter, r *http.Request) {
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %s\n", name, r.Header.Get(name))
	}
}

// crossroads redirects to where the query says, once.
func crossroads(t *testing.T) *httptest.Server {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		if to == "" {
			headers(w, r)
			return
		}
		status := http.StatusFound
		if r.Method != http.MethodGet {
			status = http.StatusTemporaryRedirect
		}
		http.Redirect(w, r, to, status)
	})
}

// way is an address that leads over all of the stops.
func way(stops ...string) string {
	last := stops[len(stops)-1]
	for _, stop := range slices.Backward(stops[:len(stops)-1]) {
		last = stop + "/?to=" + url.QueryEscape(last)
	}
	return last
}

// TestTokens: a token is seen by its own origin and by no other, on whatever way.
func TestTokens(t *testing.T) {
	home, other := crossroads(t), crossroads(t)
	h := client(t, web.Config{Private: append(here, "localhost"), Tokens: map[string]string{strings.ToUpper(home.URL) + "/": " secret\n"}})
	for name, test := range map[string]struct {
		way   string
		token bool
	}{
		"at home":               {way(home.URL), true},
		"from home to home":     {way(home.URL, home.URL+"/a"), true},
		"from elsewhere":        {way(other.URL, home.URL), true},
		"elsewhere":             {way(other.URL), false},
		"from home to a port":   {way(home.URL, other.URL), false},
		"from home to a name":   {way(home.URL, reach(t, home, "localhost")), false},
		"home, away and away":   {way(home.URL, other.URL, other.URL+"/a"), false},
		"over home and away":    {way(other.URL, home.URL, other.URL+"/a"), false},
		"the name of the port":  {way(reach(t, home, "localhost")), false},
		"home as a part of one": {way(other.URL + "/" + url.PathEscape(home.URL)), false},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := ask(t, h, test.way)
			if err != nil || strings.Contains(body, "Authorization: Bearer secret") != test.token {
				t.Errorf("%v\n%s", err, body)
			}
		})
	}
}

// TestOwnHeaders: what a caller set goes no further than its origin, and does not
// come back to it either once a stranger decides on the way.
func TestOwnHeaders(t *testing.T) {
	home, other := crossroads(t), crossroads(t)
	h := client(t, web.Config{Private: here, UserAgent: "tests/1"})
	for name, test := range map[string]struct {
		way  string
		kept bool
	}{
		"at home":           {way(home.URL), true},
		"from home to home": {way(home.URL, home.URL+"/a"), true},
		"to another port":   {way(home.URL, other.URL), false},
		"away and back":     {way(home.URL, other.URL, home.URL+"/a"), false},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodGet, test.way, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"Authorization", "Api-Key", "Cookie"} {
				r.Header.Set(name, "secret")
			}
			r.Header.Set("Range", "bytes=0-9")
			answer, err := h.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, _ := io.ReadAll(answer.Body)
			if n := strings.Count(string(body), "secret"); n != 3 && test.kept || n != 0 && !test.kept {
				t.Errorf("credentials arrived:\n%s", body)
			}
			for _, line := range []string{"Range: bytes=0-9", "User-Agent: tests/1", "Accept-Encoding: identity"} {
				if !strings.Contains(string(body), line) {
					t.Errorf("%s is missing:\n%s", line, body)
				}
			}
			if strings.Contains(string(body), "Referer") {
				t.Errorf("the address that was asked for arrived:\n%s", body)
			}
		})
	}
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	other := crossroads(t)
	counted := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) })
	for name, test := range map[string]struct{ way, words string }{
		"to a private address": {way(other.URL, "http://10.0.0.1/"), "private"},
		"to metadata":          {way(other.URL, "http://169.254.169.254/latest/meta-data"), "private"},
		"to another loopback":  {way(other.URL, reach(t, other, "127.0.0.2")), "private"},
		"to a file":            {way(other.URL, "file:///etc/passwd"), "not a web address"},
		"to a password":        {way(other.URL, "http://a:b@127.0.0.1/"), "password"},
		"a circle":             {counted.URL + "/circle", "circle"},
		"without end":          {counted.URL + "/", "more than ten times"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a circle" {
				s := serve(t, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, map[string]string{"/a": "/b", "/b": "/a"}[r.URL.Path], http.StatusFound)
				})
				test.way = s.URL + "/a"
			}
			_, err := ask(t, client(t, web.Config{Private: here}), test.way)
			refused(t, err, test.words)
		})
	}
}

func TestTenRedirectsAreFollowed(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path) == 11 {
			io.WriteString(w, "there")
			return
		}
		http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
	})
	if body, err := ask(t, client(t, web.Config{Private: here}), s.URL+"/"); body != "there" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestFromHTTPS(t *testing.T) {
	plain := crossroads(t)
	secure, ca := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		fmt.Fprint(w, r.Proto)
	})
	h := client(t, web.Config{Private: here, CA: ca})
	_, err := ask(t, h, way(secure.URL, plain.URL))
	refused(t, err, "plain http")
	if body, err := ask(t, h, way(plain.URL, secure.URL)); body != "HTTP/2.0" {
		t.Errorf("from http to https: %q, %v", body, err)
	}
	if _, err := ask(t, client(t, web.Config{Private: here}), secure.URL); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the authority: %v", err)
	}
}

// TestBodiesStayAtHome: what is posted may be a secret.
func TestBodiesStayAtHome(t *testing.T) {
	home, other := crossroads(t), crossroads(t)
	h := client(t, web.Config{Private: here})
	if answer, err := h.Post(way(home.URL, home.URL+"/a"), "text/plain", strings.NewReader("x")); err != nil {
		t.Error(err)
	} else {
		answer.Body.Close()
	}
	_, err := h.Post(way(home.URL, other.URL), "text/plain", strings.NewReader("x"))
	refused(t, err, "what was sent")
}

func TestOrigin(t *testing.T) {
	for address, want := range map[string]string{
		"https://Host.Example/a?b#c": "https://host.example", "https://host:443": "https://host", "http://host:80/": "http://host",
		"https://host:80": "https://host:80", "http://host:443": "http://host:443", "HTTPS://host:8443": "https://host:8443",
		"https://[::1]/x": "https://[::1]", "https://[::1]:8443/x": "https://[::1]:8443", "https://u:p@host/": "https://host",
		"/path": "", "https:///x": "", "mailto:a@b": "",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := web.Origin(u); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
	if web.Origin(nil) != "" {
		t.Error("nil has an origin")
	}
}

func TestPublic(t *testing.T) {
	for address, want := range map[string]string{
		"https://u:p@host/a%20b?sig=s#f": "https://host/a%20b", "http://h:1/x/": "http://h:1/x/", "https://h/%zz": "an address that cannot be read",
	} {
		if got := web.Public(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}
