package main

import (
	"bytes"

	"github.com/enginebay/enginebay/sdk/openai"
)

// chat is the editor of /v1/chat/completions.
type chat struct{ assembly }

func newChat(b openai.Body) editor { return &chat{newAssembly("chat.completion", b)} }

// edit implements editor. The likelihoods of a token lack a member that OpenAI's
// document requires; what is in a text has its quotes escaped, and is never taken
// for it. The usage of several choices comes once, at the end.
func (c *chat) edit(out *bytes.Buffer, data []byte) error {
	switch {
	case bytes.Contains(data, []byte(`"choices":[],`)) && c.usage.n > 1:
		return c.add(data)
	case c.over(data) && c.usage.told:
		c.top["choices"], c.top["usage"] = []any{}, c.usage.total()
		send(out, encode(c.top))
	}
	send(out, bytes.Replace(data, []byte(`"logprobs":{"content":`), []byte(`"logprobs":{"refusal":null,"content":`), 1))
	return nil
}
