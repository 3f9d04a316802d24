package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/runs"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// bridge is how runs reach models: the way of POST /v1/chat/completions, without the
// client.
type bridge struct{ *Server }

// Chat implements runs.Bridge.
func (b bridge) Chat(ctx context.Context, c runs.Chat) (*runs.Answer, error) {
	seen := b.beginRun(ctx, c.RequestID, c.Caller)
	answer, err := b.chat(seen.within(ctx), seen, c.Body)
	if err != nil {
		told := translate(err)
		seen.err = err
		seen.end(told.status)
		return nil, told.forRuns()
	}
	return answer, nil
}

func (b bridge) chat(ctx context.Context, seen *observation, body []byte) (a *runs.Answer, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		if a == nil { // also when something panics
			cancel()
		}
	}()
	defer b.caught(seen, &err)
	op := operation{Operation: sdk.OpChat}
	req, err := op.parse(body)
	if err != nil {
		return nil, err
	}
	lease, resp, err := b.answer(ctx, seen, op, req)
	if err != nil {
		return nil, err
	}
	if !isStream(resp) {
		defer lease.Release()
		return nil, noStream(lease, resp)
	}
	return &runs.Answer{Model: lease.Model(), Stream: &answerStream{cancel: cancel,
		stream: &stream{ctx: ctx, lease: lease, op: op, body: resp.Body, log: b.log, seen: seen, done: nothing}}}, nil
}

// answerStream is the answer to a run, which may be closed while it is read.
type answerStream struct {
	cancel context.CancelFunc
	mu     sync.Mutex
	stream *stream
}

// Read implements io.Reader.
func (a *answerStream) Read(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stream.Read(p)
}

// Close implements io.Closer. A Read that waits for the engine ends first, which takes
// up to 100 ms; see [core.Lease.Post].
func (a *answerStream) Close() error {
	a.cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stream.Close()
}

// noStream is what an engine said that was to stream and does not.
func noStream(lease *core.Lease, resp *http.Response) error {
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return engineFault(lease, resp)
	}
	return fault(http.StatusBadGateway, "The engine of the model '"+lease.Model()+"' does not stream its answers, and runs need that", "", "engine_error")
}

// forRuns is the error as runs know it.
func (e *apiError) forRuns() *openai.Error {
	told := &openai.Error{Status: e.status, Message: e.Message, RetryAfter: e.after}
	if e.Param != nil {
		told.Param = *e.Param
	}
	if e.Code != nil {
		told.Code = *e.Code
	}
	return told
}

// inspectTimeout is how long a run waits for an engine to say how long its contexts are,
// before it begins without that.
const inspectTimeout = 5 * time.Second

// Model implements runs.Bridge.
func (b bridge) Model(ctx context.Context, id string) (runs.Model, error) {
	e, err := b.runtime.Effective(ctx, id)
	if err != nil {
		return runs.Model{}, err
	}
	ctx, done := context.WithTimeout(ctx, inspectTimeout)
	defer done()
	length, _ := b.runtime.ContextLength(ctx, id) // what is in the way of loading it, the chat says
	return runs.Model{Context: length, Parameters: e.Parameters, Settings: e.Settings}, nil
}

// Count implements runs.Bridge. A model that the chat would load is loaded now; of a
// routed one it is not known which target will answer.
func (b bridge) Count(ctx context.Context, model string, texts []string) ([]int, error) {
	m, err := b.runtime.Model(model)
	if err != nil {
		return nil, err
	}
	if m.Manifest.Routed() {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "Which target of the model '%s' will answer is not known before it does", model)
	}
	lease, err := b.runtime.Acquire(ctx, model, core.Ask{Unqueued: true})
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	if !lease.Can(sdk.OpTokenize) {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "The engine of the model '%s' counts no tokens", model)
	}
	counts := make([]int, len(texts))
	for i, text := range texts {
		if counts[i], err = countTokens(ctx, lease, text); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

func countTokens(ctx context.Context, lease *core.Lease, text string) (int, error) {
	body, _ := json.Marshal(map[string]string{"content": text}) // of a text: it cannot fail
	resp, err := lease.Post(ctx, core.Request{Operation: sdk.OpTokenize, ContentType: fiber.MIMEApplicationJSON, Body: body})
	if err != nil {
		return 0, broken(ctx, lease, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, engineFault(lease, resp)
	}
	whole, err := readWhole(resp)
	if err != nil {
		return 0, broken(ctx, lease, err)
	}
	tokens := gjson.GetBytes(whole, "tokens")
	if !tokens.IsArray() {
		return 0, sdk.Errorf(sdk.CodeUnsupported, "The engine of the model '%s' does not tell the tokens of a text", lease.Model())
	}
	return int(tokens.Get("#").Int()), nil
}
