package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/scaffold"
	"github.com/enginebay/enginebay/sdk"
)

func newPluginNew() *cobra.Command {
	kinds := []string{string(sdk.KindEngine), string(sdk.KindImporter)}
	cmd := &cobra.Command{
		Use:   "new engine|importer NAME",
		Short: "Begin a plugin of your own",
		Long: `Write the repository of a new plugin in Go: a small one that works, with its tests,
CI and README, for you to change. It builds, passes the tests that every plugin must
pass, and can be packed as it is.

NAME is the short name, which models and refs call the plugin by. PUBLISHER stands
before it where plugins of several publishers meet, and is yours to choose.

The SDK is taken in the version of this program. A program that was built from a
checkout takes that of the checkout, and go.mod says so.`,
		Example: `  enginebay plugin new engine words
  enginebay plugin new importer shelf --publisher acme --module git.acme.org/bay/shelf
  cd engine-words && go test ./... && enginebay plugin dev .`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 || !slices.Contains(kinds, args[0]) {
				return fmt.Errorf("say what it is and its name, as in: %s engine words", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return kinds, cobra.ShellCompDirectiveNoFileComp
		},
		Annotations:       withoutServer,
		PersistentPreRunE: withoutSettings,
	}
	dir := cmd.Flags().String("dir", "", "folder of the repository (default KIND-NAME)")
	module := cmd.Flags().String("module", "", "Go module of the repository (default example.com/PUBLISHER/KIND-NAME)")
	publisher := cmd.Flags().String("publisher", "example", "who publishes the plugin")
	checkout := cmd.Flags().String("sdk", "", "checkout of Engine Bay to take the SDK from (default: this program's version)")
	_ = cmd.MarkFlagDirname("dir")
	_ = cmd.MarkFlagDirname("sdk")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := sdkOf(*checkout)
		if err != nil {
			return err
		}
		n := newRepository{dir: *dir, out: cmd.OutOrStdout(),
			plugin: scaffold.Plugin{Kind: sdk.Kind(args[0]), Name: args[1], Publisher: *publisher, Module: *module, SDK: from}}
		return n.make(cmd.Context())
	}
	return cmd
}

// newRepository is a plugin's repository that is being made.
type newRepository struct {
	plugin scaffold.Plugin
	dir    string
	out    io.Writer
}

func (n newRepository) make(ctx context.Context) error {
	if n.dir == "" {
		n.dir = n.plugin.Program()
	}
	files, err := scaffold.Write(n.dir, n.plugin)
	if err != nil {
		return err
	}
	fmt.Fprintf(n.out, "Made %s, an %s:\n", n.dir, n.plugin.Kind)
	for _, file := range files {
		fmt.Fprintln(n.out, "  "+file)
	}
	if n.plugin.SDK.Dir != "" {
		fmt.Fprintf(n.out, "This enginebay is no release: go.mod takes the SDK from %s.\n", n.plugin.SDK.Dir)
	}
	if err := n.initGit(ctx); err != nil {
		return err
	}
	if err := n.tidy(ctx); err != nil {
		return err
	}
	fmt.Fprintf(n.out, "\nNext:\n  cd %s\n  go test ./...\n  enginebay plugin dev .\n  enginebay plugin pack .\n", n.dir)
	return nil
}

// initGit makes it a repository of git where git is there, and no repository around it.
func (n newRepository) initGit(ctx context.Context) error {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil
	}
	inside := exec.CommandContext(ctx, git, "rev-parse", "--is-inside-work-tree")
	inside.Dir = n.dir
	if inside.Run() == nil {
		return nil
	}
	if out, err := exec.CommandContext(ctx, git, "init", "-q", "-b", "main", n.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("git init %s: %w\n%s", n.dir, err, out)
	}
	return nil
}

// tidy writes the checksums of what the plugin imports, without which nothing builds.
func (n newRepository) tidy(ctx context.Context) error {
	program, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("the files are written, but Go is not installed; get it from https://go.dev/dl, then run \"go mod tidy\" in %s", n.dir)
	}
	cmd := exec.CommandContext(ctx, program, "mod", "tidy")
	cmd.Dir = n.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the files are written, but \"go mod tidy\" in %s does not succeed; run it again when what it says is mended:\n%s", n.dir, strings.TrimSpace(string(out)))
	}
	return nil
}

// sdkOf is where a new plugin gets the SDK from: a checkout that is named, this program's
// version, or the checkout that a development build lies in.
func sdkOf(checkout string) (scaffold.SDK, error) {
	if checkout != "" {
		dir, err := filepath.Abs(checkout)
		if err == nil && !scaffold.IsCheckout(dir) {
			err = fmt.Errorf("%s is no checkout of Engine Bay: it has no go.mod of %s", checkout, scaffold.SDKModule)
		}
		return scaffold.Checkout(dir), err
	}
	if released(version) {
		return scaffold.SDK{Version: version}, nil
	}
	if dir, ok := ownCheckout(); ok {
		return scaffold.Checkout(dir), nil
	}
	if info, ok := debug.ReadBuildInfo(); ok && released(info.Main.Version) { // by "go install"
		return scaffold.SDK{Version: info.Main.Version}, nil
	}
	return scaffold.SDK{}, fmt.Errorf("this enginebay (%s) is no release and lies in no checkout: where is the SDK? name a checkout of Engine Bay with --sdk DIR", version)
}

// ownCheckout is the checkout that this program lies in.
func ownCheckout() (dir string, ok bool) {
	exe, err := os.Executable()
	if err != nil {
		return "", false
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	for dir := filepath.Dir(exe); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if scaffold.IsCheckout(dir) {
			return dir, true
		}
	}
	return "", false
}
