package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/http"

	"github.com/enginebay/enginebay/sdk/openai"
)

// maxInputs bounds the texts of a request, as OpenAI does.
const maxInputs = 2048

// embed asks for the vector of each text, one after the other: Triton batches by itself.
func (h *tritonHandler) embed(w http.ResponseWriter, r *http.Request, b body) error {
	texts, err := b.texts("input")
	if err != nil {
		return err
	}
	format := "float"
	switch b.Read("encoding_format", &format); {
	case len(texts) > maxInputs:
		return openai.Errorf("input", "invalid_value", "'input' has %d texts; there may be %d", len(texts), maxInputs)
	case b.Has("dimensions"):
		return unsupported("dimensions")
	case format != "float" && format != "base64":
		return openai.Errorf("encoding_format", "invalid_value", "'encoding_format' must be float or base64")
	}
	data, tokens := []any{}, 0
	for i, text := range texts {
		vector, err := h.vector(r, text)
		if err != nil {
			return err
		}
		tokens += guess(text)
		data = append(data, map[string]any{"object": "embedding", "index": i, "embedding": written(vector, format)})
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"object": "list", "model": h.here, "data": data,
		"usage": map[string]any{"prompt_tokens": tokens, "total_tokens": tokens, "estimated": true}})
}

func (h *tritonHandler) vector(r *http.Request, text string) ([]float64, error) {
	var vector []float64
	err := h.triton.generate(r.Context(), h.there.name, h.dialect.inputs(h.there, wish{prompt: text}), func(o outputs) error {
		vector = append(vector, o.numbers(h.dialect.answer)...)
		return nil
	})
	if err == nil && len(vector) == 0 {
		err = errors.New("the model gave no vector")
	}
	return vector, err
}

// written is a vector as a list, or as the bytes of its numbers.
func written(vector []float64, format string) any {
	if format == "float" {
		return vector
	}
	var b []byte
	for _, n := range vector {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(n)))
	}
	return base64.StdEncoding.EncodeToString(b)
}
