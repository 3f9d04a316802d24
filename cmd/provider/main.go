// Command provider is a remote API for tests: OpenAI at /v1, and Azure OpenAI at
// /openai with its deployments and keys, whose tokens are had at /entra. Anthropic is
// at /anthropic, Cohere at /cohere and Google, the Gemini API, at /google. The
// protocols are the real ones as far as models are listed and chats, embeddings and
// rankings answered, which it does with the words that it was asked. What the real
// ones refuse, it refuses.
//
// A model belongs to a service by its owner, as in -model claude-haiku-4-5=anthropic;
// other owners' are OpenAI's. At all but OpenAI, some words of a question decide
// what comes of the answer: the name of a tool calls that, REFUSE is refused, OVERLOAD
// fails in the midst of a stream, CUT breaks it off, and HANG says no more until the
// client leaves.
//
//	provider [-key KEY] [-model NAME[=OWNER]]… [-deployment NAME=MODEL]… [-fault 'PATH STATUS [TIMES]']…
//
// It prints its address. With -v each request is told on standard error, with
// the kind of its credentials and never these, and each caller that has left.
//
// A fault is what requests get whose path begins with PATH, all or the first
// TIMES of them; a 429 says to wait for a second.
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
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("provider: ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &provider{models: []model{}}
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	verbose := flag.Bool("v", false, "tell each request on standard error")
	flag.StringVar(&p.key, "key", "", "API key that is asked for; empty: none")
	flag.Func("model", "NAME[=OWNER] of a model; may be given again", p.addModel)
	flag.Func("deployment", "NAME=MODEL of Azure; may be given again", p.addDeployment)
	flag.BoolVar(&p.unlisted, "unlisted", false, "whether deployments cannot be listed, as by newer versions of the API")
	flag.StringVar(&p.client, "client", "", "TENANT/ID=SECRET that gets a token of Entra")
	flag.StringVar(&p.token, "entra-token", "entra-token", "the token of Entra")
	flag.Func("fault", "'PATH STATUS [TIMES]' to get in place of answers; may be given again", p.faults.add)
	flag.Usage = usage
	flag.Parse()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	handler := p.faults.before(p.handler())
	fmt.Printf("http://%s\n", listener.Addr())
	if *verbose {
		handler = told(handler)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

func usage() {
	fmt.Fprint(flag.CommandLine.Output(), `provider is a remote API for tests: OpenAI at /v1, Azure OpenAI at /openai, Entra at /entra,
Anthropic at /anthropic, Cohere at /cohere, Google at /google.

  provider [-key KEY] [-model NAME[=OWNER]]… [-deployment NAME=MODEL]… [-fault 'PATH STATUS [TIMES]']…

A fault is what requests get whose path begins with PATH, all or the first TIMES of
them; a 429 says to wait for a second.

`)
	flag.PrintDefaults()
}

func told(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by, query := "nothing", r.URL.Query()
		switch {
		case r.Header.Get("Api-Key") != "", r.Header.Get("X-Api-Key") != "", r.Header.Get("X-Goog-Api-Key") != "", query.Has("key"):
			by = "key"
		case r.Header.Get("Authorization") != "":
			by = "bearer"
		}
		uri := r.URL.RequestURI()
		if query.Has("key") {
			uri = r.URL.Path
		}
		fmt.Fprintf(os.Stderr, "%s %s by %s\n", r.Method, uri, by)
		next.ServeHTTP(w, r)
		if r.Context().Err() != nil {
			fmt.Fprintf(os.Stderr, "left %s\n", r.URL.Path)
		}
	})
}
