package runs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/runs"
)

func TestReadRun(t *testing.T) {
	req, err := runs.ReadRun([]byte(`{"assistant_id": "asst_1", "model": null, "stream": true, "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": false,
		"max_completion_tokens": 5, "truncation_strategy": {"type": "last_messages", "last_messages": 3}, "reasoning_effort": "low", "top_k": 3, "instructions": ""}`))
	if err != nil {
		t.Fatal(err)
	}
	run := req.Run
	if *run.AssistantID != "asst_1" || run.Model != "" || !req.Stream || run.ParallelToolCalls || *run.MaxCompletionTokens != 5 || *run.TruncationStrategy.LastMessages != 3 ||
		*req.Reasoning != "low" || *req.Instructions != "" || string(run.ToolChoice) != `{"type": "function", "function": {"name": "f"}}` {
		t.Errorf("%+v", req)
	}
	same(t, "parameters", req.Parameters, map[string]any{"top_k": 3})
	empty, err := runs.ReadRun(nil)
	if err != nil || !empty.Run.ParallelToolCalls || empty.Run.TruncationStrategy.Type != "auto" || string(empty.Run.ToolChoice) != `"auto"` {
		t.Errorf("%+v, %v", empty.Run, err)
	}
}

func TestReadRunRefuses(t *testing.T) {
	tests := map[string]struct{ body, param string }{
		"no object":            {`[]`, ""},
		"no JSON":              {`{"model": `, ""},
		"a number as model":    {`{"model": 3}`, "model"},
		"a hot temperature":    {`{"temperature": 3}`, "temperature"},
		"tokens below one":     {`{"max_completion_tokens": 0}`, "max_completion_tokens"},
		"a short prompt":       {`{"max_prompt_tokens": 10}`, "max_prompt_tokens"},
		"a strategy":           {`{"truncation_strategy": {"type": "random"}}`, "truncation_strategy.type"},
		"no last messages":     {`{"truncation_strategy": {"type": "last_messages"}}`, "truncation_strategy.last_messages"},
		"a choice":             {`{"tool_choice": "maybe"}`, "tool_choice"},
		"a choice of nothing":  {`{"tool_choice": {"type": "function"}}`, "tool_choice"},
		"a text as stream":     {`{"stream": "yes"}`, "stream"},
		"a message of a robot": {`{"additional_messages": [{"role": "user", "content": "x"}, {"role": "robot", "content": "x"}]}`, "additional_messages[1].role"},
		"code_interpreter":     {`{"tools": [{"type": "code_interpreter"}]}`, "tools[0].type"},
		"vector stores":        {`{"tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}}}`, "tool_resources.file_search.vector_store_ids"},
		"a field twice":        {`{"model": "a", "model": "b"}`, ""},
		"much of all":          {`{"model": "a", "x": "` + strings.Repeat("x", 4<<20) + `"}`, ""},
		"many messages":        {`{"additional_messages": [` + strings.Repeat(`{},`, 10_000) + `{}]}`, "additional_messages"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := runs.ReadRun([]byte(test.body))
			var field *conversation.FieldError
			if !errors.As(err, &field) || field.Param != test.param {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestReadThreadRun(t *testing.T) {
	req, err := runs.ReadThreadRun([]byte(`{"model": "echo", "thread": {"title": "T", "messages": [{"role": "user", "content": "x"}]}}`))
	if err != nil || req.Thread.Title != "T" || len(req.Messages) != 1 {
		t.Errorf("%+v, %v", req, err)
	}
	if req, err = runs.ReadThreadRun([]byte(`{"model": "echo"}`)); err != nil || req.Thread == nil {
		t.Errorf("%+v, %v", req, err)
	}
	_, err = runs.ReadThreadRun([]byte(`{"thread": {"metadata": 3}}`))
	var field *conversation.FieldError
	if !errors.As(err, &field) || field.Param != "thread.metadata" {
		t.Errorf("%#v", err)
	}
}

func TestReadSubmissionRefuses(t *testing.T) {
	tests := map[string]struct{ body, param string }{
		"nothing":        {`{}`, "tool_outputs"},
		"none":           {`{"tool_outputs": []}`, "tool_outputs"},
		"a number":       {`{"tool_outputs": [{"tool_call_id": 3}]}`, "tool_outputs[0].tool_call_id"},
		"too many":       {`{"tool_outputs": [` + strings.Repeat(`{"tool_call_id": "x"},`, 128) + `{}]}`, "tool_outputs"},
		"too much of it": {`{"tool_outputs": [{"tool_call_id": "x", "output": "` + strings.Repeat("x", 1<<20+1) + `"}]}`, "tool_outputs"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := runs.ReadSubmission([]byte(test.body))
			var field *conversation.FieldError
			if !errors.As(err, &field) || field.Param != test.param {
				t.Errorf("%#v", err)
			}
		})
	}
}
