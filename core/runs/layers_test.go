package runs_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/runs"
)

// assistant keeps one.
func (b *bay) assistant(body string) *conversation.Assistant {
	b.Helper()
	a, err := conversation.ReadAssistant([]byte(body))
	if err == nil {
		err = b.store.CreateAssistant(b.Context(), anyone, a)
	}
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// threadOf keeps a thread, from the body that a client sends.
func (b *bay) threadOf(body string) *conversation.Thread {
	b.Helper()
	thread, messages, err := conversation.ReadThread([]byte(body))
	if err == nil {
		err = b.store.CreateThread(b.Context(), anyone, thread, messages...)
	}
	if err != nil {
		b.Fatal(err)
	}
	return thread
}

// origins are the effective parameters, with their layers.
func origins(effective map[string]conversation.Effective) map[string]string {
	all := map[string]string{}
	for name, e := range effective {
		value, _ := json.Marshal(e.Value)
		all[name] = e.Origin + " " + string(value)
	}
	return all
}

func TestLayers(t *testing.T) {
	b := newBay(t)
	b.bridge.models["in-thread"] = runs.Model{Parameters: map[string]core.Value{"temperature": {Value: 0.7, Origin: core.OriginModel}, "top_k": {Value: 40, Origin: core.OriginEngine}},
		Settings: map[string]core.Value{"ngl": {Value: 99, Origin: core.OriginEngine}}}
	a := b.assistant(`{"model": "echo", "name": "Ann", "instructions": "Be kind", "temperature": 0.1, "top_p": 0.5, "parameters": {"max_tokens": 7, "stream": true, "min_p": 0.1}, "settings": {"ctx_len": 4096, "ngl": 99}}`)
	thread := b.threadOf(`{"title": "Old", "messages": [{"role": "user", "content": "hello"}],
		"assistants": [{"assistant_id": "` + a.ID + `", "assistant_name": "Ann", "instructions": "Be brief", "model": {"id": "in-thread", "settings": {"ctx_len": 8192}, "parameters": {"top_p": "0.6", "token_limit": 5}}}]}`)
	want := map[string]string{
		"model": `thread "in-thread"`, "instructions": `thread "Be brief"`, "top_k": "engine 40", "temperature": "assistant 0.1",
		"top_p": "thread 0.6", "max_tokens": "thread 5", "min_p": "assistant 0.1",
	}
	effective, err := b.runner.Effective(t.Context(), anyone, thread.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "before a run", origins(effective), want)

	run := b.run(thread.ID, `{"temperature": 0.9, "additional_instructions": "Rhyme", "seed": 9007199254740993}`)
	want["temperature"], want["instructions"], want["seed"] = "request 0.9", `request "Be brief\nRhyme"`, "request 9007199254740993"
	run.Effective["seed"] = conversation.Effective{Value: json.Number("9007199254740993"), Origin: run.Effective["seed"].Origin} // read from the store as a float64
	same(t, "of the run", origins(run.Effective), want)
	if *run.AssistantID != a.ID || *run.Temperature != 0.9 || *run.TopP != 0.6 || run.Model != "in-thread" || run.Instructions != "Be brief\nRhyme" {
		t.Errorf("%+v", run)
	}
	same(t, "ignored", run.Ignored, []string{"Settings of the assistant (ctx_len): a model is loaded with its own, for all that use it; change those of the model",
		"Settings of the thread (ctx_len): a model is loaded with its own, for all that use it; change those of the model"})

	sent := b.engine.requests()[0]
	for name, value := range map[string]string{"temperature": "0.9", "top_p": "0.6", "max_tokens": "5", "min_p": "0.1", "seed": "9007199254740993", "stream": "true", "top_k": "", "messages.0.content": `"Be brief\nRhyme"`} {
		same(t, name, sent.Get(name).Raw, value)
	}
}

func TestRequestIsAboveAll(t *testing.T) {
	b := newBay(t)
	a := b.assistant(`{"model": "echo", "instructions": "Be kind", "response_format": {"type": "json_object"}, "tools": [{"type": "function", "function": {"name": "f"}}], "parameters": {"max_tokens": 7}}`)
	run := b.run(b.thread("hello").ID, `{"assistant_id": "`+a.ID+`", "model": "thinks", "instructions": "Be quick", "response_format": "auto", "tools": [], "max_completion_tokens": 3}`)
	same(t, "effective", origins(run.Effective), map[string]string{"model": `request "thinks"`, "instructions": `request "Be quick"`, "max_completion_tokens": "request 3",
		"temperature": "model 0.7", "top_k": "engine 40"})
	sent := b.engine.requests()[0]
	for _, name := range []string{"response_format", "tools", "max_tokens", "temperature"} {
		if sent.Get(name).Exists() {
			t.Errorf("%s was sent: %s", name, sent.Raw)
		}
	}
	same(t, "instructions", sent.Get("messages.0.content").Str, "Be quick")
}

func TestAssistantOfTheThread(t *testing.T) {
	b := newBay(t)
	tests := map[string]struct{ assistant, body, says string }{
		"that is not here, with a model":    {`{"assistant_id": "jan", "model": {"id": "echo"}}`, `{}`, ""},
		"that is not here, and a request":   {`{"assistant_id": "jan"}`, `{"model": "echo"}`, ""},
		"that is not here, without a model": {`{"assistant_id": "jan"}`, `{}`, "jan"},
		"that has no id":                    {`{"model": {"id": "echo"}}`, `{}`, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			thread := b.threadOf(`{"messages": [{"role": "user", "content": "hello"}], "assistants": [` + test.assistant + `]}`)
			run, _, err := b.runner.Create(t.Context(), b.request(thread.ID, test.body))
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			same(t, "status", b.settled(run).Status, "completed")
		})
	}
}

func TestAssistantIsDeletedDuringItsRun(t *testing.T) {
	b := newBay(t)
	b.engine.gate = make(chan struct{})
	a := b.assistant(`{"model": "echo", "instructions": "Be kind"}`)
	run, _, err := b.runner.Create(t.Context(), b.request(b.thread("hello").ID, `{"assistant_id": "`+a.ID+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.DeleteAssistant(t.Context(), anyone, a.ID); err != nil {
		t.Fatal(err)
	}
	close(b.engine.gate)
	same(t, "status", b.settled(run).Status, "completed")
}
