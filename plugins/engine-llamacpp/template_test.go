package main

import (
	"encoding/json"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// system and others are parts that each converted template has.
const (
	loopStart = "{% for m in messages %}{% if m['role'] == 'system' %}"
	loopEnd   = "{% else %}{{ m['content'] + '\\n' }}{% endif %}{% endfor %}"
)

func TestJinja(t *testing.T) {
	tests := map[string]struct{ settings, want string }{
		"none":         {`{}`, ""},
		"own template": {`{"chat_template": "{{ a }}", "prompt_template": "{prompt}", "ai_prompt": "A: "}`, "{{ a }}"},
		"jinja as prompt_template": {`{"prompt_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}`,
			"{% for m in messages %}{{ m.content }}{% endfor %}"},
		"chatml": {`{"prompt_template": "<|im_start|>system\n{system_message}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"}`,
			loopStart + `{{ '<|im_start|>system\n' + m['content'] }}` +
				`{% elif m['role'] == 'user' %}{{ '<|im_end|>\n<|im_start|>user\n' + m['content'] + '<|im_end|>\n<|im_start|>assistant\n' }}` + loopEnd},
		"no system": {`{"prompt_template": "[INST] {prompt} [/INST]"}`,
			loopStart + `{{ '' + m['content'] }}{% elif m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}` + loopEnd},
		"pre_prompt": {`{"prompt_template": "S: {system_message}\nU: {prompt}\nA:", "pre_prompt": "Be kind."}`,
			`{% if messages[0]['role'] != 'system' %}{{ 'S: Be kind.' }}{% endif %}` +
				loopStart + `{{ 'S: ' + m['content'] }}{% elif m['role'] == 'user' %}{{ '\nU: ' + m['content'] + '\nA:' }}` + loopEnd},
		"three prompts": {`{"system_prompt": "SYSTEM: ", "user_prompt": "USER: ", "ai_prompt": "ASSISTANT: "}`,
			loopStart + `{{ 'SYSTEM: ' + m['content'] }}{% elif m['role'] == 'user' %}{{ 'USER: ' + m['content'] + 'ASSISTANT: ' }}` + loopEnd},
		"three prompts and pre_prompt": {`{"system_prompt": "S ", "user_prompt": "U ", "ai_prompt": "A ", "pre_prompt": "P"}`,
			`{% if messages[0]['role'] != 'system' %}{{ 'S P' }}{% endif %}` +
				loopStart + `{{ 'S ' + m['content'] }}{% elif m['role'] == 'user' %}{{ 'U ' + m['content'] + 'A ' }}` + loopEnd},
		"quotes": {`{"user_prompt": "it's \"me\" \\ ", "ai_prompt": "\t"}`,
			loopStart + `{{ '' + m['content'] }}{% elif m['role'] == 'user' %}{{ 'it\'s "me" \\ ' + m['content'] + '\t' }}` + loopEnd},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var s settings
			if err := json.Unmarshal([]byte(test.settings), &s); err != nil {
				t.Fatal(err)
			}
			got, err := jinja(s)
			if err != nil || got != test.want {
				t.Errorf("%v\n got %s\nwant %s", err, got, test.want)
			}
		})
	}
}

func TestJinjaWithoutPrompt(t *testing.T) {
	_, err := jinja(settings{PromptTemplate: "<|user|>{system_message}"})
	if sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Errorf("got %v, want a refusal", err)
	}
}
