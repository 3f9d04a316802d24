package runs_test

import (
	"fmt"
	"strings"
	"testing"
)

// chunk is one of a stream.
func chunk(delta string) string {
	return fmt.Sprintf("data: {\"choices\": [{\"delta\": %s}]}\n\n", delta)
}

const (
	stops = "data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n"
	calls = "data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"tool_calls\"}]}\n\ndata: [DONE]\n\n"
)

// Engines differ in what they stream, and not all of them mean well.
func TestOddStreams(t *testing.T) {
	call := func(index, id, name string) string {
		return chunk(fmt.Sprintf(`{"tool_calls": [{%s %s "function": {"name": "%s", "arguments": "{}"}}]}`, index, id, name))
	}
	tests := map[string]struct {
		raw, status, text string
		calls             []string // their names
	}{
		"no JSON":                     {"data: hello\n\n" + stops, "completed", "", nil},
		"other types":                 {chunk(`{"content": {"a": 1}, "tool_calls": "x"}`) + chunk(`[3]`) + chunk(`{"content": "yes"}`) + stops, "completed", "yes", nil},
		"nothing at all":              {"", "failed", "", nil},
		"an end and no finish":        {chunk(`{"content": "yes"}`) + "data: [DONE]\n\n", "failed", "yes", nil},
		"a finish and no end":         {chunk(`{"content": "yes"}`) + strings.TrimSuffix(stops, "data: [DONE]\n\n"), "completed", "yes", nil},
		"an error that is a text":     {chunk(`{"content": "yes"}`) + "data: {\"error\": \"out of memory\"}\n\n", "failed", "yes", nil},
		"an error that is null":       {"data: {\"error\": null}\n\n" + chunk(`{"content": "yes"}`) + stops, "completed", "yes", nil},
		"thoughts of another name":    {chunk(`{"reasoning": "hm"}`) + chunk(`{"content": "yes"}`) + stops, "completed", "yes", nil},
		"a refusal":                   {chunk(`{"refusal": "no"}`) + stops, "completed", "no", nil},
		"calls without ids":           {call(`"index": 0,`, "", "f") + call(`"index": 1,`, "", "g") + calls, "requires_action", "", []string{"f", "g"}},
		"calls of one id":             {call(`"index": 0,`, `"id": "x",`, "f") + call(`"index": 1,`, `"id": "x",`, "g") + calls, "requires_action", "", []string{"f", "g"}},
		"calls without numbers":       {call("", `"id": "x",`, "f") + call("", `"id": "y",`, "g") + calls, "requires_action", "", []string{"f", "g"}},
		"calls that end as a text":    {call(`"index": 0,`, `"id": "x",`, "f") + stops, "requires_action", "", []string{"f"}},
		"a call of a high number":     {call(`"index": 0,`, `"id": "x",`, "f") + call(`"index": 4000000000,`, `"id": "y",`, "g") + calls, "requires_action", "", []string{"f"}},
		"a call of a negative number": {call(`"index": 0,`, `"id": "x",`, "f") + call(`"index": -1,`, `"id": "y",`, "g") + calls, "requires_action", "", []string{"f"}},
		"words after a call":          {call(`"index": 0,`, `"id": "x",`, "f") + chunk(`{"content": "so"}`) + calls, "requires_action", "", []string{"f"}},
		"a call that is cut":          {call(`"index": 0,`, `"id": "x",`, "f") + strings.Replace(calls, "tool_calls", "length", 1), "incomplete", "", nil},
		"a call that breaks off":      {call(`"index": 0,`, `"id": "x",`, "f"), "failed", "", nil},
		"a filter":                    {chunk(`{"content": "yes"}`) + strings.Replace(stops, "stop", "content_filter", 1), "incomplete", "yes", nil},
		"too much in calls":           {call(`"index": 0,`, `"id": "x",`, "f") + strings.Repeat(chunk(`{"tool_calls": [{"index": 0, "function": {"arguments": "`+strings.Repeat("x", 1<<20)+`"}}]}`), 5) + calls, "failed", "", nil},
		"too much":                    {strings.Repeat(chunk(`{"content": "`+strings.Repeat("x", 1<<20)+`"}`), 5) + stops, "failed", "", nil},
	}
	b := newBay(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b.engine.raw = test.raw
			thread := b.thread("hello")
			run := b.run(thread.ID, `{"model": "raw"}`)
			same(t, "status", run.Status, test.status)
			if messages := b.messages(thread.ID)[1:]; test.text != "" && (len(messages) != 1 || messages[0].Content[0].Text.Value != test.text) {
				t.Errorf("%v", messages)
			}
			var names []string
			ids := map[string]bool{}
			if run.RequiredAction != nil {
				for _, call := range run.RequiredAction.SubmitToolOutputs.ToolCalls {
					names, ids[call.ID] = append(names, call.Function.Name), true
				}
			}
			same(t, "calls", names, test.calls)
			same(t, "ids", len(ids), len(names))
			for _, step := range b.steps(run) {
				if (step.Status == "in_progress") != (test.status == "requires_action" && step.Type == "tool_calls") {
					t.Errorf("%+v", step)
				}
			}
		})
	}
}

func TestTooManyCalls(t *testing.T) {
	b := newBay(t)
	var stream strings.Builder
	for i := range 1000 {
		stream.WriteString(chunk(fmt.Sprintf(`{"tool_calls": [{"index": %d, "id": "call_%d", "function": {"name": "f"}}]}`, i, i)))
	}
	b.engine.raw = stream.String() + calls
	run := b.run(b.thread("hello").ID, `{"model": "raw"}`)
	same(t, "calls", len(run.RequiredAction.SubmitToolOutputs.ToolCalls), 128)
}

// Some engines begin to stream before they see that the prompt is too long.
func TestTooLongInTheStream(t *testing.T) {
	b := newBay(t)
	b.engine.raw = "data: {\"error\": {\"message\": \"the request exceeds the available context size\", \"type\": \"exceed_context_size_error\"}}\n\n"
	run := b.run(b.talk(2).ID, `{"model": "raw"}`)
	if run.Status != "failed" || run.LastError.Code != "invalid_prompt" || run.Truncated.Messages != 4 {
		t.Errorf("%s, %+v, %+v", run.Status, run.LastError, run.Truncated)
	}
}
