package core

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk"
)

const (
	// trialTimeout bounds one answer of a trial: a word, of a machine that may be busy.
	trialTimeout = 2 * time.Minute
	// maxTrialAnswer bounds what is read of it.
	maxTrialAnswer = 1 << 20
)

// question is the least that can be asked of an operation, and how its answer shows.
type question struct {
	operation sdk.Operation
	body      map[string]any
	bound     string // the field that keeps the answer short
	answer    string // where it is, in gjson's words
}

var questions = []question{
	{sdk.OpChat, map[string]any{"messages": []any{map[string]any{"role": "user", "content": "Say hello."}}}, "max_tokens", "choices.0.message"},
	{sdk.OpCompletion, map[string]any{"prompt": "Hello"}, "max_tokens", "choices.0.text"},
	{sdk.OpEmbedding, map[string]any{"input": "Hello"}, "", "data.0.embedding"},
	{sdk.OpRerank, map[string]any{"query": "Hello", "documents": []any{"Hello", "Goodbye"}}, "", "results.0"},
	{sdk.OpModeration, map[string]any{"input": "Hello"}, "", "results.0"},
	{sdk.OpTokenize, map[string]any{"content": "Hello"}, "", "tokens"},
}

// answer asks the model for a word, or whatever else it gives.
func (t *trial) answer(ctx context.Context) (string, error) {
	i := slices.IndexFunc(questions, func(q question) bool { return t.lease.Can(q.operation) })
	if i < 0 {
		return fmt.Sprintf("the model answers only %v, which is not asked without a person", t.lease.Operations()), errNothingToTry
	}
	q := questions[i]
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	status, body, err := t.ask(ctx, q, q.bound)
	if err == nil && status == http.StatusBadRequest && q.bound != "" && strings.Contains(string(body), q.bound) {
		status, body, err = t.ask(ctx, q, "") // a service may call it otherwise, or want more room
	}
	if err != nil {
		return "", sdk.Errorf(sdk.CodeUnavailable, "The engine broke off before it answered (%.200v); its lines in the server's log say more", err)
	}
	answer := gjson.ParseBytes(body)
	switch shown := answer.Get(q.answer); {
	case status >= http.StatusBadRequest:
		return "", t.said(status, answer)
	case !shown.Exists():
		return "", sdk.Errorf(sdk.CodeInternal, "What came with status %d is no answer to POST /v1/%s: %s; is the address right?", status, q.operation, brief(string(body)))
	default:
		return fmt.Sprintf("%s: %s", q.operation, brief(words(shown))), nil
	}
}

// ask sends the question as a request of somebody else would be, with the defaults
// of the files.
func (t *trial) ask(ctx context.Context, q question, bound string) (status int, answer []byte, err error) {
	body := map[string]any{}
	if q.operation == sdk.OpChat || q.operation == sdk.OpCompletion {
		maps.Copy(body, t.lease.Parameters())
	}
	maps.Copy(body, q.body)
	body["model"] = t.lease.Model()
	if bound != "" {
		delete(body, "max_completion_tokens")
		body[bound] = 1
	}
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	resp, err := t.lease.Post(ctx, Request{Operation: q.operation, ContentType: "application/json", Body: text})
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxTrialAnswer))
	usage := gjson.GetBytes(answer, "usage")
	t.lease.Spend(resp.StatusCode, int(usage.Get("prompt_tokens").Int()), int(usage.Get("completion_tokens").Int())) // the service counts it too
	return resp.StatusCode, answer, err
}

// said is what the engine or the service refuses with, and the next step.
func (t *trial) said(status int, answer gjson.Result) error {
	message := answer.Get("error.message").String()
	if text := answer.Get("error"); text.Type == gjson.String {
		message = text.Str
	}
	if message == "" {
		message = "without a word why"
	}
	step := "the server's log may say more"
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		step = fmt.Sprintf(`see whether "secrets" of engines/%s.json lead to a key that is good`, t.deployment.ID)
	case status == http.StatusNotFound:
		step = "see whether the service has that model, and whether the address is right"
	case status == http.StatusTooManyRequests:
		step = "try again later, or see what the service's plan allows"
	case status < http.StatusInternalServerError:
		step = fmt.Sprintf("see the settings and parameters of the model and of engines/%s.json", t.deployment.ID)
	}
	return sdk.Errorf(sdk.CodeUnavailable, "It answered with status %d: %s; %s", status, strings.TrimRight(brief(message), "."), step)
}

// words are what a person may read of an answer.
func words(answer gjson.Result) string {
	for _, field := range []string{"content", "reasoning_content"} {
		if text := answer.Get(field); text.String() != "" {
			return text.Raw
		}
	}
	if answer.IsArray() {
		return counted(len(answer.Array()), "number")
	}
	return answer.Raw
}

// maxBrief is how much of an answer is shown, in characters.
const maxBrief = 300

func brief(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > maxBrief {
		return string(runes[:maxBrief-1]) + "…"
	}
	return string(runes)
}
