package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// TestTEI: ranks of Text Embeddings Inference come in Jina's form.
func TestTEI(t *testing.T) {
	address := answering(t, func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Query string
			Texts []string
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.URL.Path != "/rerank" || asked.Query != "q" || strings.Join(asked.Texts, ",") != "a,b,c" {
			t.Errorf("%s %+v %v", r.URL, asked, err)
		}
		fmt.Fprint(w, `[{"index":1,"score":0.9},{"index":0,"score":0.1},{"index":2,"score":0.95},{"index":7,"score":0.05}]`)
	})
	l := load(t, "tei", address, `{}`)
	for body, want := range map[string]string{
		`{"model":"m","query":"q","documents":["a",{"text":"b"},"c"]}`:                          `[{"index":2,"relevance_score":0.95},{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.1}]`,
		`{"model":"m","query":"q","documents":["a","b","c"],"top_n":1,"return_documents":true}`: `[{"document":{"text":"c"},"index":2,"relevance_score":0.95}]`,
	} {
		resp := l.ask(t, sdk.OpRerank, body)
		if got := said(t, resp); resp.StatusCode != 200 || !strings.Contains(got, `"results":`+want) || !strings.Contains(got, `"model":"m"`) {
			t.Errorf("%d %s", resp.StatusCode, got)
		}
	}
	for _, body := range []string{`{"model":"m","query":"q"}`, `{"model":"m","documents":[]}`, `{"model":"m","query":"q","documents":[1]}`} {
		if resp := l.ask(t, sdk.OpRerank, body); resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", body, resp.StatusCode, said(t, resp))
		}
	}
}
