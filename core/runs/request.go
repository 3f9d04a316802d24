package runs

import (
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

	Run        *conversation.Run // what was asked for, see [ReadRun]
	Parameters map[string]any    // more parameters of chat completions
	Stream     bool
	Leave      func() // called once, when the run no longer works; may be nil
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

// ReadRun reads the body of POST /v1/threads/{thread}/runs. What it refuses is a
// [conversation.FieldError].
func ReadRun(body []byte) (Request, error) { return Request{}, errNotYet }

// ReadThreadRun reads the body of POST /v1/threads/runs, which makes a thread first.
func ReadThreadRun(body []byte) (Request, error) { return Request{}, errNotYet }

// ReadSubmission reads the body of POST …/submit_tool_outputs.
func ReadSubmission(body []byte) (Submission, error) { return Submission{}, errNotYet }
