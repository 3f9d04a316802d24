package pluginhost

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/egress"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/sandbox"
	"github.com/enginebay/enginebay/sdk"
)

// A Sandbox is what an operator says of one deployment's: more than its plugin asks for.
type Sandbox struct {
	Mode    sandbox.Mode // empty is that of the host
	Folders []string     // that it reads too, and executes programs of
	Network []string     // hosts that it reaches too, as [egress.Rules.Named]
}

// deviceGPU is the device that a manifest names.
const deviceGPU = "gpu"

// mode is how the processes of a deployment are confined.
func (h *Host) mode(d Deployment) sandbox.Mode {
	return cmp.Or(d.Sandbox.Mode, h.config.Sandbox, sandbox.BestEffort)
}

// Confines says whether the processes of a deployment read nothing but what they are granted.
func (h *Host) Confines(d Deployment) bool {
	return h.mode(d) != sandbox.Off && sandbox.Supported().Landlock > 0
}

// A confinement is what holds a process, as long as it lives. A nil one holds nothing.
type confinement struct {
	start *sandbox.Start
	proxy *egress.Proxy // its way into the network; nil where it has none, or is free
	env   []string      // that tells it of its folders and its network
	free  bool          // of rules on the network
}

// confine makes the confinement of a process whose run folder is dir; nil where it is free.
// started is to be called when the process is, or is not going to be.
func (h *Host) confine(plugin Plugin, d Deployment, dir string, log hclog.Logger) (*confinement, error) {
	mode := h.mode(d)
	if mode == sandbox.Off {
		return nil, nil
	}
	wants := h.wanted(plugin, d)
	data := h.dataDir(d)
	write, err := h.writable(dir, d)
	if err != nil {
		return nil, err
	}
	policy := sandbox.Policy{
		Program: plugin.Program, SHA256: h.trees.sum(plugin),
		Read:    slices.Concat([]string{plugin.Dir}, wants.folders, fromEnvironment("LD_LIBRARY_PATH")),
		Data:    fromEnvironment("SSL_CERT_FILE", "SSL_CERT_DIR"),
		Write:   write,
		GPU:     slices.Contains(plugin.Permissions.Devices, deviceGPU),
		Network: wants.network, Strict: mode == sandbox.Strict,
	}
	if plugin.Is(sdk.KindEngine) {
		policy.Data = slices.Concat(policy.Data, h.config.Models, d.Folders)
	}
	if policy.GPU {
		policy.Data = append(policy.Data, fromEnvironment("VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES", "VK_ICD_FILENAMES")...)
	}
	c := &confinement{env: ownFolders(dir, data, d), free: wants.network == sandbox.FreeNetwork}
	if err := os.Mkdir(filepath.Join(dir, tempFolder), 0o700); err != nil {
		return nil, fmt.Errorf("make run folder of a plugin: %w", err)
	}
	if c.start, err = sandbox.Prepare(policy); err != nil {
		return nil, refusal(plugin, d, err)
	}
	if wants.proxy {
		socket := filepath.Join(dir, "egress.sock")
		if c.proxy, err = egress.Listen(socket, wants.rules, log); err != nil {
			c.end()
			return nil, err
		}
		c.env = append(c.env, sdk.EnvProxy+"=unix:"+socket)
	}
	return c, nil
}

// writable are the folders that a process may change, without the links that lead to the
// home: below, a link is one that a plugin has laid, and nobody follows it.
func (h *Host) writable(run string, d Deployment) ([]string, error) {
	above, err := filepath.EvalSymlinks(filepath.Dir(run))
	if err != nil {
		return nil, fmt.Errorf("find the run folder of a plugin: %w", err)
	}
	folders := []string{filepath.Join(above, filepath.Base(run))}
	if d.ID == "" {
		return folders, nil
	}
	all, err := filepath.EvalSymlinks(h.config.DataDir)
	if errors.Is(err, fs.ErrNotExist) { // of a probe: nobody made it
		return folders, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the data folder of a plugin: %w", err)
	}
	return append(folders, filepath.Join(all, d.ID, folderOf(d.Model))), nil
}

// changeable says whether plugins may write where a path leads: there it says nothing, for
// one could lay a link.
func (h *Host) changeable(path string) bool {
	for _, folder := range []string{h.config.DataDir, h.run.dir, "/dev/shm"} {
		for _, name := range []string{folder, real(folder)} {
			for _, to := range []string{path, real(path)} {
				if rel, err := filepath.Rel(name, to); err == nil && filepath.IsLocal(rel) {
					return true
				}
			}
		}
	}
	return false
}

// real is a path without links, as far as it is there.
func real(path string) string {
	if found, err := filepath.EvalSymlinks(path); err == nil {
		return found
	}
	if above := filepath.Dir(path); above != path {
		return filepath.Join(real(above), filepath.Base(path))
	}
	return path
}

// refusal is why a process cannot be confined, with the next step.
func refusal(plugin Plugin, d Deployment, err error) error {
	if errors.Is(err, sandbox.ErrStrict) {
		where := "plugin_sandbox in enginebay.yaml"
		if d.Sandbox.Mode != "" {
			where = `"mode" of "sandbox" in the file of ` + d.ID
		}
		return sdk.Errorf(sdk.CodeUnavailable, "plugin %s is not started: %v, and %s is %s; %s would do what can be done", plugin.Name, err, where, sandbox.Strict, sandbox.BestEffort)
	}
	return &sdk.Error{Code: sdk.CodeUnavailable, Message: "plugin " + plugin.Name + " cannot be confined", Cause: err}
}

// launcher is the program that is started in the place of the plugin's; nil for none.
func (c *confinement) launcher() []string {
	if c == nil {
		return nil
	}
	return []string{c.start.Path}
}

func (c *confinement) files() []*os.File {
	if c == nil {
		return nil
	}
	return c.start.Files
}

// environment is that of the process, of what it would be without.
func (c *confinement) environment(env []string) []string {
	if c == nil {
		return env
	}
	if !c.free { // the server's own proxy is behind the core's
		env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
			name, _, _ := strings.Cut(v, "=")
			return strings.HasSuffix(strings.ToUpper(name), "_PROXY")
		})
	}
	return slices.Concat(env, c.env, c.start.Env)
}

// begun is called with the process's number as soon as there is one.
func (c *confinement) begun(pid int) {
	if c != nil && c.proxy != nil {
		c.proxy.Admit(pid)
	}
}

// started gives back what only the start needs.
func (c *confinement) started() {
	if c != nil {
		c.start.Close()
	}
}

// end is called when the process is gone.
func (c *confinement) end() {
	if c == nil {
		return
	}
	c.start.Close()
	if c.proxy != nil {
		c.proxy.Close()
	}
}

// ownFolders tells a process where it may write, unless the operator says something else.
func ownFolders(dir, data string, d Deployment) (env []string) {
	cache := filepath.Join(cmp.Or(data, dir), "cache")
	for name, value := range map[string]string{"TMPDIR": filepath.Join(dir, tempFolder), "XDG_CACHE_HOME": cache, "CUDA_CACHE_PATH": filepath.Join(cache, "nv")} {
		if _, said := d.Env[name]; !said {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// tempFolder is in the run folder.
const tempFolder = "tmp"

// wants are what a plugin's permissions and an operator come to.
type wants struct {
	folders []string
	network sandbox.Network
	proxy   bool // what it reaches, it reaches through the core
	rules   egress.Rules
}

func (h *Host) wanted(plugin Plugin, d Deployment) wants {
	w := wants{rules: egress.Rules{Named: d.Sandbox.Network}}
	for _, text := range plugin.Permissions.Network {
		if values, ok := lookUp(text, d); ok {
			w.rules.Named = append(slices.Clip(w.rules.Named), values...)
		} else {
			w.rules.Hosts = append(w.rules.Hosts, text)
		}
	}
	if !plugin.Is(sdk.KindImporter) && slices.Contains(w.rules.Hosts, "*") {
		w.network = sandbox.FreeNetwork
	} else {
		w.proxy = len(w.rules.Hosts)+len(w.rules.Named) > 0
	}
	for _, text := range plugin.Permissions.Folders {
		values, ok := lookUp(text, d)
		if !ok {
			values = []string{text}
		}
		for _, path := range values {
			if path = expand(path); !h.changeable(path) {
				w.folders = append(w.folders, reach(path)...)
			}
		}
	}
	for _, path := range d.Sandbox.Folders {
		w.folders = append(w.folders, reach(path)...)
	}
	if plugin.Digest == "" {
		w.folders = append(w.folders, linkedFrom(plugin.Dir)...)
	}
	return w
}

// sum is that of a plugin's program as it was installed; empty where any will do.
func (t *trees) sum(plugin Plugin) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.whole[plugin.Folder].program
}

// programSum is the sum of what a package starts.
func programSum(p packages.Package, os string) string {
	for _, f := range p.Files {
		if f.Path == p.EntryOn(os) {
			return f.SHA256
		}
	}
	return ""
}

// dataDir is the private folder of a deployment; empty for what is none.
func (h *Host) dataDir(d Deployment) string {
	if d.ID == "" {
		return ""
	}
	return filepath.Join(h.config.DataDir, d.ID, folderOf(d.Model))
}
