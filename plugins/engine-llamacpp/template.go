package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// jinja is the chat template that the settings ask for, and "" for the model's
// own. The older forms are turned into one.
func jinja(s settings) (string, error) {
	if s.ChatTemplate != "" {
		return s.ChatTemplate, nil
	}
	if strings.Contains(s.PromptTemplate, "{%") || strings.Contains(s.PromptTemplate, "{{") {
		return s.PromptTemplate, nil
	}
	if s.PromptTemplate != "" {
		return fromMarkers(s.PromptTemplate, s.PrePrompt)
	}
	if s.SystemPrompt+s.UserPrompt+s.AIPrompt != "" {
		return turns(parts{before: s.SystemPrompt, user: s.UserPrompt, assistant: s.AIPrompt, pre: s.PrePrompt}), nil
	}
	return "", nil
}

const systemMarker, promptMarker = "{system_message}", "{prompt}"

// fromMarkers reads a template such as
// "<|im_start|>system\n{system_message}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n".
func fromMarkers(template, pre string) (string, error) {
	before, rest, hasSystem := strings.Cut(template, systemMarker)
	if !hasSystem {
		before, rest = "", template
	}
	user, assistant, ok := strings.Cut(rest, promptMarker)
	if !ok {
		return "", sdk.Errorf(sdk.CodeInvalid, "prompt_template has no %s; write it as in %q, or use chat_template", promptMarker, "USER: {prompt}\nASSISTANT: ")
	}
	return turns(parts{before: before, user: user, assistant: assistant, pre: pre}), nil
}

// parts are the texts around the messages: before a system message, before a
// user's, and between a user's and the answer. pre is the system message of a
// conversation that has none.
type parts struct{ before, user, assistant, pre string }

// turns writes the template. A following user message comes after the answer as
// the first one comes after the system message.
func turns(p parts) string {
	system := "{{ " + quote(p.before) + " + m['content'] }}"
	if p.pre != "" {
		pre := "{{ " + quote(p.before+p.pre) + " }}"
		return "{% if messages[0]['role'] != 'system' %}" + pre + "{% endif %}" + loop(system, p)
	}
	return loop(system, p)
}

func loop(system string, p parts) string {
	return "{% for m in messages %}" +
		"{% if m['role'] == 'system' %}" + system +
		"{% elif m['role'] == 'user' %}{{ " + quote(p.user) + " + m['content'] + " + quote(p.assistant) + " }}" +
		"{% else %}{{ m['content'] + '\\n' }}{% endif %}{% endfor %}"
}

// quote writes a text as a Jinja string.
func quote(s string) string {
	q := strconv.Quote(s)
	return "'" + strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), "'", `\'`) + "'"
}

// writeTemplate puts a template into a file; "" where there is none.
func writeTemplate(file, template string) (string, error) {
	if template == "" {
		return "", nil
	}
	if err := os.WriteFile(file, []byte(template), 0o600); err != nil {
		return "", fmt.Errorf("write chat template: %w", err)
	}
	return file, nil
}
