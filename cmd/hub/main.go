// Command hub is a Hugging Face hub for tests: repositories are folders, and
// the protocol is the real one as far as models are read.
//
//	hub -root DIR [-token USER=TOKEN]… [-fault 'PATH KIND [TIMES]']…
//
// DIR/OWNER/REPO holds the files of the branch main, DIR/OWNER/REPO/.branches/NAME
// those of another branch (NAME as in an address: refs%2Fpr%2F1), and
// DIR/OWNER/REPO/.hub.json what is no file; type card has its keys. The folders
// may change while it runs.
//
// It prints two lines, the address of the hub and that of the CDN, another
// origin to which files of LFS are redirected with a signature that expires.
// With -v each request is told on standard error: who asked, never the token.
//
// A fault is what requests get whose path begins with PATH, all or the first
// TIMES of them: a status (503; a 429 says to wait a second), "drop" (the connection
// closes), "half" (it closes in the middle of the answer), "hang" (until the
// client leaves), "html" (a login page with status 200), "garbage" (JSON that is
// none), "endless".
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("hub: ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	h := newHub()
	var addr, cdn string
	flag.StringVar(&h.root, "root", ".", "folder of OWNER/REPO/FILE")
	flag.StringVar(&addr, "addr", "127.0.0.1:0", "address to listen on")
	flag.StringVar(&cdn, "cdn-addr", "127.0.0.1:0", "address of the CDN")
	flag.Func("token", "USER=TOKEN that is accepted; may be given again", h.addToken)
	flag.Func("fault", "'PATH KIND [TIMES]' to get in place of answers; may be given again", h.faults.add)
	flag.IntVar(&h.page, "page", 1000, "entries of a page of a list, at most")
	flag.DurationVar(&h.cdn.expire, "expire", time.Hour, "how long an address of the CDN is good")
	flag.Int64Var(&h.cdn.rate, "rate", 0, "bytes a second that each answer of the CDN gets; 0: all there are")
	flag.Int64Var(&h.cdn.cut, "cut", 0, "bytes after which each answer of the CDN breaks off; 0: never")
	flag.BoolVar(&h.cdn.whole, "no-ranges", false, "whether the CDN answers a range with all")
	flag.BoolVar(&h.verbose, "v", false, "tell each request on standard error")
	flag.Usage = usage
	flag.Parse()
	if err := h.serve(ctx, addr, cdn); err != nil {
		log.Fatal(err)
	}
}

func usage() {
	fmt.Fprint(flag.CommandLine.Output(), `hub is a Hugging Face hub for tests; its repositories are folders, DIR/OWNER/REPO.

  hub -root DIR [-token USER=TOKEN]… [-fault 'PATH KIND [TIMES]']…

A fault is what requests get whose path begins with PATH, all or the first TIMES of
them: a status, "drop", "half", "hang", "html", "garbage" or "endless".

`)
	flag.PrintDefaults()
}

// serve listens on both addresses until ctx ends.
func (h *hub) serve(ctx context.Context, addr, cdn string) error {
	site, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	files, err := net.Listen("tcp", cdn)
	if err != nil {
		return err
	}
	h.url, h.cdn.url = "http://"+site.Addr().String(), "http://"+files.Addr().String()
	fmt.Printf("%s\n%s\n", h.url, h.cdn.url)
	ended := make(chan error, 2)
	for listener, handler := range map[net.Listener]http.Handler{site: h.told("hub", h.handler()), files: h.told("cdn", h.cdn)} {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(discard{}, "", 0)}
		go func() { ended <- server.Serve(listener) }()
		defer server.Close()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// discard takes what net/http says of connections that a fault closed.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// told writes down each request that was answered, where that is asked for, and
// answers those that are to meet a fault.
func (h *hub) told(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		if h.verbose {
			defer func() {
				fmt.Fprintf(os.Stderr, "%s %s %s %d user=%s range=%s\n", name, r.Method, r.URL.EscapedPath(), status.status, h.who(r), r.Header.Get("Range"))
			}()
		}
		if kind, ok := h.faults.next(r.URL.Path); ok {
			fault(status, r, kind, next)
			return
		}
		next.ServeHTTP(status, r)
	})
}

// who is the user of a request as it is written down: "-" without a token, "?"
// with one that is not known.
func (h *hub) who(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok:
		return "-"
	case h.tokens[token] == "":
		return "?"
	}
	return h.tokens[token]
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
