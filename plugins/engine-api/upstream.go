package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
	"github.com/enginebay/enginebay/sdk/web"
)

// maxBody bounds a request, in bytes.
const maxBody = 64 << 20

// upstream is one model at a service: whom to ask, by which name, and a client that
// keeps to it. It is also the instance that the core holds.
type upstream struct {
	settings
	account    *account
	row        provider
	id         string // of the model, as users name it
	name       string // of the model, at the service
	kind       string // "chat", "embedding", …; empty where it is not known
	manifest   sdk.Manifest
	base       *url.URL // of the API, without a slash at the end
	dated      bool     // Azure: it wants a deployment's path and an api-version
	operations []sdk.Operation
	log        hclog.Logger
	told       []string // secrets that the service is told
	redactor   *web.Redactor

	// client sends requests to the origin of base and to no other, with the headers
	// that say who asks, with retries and with time-outs. It follows no redirect. An
	// official client is given it with its own retries and time-outs off; whatever
	// credentials it sets are replaced.
	client *http.Client

	context context.Context // ends with the instance
	cancel  context.CancelFunc
	serving sync.WaitGroup
	once    sync.Once
}

// connect makes the client.
func (u *upstream) connect() error {
	client, err := u.account.client(time.Duration(u.ConnectTimeout))
	if err != nil {
		return err
	}
	headers, err := u.headers()
	if err != nil {
		return err
	}
	u.redactor = web.NewRedactor(u.told...)
	next := client.Transport
	if l, ok := u.row.language().(listener); ok {
		next = l.listen(next)
	}
	u.client = &http.Client{
		Transport:     &line{upstream: u, headers: headers, next: next},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	u.context, u.cancel = context.WithCancel(context.Background())
	return nil
}

// address is that of a path below the base, such as "chat/completions".
func (u *upstream) address(path string) string { return u.base.String() + "/" + path }

// answers are the operations: those of the settings, or else those of the kind of
// model, or else what the dialect has.
func (u *upstream) answers() []sdk.Operation {
	if len(u.Operations) > 0 {
		var all []sdk.Operation
		for _, op := range u.Operations {
			all = append(all, sdk.Operation(op))
		}
		return all
	}
	return u.row.language().operations(u)
}

// Endpoint implements sdk.Instance.
func (u *upstream) Endpoint() sdk.Endpoint {
	return sdk.Endpoint{Handler: u, Operations: u.operations}
}

// Wait implements sdk.Instance: a name at a service does not end by itself.
func (u *upstream) Wait() error {
	<-u.context.Done()
	return nil
}

// Close implements sdk.Instance. What is in flight breaks off.
func (u *upstream) Close(ctx context.Context) error {
	u.once.Do(u.cancel)
	done := make(chan struct{})
	go func() {
		u.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		u.account.rest()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ServeHTTP implements http.Handler, for the core alone: who may ask, it has seen to.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.serving.Add(1)
	defer u.serving.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(u.context, cancel)()
	op := sdk.Operation(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1"), "/"))
	out := &reply{RedactedWriter: &web.RedactedWriter{ResponseWriter: w, Redactor: u.redacts}, op: op}
	r = r.WithContext(ctx)
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if !slices.Contains(u.operations, op) {
		openai.Errorf("model", "unsupported_operation", "The model '%s' does not answer /v1/%.60s", u.id, op).Write(out)
		return
	}
	if err := u.row.language().serve(u, op, out, r); err != nil {
		out.fail(ctx, u.broken(err))
		return
	}
	out.Finish()
}

// redacts hides what the service was told with this request. A token of Entra is known
// when it has answered.
func (u *upstream) redacts() *web.Redactor {
	if u.entra() {
		return web.NewRedactor(append(slices.Clone(u.told), u.account.entra.Tokens()...)...)
	}
	return u.redactor
}

// reply is an answer on its way. It knows whether it has begun.
type reply struct {
	*web.RedactedWriter
	op    sdk.Operation
	begun bool
}

func (a *reply) WriteHeader(status int) {
	a.begun = true
	a.RedactedWriter.WriteHeader(status)
}

func (a *reply) Write(p []byte) (int, error) {
	a.begun = true
	return a.RedactedWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *reply) Unwrap() http.ResponseWriter { return a.RedactedWriter }

// fail ends the answer with an error: as a whole one, as the last event of a
// stream, or by breaking it off, which nobody takes for its end.
func (a *reply) fail(ctx context.Context, f *openai.Error) {
	switch {
	case ctx.Err() != nil && !a.begun:
		f.Write(a) // the client has left, or the model is unloaded
	case !a.begun:
		f.Write(a)
	case ctx.Err() == nil && strings.HasPrefix(a.Header().Get("Content-Type"), "text/event-stream"):
		_, _ = a.Write(append([]byte("\n\n"), f.Event(a.op)...)) // what stood before may be half a line
	default:
		panic(http.ErrAbortHandler)
	}
}
