package main

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// always is what every command line begins with.
const always = "--model /m/w.gguf --alias m --host /run/m.sock --offline --no-webui --no-slots --log-colors off --cache-ram 512 " +
	"--sse-ping-interval 1 --threads-http 64 "

// TestArguments is the whole command line for each setting.
func TestArguments(t *testing.T) {
	chat := gguf.Header{ContextLength: 4096}
	tests := map[string]struct {
		settings string
		header   gguf.Header
		template string
		mmproj   string
		want     string
	}{
		"none":                       {`{}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja"},
		"long model":                 {`{}`, gguf.Header{ContextLength: 131072}, "", "", "-c 8192 -np 4 --kv-unified -t 1 -fa auto --jinja"},
		"unknown context":            {`{}`, gguf.Header{}, "", "", "-c 8192 -np 4 --kv-unified -t 1 -fa auto --jinja"},
		"ctx_len":                    {`{"ctx_len": 2048}`, chat, "", "", "-c 2048 -np 4 --kv-unified -t 1 -fa auto --jinja"},
		"ctx_len beyond the model's": {`{"ctx_len": 100000}`, chat, "", "", "-c 16384 -np 4 --kv-unified -t 1 -fa auto --jinja"},
		"ctx_len for several":        {`{"ctx_len": 100000, "n_parallel": 4}`, chat, "", "", "-c 16384 -np 4 --kv-unified -t 1 -fa auto --jinja"},
		"n_parallel":                 {`{"n_parallel": 8}`, chat, "", "", "-c 4096 -np 8 --kv-unified -t 1 -fa auto --jinja"},
		"cpu_threads":                {`{"cpu_threads": 7}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 7 -fa auto --jinja"},
		"ngl":                        {`{"ngl": 100}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja -ngl 100"},
		"ngl none":                   {`{"ngl": 0}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja -ngl 0"},
		"ngl all":                    {`{"ngl": -1}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja -ngl 100000"},
		"ngl of older files":         {`{"ngl": "33"}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja -ngl 33"},
		"ngl auto":                   {`{"ngl": "auto"}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja"},
		"ngl \"all\"":                {`{"ngl": "all"}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja -ngl 100000"},
		"devices":                    {`{"devices": ["CUDA0", "CUDA1"], "ngl": "all"}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja -ngl 100000 --device CUDA0,CUDA1"},
		"no devices":                 {`{"devices": ["none"]}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja --device none"},
		"split":                      {`{"split_mode": "row", "main_gpu": 0, "tensor_split": [3, 1.5]}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja --split-mode row --main-gpu 0 --tensor-split 3,1.5"},
		"experts on the CPU":         {`{"n_cpu_moe": 12, "override_tensor": ["blk.1.*=CPU", "output=CUDA1"]}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja --n-cpu-moe 12 --override-tensor blk.1.*=CPU,output=CUDA1"},
		"batches":                    {`{"n_batch": 1024, "n_ubatch": 256}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja -b 1024 -ub 256"},
		"flash_attn":                 {`{"flash_attn": true}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa on --jinja"},
		"flash_attn off":             {`{"flash_attn": "off"}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa off --jinja"},
		"cont_batching":              {`{"cont_batching": true}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja"},
		"no cont_batching":           {`{"cont_batching": false}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja --no-cont-batching"},
		"cache_type":                 {`{"cache_type": "q8_0"}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja -ctk q8_0 -ctv q8_0"},
		"cache types": {`{"cache_type": "q8_0", "cache_type_k": "f16", "cache_type_v": "q4_0"}`, chat, "", "",
			"-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja -ctk f16 -ctv q4_0"},
		"embedding": {`{"embedding": true}`, chat, "", "",
			"-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja --embedding -b 4096 -ub 4096 --pooling mean"},
		"embedding model": {`{}`, gguf.Header{ContextLength: 512, Embedding: true, Pooling: "cls"}, "", "",
			"-c 512 -np 4 --kv-unified -t 1 -fa auto --jinja --embedding -b 512 -ub 512"},
		"pooling": {`{"pooling": "last"}`, gguf.Header{ContextLength: 512, Embedding: true, Pooling: "cls"}, "", "",
			"-c 512 -np 4 --kv-unified -t 1 -fa auto --jinja --embedding -b 512 -ub 512 --pooling last"},
		"reranker": {`{"embedding": true}`, gguf.Header{ContextLength: 512, Rerank: true}, "", "",
			"-c 512 -np 4 --kv-unified -t 1 -fa auto --jinja --rerank"},
		"mmproj":          {`{}`, chat, "", "/m/p.gguf", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja --mmproj /m/p.gguf"},
		"no vision_model": {`{"vision_model": false}`, chat, "", "/m/p.gguf", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja"},
		"template":        {`{"chat_template": "x"}`, chat, "/run/m.jinja", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja --chat-template-file /run/m.jinja"},
		"extra_args":      {`{"extra_args": ["--top-k", "40"]}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja --top-k 40"},
		"not ours":        {`{"text_model": false, "grp_attn_n": 1}`, chat, "", "", "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			model := sdk.Model{ID: "m", Files: []string{"/m/w.gguf"}, MMProj: test.mmproj}
			s, err := read(sdk.LoadRequest{Model: model, Settings: overlay(t, `{"cpu_threads": 1}`, test.settings)}, &test.header)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(arguments(build{}, model, &test.header, s, "/run/m.sock", test.template), " ")
			if got != always+test.want {
				t.Errorf("\n got %s\nwant %s", strings.TrimPrefix(got, always), test.want)
			}
		})
	}
}

// TestBuilds is what differs between builds of llama-server.
func TestBuilds(t *testing.T) {
	older, newer := build{}, build{loadMode: true, trace: true}
	for name, test := range map[string]struct {
		build    build
		settings string
		want     string
	}{
		"older":                 {older, `{}`, ""},
		"older, mlock":          {older, `{"mlock": true}`, " --mlock"},
		"older, read":           {older, `{"use_mmap": false}`, " --no-mmap"},
		"older, read and mlock": {older, `{"use_mmap": false, "mlock": true}`, " --mlock --no-mmap"},
		"newer":                 {newer, `{"use_mmap": true, "mlock": false}`, " --verbosity 4"},
		"newer, mlock":          {newer, `{"mlock": true}`, " --load-mode mmap+mlock --verbosity 4"},
		"newer, read":           {newer, `{"use_mmap": false}`, " --load-mode none --verbosity 4"},
		"newer, read and mlock": {newer, `{"use_mmap": false, "mlock": true}`, " --load-mode mlock --verbosity 4"},
	} {
		t.Run(name, func(t *testing.T) {
			model := sdk.Model{ID: "m", Files: []string{"/m/w.gguf"}}
			s, err := read(sdk.LoadRequest{Model: model, Settings: overlay(t, `{"cpu_threads": 1}`, test.settings)}, &gguf.Header{ContextLength: 4096})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(arguments(test.build, model, &gguf.Header{ContextLength: 4096}, s, "/run/m.sock", ""), " ")
			if want := always + "-c 4096 -np 4 --kv-unified -t 1 -fa auto --jinja" + test.want; got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

// TestLayers is the older and the wrong forms of ngl.
func TestLayers(t *testing.T) {
	for text, want := range map[string]layers{`5`: "5", `0`: "0", `-1`: "100000", `"33"`: "33", `"AUTO"`: "", `"all"`: "100000", `null`: ""} {
		var l layers
		if err := json.Unmarshal([]byte(text), &l); err != nil || l != want {
			t.Errorf("%s is %q, %v; want %q", text, l, err, want)
		}
	}
	for _, text := range []string{`"many"`, `1.5`, `true`, `[1]`} {
		var l layers
		if err := json.Unmarshal([]byte(text), &l); err == nil {
			t.Errorf("%s is taken as %q", text, l)
		}
	}
}

// overlay puts objects over each other.
func overlay(t *testing.T, layers ...string) json.RawMessage {
	t.Helper()
	object := map[string]any{}
	for _, layer := range layers {
		if err := json.Unmarshal([]byte(layer), &object); err != nil {
			t.Fatal(err)
		}
	}
	merged, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return merged
}

// TestThreads: half of the processors where nobody chose, and never none.
func TestThreads(t *testing.T) {
	for _, given := range []string{`{}`, `{"cpu_threads": 0}`, `{"cpu_threads": -1}`} {
		s, err := read(sdk.LoadRequest{Settings: json.RawMessage(given)}, &gguf.Header{})
		if err != nil || s.CPUThreads != threads() || s.CPUThreads < 1 {
			t.Errorf("%s: %d threads, %v", given, s.CPUThreads, err)
		}
	}
}

func TestBadSettings(t *testing.T) {
	for _, given := range []string{
		`{"ctx_len": "many"}`, `{"flash_attn": "perhaps"}`, `{"ngl": 1.5}`, `{"extra_args": "--top-k"}`, `{"extra_args": ["--host", "0.0.0.0"]}`, `[]`, `{`,
	} {
		if _, err := read(sdk.LoadRequest{Model: sdk.Model{ID: "m"}, Settings: json.RawMessage(given)}, &gguf.Header{}); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: got %v, want a refusal", given, err)
		}
	}
}

// TestSchema holds the settings that the schema describes and those that the
// plugin reads together.
func TestSchema(t *testing.T) {
	var schema struct {
		Properties map[string]struct {
			Default json.RawMessage `json:"default"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(settingsSchema, &schema); err != nil {
		t.Fatal(err)
	}
	known := []string{"mmproj"} // core/store reads it: it becomes Model.MMProj
	text, err := json.Marshal(settings{})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		known = append(known, name)
		if _, ok := schema.Properties[name]; !ok {
			t.Errorf("%s is read, and not in settings.schema.json", name)
		}
	}
	for name, property := range schema.Properties {
		if !slices.Contains(known, name) {
			t.Errorf("%s is in settings.schema.json, and nothing reads it", name)
		}
		if len(property.Default) > 0 {
			var s settings
			if err := json.Unmarshal([]byte("{"+strconv.Quote(name)+":"+string(property.Default)+"}"), &s); err != nil {
				t.Errorf("default of %s: %v", name, err)
			}
		}
	}
}
