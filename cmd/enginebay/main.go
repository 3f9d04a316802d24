// Command enginebay runs language models: a server that speaks the OpenAI API
// over engines that are plugins, and the commands that work with it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/sdk/sdktest"
)

// version is set by the Makefile.
var version = "dev"

func main() { os.Exit(Main()) }

// Main runs the command line and returns the exit status: 0, or 1 for an error,
// which has been told.
func Main() int {
	sdktest.Host() // "plugin test" kills one
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	root := newRoot()
	if err := root.ExecuteContext(ctx); err != nil {
		if ctx.Err() != nil { // Ctrl-C: whoever pressed it knows why
			return 130
		}
		var quiet quietError
		if !errors.As(err, &quiet) {
			fmt.Fprintln(root.ErrOrStderr(), "enginebay:", err)
		}
		return 1
	}
	return 0
}

// group is a command that only holds others: a misspelt one is an error.
func group(use, short string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return fmt.Errorf("unknown command %q for %q; did you mean %s?", args[0], cmd.CommandPath(), strings.Join(near, " or "))
		}
		return fmt.Errorf("unknown command %q for %q; see %s --help", args[0], cmd.CommandPath(), cmd.CommandPath())
	}}
}

// oneModel wants the name of one model.
func oneModel(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return fmt.Errorf("name one model, as in: %s tiny-guide", cmd.CommandPath())
}

// exclusive takes one of some flags at most, and says so before a server is started.
func exclusive(cmd *cobra.Command, names ...string) {
	cmd.MarkFlagsMutuallyExclusive(names...) // completion hides the others; its own sentence comes after ours
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		var flags []string
		for _, name := range names {
			if cmd.Flags().Changed(name) {
				flags = append(flags, "--"+name)
			}
		}
		if len(flags) > 1 {
			return fmt.Errorf("%s do not go together: choose one", strings.Join(flags, " and "))
		}
		if args == nil {
			return nil
		}
		return args(cmd, given)
	}
}

// quietError ends the program with status 1 when all has been said.
type quietError struct{}

func (quietError) Error() string { return "" }

func newRoot() *cobra.Command {
	c := &config{}
	root := &cobra.Command{
		Use:   "enginebay",
		Short: "One OpenAI-compatible server over engines that are plugins",
		Long: `Engine Bay runs language models. Every engine (llama.cpp, TensorRT-LLM, remote
APIs) is a plugin, and every model a folder with a model.json.

Start the server, then talk to it from another terminal or from any OpenAI client.`,
		Example: `  enginebay serve                       # http://127.0.0.1:1337
  enginebay search qwen2.5 instruct
  enginebay pull hf://Qwen/Qwen2.5-0.5B-Instruct-GGUF
  enginebay list
  enginebay run tiny-guide "What is Engine Bay?"`,
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: c.leniently,
	}
	root.PersistentFlags().StringVar(&c.home, "home", "", "data folder: models, engines, plugins (default $ENGINEBAY_HOME, else ~/.enginebay)")
	root.PersistentFlags().BoolVar(&c.noStart, "no-start", false, "start no server in the background where none answers (default $ENGINEBAY_NO_START)")
	_ = root.MarkPersistentFlagDirname("home")
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	c.addFlags(root.PersistentFlags(), "addr")
	root.AddGroup(&cobra.Group{ID: "models", Title: "Models:"}, &cobra.Group{ID: "server", Title: "Server:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, cmd := range commands {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	add("models", c.withServer(newRun(c), newPull(c), newSearch(c), newImport(c), newExport(c), newCancel(c), newList(c), newPs(c), newShow(c), newStart(c), newStop(c), newEdit(c), newRm(c))...)
	add("models", c.withServer(newThreads(c))...)
	add("models", newValidate(c))
	add("server", c.withServer(newEngine(c), newPlugin(c))...)
	add("server", newServe(c), newConfig(c), newLogs(c), newKey(c), newDB(c), newDoctor(c), newService(c), newMan(), newVersion())
	return root
}
