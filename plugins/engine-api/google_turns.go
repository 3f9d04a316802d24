package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"path"
	"slices"
	"strings"

	"google.golang.org/genai"

	"github.com/enginebay/enginebay/sdk/openai"
)

// googleParts are a content with the kinds of parts that this API takes.
type googleParts []googlePart

type googlePart struct {
	part
	InputAudio struct {
		Data   string `json:"data"`
		Format string `json:"format"`
	} `json:"input_audio"`
	File struct {
		FileData string `json:"file_data"`
	} `json:"file"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *googleParts) UnmarshalJSON(data []byte) error {
	var text *string
	if json.Unmarshal(data, &text) == nil {
		if text != nil {
			*p = googleParts{{part: part{Type: "text", Text: *text}}}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]googlePart)(p))
}

// googleTurns are the contents so far.
type googleTurns struct {
	system   []*genai.Part
	contents []*genai.Content
	waiting  []toolCall // that no result has come for yet, in their order
	signs    bool       // the model wants the signatures of its calls back
}

// contents puts the conversation into turns: instructions go to the top, wherever
// they stood, and the results of one turn's calls into one, in the calls' order.
func (c *googleChat) contents(model string) (*genai.Content, []*genai.Content, error) {
	t := &googleTurns{signs: leveled.MatchString(model)}
	for i, m := range c.Messages {
		if err := t.add(c, i, m); err != nil {
			return nil, nil, err
		}
	}
	if err := t.answered("the end of messages"); err != nil {
		return nil, nil, err
	}
	if len(t.contents) == 0 && len(t.system) > 0 { // there must be something to answer
		t.contents, t.system = []*genai.Content{{Role: genai.RoleUser, Parts: t.system}}, nil
	}
	if len(t.contents) == 0 {
		return nil, nil, openai.Errorf("messages", "invalid_value", "messages has no text at all; say something")
	}
	if len(t.system) == 0 {
		return nil, t.contents, nil
	}
	return &genai.Content{Parts: t.system}, t.contents, nil
}

func (t *googleTurns) add(c *googleChat, i int, m message) error {
	at := fmt.Sprintf("messages[%d]", i)
	if m.Role == "tool" {
		return t.result(at, m)
	}
	if err := t.answered(at); err != nil {
		return err
	}
	switch m.Role {
	case "system", "developer":
		text, err := m.Content.text(at + ".content")
		t.system = append(t.system, texts(text)...)
		return err
	case "user":
		parts, err := c.more.Messages[i].Content.read(at + ".content")
		t.put(genai.RoleUser, parts)
		return err
	case "assistant":
		return t.said(c, i, m)
	}
	return openai.Errorf(at+".role", "unsupported_value", "%s.role can be system, developer, user, assistant or tool here, and not '%.32s'", at, m.Role)
}

// put adds a turn; one without parts is refused there.
func (t *googleTurns) put(role string, parts []*genai.Part) {
	if len(parts) > 0 {
		t.contents = append(t.contents, &genai.Content{Role: role, Parts: parts})
	}
}

func texts(text string) []*genai.Part {
	if text == "" {
		return nil
	}
	return []*genai.Part{{Text: text}}
}

// said is what the assistant said, and which tools it called.
func (t *googleTurns) said(c *googleChat, i int, m message) error {
	at := fmt.Sprintf("messages[%d]", i)
	text, err := m.Content.text(at + ".content")
	if err != nil {
		return err
	}
	if text == "" {
		text = m.Refusal
	}
	parts := texts(text)
	signed := false
	for j, call := range m.ToolCalls {
		args, err := call.Function.arguments(fmt.Sprintf("%s.tool_calls[%d].function.arguments", at, j))
		if err != nil {
			return err
		}
		signature := signatureOf(call.ID, c.more.Messages[i].ToolCalls[j].ExtraContent.Google.ThoughtSignature)
		signed = signed || signature != nil
		parts = append(parts, &genai.Part{ThoughtSignature: signature, FunctionCall: &genai.FunctionCall{ID: theirs(call.ID), Name: call.Function.Name, Args: args}})
	}
	if len(m.ToolCalls) > 0 && !signed && t.signs {
		parts[len(parts)-len(m.ToolCalls)].ThoughtSignature = unsigned
	}
	t.put(genai.RoleModel, parts)
	t.waiting = slices.Clone(m.ToolCalls)
	if len(t.waiting) > 0 {
		t.contents = append(t.contents, &genai.Content{Role: genai.RoleUser, Parts: make([]*genai.Part, len(t.waiting))})
	}
	return nil
}

// result goes to the place of its call.
func (t *googleTurns) result(at string, m message) error {
	i := slices.IndexFunc(t.waiting, func(call toolCall) bool { return call.ID == m.ToolCallID })
	if i < 0 {
		return openai.Errorf(at+".tool_call_id", "invalid_value", "%s answers the call '%.64s', which is none of the assistant's message before it", at, m.ToolCallID)
	}
	text, err := m.Content.text(at + ".content")
	if err != nil {
		return err
	}
	results := t.contents[len(t.contents)-1].Parts
	if results[i] != nil {
		return openai.Errorf(at+".tool_call_id", "invalid_value", "%s answers the call '%.64s' a second time", at, m.ToolCallID)
	}
	results[i] = &genai.Part{FunctionResponse: &genai.FunctionResponse{ID: theirs(m.ToolCallID), Name: t.waiting[i].Function.Name, Response: response(text)}}
	return nil
}

// answered says whether all calls have their results, as both APIs want it.
func (t *googleTurns) answered(at string) error {
	if len(t.waiting) == 0 {
		return nil
	}
	if i := slices.Index(t.contents[len(t.contents)-1].Parts, nil); i >= 0 {
		return openai.Errorf("messages", "invalid_value", "The call '%.64s' of a tool has no message of the role tool before %s", t.waiting[i].ID, at)
	}
	t.waiting = nil
	return nil
}

// response is a result as an object: JSON as it is, and else under the name that
// the API has for it.
func response(text string) map[string]any {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return map[string]any{"output": text}
	}
	if object, ok := value.(map[string]any); ok {
		return object
	}
	return map[string]any{"output": value}
}

// read makes parts of a user's content.
func (p googleParts) read(at string) ([]*genai.Part, error) {
	var parts []*genai.Part
	for i, one := range p {
		read, err := one.read(fmt.Sprintf("%s[%d]", at, i))
		if err != nil {
			return nil, err
		}
		parts = append(parts, read...)
	}
	return parts, nil
}

func (p googlePart) read(at string) ([]*genai.Part, error) {
	switch p.Type {
	case "text":
		return texts(p.Text), nil
	case "image_url":
		return located(at+".image_url.url", p.ImageURL)
	case "input_audio":
		return inline(at+".input_audio.data", "audio/"+strings.ToLower(p.InputAudio.Format), p.InputAudio.Data)
	case "file":
		kind, data, ok := imageURL{URL: p.File.FileData}.image()
		if !ok {
			return nil, openai.Errorf(at+".file", "unsupported_value", "%s.file must have its content as file_data, data:application/pdf;base64,…: files of other services are not known here", at)
		}
		return inline(at+".file.file_data", kind, data)
	}
	return nil, openai.Errorf(at+".type", "unsupported_value", "%s is of the type '%.32s'; there can be text, image_url, input_audio and file here", at, p.Type)
}

// located is an image in the request itself, or one that Google is to fetch.
func located(at string, image imageURL) ([]*genai.Part, error) {
	if kind, data, ok := image.image(); ok {
		return inline(at, kind, data)
	}
	if !strings.HasPrefix(image.URL, "https://") && !strings.HasPrefix(image.URL, "gs://") {
		return nil, openai.Errorf(at, "invalid_value", "%s must be an https:// address, which Google fetches, or data:image/…;base64,…", at)
	}
	address, _, _ := strings.Cut(image.URL, "?")
	kind, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(address)), ";")
	if !strings.Contains(kind, "/") || strings.HasPrefix(kind, "text/") {
		kind = "image/jpeg" // it wants one; what it is, Google sees
	}
	return []*genai.Part{{FileData: &genai.FileData{FileURI: image.URL, MIMEType: kind}}}, nil
}

func inline(at, kind, data string) ([]*genai.Part, error) {
	content, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(content) == 0 {
		return nil, openai.Errorf(at, "invalid_value", "%s has data that are no base64", at)
	}
	if kind, _, err = mime.ParseMediaType(kind); err != nil {
		return nil, openai.Errorf(at, "invalid_value", "%s does not say what it is, as data:image/png;base64,… does", at)
	}
	return []*genai.Part{{InlineData: &genai.Blob{MIMEType: kind, Data: content}}}, nil
}
