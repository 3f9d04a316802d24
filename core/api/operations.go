package api

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/enginebay/enginebay/sdk"
)

// An operation is a kind of request that goes on to an engine.
type operation struct {
	sdk.Operation

	// renamed says which defaults of the model's file a request takes, and what it
	// calls them; nil is all, by their own names.
	renamed map[string]string

	form  bool // the body is multipart/form-data
	light bool // it takes none of the engine's slots
}

// operations are all that have a route, POST /v1/…; an engine may answer fewer,
// and more.
var operations = []operation{
	{Operation: sdk.OpChat},
	{Operation: sdk.OpCompletion},
	{Operation: sdk.OpEmbedding, renamed: map[string]string{"dimensions": "dimensions", "encoding_format": "encoding_format"}},
	{Operation: sdk.OpResponses, renamed: map[string]string{"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_output_tokens"}},
	{Operation: sdk.OpMessages, renamed: map[string]string{"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_tokens": "max_tokens", "stop": "stop_sequences"}},
	{Operation: sdk.OpCountTokens, renamed: none, light: true},
	{Operation: sdk.OpRerank, renamed: none},
	{Operation: sdk.OpTokenize, renamed: none, light: true},
	{Operation: sdk.OpDetokenize, renamed: none, light: true},
	{Operation: sdk.OpSpeech, renamed: none},
	{Operation: sdk.OpTranscription, renamed: none, form: true},
	{Operation: sdk.OpTranslation, renamed: none, form: true},
	{Operation: sdk.OpImage, renamed: none},
	{Operation: sdk.OpModeration, renamed: none},
}

// none are the defaults of an operation for which those of a chat would be wrong.
var none = map[string]string{}

// read reads what is decided upon in a client's request, and says what is wrong with it.
func (op operation) read(r *fasthttp.Request) (request, error) {
	if op.form {
		return parseForm(string(r.Header.ContentType()), r.Body())
	}
	return op.parse(r.Body())
}

// parse is read for a body of JSON, which must not change while the request lasts.
func (op operation) parse(body []byte) (request, error) {
	req, err := parse(body)
	if err == nil {
		err = forms[op.Operation].check(req)
	}
	return req, err
}

// defaults are those of the model's parameters that a request takes.
func (op operation) defaults(parameters map[string]any) map[string]any {
	if op.renamed == nil {
		return parameters
	}
	few := map[string]any{}
	for name, as := range op.renamed {
		if value, ok := parameters[name]; ok {
			few[as] = value
		}
	}
	return few
}

// breakOff is the last event of a stream that an engine did not finish, in the form
// that clients of the operation understand. What stood before may be half a line.
func (op operation) breakOff(e *apiError) []byte {
	switch op.Operation {
	case sdk.OpMessages:
		return fmt.Appendf(nil, "\n\nevent: error\ndata: %s\n\n", e.messagesBody())
	case sdk.OpResponses:
		event, _ := json.Marshal(map[string]any{"type": "error", "code": e.Code, "message": e.Message, "param": e.Param, "sequence_number": 0}) // of strings: it cannot fail
		return fmt.Appendf(nil, "\n\nevent: error\ndata: %s\n\n", event)
	}
	return fmt.Appendf(nil, "\n\ndata: %s\n\n", e.body())
}

// routed are those operations of an instance that have a route.
func routed(all []sdk.Operation) []string {
	names := []string{}
	for _, op := range operations {
		if slices.Contains(all, op.Operation) {
			names = append(names, string(op.Operation))
		}
	}
	return names
}
