package main

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"

	"github.com/enginebay/enginebay/sdk/openai"
)

// claudeTurns puts the conversation into turns of user and assistant, one after the
// other: instructions go to the top, wherever they stood, and results of tools are
// the user's.
func claudeTurns(p *anthropic.MessageNewParams, c *chat) error {
	var turns turns
	for i, m := range c.Messages {
		at := fmt.Sprintf("messages[%d]", i)
		switch m.Role {
		case "system", "developer":
			text, err := m.Content.text(at + ".content")
			if err != nil {
				return err
			}
			if strings.TrimSpace(text) != "" {
				p.System = append(p.System, anthropic.TextBlockParam{Text: text})
			}
		case "user", "assistant", "tool":
			role, blocks, err := claudeBlocks(at, m)
			if err != nil {
				return err
			}
			turns.add(role, blocks)
		default:
			return openai.Errorf(at+".role", "unsupported_value", "%s.role can be system, developer, user, assistant or tool here, and not '%.32s'", at, m.Role)
		}
	}
	if len(turns) == 0 {
		return openai.Errorf("messages", "invalid_value", "messages has no text of a user; the service wants one")
	}
	p.Messages = turns.trimmed()
	return nil
}

// turns are the messages so far.
type turns []anthropic.MessageParam

// add merges messages of one role that follow each other, as the API wants them.
func (t *turns) add(role anthropic.MessageParamRole, blocks []anthropic.ContentBlockParamUnion) {
	if len(blocks) == 0 {
		return
	}
	if n := len(*t); n > 0 && (*t)[n-1].Role == role {
		(*t)[n-1].Content = append((*t)[n-1].Content, blocks...)
		return
	}
	if len(*t) == 0 && role == anthropic.MessageParamRoleAssistant {
		*t = append(*t, anthropic.NewUserMessage(anthropic.NewTextBlock("(The conversation begins.)"))) // for the first turn is the user's there
	}
	*t = append(*t, anthropic.MessageParam{Role: role, Content: blocks})
}

// trimmed takes blanks from the end of what the assistant begins to say, for the
// API refuses them.
func (t turns) trimmed() []anthropic.MessageParam {
	last := t[len(t)-1]
	if text := last.Content[len(last.Content)-1].OfText; text != nil && last.Role == anthropic.MessageParamRoleAssistant {
		text.Text = strings.TrimRight(text.Text, " \t\r\n")
	}
	return t
}

func claudeBlocks(at string, m message) (anthropic.MessageParamRole, []anthropic.ContentBlockParamUnion, error) {
	switch m.Role {
	case "tool":
		block, err := claudeResult(at, m)
		return anthropic.MessageParamRoleUser, []anthropic.ContentBlockParamUnion{block}, err
	case "assistant":
		blocks, err := claudeCalls(at, m)
		return anthropic.MessageParamRoleAssistant, blocks, err
	}
	var blocks []anthropic.ContentBlockParamUnion
	for i, part := range m.Content {
		where := fmt.Sprintf("%s.content[%d]", at, i)
		switch part.Type {
		case "text":
			if strings.TrimSpace(part.Text) != "" { // an empty block is refused there
				blocks = append(blocks, anthropic.NewTextBlock(part.Text))
			}
		case "image_url":
			block, err := claudeImage(where, part.ImageURL)
			if err != nil {
				return "", nil, err
			}
			blocks = append(blocks, block)
		default:
			return "", nil, openai.Errorf(where+".type", "unsupported_value", "%s is of the type '%.32s'; there can be text and image_url here", where, part.Type)
		}
	}
	return anthropic.MessageParamRoleUser, blocks, nil
}

// claudeCalls is what the assistant said, and which tools it called.
func claudeCalls(at string, m message) ([]anthropic.ContentBlockParamUnion, error) {
	text, err := m.Content.text(at + ".content")
	if err != nil {
		return nil, err
	}
	if text == "" {
		text = m.Refusal
	}
	var blocks []anthropic.ContentBlockParamUnion
	if strings.TrimSpace(text) != "" {
		blocks = append(blocks, anthropic.NewTextBlock(text))
	}
	for i, call := range m.ToolCalls {
		input, err := call.Function.arguments(fmt.Sprintf("%s.tool_calls[%d].function.arguments", at, i))
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, anthropic.NewToolUseBlock(claudeID(call.ID), input, call.Function.Name))
	}
	return blocks, nil
}

func claudeResult(at string, m message) (anthropic.ContentBlockParamUnion, error) {
	text, err := m.Content.text(at + ".content")
	result := anthropic.ToolResultBlockParam{ToolUseID: claudeID(m.ToolCallID)}
	if strings.TrimSpace(text) != "" {
		result.Content = []anthropic.ToolResultBlockParamContentUnion{{OfText: &anthropic.TextBlockParam{Text: text}}}
	}
	return anthropic.ContentBlockParamUnion{OfToolResult: &result}, err
}

// foreign is what ids of calls may not have there; those of other services do.
var foreign = regexp.MustCompile(`[^a-zA-Z0-9_-]`)

func claudeID(id string) string { return foreign.ReplaceAllString(id, "_") }

// images are the formats that the API reads.
var images = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

func claudeImage(at string, image imageURL) (anthropic.ContentBlockParamUnion, error) {
	mediaType, data, ok := image.image()
	switch {
	case strings.HasPrefix(image.URL, "https://"):
		return anthropic.NewImageBlock(anthropic.URLImageSourceParam{URL: image.URL}), nil
	case !ok:
		return anthropic.ContentBlockParamUnion{}, openai.Errorf(at+".image_url.url", "invalid_value", "%s.image_url.url must be an https:// address or data:image/…;base64,…", at)
	case !slices.Contains(images, mediaType):
		return anthropic.ContentBlockParamUnion{}, openai.Errorf(at+".image_url.url", "invalid_value", "%s is an image of the type '%.40s'; there can be %s", at, mediaType, strings.Join(images, ", "))
	}
	if _, err := base64.StdEncoding.DecodeString(data); err != nil || data == "" {
		return anthropic.ContentBlockParamUnion{}, openai.Errorf(at+".image_url.url", "invalid_value", "%s.image_url.url has data that are no base64", at)
	}
	return anthropic.NewImageBlockBase64(mediaType, data), nil
}
