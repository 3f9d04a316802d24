package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

const systemMarker, promptMarker = "{system_message}", "{prompt}"

// template is the Jinja template that the settings ask for; "" where they do not.
func (s settings) template() (string, error) {
	switch {
	case s.ChatTemplate != "":
		return s.ChatTemplate, nil
	case s.PromptTemplate == "", strings.Contains(s.PromptTemplate, "{%"), strings.Contains(s.PromptTemplate, "{{"):
		return s.PromptTemplate, nil
	}
	return fromMarkers(s.PromptTemplate)
}

// fromMarkers makes Jinja of a template of the older form. A further message of the user's
// comes after the answer as the first one comes after the system message.
func fromMarkers(template string) (string, error) {
	before, rest, hasSystem := strings.Cut(template, systemMarker)
	if !hasSystem {
		before, rest = "", template
	}
	user, assistant, ok := strings.Cut(rest, promptMarker)
	if !ok {
		return "", sdk.Errorf(sdk.CodeInvalid, "prompt_template has no %s; write it as in %q, or use chat_template", promptMarker, "USER: {prompt}\nASSISTANT: ")
	}
	return "{% for m in messages %}" +
		"{% if m['role'] == 'system' %}{{ " + jinjaText(before) + " + m['content'] }}" +
		"{% elif m['role'] == 'user' %}{{ " + jinjaText(user) + " + m['content'] + " + jinjaText(assistant) + " }}" +
		"{% else %}{{ m['content'] + '\\n' }}{% endif %}{% endfor %}", nil
}

// jinjaText writes a text as a Jinja string.
func jinjaText(s string) string {
	q := strconv.Quote(s)
	return "'" + strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), "'", `\'`) + "'"
}

// plainTemplate is for a model of which no template is known: most make something of it.
const plainTemplate = `{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}
{% endfor %}Assistant:`

// plainStops end an answer that goes on with the user's part.
var plainStops = []string{"\nUser:", "\nSystem:"}

// prompts is how a conversation becomes a prompt.
type prompts struct {
	*renderer
	tokens map[string]any // bos_token and so on
	stops  []string       // of the template's own
}

// newPrompts takes the template of the settings, or that of the model's folder.
func newPrompts(s settings, dir string) (*prompts, error) {
	p := &prompts{renderer: &renderer{}, tokens: map[string]any{"bos_token": "", "eos_token": ""}}
	var own string
	if dir != "" {
		var err error
		if own, err = folderTemplate(dir, p.tokens); err != nil {
			return nil, err
		}
	}
	template, err := s.template()
	if err != nil {
		return nil, err
	}
	if template == "" {
		template = own
	}
	if template == "" {
		template, p.stops = plainTemplate, plainStops
	}
	p.renderer.template = template
	return p, nil
}

// folderTemplate reads what a checkpoint says of its chats.
func folderTemplate(dir string, tokens map[string]any) (string, error) {
	var conf struct {
		Template json.RawMessage `json:"chat_template"`
		BOS      json.RawMessage `json:"bos_token"`
		EOS      json.RawMessage `json:"eos_token"`
	}
	if err := readJSON(filepath.Join(dir, "tokenizer_config.json"), &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", sdk.Errorf(sdk.CodeInvalid, "tokenizer_config.json is broken: %v; download it again", err)
	}
	tokens["bos_token"], tokens["eos_token"] = token(conf.BOS), token(conf.EOS)
	if text, err := os.ReadFile(filepath.Join(dir, "chat_template.jinja")); err == nil && len(text) <= maxConfig {
		return string(text), nil
	}
	var alone struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if readJSON(filepath.Join(dir, "chat_template.json"), &alone) == nil {
		return chosen(alone.Template), nil
	}
	return chosen(conf.Template), nil
}

// token is a special token, which is written in two ways.
func token(raw json.RawMessage) string {
	var text string
	var object struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(raw, &text) != nil {
		_ = json.Unmarshal(raw, &object) // null: there is none
		return object.Content
	}
	return text
}

// chosen is the template, or of several with names the default one.
func chosen(raw json.RawMessage) string {
	var text string
	var several []struct{ Name, Template string }
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	_ = json.Unmarshal(raw, &several) // null: there is none
	for _, t := range several {
		if t.Name == "default" {
			return t.Template
		}
	}
	return ""
}
