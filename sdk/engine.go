package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// An Engine loads models and answers requests with them. That one method is
// all that an engine must have; [Inspector] and [Lister] are further abilities that
// the core finds by type assertion.
type Engine interface {
	// Load makes req.Model ready to answer and returns it as an Instance. It
	// blocks until the instance answers, which may take minutes, and calls
	// progress from one goroutine as it goes on. It may run concurrently for
	// different requests. When ctx ends, Load stops, frees what it took and returns.
	//
	// Errors: [CodeInvalid] for settings or a model file that can never load,
	// [CodeUnsupported] for a model that this engine cannot run,
	// [CodeExhausted] where memory is short, [CodeUnavailable] for what may work later.
	Load(ctx context.Context, req LoadRequest, progress func(Progress)) (Instance, error)
}

// An Inspector tells what an engine can do with a model without loading it.
type Inspector interface {
	// Inspect must be quick (the core gives it seconds) and start nothing. A
	// model that the engine cannot run is no error: Inspection.Reasons says why.
	Inspect(ctx context.Context, req LoadRequest) (Inspection, error)
}

// A Lister names the models that an engine could load without a file of theirs:
// those of a remote service.
type Lister interface {
	// Models asks the service, and returns a model file for each of its models. The
	// ID is the name at the service, and Settings what a load needs to know beside
	// those of the deployment: {"model": "gpt-4o"}. The core keeps the answer, and
	// asks again when it is old or a person wants it.
	//
	// Errors: [CodeUnauthorized] where the service wants another key,
	// [CodeUnavailable] when it does not answer, [CodeUnsupported] where it has no
	// such list or the deployment names no service.
	Models(ctx context.Context) ([]Manifest, error)
}

// An Instance is one Model loaded by one Deployment. Both sides of the wire
// hold this type: the engine returns it, and the core gets one that asks the engine.
type Instance interface {
	// Endpoint says where the instance answers OpenAI-shaped HTTP. It does not
	// block, and always returns the same value.
	Endpoint() Endpoint

	// Wait blocks until the instance has ended, by itself or by Close. The
	// error says why it ended by itself; after Close it is nil. It may be
	// called by many goroutines.
	Wait() error

	// Close ends the instance and returns when its memory is free, or when ctx
	// ends; the instance is gone all the same. A second call waits for the first.
	Close(ctx context.Context) error
}

// A LoadRequest names a model and how to load it.
type LoadRequest struct {
	Model Model // what to load

	// Settings are the effective settings: every layer merged, and checked
	// against the plugin's own settings schema. A JSON object.
	Settings json.RawMessage

	// RunPath is the beginning of paths in the run folder that belong to this load
	// alone, for what a server is given: RunPath + ".sock" is short enough for the path
	// of a unix socket. Set by the SDK for Load, and empty for Inspect.
	RunPath string

	// Log takes what the instance has to say; its lines appear in the core's log
	// under the names of the deployment and the model. Set by the SDK.
	Log hclog.Logger
}

// Decode reads the effective settings into v, as [json.Unmarshal] does.
func (r LoadRequest) Decode(v any) error {
	if len(r.Settings) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.Settings, v); err != nil {
		return Errorf(CodeInvalid, "settings of %s: %v", r.Model.ID, err)
	}
	return nil
}

// A Model is what an engine learns of a model: its name and its files.
type Model struct {
	ID       string   // as users name it; the instance answers with it as "model"
	Dir      string   // absolute path of the model's folder
	Files    []string // absolute paths of the weights, in the order of their parts; none for a remote model
	MMProj   string   // absolute path of the vision projector, if there is one
	Manifest Manifest // the model file; its Settings are one layer of LoadRequest.Settings
}

// Progress is how far a load has come.
type Progress struct {
	Fraction float64 // 0 to 1; below 0 where it is not known
	Note     string  // what happens now, for people: "reading weights"
}

// An Operation is a kind of request that an instance answers, named as the path
// of the OpenAI API below /v1 names it.
type Operation string

// The operations that the core knows. An engine may declare others, which nobody
// can ask for then.
const (
	OpChat          Operation = "chat/completions"
	OpCompletion    Operation = "completions"
	OpEmbedding     Operation = "embeddings"
	OpResponses     Operation = "responses"
	OpRerank        Operation = "rerank"                // as Jina and Cohere have it
	OpMessages      Operation = "messages"              // Anthropic's form
	OpCountTokens   Operation = "messages/count_tokens" // Anthropic's form
	OpTokenize      Operation = "tokenize"              // llama.cpp's form
	OpDetokenize    Operation = "detokenize"            // llama.cpp's form
	OpSpeech        Operation = "audio/speech"
	OpTranscription Operation = "audio/transcriptions" // multipart/form-data
	OpTranslation   Operation = "audio/translations"   // multipart/form-data
	OpImage         Operation = "images/generations"
	OpModeration    Operation = "moderations"
)

// Path is where an endpoint answers an operation: below /v1, but for those of
// llama.cpp's that every server of theirs has at the top.
func (op Operation) Path() string {
	if op == OpTokenize || op == OpDetokenize {
		return "/" + string(op)
	}
	return "/v1/" + string(op)
}

// An Inspection is what an engine can say of a model without loading it.
type Inspection struct {
	Operations    []Operation // what the model can be asked
	Vision        bool        // images are read in chat messages
	ContextLength int         // tokens of a request with its answer, as it would be loaded; 0 where unknown
	Memory        uint64      // bytes that loading it would take, an estimate; 0 where unknown
	Remote        bool        // it runs elsewhere and takes nothing of this machine: no limit on what is loaded counts it
	Reasons       []string    // why it cannot run here, one sentence each; none when it can
}

// An Endpoint is where an instance answers. Exactly one of Socket, URL and
// Handler is set.
type Endpoint struct {
	// Socket is the absolute path of a unix socket in a folder that only this
	// user can enter. HTTP/1.1 is spoken on it.
	Socket string

	// URL is the base address, such as "http://127.0.0.1:8000". The core adds
	// "/v1/chat/completions" and so on.
	URL string

	// Headers are sent with every request, such as an Authorization.
	Headers map[string]string

	// Handler answers in the plugin's own process: the SDK serves it on a
	// private unix socket, and the core sees that Socket.
	Handler http.Handler

	// Detour, if set, answers some of the requests in the plugin's own process; the
	// others go straight to the endpoint. It is for a server that is wanting in
	// something, as one that computes on when nobody waits for the answer any more.
	// The path, the body and the headers are those that the endpoint would get,
	// X-Request-Id and, where the request is traced, Traceparent among them. To it come
	//
	//   - the requests that do not ask for a stream,
	//   - the streams that DetourStreams names,
	//   - the streams that the endpoint has refused, with a status of 400 or above, so
	//     that it can say in better words what was wrong. Such a request arrives
	//     twice: at the endpoint, and then here.
	//
	// It answers as the body asks: where "stream" is true, with server-sent events.
	Detour http.Handler

	// DetourSocket is where the SDK serves Detour. An author leaves it empty.
	DetourSocket string

	// DetourStreams names the streams that go to Detour and not to the endpoint: all of an
	// operation, as "responses", or those of one whose body has a field at its top
	// level, as "chat/completions tool_choice". A field that is null does not count.
	// The operations are among Operations.
	DetourStreams []string

	// Operations are what the instance answers.
	Operations []Operation

	// Memory is what the instance has taken, in bytes, where the engine can tell: the
	// core counts it in place of the estimate. 0 is unknown.
	Memory uint64

	// Parallel is how many requests the instance works on at the same time: the
	// core lets no more at it, and the others wait with their callers taking turns.
	// 0 is any number.
	Parallel int
}

// Detours says whether the streams of an operation whose body has a field go to
// Detour; without a field, whether all of the operation's do.
func (e Endpoint) Detours(op Operation, field string) bool {
	return slices.ContainsFunc(e.DetourStreams, func(which string) bool {
		of, found := strings.CutPrefix(which, string(op))
		return found && (of == "" || field != "" && of[0] == ' ' && of[1:] == field)
	})
}

// Check says what is wrong with an endpoint, for the plugin's author. The SDK checks
// those that Load returns.
func (e Endpoint) Check() error {
	n := 0
	for _, set := range []bool{e.Socket != "", e.URL != "", e.Handler != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("endpoint has %d of Socket, URL and Handler; it must have one", n)
	}
	if e.Parallel < 0 {
		return fmt.Errorf("endpoint has a Parallel of %d; it is a number of requests, or 0 for any number", e.Parallel)
	}
	return e.checkDetours()
}

func (e Endpoint) checkDetours() error {
	if len(e.DetourStreams) > 0 && e.Detour == nil && e.DetourSocket == "" {
		return fmt.Errorf("endpoint has DetourStreams and no Detour that would answer")
	}
	for _, which := range e.DetourStreams {
		op, field, one := strings.Cut(which, " ")
		if !slices.Contains(e.Operations, Operation(op)) || one && (field == "" || strings.Contains(field, " ")) {
			return fmt.Errorf("endpoint has %q in DetourStreams; it must be one of its Operations, or one and a field behind a space", which)
		}
	}
	return nil
}
