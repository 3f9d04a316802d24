package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"

	"github.com/enginebay/enginebay/core/database/databasetest"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

const aboutEngineBay = "Engine Bay is a model runtime: one OpenAI-compatible server in which every engine and every model source is a plugin."

// TestClientsForNode runs testdata/clients, the tests of well-known npm packages,
// against a real server and a real llama.cpp.
func TestClientsForNode(t *testing.T) {
	npm, dir := clientsForNode(t)
	b := startServerWithRemotes(t)
	test := exec.Command(npm, "test", "--silent")
	test.Dir = dir
	hub := startHub(t, hubOfClients, "-page", "2")
	test.Env = append(os.Environ(), "HUB_URL="+hub, "HUB_TOKEN="+hubToken, "HUB_OTHER_TOKEN="+hubOtherToken, "BASE_URL="+b.url+"/v1", "MODEL=tiny-guide", "MODEL_SLASH=variants/with-slash",
		"EMBED_MODEL=tiny-embed", "TOOL_MODEL=tiny-tools", "ECHO_MODEL=echo", "PROVIDER_URL="+startProvider(t),
		remoteChats, "REMOTE_MESSAGES=anthropic/claude-haiku-4-5",
		"REMOTE_EMBEDDINGS=openai/text-embedding-3-small cohere/embed-v4.0 google/gemini-embedding-001",
		"GOOGLE_URL="+sdktest.Program(t, "../provider", 1, "-key", "k", "-model", "gemini-2.5-flash=google", "-model", "gemini-3-pro=google", "-model", "gemini-embedding-001=google")[0])
	out, err := test.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the client's tests fail: %v", err)
	}
}

// TestClientsForNodeOnPostgreSQL: what lasts does so there as in SQLite.
func TestClientsForNodeOnPostgreSQL(t *testing.T) {
	_, dir := clientsForNode(t)
	t.Setenv("ENGINEBAY_DATABASE", databasetest.URL(t))
	b := startServerWithRemotes(t)
	test := exec.Command("sh", "-c", "node_modules/node-*/bin/node --test --test-reporter=spec assistants.test.mjs conversations*.test.mjs")
	test.Dir, test.Env = dir, append(os.Environ(), "BASE_URL="+b.url+"/v1", "MODEL=tiny-guide", "TOOL_MODEL=tiny-tools", "ECHO_MODEL=echo", remoteChats)
	out, err := test.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the client's tests fail: %v", err)
	}
}

// remoteChats tells the tests which models of remote services answer chats.
const remoteChats = "REMOTE_MODELS=anthropic/claude-haiku-4-5 cohere/command-a-03-2025 google/gemini-2.5-flash google/gemini-3-pro"

// startServerWithRemotes starts a server that has cmd/provider's models too, and one of
// engine-echo that answers /v1/responses.
func startServerWithRemotes(t *testing.T) *bay {
	t.Helper()
	home := newHome(t)
	withRemotes(t, home, sdktest.Program(t, "../provider", 1, append([]string{"-key", remoteKey}, remoteModels...)...)[0])
	writeFile(t, filepath.Join(home, "models/echo/model.json"), `{"engine": "echo", "format": "api", "settings": {"operations": ["responses"]}}`)
	b := startServer(t, home)
	b.offered(t, "openai/text-embedding-3-small", "anthropic/claude-haiku-4-5", "cohere/embed-v4.0", "google/gemini-3-pro")
	return b
}

// clientsForNode is a folder with testdata/clients and the packages that they need.
func clientsForNode(t *testing.T) (npm, dir string) {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatal("npm is not installed, and the tests of clients for Node need it: install Node.js")
	}
	if runtime.GOOS == "windows" {
		t.Skip("the Node that the test brings along is for Linux and macOS")
	}
	dir = filepath.Join(build, "clients")
	if out, err := exec.Command("sh", "-c", `mkdir -p "$0" && cp -R testdata/clients/. "$0"/`, dir).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v\n%s", err, out)
	}
	installClients(t, npm, dir)
	return npm, dir
}

// startProvider starts cmd/provider, the remote API of the importers' tests, so
// that the official client says whether it speaks as the real ones do.
func startProvider(t *testing.T) string {
	t.Helper()
	return sdktest.Program(t, "../provider", 1, "-key", "k", "-entra-token", "t", "-client", "tenant/client=secret",
		"-model", "gpt-4o", "-model", "text-embedding-3-small=openai", "-deployment", "mine=gpt-4o", "-deployment", "vectors=text-embedding-3-small",
		"-model", "claude-haiku-4-5=anthropic", "-model", "claude-opus-5-5=anthropic", "-model", "command-a-03-2025=cohere", "-model", "embed-v4.0=cohere", "-model", "rerank-v3.5=cohere",
		"-model", "gemini-2.5-flash=google", "-model", "gemini-3-pro=google", "-model", "gemini-embedding-001=google")[0]
}

// installClients gets the packages of the lock file, unless they are there.
func installClients(t *testing.T, npm, dir string) {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(dir, "node_modules", "installed.json")
	if there, err := os.ReadFile(installed); err == nil && bytes.Equal(there, lock) {
		return
	}
	install := exec.Command(npm, "ci", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.WriteFile(installed, lock, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOfficialClientForGo is the same ground with github.com/openai/openai-go.
func TestOfficialClientForGo(t *testing.T) {
	b := startServer(t, newHome(t))
	client := openai.NewClient(option.WithBaseURL(b.url+"/v1/"), option.WithAPIKey("none"), option.WithMaxRetries(0))
	ctx := context.Background()
	ask := func(model string) openai.ChatCompletionNewParams {
		return openai.ChatCompletionNewParams{Model: model, Temperature: openai.Float(0), MaxTokens: openai.Int(200),
			Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("What is Engine Bay?")}}
	}
	t.Run("list", func(t *testing.T) {
		page, err := client.Models.List(ctx)
		if err != nil || len(page.Data) != 5 {
			t.Fatalf("%d models, %v", len(page.Data), err)
		}
		for _, m := range page.Data {
			if m.ID == "" || m.Object != "model" || m.Created == 0 || m.OwnedBy == "" {
				t.Errorf("incomplete: %+v", m)
			}
		}
	})
	t.Run("chat", func(t *testing.T) {
		answer, err := client.Chat.Completions.New(ctx, ask("tiny-guide"))
		if err != nil || answer.Choices[0].Message.Content != aboutEngineBay || answer.Model != "tiny-guide" {
			t.Fatalf("%+v, %v", answer, err)
		}
	})
	t.Run("stream", func(t *testing.T) {
		stream := client.Chat.Completions.NewStreaming(ctx, ask("variants/with-slash"))
		var text strings.Builder
		pieces := 0
		for stream.Next() {
			for _, choice := range stream.Current().Choices {
				text.WriteString(choice.Delta.Content)
				pieces++
			}
		}
		if stream.Err() != nil || text.String() != aboutEngineBay || pieces < 4 {
			t.Fatalf("%q in %d pieces, %v", text.String(), pieces, stream.Err())
		}
	})
	t.Run("tools", func(t *testing.T) { testTools(t, client, ask("tiny-tools")) })
	t.Run("JSON schema", func(t *testing.T) {
		params := ask("tiny-guide")
		params.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "sum", Strict: openai.Bool(true), Schema: sumSchema}}}
		answer, err := client.Chat.Completions.New(ctx, params)
		if err != nil {
			t.Fatal(err)
		}
		assertSum(t, answer.Choices[0].Message.Content)
	})
	t.Run("responses", func(t *testing.T) { testResponses(t, client) })
	t.Run("embeddings", func(t *testing.T) {
		answer, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: "tiny-embed",
			Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a plugin", "an engine"}}})
		if err != nil || len(answer.Data) != 2 || len(answer.Data[0].Embedding) != 128 || answer.Data[1].Index != 1 {
			t.Fatalf("%+v, %v", answer, err)
		}
	})
	t.Run("embeddings of a model that has none", func(t *testing.T) {
		_, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: "tiny-guide",
			Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("x")}})
		assertAPIError(t, err, 400, "unsupported_operation", "it answers /v1/chat/completions")
	})
	t.Run("wrong model", func(t *testing.T) {
		_, err := client.Chat.Completions.New(ctx, ask("tiny-gide"))
		assertAPIError(t, err, 404, "model_not_found", "did you mean 'tiny-guide'?")
	})
}

var sumSchema = map[string]any{"type": "object", "additionalProperties": false, "required": []string{"a", "b"},
	"properties": map[string]any{"a": map[string]any{"type": "integer", "maximum": 9, "minimum": 0}, "b": map[string]any{"enum": []int{1, 2}}}}

func assertSum(t *testing.T, text string) {
	t.Helper()
	var sum struct{ A, B *int }
	if err := json.Unmarshal([]byte(text), &sum); err != nil || sum.A == nil || sum.B == nil || *sum.A > 9 || *sum.B < 1 || *sum.B > 2 {
		t.Errorf("%q does not fit the schema (%v)", text, err)
	}
}

func testTools(t *testing.T, client openai.Client, params openai.ChatCompletionNewParams) {
	params.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "add", Parameters: sumSchema})}
	params.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("required")}
	params.ParallelToolCalls = openai.Bool(false)
	answer, err := client.Chat.Completions.New(context.Background(), params)
	if err != nil || len(answer.Choices[0].Message.ToolCalls) != 1 {
		t.Fatalf("%+v, %v", answer, err)
	}
	call := answer.Choices[0].Message.ToolCalls[0]
	if call.Function.Name != "add" || answer.Choices[0].FinishReason != "tool_calls" {
		t.Errorf("%+v", answer.Choices[0])
	}
	assertSum(t, call.Function.Arguments)
}

func testResponses(t *testing.T, client openai.Client) {
	ask := responses.ResponseNewParams{Model: "tiny-guide", Temperature: openai.Float(0), MaxOutputTokens: openai.Int(200),
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("What is Engine Bay?")}}
	answer, err := client.Responses.New(context.Background(), ask)
	if err != nil || answer.OutputText() != aboutEngineBay || answer.Status != responses.ResponseStatusCompleted {
		t.Fatalf("%+v, %v", answer, err)
	}
	stream := client.Responses.NewStreaming(context.Background(), ask)
	var text strings.Builder
	for n := int64(0); stream.Next(); n++ {
		event := stream.Current()
		text.WriteString(event.AsResponseOutputTextDelta().Delta)
		if event.SequenceNumber != n {
			t.Errorf("event %d has the number %d", n, event.SequenceNumber)
		}
	}
	if stream.Err() != nil || text.String() != aboutEngineBay {
		t.Fatalf("%q, %v", text.String(), stream.Err())
	}
	ask.PreviousResponseID = openai.String("resp_1")
	_, err = client.Responses.New(context.Background(), ask)
	assertAPIError(t, err, 400, "previous_response_not_found", "Previous response with id 'resp_1' not found")
}

func assertAPIError(t *testing.T, err error, status int, code, says string) {
	t.Helper()
	var answer *openai.Error
	if !errors.As(err, &answer) || answer.StatusCode != status || answer.Code != code || !strings.Contains(answer.Message, says) {
		t.Errorf("got %v, want status %d, code %s and %q", err, status, code, says)
	}
}
