package runs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/enginebay/enginebay/core/conversation"
)

// A Request is for a run.
type Request struct {
	Owner     conversation.Owner
	Caller    string // the API key's id
	RequestID string

	ThreadID string                  // that is answered; empty where Thread is made first
	Thread   *conversation.Thread    // of create-and-run
	Messages []*conversation.Message // put into the thread first: of Thread, or additional_messages

	Run                    *conversation.Run // what was asked for: what is not there, layers below decide
	Instructions           *string           // in the place of the assistant's and the thread's
	AdditionalInstructions string            // after them
	Reasoning              *string           // reasoning_effort
	Parameters             map[string]any    // more parameters of chat completions
	Stream                 bool
	Leave                  func() // called once, when the run no longer works; may be nil
}

// A Submission brings the outputs of functions.
type Submission struct {
	Owner             conversation.Owner
	Caller, RequestID string
	ThreadID, RunID   string
	Outputs           []ToolOutput
	Stream            bool
	Leave             func() // as of a [Request]
}

// A ToolOutput is what a function gave.
type ToolOutput struct {
	ToolCallID string `json:"tool_call_id"`
	Output     string `json:"output"`
}

const (
	maxFields   = 4 << 20 // bytes of what a run says beside its messages
	maxMessages = 10_000  // that a run adds to its thread
	maxOutputs  = 1 << 20 // bytes that functions give at once
)

// fields are those of a body that are not null.
type fields map[string]json.RawMessage

func readFields(body []byte) (fields, error) {
	all, err := conversation.Fields(body)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	return all, nil
}

// bounded refuses fields that are together larger than an assistant's may be: they are kept
// with the run, and a list has a hundred of those.
func (f fields) bounded() error {
	size := 0
	for name, value := range f {
		size += len(name) + len(value)
	}
	if size > maxFields {
		return wrong("", "The run is too large: %d bytes beside its messages, and %d are the most", size, maxFields)
	}
	return nil
}

// take reads a field into its place, and takes it away.
func (f fields) take(name string, into any) error {
	value, given := f[name]
	delete(f, name)
	if !given {
		return nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return wrong(name, "Invalid type for '%s'", name)
	}
	return nil
}

// list is [fields.take] for a list, of at most so many.
func (f fields) list(name string, most int) ([]json.RawMessage, error) {
	value, given := f[name]
	delete(f, name)
	if !given {
		return nil, nil
	}
	return conversation.Elements(name, value, most)
}

func wrong(param, format string, args ...any) error {
	return &conversation.FieldError{Param: param, Message: fmt.Sprintf(format, args...)}
}

// ReadRun reads the body of POST /v1/threads/{thread}/runs. Fields that a run does not
// have are parameters of the chat completion that it is. What it refuses is a
// [conversation.FieldError].
func ReadRun(body []byte) (Request, error) {
	f, err := readFields(body)
	if err != nil {
		return Request{}, err
	}
	req := Request{Run: &conversation.Run{}}
	messages, err := f.list("additional_messages", maxMessages)
	if err != nil {
		return Request{}, err
	}
	if err := f.take("additional_instructions", &req.AdditionalInstructions); err != nil {
		return Request{}, err
	}
	if req.Messages, err = readMessages(messages); err != nil {
		return Request{}, err
	}
	return req, req.read(f)
}

func readMessages(bodies []json.RawMessage) ([]*conversation.Message, error) {
	var messages []*conversation.Message
	for i, body := range bodies {
		m, err := conversation.ReadMessage(body)
		if err != nil {
			return nil, within(fmt.Sprintf("additional_messages[%d]", i), err)
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// within says where a part with a wrong field stands.
func within(at string, err error) error {
	var field *conversation.FieldError
	if errors.As(err, &field) {
		return &conversation.FieldError{Param: at + "." + field.Param, Message: field.Message}
	}
	return err
}

// ReadThreadRun reads the body of POST /v1/threads/runs, which makes a thread first.
func ReadThreadRun(body []byte) (Request, error) {
	f, err := readFields(body)
	if err != nil {
		return Request{}, err
	}
	req := Request{Run: &conversation.Run{}}
	thread := json.RawMessage("{}")
	if err := f.take("thread", &thread); err != nil {
		return Request{}, err
	}
	if req.Thread, req.Messages, err = conversation.ReadThread(thread); err != nil {
		return Request{}, within("thread", err)
	}
	return req, req.read(f)
}

// read takes the fields that both ways to a run have.
func (req *Request) read(f fields) error {
	run := req.Run
	if err := f.bounded(); err != nil {
		return err
	}
	err := errors.Join(
		req.readAssistant(f),
		f.take("assistant_id", &run.AssistantID), f.take("stream", &req.Stream), f.take("truncation_strategy", &run.TruncationStrategy),
		f.take("max_prompt_tokens", &run.MaxPromptTokens), f.take("max_completion_tokens", &run.MaxCompletionTokens),
		f.take("tool_choice", &run.ToolChoice), f.readParallel(run),
	)
	if err != nil {
		return err
	}
	if err := checkRun(run); err != nil {
		return err
	}
	req.Parameters = map[string]any{}
	for name, value := range f {
		var parameter any
		exact := json.NewDecoder(bytes.NewReader(value))
		exact.UseNumber() // of a seed, say
		if err := exact.Decode(&parameter); err != nil {
			return wrong(name, "Invalid type for '%s'", name)
		}
		req.Parameters[name] = parameter
	}
	return nil
}

// readAssistant takes what a run says in the place of its assistant, as an assistant
// says it.
func (req *Request) readAssistant(f fields) error {
	own := fields{}
	for _, name := range []string{"model", "instructions", "tools", "tool_resources", "metadata", "temperature", "top_p", "response_format", "reasoning_effort"} {
		if value, given := f[name]; given {
			own[name] = value
			delete(f, name)
		}
	}
	unnamed := own["model"] == nil
	if unnamed {
		own["model"] = json.RawMessage(`"-"`) // an assistant has one
	}
	body, err := json.Marshal(own)
	if err != nil {
		return err
	}
	var a conversation.Assistant
	if err := a.Change(body); err != nil {
		return err
	}
	if unnamed {
		a.Model = ""
	}
	run := req.Run
	run.Model, run.Tools, run.Metadata = a.Model, a.Tools, a.Metadata
	run.Temperature, run.TopP, run.ResponseFormat = a.Temperature, a.TopP, a.ResponseFormat
	req.Instructions, req.Reasoning = a.Instructions, a.Reasoning
	return nil
}

func (f fields) readParallel(run *conversation.Run) error {
	run.ParallelToolCalls = true
	return f.take("parallel_tool_calls", &run.ParallelToolCalls)
}

func checkRun(run *conversation.Run) error {
	for _, limit := range []struct {
		name  string
		value *int
		least int
	}{{"max_prompt_tokens", run.MaxPromptTokens, 256}, {"max_completion_tokens", run.MaxCompletionTokens, 1}} { // 256: as at OpenAI
		if limit.value != nil && *limit.value < limit.least {
			return wrong(limit.name, "%s is %d or more", limit.name, limit.least)
		}
	}
	switch t := &run.TruncationStrategy; t.Type {
	case "":
		t.Type = truncateAuto
	case truncateAuto, truncateDisabled:
	case truncateLast:
		if t.LastMessages == nil || *t.LastMessages < 1 {
			return wrong("truncation_strategy.last_messages", "The truncation strategy last_messages needs the field last_messages, a number from 1 on")
		}
	default:
		return wrong("truncation_strategy.type", "A truncation strategy is auto, last_messages or disabled")
	}
	return checkChoice(run)
}

// checkChoice wants a choice of tools to be one that can be made.
func checkChoice(run *conversation.Run) error {
	var choice struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	switch string(run.ToolChoice) {
	case "":
		run.ToolChoice = json.RawMessage(`"auto"`)
		return nil
	case `"auto"`, `"none"`, `"required"`:
		return nil
	}
	if err := json.Unmarshal(run.ToolChoice, &choice); err != nil || choice.Type != "file_search" && (choice.Type != "function" || choice.Function.Name == "") {
		return wrong("tool_choice", `tool_choice is "none", "auto", "required", or an object {"type": "function", "function": {"name": …}}`)
	}
	return nil
}

// ReadSubmission reads the body of POST …/submit_tool_outputs.
func ReadSubmission(body []byte) (Submission, error) {
	var s Submission
	f, err := readFields(body)
	if err != nil {
		return s, err
	}
	outputs, err := f.list("tool_outputs", maxCalls)
	if err := errors.Join(err, f.take("stream", &s.Stream)); err != nil {
		return s, err
	}
	if len(outputs) == 0 {
		return s, wrong("tool_outputs", "tool_outputs has the output of each function that the run waits for")
	}
	size := 0
	for i, raw := range outputs {
		var output ToolOutput
		o, err := readFields(raw)
		if err := errors.Join(err, o.take("tool_call_id", &output.ToolCallID), o.take("output", &output.Output)); err != nil {
			return s, within(fmt.Sprintf("tool_outputs[%d]", i), err)
		}
		s.Outputs, size = append(s.Outputs, output), size+len(output.Output)
	}
	if size > maxOutputs {
		return s, wrong("tool_outputs", "The outputs of functions are 1 MiB in all at most")
	}
	return s, nil
}
