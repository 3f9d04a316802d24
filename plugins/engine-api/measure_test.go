package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// TestAnswersThatGrow: a few bytes become a hundred times as many where an answer is taken
// apart, so one of too many values is not.
func TestAnswersThatGrow(t *testing.T) {
	many := strings.Repeat("{},", 2<<20) + "{}"
	calls := strings.Repeat(`{"functionCall":{"name":"f"}},`, 1500) + "{}"
	for name, test := range map[string]struct{ provider, body, says string }{
		"blocks of Anthropic's": {"anthropic", `event: message_start` + "\n" + `data: {"type":"message_start","message":{"content":[` + many + `]}}`, "larger than"},
		"parts of Google's":     {"google", `data: {"candidates":[{"content":{"parts":[` + many + `]},"finishReason":"STOP"}]}`, "larger than"},
		"lines of Google's":     {"google", `data: {"candidates":[{"content":{"parts":[` + strings.ReplaceAll(many, ",", ",\ndata: ") + `]},"finishReason":"STOP"}]}`, "larger than"},
		"calls of Google's":     {"google", `data: {"candidates":[{"content":{"parts":[` + calls + `]},"finishReason":"STOP"}]}`, "more than 1024 tools"},
		"events of Cohere's":    {"cohere", `data: {"type":"x","y":[` + many + `]}`, "larger than"},
	} {
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " ", stream), func(t *testing.T) {
				service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					fmt.Fprint(w, test.body+"\n\n")
				}))
				t.Cleanup(service.Close)
				w := ask(t, openModel(t, test.provider, service.URL, ""), sdk.OpChat, fmt.Sprintf(`{"stream":%v,"messages":[{"role":"user","content":"x"}]}`, stream))
				if !strings.Contains(w.Body.String(), test.says) {
					t.Errorf("%d %.300s", w.Code, w.Body)
				}
			})
		}
	}
}

// TestListsThatGrow are refused, whoever's they are.
func TestListsThatGrow(t *testing.T) {
	many := strings.Repeat("{},", 2<<20) + "{}"
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"data":[%s],"models":[%s]}`, many, many)
	}))
	t.Cleanup(service.Close)
	for _, provider := range []string{"openai", "azure", "anthropic", "cohere", "google"} {
		t.Run(provider, func(t *testing.T) {
			u := openModel(t, provider, service.URL, "")
			if list, err := u.row.language().models(context.Background(), u); err == nil || !strings.Contains(err.Error(), "larger than") {
				t.Errorf("%d models, %v", len(list), err)
			}
		})
	}
}

// TestNamesAreNoPaths: Azure has them in its paths.
func TestNamesAreNoPaths(t *testing.T) {
	for _, name := range []string{".", ".."} {
		if _, err := configured(t, "azure", `{"base_url": "https://x.openai.azure.com"}`, map[string]string{"api_key": key}).opened(t, "m", fmt.Sprintf(`{"settings": {"deployment_name": %q}}`, name)); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestManyFields: each is looked for among all, so there are not too many.
func TestManyFields(t *testing.T) {
	u := openModel(t, "cohere", "http://127.0.0.1:9", "")
	if w := ask(t, u, sdk.OpChat, `{`+strings.Repeat(`"max_completion_tokens":1,`, 100_000)+`"messages":[]}`); w.Code != 400 || !strings.Contains(w.Body.String(), "fields") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
