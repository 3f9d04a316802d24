package main

import (
	"strings"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/sandbox"
)

// sandbox says how plugins are kept to what they ask for.
func (e *examination) sandbox() {
	const name = "sandbox"
	support := sandbox.Supported()
	missing := strings.Join(support.Missing(), "; ")
	switch mode := e.config.PluginSandbox; {
	case mode == sandbox.Off:
		e.warn(name, "take plugin_sandbox out of "+e.config.file()+", or set it to "+string(sandbox.BestEffort), "plugins are not confined (plugin_sandbox is off): they can do what you can")
	case missing == "":
		e.ok(name, "plugins are confined (%s): files, network, processes and system calls (Landlock ABI %d, seccomp)%s", mode, support.Landlock, sockets(support))
	case mode == sandbox.Strict:
		e.fail(name, "set plugin_sandbox to "+string(sandbox.BestEffort)+", or take a newer kernel", "no plugin starts, for plugin_sandbox is strict and this machine cannot restrict %s", missing)
	case support.Any():
		e.warn(name, "", "plugins are confined in part; trust those that you install: this machine cannot restrict %s", missing)
	default:
		e.warn(name, "", "plugins are not confined; trust those that you install: this machine cannot restrict %s", missing)
	}
}

// sockets is what no mode restricts before a version of Landlock.
func sockets(s sandbox.Support) string {
	if s.Sockets() {
		return ""
	}
	return "; to sockets in the file system, such as Docker's, they connect where your user may"
}

// unconfined says of an engine that its own file lets it out.
func (e *examination) unconfined(name string, d core.Deployment) {
	if d.Sandbox.Mode == sandbox.Off && e.config.PluginSandbox != sandbox.Off {
		e.warn(name, `take "sandbox" out of `+d.File+`, or name in it what is missing: "folders", "network"`, `is not confined ("mode": "off" in its file): it can do what you can`)
	}
}
