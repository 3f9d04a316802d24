package local_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/local"
	"github.com/enginebay/enginebay/sdk"
)

// ollamaStore writes models as Ollama does: a manifest by name, and its layers by
// kind.
func ollamaStore(t testing.TB, root, name string, layers map[string]string) {
	t.Helper()
	type layer struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	var manifest struct {
		SchemaVersion int     `json:"schemaVersion"`
		Config        layer   `json:"config"`
		Layers        []layer `json:"layers"`
	}
	manifest.SchemaVersion = 2
	for kind, content := range layers {
		digest := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
		grow(t, root, tree{"blobs/sha256-" + digest: content})
		manifest.Layers = append(manifest.Layers, layer{"application/vnd.ollama.image." + kind, "sha256:" + digest, len(content)})
	}
	text, err := json.Marshal(manifest)
	must(t, err)
	grow(t, root, tree{"manifests/" + name: string(text)})
}

// listed are the names of finds, with "!" and the reason after those of no use.
func listed(found []local.Found) (names []string) {
	for _, f := range found {
		name := f.Name + " " + f.ID
		if f.Err != nil {
			name += " ! " + f.Err.Error()
		}
		names = append(names, name)
	}
	return names
}

func TestOllama(t *testing.T) {
	g := guide(t)
	env := nowhere(t)
	own, service := filepath.Join(env.Home, ".ollama", "models"), filepath.Join(t.TempDir(), "models")
	env.Shared = service
	ollamaStore(t, own, "registry.ollama.ai/library/llama3.2/1b", map[string]string{"model": g, "license": "free",
		"template": "{{ .Prompt }}", "system": "You are kind.",
		"params": `{"stop": ["<|eot_id|>"], "temperature": 0.5, "num_ctx": 4096, "num_predict": -1, "num_gpu": 99, "typical_p": 0.9, "mirostat": "three"}`})
	ollamaStore(t, own, "registry.ollama.ai/library/llava/latest", map[string]string{"model": weights, "projector": projector})
	ollamaStore(t, own, "hf.co/o/r/Q4", map[string]string{"model": weights + "4"})
	ollamaStore(t, own, "registry.ollama.ai/library/web/cloud", map[string]string{"license": "none"})
	ollamaStore(t, own, "registry.ollama.ai/library/lora/latest", map[string]string{"model": weights, "adapter": "x"})
	ollamaStore(t, own, "registry.ollama.ai/library/gone/latest", map[string]string{"model": "gone"})
	must(t, os.Remove(filepath.Join(own, "blobs", fmt.Sprintf("sha256-%x", sha256.Sum256([]byte("gone"))))))
	grow(t, own, tree{
		"manifests/registry.ollama.ai/library/text/latest": "no manifest",
		"manifests/registry.ollama.ai/library/evil/latest": `{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../etc/passwd"}]}`,
		"manifests/.DS_Store":                              "", "manifests/registry.ollama.ai/.DS_Store": "",
	})
	ollamaStore(t, service, "registry.ollama.ai/library/llama3.2/1b", map[string]string{"model": weights + "another"})
	ollamaStore(t, service, "registry.ollama.ai/library/shared/7b", map[string]string{"model": weights + "7"})

	found, err := local.Resolve("ollama://", env)
	must(t, err)
	want := []string{
		"evil:latest evil ! The model evil:latest of Ollama cannot be used: model: \"sha256:../../../etc/passwd\" is no digest",
		"gone:latest gone ! The model gone:latest of Ollama cannot be used: model: no such file or directory",
		"hf.co/o/r:Q4 hf.co-o-r-Q4",
		"llama3.2:1b llama3.2-1b",
		"llava:latest llava",
		"lora:latest lora ! The model lora:latest of Ollama cannot be used: adapter: it needs an adapter (LoRA), which Engine Bay does not load",
		"shared:7b shared-7b",
		"text:latest text ! The model text:latest of Ollama cannot be used: its manifest: invalid character 'o' in literal null (expecting 'u')",
		"web:cloud web-cloud ! The model web:cloud of Ollama cannot be used: it has no weights: it is a service, or of a kind that is not GGUF",
	}
	if got := listed(found); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	for ref, id := range map[string]string{"ollama://llama3.2:1b": "llama3.2-1b", "ollama://llama3.2": "llama3.2-1b", "ollama://llava": "llava", "ollama://LLaVA:latest": "llava", "ollama://hf.co/o/r:Q4": "hf.co-o-r-Q4", "ollama://hf.co/o/r": "hf.co-o-r-Q4"} {
		if found, err := local.Resolve(sdk.Ref(ref), env); err != nil || len(found) != 1 || found[0].ID != id {
			t.Errorf("%s: %v, %v", ref, listed(found), err)
		}
	}
	for ref, code := range map[sdk.Ref]sdk.Code{"ollama://none": sdk.CodeNotFound, "ollama://gone": sdk.CodeInvalid} {
		if _, err := local.Resolve(ref, env); sdk.CodeOf(err) != code {
			t.Errorf("%s: %v", ref, err)
		}
	}

	// A link to a blob is a model like others, and its removal is not the blob's.
	s := open(t)
	blobs := files(t, own)
	for _, name := range []string{"ollama://llama3.2:1b", "ollama://llava"} {
		found, err := local.Resolve(sdk.Ref(name), env)
		must(t, err)
		ids, err := local.Import(t.Context(), s, found[0], local.Options{}, nil)
		must(t, err)
		m := model(t, s, ids[0])
		if !m.Linked || m.Header == nil || (m.MMProj != "") != (name == "ollama://llava") {
			t.Errorf("%s: linked %v, header %v, projector %q", name, m.Linked, m.Header, m.MMProj)
		}
	}
	text := string(model(t, s, "llama3.2-1b").JSON())
	for _, part := range []string{`"temperature":0.5`, `"ctx_len":4096`, `"stop":["\u003c|eot_id|\u003e"]`, `"typ_p":0.9`, `{{ .Prompt }}`, `You are kind.`} {
		if !strings.Contains(text, part) {
			t.Errorf("it lacks %s: %s", part, text)
		}
	}
	if strings.Contains(text, "max_tokens") || strings.Contains(text, "mirostat") || strings.Contains(text, "num_gpu") {
		t.Errorf("it took over what means something else here: %s", text)
	}
	for _, id := range []string{"llama3.2-1b", "llava"} {
		must(t, s.Remove(id, true))
	}
	if got := files(t, own); !slices.Equal(got, blobs) {
		t.Errorf("the store of Ollama is no more what it was: %q", got)
	}
}

func TestLMStudio(t *testing.T) {
	env := nowhere(t)
	grow(t, env.Home, tree{
		".lmstudio/settings.json":                           `{"downloadsFolder": "HERE/elsewhere"}`,
		".lmstudio/models/o/r/x-Q4_K_M.gguf":                weights,
		".lmstudio/models/o/vision/y.gguf":                  weights + "y",
		".lmstudio/models/o/vision/mmproj-y.gguf":           projector,
		".lmstudio/models/o/half/z-00001-of-00002.gguf":     weights,
		".lmstudio/models/o/linked":                         "-> ../../../on-another-disk",
		".lmstudio/models/o/loop":                           "-> ..",
		".cache/lm-studio/models/old/r/v.gguf":              weights + "v",
		"elsewhere/o/big/w-00001-of-00002.gguf":             weights,
		"elsewhere/o/big/w-00002-of-00002.gguf":             weights,
		"on-another-disk/u.gguf":                            weights + "u",
		".lmstudio/models/o/r/.x-Q4_K_M.gguf.part":          "",
		".lmstudio/models/o/r/downloading_x-Q8_0.gguf.part": "",
		".lmstudio/hub/models/qwen/qwen3/manifest.json":     "{}",
		"somewhere/of/no/interest.gguf":                     weights,
		".lmstudio/models/o/broken/broken.gguf":             "GG",
	})
	found, err := local.Resolve("lmstudio://", env)
	must(t, err)
	got := listed(found)
	want := []string{
		"o/big/w-00001-of-00002.gguf w",
		"o/broken/broken.gguf broken ! broken.gguf cannot be used: ",
		"o/half/z-00001-of-00002.gguf z ! z-00001-of-00002.gguf is part of a model of 2 files, and z-00002-of-00002.gguf is not beside it",
		"o/linked/u.gguf u", "o/r/x-Q4_K_M.gguf x-Q4_K_M", "o/vision/y.gguf y", "old/r/v.gguf v",
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for ref, n := range map[sdk.Ref]int{"lmstudio://o/vision": 1, "lmstudio://o/r/x-Q4_K_M.gguf": 1, "lmstudio://O/Big/": 1, "lmstudio://o": 6} {
		if found, err := local.Resolve(ref, env); err != nil || len(found) != n {
			t.Errorf("%s: %v, %v", ref, listed(found), err)
		}
	}
	s := open(t)
	for _, f := range found {
		if f.Err == nil {
			_, err := local.Import(t.Context(), s, f, local.Options{}, nil)
			must(t, err)
			if m := model(t, s, f.ID); !m.Linked || (f.ID == "y") != (m.MMProj != "") {
				t.Errorf("%s: %+v", f.ID, m)
			}
		}
	}

	env = nowhere(t)
	if _, err := local.Resolve("lmstudio://", env); sdk.CodeOf(err) != sdk.CodeNotFound || !strings.Contains(err.Error(), "LM Studio has no models") {
		t.Errorf("where there is none: %v", err)
	}
	grow(t, env.Home, tree{".lmstudio-home-pointer": "HERE/moved\n", "moved/models/o/r/x.gguf": weights})
	if found, err := local.Resolve("lmstudio://", env); err != nil || len(found) != 1 {
		t.Errorf("moved: %v, %v", listed(found), err)
	}
}

func TestHuggingFaceCache(t *testing.T) {
	env := nowhere(t)
	hub := filepath.Join(env.Home, ".cache", "huggingface", "hub")
	grow(t, hub, tree{
		"models--o--r/refs/main":                               "abc\n",
		"models--o--r/blobs/1":                                 weights,
		"models--o--r/blobs/2":                                 weights + "2",
		"models--o--r/blobs/3":                                 projector,
		"models--o--r/blobs/4.incomplete":                      "GG",
		"models--o--r/snapshots/abc/x.Q4_0.gguf":               "-> ../../blobs/1",
		"models--o--r/snapshots/abc/x.Q8_0.gguf":               "-> ../../blobs/gone",
		"models--o--r/snapshots/abc/sub/y-00001-of-00001.gguf": "-> ../../../blobs/2",
		"models--o--r/snapshots/abc/README.md":                 "",
		"models--o--r/snapshots/old/x.Q2_K.gguf":               "-> ../../blobs/1",
		"models--o--st/snapshots/1/config.json":                "{}",
		"models--o--st/snapshots/1/model.safetensors":          "tensors",
		"models--o--st/snapshots/1/odd.json":                   "{}",
		"models--o--evil/refs/main":                            "../../../..",
		"models--o--none/refs/main":                            "abc",
		"datasets--o--d/snapshots/1/x.gguf":                    weights,
		"version.txt":                                          "1",
	})
	must(t, os.Chtimes(filepath.Join(hub, "models--o--r", "snapshots", "old"), time.Now(), time.Now().Add(time.Hour)))
	found, err := local.Resolve("hfcache://", env)
	must(t, err)
	want := []string{"o/r/sub/y-00001-of-00001.gguf y", "o/r/x.Q4_0.gguf x.Q4_0", "o/r/x.Q8_0.gguf x.Q8_0 ! x.Q8_0.gguf", "o/st st"}
	if got := listed(found); !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	f, err := local.Resolve("hfcache://o/r/x.Q4_0.gguf", env)
	must(t, err)
	s := open(t)
	_, err = local.Import(t.Context(), s, f[0], local.Options{}, nil)
	must(t, err)
	if m := model(t, s, "x.Q4_0"); !m.Linked || m.Manifest.Metadata["repository"] != "https://huggingface.co/o/r" || m.Manifest.OwnedBy != "o" {
		t.Errorf("%+v", m.Manifest)
	}
	must(t, s.Remove("x.Q4_0", true))
	_, err = local.Import(t.Context(), s, f[0], local.Options{Mode: local.Copy}, nil)
	must(t, err)
	if m := model(t, s, "x.Q4_0"); m.Linked || m.Manifest.Sources[0].URL != "https://huggingface.co/o/r/resolve/abc/x.Q4_0.gguf" {
		t.Errorf("the copy: %+v", m.Manifest.Sources)
	}
	st, err := local.Resolve("hfcache://o/st", env)
	must(t, err)
	if _, err := local.Import(t.Context(), s, st[0], local.Options{}, nil); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("safetensors, linked: %v", err)
	}
	_, err = local.Import(t.Context(), s, st[0], local.Options{Mode: local.Copy}, nil)
	must(t, err)
	if m := model(t, s, "st"); m.Manifest.Format != "safetensors" || m.Manifest.Engine != "tensorrt" {
		t.Errorf("%+v", m.Manifest)
	}

	for name, dir := range map[string]string{"HF_HUB_CACHE": hub, "HF_HOME": filepath.Dir(hub), "XDG_CACHE_HOME": filepath.Join(env.Home, ".cache")} {
		elsewhere := nowhere(t)
		elsewhere.Get = func(variable string) string { return map[string]string{name: dir}[variable] }
		if found, err := local.Resolve("hfcache://", elsewhere); err != nil || len(found) != len(want) {
			t.Errorf("%s: %v, %v", name, listed(found), err)
		}
	}
}

func TestJan(t *testing.T) {
	env := nowhere(t)
	grow(t, env.Home, tree{
		"jan/models/old/model.json":                     `{"id": "old", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf"}], "settings": {"ctx_len": 77, "ngl": 33}, "engine": "nitro"}`,
		"jan/models/old/x.gguf":                         weights,
		"jan/models/offered/model.json":                 `{"sources": [{"filename": "y.gguf", "url": "https://models.example/y.gguf"}]}`,
		"jan/models/gpt-4/model.json":                   `{"format": "api", "engine": "openai"}`,
		"jan/models/linked/model.json":                  `{"sources": [{"filename": "z.gguf", "url": "HERE/z.gguf"}]}`,
		"jan/models/gone/model.json":                    `{"sources": [{"filename": "g.gguf", "url": "HERE/g.gguf"}]}`,
		"z.gguf":                                        weights + "z",
		".local/share/Jan/settings.json":                `{"data_folder": "HERE/data"}`,
		"data/llamacpp/models/janhq/Jan-v1/model.yml":   "model_path: llamacpp/models/janhq/Jan-v1/model.gguf\nname: Jan v1\nsize_bytes: 7\nmmproj_path: llamacpp/models/janhq/Jan-v1/mmproj.gguf\n",
		"data/llamacpp/models/janhq/Jan-v1/model.gguf":  weights + "j",
		"data/llamacpp/models/janhq/Jan-v1/mmproj.gguf": projector,
		"cortexcpp/models/cortex.so/tiny/1b/model.yml":  "model: tiny\nfiles: [models/cortex.so/tiny/1b/model.gguf]\nctx_len: 77\n",
		"cortexcpp/models/cortex.so/tiny/1b/model.gguf": weights + "c",
		"cortexcpp/models/huggingface.co/o/r/model.yml": "model: o:r\nfiles: [models/huggingface.co/o/r/r.gguf]\n",
		"cortexcpp/models/huggingface.co/o/r/r.gguf":    weights + "r",
	})
	found, err := local.Resolve("jan://local", env)
	must(t, err)
	want := []string{
		"cortex.so/tiny/1b cortex.so/tiny/1b", "gone gone ! gone cannot be used: g.gguf is not there", "huggingface.co/o/r o/r",
		"janhq/Jan-v1 janhq/Jan-v1", "linked linked", "old old",
	}
	if got := listed(found); !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s := open(t)
	for _, f := range found {
		if f.Err != nil {
			continue
		}
		again, err := local.Resolve(f.Ref, env)
		if err != nil || len(again) != 1 {
			t.Fatalf("%s: %v, %v", f.Ref, listed(again), err)
		}
		_, err = local.Import(t.Context(), s, again[0], local.Options{}, nil)
		must(t, err)
		if m := model(t, s, f.ID); !m.Linked {
			t.Errorf("%s is not linked", f.ID)
		}
	}
	if m := model(t, s, "old"); m.Manifest.Engine != "llamacpp" || fmt.Sprint(m.Manifest.Settings["ctx_len"]) != "77" {
		t.Errorf("%+v", m.Manifest)
	}
	if m := model(t, s, "janhq/Jan-v1"); m.MMProj == "" || m.Manifest.Name != "Jan v1" {
		t.Errorf("%+v", m.Manifest)
	}
}
