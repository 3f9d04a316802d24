package openai_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk/openai"
)

func TestBody(t *testing.T) {
	b, err := openai.ReadBody(httptest.NewRequest("POST", "/", strings.NewReader(`{"n": 2, "stop": null, "seed": 18446744073709551615}`)))
	if err != nil {
		t.Fatal(err)
	}
	n, text := 0, ""
	if !b.Read("n", &n) || n != 2 || b.Read("n", &text) || b.Read("stop", &n) || b.Read("top_p", &n) {
		t.Errorf("n is %d", n)
	}
	if b.Has("stop") || b.Has("top_p") || !b.Has("n") {
		t.Error("what is null or not there counts")
	}
	b.Set("stop", []string{"<s>"})
	if string(b["stop"]) != `["<s>"]` || string(b["seed"]) != "18446744073709551615" {
		t.Errorf("%s", b)
	}
}

func TestBodyThatIsNone(t *testing.T) {
	for name, test := range map[string]struct {
		body   string
		status int
	}{"empty": {"", 400}, "null": {"null", 400}, "a list": {"[]", 400}, "no JSON": {"{", 400}} {
		t.Run(name, func(t *testing.T) {
			_, err := openai.ReadBody(httptest.NewRequest("POST", "/", strings.NewReader(test.body)))
			if err == nil || openai.From(err).Status != test.status {
				t.Errorf("%v", err)
			}
		})
	}
}
