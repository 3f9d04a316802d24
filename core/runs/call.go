package runs

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// maxCalls bounds the functions that a model may call in one round.
const maxCalls = 128

// A call is one of a function, as it comes.
type call struct {
	id, name  string
	arguments strings.Builder
}

// takeCall takes a piece of a function's call.
func (w *work) takeCall(piece gjson.Result) {
	a := &w.answer
	i := len(a.calls)
	if index := piece.Get("index"); index.Exists() {
		i = int(index.Int())
	} else if i > 0 && piece.Get("id").Str == "" {
		i-- // of one that numbers nothing: it goes on with the last
	}
	if i < 0 || i > len(a.calls) || i >= maxCalls {
		return
	}
	if a.step == nil || a.step.Type != "tool_calls" {
		w.closeText(end{status: conversation.RunCompleted})
		w.tellEnds()
		w.openStep("tool_calls", map[string]any{"type": "tool_calls", "tool_calls": []any{}})
	}
	arguments := piece.Get("function.arguments").Str
	if i == len(a.calls) {
		w.openCall(piece)
	}
	if arguments != "" {
		a.calls[i].arguments.WriteString(arguments)
		w.tellCall(callDelta{Index: i, Type: "function", Function: map[string]any{"arguments": arguments}})
	}
}

// openCall begins a call. An engine that gives it no id gets one from here.
func (w *work) openCall(piece gjson.Result) {
	c := &call{id: piece.Get("id").Str, name: piece.Get("function.name").Str}
	if c.id == "" || slices.ContainsFunc(w.answer.calls, func(other *call) bool { return other.id == c.id }) {
		c.id = conversation.NewID("call_")
	}
	w.answer.calls = append(w.answer.calls, c)
	w.tellCall(callDelta{Index: len(w.answer.calls) - 1, ID: c.id, Type: "function",
		Function: map[string]any{"name": c.name, "arguments": "", "output": nil}})
}

func (w *work) tellCall(call callDelta) {
	var told stepDelta
	told.Details.Type, told.Details.Calls = "tool_calls", []callDelta{call}
	w.events.put("thread.run.step.delta", delta{w.answer.step.ID, "thread.run.step.delta", told})
}

// stepCall is a call as a step has it: its output is null until it was submitted.
type stepCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function stepFunction `json:"function"`
}

type stepFunction struct {
	Name      string  `json:"name"`
	Arguments string  `json:"arguments"`
	Output    *string `json:"output"`
}

// callsOf are the details of a step that calls functions.
func callsOf(calls []*call) map[string]any {
	all := []stepCall{}
	for _, c := range calls {
		all = append(all, stepCall{c.id, "function", stepFunction{Name: c.name, Arguments: c.arguments.String()}})
	}
	return map[string]any{"type": "tool_calls", "tool_calls": all}
}

// actionOf is what a run waits for after the calls.
func actionOf(calls []*call) *conversation.RequiredAction {
	action := &conversation.RequiredAction{Type: "submit_tool_outputs"}
	for _, c := range calls {
		asked := conversation.ToolCall{ID: c.id, Type: "function"}
		asked.Function.Name, asked.Function.Arguments = c.name, c.arguments.String()
		action.SubmitToolOutputs.ToolCalls = append(action.SubmitToolOutputs.ToolCalls, asked)
	}
	return action
}
