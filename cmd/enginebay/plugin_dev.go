package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/workbench"
	"github.com/enginebay/enginebay/sdk"
)

func newPluginDev(c *config) *cobra.Command {
	return &cobra.Command{
		Use:   "dev [DIR]",
		Short: "Build a plugin whenever its sources change, and run it in the server",
		Long: `Build the plugin in DIR, or here, and have the server of this home run it in place of
whatever plugin of its name is installed. Whenever a source changes it is built anew;
when that goes well, and the new one comes up, it takes over, and requests that are
under way end on the old one. When it does not, the old one goes on running.

It is built by the command that "build" in plugin.json names, or, in a Go module, by
go build. It ends with Ctrl-C: then what is installed counts again. No server need
run: one that starts while this runs takes the plugin too.`,
		Example: `  enginebay plugin dev .
  enginebay plugin dev ~/src/engine-words --home /tmp/trial`,
		Args:        cobra.MaximumNArgs(1),
		Annotations: withoutServer,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(firstOf(append(args, ".")...))
			if err != nil {
				return err
			}
			manifest, err := packages.ReadManifest(dir)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s is no plugin's folder: it has no plugin.json; enginebay plugin new makes one", dir)
			}
			if err != nil {
				return err
			}
			d := &developing{config: c, out: cmd.OutOrStdout()}
			return d.run(cmd.Context(), dir, manifest.Short())
		},
	}
}

const (
	// takeTimeout is how long the server may take to try a build: a plugin has a
	// minute to come up, and may have several deployments.
	takeTimeout = 3 * time.Minute
	// leaveTimeout is the same at the end, where nobody wants to wait.
	leaveTimeout = 10 * time.Second
)

// developing is a "plugin dev" that runs.
type developing struct {
	config  *config
	out     io.Writer
	name    string // that is entered in dev.json; empty for none
	made    string // the engine whose file in engines/ was made for it; empty for none
	waiting bool   // for a server; that has been told
}

func (d *developing) run(ctx context.Context, dir, name string) error {
	bench := &workbench.Bench{Dir: dir, Builds: filepath.Join(d.config.home, "cache", "dev", name)}
	if err := os.MkdirAll(filepath.Dir(bench.Builds), 0o700); err != nil {
		return err
	}
	lock := flock.New(bench.Builds+".lock", flock.SetPermissions(0o600))
	if got, err := lock.TryLock(); err != nil {
		return err
	} else if !got {
		return fmt.Errorf("plugin %s is being worked on already, by another \"enginebay plugin dev\" in %s; end that first", name, d.config.home)
	}
	defer lock.Close()
	fmt.Fprintf(d.out, "Working on %s in %s; Ctrl-C ends it\n", name, dir)
	err := bench.Run(ctx, d.built)
	d.leave()
	if sweep := bench.Sweep(); err == nil {
		err = sweep
	}
	return err
}

// built tells of a build, and hands it to the server.
func (d *developing) built(ctx context.Context, b workbench.Build, accept func()) {
	because := ""
	if b.Changed != "" {
		because = b.Changed + " changed: "
	}
	if b.Err != nil {
		fmt.Fprintf(d.out, "%s%s\n", because, b.Err)
		if d.name != "" {
			fmt.Fprintf(d.out, "What was built before goes on running.\n")
		}
		return
	}
	fmt.Fprintf(d.out, "%sbuilt %s %s in %s\n", because, b.Short(), b.Version, b.Took.Round(10*time.Millisecond))
	server, ok := serverOf(d.config.home)
	if !ok {
		if err := d.enter(b); err != nil {
			fmt.Fprintln(d.out, err)
			return
		}
		accept()
		if !d.waiting {
			fmt.Fprintf(d.out, "No server runs yet; one that starts takes it: %s\n", d.config.inHome("enginebay serve"))
		}
		d.waiting = true
		return
	}
	d.waiting = false
	if err := d.take(ctx, d.of(server), b); err == nil {
		accept()
		fmt.Fprintf(d.out, "The server at %s runs it\n", server.Addr)
	} else if ctx.Err() == nil {
		fmt.Fprintln(d.out, err)
	}
}

// of is the client of the home's server, wherever --addr leads.
func (d *developing) of(server owner) client {
	c := d.config.client()
	c.base = "http://" + server.Addr
	return c
}

// enter makes the server see a build.
func (d *developing) enter(b workbench.Build) error {
	if d.name != b.Short() && d.name != "" { // renamed
		if err := core.LeaveDev(d.config.home, int32(os.Getpid())); err != nil {
			return err
		}
	}
	d.name = b.Short()
	if err := core.EnterDev(d.config.home, d.name, core.DevPlugin{Dir: b.Dir, Pid: int32(os.Getpid())}); err != nil || !b.Is(sdk.KindEngine) {
		return err
	}
	file, err := install.EngineFile(d.config.home, d.name) // as installing it makes
	if file != "" {
		d.made = d.name
		fmt.Fprintf(d.out, "Its settings go into %s\n", file)
	}
	return err
}

// take enters a build, and returns what the server says of it.
func (d *developing) take(ctx context.Context, server client, b workbench.Build) error {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	events, err := server.open(ctx)
	if err != nil {
		err = fmt.Errorf("the server cannot be asked whether it takes it: %w", err)
		return errors.Join(d.enter(b), err)
	}
	defer events.Close()
	if err := d.enter(b); err != nil {
		return err
	}
	return verdict(events, b.Short())
}

// verdict is what the server says of a plugin's new version.
func verdict(events io.Reader, plugin string) (err error) {
	found := false
	eachEvent(events, func(e event) bool {
		if e.Type != core.EventPluginChanged || e.Plugin != plugin {
			return true
		}
		found = true
		if e.Error != "" {
			err = fmt.Errorf("the server does not take it, and what ran before goes on running: %s", asCommands(e.Error))
		}
		return false
	})
	if !found {
		return fmt.Errorf("the server has not said whether it takes it; see enginebay logs")
	}
	return err
}

// leave takes the plugin out again, and waits until the server runs its builds no more.
func (d *developing) leave() {
	if d.name == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	var events io.ReadCloser
	if server, ok := serverOf(d.config.home); ok {
		events, _ = d.of(server).open(ctx)
	}
	if err := core.LeaveDev(d.config.home, int32(os.Getpid())); err != nil {
		fmt.Fprintln(d.out, err)
	} else if events != nil {
		_ = verdict(events, d.name)
	}
	if d.made != "" {
		install.RemoveEngineFile(d.config.home, d.made)
	}
	if events != nil {
		events.Close()
	}
}
