package core

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/shirou/gopsutil/v4/process"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/pluginhost"
)

// PluginSources are where plugins are found, the first that has one of a name
// before the others: those that are being written ("plugin dev"), then those inside
// of dirs. What is installed goes just before what was put into HOME/plugins by hand.
func PluginSources(home string, dirs []string) []pluginhost.Source {
	sources := []pluginhost.Source{func() []pluginhost.Folder { return Developed(home) }}
	at := slices.Index(dirs, filepath.Join(home, "plugins"))
	if at < 0 {
		at = len(dirs)
	}
	sources = append(sources, pluginhost.Dirs(dirs[:at]...)...)
	sources = append(sources, func() []pluginhost.Folder { return installedPlugins(home) })
	return append(sources, pluginhost.Dirs(dirs[at:]...)...)
}

// installedPlugins are the folders of the installed packages that are in use.
func installedPlugins(home string) (folders []pluginhost.Folder) {
	current, _ := install.Current(home) // what cannot be read is told by whoever changes it
	for _, f := range current {
		folders = append(folders, pluginhost.Folder{Dir: f.Dir, Digest: f.Digest})
	}
	return folders
}

// DevFile names the plugins that are being written, in HOME/plugins.
const DevFile = "dev.json"

// A DevPlugin is one of its entries, by the plugin's short name.
type DevPlugin struct {
	Dir string `json:"dir"` // of the last build that went well, absolute
	Pid int32  `json:"pid"` // of the "plugin dev" that makes it: when that ends the entry counts no more

	// Started is when that process was, in Unix milliseconds: after a crash of the machine
	// another one may have its number, and what it was building must not count for ever.
	Started int64 `json:"started"`
}

// lives says whether the process that made an entry is there.
func (p DevPlugin) lives() bool {
	const clock = 10_000 // milliseconds that the machine's clock may have been set by
	started := startOf(p.Pid)
	return started > 0 && started-p.Started <= clock && p.Started-started <= clock
}

// startOf is when a process was started, in Unix milliseconds; 0 where it is not there.
func startOf(pid int32) int64 {
	p, err := process.NewProcess(pid)
	if err != nil {
		return 0
	}
	started, err := p.CreateTime()
	if err != nil {
		return 0
	}
	return started
}

// Developed are the folders of the plugins that are being written.
func Developed(home string) (folders []pluginhost.Folder) {
	text, err := os.ReadFile(filepath.Join(home, "plugins", DevFile))
	if err != nil {
		return nil
	}
	var all map[string]DevPlugin
	if json.Unmarshal(text, &all) != nil {
		return nil // half written; its watcher will look again
	}
	for _, p := range all {
		if p.lives() && filepath.IsAbs(p.Dir) {
			folders = append(folders, pluginhost.Folder{Dir: p.Dir})
		}
	}
	slices.SortFunc(folders, func(a, b pluginhost.Folder) int { return cmp.Compare(a.Dir, b.Dir) })
	return folders
}
