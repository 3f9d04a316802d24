package main

import (
	"net/url"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// A provider is a row of the table: what is known of a service or a kind of server.
type provider struct {
	name     string
	dialect  dialect
	base     string            // address of its API; empty where each account has its own
	also     []string          // further origins of its own
	local    bool              // a server of one's own, at base unless the deployment says where
	variable string            // of the environment that its key is usually in; the secret is its name in small letters
	headers  map[string]string // how it is told who asks; {api_key} is the key
	has      []sdk.Operation   // what a chat model answers beside chats
	usage    bool              // it takes stream_options, and tells the usage at a stream's end
	drop     []string          // parameters that it refuses, and that only local engines have
	rename   map[string]string // parameters that it has by another name
}

// bearer is how most services want their key.
var bearer = map[string]string{"Authorization": "Bearer {api_key}"}

// sampling are parameters of local engines that OpenAI's API does not have: a
// service that is strict refuses a request with one of them.
var sampling = []string{"top_k", "min_p", "typ_p", "typical_p", "tfs_z", "repeat_penalty", "repeat_last_n", "penalize_nl", "ignore_eos",
	"mirostat", "mirostat_tau", "mirostat_eta", "dynatemp_range", "dynatemp_exponent", "n_probs", "min_keep", "grammar", "cache_prompt", "max_temperature"}

// but is a list without some of its names.
func but(list []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(names, name) })
}

// shorter is the name of max_completion_tokens at services that follow the older API.
var shorter = map[string]string{"max_completion_tokens": "max_tokens"}

// repetition is what engines of the vLLM family call the penalty.
var repetition = map[string]string{"repeat_penalty": "repetition_penalty"}

var (
	completions = []sdk.Operation{sdk.OpCompletion}
	several     = []sdk.Operation{sdk.OpCompletion, sdk.OpResponses, sdk.OpMessages}
)

// providers are the services that are known. Whatever else speaks as OpenAI does
// needs a base_url, and no row. The rows were written from what is known of the
// services and from copies of their documents; none was tried against a live service,
// of which none could be reached. Where a row is wrong, the settings go before it:
// base_url, headers, allow_parameters, drop_parameters, rename_parameters, stream_usage.
var providers = []provider{
	{name: "openai", base: "https://api.openai.com/v1", variable: "OPENAI_API_KEY", headers: bearer,
		has: []sdk.Operation{sdk.OpResponses}, usage: true, drop: sampling},
	{name: "azure", dialect: azure{}, variable: "AZURE_OPENAI_API_KEY", headers: map[string]string{"Api-Key": "{api_key}"}, usage: true, drop: sampling},
	{name: "anthropic", dialect: claude{}, base: "https://api.anthropic.com", variable: "ANTHROPIC_API_KEY",
		headers: map[string]string{"X-Api-Key": "{api_key}", "Anthropic-Version": "2023-06-01"}},
	{name: "cohere", dialect: cohere{}, base: "https://api.cohere.com", also: []string{"https://api.cohere.ai"}, variable: "COHERE_API_KEY", headers: bearer},
	{name: "google", dialect: google{}, base: "https://generativelanguage.googleapis.com/v1beta", variable: "GEMINI_API_KEY", headers: map[string]string{"X-Goog-Api-Key": "{api_key}"}},
	{name: "groq", base: "https://api.groq.com/openai/v1", variable: "GROQ_API_KEY", headers: bearer,
		has: []sdk.Operation{sdk.OpResponses}, usage: true, drop: sampling},
	{name: "mistral", base: "https://api.mistral.ai/v1", variable: "MISTRAL_API_KEY", headers: bearer,
		drop:   append(slices.Clone(sampling), "user", "stream_options", "store", "service_tier"),
		rename: map[string]string{"max_completion_tokens": "max_tokens", "seed": "random_seed"}},
	{name: "openrouter", base: "https://openrouter.ai/api/v1", variable: "OPENROUTER_API_KEY", headers: bearer,
		has: several, usage: true, drop: but(sampling, "top_k", "min_p", "repeat_penalty"), rename: repetition},
	{name: "deepseek", base: "https://api.deepseek.com/v1", variable: "DEEPSEEK_API_KEY", headers: bearer, usage: true, drop: sampling, rename: shorter},
	{name: "nvidia", base: "https://integrate.api.nvidia.com/v1", variable: "NVIDIA_API_KEY", headers: bearer,
		has: completions, usage: true, drop: sampling, rename: shorter},
	{name: "together", base: "https://api.together.xyz/v1", also: []string{"https://api.together.ai"}, variable: "TOGETHER_API_KEY", headers: bearer,
		has: completions, usage: true, drop: but(sampling, "top_k", "min_p", "repeat_penalty"),
		rename: map[string]string{"max_completion_tokens": "max_tokens", "repeat_penalty": "repetition_penalty"}},
	{name: "fireworks", base: "https://api.fireworks.ai/inference/v1", variable: "FIREWORKS_API_KEY", headers: bearer,
		has: several, usage: true, drop: but(sampling, "top_k", "min_p", "repeat_penalty", "typical_p", "ignore_eos"), rename: repetition},
	{name: "xai", base: "https://api.x.ai/v1", variable: "XAI_API_KEY", headers: bearer, has: []sdk.Operation{sdk.OpResponses}, usage: true, drop: sampling},
	{name: "cerebras", base: "https://api.cerebras.ai/v1", variable: "CEREBRAS_API_KEY", headers: bearer, has: completions, usage: true, drop: sampling},
	{name: "perplexity", base: "https://api.perplexity.ai", variable: "PERPLEXITY_API_KEY", headers: bearer, drop: but(sampling, "top_k"), rename: shorter},
	{name: "deepinfra", base: "https://api.deepinfra.com/v1/openai", variable: "DEEPINFRA_API_KEY", headers: bearer,
		has: completions, usage: true, drop: but(sampling, "top_k", "min_p", "repeat_penalty"), rename: repetition},
	{name: "sambanova", base: "https://api.sambanova.ai/v1", variable: "SAMBANOVA_API_KEY", headers: bearer, usage: true, drop: but(sampling, "top_k"), rename: shorter},
	{name: "moonshot", base: "https://api.moonshot.ai/v1", also: []string{"https://api.moonshot.cn"}, variable: "MOONSHOT_API_KEY", headers: bearer,
		usage: true, drop: sampling, rename: shorter},
	{name: "qwen", base: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", also: []string{"https://dashscope.aliyuncs.com"},
		variable: "DASHSCOPE_API_KEY", headers: bearer, usage: true, drop: but(sampling, "top_k"), rename: shorter},
	{name: "huggingface", base: "https://router.huggingface.co/v1", variable: "HF_TOKEN", headers: bearer, has: []sdk.Operation{sdk.OpResponses}, usage: true, drop: sampling},
	{name: "github", base: "https://models.github.ai/inference", variable: "GITHUB_TOKEN", headers: bearer, usage: true, drop: sampling},
	{name: "martian", base: "https://api.withmartian.com/v1", variable: "MARTIAN_API_KEY", headers: bearer, usage: true, drop: sampling},
	{name: "jina", base: "https://api.jina.ai/v1", variable: "JINA_API_KEY", headers: bearer},

	{name: "vllm", base: "http://127.0.0.1:8000/v1", local: true, variable: "VLLM_API_KEY", headers: bearer,
		has: several, usage: true, drop: but(sampling, "top_k", "min_p", "repeat_penalty", "ignore_eos"), rename: repetition},
	{name: "sglang", base: "http://127.0.0.1:30000/v1", local: true, variable: "SGLANG_API_KEY", headers: bearer,
		has: []sdk.Operation{sdk.OpCompletion, sdk.OpResponses}, usage: true, drop: but(sampling, "top_k", "min_p", "repeat_penalty", "ignore_eos"), rename: repetition},
	{name: "tgi", base: "http://127.0.0.1:8080/v1", local: true, variable: "TGI_API_KEY", headers: bearer, has: completions, usage: true, drop: sampling, rename: shorter},
	{name: "tei", dialect: tei{}, base: "http://127.0.0.1:8080/v1", local: true, variable: "TEI_API_KEY", headers: bearer},
	{name: "lmstudio", base: "http://127.0.0.1:1234/v1", local: true, variable: "LM_API_TOKEN", headers: bearer, has: several, usage: true, rename: shorter},
	{name: "ollama", base: "http://127.0.0.1:11434/v1", local: true, variable: "OLLAMA_API_KEY", headers: bearer, has: several, usage: true, rename: shorter},
	{name: "llamacpp", base: "http://127.0.0.1:8080/v1", local: true, variable: "LLAMA_API_KEY", headers: bearer, has: several, usage: true},
	{name: "litellm", base: "http://127.0.0.1:4000/v1", local: true, variable: "LITELLM_API_KEY", headers: bearer, has: several, usage: true},
}

// older are names that were written for a provider before.
var older = map[string]string{"azure_openai": "azure", "azure-openai": "azure", "claude": "anthropic", "gemini": "google", "x": "xai", "x.ai": "xai",
	"togetherai": "together", "dashscope": "qwen", "hf": "huggingface", "lm-studio": "lmstudio", "llama.cpp": "llamacpp", "nim": "nvidia"}

// named is the row of that name.
func named(name string) (provider, bool) {
	name = strings.ToLower(name)
	if now, ok := older[name]; ok {
		name = now
	}
	i := slices.IndexFunc(providers, func(p provider) bool { return p.name == name })
	if i < 0 {
		return provider{}, false
	}
	return providers[i], true
}

// at is the row whose own address one is.
func at(u *url.URL) (provider, bool) {
	if azureHost(u) {
		return named("azure")
	}
	i := slices.IndexFunc(providers, func(p provider) bool { return !p.local && p.owns(u) })
	if i < 0 {
		return provider{}, false
	}
	return providers[i], true
}

// owns says whether an address is the provider's own.
func (p provider) owns(u *url.URL) bool {
	if p.name == "azure" {
		return azureHost(u)
	}
	base, err := url.Parse(p.base)
	return err == nil && p.base != "" && web.Origin(u) == web.Origin(base) || slices.Contains(p.also, web.Origin(u))
}

// at says whether an address is the provider's, or where the server's environment says
// that it is.
func (p provider) at(u *url.URL) bool {
	said := environment(p.name)
	elsewhere, err := url.Parse(said)
	return p.owns(u) && u.Scheme == "https" || said != "" && err == nil && web.Origin(elsewhere) == web.Origin(u)
}

// compatible is a server that speaks as OpenAI does, and of which nothing else is
// known.
func compatible(name string) provider {
	return provider{name: name, headers: bearer, has: completions}
}

// language is the provider's dialect.
func (p provider) language() dialect {
	if p.dialect == nil {
		return openAI{}
	}
	return p.dialect
}

// secret is the name of the provider's key among the secrets.
func (p provider) secret() string { return strings.ToLower(p.variable) }
