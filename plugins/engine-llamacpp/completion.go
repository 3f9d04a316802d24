package main

import (
	"bytes"
	"unicode/utf8"

	"github.com/enginebay/enginebay/sdk/openai"
)

// completion is the editor of /v1/completions. Its likelihoods are those of a chat
// in llama-server (b11669), and of another form in OpenAI's document.
type completion struct {
	assembly
	likely  bool           // likelihoods were asked for
	offsets map[string]int // characters of each choice so far
}

func newCompletion(b openai.Body) editor {
	return &completion{newAssembly("text_completion", b), b.Has("logprobs"), map[string]int{}}
}

// edit implements editor.
func (c *completion) edit(out *bytes.Buffer, data []byte) error {
	if c.likely && !c.over(data) {
		event, err := decode(data)
		if err != nil {
			return err
		}
		choices, _ := event["choices"].([]any)
		for _, choice := range choices {
			c.likelihoods(choice)
		}
		data = encode(event)
	}
	send(out, data)
	return nil
}

// answer implements editor.
func (c *completion) answer() any {
	for _, choice := range c.choices {
		c.likelihoods(choice)
	}
	return c.assembly.answer()
}

// likelihoods changes those of a choice, or of a piece of one.
func (c *completion) likelihoods(v any) {
	choice, _ := v.(map[string]any)
	given, _ := choice["logprobs"].(map[string]any)
	tokens, ok := given["content"].([]any)
	if !ok {
		return
	}
	index := string(encode(choice["index"]))
	texts, offsets, likely, top := []any{}, []any{}, []any{}, []any{}
	for _, t := range tokens {
		token, _ := t.(map[string]any)
		text, _ := token["token"].(string)
		texts, offsets, likely = append(texts, text), append(offsets, c.offsets[index]), append(likely, token["logprob"])
		c.offsets[index] += utf8.RuneCountInString(text)
		others := map[string]any{}
		list, _ := token["top_logprobs"].([]any)
		for _, o := range list {
			other, _ := o.(map[string]any)
			name, _ := other["token"].(string)
			others[name] = other["logprob"]
		}
		top = append(top, others)
	}
	choice["logprobs"] = map[string]any{"tokens": texts, "text_offset": offsets, "token_logprobs": likely, "top_logprobs": top}
}
