package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// importFlags say how files become models.
type importFlags struct {
	copy, link, move, upload bool
	id                       string
	from, only               string
	list, yes                bool
	json, quiet              bool
}

func newImport(c *config) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE|FOLDER|ZIP…",
		Short: "Make models of files, or of other tools' models",
		Long: `Make a model of a GGUF file, of a folder with weights, or of a zip file that
"enginebay export" wrote. Files are copied; with --link they stay where they are and
are never removed, with --move they go to the server's models folder. To a server on
another machine they are uploaded.

With --from, the models of another tool on the server's machine are linked without a
copy: those that are named by their names there, or all, after a question. Of Jan, the
conversations of this machine are taken, too: see "enginebay threads".`,
		Example: `  enginebay import ~/Downloads/tiny.Q4_K_M.gguf
  enginebay import --link /data/models/big-00001-of-00004.gguf --id big
  enginebay import tiny-guide.zip
  enginebay import --from ollama --list
  enginebay import --from ollama llama3.2:1b
  enginebay import --from lmstudio --yes
  enginebay import --from jan --only conversations`,
	}
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.fault(args); err != nil {
			return err
		}
		if f.from != "" {
			return c.importFrom(cmd, f, args)
		}
		return c.importFiles(cmd, f, args)
	}
	return cmd
}

// add defines the flags, and what they complete.
func (f *importFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.copy, "copy", false, "copy the files (as files are, unless told otherwise)")
	flags.BoolVar(&f.link, "link", false, "leave the files where they are (as those of other tools are)")
	flags.BoolVar(&f.move, "move", false, "move the files")
	flags.BoolVar(&f.upload, "upload", false, "send the files to the server, as is done for one on another machine")
	flags.StringVar(&f.id, "id", "", "the id that the model gets")
	flags.StringVar(&f.from, "from", "", "take the models of another tool: "+strings.Join(toolNames(), ", "))
	flags.StringVar(&f.only, "only", "", "with --from jan: only its models or its conversations")
	flags.BoolVarP(&f.list, "list", "l", false, "with --from: list the models, and import nothing")
	flags.BoolVarP(&f.yes, "yes", "y", false, "with --from: ask nothing")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print only the ids of the models")
	flags.BoolVar(&f.json, "json", false, "print what happens as JSON, one event in a line, for scripts")
	exclusive(cmd, "json", "quiet")
	exclusive(cmd, "copy", "link", "move", "upload")
	_ = cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions([]string{onlyModels, onlyConversations}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(toolNames(), cobra.ShellCompDirectiveNoFileComp))
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		if f.from != "" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveDefault // files
	}
}

// fault is what does not go together.
func (f importFlags) fault(args []string) error {
	switch {
	case f.from == "" && (f.list || f.yes):
		return errors.New("--list and --yes are for the models of another tool; name it with --from")
	case f.from == "" && len(args) == 0:
		return errors.New("name a file, as in: enginebay import ~/Downloads/tiny.gguf; for the models of another tool: enginebay import --from ollama")
	case f.from != "" && !slices.Contains(toolNames(), f.from):
		return fmt.Errorf("--from %s: the tools are %s", f.from, strings.Join(toolNames(), ", "))
	case f.only != "" && (f.from != "jan" || len(args) > 0):
		return errors.New("--only is for all that Jan has, as in: enginebay import --from jan --only conversations")
	case f.only != "" && f.only != onlyModels && f.only != onlyConversations:
		return fmt.Errorf("--only %s: it is models or conversations", f.only)
	case f.from != "" && f.upload:
		return errors.New("--upload is for files; the models of another tool are taken on the server's machine")
	case f.id != "" && len(args) != 1:
		return errors.New("--id is for one model: name one")
	}
	return nil
}

// mode is what becomes of the originals.
func (f importFlags) mode(standard string) string {
	switch {
	case f.copy:
		return "copy"
	case f.link:
		return "link"
	case f.move:
		return "move"
	}
	return standard
}

// importFiles makes models of files: of the server's machine by their paths, else
// by sending them.
func (c *config) importFiles(cmd *cobra.Command, f importFlags, args []string) error {
	d := newDisplay(cmd, f.json, f.quiet)
	var sources []source
	failed := false
	for _, arg := range args {
		s, err := c.importOne(cmd, f, d, arg)
		switch {
		case cmd.Context().Err() != nil:
			return cmd.Context().Err()
		case err != nil:
			failed = true
			d.say("enginebay: %v", err)
		case s.ref != "":
			sources = append(sources, s)
		}
	}
	if len(sources) > 0 {
		if err := newPuller(c, d, pullFlags{id: f.id}).run(cmd.Context(), sources); err != nil {
			return err
		}
	}
	if failed {
		return quietError{}
	}
	return nil
}

// importOne returns what the server is to make a model of; nothing where the files
// have been sent.
func (c *config) importOne(cmd *cobra.Command, f importFlags, d display, arg string) (source, error) {
	if strings.Contains(arg, "://") {
		return source{}, fmt.Errorf("%s is no file; to download it: enginebay pull %s", arg, arg)
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return source{}, err
	}
	_, missing := os.Stat(path)
	here := c.isHere(cmd.Context())
	switch {
	case missing != nil && (here || f.upload || !filepath.IsAbs(arg)):
		return source{}, fmt.Errorf("%s: %w", arg, reason(missing))
	case missing == nil && (f.upload || !here):
		if f.link || f.move {
			return source{}, fmt.Errorf("the server at %s is on another machine: %s can only be sent to it, without --link and --move", c.client().base, arg)
		}
		return source{}, c.upload(cmd, f, d, path)
	}
	mode := f.mode("copy")
	doing := map[string]string{"copy": "copying ", "link": "linking ", "move": "moving "}[mode]
	return source{ref: path, mode: mode, doing: doing + arg,
		hint: "\nIf the server is elsewhere, as in a container, or must not read that file: add --upload"}, nil
}

// reason is why a file cannot be used, for who has named it.
func reason(err error) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		return of.Err
	}
	return err
}

// isHere says whether the server is on this machine, as far as its address tells.
func (c *config) isHere(ctx context.Context) bool {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil || isLoopback(c.Addr) {
		return true
	}
	names, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return false
	}
	own, _ := net.InterfaceAddrs()
	return slices.ContainsFunc(names, func(name string) bool {
		ip, err := netip.ParseAddr(name)
		return err == nil && (ip.IsLoopback() || ip.IsUnspecified() || slices.ContainsFunc(own, func(a net.Addr) bool {
			prefix, err := netip.ParsePrefix(a.String())
			return err == nil && prefix.Addr() == ip.Unmap()
		}))
	})
}
