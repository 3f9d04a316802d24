package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// targetHeader tells which target of a routed model has answered.
const targetHeader = "X-Enginebay-Model"

// through sends a request to the targets of a routed model, one after the other,
// until one answers, or says what is wrong with the request. What a target answered
// is looked at before anything of it goes to the client: the next one is asked when a
// model cannot be had, when its engine refuses with 429 or 5xx, breaks off, or does
// not begin in time. With an error there is no lease to release.
func (s *Server) through(ctx context.Context, seen *observation, op operation, req request, route *core.Route) (lease *core.Lease, resp *http.Response, err error) {
	defer func() {
		if lease == nil { // also when something panics
			route.Leave()
		}
	}()
	var said []setback
	for route.Next() {
		target := route.Target()
		lease, resp, err = s.try(ctx, seen, op, req, route)
		if err == nil {
			route.Answered(lease)
			return lease, resp, nil
		}
		if ctx.Err() != nil || s.runtime.Closed() {
			return nil, nil, err
		}
		answer := translate(err)
		if said = append(said, setback{target, answer}); isUnfit(answer) {
			route.Unfit(err)
		} else {
			route.Failed(err, answer.after)
		}
	}
	return nil, nil, unanswered(route.Model(), said)
}

// isUnfit says whether a target does not answer such requests at all.
func isUnfit(e *apiError) bool { return e.Code != nil && *e.Code == unsupportedOperation }

// try sends a request to one target, and returns when its answer has begun: the
// whole of it has come, or the first event of a stream.
func (s *Server) try(ctx context.Context, seen *observation, op operation, req request, route *core.Route) (*core.Lease, *http.Response, error) {
	limit := route.Timeout()
	ctx, cancel := context.WithCancelCause(ctx)
	clock := func() bool { return true }
	if limit > 0 {
		clock = time.AfterFunc(limit, func() { cancel(errTooSlow) }).Stop
	}
	lease, resp, err := s.ask(ctx, seen, op, req, route)
	if err == nil {
		err = begin(ctx, op, lease, resp)
		resp.Body = &begun{resp.Body, func() { cancel(nil) }}
		if err == nil && clock() {
			return lease, resp, nil
		}
		resp.Body.Close()
		lease.Release()
		defer func() { lease.Spend(translate(err).status, 0, 0) }()
	}
	clock()
	cancel(nil)
	if err == nil || context.Cause(ctx) == errTooSlow { // without an error the clock ran out just now, though the client may have left before
		err = fault(http.StatusGatewayTimeout, fmt.Sprintf("The model '%s' did not begin to answer within %v", route.Target(), limit.Round(time.Millisecond)), "", "timeout")
	}
	return nil, nil, err
}

var errTooSlow = errors.New("too slow")

// begun is the body of an answer that has begun.
type begun struct {
	io.ReadCloser
	end func()
}

// Waits says whether the next Read waits for the engine.
func (b *begun) Waits() bool { return waits(b.ReadCloser) }

// Close implements io.Closer.
func (b *begun) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// begin waits for the answer to begin. The error is that of a target that failed;
// what is the client's own fault is an answer.
func begin(ctx context.Context, op operation, lease *core.Lease, resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return engineFault(lease, resp)
	case resp.StatusCode >= 400:
		return nil
	case isStream(resp):
		return beginStream(ctx, lease, resp)
	}
	whole, err := readWhole(resp)
	if err != nil {
		return broken(ctx, lease, err)
	}
	resp.Body.Close()
	resp.Body, resp.ContentLength = &read{bytes.NewReader(whole), whole}, int64(len(whole))
	return nil
}

// read is an answer that is here already, all of it.
type read struct {
	*bytes.Reader
	whole []byte
}

// Close implements io.Closer.
func (*read) Close() error { return nil }

// maxFirst bounds what is read of a stream before it goes on to the client.
const maxFirst = 64 << 10

// beginStream waits for the first event of a stream. Comments before it, which keep
// a connection open, say nothing.
func beginStream(ctx context.Context, lease *core.Lease, resp *http.Response) error {
	first := make([]byte, 0, 4<<10)
	for {
		if len(first) == cap(first) {
			first = append(first, 0)[:len(first)]
		}
		n, err := resp.Body.Read(first[len(first):cap(first)])
		first = first[:len(first)+n]
		event, complete := firstEvent(first)
		switch {
		case err != nil && err != io.EOF:
			return broken(ctx, lease, err)
		case err == io.EOF && len(bytes.TrimSpace(first)) == 0:
			return fault(http.StatusBadGateway, fmt.Sprintf("The engine of the model '%s' ended its answer before it began", lease.Model()), "", "engine_error")
		case complete, err == io.EOF, len(first) > maxFirst:
			if said := event.fault(lease.Model()); said != nil {
				return said
			}
			resp.Body = &stitched{first, resp.Body}
			return nil
		}
	}
}

// stitched is a stream of which the first part was read already.
type stitched struct {
	first []byte
	io.ReadCloser
}

// Read implements io.Reader.
func (s *stitched) Read(p []byte) (int, error) {
	if len(s.first) > 0 {
		n := copy(p, s.first)
		s.first = s.first[n:]
		return n, nil
	}
	return s.ReadCloser.Read(p)
}

// Waits says whether the next Read waits for the engine.
func (s *stitched) Waits() bool { return len(s.first) == 0 && waits(s.ReadCloser) }

// event is one of a stream.
type event struct{ name, data string }

// firstEvent is the first one, as far as it is there.
func firstEvent(p []byte) (e event, complete bool) {
	for line := range strings.Lines(string(p)) {
		text := strings.TrimRight(line, "\r\n")
		switch name, value, _ := strings.Cut(text, ":"); {
		case text == "" && e != event{}:
			return e, true
		case len(text) == len(line): // not all of it has come
			return e, false
		case name == "event":
			e.name = strings.TrimSpace(value)
		case name == "data":
			e.data += strings.TrimSpace(value)
		}
	}
	return e, false
}

// fault is the error that an event tells of; nil for another one, and for one that
// says what is wrong with the request.
func (e event) fault(model string) error {
	said := gjson.Parse(e.data)
	kind := said.Get("type").String()
	failed := e.name == "error" || kind == "error" || kind == "response.failed" || said.Get("error").IsObject() || said.Get("error").Type == gjson.String
	if !failed {
		return nil
	}
	if inner := said.Get("response"); inner.IsObject() { // of responses
		said = inner
	}
	status := http.StatusInternalServerError
	for _, place := range []string{"error.code", "error.status", "code", "status"} {
		if n := said.Get(place).Int(); n >= 400 && n < 600 {
			status = int(n)
			break
		}
	}
	if status < 500 && status != http.StatusTooManyRequests {
		return nil
	}
	return engineSaid(model, status, []byte(said.Raw))
}

// setback is what a target said that did not answer.
type setback struct {
	target string
	answer *apiError
}

// unanswered is the error of a request that no target has answered. A limit was
// reached where it was everywhere; else the status is that of the last target, unless
// that is about the target and not about the request.
func unanswered(model string, said []setback) error {
	answer := fault(http.StatusServiceUnavailable, "", "", string(sdk.CodeUnavailable))
	var texts []string
	var asked, limited int
	for _, s := range said {
		texts = append(texts, s.target+": "+s.answer.Message)
		if isUnfit(s.answer) {
			continue
		}
		asked++
		switch {
		case s.answer.status == http.StatusTooManyRequests:
			limited++
		case s.answer.status >= 500:
			answer.status, answer.Code = s.answer.status, s.answer.Code
		}
		if after := s.answer.after; after > 0 && (answer.after == 0 || after < answer.after) { // the soonest
			answer.after = after
		}
	}
	switch {
	case len(said) > 0 && asked == 0:
		return said[len(said)-1].answer
	case asked > 0 && limited == asked:
		answer.status, answer.Code = http.StatusTooManyRequests, orNil("rate_limit_exceeded")
	}
	answer.Type = typeOf(answer.status)
	answer.Message = fmt.Sprintf("No target of the model '%s' has answered. %s", model, strings.Join(texts, "; "))
	return answer
}
