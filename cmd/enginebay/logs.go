package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
)

func newLogs(c *config) *cobra.Command {
	var level string
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "logs [MODEL|ENGINE|PLUGIN|PART]",
		Short: "Show what the server has logged",
		Long: `Show what the server of this home has logged, whether it runs or not: everything,
or what belongs to one model, engine or plugin, or to a part of the server such as
api or runtime. It is in HOME/logs, up to some 60 MB.

What is of level debug is there only where the settings ask for it, and they may do
so while the server runs: log_levels: {plugin.llamacpp: debug} has the engine's own
lines.`,
		Example: `  enginebay logs
  enginebay logs -f tiny-guide
  enginebay logs llamacpp --level warn --since 24h
  enginebay logs --json -n 1000 | jq -r '."@message"'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeModels(c),
	}
	flags := cmd.Flags()
	follow := flags.BoolP("follow", "f", false, "go on with what is logged from now on")
	lines := flags.IntP("lines", "n", 100, "how many lines, from the end (all, with --since)")
	flags.StringVar(&level, "level", "trace", "only lines of this level and above: trace, debug, info, warn, error")
	flags.DurationVar(&since, "since", 0, "only lines of the last 10m, 24h …")
	asJSON := flags.Bool("json", false, "print the lines as they are in the file, for scripts")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		want, err := wantedOf(level, since, args)
		if err != nil {
			return err
		}
		if *lines < 0 {
			return errors.New("-n wants no number below 0")
		}
		log, err := openLogs(c.logFile())
		if err != nil {
			return err
		}
		defer log.close()
		print, none := printer(cmd.OutOrStdout(), *asJSON), true
		show := func(e entry) { print(e); none = false }
		if since > 0 && !flags.Changed("lines") {
			log.all(&want, show)
		} else {
			for _, e := range log.last(&want, *lines) {
				show(e)
			}
		}
		if *follow {
			log.follow(cmd.Context(), &want, show)
		} else if none && *lines > 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "The log has nothing of that. It names models, engines and parts as \"enginebay logs\" shows them.")
		}
		return nil
	}
	return cmd
}

// wantedOf is what the flags and the argument ask for.
func wantedOf(level string, since time.Duration, args []string) (want wanted, err error) {
	if want.level = hclog.LevelFromString(level); want.level == hclog.NoLevel {
		return want, fmt.Errorf("log level %q is none of trace, debug, info, warn, error", level)
	}
	if since < 0 {
		return want, errors.New("--since wants no time below 0")
	}
	if since > 0 {
		want.since = time.Now().Add(-since)
	}
	if len(args) > 0 {
		want.name = args[0]
	}
	return want, nil
}

// printer prints entries as the server does on standard error, or as they are.
func printer(w io.Writer, asJSON bool) func(entry) {
	if asJSON {
		return func(e entry) { fmt.Fprintf(w, "%s\n", e.line) }
	}
	color := hclog.ColorOff
	if f, ok := w.(*os.File); ok {
		color = colorOf(f)
	}
	var at time.Time
	sink := hclog.NewSinkAdapter(&hclog.LoggerOptions{Output: w, Level: hclog.Trace, Color: color,
		TimeFn: func() time.Time { return at }})
	return func(e entry) {
		at = e.time.Local()
		sink.Accept(e.module, e.level, e.message, e.pairs...)
	}
}
