package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// tei is the dialect of Hugging Face's Text Embeddings Inference: OpenAI's, but for
// reranking, which it has in a form of its own, and at the top.
type tei struct{ openAI }

// operations implements dialect: the server has one model, for the one or the other.
func (tei) operations(u *upstream) []sdk.Operation {
	if ops := ofKind(u.kind, u.name); ops != nil {
		return ops
	}
	return []sdk.Operation{sdk.OpEmbedding, sdk.OpRerank}
}

// serve implements dialect.
func (d tei) serve(u *upstream, op sdk.Operation, w http.ResponseWriter, r *http.Request) error {
	if op != sdk.OpRerank {
		return d.openAI.serve(u, op, w, r)
	}
	b, err := readBody(r)
	if err != nil {
		return err
	}
	texts, err := documents(b)
	if err != nil {
		return err
	}
	top := *u.base
	top.Path = "/rerank"
	resp, err := u.post(r, top.String(), encode(map[string]any{"query": b.get("query").String(), "texts": texts, "truncate": true}))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var ranks []rank
	if err := json.NewDecoder(atOnce(resp.Body, maxList)).Decode(&ranks); err != nil {
		return fmt.Errorf("read the ranks: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	if id := requestID(resp.Header); id != "" {
		w.Header().Set("X-Upstream-Request-Id", id)
	}
	_, err = w.Write(encode(map[string]any{"object": "list", "model": u.name, "results": results(b, ranks, texts)}))
	return err
}

// rank is one text's in the server's form.
type rank struct {
	Index int     `json:"index"`
	Score float64 `json:"score"`
}

// documents are the texts of a request, which are texts or objects with one.
func documents(b body) ([]string, error) {
	list := b.get("documents")
	if b.get("query").Type != gjson.String || !list.IsArray() {
		return nil, openai.Errorf("documents", "invalid_type", "A rerank has a text as 'query' and a list as 'documents'")
	}
	texts := []string{}
	for _, document := range list.Array() {
		if document.IsObject() {
			document = document.Get("text")
		}
		if document.Type != gjson.String {
			return nil, openai.Errorf("documents", "invalid_type", "Each of 'documents' is a text, or an object with one as 'text'")
		}
		texts = append(texts, document.Str)
	}
	return texts, nil
}

// results are the ranks in Jina's form, the best first.
func results(b body, ranks []rank, texts []string) []map[string]any {
	slices.SortStableFunc(ranks, func(a, b rank) int { return cmp.Compare(b.Score, a.Score) })
	if n := b.get("top_n"); n.Type == gjson.Number && n.Int() >= 0 && int(n.Int()) < len(ranks) {
		ranks = ranks[:n.Int()]
	}
	all := []map[string]any{}
	for _, r := range ranks {
		if r.Index < 0 || r.Index >= len(texts) {
			continue
		}
		one := map[string]any{"index": r.Index, "relevance_score": r.Score}
		if b.get("return_documents").Bool() {
			one["document"] = map[string]string{"text": texts[r.Index]}
		}
		all = append(all, one)
	}
	return all
}
