package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/enginebay/enginebay/sdk/sdktest"
)

// TestTriton: OpenAI's client talks to a model of a Triton, over HTTP and over gRPC,
// which is loaded there for it.
func TestTriton(t *testing.T) {
	said := sdktest.Program(t, "../triton", 2, "-explicit", "-model", "llm=ensemble,decoupled,unloaded")
	home := newHome(t)
	for id, protocol := range map[string]string{"triton": "http", "triton-grpc": "grpc"} {
		writeFile(t, filepath.Join(home, "engines", id+".json"), fmt.Sprintf(`{"engine": "tensorrt", "settings": {"base_url": %q, "grpc_url": %q, "protocol": %q,
			"model_control": "explicit", "chat_template": "{{ messages[-1].content }}"}}`, said[0], said[1], protocol))
	}
	b, doc := startServer(t, home), newDocument(t)
	client := openai.NewClient(option.WithBaseURL(b.url+"/v1/"), option.WithAPIKey("none"), option.WithMaxRetries(0))
	for _, model := range []string{"triton/llm", "triton-grpc/llm"} {
		t.Run(model, func(t *testing.T) {
			b.offered(t, model)
			ask := openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("one two three")}}
			whole, err := client.Chat.Completions.New(t.Context(), ask)
			if err != nil || strings.TrimSpace(whole.Choices[0].Message.Content) != "one two three" {
				t.Fatalf("%+v, %v", whole, err)
			}
			doc.check(t, "CreateChatCompletionResponse", []byte(whole.RawJSON()))
			var text strings.Builder
			stream := client.Chat.Completions.NewStreaming(t.Context(), ask)
			for stream.Next() {
				for _, choice := range stream.Current().Choices {
					text.WriteString(choice.Delta.Content)
				}
			}
			if err := stream.Err(); err != nil || strings.TrimSpace(text.String()) != "one two three" {
				t.Errorf("%q, %v", text.String(), err)
			}
		})
	}
}
