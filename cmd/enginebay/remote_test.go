package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk/sdktest"
)

// remoteKey is what the services of these tests ask for. Nobody else may see it.
const remoteKey = "sk-remote-0123456789abcdefghij"

// remoteModels are those of cmd/provider, by their ids here.
var remoteModels = []string{"-model", "gpt-4o", "-model", "text-embedding-3-small=openai", "-deployment", "mine=gpt-4o", "-deployment", "vectors=text-embedding-3-small",
	"-model", "claude-haiku-4-5=anthropic", "-model", "command-a-03-2025=cohere", "-model", "embed-v4.0=cohere",
	"-model", "gemini-2.5-flash=google", "-model", "gemini-3-pro=google", "-model", "gemini-embedding-001=google"}

// withRemotes writes a deployment for each service into a home, and a model of the
// one that lists none.
func withRemotes(t testing.TB, home, address string) {
	t.Helper()
	t.Setenv("REMOTE_KEY", remoteKey)
	for id, settings := range map[string]string{
		"openai": `"provider": "openai", "base_url": "%s/v1"`, "azure": `"provider": "azure", "base_url": "%s/openai", "api_version": "2024-10-21"`,
		"anthropic": `"provider": "anthropic", "base_url": "%s/anthropic"`, "cohere": `"provider": "cohere", "base_url": "%s/cohere"`, "google": `"provider": "google", "base_url": "%s/google"`,
	} {
		writeFile(t, filepath.Join(home, "engines", id+".json"),
			fmt.Sprintf(`{"engine": "api", "settings": {`+settings+`, "max_retries": 0}, "secrets": {"api_key": "env:REMOTE_KEY"}}`, address))
	}
	writeFile(t, filepath.Join(home, "models/deployed/model.json"), `{"engine": "azure", "format": "api", "settings": {"deployment_name": "mine"}}`)
}

// offered waits until the services have listed their models.
func (b *bay) offered(t *testing.T, ids ...string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, list := b.do("GET", "/v1/models", "")
		there := gjson.Get(list, "data.#.id").String()
		if !slices.ContainsFunc(ids, func(id string) bool { return !strings.Contains(there, `"`+id+`"`) }) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v are not all in %s\n%s", ids, there, b.log.text())
		}
	}
}

// listener keeps all that a client is answered.
type listener struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// RoundTrip implements http.RoundTripper.
func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	fmt.Fprintln(&l.all, resp.Header)
	l.mu.Unlock()
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(resp.Body, l), resp.Body}
	return resp, nil
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

const pngDot = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// TestRemoteServices: OpenAI's client talks to a model of each service, and the key
// that each asks for is nowhere but there.
func TestRemoteServices(t *testing.T) {
	address := sdktest.Program(t, "../provider", 1, append([]string{"-key", remoteKey}, remoteModels...)...)[0]
	home := newHome(t)
	withRemotes(t, home, address)
	b, doc, heard := startServer(t, home), newDocument(t), &listener{}
	b.offered(t, "openai/gpt-4o", "anthropic/claude-haiku-4-5", "cohere/command-a-03-2025", "google/gemini-3-pro", "google/gemini-embedding-001")
	client := openai.NewClient(option.WithBaseURL(b.url+"/v1/"), option.WithAPIKey("none"), option.WithMaxRetries(0), option.WithHTTPClient(&http.Client{Transport: heard}))
	for _, model := range []string{"openai/gpt-4o", "deployed", "anthropic/claude-haiku-4-5", "cohere/command-a-03-2025", "google/gemini-2.5-flash", "google/gemini-3-pro"} {
		t.Run(model, func(t *testing.T) {
			r := remoteModel{client, doc, model}
			t.Run("chat", r.chats)
			if !strings.HasPrefix(model, "openai") && model != "deployed" { // of whose the fake has no more
				t.Run("tools", r.callsTools)
				t.Run("image", r.sees)
				t.Run("JSON", r.answersJSON)
			}
		})
	}
	for _, model := range []string{"openai/text-embedding-3-small", "cohere/embed-v4.0", "google/gemini-embedding-001"} {
		t.Run(model, func(t *testing.T) { remoteModel{client, doc, model}.embeds(t) })
	}
	for _, model := range []string{"anthropic/nothing", "cohere/nothing", "google/nothing"} {
		_, err := client.Chat.Completions.New(t.Context(), remoteModel{client, doc, model}.ask("x"))
		assertAPIError(t, err, 404, "model_not_found", "nothing")
	}
	b.stop()
	assertUnseen(t, remoteKey, b.log.text(), heard.all.String())
	assertNotIn(t, remoteKey, home)
}

// remoteModel is a model of a service.
type remoteModel struct {
	client openai.Client
	doc    *openaiDocument
	model  string
}

func (r remoteModel) ask(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: r.model, MaxTokens: openai.Int(200), Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

func (r remoteModel) chats(t *testing.T) {
	ask := r.ask("three words here")
	answer, err := r.client.Chat.Completions.New(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if r.model != "openai/gpt-4o" && r.model != "deployed" { // where what comes is passed on as it is
		r.doc.check(t, "CreateChatCompletionResponse", []byte(answer.RawJSON()))
	}
	if answer.Choices[0].Message.Content != "three words here" || answer.Choices[0].FinishReason != "stop" {
		t.Errorf("%s", answer.RawJSON())
	}
	stream, text, pieces := r.client.Chat.Completions.NewStreaming(t.Context(), ask), "", 0
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text += choice.Delta.Content
			pieces++
		}
	}
	if stream.Err() != nil || text != "three words here" || pieces < 3 {
		t.Errorf("streamed %q in %d pieces, %v", text, pieces, stream.Err())
	}
}

func (r remoteModel) callsTools(t *testing.T) {
	ask := r.ask("add")
	ask.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "add", Parameters: sumSchema})}
	for _, streamed := range []bool{false, true} {
		said := r.say(t, ask, streamed)
		if len(said.Choices) != 1 || len(said.Choices[0].Message.ToolCalls) != 1 || said.Choices[0].FinishReason != "tool_calls" {
			t.Fatalf("%s", said.RawJSON())
		}
		call := said.Choices[0].Message.ToolCalls[0]
		assertSum(t, call.Function.Arguments)
		again := ask
		again.Messages = append(slices.Clone(ask.Messages), said.Choices[0].Message.ToParam(), openai.ToolMessage(`{"sum":5}`, call.ID))
		if answer := r.say(t, again, streamed); !strings.Contains(answer.Choices[0].Message.Content, "5") {
			t.Errorf("%+v", answer)
		}
	}
}

// say is an answer, whole or put together by the client.
func (r remoteModel) say(t *testing.T, ask openai.ChatCompletionNewParams, streamed bool) openai.ChatCompletion {
	t.Helper()
	if !streamed {
		answer, err := r.client.Chat.Completions.New(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		return *answer
	}
	stream, all := r.client.Chat.Completions.NewStreaming(t.Context(), ask), openai.ChatCompletionAccumulator{}
	for stream.Next() {
		r.doc.check(t, "CreateChatCompletionStreamResponse", []byte(stream.Current().RawJSON()))
		if !all.AddChunk(stream.Current()) {
			t.Errorf("no part of the answer: %s", stream.Current().RawJSON())
		}
	}
	if stream.Err() != nil {
		t.Fatal(stream.Err())
	}
	return all.ChatCompletion
}

func (r remoteModel) sees(t *testing.T) {
	ask := r.ask("")
	ask.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
		openai.TextContentPart("look"), openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: pngDot})})}
	if answer := r.say(t, ask, false); !strings.Contains(answer.Choices[0].Message.Content, "look") {
		t.Errorf("%s", answer.RawJSON())
	}
}

func (r remoteModel) answersJSON(t *testing.T) {
	ask := r.ask("x")
	ask.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "sum", Strict: openai.Bool(true), Schema: sumSchema}}}
	assertSum(t, r.say(t, ask, false).Choices[0].Message.Content)
}

func (r remoteModel) embeds(t *testing.T) {
	answer, err := r.client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: r.model, EncodingFormat: "float", // base64 is what the client for Node asks for
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a plugin", "an engine"}}})
	if err != nil {
		t.Fatal(err)
	}
	r.doc.check(t, "CreateEmbeddingResponse", []byte(answer.RawJSON()))
	if len(answer.Data) != 2 || len(answer.Data[0].Embedding) == 0 || answer.Data[1].Index != 1 {
		t.Errorf("%.300s", answer.RawJSON())
	}
}

// assertUnseen fails where a secret stands in one of the texts.
func assertUnseen(t *testing.T, secret string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("the secret is in …%.300s", text[max(0, at-200):])
		}
	}
}

// assertNotIn fails where a secret stands in a file below a folder.
func assertNotIn(t *testing.T, secret, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the secret is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRemoteFaults: what a service says of its load comes through to the client, and
// a service that dies in the middle of a stream ends it with an error.
func TestRemoteFaults(t *testing.T) {
	busy := sdktest.Program(t, "../provider", 1, append([]string{"-key", remoteKey, "-fault", "/v1/chat 429", "-fault", "/openai/deployments 429",
		"-fault", "/anthropic/v1/messages 429", "-fault", "/cohere/v2/chat 429", "-fault", "/google/v1beta/models/gemini-3-pro: 429"}, remoteModels...)...)[0]
	home := newHome(t)
	withRemotes(t, home, busy)
	b, doc := startServer(t, home), newDocument(t)
	b.offered(t, "openai/gpt-4o", "anthropic/claude-haiku-4-5", "cohere/command-a-03-2025", "google/gemini-3-pro")
	for _, model := range []string{"openai/gpt-4o", "deployed", "anthropic/claude-haiku-4-5", "cohere/command-a-03-2025", "google/gemini-3-pro"} {
		for _, stream := range []string{"", `"stream":true,`} {
			resp := b.open("POST", "/v1/chat/completions", fmt.Sprintf(`{%s"model":%q,"messages":[{"role":"user","content":"x"}]}`, stream, model))
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			wait := resp.Header.Get("Retry-After")
			if err != nil || resp.StatusCode != 429 || wait != "1" && wait != "2" {
				t.Errorf("%s: %d after %q, %v: %s", model, resp.StatusCode, wait, err, text)
			}
			doc.check(t, "ErrorResponse", text)
		}
	}
	assertUnseen(t, remoteKey, b.log.text())
}

func TestRemoteServiceDies(t *testing.T) {
	home, doc := newHome(t), newDocument(t)
	for _, model := range []string{"anthropic/claude-haiku-4-5", "cohere/command-a-03-2025", "google/gemini-3-pro"} {
		t.Run(model, func(t *testing.T) {
			address, kill := mortal(t)
			withRemotes(t, home, address)
			b := startServer(t, home)
			b.offered(t, model)
			resp := b.open("POST", "/v1/chat/completions", fmt.Sprintf(`{"model":%q,"stream":true,"messages":[{"role":"user","content":"a b HANG"}]}`, model))
			defer resp.Body.Close()
			first := make([]byte, 6)
			if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "data: " {
				t.Fatalf("%q, %v", first, err)
			}
			kill()
			text, err := io.ReadAll(resp.Body)
			events := strings.Split(strings.TrimSpace(string(text)), "\n\n")
			last := strings.TrimPrefix(strings.TrimSpace(events[len(events)-1]), "data: ")
			doc.check(t, "ErrorResponse", []byte(last))
			if code := gjson.Get(last, "error.code").Str; err != nil || code != "upstream_broken" {
				t.Errorf("%v: %s", err, text)
			}
			status, answer := b.do("POST", "/v1/chat/completions", fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"x"}]}`, model))
			code := gjson.Get(answer, "error.code").Str // of a connection that was open still, it is the other one
			if doc.check(t, "ErrorResponse", []byte(answer)); status != 502 || code != "upstream_unreachable" && code != "upstream_broken" {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
}

// TestRemoteClientLeaves: what no client waits for, no service says.
func TestRemoteClientLeaves(t *testing.T) {
	home, told := newHome(t), &journal{}
	program := exec.Command(sdktest.Build(t, "../provider"), append([]string{"-key", remoteKey, "-v"}, remoteModels...)...)
	address := started(t, program, told)
	withRemotes(t, home, address)
	b := startServer(t, home)
	for _, model := range []string{"anthropic/claude-haiku-4-5", "cohere/command-a-03-2025", "google/gemini-3-pro"} {
		b.offered(t, model)
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", b.url+"/v1/chat/completions", strings.NewReader(fmt.Sprintf(`{"model":%q,"stream":true,"messages":[{"role":"user","content":"a b HANG"}]}`, model)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		cancel()
		resp.Body.Close()
		service, _, _ := strings.Cut(model, "/")
		told.wait(t, "left /"+service+"/", 20*time.Second)
	}
	assertUnseen(t, remoteKey, told.text(), b.log.text())
}

// mortal is cmd/provider, and how it ends.
func mortal(t *testing.T) (address string, kill func()) {
	t.Helper()
	program := exec.Command(sdktest.Build(t, "../provider"), append([]string{"-key", remoteKey}, remoteModels...)...)
	address = started(t, program, io.Discard)
	return address, func() { _ = program.Process.Kill() }
}

// started is the first line that a program prints.
func started(t *testing.T, program *exec.Cmd, told io.Writer) string {
	t.Helper()
	program.Stderr = told
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = program.Process.Kill()
		_ = program.Wait()
	})
	line := make([]byte, 0, 64)
	for one := make([]byte, 1); ; {
		if _, err := out.Read(one); err != nil {
			t.Fatal(errors.Join(err, fmt.Errorf("it says %q", line)))
		}
		if one[0] == '\n' {
			return string(line)
		}
		line = append(line, one[0])
	}
}
