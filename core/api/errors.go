package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// apiError is an error in OpenAI's form.
type apiError struct {
	status  int
	after   time.Duration // when to try again; 0 where it is not known
	Message string        `json:"message"`
	Type    string        `json:"type"`
	Param   *string       `json:"param"`
	Code    *string       `json:"code"`
}

func (e *apiError) Error() string { return e.Message }

// body is the whole answer.
func (e *apiError) body() []byte {
	b, _ := json.Marshal(map[string]*apiError{"error": e}) // of strings: it cannot fail
	return b
}

// messagesBody is the answer as Anthropic's clients read it; those of OpenAI do too.
func (e *apiError) messagesBody() []byte {
	theirs := *e
	theirs.Type = messagesTypeOf(e.status)
	return append([]byte(`{"type":"error",`), theirs.body()[1:]...)
}

// fault makes an error; param and code may be empty.
func fault(status int, message, param, code string) *apiError {
	return &apiError{status: status, Message: message, Type: typeOf(status), Param: orNil(param), Code: orNil(code)}
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// typeOf is what OpenAI calls the kind of an error.
func typeOf(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}

// messagesTypeOf is what Anthropic calls the kind of an error.
func messagesTypeOf(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "not_found_error"
	case status == http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case status == http.StatusServiceUnavailable, status == 529: // their own, for the same
		return "overloaded_error"
	case status >= 500:
		return "api_error"
	}
	return typeOf(status)
}

// statusClientGone is nginx's number for a client that left; it only ever
// reaches the log.
const statusClientGone = 499

// statuses turns the codes of the contract into HTTP: the one table for it.
var statuses = map[sdk.Code]struct {
	status int
	code   string
}{
	sdk.CodeInvalid:      {http.StatusBadRequest, "invalid_request"},
	sdk.CodeNotFound:     {http.StatusNotFound, "model_not_found"},
	sdk.CodeUnauthorized: {http.StatusForbidden, "unauthorized"},
	sdk.CodeUnavailable:  {http.StatusServiceUnavailable, "unavailable"},
	sdk.CodeExhausted:    {http.StatusInsufficientStorage, "exhausted"},
	sdk.CodeUnsupported:  {http.StatusBadRequest, "unsupported"},
	sdk.CodeCanceled:     {statusClientGone, "canceled"},
	sdk.CodeInternal:     {http.StatusInternalServerError, "internal_error"},
}

// translate makes an answer of any error. Only what was written for users gets
// out: the message of an [sdk.Error], never the text of a cause.
func translate(err error) *apiError {
	var ours *apiError
	if errors.As(err, &ours) {
		return ours
	}
	if answer := kept(err); answer != nil {
		return answer
	}
	var coded *sdk.Error
	if errors.As(err, &coded) {
		to := statuses[coded.Code]
		if errors.Is(err, store.ErrConflict) {
			return fault(http.StatusConflict, coded.Message, "", "conflict")
		}
		answer := fault(to.status, coded.Message, "", to.code)
		var retry *core.RetryError
		if errors.As(err, &retry) {
			answer.after = retry.After
			if coded.Code == sdk.CodeExhausted { // a place in the queue, and not memory
				answer = fault(http.StatusTooManyRequests, coded.Message, "", "queue_full")
				answer.after = retry.After
				if retry.Rate {
					answer.Code = orNil("rate_limit_exceeded")
				}
			}
		}
		return answer
	}
	var web *fiber.Error
	if errors.As(err, &web) {
		return fromFiber(web)
	}
	if errors.Is(err, context.DeadlineExceeded) { // see storeTimeout
		return fault(http.StatusServiceUnavailable, "The database did not answer in time; try again", "", "unavailable")
	}
	return fault(http.StatusInternalServerError, "The server met a fault of its own; its log has the details", "", "internal_error")
}

// fromFiber is the answer to what no handler of ours has seen.
func fromFiber(err *fiber.Error) *apiError {
	switch err.Code {
	case http.StatusBadRequest:
		return fault(err.Code, "This is no request that can be read as HTTP/1.1", "", "malformed_request")
	case http.StatusNotFound:
		return fault(err.Code, "There is no such route; GET /openapi.json describes those that there are", "", "unknown_url")
	case http.StatusMethodNotAllowed:
		return fault(err.Code, "This route does not take that method", "", "method_not_allowed")
	case http.StatusRequestTimeout:
		return fault(err.Code, "The request did not arrive whole in time", "", "request_timeout")
	case http.StatusRequestHeaderFieldsTooLarge:
		return fault(err.Code, "The request's headers are too large; 16 KiB is the limit", "", "headers_too_large")
	}
	return fault(err.Code, http.StatusText(err.Code), "", "")
}
