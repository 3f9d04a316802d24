package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"

	"github.com/peterh/liner"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newRun(c *config) *cobra.Command {
	var system, thread string
	var pull bool
	cmd := &cobra.Command{
		Use:   "run MODEL [PROMPT]",
		Short: "Chat with a model",
		Long: `Chat with a model in the terminal. With a prompt, or with text on standard
input, it answers once and ends; what is piped in goes before the prompt. A model that
is not here yet is downloaded, after a question or with --pull; a source will do, too.

With --thread the server keeps the conversation: new begins one, an id or the word
last goes on with one, be it with another model. See "enginebay threads".

In a conversation: /clear forgets it, or begins a new thread; /bye or Ctrl-D ends it,
Ctrl-C breaks an answer off.`,
		Example: `  enginebay run tiny-guide
  enginebay run tiny-guide "What is Engine Bay?"
  enginebay run --pull hf://Qwen/Qwen2.5-0.5B-Instruct-GGUF
  cat notes.txt | enginebay run tiny-guide "Sum this up"
  enginebay run tiny-guide --thread new "My name is Ada."
  enginebay run tiny-guide --thread last "What is my name?"`,
		Args: func(cmd *cobra.Command, args []string) error {
			return oneModel(cmd, args[:min(len(args), 1)])
		},
		ValidArgsFunction: completeModels(c),
	}
	cmd.Flags().StringVar(&system, "system", "", "system message; it is not kept with a thread")
	cmd.Flags().BoolVar(&pull, "pull", false, "download the model without a question where it is not here")
	cmd.Flags().StringVar(&thread, "thread", "", "keep the conversation: new, last or the id of a thread")
	_ = cmd.RegisterFlagCompletionFunc("thread", completeThreads(c, 0, newThread, lastThread))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := c.have(cmd, args[0], pull)
		if err != nil {
			return err
		}
		var chat talk = newChat(c, id, system, cmd.OutOrStdout())
		if cmd.Flags().Changed("thread") {
			if chat, err = c.openThread(cmd, id, system, thread); err != nil {
				return err
			}
		}
		prompt := strings.Join(args[1:], " ")
		if !isTerminal(cmd.InOrStdin()) {
			piped, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 16<<20))
			if err != nil {
				return err
			}
			prompt = strings.TrimSpace(string(piped) + "\n\n" + prompt)
		}
		if prompt != "" {
			return chat.ask(cmd.Context(), prompt)
		}
		if !isTerminal(cmd.InOrStdin()) {
			return errors.New(`nothing to ask: give a prompt, as in: enginebay run MODEL "What is Engine Bay?"`)
		}
		return converse(cmd, chat, filepath.Join(c.home, "history"))
	}
	return cmd
}

func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// talk is a conversation in the terminal.
type talk interface {
	// greeting is said before the first prompt; its error is one to end with.
	greeting(ctx context.Context) (string, error)
	// ask sends a prompt and prints the answer as it comes.
	ask(ctx context.Context, prompt string) error
	// clear begins anew.
	clear()
}

// chat is a conversation that nobody keeps.
type chat struct {
	server   client
	model    string
	system   string
	messages []message
	out      io.Writer
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// chunk is what is read of a piece of an answer.
type chunk struct {
	Choices []struct {
		Delta struct{ Content string }
	}
	Error *struct{ Message string }
}

func newChat(c *config, model, system string, out io.Writer) *chat {
	ch := &chat{model: model, system: system, out: out, server: c.client()}
	ch.clear()
	return ch
}

func (ch *chat) clear() {
	ch.messages = nil
	if ch.system != "" {
		ch.messages = append(ch.messages, message{"system", ch.system})
	}
}

func (ch *chat) greeting(ctx context.Context) (string, error) {
	var m model
	err := ch.server.get(ctx, modelPath(ch.model), &m)
	return fmt.Sprintf("Chatting with %s. /clear forgets the conversation, /bye ends it.", m.ID), err
}

func (ch *chat) ask(ctx context.Context, prompt string) error {
	ch.messages = append(ch.messages, message{"user", prompt})
	loaded := sync.OnceFunc(ch.server.showLoad(ctx, ch.model))
	defer loaded()
	var answer strings.Builder
	err := ch.server.stream(ctx, "/v1/chat/completions", map[string]any{"model": ch.model, "messages": ch.messages, "stream": true}, func(data []byte) error {
		loaded()
		var piece chunk
		if err := json.Unmarshal(data, &piece); err != nil {
			return err
		}
		if piece.Error != nil {
			return errors.New(piece.Error.Message)
		}
		for _, choice := range piece.Choices {
			answer.WriteString(choice.Delta.Content)
			fmt.Fprint(ch.out, plain(choice.Delta.Content))
		}
		return nil
	})
	if answer.Len() > 0 || err == nil {
		fmt.Fprintln(ch.out)
	}
	if err != nil && answer.Len() == 0 { // as if it had not been asked
		ch.messages = ch.messages[:len(ch.messages)-1]
	} else {
		ch.messages = append(ch.messages, message{"assistant", answer.String()})
	}
	return err
}

// converse reads prompts until the person has enough.
func converse(cmd *cobra.Command, ch talk, history string) error {
	out := cmd.OutOrStdout()
	greeting, err := ch.greeting(cmd.Context())
	if err != nil {
		return err
	}
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	if f, err := os.Open(history); err == nil {
		_, _ = line.ReadHistory(f)
		f.Close()
	}
	defer saveHistory(line, history)
	fmt.Fprintln(out, greeting)
	for {
		prompt, err := line.Prompt(">>> ")
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			fmt.Fprintln(out, "/bye or Ctrl-D ends the conversation")
			continue
		case err != nil: // Ctrl-D
			fmt.Fprintln(out)
			return nil
		}
		switch prompt = strings.TrimSpace(prompt); prompt {
		case "":
			continue
		case "/bye", "/exit", "/quit":
			return nil
		case "/clear":
			ch.clear()
			continue
		case "/help", "/?":
			fmt.Fprintln(out, "/clear  begin anew\n/bye    end it (Ctrl-D)\nCtrl-C  break an answer off")
			continue
		}
		if strings.HasPrefix(prompt, "/") && !strings.Contains(prompt, " ") {
			fmt.Fprintf(out, "there is no command %s; /help lists those that there are\n", prompt)
			continue
		}
		line.AppendHistory(prompt)
		if err := interruptible(ch, prompt); err != nil {
			fmt.Fprintln(out, "error:", err)
		}
	}
}

// interruptible asks; Ctrl-C breaks the answer off and keeps the conversation.
func interruptible(ch talk, prompt string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := ch.ask(ctx, prompt)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func saveHistory(line *liner.State, file string) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = line.WriteHistory(f)
}
