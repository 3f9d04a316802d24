package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	goopenai "github.com/sashabaranov/go-openai"
)

// TestGoOpenAI is github.com/sashabaranov/go-openai, which many programs in Go have.
func TestGoOpenAI(t *testing.T) {
	b := startServer(t, newHome(t))
	config := goopenai.DefaultConfig("none")
	config.BaseURL = b.url + "/v1"
	client := goopenai.NewClientWithConfig(config)
	ask := goopenai.ChatCompletionRequest{Model: "tiny-guide", MaxCompletionTokens: 200, Temperature: 1e-9, // 0 is left out
		Messages: []goopenai.ChatCompletionMessage{{Role: goopenai.ChatMessageRoleUser, Content: "What is Engine Bay?"}}}
	t.Run("list", func(t *testing.T) {
		list, err := client.ListModels(t.Context())
		if err != nil || len(list.Models) != 5 || list.Models[0].ID == "" {
			t.Fatalf("%+v, %v", list, err)
		}
	})
	t.Run("chat", func(t *testing.T) {
		answer, err := client.CreateChatCompletion(t.Context(), ask)
		if err != nil || answer.Choices[0].Message.Content != aboutEngineBay || answer.Usage.TotalTokens == 0 {
			t.Fatalf("%+v, %v", answer, err)
		}
	})
	t.Run("stream", func(t *testing.T) {
		stream, err := client.CreateChatCompletionStream(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		var text strings.Builder
		for {
			piece, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			text.WriteString(piece.Choices[0].Delta.Content)
		}
		if text.String() != aboutEngineBay {
			t.Errorf("%q", text.String())
		}
	})
	t.Run("completion, with likelihoods", func(t *testing.T) {
		answer, err := client.CreateCompletion(t.Context(), goopenai.CompletionRequest{Model: "tiny-guide", Prompt: "2 +", MaxTokens: 3, LogProbs: 2})
		if err != nil || len(answer.Choices[0].LogProbs.Tokens) != 3 || len(answer.Choices[0].LogProbs.TopLogprobs) != 3 {
			t.Fatalf("%+v, %v", answer, err)
		}
	})
	t.Run("embeddings", func(t *testing.T) {
		answer, err := client.CreateEmbeddings(t.Context(), goopenai.EmbeddingRequest{Model: "tiny-embed", Input: []string{"a", "b"}})
		if err != nil || len(answer.Data) != 2 || len(answer.Data[1].Embedding) != 128 {
			t.Fatalf("%+v, %v", answer, err)
		}
	})
	t.Run("error", func(t *testing.T) {
		ask := ask
		ask.Model = "tiny-gide"
		_, err := client.CreateChatCompletion(t.Context(), ask)
		var said *goopenai.APIError
		if !errors.As(err, &said) || said.HTTPStatusCode != 404 || said.Code != "model_not_found" || said.Param == nil || *said.Param != "model" {
			t.Errorf("%v", err)
		}
	})
}
