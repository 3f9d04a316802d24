package main

import (
	"encoding/base64"
	bits "encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk/openai"
)

// cohereBatch is how many texts the API takes at once.
const cohereBatch = 96

// embeddings is a request in OpenAI's form; input_type and truncate are Cohere's own.
type embeddings struct {
	Input          json.RawMessage `json:"input"`
	EncodingFormat string          `json:"encoding_format"`
	Dimensions     int             `json:"dimensions"`
	InputType      string          `json:"input_type"`
	Truncate       string          `json:"truncate"`
}

type cohereEmbed struct {
	Model           string   `json:"model"`
	Texts           []string `json:"texts"`
	InputType       string   `json:"input_type"`
	EmbeddingTypes  []string `json:"embedding_types"`
	OutputDimension int      `json:"output_dimension,omitempty"`
	Truncate        string   `json:"truncate,omitempty"`
}

type cohereVectors struct {
	Embeddings struct {
		Float []json.RawMessage `json:"float"`
	} `json:"embeddings"`
	Meta struct {
		Billed struct {
			InputTokens float64 `json:"input_tokens"`
		} `json:"billed_units"`
	} `json:"meta"`
}

// embed asks for as many texts at a time as the API takes, one time after the other.
func (cohere) embed(u *upstream, w http.ResponseWriter, r *http.Request) error {
	var asked embeddings
	if err := u.readInto(r, &asked); err != nil {
		return err
	}
	input, err := asked.texts()
	if err != nil {
		return err
	}
	data, tokens := []any{}, 0.0
	for texts := range slices.Chunk(input, cohereBatch) {
		var got cohereVectors
		if err := cohereRead(u, w, r, "embed", asked.of(u.name, texts), &got); err != nil {
			return err
		}
		if len(got.Embeddings.Float) != len(texts) {
			return u.nonsense()
		}
		for _, vector := range got.Embeddings.Float {
			written, err := asked.write(vector)
			if err != nil {
				return u.nonsense()
			}
			data = append(data, map[string]any{"object": "embedding", "index": len(data), "embedding": written})
		}
		tokens += got.Meta.Billed.InputTokens
	}
	n := int64(max(0, min(tokens, 1e12)))
	return tell(w, map[string]any{"object": "list", "model": u.id, "data": data, "usage": map[string]any{"prompt_tokens": n, "total_tokens": n}})
}

// texts are those of the input. Tokens are those of another house's models.
func (e *embeddings) texts() (texts oneOrMany, err error) {
	switch err := json.Unmarshal(e.Input, &texts); {
	case err != nil:
		return nil, openai.Errorf("input", "unsupported_value", "input must be a text or a list of texts here, and no tokens")
	case len(texts) == 0 || slices.Contains(texts, ""):
		return nil, openai.Errorf("input", "invalid_value", "input must have a text, and no empty one")
	case !slices.Contains([]string{"", "float", "base64"}, e.EncodingFormat):
		return nil, openai.Errorf("encoding_format", "invalid_value", "encoding_format can be float or base64")
	}
	return texts, nil
}

// of is the request for some of the texts. What they are for, OpenAI's form does not
// say; most embeddings are made of what is to be found later.
func (e *embeddings) of(model string, texts []string) cohereEmbed {
	if e.InputType == "" {
		e.InputType = "search_document"
	}
	return cohereEmbed{model, texts, e.InputType, []string{"float"}, e.Dimensions, e.Truncate}
}

// write is a vector as the client wants it: numbers, or these as float32 in base64.
func (e *embeddings) write(vector json.RawMessage) (any, error) {
	var numbers []float32
	if err := json.Unmarshal(vector, &numbers); err != nil || numbers == nil {
		return nil, fmt.Errorf("no vector: %w", err)
	}
	if e.EncodingFormat != "base64" {
		return vector, nil
	}
	packed := make([]byte, 0, 4*len(numbers))
	for _, n := range numbers {
		packed = bits.LittleEndian.AppendUint32(packed, math.Float32bits(n))
	}
	return base64.StdEncoding.EncodeToString(packed), nil
}

// ranking is a request in the form of Jina's and Cohere's.
type ranking struct {
	Query           string            `json:"query"`
	Documents       []json.RawMessage `json:"documents"`
	TopN            int               `json:"top_n"`
	MaxTokensPerDoc int               `json:"max_tokens_per_doc"`
	ReturnDocuments bool              `json:"return_documents"`
}

type cohereRerank struct {
	Model           string   `json:"model"`
	Query           string   `json:"query"`
	Documents       []string `json:"documents"`
	TopN            int      `json:"top_n,omitempty"`
	MaxTokensPerDoc int      `json:"max_tokens_per_doc,omitempty"`
}

// rerank ranks documents. An answer of Cohere's has units of billing and no tokens.
func (cohere) rerank(u *upstream, w http.ResponseWriter, r *http.Request) error {
	var asked ranking
	if err := u.readInto(r, &asked); err != nil {
		return err
	}
	if asked.Query == "" || len(asked.Documents) == 0 {
		return openai.Errorf("documents", "missing_required_parameter", "query and documents are missing, or one of them")
	}
	out := cohereRerank{u.name, asked.Query, nil, asked.TopN, asked.MaxTokensPerDoc}
	for _, document := range asked.Documents {
		out.Documents = append(out.Documents, documentText(document))
	}
	var got struct {
		ID      string `json:"id"`
		Results []struct {
			Index    int     `json:"index"`
			Score    float64 `json:"relevance_score"`
			Document any     `json:"document,omitempty"`
		} `json:"results"`
		Meta json.RawMessage `json:"meta"`
	}
	if err := cohereRead(u, w, r, "rerank", out, &got); err != nil {
		return err
	}
	for i := range got.Results {
		result := &got.Results[i]
		if result.Document = nil; result.Index < 0 || result.Index >= len(out.Documents) {
			return u.nonsense()
		}
		if asked.ReturnDocuments {
			result.Document = map[string]string{"text": out.Documents[result.Index]}
		}
	}
	if got.Results == nil {
		return u.nonsense()
	}
	answer := map[string]any{"object": "list", "model": u.id, "results": got.Results}
	if got.ID != "" {
		answer["id"] = got.ID
	}
	if len(got.Meta) > 0 {
		answer["meta"] = got.Meta
	}
	return tell(w, answer)
}

// documentText is a document's text: it may be one, or an object that has one.
func documentText(raw json.RawMessage) string {
	document := gjson.ParseBytes(raw)
	if text := document.Get("text"); document.IsObject() && text.Type == gjson.String {
		return text.Str
	}
	if document.Type == gjson.String {
		return document.Str
	}
	return document.Raw
}
