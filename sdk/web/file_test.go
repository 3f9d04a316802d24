package web_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// weights are some blocks and a bit of a file.
func weights() []byte {
	random := rand.NewChaCha8([32]byte{1})
	all := make([]byte, 3*256<<10+77)
	random.Read(all)
	return all
}

func file(content []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+etag+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// hub redirects to storage, with an address that serves only so many reads.
func hub(t *testing.T, storage http.HandlerFunc, reads int32) (h *httptest.Server, asked *atomic.Int32) {
	asked = &atomic.Int32{}
	var left atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if left.Add(-1) < 0 {
			http.Error(w, "expired", http.StatusForbidden)
			return
		}
		storage(w, r)
	})
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		left.Store(reads)
		http.Redirect(w, r, s.URL+fmt.Sprintf("/signed?n=%d", asked.Load()), http.StatusFound)
	}), asked
}

func TestRange(t *testing.T) {
	content := weights()
	plain := serve(t, file(content, "a"))
	whole := serve(t, func(w http.ResponseWriter, r *http.Request) { r.Header.Del("Range"); file(content, "a")(w, r) })
	lasting, lastingAsked := hub(t, file(content, "a"), 100)
	short, shortAsked := hub(t, file(content, "a"), 1)
	for name, s := range map[string]*httptest.Server{"plain": plain, "without ranges": whole, "redirected": lasting, "redirected, expiring": short} {
		t.Run(name, func(t *testing.T) {
			f, size, err := catalogue(t, s.URL).Range(t.Context(), s.URL+"/m.gguf")
			if err != nil || size != int64(len(content)) {
				t.Fatalf("%d bytes, %v", size, err)
			}
			if got, err := io.ReadAll(io.NewSectionReader(f, 0, size)); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			p := make([]byte, 100)
			if n, err := f.ReadAt(p, size-10); n != 10 || err != io.EOF || !bytes.Equal(p[:10], content[size-10:]) {
				t.Errorf("at the end: %d, %v", n, err)
			}
			if n, err := f.ReadAt(p, size); n != 0 || err != io.EOF {
				t.Errorf("behind the end: %d, %v", n, err)
			}
			if _, err := f.ReadAt(p, -1); err == nil {
				t.Error("no error before the beginning")
			}
		})
	}
	if lastingAsked.Load() != 1 || shortAsked.Load() != 4 {
		t.Errorf("the hub was asked %d and %d times", lastingAsked.Load(), shortAsked.Load())
	}
}

func TestRangeOfNothing(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes */0")
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
	})
	f, size, err := catalogue(t, s.URL).Range(t.Context(), s.URL)
	if err != nil || size != 0 {
		t.Fatalf("%d, %v", size, err)
	}
	if n, err := f.ReadAt(make([]byte, 1), 0); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
}

func TestRangesThatAreWrong(t *testing.T) {
	answer := func(status int, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for _, h := range headers {
				name, value, _ := strings.Cut(h, ": ")
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			if status < 300 {
				w.(http.Flusher).Flush()
				io.WriteString(w, "x")
			}
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   sdk.Code
	}{
		"missing":      {answer(404), sdk.CodeNotFound},
		"gated":        {answer(403), sdk.CodeUnauthorized},
		"other part":   {answer(206, "Content-Range: bytes 5-6/10"), sdk.CodeUnavailable},
		"no range":     {answer(206), sdk.CodeUnavailable},
		"unknown size": {answer(206, "Content-Range: bytes 0-6/*"), sdk.CodeUnavailable},
		"negative":     {answer(206, "Content-Range: bytes 0-6/-7"), sdk.CodeUnavailable},
		"no size":      {answer(200), sdk.CodeUnavailable},
		"packed":       {answer(206, "Content-Range: bytes 0-0/1", "Content-Encoding: gzip"), sdk.CodeUnavailable},
		"cut":          {answer(206, "Content-Range: bytes 0-6/7"), sdk.CodeUnavailable},
		"huge and cut": {answer(206, "Content-Range: bytes 0-6/9223372036854775807"), sdk.CodeUnavailable},
		"no content":   {answer(204), sdk.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.answer)
			if _, _, err := catalogue(t, s.URL).Range(t.Context(), s.URL+"/x?sig=secret"); sdk.CodeOf(err) != test.code || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRangeOfAFileThatChanges: the halves of two files make no file.
func TestRangeOfAFileThatChanges(t *testing.T) {
	content := weights()
	var asked atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { file(content, fmt.Sprint(asked.Add(1)))(w, r) })
	f, _, err := catalogue(t, s.URL).Range(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(make([]byte, 10), 256<<10); sdk.CodeOf(err) != sdk.CodeUnavailable || !strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v", err)
	}
}

// TestRangeIsBounded: a head that goes on and on is none.
func TestRangeIsBounded(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(zeros{}, 0, 1<<40))
	})
	f, size, err := catalogue(t, s.URL).Range(t.Context(), s.URL)
	if err != nil || size != 1<<40 {
		t.Fatal(size, err)
	}
	n, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, size))
	if sdk.CodeOf(err) != sdk.CodeInvalid || n != 64<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

// TestRangeElsewhere: the credentials of the catalogue stay with it, and the
// guard looks at where files are said to be.
func TestRangeElsewhere(t *testing.T) {
	home := serve(t, func(http.ResponseWriter, *http.Request) {})
	var key atomic.Value
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		key.Store(r.Header.Get("Api-Key"))
		file(weights(), "a")(w, r)
	})
	c := catalogue(t, home.URL)
	c.Header = http.Header{"Api-Key": {"secret"}}
	if _, _, err := c.Range(t.Context(), other.URL); err != nil || key.Load() != "" {
		t.Errorf("%v, and the key %v arrived", err, key.Load())
	}
	_, _, err := c.Range(t.Context(), "http://169.254.169.254/latest")
	refused(t, err, never)
	var _ io.ReaderAt = (*web.File)(nil)
}
