//go:build unix

package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// TestBadFiles: a bad file hides no other, and its model says what is wrong with it.
func TestBadFiles(t *testing.T) {
	huge := `{"description": "` + strings.Repeat("x", 2<<20) + `"}`
	bad := tree{
		"syntax/model.json":  "{\n  \"name\": \"x\"\n  \"version\": \"1\"\n}",
		"type/model.json":    "{\n  \"settings\": {\n    \"ctx_len\": \"many\"\n  }\n}",
		"list/model.json":    `[]`,
		"latin/model.json":   "{\"name\": \"gr\xf6\xdfe\"}",
		"huge/model.json":    huge,
		"yaml/model.yml":     "name: [",
		"dead/model.json":    "-> gone.json",
		"round/model.json":   "-> model.json",
		"corrupt/model.json": `{}`,
		"corrupt/x.gguf":     "GGUF\x03\x00\x00\x00" + strings.Repeat("\xff", 100),
		"folder/model.json/": "",
		"good/model.json":    `{}`,
	}
	for id := range map[string]bool{"syntax": true, "type": true, "list": true, "latin": true, "huge": true, "yaml": true, "dead": true, "round": true, "good": true} {
		bad[id+"/x.gguf"] = weights
	}
	models := plant(t, bad)
	for _, fifo := range []string{"fifo", "pipe"} {
		must(t, os.Mkdir(filepath.Join(models, fifo), 0o755))
	}
	must(t, syscall.Mkfifo(filepath.Join(models, "fifo", "model.json"), 0o644))
	must(t, syscall.Mkfifo(filepath.Join(models, "pipe", "x.gguf"), 0o644))
	s := open(t, models)
	for id, want := range map[string]string{
		"syntax":  "models/syntax/model.json:3:3: expected",
		"type":    "models/type/model.json:3:16: /settings/ctx_len: expected an integer",
		"list":    "models/list/model.json:1:1: expected an object, got an array",
		"latin":   "models/latin/model.json:1:13: expected UTF-8 text, got the byte 0xf6",
		"huge":    "models/huge/model.json: expected at most 1048576 bytes",
		"yaml":    "models/yaml/model.yml:1",
		"dead":    "models/dead/model.json: no such file",
		"round":   "models/round/model.json: too many",
		"fifo":    "models/fifo/model.json: it is no regular file",
		"pipe":    "x.gguf is not there, or is no regular file",
		"corrupt": "x.gguf: gguf: ",
		"good":    "",
	} {
		t.Run(id, func(t *testing.T) {
			m := model(t, s, id)
			if m.Ready != (want == "") {
				t.Errorf("ready %v", m.Ready)
			}
			checkErr(t, m, models, want)
			if !json.Valid(m.JSON()) {
				t.Errorf("no JSON: %s", m.JSON())
			}
		})
	}
	if want := 12; len(s.Models()) != want {
		t.Errorf("%q, want %d", ids(s), want)
	}
}

// TestNearestKey: a misspelt key is a warning that names the right one.
func TestNearestKey(t *testing.T) {
	m := model(t, plantAndOpen(t, tree{"m/model.json": `{"settings": {"ctx_length": 10}}`, "m/x.gguf": weights}), "m")
	want := `models/m/model.json:1:15: /settings/ctx_length: expected a known key, got "ctx_length"; did you mean ctx_len?`
	if !m.Ready || m.Warnings.Error() != want {
		t.Errorf("ready %v, got %v, want %s", m.Ready, m.Warnings, want)
	}
}

// TestLinkLoops: a link to a folder that it lies in is not followed.
func TestLinkLoops(t *testing.T) {
	s := plantAndOpen(t, tree{"m/model.json": `{}`, "self": "-> .", "a/up": "-> ..", "a/round": "-> ../a", "a/m/model.json": `{}`, "up": "-> ../"})
	if got, want := ids(s), []string{"a/m", "m"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestUnreadable runs itself again as a user who may not read the files: to
// root, which tests often run as, nothing is forbidden.
func TestUnreadable(t *testing.T) {
	models := os.Getenv(nobodys)
	if models == "" && os.Getuid() == 0 {
		asNobody(t, plantUnreadable(t))
		return
	}
	if models == "" {
		models = plantUnreadable(t)
	}
	s := open(t, models)
	for id, want := range map[string]string{
		"weights": "x.gguf: permission denied",
		"file":    "models/file/model.json: permission denied",
		"folder":  "read folder: permission denied",
		"good":    "",
	} {
		m := model(t, s, id)
		if m.Ready != (want == "") {
			t.Errorf("%s is ready: %v", id, m.Ready)
		}
		checkErr(t, m, models, want)
	}
}

func plantUnreadable(t *testing.T) string {
	models := plant(t, tree{"weights/x.gguf": weights, "file/model.json": `{}`, "file/x.gguf": weights, "folder/x.gguf": weights, "good/x.gguf": weights})
	for file, mode := range map[string]os.FileMode{"weights/x.gguf": 0, "file/model.json": 0, "folder": 0} {
		must(t, os.Chmod(filepath.Join(models, file), mode))
	}
	t.Cleanup(func() { must(t, os.Chmod(filepath.Join(models, "folder"), 0o755)) })
	return models
}

// nobodys is the variable in which a test that runs as nobody finds its models.
const nobodys = "ENGINEBAY_TEST_MODELS"

// asNobody runs the same test again as a user to whom something is forbidden.
func asNobody(t *testing.T, models string) {
	must(t, os.Chmod(filepath.Dir(filepath.Dir(models)), 0o755))
	program, err := os.ReadFile(os.Args[0])
	must(t, err)
	copied := filepath.Join(filepath.Dir(models), "store.test") // the original lies where nobody may look
	must(t, os.WriteFile(copied, program, 0o755))
	cmd := exec.Command(copied, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = models, []string{nobodys + "=" + models}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestReadOnly: what cannot be written is said in words without a path of the
// machine, and all stays as it was.
func TestReadOnly(t *testing.T) {
	models := os.Getenv(nobodys)
	if models == "" {
		models = plant(t, tree{"m/model.json": fetched("x.gguf"), "m/x.gguf": weights})
		for _, dir := range []string{models, filepath.Join(models, "m")} {
			must(t, os.Chmod(dir, 0o555))
			t.Cleanup(func() { must(t, os.Chmod(dir, 0o755)) })
		}
		if os.Getuid() == 0 {
			asNobody(t, models)
			return
		}
	}
	s := open(t, models)
	for want, err := range map[string]error{
		"models/m/model.json cannot be written: permission denied": save(s, model(t, s, "m"), "saved"),
		"models/m/x.gguf cannot be removed: permission denied":     s.Remove("m", false),
		"models/m cannot be removed: permission denied":            s.Remove("m", true),
		"models/.staging cannot be made: permission denied":        s.Create("n", sdk.Manifest{Format: "api"}),
	} {
		if coded := (*sdk.Error)(nil); !errors.As(err, &coded) || coded.Message != want || !errors.Is(err, store.ErrConflict) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if m := model(t, s, "m"); !m.Ready || m.Manifest.Description != "" {
		t.Errorf("ready %v, %q: %v", m.Ready, m.Manifest.Description, m.Err)
	}
}

// TestSecrets: what looks like a secret is shown to nobody.
func TestSecrets(t *testing.T) {
	const key = "sk-abcdef1234567890"
	for name, file := range map[string]string{
		"settings":   `{"settings": {"api_key": "` + key + `"}, "engine": "api"}`,
		"draft":      `{"parameters": {"init": {"API-KEY": "` + key + `"}}, "metadata": {"engine": "api"}}`,
		"nested":     `{"settings": {"azure": {"apiKey": "` + key + `"}}}`,
		"headers":    `{"settings": {"headers": {"Authorization": "Bearer ` + key + `"}}}`,
		"metadata":   `{"metadata": {"hf_token": "` + key + `"}}`,
		"parameters": `{"parameters": {"password": "` + key + `"}}`,
		"wrong type": `{"settings": {"api_key": ["` + key + `"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			m := model(t, plantAndOpen(t, tree{"m/model.json": file}), "m")
			if bytes.Contains(m.JSON(), []byte(key)) {
				t.Errorf("%s", m.JSON())
			}
			if m.Err != nil && strings.Contains(m.Err.Error(), key) || strings.Contains(m.Warnings.Error(), key) {
				t.Errorf("%v %v", m.Err, m.Warnings)
			}
		})
	}
	m := model(t, plantAndOpen(t, tree{"m/model.json": `{"parameters": {"max_tokens": 7}}`}), "m")
	if !bytes.Contains(m.JSON(), []byte(`"max_tokens":7`)) {
		t.Errorf("hidden, but no secret: %s", m.JSON())
	}
}
