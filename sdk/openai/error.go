package openai

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// An Error is the answer to a request that is not done, in OpenAI's form:
// {"error": {"message": …, "type": …, "param": …, "code": …}}.
type Error struct {
	Status     int           // of HTTP; from 500 on it is no fault of the request
	Message    string        // for people, with the next step
	Param      string        // the field that is wrong; may be empty
	Code       string        // for programs: "unsupported_parameter"; may be empty
	RetryAfter time.Duration // when to ask again, rounded up to seconds; 0 does not say
	RequestID  string        // what a service behind the plugin calls the request, for its support; may be empty
}

// Errorf makes the error of a request that is wrong: status 400. param and code may be
// empty.
func Errorf(param, code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...), Param: param, Code: code}
}

// statuses are those of errors of what is behind a handler. That it does not take the
// plugin's key is no fault of the client's.
var statuses = map[sdk.Code]int{
	sdk.CodeInvalid: http.StatusBadRequest, sdk.CodeNotFound: http.StatusNotFound, sdk.CodeUnauthorized: http.StatusBadGateway,
	sdk.CodeExhausted: http.StatusTooManyRequests, sdk.CodeUnsupported: http.StatusBadRequest, sdk.CodeUnavailable: http.StatusBadGateway,
}

// From makes an answer of an error: an [*Error] in its chain as it is, an [*sdk.Error]
// with the status that its code means, and any other with status 500 and without its
// words, which are for the log.
func From(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Status: http.StatusInternalServerError, Message: "The engine failed to answer; its log has the details"}
	var coded *sdk.Error
	if errors.As(err, &coded) {
		e.Message = coded.Message
		if status, ok := statuses[coded.Code]; ok {
			e.Status = status
		}
	}
	return e
}

// Error implements error: the message.
func (e *Error) Error() string { return e.Message }

// MarshalJSON writes what stands under "error".
func (e *Error) MarshalJSON() ([]byte, error) {
	kind := "invalid_request_error"
	if e.Status >= http.StatusInternalServerError {
		kind = "server_error"
	}
	message := e.Message
	if e.RequestID != "" {
		message += " (request id " + e.RequestID + ")"
	}
	return marshal(struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}{message, kind, orNull(e.Param), orNull(e.Code)})
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Write answers with the error.
func (e *Error) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if e.RequestID != "" {
		w.Header().Set("X-Upstream-Request-Id", e.RequestID)
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(append(encode(map[string]*Error{"error": e}), '\n')) // a client that left needs no answer
}

// Event is the error as the last event of a stream, with the line that ends it, in the
// form that clients of the operation understand.
func (e *Error) Event(op sdk.Operation) []byte {
	switch op {
	case sdk.OpMessages: // https://docs.anthropic.com/en/api/messages-streaming, "Error events"
		text := encode(map[string]any{"type": "error", "error": map[string]any{"type": "api_error", "message": e.Message}})
		return fmt.Appendf(nil, "event: error\ndata: %s\n\n", text)
	case sdk.OpResponses: // ResponseErrorEvent of OpenAI's document
		text := encode(map[string]any{"type": "error", "code": orNull(e.Code), "message": e.Message, "param": orNull(e.Param), "sequence_number": 0})
		return fmt.Appendf(nil, "event: error\ndata: %s\n\n", text)
	}
	return fmt.Appendf(nil, "data: %s\n\n", encode(map[string]*Error{"error": e}))
}

// encode writes JSON whose texts stay readable: no "<" becomes "\u003c".
func encode(v any) []byte {
	text, err := marshal(v)
	if err != nil { // texts and numbers cannot fail
		return []byte("null")
	}
	return text
}
