package main

import (
	"regexp"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk"
)

// essential are the fields that an allow-list need not name.
var essential = []string{"model", "messages", "prompt", "input", "instructions", "query", "documents", "stream", "stream_options", "file", "voice", "system"}

// fit names and leaves out the parameters of a request as the settings say, and as
// the provider takes them; what the settings say goes first.
func (u *upstream) fit(b body) body {
	row := u.row
	kept := make(body, 0, len(b)+2)
	for _, f := range b {
		now, renamed := u.RenameParameters[f.name]
		allowed := slices.Contains(u.AllowParameters, f.name)
		switch {
		case renamed:
			f.name = now
		case slices.Contains(u.DropParameters, f.name):
			continue
		case slices.Contains(row.drop, f.name) && !allowed, unlimited(f):
			continue
		case row.rename[f.name] != "" && !allowed:
			if f.name = row.rename[f.name]; b.has(f.name) {
				continue
			}
		}
		if len(u.AllowParameters) > 0 && !allowed && !renamed && !slices.Contains(essential, f.name) {
			continue
		}
		kept = append(kept, f)
	}
	return u.reasoning(kept)
}

// unlimited says whether a parameter has the value by which local engines mean
// "as much as there is": services refuse it.
func unlimited(f field) bool {
	return (f.name == "max_tokens" || f.name == "seed") && len(f.value) > 1 && f.value[0] == '-'
}

var (
	// newer are OpenAI's models that have max_completion_tokens in the place of max_tokens.
	newer = regexp.MustCompile(`^(ft:)?(o\d|gpt-5)`)
	// thinking are those of them that take no sampling parameters.
	thinking = regexp.MustCompile(`^(ft:)?(o\d|gpt-5($|-(mini|nano|pro|codex|20)))`)
)

// sampled are the parameters that OpenAI's reasoning models refuse.
var sampled = []string{"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"}

// reasoning brings a request into the form of OpenAI's newer models.
func (u *upstream) reasoning(b body) body {
	if u.row.name != "openai" && u.row.name != "azure" {
		return b
	}
	model := u.name
	if known := text(u.manifest.Metadata["model"]); known != "" { // behind a deployment of Azure
		model = known
	}
	if newer.MatchString(model) && b.has("messages") {
		for i := range b {
			if b[i].name == "max_tokens" && !b.has("max_completion_tokens") {
				b[i].name = "max_completion_tokens"
			}
		}
	}
	if thinking.MatchString(model) {
		b = slices.DeleteFunc(b, func(f field) bool {
			return slices.Contains(sampled, f.name) && !slices.Contains(u.AllowParameters, f.name)
		})
		b = sealed(b)
	}
	return b
}

// sealed asks for what the model thinks in a form that it can be sent again, where the
// service stores nothing: else it is lost between a function's call and its output.
func sealed(b body) body {
	if !b.has("input") || b.get("store").Type != gjson.False || b.has("include") {
		return b
	}
	return b.with("include", []string{"reasoning.encrypted_content"})
}

// countable says whether the service is to be asked for the usage of a stream that
// its client did not ask for: the core counts it.
func (u *upstream) countable(op sdk.Operation, b body) bool {
	wanted := u.row.usage
	if u.StreamUsage != nil {
		wanted = *u.StreamUsage
	}
	return wanted && (op == sdk.OpChat || op == sdk.OpCompletion) && b.get("stream").Type == gjson.True && !b.has("stream_options")
}
