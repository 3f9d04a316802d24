package api_test

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/keys"
)

// thread makes a thread that ends with a message of the user.
func (b *bay) thread(text string) (path string) {
	b.t.Helper()
	return "/v1/threads/" + b.made("/v1/threads", fmt.Sprintf(`{"messages": [{"role": "user", "content": %q}]}`, text))
}

// reaches polls a run until it is in that state, or in one that it does not leave.
func (b *bay) reaches(run, status string) gjson.Result {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		_, body := b.do("GET", run, "")
		switch is := gjson.Get(body, "status").String(); {
		case is == status:
			return gjson.Parse(body)
		case slices.Contains([]string{"completed", "failed", "cancelled", "incomplete", "expired"}, is):
			b.t.Fatalf("the run got to %s, not to %s: %s", is, status, body)
		}
	}
	b.t.Fatalf("the run does not get to %s within 10 s", status)
	return gjson.Result{}
}

// events reads a stream of a run's to its end: the names of events, without those of
// deltas, and their data.
func events(t *testing.T, stream *bufio.Scanner) (names []string, data map[string]gjson.Result) {
	t.Helper()
	data = map[string]gjson.Result{}
	for name := ""; stream.Scan(); {
		if of, ok := strings.CutPrefix(stream.Text(), "event: "); ok {
			if name = of; !strings.HasSuffix(name, ".delta") {
				names = append(names, name)
			}
		}
		if text, ok := strings.CutPrefix(stream.Text(), "data: "); ok {
			data[name] = gjson.Parse(text)
		}
	}
	return names, data
}

// TestRun is polled to its end, and leaves what it has written and counted.
func TestRun(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	thread := b.thread("four words are here")
	assistant := b.made("/v1/assistants", `{"model": "m", "name": "Guide", "instructions": "Repeat.", "temperature": 0.5}`)
	run := thread + "/runs/" + b.made(thread+"/runs", fmt.Sprintf(`{"assistant_id": %q, "metadata": {"of": "me"}}`, assistant))
	done := b.reaches(run, "completed")
	if done.Get("model").String() != "m" || done.Get("assistant_id").String() != assistant || done.Get("metadata.of").String() != "me" || done.Get("effective.temperature.origin").String() != "assistant" {
		t.Errorf("the run is %s", done)
	}
	_, messages := b.do("GET", thread+"/messages", "")
	if text := gjson.Get(messages, "data.0.content.0.text.value").String(); text != "four words are here" || gjson.Get(messages, "data.0.run_id").String() != done.Get("id").String() {
		t.Errorf("the messages are %s", messages)
	}
	_, steps := b.do("GET", run+"/steps", "")
	step := gjson.Get(steps, "data.0")
	if step.Get("step_details.message_creation.message_id").String() != gjson.Get(messages, "data.0.id").String() || step.Get("status").String() != "completed" {
		t.Errorf("the steps are %s", steps)
	}
	if _, one := b.do("GET", run+"/steps/"+step.Get("id").String(), ""); gjson.Parse(one).String() != step.String() {
		t.Errorf("the step is %s, and in the list %s", one, step)
	}
	if _, list := b.do("GET", thread+"/runs?limit=1", ""); gjson.Get(list, "data.0.id").String() != done.Get("id").String() || gjson.Get(list, "has_more").Bool() {
		t.Errorf("the runs are %s", list)
	}
	status, changed := b.do("POST", run, `{"metadata": {"of": "you"}}`)
	if status != 200 || gjson.Get(changed, "metadata.of").String() != "you" || gjson.Get(changed, "status").String() != "completed" {
		t.Errorf("changed: %d %s", status, changed)
	}
	b.log.wait(t, "method=RUN path=/v1/chat/completions status=200", 1, 5*time.Second)
	_, metrics := b.do("GET", "/metrics", "")
	for _, line := range []string{
		`enginebay_requests_total{method="RUN",model="m",route="/v1/chat/completions",status="2xx"} 1`,
		`enginebay_tokens_total{kind="output",method="RUN",model="m",route="/v1/chat/completions"} 4`,
		`enginebay_requests_total{method="POST",model="",route="/v1/threads/:thread/runs",status="2xx"} 1`,
		`enginebay_requests_in_flight 1`, // that of the metrics
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// TestRunStream: the events come in OpenAI's order and form, each as it happens.
func TestRunStream(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	want := []string{"thread.run.created", "thread.run.queued", "thread.run.in_progress", "thread.run.step.created", "thread.run.step.in_progress",
		"thread.message.created", "thread.message.in_progress", "thread.message.completed", "thread.run.step.completed", "thread.run.completed", "done"}
	for path, more := range map[string]string{
		b.thread("one two three") + "/runs": ``,
		"/v1/threads/runs":                  `, "thread": {"messages": [{"role": "user", "content": "one two three"}]}`,
	} {
		resp := b.open("POST", path, `{"model": "m", "stream": true`+more+`}`)
		defer resp.Body.Close()
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%s: status %d, %v", path, resp.StatusCode, resp.Header)
		}
		names, data := events(t, bufio.NewScanner(resp.Body))
		if made := slices.Contains(names, "thread.created"); made != (more != "") || !slices.Equal(names[len(names)-len(want):], want) {
			t.Errorf("%s: events %v\nwant %v", path, names, want)
		}
		if text := data["thread.message.completed"].Get("content.0.text.value").String(); text != "one two three" {
			t.Errorf("the message is %q", text)
		}
	}
}

// TestRunIsLeft: a client that leaves a stream cancels the run within a second, and the
// engine stops; what came is kept.
func TestRunIsLeft(t *testing.T) {
	b := newBay(t, map[string]string{"endless": `{"tokens": 100000, "tokens_per_second": 50}`, "silent": `{"hang_on": "body"}`})
	for model, until := range map[string]string{"endless": "thread.message.delta", "silent": "thread.run.queued"} {
		t.Run(model, func(t *testing.T) {
			thread := b.thread("go on")
			resp := b.open("POST", thread+"/runs", fmt.Sprintf(`{"model": %q, "stream": true}`, model))
			lines := bufio.NewScanner(resp.Body)
			for lines.Scan() && lines.Text() != "event: "+until {
			}
			b.log.wait(t, "asked: model="+model, 1, 10*time.Second)
			resp.Body.Close()
			left := time.Now()
			_, list := b.do("GET", thread+"/runs", "")
			run := b.reaches(thread+"/runs/"+gjson.Get(list, "data.0.id").String(), "cancelled")
			if took := time.Since(left); took > time.Second {
				t.Errorf("the run was cancelled after %v", took)
			}
			_, messages := b.do("GET", thread+"/messages?run_id="+run.Get("id").String(), "")
			if got := gjson.Get(messages, "data.0.status").String(); (model == "endless") != (got == "incomplete") {
				t.Errorf("the messages are %s", messages)
			}
		})
	}
	b.log.wait(t, "client left", 2, 5*time.Second)
	b.log.wait(t, "status=499", 4, 5*time.Second) // the model's, and the client's, of each
}

// TestRunIsSilent: a stream in which nothing happens is kept open by comments.
func TestRunIsSilent(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"first_token_ms": 300}`})
	b.server.SetHeartbeat(20 * time.Millisecond)
	status, body := b.do("POST", b.thread("hello")+"/runs", `{"model": "m", "stream": true}`)
	if n := strings.Count(body, ": alive\n\n"); status != 200 || n < 3 || !strings.HasSuffix(body, "event: done\ndata: [DONE]\n\n") {
		t.Errorf("%d comments in %d %s", n, status, body)
	}
}

// TestRunCalls: a run that calls functions waits for their outputs, whole and streamed.
func TestRunCalls(t *testing.T) {
	b := newBay(t, map[string]string{"m": callsAdd})
	for _, stream := range []bool{false, true} {
		thread := b.thread("add")
		run := thread + "/runs/" + b.made(thread+"/runs", `{"model": "m", "tools": [{"type": "function", "function": {"name": "add"}}]}`)
		call := b.reaches(run, "requires_action").Get("required_action.submit_tool_outputs.tool_calls.0")
		if call.Get("id").String() != "call_abc123" || call.Get("function.name").String() != "add" {
			t.Fatalf("it calls %s", call)
		}
		status, body := b.do("POST", run+"/submit_tool_outputs", `{"tool_outputs": []}`)
		if e := openAIError(t, body); status != 400 || *e.Error.Param != "tool_outputs" {
			t.Errorf("no outputs: %d %s", status, body)
		}
		outputs := fmt.Sprintf(`{"tool_outputs": [{"tool_call_id": "call_abc123", "output": "3"}], "stream": %v}`, stream)
		status, body = b.do("POST", run+"/submit_tool_outputs", outputs)
		if status != 200 || strings.Contains(body, "event: thread.run.step.completed\n") != stream || strings.Contains(body, "event: done\n") != stream {
			t.Errorf("outputs, stream %v: %d %s", stream, status, body)
		}
		b.reaches(run, "requires_action") // the fake engine calls it again
		if status, body = b.do("POST", run+"/cancel", ""); status != 200 || gjson.Get(body, "status").String() != "cancelled" {
			t.Errorf("cancel: %d %s", status, body)
		}
		if _, steps := b.do("GET", run+"/steps?order=asc", ""); gjson.Get(steps, "data.0.step_details.tool_calls.0.function.output").String() != "3" {
			t.Errorf("the steps are %s", steps)
		}
	}
}

// callsAdd are settings of the fake engine with which it calls a function each time.
const callsAdd = `{"first_event": "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_abc123\",\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"{\\\"a\\\":1}\"}}]},\"finish_reason\":null}]}"}`

// TestRunIsCancelled by its name, too.
func TestRunIsCancelled(t *testing.T) {
	b := newBay(t, map[string]string{"endless": `{"tokens": 100000, "tokens_per_second": 50}`})
	thread := b.thread("go on")
	run := thread + "/runs/" + b.made(thread+"/runs", `{"model": "endless"}`)
	b.reaches(run, "in_progress")
	if status, body := b.do("POST", thread+"/runs", `{"model": "endless"}`); status != 400 || *openAIError(t, body).Error.Code != "thread_has_active_run" {
		t.Errorf("a second run: %d %s", status, body)
	}
	if status, body := b.do("POST", run+"/cancel", ""); status != 200 || !strings.HasPrefix(gjson.Get(body, "status").String(), "cancel") {
		t.Errorf("%d %s", status, body)
	}
	b.reaches(run, "cancelled")
	if status, body := b.do("POST", run+"/cancel", ""); status != 400 {
		t.Errorf("again: %d %s", status, body)
	}
	b.log.wait(t, "client left", 1, 5*time.Second)
}

// TestRunTakesTheWayOfOthers: of a routed model the next target is asked, and an engine
// that refuses is the run's error, as a client would have been told.
func TestRunTakesTheWayOfOthers(t *testing.T) {
	b := newBay(t, map[string]string{"bad": `{"status": 503}`, "good": `{}`, "limited": `{"status": 429}`, "wrong": `{"status": 400}`, "crash": `{"crash_on": "request"}`})
	b.route("routed", `[{"model": "bad"}, {"model": "good"}]`, "")
	for model, want := range map[string]string{"routed": "completed", "bad": "server_error", "limited": "rate_limit_exceeded", "wrong": "invalid_prompt", "crash": "server_error"} {
		thread := b.thread("hello there")
		_, body := b.do("POST", thread+"/runs", fmt.Sprintf(`{"model": %q, "stream": true}`, model))
		if !strings.HasSuffix(body, "event: done\ndata: [DONE]\n\n") {
			t.Errorf("%s: the stream ends with %s", model, body)
		}
		_, list := b.do("GET", thread+"/runs", "")
		run := gjson.Get(list, "data.0")
		if got := run.Get("last_error.code").String(); got != want && run.Get("status").String() != want {
			t.Errorf("%s: want %s, the run is %s", model, want, run)
		}
		if message := run.Get("last_error.message").String(); want != "completed" && message == "" || strings.Contains(message, b.home) {
			t.Errorf("%s: the error is %q", model, message)
		}
	}
	b.log.wait(t, "method=RUN path=/v1/chat/completions status=200", 1, 5*time.Second)
	b.log.wait(t, "method=RUN path=/v1/chat/completions status=503", 1, 5*time.Second)
}

// TestRunErrors: what cannot become a run, is refused before it is one.
func TestRunErrors(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	thread := b.thread("hello")
	run := thread + "/runs/" + b.made(thread+"/runs", `{"model": "m"}`)
	b.reaches(run, "completed")
	other := b.thread("hello")
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code, param              string
	}{
		{"no such thread", "POST", "/v1/threads/thread_none/runs", `{"model": "m"}`, 404, "not_found", ""},
		{"no such model", "POST", thread + "/runs", `{"model": "none"}`, 404, "model_not_found", "model"},
		{"no such model for a new thread", "POST", "/v1/threads/runs", `{"model": "none"}`, 404, "model_not_found", "model"},
		{"no such assistant", "POST", thread + "/runs", `{"assistant_id": "asst_none"}`, 404, "not_found", ""},
		{"no model", "POST", thread + "/runs", `{}`, 400, "invalid_value", "assistant_id"},
		{"no JSON", "POST", thread + "/runs", `{`, 400, "invalid_value", ""},
		{"a wrong value", "POST", thread + "/runs", `{"model": "m", "temperature": 7}`, 400, "invalid_value", "temperature"},
		{"no such run", "GET", thread + "/runs/run_none", ``, 404, "not_found", ""},
		{"a run of another thread", "GET", other + strings.TrimPrefix(run, thread), ``, 404, "not_found", ""},
		{"its steps", "GET", other + strings.TrimPrefix(run, thread) + "/steps", ``, 404, "not_found", ""},
		{"no such step", "GET", run + "/steps/step_none", ``, 404, "not_found", ""},
		{"a NUL in an id", "GET", thread + "/runs/%00", ``, 404, "not_found", ""},
		{"too many", "GET", thread + "/runs?limit=101", ``, 400, "invalid_value", "limit"},
		{"wrong metadata", "POST", run, `{"metadata": 7}`, 400, "invalid_value", "metadata"},
		{"metadata of none", "POST", thread + "/runs/run_none", `{"metadata": {}}`, 404, "not_found", ""},
		{"outputs of what waits for none", "POST", run + "/submit_tool_outputs", `{"tool_outputs": [{"tool_call_id": "call_1", "output": ""}]}`, 400, "invalid_value", ""},
		{"cancelled after its end", "POST", run + "/cancel", ``, 400, "invalid_value", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := b.do(c.method, c.path, c.body)
			e := openAIError(t, body).Error
			param, code := "", ""
			if e.Param != nil {
				param = *e.Param
			}
			if e.Code != nil {
				code = *e.Code
			}
			if status != c.status || code != c.code || param != c.param {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// TestRunCountsAgainstItsKey from its creation until it works no longer, and not while it
// waits for outputs; to look at it is free. What it is, another key does not see.
func TestRunCountsAgainstItsKey(t *testing.T) {
	secret, file, keyed := withKeys(t, keys.Key{Name: "one", Concurrency: 1})
	_, stranger, err := keys.Create(file, keys.Key{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	b := newBay(t, map[string]string{"endless": `{"tokens": 100000, "tokens_per_second": 50}`, "m": `{}`, "calls": callsAdd}, keyed)
	b.secret = secret
	busy := b.thread("go on")
	run := busy + "/runs/" + b.made(busy+"/runs", `{"model": "endless"}`)
	for _, ask := range [][2]string{{"/v1/chat/completions", chat("m", "hi")}, {b.thread("hi") + "/runs", `{"model": "m"}`}, {"/v1/threads/runs", `{"model": "m"}`}} {
		if status, body := b.do("POST", ask[0], ask[1]); status != 429 {
			t.Errorf("%s beside a run: %d %s", ask[0], status, body)
		}
	}
	b.reaches(run, "in_progress")
	b.secret = stranger
	for _, ask := range [][2]string{{"GET", run}, {"GET", busy + "/runs"}, {"GET", run + "/steps"}, {"POST", run + "/cancel"}, {"POST", run}, {"POST", busy + "/runs"}} {
		if status, body := b.do(ask[0], ask[1], `{"model": "m"}`); status != 404 {
			t.Errorf("a stranger's %s %s: %d %s", ask[0], ask[1], status, body)
		}
	}
	b.secret = secret
	b.do("POST", run+"/cancel", "")
	b.reaches(run, "cancelled")
	calls := b.thread("add")
	run = calls + "/runs/" + b.made(calls+"/runs", `{"model": "calls"}`)
	b.reaches(run, "requires_action")
	for range 20 { // each place is given back
		if status, body := b.do("POST", "/v1/chat/completions", chat("m", "hi")); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		if status, body := b.do("POST", b.thread("hi")+"/runs", `{"model": "none"}`); status != 404 {
			t.Fatalf("%d %s", status, body)
		}
		if status, body := b.do("POST", b.thread("hi")+"/runs", `{"model": "m", "stream": true}`); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
}

// TestRunWhenTheServerEnds: a stream says that the run has failed, and ends.
func TestRunWhenTheServerEnds(t *testing.T) {
	b := newBay(t, map[string]string{"endless": `{"tokens": 100000, "tokens_per_second": 50}`})
	resp := b.open("POST", b.thread("go on")+"/runs", `{"model": "endless", "stream": true}`)
	defer resp.Body.Close()
	b.made(b.thread("go on")+"/runs", `{"model": "endless"}`) // one without a client
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "event: thread.message.delta" {
	}
	began := time.Now()
	var wait sync.WaitGroup
	wait.Go(b.close)
	names, data := events(t, lines)
	wait.Wait()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the server ended after %v", took)
	}
	if !slices.Contains(names, "thread.run.failed") || names[len(names)-1] != "done" || data["thread.run.failed"].Get("last_error.code").String() != "server_error" {
		t.Errorf("the stream ends with %v: %s", names, data["thread.run.failed"])
	}
}

// TestManyRuns at once, of many clients, all end.
func TestManyRuns(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"n_parallel": 4, "first_token_ms": 5}`})
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			text := fmt.Sprintf("number %d", i)
			resp, err := http.Post(b.url+"/v1/threads/runs", "application/json", strings.NewReader(
				fmt.Sprintf(`{"model": "m", "stream": true, "thread": {"messages": [{"role": "user", "content": %q}]}}`, text)))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			_, data := events(t, bufio.NewScanner(resp.Body))
			if got := data["thread.message.completed"].Get("content.0.text.value").String(); got != text {
				t.Errorf("%d is answered with %q", i, got)
			}
		})
	}
	wait.Wait()
}
