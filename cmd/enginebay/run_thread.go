package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/conversation"
)

// newThread stands for a thread that is made with the first prompt.
const newThread = "new"

// threadTalk is a conversation that the server keeps.
type threadTalk struct {
	server        client
	model, system string
	id            string // of the thread; empty until there is one
	out, notes    io.Writer
	told          map[string]bool // the notes that were printed
}

// openThread looks whether there is such a thread.
func (c *config) openThread(cmd *cobra.Command, model, system, thread string) (*threadTalk, error) {
	t := &threadTalk{server: c.client(), model: model, system: system, out: cmd.OutOrStdout(), notes: cmd.ErrOrStderr(), told: map[string]bool{}}
	switch thread {
	case newThread:
		return t, nil
	case "":
		return nil, errors.New("--thread is new, last or the id of a thread; to list them: enginebay threads list")
	}
	var err error
	if t.id, err = t.server.threadID(cmd.Context(), thread); err != nil {
		return nil, err
	}
	return t, noThread(t.server.get(cmd.Context(), threadPath(t.id), &conversation.Thread{}))
}

func (t *threadTalk) greeting(ctx context.Context) (string, error) {
	var m model
	if err := t.server.get(ctx, modelPath(t.model), &m); err != nil {
		return "", err
	}
	const ways = "/clear begins a new one, /bye ends it."
	if t.id == "" {
		return fmt.Sprintf("Chatting with %s; the server keeps the conversation. %s", m.ID, ways), nil
	}
	thread, last, err := t.server.thread(ctx, t.id, 1)
	if err != nil {
		return "", err
	}
	greeting := fmt.Sprintf("Chatting with %s in the thread %q. %s", m.ID, firstOf(inLine(thread.Title), thread.ID), ways)
	if len(last) > 0 {
		greeting += "\n\n" + beside("  | ", contentText(last[0]))
	}
	return greeting, nil
}

func (t *threadTalk) clear() { t.id = "" }

// ask has the server add the prompt to the thread, which the first one makes, and run
// it. A server that is left cancels the run, and keeps what came.
func (t *threadTalk) ask(ctx context.Context, prompt string) error {
	path, body := t.request(prompt)
	loaded := sync.OnceFunc(t.server.showLoad(ctx, t.model))
	defer loaded()
	said := false
	err := t.server.stream(ctx, path, body, func(data []byte) error {
		text, err := t.event(data)
		if text != "" || err != nil {
			loaded()
		}
		said = said || text != ""
		fmt.Fprint(t.out, plain(text))
		return err
	})
	if said || err == nil {
		fmt.Fprintln(t.out)
	}
	if hasCode(err, "thread_has_active_run") {
		return errors.New("the thread is being answered for another terminal or client; ask again when that has ended")
	}
	return err
}

// request is what runs a prompt. A new thread has it as its title.
func (t *threadTalk) request(prompt string) (path string, body map[string]any) {
	body = map[string]any{"model": t.model, "stream": true, "tool_choice": "none"}
	if t.system != "" {
		body["instructions"] = t.system
	}
	said := []message{{"user", prompt}}
	if t.id == "" {
		body["thread"] = map[string]any{"title": shorten(inLine(prompt), maxTitle), "messages": said}
		return "/v1/threads/runs", body
	}
	body["additional_messages"] = said
	return threadPath(t.id, "runs"), body
}

// event reads an event of a run: the text that it brings, or why there will be none.
func (t *threadTalk) event(data []byte) (text string, err error) {
	var e struct {
		ID     string
		Object string // thread, thread.message.delta, thread.run …
		Delta  struct{ Content []conversation.Part }
		Error  *struct{ Message string }
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return "", err
	}
	switch {
	case e.Error != nil:
		return "", errors.New(e.Error.Message)
	case e.Object == "thread": // it was made
		t.id = e.ID
		fmt.Fprintf(t.notes, "this is the thread %s; to go on with it: enginebay run %s --thread %s\n", t.id, t.model, t.id)
		return "", nil
	case e.Object == "thread.run":
		var run conversation.Run
		if err := json.Unmarshal(data, &run); err != nil {
			return "", err
		}
		return "", t.run(&run)
	}
	for _, part := range e.Delta.Content {
		if part.Text != nil {
			text += part.Text.Value
		}
	}
	return text, nil
}

// run tells what a person would not see in the answer.
func (t *threadTalk) run(run *conversation.Run) error {
	for _, sentence := range run.Ignored {
		t.note(sentence)
	}
	if cut := run.Truncated; cut != nil && cut.Messages > 0 {
		t.note(fmt.Sprintf("the model did not see the first %s: the thread is longer than its context of %d tokens",
			counted(cut.Messages, "message", "messages"), cut.ContextLength))
	}
	switch run.Status {
	case conversation.RunFailed:
		if run.LastError != nil {
			return errors.New(run.LastError.Message)
		}
		return errors.New("the run failed")
	case conversation.RunExpired, conversation.RunCancelled:
		return fmt.Errorf("the run is %s", run.Status)
	case conversation.RunIncomplete:
		t.note("the answer was cut off at the limit of its tokens")
	case conversation.RunRequiresAction:
		_, err := t.server.call(context.Background(), http.MethodPost, threadPath(t.id, "runs", run.ID, "cancel"), nil)
		return errors.Join(errors.New("the model wants a function to be run, which this command cannot do; the run is cancelled"), err)
	}
	return nil
}

// note says something once.
func (t *threadTalk) note(sentence string) {
	if !t.told[sentence] {
		t.told[sentence] = true
		fmt.Fprintln(t.notes, "note:", plain(sentence))
	}
}
