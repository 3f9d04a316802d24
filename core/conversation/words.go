package conversation

import (
	"encoding/json"
	"slices"
)

// Metadata is what a client keeps with an object: up to 16 pairs, keys of up to 64
// characters and values of up to 512. The older API allowed any JSON value, which is
// kept as it came.
type Metadata map[string]any

// An Owner is on whose behalf the store is asked. What one made, no other sees.
type Owner struct {
	ID  string // of an API key; empty for who shows none, where none is wanted
	All bool   // an administrator, who sees all
}

// An Assistant is a model with its instructions.
type Assistant struct {
	ID             string            `json:"id"`     // asst_…
	Object         string            `json:"object"` // assistant
	CreatedAt      int64             `json:"created_at"`
	Name           *string           `json:"name"`
	Description    *string           `json:"description"`
	Model          string            `json:"model"`
	Instructions   *string           `json:"instructions"`
	Tools          []json.RawMessage `json:"tools"`
	ToolResources  json.RawMessage   `json:"tool_resources"` // null, or an object
	Metadata       Metadata          `json:"metadata"`
	Temperature    *float64          `json:"temperature"`
	TopP           *float64          `json:"top_p"`
	ResponseFormat json.RawMessage   `json:"response_format"` // "auto", null, or an object
	Reasoning      *string           `json:"reasoning_effort,omitempty"`

	// Of the older API.
	Avatar     string          `json:"avatar,omitempty"`
	Version    json.RawMessage `json:"version,omitempty"`
	Models     []ModelID       `json:"models,omitempty"`     // what it may be used with; the first is Model
	Parameters map[string]any  `json:"parameters,omitempty"` // defaults of a request, under temperature and top_p
	Settings   map[string]any  `json:"settings,omitempty"`   // of loading; kept and shown, and not used: those of the model count
	Events     json.RawMessage `json:"events,omitempty"`
}

// ModelID names a model in the older API.
type ModelID struct {
	ID string `json:"model_id"`
}

// A Thread is a series of messages.
type Thread struct {
	ID            string          `json:"id"`     // thread_…
	Object        string          `json:"object"` // thread
	CreatedAt     int64           `json:"created_at"`
	Metadata      Metadata        `json:"metadata"`
	ToolResources json.RawMessage `json:"tool_resources"`

	// Of the older API.
	Title      string            `json:"title,omitempty"`
	Assistants []ThreadAssistant `json:"assistants,omitempty"`
	UpdatedAt  int64             `json:"updated_at"` // when a message or a change came last
}

// ThreadAssistant is what a thread of the older API says of an assistant in it: its
// model, settings and parameters override the assistant's.
type ThreadAssistant struct {
	AssistantID   string       `json:"assistant_id,omitempty"`
	AssistantName string       `json:"assistant_name,omitempty"`
	Instructions  *string      `json:"instructions,omitempty"`
	Model         *ThreadModel `json:"model,omitempty"`

	More map[string]json.RawMessage `json:"-"` // what else stood there
}

// ThreadModel is the model of a [ThreadAssistant].
type ThreadModel struct {
	ID         string         `json:"id,omitempty"`
	Engine     string         `json:"engine,omitempty"`
	Settings   map[string]any `json:"settings,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

// A Message is one of a thread.
type Message struct {
	ID                string          `json:"id"`     // msg_…
	Object            string          `json:"object"` // thread.message
	CreatedAt         int64           `json:"created_at"`
	ThreadID          string          `json:"thread_id"`
	Status            string          `json:"status"` // in_progress, incomplete, completed
	IncompleteDetails *Incomplete     `json:"incomplete_details"`
	CompletedAt       *int64          `json:"completed_at"`
	IncompleteAt      *int64          `json:"incomplete_at"`
	Role              string          `json:"role"` // user, assistant; older and imported ones: system too
	Content           []Part          `json:"content"`
	AssistantID       *string         `json:"assistant_id"`
	RunID             *string         `json:"run_id"`
	Attachments       []Attachment    `json:"attachments"`
	Metadata          Metadata        `json:"metadata"`
	Reasoning         string          `json:"reasoning_content,omitempty"` // what the model thought before it answered
	FileIDs           []string        `json:"file_ids,omitempty"`          // of the older API
	Usage             json.RawMessage `json:"usage,omitempty"`
}

// Files are the ids of the files that a message brings along beside its content, each
// once.
func (m *Message) Files() (ids []string) {
	all := slices.Clone(m.FileIDs)
	for _, a := range m.Attachments {
		all = append(all, a.FileID)
	}
	for _, id := range all {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Incomplete says why something is not complete.
type Incomplete struct {
	Reason string `json:"reason"`
}

// A Part is one of a message's content. One of the pointers is set, as Type says.
type Part struct {
	Type      string     `json:"type"` // text, image_url, image_file, refusal
	Text      *Text      `json:"text,omitempty"`
	ImageURL  *ImageURL  `json:"image_url,omitempty"`
	ImageFile *ImageFile `json:"image_file,omitempty"`
	Refusal   *string    `json:"refusal,omitempty"`
}

// Text is a part that is read.
type Text struct {
	Value       string            `json:"value"`
	Annotations []json.RawMessage `json:"annotations"`
}

// ImageURL is an image at an address; data: URIs are what models here read.
type ImageURL struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}

// ImageFile is an image that was uploaded.
type ImageFile struct {
	FileID string `json:"file_id"`
	Detail string `json:"detail,omitempty"`
}

// An Attachment is a file that a message brings along.
type Attachment struct {
	FileID string            `json:"file_id"`
	Tools  []json.RawMessage `json:"tools,omitempty"`
}

// The states of a [Run].
const (
	RunQueued         = "queued"
	RunInProgress     = "in_progress"
	RunRequiresAction = "requires_action"
	RunCancelling     = "cancelling"
	RunCancelled      = "cancelled"
	RunFailed         = "failed"
	RunCompleted      = "completed"
	RunIncomplete     = "incomplete"
	RunExpired        = "expired"
)

// A Run is an answer of a model to a thread.
type Run struct {
	ID                  string            `json:"id"`     // run_…
	Object              string            `json:"object"` // thread.run
	CreatedAt           int64             `json:"created_at"`
	ThreadID            string            `json:"thread_id"`
	AssistantID         *string           `json:"assistant_id"` // null for a run that names a model only
	Status              string            `json:"status"`
	RequiredAction      *RequiredAction   `json:"required_action"`
	LastError           *RunError         `json:"last_error"`
	ExpiresAt           *int64            `json:"expires_at"`
	StartedAt           *int64            `json:"started_at"`
	CancelledAt         *int64            `json:"cancelled_at"`
	FailedAt            *int64            `json:"failed_at"`
	CompletedAt         *int64            `json:"completed_at"`
	IncompleteDetails   *Incomplete       `json:"incomplete_details"`
	Model               string            `json:"model"`
	Instructions        string            `json:"instructions"`
	Tools               []json.RawMessage `json:"tools"`
	Metadata            Metadata          `json:"metadata"`
	Usage               *RunUsage         `json:"usage"` // null until the run has ended
	Temperature         *float64          `json:"temperature"`
	TopP                *float64          `json:"top_p"`
	MaxPromptTokens     *int              `json:"max_prompt_tokens"`
	MaxCompletionTokens *int              `json:"max_completion_tokens"`
	TruncationStrategy  Truncation        `json:"truncation_strategy"`
	ToolChoice          json.RawMessage   `json:"tool_choice"` // "auto" where nothing was said
	ParallelToolCalls   bool              `json:"parallel_tool_calls"`
	ResponseFormat      json.RawMessage   `json:"response_format"`

	// Ours.
	Effective map[string]Effective `json:"effective,omitempty"` // the parameters that are in force, with their layers
	Ignored   []string             `json:"ignored,omitempty"`   // what was asked for and is not done, in sentences
	Truncated *Truncated           `json:"truncated,omitempty"` // what of the thread the model was not shown

	Beat int64 `json:"-"` // rises whenever the server that works on it says that it lives
}

// Effective is a parameter that is in force, and the layer that it comes from:
// engine, model, assistant, thread or request.
type Effective struct {
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

// Truncation is how a thread that is too long for the model is cut.
type Truncation struct {
	Type         string `json:"type"`          // auto: the oldest messages that do not fit; last_messages; disabled: the run fails
	LastMessages *int   `json:"last_messages"` // of last_messages
}

// Truncated is what was cut of a thread.
type Truncated struct {
	Strategy      string `json:"strategy"`
	Messages      int    `json:"messages"`                 // that were left out, the oldest
	FirstID       string `json:"first_message_id"`         // the oldest one that the model saw
	ContextLength int    `json:"context_length,omitempty"` // of the model, in tokens, where it is known
	Estimated     bool   `json:"estimated,omitempty"`      // the tokens were estimated: the engine cannot count them
}

// RunError is why a run failed.
type RunError struct {
	Code    string `json:"code"` // server_error, rate_limit_exceeded, invalid_prompt
	Message string `json:"message"`
}

// RunUsage counts the tokens of a run.
type RunUsage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

// RequiredAction is what a run waits for: the outputs of functions that the client runs.
type RequiredAction struct {
	Type              string `json:"type"` // submit_tool_outputs
	SubmitToolOutputs struct {
		ToolCalls []ToolCall `json:"tool_calls"`
	} `json:"submit_tool_outputs"`
}

// A ToolCall is a function that the model wants to be run.
type ToolCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"` // function
	Function struct {
		Name      string  `json:"name"`
		Arguments string  `json:"arguments"`
		Output    *string `json:"output,omitempty"` // in steps: null until it was submitted
	} `json:"function"`
}

// A Step is one of a run: a message that it wrote, or tools that it called.
type Step struct {
	ID          string          `json:"id"`     // step_…
	Object      string          `json:"object"` // thread.run.step
	CreatedAt   int64           `json:"created_at"`
	RunID       string          `json:"run_id"`
	AssistantID *string         `json:"assistant_id"`
	ThreadID    string          `json:"thread_id"`
	Type        string          `json:"type"`   // message_creation, tool_calls
	Status      string          `json:"status"` // in_progress, cancelled, failed, completed, expired
	CancelledAt *int64          `json:"cancelled_at"`
	CompletedAt *int64          `json:"completed_at"`
	ExpiredAt   *int64          `json:"expired_at"`
	FailedAt    *int64          `json:"failed_at"`
	LastError   *RunError       `json:"last_error"`
	StepDetails json.RawMessage `json:"step_details"`
	Metadata    Metadata        `json:"metadata"`
	Usage       *RunUsage       `json:"usage"`
}

// A File is one that was uploaded.
type File struct {
	ID        string `json:"id"`     // file-…
	Object    string `json:"object"` // file
	Bytes     int64  `json:"bytes"`
	CreatedAt int64  `json:"created_at"`
	ExpiresAt *int64 `json:"expires_at,omitempty"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"` // assistants, vision, user_data, batch, fine-tune, evals
	Status    string `json:"status"`  // processed
}

// A Response is a stored one of POST /v1/responses.
type Response struct {
	ID           string
	CreatedAt    int64
	Previous     string          // id of the response that it goes on from; may be empty
	Conversation string          // id of the conversation that it belongs to; may be empty
	Body         json.RawMessage // the object as the client got it
	Input        []Item          // what this request brought, without what went before
	Output       []Item
}

// An Item is one of a response's input or output, or of a conversation.
type Item struct {
	ID   string
	Body json.RawMessage // the object, with its id
}

// A Conversation holds items of responses.
type Conversation struct {
	ID        string   `json:"id"`     // conv_…
	Object    string   `json:"object"` // conversation
	CreatedAt int64    `json:"created_at"`
	Metadata  Metadata `json:"metadata"`
}

// A Page says which part of a list is wanted. After and Before are ids, and exclude
// the object itself.
type Page struct {
	Limit         int  // 1 to 100; 0 is 20
	Ascending     bool // oldest first
	After, Before string
}

// A List is a part of all there are.
type List[T any] struct {
	Object  string  `json:"object"` // list
	Data    []T     `json:"data"`   // never nil
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}
