package main

import (
	"encoding/json"

	"github.com/enginebay/enginebay/sdk/openai"
)

// usage is the sum over the choices of a request: llama-server tells it of each
// one, with all of its prompt.
type usage struct {
	n    int64 // choices of a prompt
	told bool
	sum  map[string]int64
	hits int64 // tokens of prompts that were in the cache
}

func newUsage(b openai.Body) usage {
	u := usage{n: 1, sum: map[string]int64{}}
	b.Read("n", &u.n)
	u.n = max(1, u.n)
	return u
}

func (u *usage) add(told any) {
	one, ok := told.(map[string]any)
	if !ok {
		return
	}
	u.told = true
	for _, name := range []string{"prompt_tokens", "completion_tokens"} {
		u.sum[name] += integer(one[name])
	}
	details, _ := one["prompt_tokens_details"].(map[string]any)
	u.hits += integer(details["cached_tokens"])
}

func integer(v any) int64 {
	number, _ := v.(json.Number)
	n, _ := number.Int64()
	return n
}

// total counts a prompt once, however many choices were made of it.
func (u usage) total() map[string]any {
	prompt, completion := u.sum["prompt_tokens"]/u.n, u.sum["completion_tokens"]
	return map[string]any{"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
		"prompt_tokens_details": map[string]int64{"cached_tokens": u.hits / u.n}}
}
