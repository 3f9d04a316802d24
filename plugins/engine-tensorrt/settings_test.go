package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestSettingsMatchTheSchema: what is read is described, and the other way round.
func TestSettingsMatchTheSchema(t *testing.T) {
	var schema struct {
		Properties map[string]struct {
			Default json.RawMessage `json:"default"`
			Scope   string          `json:"x-scope"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(settingsSchema, &schema); err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for i := range reflect.TypeFor[settings]().NumField() {
		name := reflect.TypeFor[settings]().Field(i).Tag.Get("json")
		if read[name] = true; name != "" {
			if _, ok := schema.Properties[name]; !ok {
				t.Errorf("%s is read, and not in settings.schema.json", name)
			}
		}
	}
	for name, property := range schema.Properties {
		if !read[name] {
			t.Errorf("%s is in settings.schema.json, and nothing reads it", name)
		}
		if len(property.Default) > 0 {
			var s settings
			if err := json.Unmarshal([]byte(`{"`+name+`":`+string(property.Default)+`}`), &s); err != nil {
				t.Errorf("default of %s: %v", name, err)
			}
		}
	}
	for _, name := range []string{"base_url", "grpc_url", "headers", "server", "protocol", "model_control", "trtllm_serve", "trust_remote_code"} {
		if schema.Properties[name].Scope != "deployment" {
			t.Errorf("%s names an address, a program or code, and any model file may set it", name)
		}
	}
}

// TestAddresses in their older and newer forms.
func TestAddresses(t *testing.T) {
	for _, test := range []struct{ given, base, grpc, model, server string }{
		{`{"base_url": "http://localhost:8000/v2/models/tensorrt_llm_bls/generate"}`, "http://localhost:8000", "", "tensorrt_llm_bls", "triton"},
		{`{"base_url": "http://localhost:8000/v2/models/m/versions/1/generate_stream", "model": "n"}`, "http://localhost:8000", "", "n", "triton"},
		{`{"base_url": "https://gpu/inner/v2/models/m"}`, "https://gpu/inner", "", "m", "triton"},
		{`{"base_url": "http://gpu1:8000/"}`, "http://gpu1:8000", "", "", "auto"},
		{`{"base_url": "http://gpu1:8000/v1"}`, "http://gpu1:8000", "", "", "auto"},
		{`{"base_url": "http://gpu1:8000", "protocol": "grpc"}`, "http://gpu1:8000", "http://gpu1:8001", "", "auto"},
		{`{"base_url": "http://gpu1:8000", "protocol": "grpc", "grpc_url": "gpu2:9"}`, "http://gpu1:8000", "gpu2:9", "", "auto"},
		{`{"grpc_url": "gpu1:8001"}`, "", "gpu1:8001", "", "triton"},
		{`{"base_url": ""}`, "", "", "", "auto"},
	} {
		s, err := read([]byte(test.given), "m")
		if err != nil || s.BaseURL != test.base || s.GRPCURL != test.grpc || s.Model != test.model || s.Server != test.server {
			t.Errorf("%s: %+v, %v", test.given, s, err)
		}
	}
	for _, bad := range []string{"localhost:8000", "ftp://x", "http://u:p@x", "http://x?key=1", "http://"} {
		if _, err := read([]byte(`{"base_url": "`+bad+`"}`), "m"); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestModelIsNoPath: a model file may name a model, and nothing else, at the server.
func TestModelIsNoPath(t *testing.T) {
	if _, err := read([]byte(`{"base_url": "http://gpu1", "model": ".."}`), "m"); err == nil {
		t.Error("a way up is taken for a name")
	}
	if got := (&overHTTP{}).at("../repository/models/x", "/load"); got != "/v2/models/..%2Frepository%2Fmodels%2Fx/load" {
		t.Errorf("the path is %s", got)
	}
}

// TestFolderTemplates: where a checkpoint keeps its chat template.
func TestFolderTemplates(t *testing.T) {
	for name, test := range map[string]struct {
		files     map[string]string
		want, bos string
	}{
		"none":           {nil, plainTemplate, ""},
		"config":         {map[string]string{"tokenizer_config.json": `{"chat_template": "A", "bos_token": "<s>"}`}, "A", "<s>"},
		"token's object": {map[string]string{"tokenizer_config.json": `{"chat_template": "A", "bos_token": {"content": "<b>"}}`}, "A", "<b>"},
		"several":        {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}], "bos_token": null}`}, "D", ""},
		"file":           {map[string]string{"tokenizer_config.json": `{"chat_template": "A"}`, "chat_template.jinja": "J"}, "J", ""},
		"JSON":           {map[string]string{"chat_template.json": `{"chat_template": "S"}`}, "S", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := newPrompts(settings{}, folder(t, test.files).Dir)
			if err != nil || p.template != test.want || p.tokens["bos_token"] != test.bos || (len(p.stops) > 0) != (test.want == plainTemplate) {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	p, err := newPrompts(settings{PromptTemplate: "S: {system_message}\nU: {prompt}\nA:"}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	text, err := p.render(t.Context(), conversation("system", "be", "user", "hi", "assistant", "yes", "user", "it's"))
	if want := "S: be\nU: hi\nA:yes\n\nU: it's\nA:"; err != nil || text != want {
		t.Errorf("%q, %v; want %q", text, err, want)
	}
}
