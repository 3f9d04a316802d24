package runs

import (
	"context"
	"io"

	"github.com/enginebay/enginebay/core"
)

// A Bridge is how a run reaches models: the way of any other request, with its
// routes, queue, retries, quotas and metrics. All methods may be called concurrently.
type Bridge interface {
	// Chat sends a chat completion that streams, and blocks until a model has begun to
	// answer: in the queue for a slot, and while the model is loaded, too. It ends
	// early with ctx, which bounds the answer as well. Errors are those of a request:
	// [sdk.CodeNotFound] where there is no such model, [sdk.CodeExhausted] where the
	// queue is full or a quota is used up, [sdk.CodeUnavailable], [sdk.CodeInvalid] with
	// what the engine said.
	Chat(ctx context.Context, c Chat) (*Answer, error)

	// Model describes a model or a route, without loading it. [sdk.CodeNotFound]: there
	// is none.
	Model(ctx context.Context, id string) (Model, error)

	// Count counts the tokens of each text. [sdk.CodeUnsupported] where the engine
	// cannot, or is not running.
	Count(ctx context.Context, model string, texts []string) ([]int, error)
}

// A Chat is a request for a chat completion.
type Chat struct {
	Model     string
	Caller    string // the API key's id, as quotas and metrics know it
	RequestID string
	Body      []byte // a chat completion with "stream": true and stream_options.include_usage
}

// An Answer is one that has begun.
type Answer struct {
	Model  string        // that answers: not always the one that was asked for, see routes
	Stream io.ReadCloser // server-sent chunks, as POST /v1/chat/completions gives them; Close ends the lease, and counts
}

// A Refusal is an answer of an engine that is no chat: how Chat says that a model
// refused a request, for whoever can do something about it.
type Refusal struct {
	Status int    // HTTP's
	Body   []byte // an error in OpenAI's form, or whatever the engine sent; the beginning of it
	Err    error  // what is said to users
}

// Error returns the sentence for users.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the coded error.
func (r *Refusal) Unwrap() error { return r.Err }

// A Model is what a run must know of one.
type Model struct {
	Context    int                   // tokens for a request with its answer, per slot; 0: unknown
	Parameters map[string]core.Value // defaults of a request, with the layers that they come from
	Settings   map[string]core.Value // that it is loaded with
}
