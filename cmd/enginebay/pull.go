package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// pullFlags say what is wanted of each source.
type pullFlags struct {
	id, variant, importer string
	set                   []string
	list, detach, noFetch bool
	json, quiet           bool
}

func newPull(c *config) *cobra.Command {
	var f pullFlags
	cmd := &cobra.Command{
		Use:   "pull SOURCE|MODEL…",
		Short: "Download models",
		Long: `Download models, from a source or by the id of one that is listed already. A source
is what an importer knows: hf://OWNER/REPO, a web address of a repository or a file,
openai://…, azure://…. Of a repository with several variants (quantizations) all are
listed afterwards, and the one that suits this machine best is downloaded.

The server downloads. Ctrl-C cancels, and keeps what is here: pull again to go on. A
server that is killed goes on by itself when it is started again. For files of this
machine see: enginebay import --help`,
		Example: `  enginebay pull hf://Qwen/Qwen2.5-0.5B-Instruct-GGUF
  enginebay pull hf://TheBloke/zephyr-7B-beta-GGUF --list
  enginebay pull hf://TheBloke/zephyr-7B-beta-GGUF:Q5_K_M --set ctx_len=8192
  enginebay pull mistral-7b hermes-7b
  enginebay pull https://models.example/tiny.gguf --id tiny --detach`,
		Args:              needs("name a source or a model, as in: enginebay pull hf://Qwen/Qwen2.5-0.5B-Instruct-GGUF; to find one: enginebay search WORDS"),
		ValidArgsFunction: completeMore(c, func(m model) bool { return m.State == "to_download" && m.Error == "" }),
	}
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case f.id != "" && len(args) > 1:
			return fmt.Errorf("--id is for one model, and here are %d sources", len(args))
		case f.list:
			return c.listPlans(cmd, args, f)
		}
		sources, err := remote(args)
		if err != nil {
			return err
		}
		return newPuller(c, newDisplay(cmd, f.json, f.quiet), f).run(cmd.Context(), sources)
	}
	return cmd
}

// add defines the flags.
func (f *pullFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.variant, "variant", "", "the variant to download, such as Q5_K_M, in place of the one that suits best")
	flags.StringVar(&f.id, "id", "", "the id that the model gets")
	flags.StringVar(&f.importer, "importer", "", "the importer that reads the source, where several could")
	flags.StringArrayVar(&f.set, "set", nil, "a setting for the model file: NAME=VALUE")
	flags.BoolVarP(&f.list, "list", "l", false, "list the variants of the source, and download nothing")
	flags.BoolVarP(&f.detach, "detach", "d", false, "return when the download has begun; the server goes on with it")
	flags.BoolVar(&f.noFetch, "no-download", false, "list the models of the source as to_download, and download nothing")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print only the ids of the models")
	flags.BoolVar(&f.json, "json", false, "print what happens as JSON, one event in a line, for scripts")
	exclusive(cmd, "json", "quiet")
	exclusive(cmd, "list", "detach", "no-download")
}

// remote are the sources that the arguments name.
func remote(args []string) ([]source, error) {
	sources := make([]source, len(args))
	for i, arg := range args {
		if _, err := os.Stat(arg); err == nil && isPath(arg) {
			return nil, fmt.Errorf("%s is on this machine; to make a model of it: enginebay import %s", arg, arg)
		}
		sources[i] = source{ref: arg, doing: "looking for " + arg}
	}
	return sources, nil
}

// isPath says whether a text is meant as a file of this machine: a model may have
// the name of a folder that is here by chance.
func isPath(text string) bool {
	return strings.HasPrefix(text, ".") || filepath.IsAbs(text) || filepath.Ext(text) == ".gguf" || filepath.Ext(text) == ".zip"
}

// needs wants one argument at least, and says which.
func needs(sentence string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New(sentence)
		}
		return nil
	}
}
