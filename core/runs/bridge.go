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
	// early with ctx, which bounds the answer as well. An error is an [openai.Error],
	// which is what a client would have been answered, with its status: 404 where there
	// is no such model, 429 where the queue is full or a quota is used up, 400 with what
	// the engine said (code context_length_exceeded where it was too long), 503.
	Chat(ctx context.Context, c Chat) (*Answer, error)

	// Model describes a model or a route, without loading it. [sdk.CodeNotFound]: there
	// is none.
	Model(ctx context.Context, id string) (Model, error)

	// Count counts the tokens of each text, for which the model is loaded: an error is
	// then the one of loading it. [sdk.CodeUnsupported] where the engine cannot count,
	// and where it is not known yet which model of a route will answer.
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

// A Model is what a run must know of one.
type Model struct {
	Context    int                   // tokens for a request with its answer, per slot; 0: unknown
	Parameters map[string]core.Value // defaults of a request, with the layers that they come from
	Settings   map[string]core.Value // that it is loaded with
}
