package pluginhost_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/sandbox"
	"github.com/enginebay/enginebay/sdk"
)

// needs skips a test of what the kernel cannot do.
func needs(t *testing.T) {
	t.Helper()
	if s := sandbox.Supported(); !s.Full() {
		t.Skipf("not tested: this machine cannot restrict %s", strings.Join(s.Missing(), ", nor "))
	}
}

// asking is a folder with the rogue, whose manifest asks for something.
func asking(t *testing.T, permissions string) string {
	t.Helper()
	dir := home(t)
	if out, err := exec.Command("cp", "-r", filepath.Join(plugins, "rogue"), dir).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	file := filepath.Join(dir, "rogue", pluginhost.ManifestFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	asks := strings.Replace(string(text), "{", `{"permissions": `+permissions+",", 1)
	asks = strings.Replace(asks, `["engine", "importer"]`, `["engine"]`, 1) // of which "*" is free
	if err := os.WriteFile(file, []byte(asks), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tries does what the rogue tries while it starts, and returns what it says of it.
func tries(t *testing.T, d pluginhost.Deployment, permissions, try string, more ...func(*pluginhost.Config)) string {
	t.Helper()
	dir := asking(t, permissions)
	host, log := newHost(t, append(more, func(c *pluginhost.Config) { c.Plugins = pluginhost.Dirs(dir) })...)
	d.ID, d.Plugin = "my-rogue", "rogue"
	env := map[string]string{"ROGUE": "try=" + try}
	for name, value := range d.Env {
		env[name] = value
	}
	d.Env = env
	connect(t, host, d)
	line, _ := log.line(t, "my-rogue", "tried: ")["@message"].(string)
	return strings.TrimPrefix(line, "tried: ")
}

// TestFoldersOfAProcess: a plugin reads what it asked for, and what the operator grants.
func TestFoldersOfAProcess(t *testing.T) {
	needs(t)
	t.Parallel()
	dir := home(t)
	for _, file := range []string{"models/m/weights", "linked/weights", "prefix/bin/program", "prefix/lib/library", "secret", "cache/file"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte("text"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	at := func(file string) string { return "read " + filepath.Join(dir, file) }
	models := func(c *pluginhost.Config) { c.Models = []string{filepath.Join(dir, "models")} }
	off := func(c *pluginhost.Config) { c.Sandbox = sandbox.Off }
	strict := func(c *pluginhost.Config) { c.Sandbox = sandbox.Strict }
	for name, test := range map[string]struct {
		d           pluginhost.Deployment
		permissions string
		try         string
		config      func(*pluginhost.Config)
		refused     bool
	}{
		"a model":                    {pluginhost.Deployment{}, `{}`, at("models/m/weights"), models, false},
		"a model, strictly":          {pluginhost.Deployment{}, `{}`, at("models/m/weights"), func(c *pluginhost.Config) { models(c); strict(c) }, false},
		"a linked one":               {pluginhost.Deployment{Folders: []string{filepath.Join(dir, "linked")}}, `{}`, at("linked/weights"), models, false},
		"one that is not granted":    {pluginhost.Deployment{}, `{}`, at("linked/weights"), models, true},
		"a file beside the models":   {pluginhost.Deployment{}, `{}`, at("secret"), models, true},
		"a folder of the manifest":   {pluginhost.Deployment{}, `{"folders": ["` + filepath.Join(dir, "cache") + `"]}`, at("cache/file"), models, false},
		"a setting's folder":         {pluginhost.Deployment{Settings: map[string]any{"program": filepath.Join(dir, "prefix/bin/program")}}, `{"folders": ["setting:program"]}`, at("prefix/lib/library"), models, false},
		"a setting that is not set":  {pluginhost.Deployment{}, `{"folders": ["setting:program"]}`, at("prefix/lib/library"), models, true},
		"a variable's folder":        {pluginhost.Deployment{Env: map[string]string{"CACHE": filepath.Join(dir, "cache")}}, `{"folders": ["$CACHE"]}`, at("cache/file"), models, false},
		"the operator's folder":      {pluginhost.Deployment{Sandbox: pluginhost.Sandbox{Folders: []string{filepath.Join(dir, "cache")}}}, `{}`, at("cache/file"), models, false},
		"off, for one":               {pluginhost.Deployment{Sandbox: pluginhost.Sandbox{Mode: sandbox.Off}}, `{}`, at("secret"), models, false},
		"off":                        {pluginhost.Deployment{}, `{}`, at("secret"), off, false},
		"on, for one":                {pluginhost.Deployment{Sandbox: pluginhost.Sandbox{Mode: sandbox.BestEffort}}, `{}`, at("secret"), off, true},
		"its temporary folder":       {pluginhost.Deployment{}, `{}`, "write $TMPDIR/x", models, false},
		"its cache":                  {pluginhost.Deployment{}, `{}`, "mkdir $XDG_CACHE_HOME/x", models, false},
		"another temporary folder":   {pluginhost.Deployment{}, `{}`, "write " + filepath.Join(dir, "x"), models, true},
		"the core's environment":     {pluginhost.Deployment{}, `{"devices": ["gpu"]}`, "read /proc/$PPID/environ", models, true},
		"the sockets of other ones":  {pluginhost.Deployment{}, `{}`, "list ..", models, true},
		"the folder of its packages": {pluginhost.Deployment{}, `{}`, "write $PACKAGE/x", models, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := tries(t, test.d, test.permissions, test.try, test.config)
			if refused := strings.Contains(said, "permission denied"); refused != test.refused || !refused && said != "done" {
				t.Errorf("%s: %s", test.try, said)
			}
		})
	}
}

// TestLinksOfAPlugin: what a plugin can lay into a folder of its own leads the next
// process nowhere.
func TestLinksOfAPlugin(t *testing.T) {
	needs(t)
	t.Parallel()
	dir, data := home(t), filepath.Join(home(t), "data")
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(data, "my-rogue")
	if err := os.MkdirAll(own, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "a%2Fmodel"} {
		if err := os.Symlink(dir, filepath.Join(own, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(own, "pyvenv.cfg"), []byte("home = "+own+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(own, "python3")); err != nil {
		t.Fatal(err)
	}
	here := func(c *pluginhost.Config) { c.DataDir = data }
	for name, folder := range map[string]string{"a link": filepath.Join(own, "link"), "a Python": own, "a link to come": filepath.Join(own, "link", "..", "link")} {
		t.Run(name, func(t *testing.T) {
			if said := tries(t, pluginhost.Deployment{}, `{"folders": ["`+folder+`"]}`, "read "+secret, here); !strings.Contains(said, "permission denied") {
				t.Errorf("it reads what its link leads to: %s", said)
			}
		})
	}
	t.Run("a model's folder", func(t *testing.T) {
		rogues := asking(t, `{}`)
		host, _ := newHost(t, here, func(c *pluginhost.Config) { c.Plugins = pluginhost.Dirs(rogues) })
		_, err := host.Connect(t.Context(), pluginhost.Deployment{ID: "my-rogue", Model: "a/model", Plugin: "rogue"})
		refused(t, err, sdk.CodeUnavailable, "cannot be confined")
	})
}

// TestNetworkOfAProcess: free, through the core, or not at all.
func TestNetworkOfAProcess(t *testing.T) {
	needs(t)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	for name, test := range map[string]struct {
		d           pluginhost.Deployment
		permissions string
		try         string
		says        string
	}{
		"none":                       {pluginhost.Deployment{}, `{}`, "tcp " + address, "not supported by protocol"},
		"none, of a child":           {pluginhost.Deployment{}, `{}`, "child tcp " + address, "not supported by protocol"},
		"a list":                     {pluginhost.Deployment{}, `{"network": ["example.com"]}`, "tcp " + address, "not supported by protocol"},
		"free":                       {pluginhost.Deployment{}, `{"network": ["*"]}`, "tcp " + address, "done"},
		"free, in spite of a list":   {pluginhost.Deployment{}, `{"network": ["example.com", "*"]}`, "tcp " + address, "done"},
		"another host":               {pluginhost.Deployment{}, `{"network": ["example.com"]}`, "get " + server.URL, "is not among the hosts"},
		"the operator's host":        {pluginhost.Deployment{Settings: map[string]any{"endpoint": server.URL}}, `{"network": ["setting:endpoint"]}`, "get " + server.URL, "done"},
		"the operator's list":        {pluginhost.Deployment{Settings: map[string]any{"private": []any{"127.0.0.0/8"}}}, `{"network": ["setting:private"]}`, "get " + server.URL, "done"},
		"a host of the sandbox":      {pluginhost.Deployment{Sandbox: pluginhost.Sandbox{Network: []string{"127.0.0.1"}}}, `{}`, "get " + server.URL, "done"},
		"a variable":                 {pluginhost.Deployment{Env: map[string]string{"HUB": server.URL}}, `{"network": ["$HUB"]}`, "get " + server.URL, "done"},
		"no proxy of the server's":   {pluginhost.Deployment{}, `{"network": ["example.com"]}`, "variable HTTPS_PROXY", "is not set"},
		"the server's proxy, freely": {pluginhost.Deployment{}, `{"network": ["*"]}`, "variable HTTPS_PROXY", "done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
			if said := tries(t, test.d, test.permissions, test.try); !strings.Contains(said, test.says) {
				t.Errorf("%s: %s; want %s", test.try, said, test.says)
			}
		})
	}
}

// TestABadHost of an operator is told with the start.
func TestABadHost(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	d := echo(nil)
	d.Sandbox.Network = []string{"user@host"}
	_, err := host.Connect(t.Context(), d)
	refused(t, err, sdk.CodeInvalid, "user@host")
}

// TestAStrictSandbox is refused in words where it cannot be had.
func TestAStrictSandbox(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t, func(c *pluginhost.Config) { c.Sandbox = sandbox.Strict })
	_, err := host.Connect(t.Context(), echo(nil))
	if sandbox.Supported().Full() {
		if err != nil {
			t.Error(err)
		}
		return
	}
	refused(t, err, sdk.CodeUnavailable, "this machine cannot restrict", "plugin_sandbox in enginebay.yaml is strict")
}

// TestAProbeIsConfined: what is about to be installed is not trusted yet.
func TestAProbeIsConfined(t *testing.T) {
	needs(t)
	t.Parallel()
	dir := asking(t, `{}`)
	host, _ := newHost(t)
	program := filepath.Join(dir, "rogue", "bin", "rogue")
	if err := os.Rename(program, program+"-real"); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret")
	script := "#!/bin/sh\n: > " + secret + "\nexec " + program + "-real\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	m, err := packages.ReadManifest(filepath.Join(dir, "rogue"))
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Probe(t.Context(), filepath.Join(dir, "rogue"), m); err == nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("probe: %v", err) // a shell ends where it cannot write
	}
	if _, err := os.Stat(secret); err == nil {
		t.Error("a program that is only looked at wrote where it wanted")
	}
}
