package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// ids are the ids of plans in their order.
func ids(plans []sdk.Plan) (all []string) {
	for _, p := range plans {
		all = append(all, p.Manifest.ID)
	}
	return all
}

// paths are where a plan's files come to lie.
func paths(p sdk.Plan) (all []string) {
	for _, f := range p.Files {
		all = append(all, f.Path)
	}
	return all
}

// TestNames: one variant for each quantization, in whatever style the files are named.
func TestNames(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		want  []string // id, quantization
	}{
		"upper":        {[]string{"m.Q8_0.gguf", "m.Q4_K_M.gguf", "m.Q2_K.gguf"}, []string{"r/Q4_K_M Q4_K_M", "r/Q8_0 Q8_0", "r/Q2_K Q2_K"}},
		"lower":        {[]string{"m-q4_k_m.gguf", "m-fp16.gguf"}, []string{"r/Q4_K_M Q4_K_M", "r/F16 F16"}},
		"hyphens":      {[]string{"m-q4-K-M.gguf", "m-q3-K-L.gguf"}, []string{"r/Q4_K_M Q4_K_M", "r/Q3_K_L Q3_K_L"}},
		"UD":           {[]string{"m-UD-Q4_K_XL.gguf", "m-Q4_K_M.gguf", "m-Q4_K_XL.gguf"}, []string{"r/Q4_K_M Q4_K_M", "r/Q4_K_XL Q4_K_XL", "r/UD-Q4_K_XL Q4_K_XL"}},
		"split":        {[]string{"Q8_0/m-Q8_0-00002-of-00002.gguf", "Q8_0/m-Q8_0-00001-of-00002.gguf", "m-Q4_0.gguf"}, []string{"r/Q4_0 Q4_0", "r/Q8_0 Q8_0"}},
		"folder":       {[]string{"UD-Q2_K_XL/m-00001-of-00001.gguf", "BF16/m.gguf"}, []string{"r/BF16 BF16", "r/UD-Q2_K_XL Q2_K_XL"}},
		"unknown":      {[]string{"m.q8_k_k.gguf", "m.Q4_0.gguf"}, []string{"r/Q4_0 Q4_0", "r/m.q8_k_k "}},
		"one":          {[]string{"m.Q6_K.gguf", "README.md"}, []string{"r Q6_K"}},
		"one, split":   {[]string{"m.Q6_K-00001-of-00002.gguf", "m.Q6_K-00002-of-00002.gguf"}, []string{"r Q6_K"}},
		"twice":        {[]string{"a.Q4_0.gguf", "b.Q4_0.gguf", "b.Q8_0.gguf"}, []string{"r/a.Q4_0 Q4_0", "r/b.Q4_0 Q4_0", "r/Q8_0 Q8_0"}},
		"twice, deep":  {[]string{"a/m.Q4_0.gguf", "b/m.Q4_0.gguf"}, []string{"r/a-m.Q4_0 Q4_0", "r/b-m.Q4_0 Q4_0"}},
		"case":         {[]string{"a/M.gguf", "a/m.gguf", "a/m.GGUF", "m.Q4_0.gguf"}, []string{"r/Q4_0 Q4_0", "r/a-M ", "r/a-m-2 ", "r/a-m-3 "}},
		"odd":          {[]string{"my model (1).gguf", "-.gguf", "Model.gguf", "m.Q4_0.gguf"}, []string{"r/Q4_0 Q4_0", "r/gguf ", "r/Model-gguf ", "r/my-model-1 "}},
		"imatrix":      {[]string{"m.imatrix.gguf", "imatrix.dat", "m-imatrix-Q5_K_M.gguf", "m-Q4_K_S.gguf"}, []string{"r/Q4_K_S Q4_K_S", "r/Q5_K_M Q5_K_M"}},
		"incomplete":   {[]string{"m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf", "m-Q2_K.gguf"}, []string{"r Q2_K"}},
		"hidden":       {[]string{".cache/m-Q8_0.gguf", ".m.Q4_0.gguf", "m-Q2_K.gguf"}, []string{"r Q2_K"}},
		"ik_llama.cpp": {[]string{"m-IQ4_KS.gguf", "m-F32.gguf", "m-Q4_0_4_4.gguf"}, []string{"r/F32 F32", "r/IQ4_KS IQ4_KS", "r/Q4_0_4_4 Q4_0_4_4"}},
	} {
		t.Run(name, func(t *testing.T) {
			var i info
			for _, f := range test.files {
				i.Siblings = append(i.Siblings, sibling{Path: f, Size: 5})
			}
			var got []string
			for _, p := range planned(t, target{owner: "o", name: "r"}, i) {
				quantization, _ := p.Manifest.Metadata["quantization"].(string)
				got = append(got, p.Manifest.ID+" "+quantization)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// planned are the plans of a repository whose weights are not looked into.
func planned(t *testing.T, chosen target, i info) []sdk.Plan {
	t.Helper()
	i.ID = chosen.repo()
	r, err := choose((&hub{url: publicHub}).importer(t, "").client.Load(), chosen, &i)
	if err != nil {
		t.Fatal(err)
	}
	return r.plans()
}

// vision is a repository with most of what there is.
var vision = repos{
	"Acme/Vision-7B-GGUF/Vision-7B-Q4_K_M.gguf":                       model("llama"),
	"Acme/Vision-7B-GGUF/Vision-7B-UD-Q4_K_XL.gguf":                   model("llama"),
	"Acme/Vision-7B-GGUF/Q8_0/Vision-7B-Q8_0-00001-of-00002.gguf":     model("llama"),
	"Acme/Vision-7B-GGUF/Q8_0/Vision-7B-Q8_0-00002-of-00002.gguf":     "part two",
	"Acme/Vision-7B-GGUF/mmproj-F32.gguf":                             "a large projector",
	"Acme/Vision-7B-GGUF/mmproj-F16.gguf":                             "a projector",
	"Acme/Vision-7B-GGUF/imatrix.dat":                                 "matrix",
	"Acme/Vision-7B-GGUF/README.md":                                   "# Vision",
	"Acme/Vision-7B-GGUF/.branches/v1/Vision-7B-Q5_0.gguf":            model("llama"),
	"Acme/Vision-7B-GGUF/.branches/refs%2Fpr%2F1/Vision-7B-Q5_0.gguf": model("llama"),
	"Acme/Vision-7B-GGUF/.hub.json": `{"no_gguf": true, "pipeline_tag": "image-text-to-text", "tags": ["arxiv:1", "vision", "transformers"], "downloads": 1234567,
		"cardData": {"license": "other", "license_name": "acme-1", "base_model": ["Acme/Vision-7B"], "language": ["en"]}}`,
}

func TestPlan(t *testing.T) {
	h := startHub(t, vision)
	plans := h.resolve(t, "hf://acme/vision-7b-gguf") // the hub redirects to the right spelling
	if got, want := ids(plans), []string{"Vision-7B-GGUF/Q4_K_M", "Vision-7B-GGUF/UD-Q4_K_XL", "Vision-7B-GGUF/Q8_0"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	p := plans[2]
	if got, want := paths(p), []string{"Vision-7B-Q8_0-00001-of-00002.gguf", "Vision-7B-Q8_0-00002-of-00002.gguf", "mmproj-F16.gguf"}; !slices.Equal(got, want) {
		t.Errorf("files are %q, want %q", got, want)
	}
	sum := sha256.Sum256([]byte("part two"))
	want := sdk.File{Path: "Vision-7B-Q8_0-00002-of-00002.gguf", URL: h.url + "/Acme/Vision-7B-GGUF/resolve/main/Q8_0/Vision-7B-Q8_0-00002-of-00002.gguf", Size: 8, SHA256: hex.EncodeToString(sum[:])}
	if p.Files[1] != want {
		t.Errorf("got %+v, want %+v", p.Files[1], want)
	}
	m := p.Manifest
	if m.Name != "Vision-7B Q8_0" || m.OwnedBy != "Acme" || m.Format != "gguf" || m.Engine != "llamacpp" || m.Settings["mmproj"] != "mmproj-F16.gguf" ||
		m.Description != "Image text to text, made from Acme/Vision-7B" {
		t.Errorf("manifest: %+v", m)
	}
	size := int64(len(model("llama")) + len("part two"))
	for key, want := range map[string]any{"author": "Acme", "repository": "hf://Acme/Vision-7B-GGUF", "quantization": "Q8_0", "size": size, "architecture": "llama",
		"context_length": 32768, "licence": "acme-1", "base_model": "Acme/Vision-7B", "tags": []string{"image-text-to-text", "vision"}, "parameters": uint64(1024)} {
		if got := m.Metadata[key]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("metadata %s is %v, want %v", key, got, want)
		}
	}
	if commit, _ := m.Metadata["revision"].(string); len(commit) != 40 {
		t.Errorf("revision is %q", commit)
	}
	// Weights and projector; 4 layers of 2 heads of 16 numbers for keys and values in 2 bytes, of 8192 tokens; room to compute.
	if want := uint64(size) + uint64(len("a projector")) + 4*2*16*2*2*8192 + 512*(2*8192+4*5*64) + 4*100; m.Metadata["memory"] != want {
		t.Errorf("memory is %v, want %d", m.Metadata["memory"], want)
	}
}

// TestKnownToTheHub: what the hub has read itself is not read again.
func TestKnownToTheHub(t *testing.T) {
	h := startHub(t, repos{"acme/tiny-GGUF/tiny-Q4_K_M.gguf": model("llama")})
	if got := h.resolve(t, "hf://acme/tiny-GGUF")[0].Manifest.Metadata["parameters"]; got != uint64(1024) {
		t.Errorf("parameters: %v", got)
	}
}

// TestFolders: files keep their folders only where they would have the same name.
func TestFolders(t *testing.T) {
	var i info
	for _, name := range []string{"a/m-Q4_0-00001-of-00002.gguf", "a/m-Q4_0-00002-of-00002.gguf", "b/m-Q4_0-00001-of-00002.gguf", "b/m-Q4_0-00002-of-00002.gguf",
		"b/m-Q8_0.gguf", "b/mmproj-F16.gguf", "mmproj-F32.gguf"} {
		i.Siblings = append(i.Siblings, sibling{Path: name})
	}
	want := map[string][]string{
		"r/a-m-Q4_0": {"a/m-Q4_0-00001-of-00002.gguf", "a/m-Q4_0-00002-of-00002.gguf", "mmproj-F16.gguf"},
		"r/b-m-Q4_0": {"b/m-Q4_0-00001-of-00002.gguf", "b/m-Q4_0-00002-of-00002.gguf", "mmproj-F16.gguf"},
		"r/Q8_0":     {"m-Q8_0.gguf", "mmproj-F16.gguf"},
	}
	for _, p := range planned(t, target{owner: "o", name: "r"}, i) {
		if got := paths(p); !slices.Equal(got, want[p.Manifest.ID]) {
			t.Errorf("%s: got %q, want %q", p.Manifest.ID, got, want[p.Manifest.ID])
		}
	}
	i.Siblings = append(i.Siblings, sibling{Path: "c/m-Q2_K.gguf"}, sibling{Path: "c/mmproj-F32.gguf"})
	for _, p := range planned(t, target{owner: "o", name: "r"}, i) {
		if p.Manifest.ID == "r/Q2_K" && p.Manifest.Settings["mmproj"] != "c/mmproj-F32.gguf" {
			t.Errorf("projector of the same folder: %v", p.Manifest.Settings)
		}
	}
}

// TestCalls: what there is to know costs one call of the API, and one range of a file.
func TestCalls(t *testing.T) {
	h := startHub(t, vision)
	i := h.importer(t, token)
	if _, err := i.Resolve(t.Context(), "hf://Acme/Vision-7B-GGUF"); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Search(t.Context(), "what comes after", 1); err != nil {
		t.Fatal(err)
	}
	const file = "/Acme/Vision-7B-GGUF/resolve/main/Vision-7B-Q4_K_M.gguf"
	want := []string{"hub GET /api/models/Acme/Vision-7B-GGUF 200 user=alice", "hub GET " + file + " 302 user=alice", "cdn GET /repos/", "hub GET /api/models 200 user=alice"}
	got := h.wait(len(want))
	for i, prefix := range want {
		if !strings.HasPrefix(got[i], prefix) {
			t.Errorf("request %d is %q, want %q", i, got[i], prefix)
		}
	}
	if !strings.Contains(got[2], " 206 user=- range=bytes=0-") {
		t.Errorf("%q; want a part, without the token", got[2])
	}
}

func TestChoice(t *testing.T) {
	h := startHub(t, vision)
	q8 := "Vision-7B-GGUF/Q8_0"
	for ref, want := range map[string]string{
		":Q8_0": q8, ":q8_0": q8, ":q8-0": q8, "/Q8_0": q8, ":Vision-7B-Q8_0": q8, ":Q8_0/Vision-7B-Q8_0-00002-of-00002.gguf": q8, "/Q8_0/Vision-7B-Q8_0-00001-of-00002.gguf": q8,
		":vision-7b-q8_0-00001-of-00002.gguf": q8,
		"/blob/main/Vision-7B-Q4_K_M.gguf":    "Vision-7B-GGUF/Q4_K_M",
		":Q4_K_XL":                            "Vision-7B-GGUF/UD-Q4_K_XL",
		":ud-q4_k_xl":                         "Vision-7B-GGUF/UD-Q4_K_XL",
		"@v1":                                 "Vision-7B-GGUF-v1",
		"@v1:Q5_0":                            "Vision-7B-GGUF-v1",
		"@refs%2Fpr%2F1":                      "Vision-7B-GGUF-refs-pr-1",
		"@main:Q8_0":                          q8,
	} {
		t.Run(ref, func(t *testing.T) {
			plans := h.resolve(t, sdk.Ref("hf://Acme/Vision-7B-GGUF"+ref))
			if got := ids(plans); len(got) != 1 || got[0] != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if rev := "main"; !strings.Contains(plans[0].Files[0].URL, "/resolve/"+rev+"/") && (!strings.Contains(ref, "@") || strings.Contains(ref, "@main")) {
				t.Errorf("address is %s", plans[0].Files[0].URL)
			}
			if got := plans[0].Manifest.Metadata["repository"]; strings.HasPrefix(ref, "@v1") && got != "hf://Acme/Vision-7B-GGUF@v1" {
				t.Errorf("repository is %v", got)
			}
			if strings.Contains(ref, "@v1") && !strings.Contains(plans[0].Files[0].URL, "/resolve/v1/") {
				t.Errorf("address is %s", plans[0].Files[0].URL)
			}
		})
	}
}

// safetensors is a file of 6 numbers.
func safetensors() string {
	const header = `{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}`
	return string(rune(len(header))) + "\x00\x00\x00\x00\x00\x00\x00" + header + strings.Repeat("\x00", 12)
}

func TestSafetensors(t *testing.T) {
	files := repos{}
	tensors := repos{"model-00002-of-00002.safetensors": "two", "model-00001-of-00002.safetensors": safetensors(), "consolidated.safetensors": "all",
		"model.safetensors.index.json": "{}", "config.json": `{"model_type": "qwen2", "max_position_embeddings": 4096}`, "tokenizer.json": "{}", "LICENSE": "", "onnx/model.onnx": ""}
	for name, content := range tensors {
		files["acme/plain/"+name] = content
		files["acme/both/"+name] = content
	}
	files["acme/both/m-Q4_0.gguf"] = model("qwen2")
	h := startHub(t, files)
	p := h.resolve(t, "hf://acme/plain")[0]
	want := []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "config.json", "model.safetensors.index.json", "tokenizer.json"}
	if got := paths(p); !slices.Equal(got, want) {
		t.Errorf("files are %q, want %q", got, want)
	}
	m := p.Manifest
	if m.ID != "plain" || m.Format != "safetensors" || m.Engine != "tensorrt" || fmt.Sprint(m.Metadata["context_length"]) != "4096" || m.Metadata["architecture"] != "qwen2" ||
		m.Metadata["quantization"] != "BF16" || fmt.Sprint(m.Metadata["parameters"]) != "6" {
		t.Errorf("manifest: %+v", m)
	}
	for _, file := range want {
		if got := ids(h.resolve(t, sdk.Ref("hf://acme/plain/"+file))); !slices.Equal(got, []string{"plain"}) {
			t.Errorf("%s: %q", file, got)
		}
	}
	if got := ids(h.resolve(t, "hf://acme/both")); !slices.Equal(got, []string{"both"}) {
		t.Errorf("with GGUF files beside them: %q", got)
	}
	if got := ids(h.resolve(t, "hf://acme/both:safetensors")); !slices.Equal(got, []string{"both/safetensors"}) {
		t.Errorf("asked for by name: %q", got)
	}
}

// TestHostileNames: no name of a file leads out of the model's folder.
func TestHostileNames(t *testing.T) {
	i := info{}
	for _, name := range []string{"../m.Q4_0.gguf", "/m.Q4_1.gguf", `a\m.Q5_0.gguf`, "a//m.Q5_1.gguf", "./m.Q6_K.gguf", "m\x00.Q8_0.gguf", "m\n.Q2_K.gguf", "m\u202e.Q3_K.gguf",
		strings.Repeat("m", 300) + ".gguf", "", ".gguf", "good.Q4_K_M.gguf", "b/#?%2e 1.Q5_K_M.gguf"} {
		i.Siblings = append(i.Siblings, sibling{Path: name, Size: -5})
	}
	plans := planned(t, target{owner: "o", name: "r"}, i)
	if got, want := ids(plans), []string{"r/Q4_K_M", "r/Q5_K_M"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	u, err := url.Parse(plans[1].Files[0].URL)
	if err != nil || u.Path != "/o/r/resolve/main/b/#?%2e 1.Q5_K_M.gguf" || u.RawQuery != "" || plans[1].Files[0].Size != 0 {
		t.Errorf("%+v, %v", plans[1].Files[0], err)
	}
}

// TestOddDocument: what people write into their cards and headers may be anything.
func TestOddDocument(t *testing.T) {
	var i info
	err := json.Unmarshal([]byte(`{"id": "o/r", "sha": "abc", "gated": null, "cardData": {"license": ["mit", "other"], "base_model": 5, "description": {"a": 1}},
		"gguf": {"total": -5, "architecture": "llama"}, "safetensors": {"parameters": {"BF16": 1.5}}, "tags": null,
		"siblings": [{"rfilename": "m.Q4_K_M.gguf", "size": 7, "lfs": {"sha256": "NONE"}}, {"rfilename": "mmproj.gguf", "lfs": {"size": 9, "sha256": "`+strings.Repeat("AB", 32)+`"}}]}`), &i)
	if err != nil {
		t.Fatal(err)
	}
	p := planned(t, target{owner: "o", name: "r"}, i)[0]
	if p.Manifest.Metadata["licence"] != "mit" || p.Manifest.Metadata["base_model"] != nil || p.Manifest.Metadata["parameters"] != nil || p.Files[0].SHA256 != "" ||
		p.Files[1].SHA256 != strings.Repeat("ab", 32) || p.Files[1].Size != 9 {
		t.Errorf("%+v", p)
	}
	for _, card := range []string{`"text"`, `[]`, `null`, `5`} {
		if err := json.Unmarshal([]byte(`{"id": "o/r", "cardData": `+card+`, "gguf": `+card+`}`), &i); err != nil {
			t.Errorf("card %s: %v", card, err)
		}
	}
}

func TestSearch(t *testing.T) {
	h := startHub(t, repos{
		"acme/Tiny-GGUF/tiny.Q4_0.gguf":    model("llama"),
		"acme/Tiny-GGUF/.hub.json":         `{"downloads": 950, "gated": "manual", "cardData": {"license": "mit"}}`,
		"other/tiny-2-GGUF/tiny.Q4_0.gguf": model("llama"),
		"other/tiny-2-GGUF/.hub.json":      `{"downloads": 1234567, "no_gguf": true}`,
		"other/tiny/model.safetensors":     "",
		"other/large-GGUF/m.gguf":          "",
	})
	hits, err := h.importer(t, "").Search(t.Context(), "tiny", 20)
	want := []sdk.Hit{{Ref: "hf://other/tiny-2-GGUF", Name: "other/tiny-2-GGUF", Description: "1.2M downloads"},
		{Ref: "hf://acme/Tiny-GGUF", Name: "acme/Tiny-GGUF", Description: "1.0K parameters · 950 downloads · mit · gated"}}
	if err != nil || !slices.Equal(hits, want) {
		t.Errorf("got %+v, %v; want %+v", hits, err, want)
	}
	if hits, err := h.importer(t, "").Search(t.Context(), "no such words", 20); err != nil || len(hits) != 0 {
		t.Errorf("got %+v, %v", hits, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.importer(t, "").Search(ctx, "tiny", 20); sdk.CodeOf(err) != sdk.CodeCanceled {
		t.Errorf("called off: %v", err)
	}
}

func TestShort(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 999: "999", 1000: "1.0K", 999_949: "1.0M", 99_960: "100K", 8_030_261_248: "8.0B", 70_553_706_496: "70.6B", 1e12: "1000B"} {
		if got := short(n); got != want {
			t.Errorf("%.0f is %q, want %q", n, got, want)
		}
	}
}
