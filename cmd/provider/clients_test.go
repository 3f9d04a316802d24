package main

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// serve is a provider with one model of each kind, and their deployments.
func serve(t *testing.T) string {
	t.Helper()
	p := &provider{key: "k", token: "t"}
	for _, err := range []error{p.addModel("gpt-4o"), p.addModel("text-embedding-3-small=openai"),
		p.addDeployment("mine=gpt-4o"), p.addDeployment("vectors=text-embedding-3-small")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(p.handler())
	t.Cleanup(s.Close)
	return s.URL
}

// TestOfficialClientForGo: what it reads is what the real services write. The
// clients for Node are run by cmd/enginebay, which has them.
func TestOfficialClientForGo(t *testing.T) {
	url := serve(t)
	azure := func(more ...option.RequestOption) openai.Client {
		return openai.NewClient(append([]option.RequestOption{option.WithBaseURL(url + "/openai/deployments/mine/"), option.WithQuery("api-version", "2024-10-21"),
			option.WithHeaderDel("authorization"), option.WithMaxRetries(0)}, more...)...)
	}
	for name, client := range map[string]openai.Client{
		"openai":      openai.NewClient(option.WithBaseURL(url+"/v1/"), option.WithAPIKey("k"), option.WithMaxRetries(0)),
		"azure key":   azure(option.WithHeader("api-key", "k")),
		"azure entra": azure(option.WithHeader("authorization", "Bearer t")),
		"azure v1":    openai.NewClient(option.WithBaseURL(url+"/openai/v1/"), option.WithHeader("api-key", "k"), option.WithHeaderDel("authorization"), option.WithMaxRetries(0)),
	} {
		t.Run(name, func(t *testing.T) {
			model := "gpt-4o"
			if name == "azure v1" {
				model = "mine"
			}
			ask := openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("three words here")}}
			answer, err := client.Chat.Completions.New(t.Context(), ask)
			if err != nil || answer.Choices[0].Message.Content != "three words here" || answer.Model != "gpt-4o" {
				t.Errorf("%+v, %v", answer, err)
			}
			stream, text := client.Chat.Completions.NewStreaming(t.Context(), ask), ""
			for stream.Next() {
				text += stream.Current().Choices[0].Delta.Content
			}
			if stream.Err() != nil || text != "three words here" {
				t.Errorf("streamed %q, %v", text, stream.Err())
			}
		})
	}
}

func TestModels(t *testing.T) {
	client := openai.NewClient(option.WithBaseURL(serve(t)+"/v1/"), option.WithAPIKey("k"), option.WithMaxRetries(0))
	page, err := client.Models.List(t.Context())
	if err != nil || len(page.Data) != 2 || page.Data[1].OwnedBy != "openai" || page.Data[0].Created == 0 {
		t.Errorf("%+v, %v", page, err)
	}
	if m, err := client.Models.Get(t.Context(), "gpt-4o"); err != nil || m.ID != "gpt-4o" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestRefusals(t *testing.T) {
	url := serve(t)
	for name, test := range map[string]struct {
		base, key, code string
		status          int
	}{
		"missing model":      {"/v1/", "k", "model_not_found", 404},
		"wrong key":          {"/v1/", "x", "invalid_api_key", 401},
		"unknown address":    {"/v2/", "k", "unknown_url", 404},
		"wrong key at Azure": {"/openai/v1/", "x", "401", 401},
	} {
		t.Run(name, func(t *testing.T) {
			client := openai.NewClient(option.WithBaseURL(url+test.base), option.WithAPIKey(test.key), option.WithHeader("api-key", test.key), option.WithMaxRetries(0))
			_, err := client.Models.Get(t.Context(), "gpt-5")
			var refused *openai.Error
			if !errors.As(err, &refused) || refused.StatusCode != test.status || refused.Code != test.code || refused.Message == "" || strings.Contains(refused.Message, "gpt-4") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	var f faults
	for _, text := range []string{"", "/v1", "/v1 x", "/v1 503 x", "a b c d"} {
		if f.add(text) == nil {
			t.Errorf("%q is a fault", text)
		}
	}
	f = faults{}
	if err := errors.Join(f.add("/v1/models 503 2"), f.add("/openai 429")); err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, path := range []string{"/v1/models", "/v1/models/x", "/v1/models", "/v1", "/openai", "/openai/x"} {
		got = append(got, f.next(path))
	}
	if want := []int{503, 503, 0, 0, 429, 429}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
