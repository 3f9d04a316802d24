package main

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
)

// cohereEmbed is a request for embeddings.
type cohereEmbed struct {
	Model           string           `json:"model"`
	Texts           []string         `json:"texts"`
	Images          []string         `json:"images"`
	Inputs          []map[string]any `json:"inputs"`
	InputType       string           `json:"input_type"`
	MaxTokens       *int             `json:"max_tokens"`
	OutputDimension *int             `json:"output_dimension"`
	EmbeddingTypes  []string         `json:"embedding_types"`
	Truncate        string           `json:"truncate"`
}

func (e *cohereEmbed) judge() error {
	switch {
	case e.Model == "":
		return errors.New("model is required")
	case len(e.Texts) == 0:
		return errors.New("texts must have at least 1 text")
	case len(e.Texts) > 96:
		return errors.New("total number of texts must be at most 96")
	case slices.Contains(e.Texts, ""):
		return errors.New("texts must not be empty")
	case !slices.Contains([]string{"search_document", "search_query", "classification", "clustering"}, e.InputType):
		return errors.New("valid input_type must be provided with the provided model")
	case e.OutputDimension != nil && !strings.Contains(e.Model, "v4"):
		return errors.New("output_dimension is not supported by the provided model")
	case e.OutputDimension != nil && !slices.Contains([]int{256, 512, 1024, 1536}, *e.OutputDimension):
		return errors.New("output_dimension must be one of 256, 512, 1024, 1536")
	case slices.ContainsFunc(e.EmbeddingTypes, func(t string) bool { return t != "float" && t != "base64" }):
		return errors.New("this fake has embedding_types float and base64 alone")
	}
	return nil
}

// answer has a vector for each text: its length, and a one.
func (e *cohereEmbed) answer() map[string]any {
	size, tokens := 1536, 0
	if !strings.Contains(e.Model, "v4") {
		size = 1024
	}
	if e.OutputDimension != nil {
		size = *e.OutputDimension
	}
	floats, packed := [][]float32{}, []string{}
	for _, text := range e.Texts {
		vector := make([]float32, size)
		vector[0], vector[1] = float32(len(text)), 1
		bytes := make([]byte, 0, 4*size)
		for _, x := range vector {
			bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(x))
		}
		floats, packed, tokens = append(floats, vector), append(packed, base64.StdEncoding.EncodeToString(bytes)), tokens+len(strings.Fields(text))
	}
	embeddings := map[string]any{}
	for _, kind := range e.EmbeddingTypes {
		embeddings[kind] = map[string]any{"float": floats, "base64": packed}[kind]
	}
	if len(e.EmbeddingTypes) == 0 {
		embeddings["float"] = floats
	}
	return map[string]any{"id": strings.ToLower(rand.Text()), "response_type": "embeddings_by_type", "embeddings": embeddings, "texts": e.Texts, "meta": cohereMeta("input_tokens", tokens)}
}

func cohereMeta(unit string, n int) map[string]any {
	return map[string]any{"api_version": map[string]any{"version": "2"}, "billed_units": map[string]any{unit: float64(n)}}
}

// cohereRerank is a request for a ranking.
type cohereRerank struct {
	Model           string   `json:"model"`
	Query           string   `json:"query"`
	Documents       []string `json:"documents"`
	TopN            *int     `json:"top_n"`
	MaxTokensPerDoc *int     `json:"max_tokens_per_doc"`
}

func (r *cohereRerank) judge() error {
	switch {
	case r.Model == "":
		return errors.New("model is required")
	case r.Query == "":
		return errors.New("query must not be empty or be only whitespace")
	case len(r.Documents) == 0:
		return errors.New("list of documents must not be empty")
	case r.TopN != nil && *r.TopN < 1:
		return errors.New("top_n must be at least 1")
	}
	return nil
}

// answer ranks documents by how much of the query they have.
func (r *cohereRerank) answer() map[string]any {
	type result struct {
		Index int     `json:"index"`
		Score float64 `json:"relevance_score"`
	}
	words, results := strings.Fields(r.Query), []result{}
	for i, document := range r.Documents {
		has := 0
		for _, word := range words {
			if slices.Contains(strings.Fields(document), word) {
				has++
			}
		}
		results = append(results, result{i, float64(has) / float64(max(1, len(words)))})
	}
	slices.SortStableFunc(results, func(a, b result) int { return cmp.Compare(b.Score, a.Score) })
	if r.TopN != nil {
		results = results[:min(*r.TopN, len(results))]
	}
	return map[string]any{"id": strings.ToLower(rand.Text()), "results": results, "meta": cohereMeta("search_units", 1)}
}
