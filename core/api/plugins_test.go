package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/keys"
	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/registry"
)

// newPluginBay is a server without plugins, and a registry that it knows.
func newPluginBay(t testing.TB, parcels ...parcel) (*bay, *depot) {
	t.Helper()
	return stocked(t, newBayWith(t, nil, map[string]string{"m": `{"tokens": 2}`}), parcels)
}

// newKeyedPluginBay is one that wants an API key, and is asked with it.
func newKeyedPluginBay(t testing.TB, parcels ...parcel) (*bay, *depot) {
	t.Helper()
	secret, _, keyed := withKeys(t, keys.Key{Name: "a"})
	b := newBayWith(t, nil, map[string]string{"m": `{"tokens": 2}`}, keyed)
	b.secret = secret
	return stocked(t, b, parcels)
}

func stocked(t testing.TB, b *bay, parcels []parcel) (*bay, *depot) {
	t.Helper()
	d := newDepot(t, b.home)
	d.publish(t, parcels...)
	return b, d
}

// TestPluginInTwoSteps: what is accepted is what is installed, and used at once.
func TestPluginInTwoSteps(t *testing.T) {
	b, _ := newPluginBay(t, parcel{version: "0.1.0"}, parcel{version: "0.2.0"})
	b.walk(t, []step{
		{"nothing is there", "GET", "/v1/plugins", "", 200, `{"data":[],"object":"list"}`, ""},
		{"nor does a model run", "PUT", "/v1/models/m/start", "", 503, "there is no engine", ""},
		{"what there is", "GET", "/v1/plugins/search?q=fake", "", 200, `"name":"enginebay/echo","description":"The fake engine`, ""},
		{"what there is not", "GET", "/v1/plugins/search?q=fake+nothing", "", 200, `"data":[],`, ""},
		{"all of one", "GET", "/v1/plugins/echo/info", "", 200, `"latest":"0.2.0"`, ""},
		{"why this one", "GET", "/v1/plugins/echo/why?version=%5E0.1", "", 200, `"chosen":"0.1.0"`, ""},
		{"of nobody", "GET", "/v1/plugins/ecko/info", "", 404, "No plugin ecko in main", "plugin_not_found"},
		{"look", "POST", "/v1/plugins", `{"source": "echo@^0.1"}`, 200, `"permissions":{"network":["words.example.com"]}`, ""},
		{"nothing has changed", "GET", "/v1/plugins", "", 200, `{"data":[],"object":"list"}`, ""},
	})
	first := b.digestOf(t, "echo@^0.1", "")
	second := b.digestOf(t, "echo", "")
	accept := func(source, digest string) string { return fmt.Sprintf(`{"source": %q, "accept": %q}`, source, digest) }
	b.walk(t, []step{
		{"another one than was accepted", "POST", "/v1/plugins", accept("echo@^0.1", second), 409, first, "plan_changed"},
		{"still nothing has changed", "GET", "/v1/plugins", "", 200, `{"data":[],"object":"list"}`, ""},
		{"install", "POST", "/v1/plugins", accept("echo@^0.1", first), 200, `"action":"install","engine_file":"engines/echo.json","used":true`, ""},
		{"it is there", "GET", "/v1/plugins/echo", "", 200, `"current":"0.1.0","pinned":false,"constraint":"^0.1","source":"main"`, ""},
		{"by its full name, too", "GET", "/v1/plugins/enginebay%2Fecho", "", 200, `"state":"ready"`, ""},
		{"its engine has a file", "GET", "/v1/engines/echo", "", 200, `"file":{"$schema":`, ""},
		{"it runs", "POST", "/v1/chat/completions", chat("m", "x"), 200, "echo echo", ""},
		{"it keeps to its range", "POST", "/v1/plugins/echo/upgrade", "", 200, `"object":"plugin.kept"`, ""},
		{"so there is nothing to accept", "POST", "/v1/plugins/echo/upgrade", `{"accept": "` + second + `"}`, 409, "is up to date", "plan_changed"},
		{"another range", "POST", "/v1/plugins", accept("echo", second), 200, `"action":"upgrade","before":"0.1.0","used":true`, ""},
		{"it runs on", "POST", "/v1/chat/completions", chat("m", "x"), 200, "echo echo", ""},
		{"the version before is kept", "GET", "/v1/plugins/echo", "", 200, `"current":"0.2.0","previous":"0.1.0"`, ""},
		{"the same once more", "POST", "/v1/plugins", accept("echo", second), 200, `"action":"nothing"`, ""},
		{"back", "POST", "/v1/plugins/echo/rollback", "", 200, `"version":"0.1.0","variant":"default","digest":"` + first + `","action":"switch","before":"0.2.0","used":true`, ""},
		{"runs the old one", "GET", "/v1/engines/echo", "", 200, `"version":"0.1.0"`, ""},
		{"and answers", "POST", "/v1/chat/completions", chat("m", "x"), 200, "echo echo", ""},
		{"verify", "POST", "/v1/plugins/echo/verify", "", 200, `"current":true`, ""},
	})
}

// TestPluginVersions is E10: two versions side by side, and which of them counts.
func TestPluginVersions(t *testing.T) {
	b, _ := newPluginBay(t, parcel{version: "0.1.0"}, parcel{version: "0.2.0"})
	b.install(t, "echo@0.1.0")
	b.install(t, "enginebay/echo@0.2.0")
	b.walk(t, []step{
		{"both are there", "GET", "/v1/plugins/echo", "", 200, `"version":"0.1.0","variant":"default"`, ""},
		{"the other one", "POST", "/v1/plugins/echo/use", `{"version": "0.1.0"}`, 200, `"version":"0.1.0"`, ""},
		{"start uses it", "PUT", "/v1/models/m/start", "", 200, "", ""},
		{"which is seen", "GET", "/v1/engines/echo", "", 200, `"version":"0.1.0"`, ""},
		{"remove the one in use", "DELETE", "/v1/plugins/echo?version=0.1.0", "", 409, "0.1.0 is the version in use", "conflict"},
		{"remove one that is not there", "DELETE", "/v1/plugins/echo?version=9.0.0", "", 404, "9.0.0 is not installed", "plugin_not_found"},
		{"use one that is not there", "POST", "/v1/plugins/echo/use", `{"version": "9.0.0"}`, 404, "installed are 0.2.0, 0.1.0 (current)", "plugin_not_found"},
		{"use nothing", "POST", "/v1/plugins/echo/use", "", 400, "Name the version", "missing_version"},
		{"remove all while a model is loaded", "DELETE", "/v1/plugins/echo", "", 409, "models loaded: m; stop them first", "conflict"},
		{"stop it", "PUT", "/v1/models/m/stop", "", 200, "", ""},
		{"remove the other one", "DELETE", "/v1/plugins/echo?version=0.2.0", "", 200, `"deleted":true,"name":"echo","object":"plugin","version":"0.2.0"`, ""},
		{"remove the only one", "DELETE", "/v1/plugins/echo?version=0.1.0", "", 409, "is the only version", "conflict"},
		{"which went away", "POST", "/v1/plugins/echo/rollback", "", 404, "no earlier version", "plugin_not_found"},
		{"pin", "POST", "/v1/plugins/echo/pin", `{"pinned": true}`, 200, `"pinned":true`, ""},
		{"a pinned one stays", "POST", "/v1/plugins/echo/upgrade", "", 200, "is pinned to 0.1.0", ""},
		{"whatever is asked for", "POST", "/v1/plugins", `{"source": "echo@0.2.0"}`, 400, "is pinned to 0.1.0", "invalid_request"},
		{"let go", "POST", "/v1/plugins/echo/pin", `{"pinned": false}`, 200, `"pinned":false`, ""},
		{"a person's file", "PUT", "/v1/engines/echo", `{"settings": {"tokens": 3}}`, 200, "", ""},
		{"keeps the plugin", "DELETE", "/v1/plugins/echo", "", 409, "is used by engines/echo.json", "conflict"},
		{"start once more", "PUT", "/v1/models/m/start", "", 200, "", ""},
		{"but by force", "DELETE", "/v1/plugins/echo?force=true", "", 200, `"deleted":true`, ""},
		{"it is gone", "GET", "/v1/plugins/echo", "", 404, "", "plugin_not_found"},
		{"once", "DELETE", "/v1/plugins/echo", "", 404, "No plugin \\\"echo\\\" is installed", "plugin_not_found"},
	})
	if left, err := filepath.Glob(filepath.Join(b.home, "plugins/store/*")); err != nil || len(left) > 0 {
		t.Errorf("in the store are left %q, %v", left, err)
	}
	b.install(t, "echo@0.1.0")
	b.walk(t, []step{{"what a person wrote is there again", "GET", "/v1/engines/echo", "", 200, `"tokens":3`, ""}})
}

// TestPluginWithUntouchedFile: the file that installing made goes with the plugin.
func TestPluginWithUntouchedFile(t *testing.T) {
	b, _ := newPluginBay(t, parcel{version: "0.1.0"})
	b.install(t, "echo")
	file := filepath.Join(b.home, "engines/echo.json")
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	b.walk(t, []step{{"remove", "DELETE", "/v1/plugins/enginebay%2Fecho", "", 200, `"name":"enginebay/echo"`, ""}})
	if _, err := os.Stat(file); err == nil {
		t.Error("engines/echo.json is still there")
	}
}

// TestPluginThatDoesNotComeUp is taken back by itself, with its reason.
func TestPluginThatDoesNotComeUp(t *testing.T) {
	b, _ := newPluginBay(t, parcel{version: "0.1.0"}, parcel{version: "0.3.0", strict: true})
	b.install(t, "echo@0.1.0")
	b.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["far"]}}`)
	digest := b.digestOf(t, "echo@0.3.0", "")
	b.walk(t, []step{
		{"the engine is there", "GET", "/v1/engines/far", "", 200, "", ""},
		{"install", "POST", "/v1/plugins", `{"source": "echo@0.3.0", "accept": "` + digest + `"}`, 409, "0.3.0 did not come up, and the server went back to 0.1.0: with far it did not come up", "plugin_refused"},
		{"the reason", "POST", "/v1/plugins/echo/use", `{"version": "0.3.0"}`, 409, "no offers are taken any more", "plugin_refused"},
		{"stays to be seen", "GET", "/v1/plugins/echo", "", 200, `"refused":{"version":"0.3.0","digest":"` + digest + `","reason":"with far`, ""},
		{"the old one goes on", "GET", "/v1/engines/far", "", 200, `"version":"0.1.0"`, ""},
		{"and answers", "POST", "/v1/chat/completions", chat("m", "x"), 200, "echo echo", ""},
		{"upgrades pass it over", "POST", "/v1/plugins/echo/upgrade", "", 200, `"object":"plugin.kept"`, ""},
	})
}

// TestPluginNotCompatible is E14: it is shown with its reason, and the server runs.
func TestPluginNotCompatible(t *testing.T) {
	home := t.TempDir()
	must(t, os.CopyFS(filepath.Join(home, "old"), os.DirFS(filepath.Join(plugins, "engine-echo"))))
	text := replacedIn(t, filepath.Join(home, "old", "plugin.json"), `"protocol": [1]`, `"protocol": [7]`)
	must(t, os.WriteFile(filepath.Join(home, "old", "plugin.json"), []byte(text), 0o600))
	b := newBayWith(t, []string{home, plugins}, map[string]string{"m": `{}`})
	b.walk(t, []step{
		{"it is listed", "GET", "/v1/plugins", "", 200, `"state":"not_compatible"`, ""},
		{"with its reason", "GET", "/v1/plugins/echo", "", 200, "protocol", ""},
		{"a model says so", "POST", "/v1/chat/completions", chat("m", "x"), 503, "cannot be used", ""},
		{"and the server runs", "GET", "/readyz", "", 200, "", ""},
	})
}

func replacedIn(t testing.TB, file, old, new string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q", file, old)
	}
	return strings.Replace(string(text), old, new, 1)
}

// TestPluginsRefused: what must not be installed is not, and nothing of it is left.
func TestPluginsRefused(t *testing.T) {
	b, d := newKeyedPluginBay(t, parcel{version: "0.1.0"}, parcel{version: "0.2.0"}, parcel{version: "0.4.0", program: "0.1.0"},
		parcel{version: "0.5.0", program: "0.1.0", os: "plan9"})
	d.change(t, registry.Publication{Yank: map[string]string{"enginebay/echo@0.2.0": "it loses settings"}})
	unsigned, _ := d.pack(t, parcel{version: "0.6.0", program: "0.1.0", unsigned: true})
	stranger := newKey(t)
	strange, _ := d.pack(t, parcel{version: "0.7.0", program: "0.1.0", key: &stranger})
	good, goodDigest := d.pack(t, parcel{version: "0.1.0"})
	server := serveFiles(t, map[string]string{"/unsigned.tar.zst": unsigned, "/strange.tar.zst": strange, "/good.tar.zst": good})
	lying := b.digestOf(t, "echo@0.4.0", "")
	none := "sha256:" + strings.Repeat("0", 64)
	source := func(source string, more ...string) string {
		return fmt.Sprintf(`{"source": %q%s}`, source, strings.Join(append([]string{""}, more...), ", "))
	}
	b.walk(t, []step{
		{"a yanked one", "POST", "/v1/plugins", source("echo@>=0.2 <0.4"), 400, "is yanked", "unsupported"},
		{"by its very version, with a warning", "POST", "/v1/plugins", source("echo@0.2.0"), 200, "is yanked: it loses settings", ""},
		{"passed over", "POST", "/v1/plugins", source("echo@^0.1 || 0.2"), 200, `"version":"0.1.0"`, ""},
		{"one that is not what it says", "POST", "/v1/plugins", source("echo@0.4.0", `"accept": "`+lying+`"`), 400, `its version is \"0.4.0\", and the program says \"0.1.0\"`, "invalid_request"},
		{"for another system", "POST", "/v1/plugins", source("echo@0.5.0"), 400, "plan9", "unsupported"},
		{"an accept that is none", "POST", "/v1/plugins", source("echo", `"accept": "yes"`), 400, "sha256:", "invalid_value"},
		{"a wrong accept", "POST", "/v1/plugins", source("echo@0.1.0", `"accept": "`+none+`"`), 409, "which is not what was accepted", "plan_changed"},
		{"unsigned", "POST", "/v1/plugins", source(server + "/unsigned.tar.zst"), 400, "is not signed", "invalid_request"},
		{"by a stranger", "POST", "/v1/plugins", source(server + "/strange.tar.zst"), 200, `"new":true`, ""},
		{"who is not vouched for", "POST", "/v1/plugins", source(server+"/good.tar.zst", `"accept": "`+goodDigest+`"`), 400, "send it as 'key'", "unknown_key"},
		{"nor by another key", "POST", "/v1/plugins", source(server+"/good.tar.zst", `"accept": "`+goodDigest+`"`, keyOf(stranger)), 400, "send it as 'key'", "unknown_key"},
		{"with a key that is none", "POST", "/v1/plugins", source(server+"/good.tar.zst", `"key": "RWx"`), 400, "The key cannot be read", "invalid_request"},
		{"a path", "POST", "/v1/plugins", source(good), 400, "Over the API plugins come from registries", "invalid_request"},
		{"one of a user", "POST", "/v1/plugins", source("~/x.tar.zst"), 400, "Over the API plugins come from registries", "invalid_request"},
		{"one that is relative", "POST", "/v1/plugins", source("../x"), 400, "Over the API plugins come from registries", "invalid_request"},
		{"a file by its address", "POST", "/v1/plugins", source("file:///etc/passwd"), 400, "names no plugin", "invalid_request"},
		{"an address with a secret in it", "POST", "/v1/plugins", source("https://me:sesame@127.0.0.1/x.tar.zst"), 400, "is no address of a package", "invalid_request"},
		{"a range that is none", "POST", "/v1/plugins", source("echo@much"), 400, "is no range of versions", "invalid_request"},
		{"nobody's", "POST", "/v1/plugins", source("none"), 404, "No plugin none", "plugin_not_found"},
		{"nothing", "POST", "/v1/plugins", `{}`, 400, "Name what is to be installed", "missing_source"},
		{"no object", "POST", "/v1/plugins", `[]`, 400, "", "invalid_json"},
		{"a wrong type", "POST", "/v1/plugins", `{"source": 7}`, 400, "must be a text", "invalid_type"},
		{"a field that there is not", "POST", "/v1/plugins", source("echo", `"unsigned": true`), 400, "There is no field 'unsigned'", "unknown_field"},
		{"a name that leads out", "GET", "/v1/plugins/..%2F..%2Fx/why", "", 404, "is no name of a plugin", "plugin_not_found"},
		{"a name with a version", "DELETE", "/v1/plugins/echo@0.1.0", "", 404, "is no name of a plugin", "plugin_not_found"},
		{"not installed", "POST", "/v1/plugins/echo/verify", "", 404, "No plugin", "plugin_not_found"},
		{"not installed, and to be upgraded", "POST", "/v1/plugins/echo/upgrade", "", 404, "No plugin", "plugin_not_found"},
		{"nothing of it all is there", "GET", "/v1/plugins", "", 200, `{"data":[],"object":"list"}`, ""},
		{"with the publisher's key", "POST", "/v1/plugins", source(server+"/good.tar.zst", `"accept": "`+goodDigest+`"`, keyOf(d.publisher)), 200, `"action":"install"`, ""},
		{"another key of that publisher from then on", "POST", "/v1/plugins", source(server + "/strange.tar.zst"), 400, "is signed with another key", "invalid_request"},
	})
	if left, err := filepath.Glob(filepath.Join(b.home, "plugins/store/.*")); err != nil || len(left) > 0 {
		t.Errorf("stagings are left: %q, %v", left, err)
	}
	for _, secret := range []string{b.home, d.dir, "sesame"} {
		if _, body := b.do("POST", "/v1/plugins", source("echo@0.9")); strings.Contains(body, secret) {
			t.Errorf("the answer has %q: %s", secret, body)
		}
	}
}

// TestPluginKeyIsNotTakenFromAnybody: a plugin that reaches the port could name itself
// as the one to trust.
func TestPluginKeyIsNotTakenFromAnybody(t *testing.T) {
	b, d := newPluginBay(t, parcel{version: "0.1.0"})
	b.walk(t, []step{
		{"install", "POST", "/v1/plugins", `{"source": "echo", ` + keyOf(d.publisher) + `}`, 403, "enginebay plugin install", "key_refused"},
		{"upgrade", "POST", "/v1/plugins/echo/upgrade", `{` + keyOf(d.publisher) + `}`, 403, "enginebay plugin install", "key_refused"},
	})
}

func keyOf(key minisign.SecretKey) string { return `"key": "` + key.Public().String() + `"` }

// serveFiles serves files of this machine.
func serveFiles(t testing.TB, files map[string]string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if file, ok := files[r.URL.Path]; ok {
			http.ServeFile(w, r, file)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
