package openai_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

func TestError(t *testing.T) {
	for want, e := range map[string]*openai.Error{
		`{"error":{"message":"no 'n' < 1","type":"invalid_request_error","param":"n","code":"unsupported_parameter"}}`:                openai.Errorf("n", "unsupported_parameter", "no '%s' < 1", "n"),
		`{"error":{"message":"it broke (request id r-1)","type":"server_error","param":null,"code":null}}`:                            {Status: 502, Message: "it broke", RequestID: "r-1"},
		`{"error":{"message":"busy","type":"invalid_request_error","param":null,"code":null}}`:                                        {Status: 429, Message: "busy", RetryAfter: 1500 * time.Millisecond},
		`{"error":{"message":"no memory","type":"invalid_request_error","param":null,"code":null}}`:                                   openai.From(fmt.Errorf("load: %w", sdk.Errorf(sdk.CodeExhausted, "no memory"))),
		`{"error":{"message":"The engine failed to answer; its log has the details","type":"server_error","param":null,"code":null}}`: openai.From(errors.New("dial 10.0.0.1")),
	} {
		w := httptest.NewRecorder()
		e.Write(w)
		if got := w.Body.String(); got != want+"\n" || w.Code != e.Status || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %s", w.Code, got)
		}
		if after := w.Header().Get("Retry-After"); (after == "2") != (e.RetryAfter > 0) || w.Header().Get("X-Upstream-Request-Id") != e.RequestID {
			t.Errorf("%s: %v", want, w.Header())
		}
	}
	if own := openai.Errorf("", "", "mine"); openai.From(fmt.Errorf("ask: %w", own)) != own {
		t.Error("an error of its own form is another one")
	}
}

func TestErrorAsAnEvent(t *testing.T) {
	e := openai.Errorf("n", "c", "no")
	for op, want := range map[sdk.Operation]string{
		sdk.OpChat:      `data: {"error":{"message":"no","type":"invalid_request_error","param":"n","code":"c"}}`,
		sdk.OpMessages:  "event: error\n" + `data: {"error":{"message":"no","type":"api_error"},"type":"error"}`,
		sdk.OpResponses: "event: error\n" + `data: {"code":"c","message":"no","param":"n","sequence_number":0,"type":"error"}`,
	} {
		if got := string(e.Event(op)); got != want+"\n\n" {
			t.Errorf("%s: %s", op, got)
		}
	}
}
