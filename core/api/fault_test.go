package api

import "testing"

func TestFit(t *testing.T) {
	for said, want := range map[string]string{
		"Field 'top_p': [json.exception.type_error.302] type must be number, but is string": "Field 'top_p': type must be number, but is string",
		"[json.exception.out_of_range.403] key 'prompt' not found":                          "key 'prompt' not found",
		"cannot open /home/me/.enginebay/models/x/x.gguf: no such file":                     "cannot open x.gguf: no such file",
		`cannot open "C:\Users\me\x.gguf"`:                                                  `cannot open "x.gguf"`,
		"POST /v1/chat/completions wants a model":                                           "POST /v1/chat/completions wants a model",
		"see https://docs.example/api/errors, and use 1/2 of it":                            "see https://docs.example/api/errors, and use 1/2 of it",
	} {
		if got := fit(said); got != want {
			t.Errorf("%q\n got %q\nwant %q", said, got, want)
		}
	}
}
