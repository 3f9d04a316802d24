package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// TestKeysStay: whatever a service repeats of its request, nobody who may chat sees
// the key: in the midst of a stream, in an answer with its length, in the head.
func TestKeysStay(t *testing.T) {
	tricky := `k/e+y"12345<67890>abc`
	for secret, written := range map[string][]string{
		key:    {key, base64.StdEncoding.EncodeToString([]byte(key)), base64.URLEncoding.EncodeToString([]byte("Bearer " + key)), base64.StdEncoding.EncodeToString([]byte("u:" + key + "\n"))},
		tricky: {tricky, `k/e+y\"12345<67890>abc`, `k/e+y\"12345\u003c67890\u003eabc`, url.QueryEscape(tricky), base64.StdEncoding.EncodeToString([]byte(tricky)), base64.RawURLEncoding.EncodeToString([]byte(tricky))},
	} {
		for _, form := range written {
			for name, kind := range map[string]string{"stream": "text/event-stream", "whole": "application/json", "cut": "text/event-stream", "late": "application/json"} {
				t.Run(name+" "+form, func(t *testing.T) {
					begin := `{"error":{"message":"`
					text := begin + form + `"}}`
					if name != "late" {
						text = "data: {\"x\":1,\"y\":\"\"}\n\ndata: " + text + "\n\n"
					}
					address := answering(t, func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Type", kind)
						w.Header().Set("X-Request-Id", secret)
						if name == "whole" {
							w.Header().Set("Content-Length", fmt.Sprint(len(text)))
						}
						pieces := []string{text}
						if name == "cut" {
							pieces = strings.SplitAfter(text, "")
						}
						for _, piece := range pieces {
							fmt.Fprint(w, piece)
							_ = http.NewResponseController(w).Flush()
						}
					})
					quiet(t)
					u, err := configured(t, "deployed", fmt.Sprintf(`{"base_url": %q}`, address), map[string]string{"api_key": secret}).opened(t, "m", `{}`)
					if err != nil {
						t.Fatal(err)
					}
					resp := (&loaded{u, strings.TrimSuffix(served(t, u), "/v1/")}).ask(t, sdk.OpChat, chatBody)
					body := said(t, resp)
					core := strings.Trim(form, "=")
					if strings.Contains(body, core[4:len(core)-4]) || strings.Contains(fmt.Sprint(resp.Header), secret) {
						t.Errorf("the key is out: %v %s", resp.Header, body)
					}
					if name != "late" && len(body) != len(text) {
						t.Errorf("%d bytes of %d: %s", len(body), len(text), body)
					}
				})
			}
		}
	}
}
