package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// A StatusError is a service that answered, and refused. An importer that knows
// more than the status says writes its own sentence.
type StatusError struct {
	Status int         // of HTTP
	Host   string      // that answered, which after redirects may be another one
	Header http.Header // of the answer
	Body   []byte      // its first 4 KiB
}

// Error is a sentence for the user.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("'%s' answers %d %s", e.Host, e.Status, http.StatusText(e.Status))
	if says := e.Says(); says != "" {
		text += ": " + says
	}
	return text
}

// Unwrap gives the error the code of its status.
func (e *StatusError) Unwrap() error { return &sdk.Error{Code: e.code(), Message: e.Error()} }

func (e *StatusError) code() sdk.Code {
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, e.Status == http.StatusProxyAuthRequired:
		return sdk.CodeUnauthorized
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone:
		return sdk.CodeNotFound
	case e.Status == http.StatusTooManyRequests, e.Status >= 500, e.Status < 400:
		return sdk.CodeUnavailable
	}
	return sdk.CodeInvalid
}

// Says is the service's own sentence in one line, from the usual places of a JSON
// body; empty where there is none.
func (e *StatusError) Says() string {
	var body struct {
		Error       json.RawMessage `json:"error"`
		Message     string          `json:"message"`
		Description string          `json:"error_description"` // OAuth
	}
	if json.Unmarshal(e.Body, &body) != nil {
		return ""
	}
	var inner struct {
		Message string `json:"message"`
	}
	says := body.Description
	if says == "" && json.Unmarshal(body.Error, &inner) == nil {
		says = inner.Message
	}
	if says == "" && json.Unmarshal(body.Error, &says) != nil || says == "" {
		says = body.Message
	}
	return oneLine(says)
}

// oneLine is foreign text for a log or an answer.
func oneLine(text string) string {
	const longest = 300
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == ' ' || r == 0x85 || r == 0xa0 }), " ")
	if runes := []rune(strings.ToValidUTF8(text, "?")); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

func refusal(answer *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxErrorText)) // of an error; what has come of it is enough
	return &StatusError{Status: answer.StatusCode, Host: answer.Request.URL.Host, Header: answer.Header, Body: body}
}
