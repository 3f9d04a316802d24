package download_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/sdk"
)

// large is a file of several ranges, and other is another one of that size.
var (
	large = content(17 << 20)
	other = bytes.Repeat([]byte("other bytes. "), 17<<20/13+1)[:17<<20]
)

const mega = 1 << 20

// TestFaults is what can go wrong between a server and the disk, and what comes of
// it: the right file, or none and an error that says why.
func TestFaults(t *testing.T) {
	size, hash := int64(len(large)), sum(large)
	for _, row := range []struct {
		name   string
		server func(t *testing.T) http.Handler
		fault  func(n int) fault // of connections; nil: none
		file   download.File
		want   []byte   // nil: large
		code   sdk.Code // of the error; empty: none
		says   string   // in the error
		kept   bool     // of the partial, after an error
	}{
		{name: "latency", fault: each(fault{latency: 2 * time.Millisecond})},
		{name: "every connection is cut", fault: each(fault{after: 3 * mega, then: cut})},
		{name: "every connection is reset", fault: each(fault{after: 3 * mega, then: reset})},
		{name: "every second connection falls silent", fault: func(n int) fault { return []fault{{}, {after: mega, then: blackhole}}[n%2] }},
		{name: "a connection is cut before the answer", fault: func(n int) fault { return []fault{{then: cut}, {}}[min(n, 1)] }},
		{name: "all connections are silent", fault: each(fault{then: blackhole}), code: sdk.CodeUnavailable, kept: true, says: "next to nothing"},
		{name: "all connections are cut at once", fault: each(fault{then: cut}), code: sdk.CodeUnavailable, kept: true, says: "try again"},
		{name: "it is cut for good in the midst", fault: func(n int) fault { return fault{after: max(0, int64(3-n)) * mega, then: cut} }, code: sdk.CodeUnavailable, kept: true},
		{name: "no HTTP", server: hijacked("SSH-2.0-OpenSSH_9.6\r\n"), code: sdk.CodeUnavailable, kept: true},
		{name: "slow loris in the headers", server: dripping("HTTP/1.1 200 OK\r\nX-A: "), code: sdk.CodeUnavailable, kept: true, says: "next to nothing"},
		{name: "slow loris in the body", server: dripping("HTTP/1.1 200 OK\r\nContent-Length: 17825792\r\n\r\n"), code: sdk.CodeUnavailable, says: "next to nothing", kept: true},

		{name: "200 to a range", server: plain},
		{name: "200 to a range, and cut", server: plain, fault: func(n int) fault { return []fault{{after: 9 * mega, then: cut}, {}}[min(n, 1)] }},
		{name: "200 to a range, always cut", server: plain, fault: each(fault{after: 9 * mega, then: cut}), code: sdk.CodeUnavailable, kept: true},
		{name: "200 to a later range", server: from(1, plain)},
		{name: "206 from another start", server: ranged(func(from, to, total int64) (int64, int64, int64) { return from + 1, to + 1, total })},
		{name: "206 of more than was asked for", server: ranged(func(from, to, total int64) (int64, int64, int64) { return from, min(to+1, total), total })},
		{name: "206 of less than was asked for", server: ranged(func(from, to, total int64) (int64, int64, int64) { return from, min(to, from+mega), total })},
		{name: "206 that says one thing and sends more", server: overfull},
		{name: "206 of an unknown total", server: ranged(func(from, to, total int64) (int64, int64, int64) { return from, to, -1 })},
		{name: "206 of another total", server: ranged(func(from, to, total int64) (int64, int64, int64) { return from, to, total + 1 }), file: download.File{Size: size}, code: sdk.CodeInvalid, says: "another file"},
		{name: "206 of a total that grows", server: growing, code: sdk.CodeUnavailable, kept: true, says: "changes"},
		{name: "206 without a range", server: answering(206, "application/octet-stream", "abc"), code: sdk.CodeInvalid},
		{name: "416 to every range", server: unsatisfied},
		{name: "416 to a later range", server: from(1, unsatisfied)},
		{name: "ETag changes", server: changing("ETag", `"1"`, `"2"`), want: other},
		{name: "Last-Modified changes", server: changing("Last-Modified", "Sat, 21 Nov 2026 08:00:00 GMT", "Sun, 22 Nov 2026 08:00:00 GMT"), want: other},
		{name: "ETag is another one each time", server: restless, code: sdk.CodeUnavailable, kept: true, says: "changes"},

		{name: "login page", server: answering(200, "text/html; charset=utf-8", `<!DOCTYPE html><title>Sign in</title><input type="password">`), code: sdk.CodeUnauthorized, says: "logs in"},
		{name: "web page", server: answering(200, "text/html", "<p>Model card</p>"), code: sdk.CodeInvalid, says: "web page"},
		{name: "web page that does not say so", server: answering(200, "application/octet-stream", "\n <!doctype HTML><html>"), code: sdk.CodeInvalid, says: "web page"},
		{name: "gzip bomb", server: bomb, code: sdk.CodeInvalid, says: "packed"},
		{name: "endless body of a known size", server: endless, file: download.File{Size: size}, code: sdk.CodeInvalid, says: "more than"},
		{name: "endless body", server: endless, code: sdk.CodeExhausted, says: "in reserve (download_reserve)"},
		{name: "no length", server: hijacked("HTTP/1.0 200 OK\r\n\r\nGGUF"), code: sdk.CodeInvalid, says: "how long"},
		{name: "no length, but a size", server: hijacked("HTTP/1.0 200 OK\r\n\r\nGGUF"), file: download.File{Size: 4}, want: []byte("GGUF")},
		{name: "no length, and too short", server: hijacked("HTTP/1.0 200 OK\r\n\r\nGGUF"), file: download.File{Size: 5}, code: sdk.CodeUnavailable, kept: true},
		{name: "no length, but a SHA-256", server: hijacked("HTTP/1.0 200 OK\r\n\r\nGGUF"), file: download.File{SHA256: sum([]byte("GGUF"))}, want: []byte("GGUF")},
		{name: "chunked", server: chunked},
		{name: "chunked, of a known size", server: chunked, file: download.File{Size: size, SHA256: hash}},
		{name: "chunked, and cut", server: hijacked("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGGUF\r\n"), code: sdk.CodeUnavailable, kept: true},
		{name: "another size", server: good, file: download.File{Size: size + 1}, code: sdk.CodeInvalid, says: "another file"},
		{name: "another SHA-256", server: good, file: download.File{SHA256: sum(other)}, code: sdk.CodeInvalid, says: "SHA-256"},
		{name: "a check that fails", server: good, file: download.File{Check: func(string) error { return fmt.Errorf("no GGUF") }}, code: sdk.CodeInvalid, says: "no GGUF"},

		{name: "redirect", server: redirected},
		{name: "redirect to itself", server: loop("/model.gguf"), code: sdk.CodeInvalid, says: "circle"},
		{name: "redirects without end", server: loop(""), code: sdk.CodeInvalid, says: "ten times"},
		{name: "redirect to a private address", server: away, code: sdk.CodeInvalid, says: "download_private"},
		{name: "signed address that expires", server: signed},
		{name: "linked SHA-256", server: linkedTo(hash, size)},
		{name: "another linked SHA-256", server: linkedTo(sum(other), size), code: sdk.CodeInvalid, says: "SHA-256"},
		{name: "another linked size", server: linkedTo(hash, size+1), code: sdk.CodeInvalid, says: "another file"},

		{name: "503 for a while", server: failing(3, 503)},
		{name: "429 for more than one at once", server: single},
		{name: "500 for good", server: failing(1e9, 500), code: sdk.CodeUnavailable, kept: true, says: "HTTP 500"},
		{name: "404", server: failing(1e9, 404), code: sdk.CodeNotFound, says: "HTTP 404"},
		{name: "410", server: failing(1e9, 410), code: sdk.CodeNotFound},
		{name: "401", server: failing(1e9, 401), code: sdk.CodeUnauthorized, says: "token"},
		{name: "403", server: failing(1e9, 403), code: sdk.CodeUnauthorized, says: "token"},
		{name: "404 later", server: from(2, failing(1e9, 404)), code: sdk.CodeNotFound, kept: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if row.server == nil {
				row.server = good
			}
			url := serve(t, row.server(t))
			if row.fault != nil {
				url = through(t, url, row.fault)
			}
			f := row.file
			f.Path, f.URL = target(t), url+"/model.gguf?secret=hunter2"
			c := newClient(t, download.Config{Free: disk(200 * mega), Reserve: 50 * mega})
			c.Hasten(stallOf(row.says, row.name), 50*time.Millisecond)
			want := row.want
			if want == nil {
				want = large
			}
			got, err := fetchOne(t, c, f)
			if row.code == "" {
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes, the right ones: %v, error: %v", len(got), bytes.Equal(got, want), err)
				}
				return
			}
			if err == nil || sdk.CodeOf(err) != row.code || !strings.Contains(message(err), row.says) {
				t.Fatalf("error is %v (%s), wanted %s with %q", err, sdk.CodeOf(err), row.code, row.says)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells a secret: %v", err)
			}
			if _, err := os.Stat(f.Path); err == nil {
				t.Error("there is a file at the target")
			}
			_, _, _, kept := download.Partial(f.Path)
			if left := names(t, filepath.Dir(f.Path)); kept != row.kept || kept != (len(left) > 0) {
				t.Errorf("partial is kept: %v, left are %q", kept, left)
			}
		})
	}
}

// message is what a person is told of an error. The cause of one that may pass is
// for the log.
func message(err error) string {
	if coded := (*sdk.Error)(nil); errors.As(err, &coded) && coded.Code != sdk.CodeUnavailable {
		return coded.Message
	}
	return fmt.Sprint(err)
}

// stallOf is short where a stall is what the row waits for.
func stallOf(says, name string) time.Duration {
	if says == "next to nothing" || strings.Contains(name, "silent") {
		return 500 * time.Millisecond
	}
	return 20 * time.Second
}

func each(f fault) func(int) fault { return func(int) fault { return f } }

// disk has so many bytes free for each target, less those of its partial.
func disk(size uint64) func(string) (uint64, error) {
	return func(dir string) (uint64, error) {
		used := uint64(0)
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				used += uint64(info.Size())
			}
		}
		return size - min(size, used), err
	}
}

func good(*testing.T) http.Handler { return &origin{data: large, tag: `"1"`} }

// from serves some answers well, and those from the nth on by another handler.
func from(n int64, h func(*testing.T) http.Handler) func(*testing.T) http.Handler {
	return func(t *testing.T) http.Handler {
		before, after, count := good(t), h(t), atomic.Int64{}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if count.Add(1) > n {
				after.ServeHTTP(w, r)
				return
			}
			before.ServeHTTP(w, r)
		})
	}
}

// plain knows no ranges.
func plain(*testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(large)))
		w.Write(large)
	})
}

// asked is the range of a request; ok is false where there is none.
func asked(r *http.Request) (from, to int64, ok bool) {
	_, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
	return from, min(to+1, int64(len(large))), err == nil
}

// ranged serves other ranges than it is asked for.
func ranged(change func(from, to, total int64) (int64, int64, int64)) func(*testing.T) http.Handler {
	return func(t *testing.T) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			from, to, ok := asked(r)
			if !ok {
				plain(t).ServeHTTP(w, r)
				return
			}
			from, to, total := change(from, to, int64(len(large)))
			whole := fmt.Sprint(total)
			if total < 0 {
				whole = "*"
			}
			body := append(bytes.Clone(large), 0)[from:to]
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", from, to-1, whole))
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.WriteHeader(206)
			w.Write(body)
		})
	}
}

// growing tells of a larger file each time.
func growing(t *testing.T) http.Handler {
	var total atomic.Int64
	total.Store(int64(len(large)))
	return ranged(func(from, to, _ int64) (int64, int64, int64) { return from, to, total.Add(1) })(t)
}

// overfull sends more than it says, in chunks.
func overfull(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, to, ok := asked(r)
		if !ok {
			plain(t).ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(large)))
		w.WriteHeader(206)
		w.(http.Flusher).Flush()
		w.Write(large[from:to])
		w.Write([]byte("and more"))
	})
}

func unsatisfied(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			plain(t).ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(large)))
		w.WriteHeader(416)
	})
}

// changing serves large with one version, and from the second request on other with
// another.
func changing(header, before, after string) func(*testing.T) http.Handler {
	return func(*testing.T) http.Handler {
		var count atomic.Int64
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			data, version := large, before
			if count.Add(1) > 1 {
				data, version = other, after
			}
			w.Header().Set(header, version)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		})
	}
}

// restless is never the same.
func restless(*testing.T) http.Handler {
	var count atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("If-Range")
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, count.Add(1)))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(large))
	})
}

func answering(status int, kind, body string) func(*testing.T) http.Handler {
	return func(*testing.T) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
	}
}

// bomb is a gigabyte of zeros, packed.
func bomb(t *testing.T) http.Handler {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(make([]byte, mega))
	z.Close()
	all := bytes.Repeat(packed.Bytes(), 1024)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(all)
	})
}

func endless(*testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for block := make([]byte, mega); r.Context().Err() == nil; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
}

func chunked(*testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for rest := large; len(rest) > 0; rest = rest[min(len(rest), mega):] {
			w.Write(rest[:min(len(rest), mega)])
			w.(http.Flusher).Flush()
		}
	})
}

// hijacked sends just that, and closes.
func hijacked(text string) func(*testing.T) http.Handler {
	return func(*testing.T) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			io.WriteString(conn, text)
			conn.Close()
		})
	}
}

// dripping sends a byte now and then after some text.
func dripping(text string) func(*testing.T) http.Handler {
	return func(t *testing.T) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			io.WriteString(conn, text)
			for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
				if _, err := io.WriteString(conn, "a"); err != nil {
					tick.Stop()
					return
				}
			}
		})
	}
}

func redirected(t *testing.T) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/model.gguf", http.RedirectHandler("/elsewhere", http.StatusFound))
	mux.Handle("/elsewhere", good(t))
	return mux
}

// loop redirects to an address, or to a new one each time.
func loop(to string) func(*testing.T) http.Handler {
	return func(*testing.T) http.Handler {
		var count atomic.Int64
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next := to
			if to == "" {
				next = fmt.Sprintf("/%d", count.Add(1))
			}
			http.Redirect(w, r, next, http.StatusFound)
		})
	}
}

func away(*testing.T) http.Handler {
	return http.RedirectHandler("http://10.1.2.3/model.gguf", http.StatusFound)
}

// signed redirects to addresses that serve two requests each.
func signed(t *testing.T) http.Handler {
	var made atomic.Int64
	var served sync.Map // *atomic.Int64 by path
	file := good(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/model.gguf" {
			http.Redirect(w, r, fmt.Sprintf("/signed/%d", made.Add(1)), http.StatusFound)
			return
		}
		count, _ := served.LoadOrStore(r.URL.Path, new(atomic.Int64))
		if count.(*atomic.Int64).Add(1) > 2 {
			http.Error(w, "expired", http.StatusForbidden)
			return
		}
		file.ServeHTTP(w, r)
	})
}

// linkedTo redirects as Hugging Face does.
func linkedTo(hash string, size int64) func(*testing.T) http.Handler {
	return func(t *testing.T) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("/model.gguf", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Linked-Etag", `"`+hash+`"`)
			w.Header().Set("X-Linked-Size", fmt.Sprint(size))
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		})
		mux.Handle("/elsewhere", good(t))
		return mux
	}
}

// failing fails n times.
func failing(n int64, status int) func(*testing.T) http.Handler {
	return func(t *testing.T) http.Handler {
		var count atomic.Int64
		file := good(t)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if count.Add(1) <= n {
				http.Error(w, "no", status)
				return
			}
			file.ServeHTTP(w, r)
		})
	}
}

// single serves one at a time.
func single(t *testing.T) http.Handler {
	busy := make(chan struct{}, 1)
	file := good(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case busy <- struct{}{}:
			defer func() { <-busy }()
			file.ServeHTTP(w, r)
		default:
			http.Error(w, "one at a time", http.StatusTooManyRequests)
		}
	})
}
