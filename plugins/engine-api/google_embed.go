package main

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"slices"

	"google.golang.org/genai"

	"github.com/enginebay/enginebay/sdk/openai"
)

// googleEmbedding is a request for embeddings in OpenAI's form.
type googleEmbedding struct {
	Input          oneOrMany `json:"input"`
	Dimensions     *int32    `json:"dimensions"`
	EncodingFormat string    `json:"encoding_format"`
	TaskType       string    `json:"task_type"` // Google's own, such as RETRIEVAL_QUERY
}

// googleBatch is how many texts one call takes.
const googleBatch = 100

func googleEmbeds(u *upstream, w http.ResponseWriter, r *http.Request) error {
	b, err := readBody(r)
	if err != nil {
		return err
	}
	var q googleEmbedding
	if err := json.Unmarshal(u.fit(b).bytes(), &q); err != nil {
		return openai.Errorf("input", "invalid_type", "input must be a text or a list of texts here: %s has tokens of its own", u.row.name)
	}
	if len(q.Input) == 0 || slices.Contains(q.Input, "") {
		return openai.Errorf("input", "invalid_value", "input must be a text or a list of texts, and none of them empty")
	}
	config := &genai.EmbedContentConfig{OutputDimensionality: q.Dimensions, TaskType: q.TaskType}
	data := []any{}
	for texts := range slices.Chunk(q.Input, googleBatch) {
		vectors, err := u.googleVectors(r, texts, config)
		if err != nil {
			return err
		}
		for _, v := range vectors {
			data = append(data, map[string]any{"object": "embedding", "index": len(data), "embedding": q.written(v.Values)})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"object": "list", "model": u.id, "data": data,
		"usage": map[string]int{"prompt_tokens": 0, "total_tokens": 0}}) // which Google does not tell
}

// googleVectors asks for one batch.
func (u *upstream) googleVectors(r *http.Request, texts []string, config *genai.EmbedContentConfig) ([]*genai.ContentEmbedding, error) {
	var contents []*genai.Content
	for _, text := range texts {
		contents = append(contents, genai.NewContentFromText(text, genai.RoleUser))
	}
	call := u.googleCall(r)
	answer, err := safely(call, func() (*genai.EmbedContentResponse, error) {
		return call.client.Models.EmbedContent(call.context, u.name, contents, config)
	})
	if err != nil {
		return nil, err
	}
	if len(answer.Embeddings) != len(texts) || slices.ContainsFunc(answer.Embeddings, func(e *genai.ContentEmbedding) bool { return e == nil || len(e.Values) == 0 }) {
		return nil, failed(http.StatusBadGateway, "upstream_broken", "%s answers with %d embeddings for %d texts; ask again", u.row.name, len(answer.Embeddings), len(texts))
	}
	return answer.Embeddings, nil
}

// written is a vector in the form that was asked for. OpenAI's have the length 1, and
// Google's only where all their dimensions are there.
func (q googleEmbedding) written(v []float32) any {
	if q.Dimensions != nil {
		v = unit(v)
	}
	if q.EncodingFormat != "base64" {
		return v
	}
	bytes := make([]byte, 0, 4*len(v))
	for _, f := range v {
		bits := math.Float32bits(f)
		bytes = append(bytes, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
	}
	return base64.StdEncoding.EncodeToString(bytes)
}

// unit is the vector with the length 1; that of nothing but zeros is left.
func unit(v []float32) []float32 {
	sum := 0.0
	for _, f := range v {
		sum += float64(f) * float64(f)
	}
	if sum == 0 || math.IsInf(sum, 0) {
		return v
	}
	to := make([]float32, len(v))
	for i, f := range v {
		to[i] = float32(float64(f) / math.Sqrt(sum))
	}
	return to
}
