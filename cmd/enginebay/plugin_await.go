package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core"
)

// What a running server made of another version of a plugin.
const (
	serverNone    = "none" // no server runs
	serverChanged = "changed"
	serverRefused = "refused"
	serverUnknown = "unknown" // it has not said in time

	// serverOther: another folder goes before what is installed, in every server.
	serverOther = "other"
)

// changeTimeout is how long a server may take to try a version with all deployments.
const changeTimeout = time.Minute

// changes are what the running server says of plugins, from before a switch on.
type changes struct {
	runs   bool          // a server
	stream io.ReadCloser // nil where it cannot be listened to
	cancel context.CancelFunc
}

// listen begins to listen to the server of this home, where one runs.
func (w *workshop) listen() changes {
	ctx, cancel := context.WithCancel(w.cmd.Context())
	o, runs := serverOf(w.config.home)
	if !runs {
		return changes{cancel: cancel}
	}
	server := w.config.client()
	server.base = "http://" + o.Addr // that of this home, wherever --addr leads
	stream, err := server.open(ctx)
	if err != nil {
		return changes{runs: true, cancel: cancel}
	}
	return changes{runs: true, stream: stream, cancel: cancel}
}

func (c changes) close() {
	c.cancel()
	if c.stream != nil {
		c.stream.Close()
	}
}

// heard returns what becomes of an installed plugin's version that is current now.
func (w *workshop) heard(c changes, plugin string) (verdict, reason string) {
	if p, err := w.host.Plugin(plugin); err == nil && p.Digest == "" { // nothing changes for a server then
		return serverOther, ""
	}
	return c.wait(w.cmd, plugin)
}

// wait returns what the server made of the plugin's new version, and why it refused it.
func (c changes) wait(cmd *cobra.Command, plugin string) (verdict, reason string) {
	switch {
	case !c.runs:
		return serverNone, ""
	case c.stream == nil:
		return serverUnknown, ""
	}
	late := time.AfterFunc(changeTimeout, c.cancel)
	defer late.Stop()
	verdict = serverUnknown
	eachEvent(c.stream, func(e event) bool {
		if e.Type != core.EventPluginChanged || e.Plugin != plugin {
			return true
		}
		if verdict, reason = serverChanged, e.Error; reason != "" {
			verdict = serverRefused
		}
		return false
	})
	return verdict, reason
}
