package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/hashicorp/go-hclog"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// services are the fakes of cmd/provider, which the official clients of Anthropic
// and Cohere have judged.
func services(t *testing.T, more ...string) string {
	t.Helper()
	args := append([]string{"-key", key}, more...)
	for _, model := range []string{"claude-haiku-4-5=anthropic", "claude-opus-5=anthropic", "claude-opus-5-5=anthropic", "command-a-03-2025=cohere", "command-old=cohere", "embed-v4.0=cohere", "rerank-v3.5=cohere"} {
		args = append(args, "-model", model)
	}
	return sdktest.Program(t, "../../cmd/provider", 1, args...)[0]
}

// served is a model where a client can ask it.
func served(t *testing.T, u *upstream) string {
	t.Helper()
	s := httptest.NewServer(u)
	t.Cleanup(s.Close)
	return s.URL + "/v1/"
}

func fake(t *testing.T, address, provider, model string) *upstream {
	t.Helper()
	return openModel(t, provider, address+"/"+provider, fmt.Sprintf(`{"model": %q}`, model))
}

var town = openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "weather", Strict: openai.Bool(true),
	Parameters: shared.FunctionParameters{"type": "object", "properties": map[string]any{"town": map[string]any{"type": "string"}}, "required": []string{"town"}, "additionalProperties": false}})

// TestOpenAIClientAsksOthers goes the whole way: OpenAI's official client, the
// dialect, and a service that refuses what the real one refuses.
func TestOpenAIClientAsksOthers(t *testing.T) {
	address := services(t)
	for provider, model := range map[string]string{"anthropic": "claude-haiku-4-5", "cohere": "command-a-03-2025"} {
		client := openai.NewClient(option.WithBaseURL(served(t, fake(t, address, provider, model))), option.WithAPIKey("none"), option.WithMaxRetries(0))
		for name, test := range map[string]struct {
			change func(*openai.ChatCompletionNewParams)
			text   string
			reason string
		}{
			"chat":   {func(p *openai.ChatCompletionNewParams) {}, "three words here", "stop"},
			"limits": {func(p *openai.ChatCompletionNewParams) { p.MaxCompletionTokens = openai.Int(2) }, "three words", "length"},
			"stop": {func(p *openai.ChatCompletionNewParams) {
				p.Stop = openai.ChatCompletionNewParamsStopUnion{OfStringArray: []string{" here", "\n"}}
			}, "three words", "stop"},
			"parameters": {func(p *openai.ChatCompletionNewParams) {
				p.Temperature, p.TopP, p.Seed, p.PresencePenalty, p.FrequencyPenalty, p.User = openai.Float(2), openai.Float(1), openai.Int(1), openai.Float(-1), openai.Float(2), openai.String("u")
			}, "three words here", "stop"},
			"history": {func(p *openai.ChatCompletionNewParams) {
				p.Messages = append([]openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be short."), openai.UserMessage("a"), openai.UserMessage("b"), openai.AssistantMessage("c")}, p.Messages...)
			}, "three words here", "stop"},
			"thinking": {func(p *openai.ChatCompletionNewParams) { p.ReasoningEffort = shared.ReasoningEffortLow }, "three words here", "stop"},
			"schema": {func(p *openai.ChatCompletionNewParams) {
				p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "x", Schema: town.OfFunction.Function.Parameters}}
			}, `{"town":"three words here"}`, "stop"},
			"image": {func(p *openai.ChatCompletionNewParams) {
				p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{openai.TextContentPart("see"),
					openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64,iVBORw0KGgo="})})}
			}, map[string]string{"anthropic": "see [image/png of 8 bytes]", "cohere": "see [data:image/png]"}[provider], "stop"},
		} {
			t.Run(provider+"/"+name, func(t *testing.T) {
				params := openai.ChatCompletionNewParams{Model: "remote", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("three words here")}}
				test.change(&params)
				answer, err := client.Chat.Completions.New(t.Context(), params)
				if err != nil || answer.Choices[0].Message.Content != test.text || answer.Choices[0].FinishReason != test.reason || answer.Model != "remote" || answer.Usage.PromptTokens == 0 {
					t.Errorf("%+v, %v", answer, err)
				}
				if text, _ := streamed(t, client, params); text.Choices[0].Message.Content != test.text || text.Usage.TotalTokens != answer.Usage.TotalTokens {
					t.Errorf("streamed %+v", text)
				}
			})
		}
		t.Run(provider+"/tool and its result", func(t *testing.T) { useTool(t, client) })
	}
}

// streamed adds up the chunks of an answer.
func streamed(t *testing.T, client openai.Client, params openai.ChatCompletionNewParams) (openai.ChatCompletion, error) {
	t.Helper()
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	sum := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		if !sum.AddChunk(stream.Current()) {
			t.Errorf("a chunk that does not fit: %+v", stream.Current())
		}
	}
	if len(sum.Choices) == 0 {
		t.Fatalf("no choices, %v", stream.Err())
	}
	return sum.ChatCompletion, stream.Err()
}

func useTool(t *testing.T, client openai.Client) {
	params := openai.ChatCompletionNewParams{Model: "remote", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("weather Paris")}, Tools: []openai.ChatCompletionToolUnionParam{town}}
	whole, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	params.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "weather"})
	pieces, err := streamed(t, client, params)
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []openai.ChatCompletion{*whole, pieces} {
		choice := answer.Choices[0]
		if choice.FinishReason != "tool_calls" || len(choice.Message.ToolCalls) != 1 || choice.Message.ToolCalls[0].Function.Arguments != `{"town":"weather Paris"}` {
			t.Fatalf("%+v", choice)
		}
	}
	call := whole.Choices[0].Message
	params.ToolChoice = openai.ChatCompletionNewParams{}.ToolChoice
	params.Messages = append(params.Messages, call.ToParam(), openai.ToolMessage("it rains", call.ToolCalls[0].ID))
	if answer, err := client.Chat.Completions.New(t.Context(), params); err != nil || answer.Choices[0].Message.Content != "it rains" {
		t.Errorf("%+v, %v", answer, err)
	}
}

// TestRefusalsOfServices become OpenAI's errors, with the name that the service has
// for the request.
func TestRefusalsOfServices(t *testing.T) {
	address := services(t, "-fault", "/anthropic/v1/messages/count_tokens 529", "-fault", "/cohere/v2/rerank 429")
	claude, command := fake(t, address, "anthropic", "claude-haiku-4-5"), fake(t, address, "cohere", "command-a-03-2025")
	doc := openaiDocument(t)
	say := func(text string) string {
		return fmt.Sprintf(`{"model":"remote","messages":[{"role":"user","content":%q}]}`, text)
	}
	for name, test := range map[string]struct {
		u          *upstream
		op         sdk.Operation
		body       string
		status     int
		code, says string
	}{
		"anthropic overloaded":     {claude, sdk.OpChat, say("OVERLOAD"), 503, "overloaded_error", "Overloaded"},
		"anthropic breaks off":     {claude, sdk.OpChat, say("CUT"), 502, "upstream_broken", "broke off"},
		"anthropic has no model":   {fake(t, address, "anthropic", "claude-9"), sdk.OpChat, say("x"), 404, "model_not_found", "claude-9"},
		"anthropic wants no tool":  {fake(t, address, "anthropic", "claude-opus-5-5"), sdk.OpChat, `{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":"required"}`, 400, "invalid_request_error", "forced tool use"},
		"anthropic native":         {claude, sdk.OpMessages, `{"messages":[{"role":"user","content":"x"}]}`, 400, "", "max_tokens: Field required"},
		"anthropic counts nothing": {claude, sdk.OpCountTokens, `{"messages":[{"role":"user","content":"x"}]}`, 503, "", "A fault of the tests"},
		"cohere overloaded":        {command, sdk.OpChat, say("OVERLOAD"), 502, "upstream_broken", "the service is overloaded"},
		"cohere breaks off":        {command, sdk.OpChat, say("CUT"), 502, "upstream_broken", "broke off"},
		"cohere has no model":      {fake(t, address, "cohere", "command-9"), sdk.OpChat, say("x"), 404, "model_not_found", "command-9"},
		"cohere wants a user":      {command, sdk.OpChat, `{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}`, 400, "", "must be from the user"},
		"cohere is asked too much": {fake(t, address, "cohere", "rerank-v3.5"), sdk.OpRerank, `{"query":"x","documents":["y"]}`, 429, "", "A fault of the tests"},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(t, test.u, test.op, test.body)
			var body struct {
				Error struct{ Message, Code string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != test.status || body.Error.Code != test.code || !strings.Contains(body.Error.Message, test.says) {
				t.Errorf("%d %s, %v", w.Code, w.Body, err)
			}
			doc.check(t, "ErrorResponse", w.Body.Bytes())
			if strings.Contains(w.Body.String(), key) {
				t.Error("the key is in the answer")
			}
			if broken := strings.HasSuffix(name, "breaks off"); w.Header().Get("X-Upstream-Request-Id") == "" || !broken && !strings.Contains(body.Error.Message, "(request id ") {
				t.Errorf("no request id: %v %s", w.Header(), w.Body)
			}
			if test.status == 429 && w.Header().Get("Retry-After") != "1" {
				t.Errorf("no Retry-After: %v", w.Header())
			}
		})
	}
}

// TestMessagesGoThrough in Anthropic's own form, as its official client has it.
func TestMessagesGoThrough(t *testing.T) {
	u := fake(t, services(t), "anthropic", "claude-haiku-4-5")
	client := anthropic.NewClient(anthropicoption.WithoutEnvironmentDefaults(), anthropicoption.WithBaseURL(strings.TrimSuffix(served(t, u), "v1/")), anthropicoption.WithAPIKey("none"), anthropicoption.WithMaxRetries(0))
	params := anthropic.MessageNewParams{Model: "remote", MaxTokens: 100, TopK: anthropic.Int(3), Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("three words here"))}}
	answer, err := client.Messages.New(t.Context(), params)
	if err != nil || answer.Content[0].Text != "three words here" {
		t.Errorf("%+v, %v", answer, err)
	}
	stream, sum := client.Messages.NewStreaming(t.Context(), params), anthropic.Message{}
	for stream.Next() {
		if err := sum.Accumulate(stream.Current()); err != nil {
			t.Error(err)
		}
	}
	if stream.Err() != nil || sum.Content[0].Text != "three words here" || sum.StopReason != "end_turn" {
		t.Errorf("%+v, %v", sum, stream.Err())
	}
	counted, err := client.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{Model: "remote", Messages: params.Messages})
	if err != nil || counted.InputTokens != 3 {
		t.Errorf("%+v, %v", counted, err)
	}
}

// TestModelsOfServices are those that can be asked, of all pages.
func TestModelsOfServices(t *testing.T) {
	address := services(t)
	for provider, want := range map[string]string{
		"anthropic": "claude-haiku-4-5 chat, claude-opus-5 chat, claude-opus-5-5 chat",
		"cohere":    "command-a-03-2025 chat, embed-v4.0 embedding, rerank-v3.5 rerank",
	} {
		t.Run(provider, func(t *testing.T) {
			offered, err := models(t, provider, address+"/"+provider, key)
			var got []string
			for _, m := range offered {
				got = append(got, fmt.Sprint(m.ID, " ", m.Metadata["type"]))
				if m.Settings["model"] != m.ID || m.OwnedBy != provider || m.Metadata["context_length"] == nil {
					t.Errorf("%+v", m)
				}
			}
			if err != nil || strings.Join(got, ", ") != want {
				t.Errorf("%v, %v", got, err)
			}
			_, err = models(t, provider, address+"/"+provider, "sk-wrong-0123456789")
			if sdk.CodeOf(err) != sdk.CodeUnauthorized {
				t.Errorf("with a wrong key: %v", err)
			}
			if _, err = models(t, provider, address+"/nowhere", key); err == nil || sdk.CodeOf(err) == sdk.CodeInternal {
				t.Errorf("at a wrong address: %v", err)
			}
		})
	}
}

func models(t *testing.T, provider, address, key string) ([]sdk.Manifest, error) {
	t.Helper()
	e := &engine{}
	err := e.Configure(t.Context(), sdk.Configuration{Deployment: "d", Secrets: map[string]string{"api_key": key}, Log: hclog.NewNullLogger(),
		Settings: fmt.Appendf(nil, `{"provider": %q, "base_url": %q, "max_retries": 0}`, provider, address)})
	if err != nil {
		t.Fatal(err)
	}
	return e.Models(t.Context())
}

// TestEmbeddingsOfCohere are in OpenAI's form, whatever the number of texts.
func TestEmbeddingsOfCohere(t *testing.T) {
	u := fake(t, services(t), "cohere", "embed-v4.0")
	client := openai.NewClient(option.WithBaseURL(served(t, u)), option.WithAPIKey("none"), option.WithMaxRetries(0))
	var texts []string
	for i := range 200 {
		texts = append(texts, strings.Repeat("x", i+1))
	}
	for _, format := range []openai.EmbeddingNewParamsEncodingFormat{"float", "base64"} {
		w := ask(t, u, sdk.OpEmbedding, fmt.Sprintf(`{"input":["a","bb"],"encoding_format":%q,"dimensions":256}`, format))
		openaiDocument(t).check(t, "CreateEmbeddingResponse", []byte(strings.ReplaceAll(w.Body.String(), `"embedding":"`, `"embedding":[],"packed":"`))) // the document forgets base64
		if packed := strings.Contains(w.Body.String(), `"embedding":"AACAPwAAgD8AAAAA`); packed != (format == "base64") {
			t.Errorf("%s: %.200s", format, w.Body)
		}
	}
	answer, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: "remote", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts}})
	if err != nil || len(answer.Data) != 200 || answer.Usage.PromptTokens != 200 {
		t.Fatalf("%d vectors, %+v, %v", len(answer.Data), answer.Usage, err)
	}
	for i, d := range answer.Data {
		if d.Index != int64(i) || len(d.Embedding) != 1536 || math.Abs(d.Embedding[0]-float64(i+1)) > 1e-6 {
			t.Fatalf("%d: index %d, %v…", i, d.Index, d.Embedding[:2])
		}
	}
	for _, body := range []string{`{}`, `{"input":[]}`, `{"input":[1,2]}`, `{"input":""}`, `{"input":"x","encoding_format":"int8"}`, `{"input":"x","input_type":"joy"}`, `{"input":"x","dimensions":3}`} {
		if w := ask(t, u, sdk.OpEmbedding, body); w.Code != 400 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestRankingOfCohere(t *testing.T) {
	u := fake(t, services(t), "cohere", "rerank-v3.5")
	w := ask(t, u, sdk.OpRerank, `{"query":"red cat","documents":["blue dog",{"text":"red cat"},{"title":"red"}],"top_n":2,"return_documents":true}`)
	var got struct {
		Model   string
		Results []struct {
			Index    int
			Score    float64 `json:"relevance_score"`
			Document struct{ Text string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Results) != 2 || got.Model != "remote" || got.Results[0].Index != 1 || got.Results[0].Score != 1 || got.Results[0].Document.Text != "red cat" {
		t.Errorf("%s, %v", w.Body, err)
	}
	if w := ask(t, u, sdk.OpRerank, `{"query":"","documents":["x"]}`); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(t, u, sdk.OpChat, `{}`); w.Code != 400 || !strings.Contains(w.Body.String(), "unsupported_operation") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestCancelReachesTheService: a client that leaves in the midst of a stream.
func TestCancelReachesTheService(t *testing.T) {
	for _, provider := range []string{"anthropic", "cohere"} {
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprint(provider, " ", stream), func(t *testing.T) {
				asked, left := make(chan struct{}), make(chan struct{})
				begin, _, _ := strings.Cut(hello(t, provider), "\n\nevent: content_block_stop")
				begin, _, _ = strings.Cut(begin, "\n\nevent: content-end")
				service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					fmt.Fprint(w, begin+"\n\n")
					http.NewResponseController(w).Flush()
					close(asked)
					<-r.Context().Done()
					close(left)
				}))
				t.Cleanup(service.Close)
				u := openModel(t, provider, service.URL, "")
				ctx, cancel := context.WithCancel(t.Context())
				r, _ := http.NewRequestWithContext(ctx, "POST", served(t, u)+"chat/completions", strings.NewReader(fmt.Sprintf(`{"stream":%v,"messages":[{"role":"user","content":"x"}]}`, stream)))
				done := make(chan error, 1)
				go func() {
					resp, err := http.DefaultClient.Do(r)
					if err == nil {
						defer resp.Body.Close()
						_, err = resp.Body.Read(make([]byte, 1))
					}
					done <- err
					if err == nil {
						<-ctx.Done()
					}
				}()
				<-asked
				if stream {
					if err := <-done; err != nil {
						t.Fatal(err)
					}
				}
				cancel()
				<-left
				if !stream {
					if err := <-done; !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestHostileServices get no further than an error.
func TestHostileServices(t *testing.T) {
	long := strings.Repeat("x", 9<<20)
	for name, test := range map[string]struct {
		kind, body string
		status     int
	}{
		"web page":         {"text/html", "<html>login</html>", 502},
		"JSON":             {"application/json", `{"id":"x","content":[]}`, 502},
		"nothing":          {"text/event-stream", "", 502},
		"no JSON":          {"text/event-stream", "event: message_start\ndata: {\n\nevent: message-start\ndata: {\n\n", 502},
		"null":             {"text/event-stream", "event: message_start\ndata: null\n\n", 502},
		"other types":      {"text/event-stream", `data: {"type":"message-end","delta":[1]}` + "\n\n" + "event: message_delta\n" + `data: {"type":"message_delta","delta":[1],"usage":7}` + "\n\n", 502},
		"a long line":      {"text/event-stream", "data: " + long, 502},
		"a long event":     {"text/event-stream", strings.Repeat("data: "+long[:1<<20]+"\n", 9), 502},
		"end without deed": {"text/event-stream", "event: message_stop\n" + `data: {"type":"message_stop"}` + "\n\n", 502},
	} {
		for _, provider := range []string{"anthropic", "cohere"} {
			for _, stream := range []bool{true, false} {
				t.Run(fmt.Sprint(provider, " ", name, " ", stream), func(t *testing.T) {
					service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Type", test.kind)
						fmt.Fprint(w, test.body)
					}))
					t.Cleanup(service.Close)
					begin := time.Now()
					w := ask(t, openModel(t, provider, service.URL, ""), sdk.OpChat, fmt.Sprintf(`{"stream":%v,"messages":[{"role":"user","content":"x"}]}`, stream))
					if w.Code != test.status || !strings.Contains(w.Body.String(), "upstream_broken") {
						t.Errorf("%d %.300s after %v", w.Code, w.Body, time.Since(begin))
					}
				})
			}
		}
	}
	for op, body := range map[sdk.Operation]string{sdk.OpEmbedding: `{"input":"x"}`, sdk.OpRerank: `{"query":"x","documents":["y"]}`} {
		for _, text := range []string{``, `{`, `null`, `[]`, `{}`, `{"embeddings":{"float":[["x"]]}}`, `{"embeddings":{"float":[null]}}`, `{"embeddings":{"float":[[1],[2]]}}`, `{"results":[{"index":7}]}`, `{"results":[{"index":-1}]}`} {
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, text) }))
			if w := ask(t, openModel(t, "cohere", service.URL, fmt.Sprintf(`{"operations": [%q]}`, op)), op, body); w.Code != 502 {
				t.Errorf("%s %s: %d %s", op, text, w.Code, w.Body)
			}
			service.Close()
		}
	}
}

// TestEveryModelOfAnthropic takes what a client may ask of any, for what it does not
// take is left out. The fake has its own list, from the service's documents.
func TestEveryModelOfAnthropic(t *testing.T) {
	names := strings.Fields("claude-3-haiku-20240307 claude-3-5-sonnet-20241022 claude-3-7-sonnet-20250219 claude-sonnet-4-20250514 claude-opus-4-1-20250805 claude-sonnet-4-5 claude-haiku-4-5-20251001 claude-opus-4-5 " +
		"claude-opus-4-6 claude-sonnet-4-6 claude-opus-4-7 claude-opus-4-8 claude-opus-5 claude-sonnet-5 claude-fable-5 claude-opus-5-5 claude-sonnet-5-5 claude-haiku-5-5 claude-fable-5-1")
	unforced := []string{"claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1"}
	args := []string{"-key", key}
	for _, name := range names {
		args = append(args, "-model", name+"=anthropic")
	}
	address := sdktest.Program(t, "../../cmd/provider", 1, args...)[0]
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			u := fake(t, address, "anthropic", name)
			for _, effort := range []string{"", "none", "minimal", "low", "medium", "high", "xhigh"} {
				for _, more := range []string{"", `,"max_tokens":1500`, `,"tool_choice":"required","tools":[{"type":"function","function":{"name":"a"}}]`} {
					want := 200
					if strings.Contains(more, "required") && slices.Contains(unforced, name) {
						want = 400 // the API says so: such a model cannot be forced
					}
					body := fmt.Sprintf(`{"messages":[{"role":"user","content":"x"}],"temperature":0.5,"top_p":0.9,"top_k":5,"reasoning_effort":%q%s}`, effort, more)
					if w := ask(t, u, sdk.OpChat, body); w.Code != want {
						t.Errorf("%s: %d %s", body, w.Code, w.Body)
					}
				}
			}
		})
	}
}
