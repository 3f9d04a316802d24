//lint:file-ignore SA1019 what OpenAI's clients call deprecated is what is tested
package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	goopenai "github.com/sashabaranov/go-openai"

	"github.com/enginebay/enginebay/core/database/databasetest"
)

// onEachDatabase runs a test against a server that keeps what lasts in SQLite, and
// against one with PostgreSQL.
func onEachDatabase(t *testing.T, test func(*testing.T, *bay)) {
	t.Run("SQLite", func(t *testing.T) { test(t, startServer(t, newHome(t))) })
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Setenv("ENGINEBAY_DATABASE", databasetest.URL(t))
		test(t, startServer(t, newHome(t)))
	})
}

// TestAssistantsOfOfficialClientForGo is github.com/openai/openai-go's beta client.
func TestAssistantsOfOfficialClientForGo(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, b *bay) {
		client := openai.NewClient(option.WithBaseURL(b.url+"/v1/"), option.WithAPIKey("none"), option.WithMaxRetries(0))
		testAssistants(t, client.Beta)
	})
}

func testAssistants(t *testing.T, beta openai.BetaService) {
	assistant, err := beta.Assistants.New(t.Context(), openai.BetaAssistantNewParams{Model: "tiny-guide", Name: openai.String("Guide"), Temperature: openai.Float(0)})
	if err != nil || assistant.Name != "Guide" {
		t.Fatalf("%+v, %v", assistant, err)
	}
	thread, err := beta.Threads.New(t.Context(), openai.BetaThreadNewParams{Messages: []openai.BetaThreadNewParamsMessage{
		{Role: "user", Content: openai.BetaThreadNewParamsMessageContentUnion{OfString: openai.String("What is Engine Bay?")}}}})
	if err != nil {
		t.Fatal(err)
	}
	run, err := beta.Threads.Runs.New(t.Context(), thread.ID, openai.BetaThreadRunNewParams{AssistantID: assistant.ID})
	for ; err == nil && (run.Status == "queued" || run.Status == "in_progress"); run, err = beta.Threads.Runs.Get(t.Context(), thread.ID, run.ID) {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil || run.Status != openai.RunStatusCompleted || run.Usage.CompletionTokens == 0 {
		t.Fatalf("%+v, %v", run, err)
	}
	stream := beta.Threads.Runs.NewStreaming(t.Context(), thread.ID, openai.BetaThreadRunNewParams{AssistantID: assistant.ID, MaxCompletionTokens: openai.Int(6),
		AdditionalMessages: []openai.BetaThreadRunNewParamsAdditionalMessage{{Role: "user", Content: openai.BetaThreadRunNewParamsAdditionalMessageContentUnion{OfString: openai.String("What is Engine Bay?")}}}})
	var names []string
	var text strings.Builder
	for stream.Next() {
		event := stream.Current()
		if event.Event != "thread.message.delta" {
			names = append(names, event.Event)
			continue
		}
		for _, part := range event.AsThreadMessageDelta().Data.Delta.Content {
			text.WriteString(part.AsText().Text.Value)
		}
	}
	want := []string{"thread.run.created", "thread.run.queued", "thread.run.in_progress", "thread.run.step.created", "thread.run.step.in_progress",
		"thread.message.created", "thread.message.in_progress", "thread.message.incomplete", "thread.run.step.completed", "thread.run.incomplete"}
	if names = slices.DeleteFunc(names, func(name string) bool { return name == "done" }); stream.Err() != nil || !slices.Equal(names, want) || !strings.HasPrefix(aboutEngineBay, text.String()) || text.Len() == 0 {
		t.Errorf("%v, %q, %v", names, text.String(), stream.Err())
	}
	var roles []string
	pages := beta.Threads.Messages.ListAutoPaging(t.Context(), thread.ID, openai.BetaThreadMessageListParams{Order: "asc", Limit: openai.Int(1)})
	for pages.Next() {
		roles = append(roles, string(pages.Current().Role))
	}
	if pages.Err() != nil || !slices.Equal(roles, []string{"user", "assistant", "user", "assistant"}) {
		t.Errorf("%v, %v", roles, pages.Err())
	}
	steps, err := beta.Threads.Runs.Steps.List(t.Context(), thread.ID, run.ID, openai.BetaThreadRunStepListParams{})
	if err != nil || len(steps.Data) != 1 || steps.Data[0].StepDetails.MessageCreation.MessageID == "" {
		t.Errorf("%+v, %v", steps, err)
	}
	if gone, err := beta.Threads.Delete(t.Context(), thread.ID); err != nil || !gone.Deleted {
		t.Errorf("%+v, %v", gone, err)
	}
	_, err = beta.Threads.Runs.Get(t.Context(), thread.ID, run.ID)
	assertAPIError(t, err, 404, "not_found", "")
}

// TestAssistantsOfGoOpenAI is github.com/sashabaranov/go-openai, with a function that a
// run calls.
func TestAssistantsOfGoOpenAI(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, b *bay) {
		config := goopenai.DefaultConfig("none")
		config.BaseURL = b.url + "/v1"
		testGoOpenAI(t, goopenai.NewClientWithConfig(config))
	})
}

func testGoOpenAI(t *testing.T, client *goopenai.Client) {
	name, ctx := "Guide", t.Context()
	add := goopenai.FunctionDefinition{Name: "add", Parameters: sumSchema}
	assistant, err := client.CreateAssistant(ctx, goopenai.AssistantRequest{Model: "tiny-tools", Name: &name, Tools: []goopenai.AssistantTool{{Type: "function", Function: &add}}})
	if err != nil || *assistant.Name != name || len(assistant.Tools) != 1 {
		t.Fatalf("%+v, %v", assistant, err)
	}
	run, err := client.CreateThreadAndRun(ctx, goopenai.CreateThreadAndRunRequest{RunRequest: goopenai.RunRequest{AssistantID: assistant.ID, ToolChoice: "required", ParallelToolCalls: false},
		Thread: goopenai.ThreadRequest{Messages: []goopenai.ThreadMessage{{Role: "user", Content: "What is 2 + 3?"}}}})
	wait := func(until ...goopenai.RunStatus) {
		t.Helper()
		for ; err == nil && !slices.Contains(until, run.Status); run, err = client.RetrieveRun(ctx, run.ThreadID, run.ID) {
			if run.Status == goopenai.RunStatusFailed {
				t.Fatalf("%+v", run.LastError)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	wait(goopenai.RunStatusRequiresAction)
	call := run.RequiredAction.SubmitToolOutputs.ToolCalls[0]
	if call.Function.Name != "add" {
		t.Errorf("%+v", call)
	}
	assertSum(t, call.Function.Arguments)
	if run, err = client.CancelRun(ctx, run.ThreadID, run.ID); err != nil || run.Status != goopenai.RunStatusCancelled {
		t.Fatalf("%+v, %v", run, err)
	}
	thread := run.ThreadID
	if _, err = client.CreateMessage(ctx, thread, goopenai.MessageRequest{Role: "user", Content: "What is Engine Bay?"}); err != nil {
		t.Fatal(err)
	}
	strategy, cold := 1, float32(0)
	run, err = client.CreateRun(ctx, thread, goopenai.RunRequest{Model: "tiny-guide", Temperature: &cold,
		TruncationStrategy: &goopenai.ThreadTruncationStrategy{Type: goopenai.TruncationStrategyLastMessages, LastMessages: &strategy}})
	wait(goopenai.RunStatusCompleted)
	messages, err := client.ListMessage(ctx, thread, nil, nil, nil, nil, &run.ID)
	if err != nil || len(messages.Messages) != 1 || messages.Messages[0].Content[0].Text.Value != aboutEngineBay {
		t.Errorf("%+v, %v", messages, err)
	}
	steps, err := client.ListRunSteps(ctx, thread, run.ID, goopenai.Pagination{})
	if err != nil || len(steps.RunSteps) != 1 || steps.RunSteps[0].StepDetails.MessageCreation.MessageID != messages.Messages[0].ID {
		t.Errorf("%+v, %v", steps, err)
	}
	if gone, err := client.DeleteThread(ctx, thread); err != nil || !gone.Deleted {
		t.Errorf("%+v, %v", gone, err)
	}
	if gone, err := client.DeleteAssistant(ctx, assistant.ID); err != nil || !gone.Deleted {
		t.Errorf("%+v, %v", gone, err)
	}
}
