package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

func render(t *testing.T, template string, values map[string]any) (string, error) {
	t.Helper()
	r := &renderer{template: template}
	defer r.close()
	return r.render(t.Context(), values)
}

// conversation is what templates get.
func conversation(said ...string) map[string]any {
	messages := []any{}
	for i := 0; i < len(said); i += 2 {
		messages = append(messages, map[string]any{"role": said[i], "content": said[i+1]})
	}
	return map[string]any{"messages": messages, "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"}
}

// TestTemplates are in the manner of those of common models.
func TestTemplates(t *testing.T) {
	asked := conversation("system", "Be brief.", "user", " 1 < 2? ", "assistant", "Yes", "user", "Why?")
	tests := map[string]struct {
		template string
		values   map[string]any
		want     string
	}{
		"chatml": {
			"{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
			asked,
			"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n 1 < 2? <|im_end|>\n<|im_start|>assistant\nYes<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n",
		},
		"headers, trimmed": {
			"{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}" +
				"{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}",
			conversation("user", " Hi "),
			"<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
		},
		"instructions, with slices and a namespace": {
			`{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set rest = messages %}
{%- endif %}
{%- set ns = namespace(index=0) %}
{{- bos_token }}
{%- for message in rest %}
    {%- if message.role == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\n\n" + message.content + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message.content + "[/INST]" }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- else %}
        {{- " " ~ message.content.strip() ~ eos_token }}
    {%- endif %}
{%- endfor %}
{{- ns.index }}`,
			asked,
			"<s>[INST]  1 < 2? [/INST] Yes</s>[INST] Be brief.\n\nWhy?[/INST]2",
		},
		"blocks on lines of their own": {
			"{% for m in messages %}\n  {% if m.content is string %}\n{{ m.role }}: {{ m.content }}\n  {% endif %}\n{% endfor %}\n",
			conversation("user", "a"),
			"user: a\n",
		},
		"reasoning is cut off": {
			"{{ messages[0]['content'].split('</think>')[-1].lstrip('\\n') }}|{{ messages[0].get('name', 'x') }}|{{ messages | length }}",
			conversation("assistant", "a</think>\n\nb"),
			"b|x|1",
		},
		"the last of one": {"{{ messages[-1].content }}|{{ 'a'.split('x')[-1] }}|{{ messages[-1:][0].role }}|{{ messages[:1] | length }}|{% for k, v in messages[-1].items() %}{{ k }}{% endfor %}", conversation("user", "b"), "b|a|user|1|contentrole"},
		"json":            {"{{ messages[0] | tojson }}", conversation("user", "<'é'>, a: b"), `{"content": "<'é'>, a: b", "role": "user"}`},
		"generation":      {"{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}", conversation("assistant", "x"), "x"},
		"no such value":   {"{% if tools %}tools{% endif %}{% if tools is not none and tools is defined %}!{% endif %}-", conversation(), "-"},
		"ranges":          {"{% for i in range(3, 0, -1) %}{{ i }}{% endfor %}", conversation(), "321"},
		"macro and loop":  {"{% macro say(m) %}{{ m.role }}{{ caller is defined }}{% endmacro %}{% for m in messages if m.role != 'system' %}{{ say(m) }}{% if not loop.last %},{% endif %}{% endfor %}", asked, "userFalse,assistantFalse,userFalse"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := render(t, test.template, test.values)
			if err != nil || got != test.want {
				t.Errorf("%v\n got %q\nwant %q", err, got, test.want)
			}
		})
	}
}

// TestHostileTemplates end soon, and the next conversation is written all the same.
func TestHostileTemplates(t *testing.T) {
	tests := map[string]struct{ template, says string }{
		"for ever":          {"{% set r = range(99999) %}{% for i in r %}{% for j in r %}{% for k in r %}{% endfor %}{% endfor %}{% endfor %}", "does not come to an end"},
		"doubled text":      {"{% set ns = namespace(x='0123456789') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}", "takes more than"},
		"long text":         {"{{ 'x' * 9000000000 }}", "takes more than"},
		"long output":       {"{{ 'x' * 20000000 }}", "writes more than"},
		"endless recursion": {"{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "takes more than"},
		"many numbers":      {"{% for i in range(1000000000) %}{% endfor %}", "range() makes more"},
		"a file":            {"{% include '/etc/passwd' %}", "include"},
		"a parent":          {"{% extends '/etc/passwd' %}", "extends"},
		"an import":         {"{% import '/etc/passwd' as x %}", "import"},
		"its own refusal":   {"{{ raise_exception('Roles must alternate') }}", "Roles must alternate"},
		"no template":       {"{% if %}", "chat template says"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &renderer{template: test.template}
			defer r.close()
			began := time.Now()
			_, err := r.render(t.Context(), conversation("user", "hello"))
			if sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), test.says) || len(err.Error()) > 500 {
				t.Errorf("got %v; want %q", err, test.says)
			}
			if took := time.Since(began); took > 10*renderTime {
				t.Errorf("it took %v", took)
			}
			r.template = "{{ messages[0].content }}"
			if text, err := r.render(t.Context(), conversation("user", "hello")); text != "hello" {
				t.Errorf("the next one: %q, %v", text, err)
			}
		})
	}
}

func TestRendererTogether(t *testing.T) {
	r := &renderer{template: "{{ messages[0].content }}"}
	defer r.close()
	if err := r.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, word := range []string{"a", "b\nc", strings.Repeat("long", 50_000)} {
				if text, err := r.render(t.Context(), conversation("user", word)); text != word {
					t.Errorf("%d bytes, %v", len(text), err)
				}
			}
		})
	}
	all.Wait()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.render(gone, conversation("user", "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that left: %v", err)
	}
}
