package sdktest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// answers: every operation that is declared is answered in OpenAI's form, and
// nonsense with an error of that form.
func (e *engine) answers(t T) {
	h := e.up(t)
	inst := h.loaded(t, e.request(t, h, nil))
	for _, op := range inst.Endpoint().Operations {
		t.Run(string(op), func(t T) {
			e.answer(t, inst, e.Model.ID, op, false)
			if streams(op) {
				t.Run("stream", func(t T) { e.answer(t, inst, e.Model.ID, op, true) })
			}
			for _, field := range detouring(inst.Endpoint(), op) {
				t.Run("stream with "+field, func(t T) { e.detour(t, inst, op, field) })
			}
			t.Run("nonsense", func(t T) { nonsense(t, inst, op) })
		})
	}
}

// answer sends one request and checks what comes back.
func (e *engine) answer(t T, inst sdk.Instance, model string, op sdk.Operation, stream bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	resp, err := post(ctx, inst.Endpoint(), op, e.body(t, op, model, stream))
	if err != nil {
		t.Fatalf("POST /v1/%s: %v", op, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		t.Fatalf("POST /v1/%s: status %d: %s", op, resp.StatusCode, text)
	}
	check := whole
	switch {
	case stream:
		check = pieces
	case op == sdk.OpSpeech:
		check = sound
	}
	if err := check(resp, op, model); err != nil {
		t.Errorf("POST /v1/%s: %v", op, err)
	}
}

// message is what the suite reads of answers and of the pieces of a stream.
type message struct {
	Object  string `json:"object"`
	Model   string `json:"model"`
	Choices []struct {
		Text    *string `json:"text"`
		Message struct {
			Role    string `json:"role"`
			Content any    `json:"content"`
		} `json:"message"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage struct {
		TotalTokens int `json:"total_tokens"`
	} `json:"usage"`
	Data []struct {
		Object    string    `json:"object"`
		Index     int       `json:"index"`
		Embedding []float64 `json:"embedding"`
	} `json:"data"`
	Results []struct {
		Index int      `json:"index"`
		Score *float64 `json:"relevance_score"`
	} `json:"results"`
	Error struct {
		Message string `json:"message"`
	} `json:"error"`
}

func whole(resp *http.Response, op sdk.Operation, model string) error {
	if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		return fmt.Errorf("Content-Type is %q", ct)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var m message
	if shapes[op] == nil {
		if !json.Valid(text) {
			return fmt.Errorf("no JSON: %.200s", text)
		}
		return nil
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("%w: %.200s", err, text)
	}
	if m.Model != model {
		return fmt.Errorf("model is %q; the answer must name the model as it was loaded, %q", m.Model, model)
	}
	if !shapes[op](m) {
		return fmt.Errorf("the answer is not as OpenAI's: %.500s", text)
	}
	return nil
}

// shapes say whether an answer has what clients read of it.
var shapes = map[sdk.Operation]func(message) bool{
	sdk.OpChat: func(m message) bool {
		return m.Object == "chat.completion" && len(m.Choices) == 1 && m.Choices[0].Message.Role == "assistant" &&
			m.Choices[0].FinishReason != "" && m.Usage.TotalTokens > 0
	},
	sdk.OpCompletion: func(m message) bool {
		return m.Object == "text_completion" && len(m.Choices) == 1 && m.Choices[0].Text != nil && m.Choices[0].FinishReason != "" && m.Usage.TotalTokens > 0
	},
	sdk.OpEmbedding: func(m message) bool {
		ok := m.Object == "list" && len(m.Data) > 0
		for i, d := range m.Data {
			ok = ok && d.Object == "embedding" && d.Index == i && len(d.Embedding) > 0 && len(d.Embedding) == len(m.Data[0].Embedding)
		}
		return ok
	},
	sdk.OpRerank: func(m message) bool {
		ok := len(m.Results) > 0
		for _, r := range m.Results {
			ok = ok && r.Score != nil
		}
		return ok
	},
}

// pieces reads a stream: events of JSON, the last choice with a reason, [DONE].
func pieces(resp *http.Response, op sdk.Operation, model string) error {
	if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/event-stream") {
		return fmt.Errorf("Content-Type of a stream is %q", ct)
	}
	object := map[sdk.Operation]string{sdk.OpChat: "chat.completion.chunk", sdk.OpCompletion: "text_completion"}[op]
	finished, done, count := false, false, 0
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue // of other fields, comments and empty lines
		}
		if data == "[DONE]" {
			done = true
			continue
		}
		var m message
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			return fmt.Errorf("piece %d: %w: %.200s", count, err, data)
		}
		count++
		if object != "" && (m.Object != object || m.Model != model) {
			return fmt.Errorf("piece %d is not of the object %q and the model %q: %.200s", count, object, model, data)
		}
		finished = finished || (len(m.Choices) > 0 && m.Choices[0].FinishReason != "")
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if count == 0 || (object != "" && !(finished && done)) {
		return fmt.Errorf("the stream had %d pieces, a finish_reason: %t, [DONE]: %t", count, finished, done)
	}
	return nil
}

// nonsense: a body that is no JSON is the client's fault, and the answer says so.
func nonsense(t T, inst sdk.Instance, op sdk.Operation) {
	resp, err := post(t.Context(), inst.Endpoint(), op, []byte(`{"model":`))
	if err != nil {
		t.Fatalf("POST /v1/%s: %v", op, err)
	}
	defer resp.Body.Close()
	if err := refusal(resp); err != nil {
		t.Errorf("nonsense: %v", err)
	}
}

// refusal: the client is told what it did wrong.
func refusal(resp *http.Response) error {
	var m message
	err := json.NewDecoder(resp.Body).Decode(&m)
	if resp.StatusCode < 400 || resp.StatusCode > 499 || err != nil || m.Error.Message == "" {
		return fmt.Errorf("it is answered with status %d and the error message %q; want a 4xx and {\"error\":{\"message\":…}}", resp.StatusCode, m.Error.Message)
	}
	return nil
}
