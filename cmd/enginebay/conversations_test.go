package main

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
	talks "github.com/openai/openai-go/v3/conversations"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

// TestConversationsOfOfficialClientForGo goes on from a response and in a conversation
// with github.com/openai/openai-go: the model reads as many tokens as where it is given
// all at once, and says the same.
func TestConversationsOfOfficialClientForGo(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, b *bay) {
		testConversations(t, openai.NewClient(option.WithBaseURL(b.url+"/v1/"), option.WithAPIKey("none"), option.WithMaxRetries(0)))
	})
}

func testConversations(t *testing.T, client openai.Client) {
	ctx := context.Background()
	respond := func(t *testing.T, text string, change func(*responses.ResponseNewParams)) *responses.Response {
		t.Helper()
		ask := responses.ResponseNewParams{Model: "tiny-guide", Temperature: openai.Float(0), MaxOutputTokens: openai.Int(200),
			Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)}}
		change(&ask)
		answer, err := client.Responses.New(ctx, ask)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	unchanged := func(*responses.ResponseNewParams) {}
	whole := respond(t, "", func(p *responses.ResponseNewParams) {
		message := responses.ResponseInputItemParamOfMessage[string]
		p.Store = openai.Bool(false)
		p.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{message("What is Engine Bay?", "user"), message(aboutEngineBay, "assistant"), message("So?", "user")}}
	})
	assertSame := func(t *testing.T, got *responses.Response) {
		t.Helper()
		if got.OutputText() != whole.OutputText() || got.Usage.InputTokens != whole.Usage.InputTokens {
			t.Errorf("%q of %d tokens, want %q of %d", got.OutputText(), got.Usage.InputTokens, whole.OutputText(), whole.Usage.InputTokens)
		}
	}

	t.Run("responses", func(t *testing.T) {
		first := respond(t, "What is Engine Bay?", unchanged)
		next := respond(t, "So?", func(p *responses.ResponseNewParams) { p.PreviousResponseID = openai.String(first.ID) })
		assertSame(t, next)
		got, err := client.Responses.Get(ctx, next.ID, responses.ResponseGetParams{})
		if err != nil || got.OutputText() != next.OutputText() || got.PreviousResponseID != first.ID {
			t.Errorf("%+v, %v", got, err)
		}
		var texts []string
		pages := client.Responses.InputItems.ListAutoPaging(ctx, next.ID, responses.InputItemListParams{Limit: openai.Int(2), Order: responses.InputItemListParamsOrderAsc})
		for pages.Next() {
			texts = append(texts, pages.Current().Content.OfInputItemContentList[0].Text)
		}
		if want := []string{"What is Engine Bay?", aboutEngineBay, "So?"}; pages.Err() != nil || !slices.Equal(texts, want) {
			t.Errorf("the items are %q, %v", texts, pages.Err())
		}
		if err := client.Responses.Delete(ctx, first.ID); err != nil {
			t.Error(err)
		}
		_, err = client.Responses.Get(ctx, first.ID, responses.ResponseGetParams{})
		assertAPIError(t, err, 404, "not_found", first.ID)
	})

	t.Run("conversations", func(t *testing.T) {
		made, err := client.Conversations.New(ctx, talks.ConversationNewParams{Metadata: map[string]string{"topic": "demo"}})
		if err != nil || fmt.Sprint(made.Metadata) != "map[topic:demo]" {
			t.Fatalf("%+v, %v", made, err)
		}
		within := func(p *responses.ResponseNewParams) {
			p.Conversation = responses.ResponseNewParamsConversationUnion{OfString: openai.String(made.ID)}
		}
		respond(t, "What is Engine Bay?", within)
		next := respond(t, "So?", within)
		assertSame(t, next)
		if next.Conversation.ID != made.ID {
			t.Errorf("it is in the conversation %q", next.Conversation.ID)
		}
		var roles []string
		pages := client.Conversations.Items.ListAutoPaging(ctx, made.ID, talks.ItemListParams{Order: talks.ItemListParamsOrderAsc, Limit: openai.Int(3)})
		for pages.Next() {
			roles = append(roles, string(pages.Current().Role))
		}
		if pages.Err() != nil || !slices.Equal(roles, []string{"user", "assistant", "user", "assistant"}) {
			t.Errorf("the items are of %q, %v", roles, pages.Err())
		}
		if gone, err := client.Conversations.Delete(ctx, made.ID); err != nil || !gone.Deleted {
			t.Errorf("%+v, %v", gone, err)
		}
		_, err = client.Conversations.Get(ctx, made.ID)
		assertAPIError(t, err, 404, "not_found", made.ID)
	})
}
