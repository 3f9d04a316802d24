package api_test

import (
	"testing"

	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/sdk"
)

func TestFit(t *testing.T) {
	for said, want := range map[string]string{
		"Field 'top_p': [json.exception.type_error.302] type must be number, but is string": "Field 'top_p': type must be number, but is string",
		"[json.exception.out_of_range.403] key 'prompt' not found":                          "key 'prompt' not found",
		"cannot open /home/me/.enginebay/models/x/x.gguf: no such file":                     "cannot open x.gguf: no such file",
		`cannot open "C:\Users\me\x.gguf"`:                                                  `cannot open "x.gguf"`,
		"POST /v1/chat/completions wants a model":                                           "POST /v1/chat/completions wants a model",
		"see https://docs.example/api/errors, and use 1/2 of it":                            "see https://docs.example/api/errors, and use 1/2 of it",
	} {
		if got := api.Fit(said); got != want {
			t.Errorf("%q\n got %q\nwant %q", said, got, want)
		}
	}
}

func TestEngineFailed(t *testing.T) {
	const token = `data: {"choices":[{"delta":{"content":"data: {\"error\":"}}]}` + "\n\n"
	for _, test := range []struct {
		op     sdk.Operation
		events string
		at     int
		says   string
	}{
		{sdk.OpChat, token, 0, ""},
		{sdk.OpChat, `data: {"error":{"code":500,"message":"no"}}` + "\n\n", 0, "no"},
		{sdk.OpChat, token + `data: {"error":{"code":500,"message":"no"}}` + "\n\n", len(token), "no"},
		{sdk.OpMessages, "event: error\n" + `data: {"code":500,"message":"no"}` + "\n\n", 0, "no"},
		{sdk.OpResponses, "event: error\n" + `data: {"type":"error","message":"no"}` + "\n\n", 0, ""},
	} {
		at, e := api.EngineFailed(test.op, test.events)
		if at != test.at || (e == nil) != (test.says == "") || e != nil && (e.Message != test.says || e.Code != nil) {
			t.Errorf("%q: %d, %v", test.events, at, e)
		}
	}
}
