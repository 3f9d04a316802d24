package runs_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
	"github.com/enginebay/enginebay/core/runs"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// anyone is who asks where no key is wanted.
var anyone = conversation.Owner{All: true}

// engine is a small chat server. What a model does is its name:
//
//	echo     says "You said: " and the last message, a word at a time, as gate lets it
//	thinks   thinks first
//	tools    calls the functions that it is told of, then says what they gave
//	both     says a word before it calls
//	breaks   breaks off after two words
//	refuses  breaks off with an error in the stream
//	length   is at its limit after two words
//	silent   says nothing
//	raw      sends what raw is
//	stays    does not end its stream after the answer
//	rambles  says more after it, without end
//	busy, away, odd answer 429, 503, and a page
type engine struct {
	context int    // words of a request that it takes; 0: any number
	said    string // of a refusal for length, with what there is room for and what was sent
	raw     string
	gate    chan struct{} // where it is not nil, each word takes one; when it is closed all may go

	mu    sync.Mutex
	asked []gjson.Result // the requests
	left  chan struct{}  // a client has left, or was answered
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	asked := gjson.ParseBytes(body)
	e.mu.Lock()
	e.asked = append(e.asked, asked)
	e.mu.Unlock()
	defer func() {
		select {
		case e.left <- struct{}{}:
		default:
		}
	}()
	if words := len(strings.Fields(asked.Get("messages.#.content").String())); e.context > 0 && words > e.context {
		refuse(w, http.StatusBadRequest, "context_length_exceeded", fmt.Sprintf(cmp.Or(e.said, "This model's maximum context length is %d tokens. However, your request has %d tokens"), e.context, words))
		return
	}
	switch asked.Get("model").Str {
	case "busy":
		refuse(w, http.StatusTooManyRequests, "queue_full", "The queue is full")
	case "away":
		refuse(w, http.StatusServiceUnavailable, "unavailable", "The engine is away")
	default:
		e.answer(w, r, asked)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	(&openai.Error{Status: status, Code: code, Message: message}).Write(w)
}

// answer streams.
func (e *engine) answer(w http.ResponseWriter, r *http.Request, asked gjson.Result) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(delta any, finish any) {
		chunk, _ := json.Marshal(map[string]any{"object": "chat.completion.chunk", "choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}}})
		fmt.Fprintf(w, "data: %s\n\n", chunk)
		w.(http.Flusher).Flush()
	}
	model := asked.Get("model").Str
	if model == "raw" {
		_, _ = io.WriteString(w, e.raw)
		return
	}
	messages := asked.Get("messages").Array()
	last := messages[len(messages)-1]
	send(map[string]any{"role": "assistant", "content": nil}, nil)
	words := strings.SplitAfter("You said: "+last.Get("content").Str, " ")
	finish := "stop"
	switch tools := asked.Get("tools").Array(); {
	case model == "refuses":
		fmt.Fprintf(w, "data: {\"error\": {\"code\": 500, \"message\": \"the weights are wrong\", \"type\": \"server_error\"}}\n\n")
		return
	case model == "thinks":
		send(map[string]any{"reasoning_content": "Let me "}, nil)
		send(map[string]any{"reasoning_content": "think."}, nil)
	case model == "silent":
		words = nil
	case model == "both" && last.Get("role").Str == "user":
		send(map[string]any{"content": "Wait. "}, nil)
		fallthrough
	case model == "tools" && last.Get("role").Str == "user":
		for i, tool := range tools {
			call := func(more map[string]any) {
				more["index"] = i
				send(map[string]any{"tool_calls": []any{more}}, nil)
			}
			call(map[string]any{"id": fmt.Sprintf("call_%d", i), "type": "function", "function": map[string]any{"name": tool.Get("function.name").Str, "arguments": ""}})
			call(map[string]any{"function": map[string]any{"arguments": `{"city":`}})
			call(map[string]any{"function": map[string]any{"arguments": ` "Paris"}`}})
		}
		words, finish = nil, "tool_calls"
	}
	for i, word := range words {
		if !e.pass(r.Context()) || model == "breaks" && i == 2 {
			return
		}
		if model == "length" && i == 2 {
			finish = "length"
			break
		}
		send(map[string]any{"content": word}, nil)
	}
	if !e.pass(r.Context()) {
		return
	}
	send(map[string]any{}, finish)
	fmt.Fprintf(w, "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 10, \"completion_tokens\": %d, \"total_tokens\": %d}}\n\ndata: [DONE]\n\n", len(words), 10+len(words))
	w.(http.Flusher).Flush()
	for model == "rambles" && r.Context().Err() == nil {
		fmt.Fprintf(w, ": %1000d\n\n", 0)
	}
	if model == "stays" {
		<-r.Context().Done()
	}
}

// pass waits at the gate; false: the client left.
func (e *engine) pass(ctx context.Context) bool {
	if e.gate == nil {
		return ctx.Err() == nil
	}
	select {
	case <-e.gate:
		return true
	case <-ctx.Done():
		return false
	}
}

// requests are those that the engine was asked.
func (e *engine) requests() []gjson.Result {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.asked)
}

// bridge asks the engine over HTTP, as the server does.
type bridge struct {
	url    string
	client *http.Client
	models map[string]runs.Model // beside those of the engine
	counts bool                  // it can count: a token is a word
	asked  func()                // called when a model is asked for; may be nil
	slots  chan struct{}         // taken by each request

	wrap func(io.Reader) io.Reader // answers; may be nil
}

func (b *bridge) Chat(ctx context.Context, c runs.Chat) (*runs.Answer, error) {
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	free := sync.OnceFunc(func() { <-b.slots })
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, bytes.NewReader(c.Body))
	if err != nil {
		free()
		return nil, err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		free()
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer free()
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		said := gjson.GetBytes(body, "error")
		return nil, &openai.Error{Status: resp.StatusCode, Message: said.Get("message").Str, Code: said.Get("code").Str}
	}
	answer := &stream{resp.Body, resp.Body, free}
	if b.wrap != nil {
		answer.Reader = b.wrap(resp.Body)
	}
	return &runs.Answer{Model: c.Model, Stream: answer}, nil
}

// stream gives the slot back when it is closed.
type stream struct {
	io.Reader
	body io.Closer
	free func()
}

func (s *stream) Close() error {
	defer s.free()
	return s.body.Close()
}

func (b *bridge) Model(_ context.Context, id string) (runs.Model, error) {
	if b.asked != nil {
		b.asked()
	}
	if m, ok := b.models[id]; ok {
		return m, nil
	}
	if id == "nobody" {
		return runs.Model{}, sdk.Errorf(sdk.CodeNotFound, "The model '%s' does not exist", id)
	}
	return runs.Model{Parameters: map[string]core.Value{"temperature": {Value: 0.7, Origin: core.OriginModel}, "top_k": {Value: 40, Origin: core.OriginEngine}}}, nil
}

func (b *bridge) Count(_ context.Context, _ string, texts []string) ([]int, error) {
	if !b.counts {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "The engine counts no tokens")
	}
	counts := make([]int, len(texts))
	for i, text := range texts {
		counts[i] = len(strings.Fields(text))
	}
	return counts, nil
}

// bay is all that a runner works with.
type bay struct {
	*testing.T
	db     *database.DB
	store  *conversation.Store
	engine *engine
	bridge *bridge
	runner *runs.Runner
}

// newBay has a runner on SQLite.
func newBay(t *testing.T, change ...func(*runs.Config)) *bay {
	t.Helper()
	return newBayOn(t, database.Config{File: filepath.Join(t.TempDir(), "enginebay.db")}, change...)
}

func newBayOn(t *testing.T, c database.Config, change ...func(*runs.Config)) *bay {
	t.Helper()
	b := &bay{T: t, engine: &engine{left: make(chan struct{}, 100)}}
	server := httptest.NewServer(b.engine)
	t.Cleanup(server.Close)
	b.bridge = &bridge{url: server.URL, client: server.Client(), models: map[string]runs.Model{}, slots: make(chan struct{}, 4)}
	c.Migrations = conversation.Migrations
	b.db = databasetest.Open(t, c)
	b.store = b.open()
	b.runner = b.start(change...)
	return b
}

func (b *bay) open() *conversation.Store {
	b.Helper()
	store, err := conversation.Open(b.Context(), b.db, nil)
	if err != nil {
		b.Fatal(err)
	}
	return store
}

// start starts a server on the store.
func (b *bay) start(change ...func(*runs.Config)) *runs.Runner {
	b.Helper()
	c := runs.Config{Store: b.store, Bridge: b.bridge, Log: hclog.New(&hclog.LoggerOptions{Output: b.Output(), Level: hclog.Debug})}
	for _, f := range change {
		f(&c)
	}
	r := runs.New(c)
	b.Cleanup(r.Close)
	return r
}

// thread makes one with a message for each text, of the user and of an assistant by
// turns.
func (b *bay) thread(texts ...string) *conversation.Thread {
	b.Helper()
	var messages []*conversation.Message
	for i, text := range texts {
		messages = append(messages, message([]string{"user", "assistant"}[i%2], text))
	}
	t := &conversation.Thread{}
	if err := b.store.CreateThread(b.Context(), anyone, t, messages...); err != nil {
		b.Fatal(err)
	}
	return t
}

func message(role, text string) *conversation.Message {
	return &conversation.Message{Role: role, Status: "completed", Content: []conversation.Part{{Type: "text", Text: &conversation.Text{Value: text}}}}
}

// request is one for a run, from the body that a client sends.
func (b *bay) request(threadID, body string) runs.Request {
	b.Helper()
	req, err := runs.ReadRun([]byte(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Owner, req.ThreadID, req.RequestID = anyone, threadID, "req_1"
	return req
}

// run answers a thread, and returns the run as it ended, or waits.
func (b *bay) run(threadID, body string) *conversation.Run {
	b.Helper()
	run, _, err := b.runner.Create(b.Context(), b.request(threadID, body))
	if err != nil {
		b.Fatal(err)
	}
	return b.settled(run)
}

// settled waits until nothing works on a run.
func (b *bay) settled(run *conversation.Run) *conversation.Run {
	b.Helper()
	return b.until(run, func(r *conversation.Run) bool { return !r.Unfinished() || r.Status == conversation.RunRequiresAction })
}

// until polls a run, as clients do.
func (b *bay) until(run *conversation.Run, is func(*conversation.Run) bool) *conversation.Run {
	b.Helper()
	for begun := time.Now(); ; {
		got, err := b.store.Run(b.Context(), anyone, run.ThreadID, run.ID)
		if err != nil {
			b.Fatal(err)
		}
		if is(got) {
			return got
		}
		if time.Since(begun) > time.Minute {
			b.Fatalf("the run stays %s", got.Status)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// stream begins a run whose events are listened to.
func (b *bay) stream(threadID, body string) (*conversation.Run, *runs.Events) {
	b.Helper()
	req := b.request(threadID, body)
	req.Stream = true
	run, events, err := b.runner.Create(b.Context(), req)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(events.Close)
	return run, events
}

// all are the events that are still to come.
func all(events *runs.Events) []runs.Event {
	var got []runs.Event
	for {
		event, ok := events.Next()
		if !ok {
			return got
		}
		got = append(got, event)
	}
}

// names are those of events; those that come many times in a row are named once.
func names(events []runs.Event) (names []string) {
	for _, e := range events {
		names = append(names, strings.TrimPrefix(e.Name, "thread."))
	}
	return slices.Compact(names)
}

// texts are those of a thread, with who says them.
func (b *bay) texts(threadID string) (texts []string) {
	b.Helper()
	for _, m := range b.messages(threadID) {
		text := m.Role + ":"
		for _, part := range m.Content {
			text += " " + part.Text.Value
		}
		texts = append(texts, text)
	}
	return texts
}

func (b *bay) messages(threadID string) []*conversation.Message {
	b.Helper()
	messages, err := b.store.AllMessages(b.Context(), anyone, threadID)
	if err != nil {
		b.Fatal(err)
	}
	return messages
}

func (b *bay) steps(run *conversation.Run) []*conversation.Step {
	b.Helper()
	list, err := b.store.Steps(b.Context(), anyone, run.ThreadID, run.ID, conversation.Page{Limit: 100, Ascending: true})
	if err != nil {
		b.Fatal(err)
	}
	return list.Data
}

// same compares, in JSON where that is easier to read.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	g, _ := json.MarshalIndent(got, "", " ")
	w, _ := json.MarshalIndent(want, "", " ")
	if !bytes.Equal(g, w) {
		t.Errorf("%s: got %s\nwant %s", what, g, w)
	}
}
