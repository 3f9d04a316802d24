package jan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/portable"
)

// Write writes a thread with its messages as DIR/threads/NAME, which is there when it
// is whole, and returns that path. NAME is the thread's id where that can be the name
// of a folder on every system. Where the folder is there already the error is
// [fs.ErrExist], unless it is to be overwritten. Both the names of fields that Jan
// used before 0.6 and those since are written.
func Write(dir string, t *conversation.Thread, messages []*conversation.Message, overwrite bool) (path string, err error) {
	threads := filepath.Join(dir, "threads")
	if err := os.MkdirAll(threads, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(threads, folderName(t.ID))
	if _, err := os.Lstat(path); err == nil && !overwrite {
		return "", fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	part, err := os.MkdirTemp(threads, ".part-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(part)
	if err := writeThread(part, t, messages); err != nil {
		return "", err
	}
	if err := os.RemoveAll(path); err != nil {
		return "", err
	}
	return path, os.Rename(part, path)
}

// folderName is an id, or what is left of it with a mark that tells it from others.
func folderName(id string) string {
	if portable.Name(id) == nil && !strings.ContainsAny(id, "/") && !strings.HasPrefix(id, ".") && len(id) <= 100 {
		return id
	}
	kept := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, id)
	sum := sha256.Sum256([]byte(id))
	return kept[:min(len(kept), 60)] + "_" + hex.EncodeToString(sum[:4])
}

func writeThread(dir string, t *conversation.Thread, messages []*conversation.Message) error {
	doc, err := json.MarshalIndent(janThread(t), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "thread.json"), append(doc, '\n'), 0o600); err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, m := range messages {
		line, err := json.Marshal(janMessage(m))
		if err != nil {
			return err
		}
		lines.Write(append(line, '\n'))
	}
	return os.WriteFile(filepath.Join(dir, "messages.jsonl"), lines.Bytes(), 0o600)
}

type dict = map[string]any

func janThread(t *conversation.Thread) dict {
	assistants := []dict{}
	for _, a := range t.Assistants {
		model := dict{}
		if m := a.Model; m != nil {
			model = dict{"id": m.ID, "engine": m.Engine, "settings": orEmpty(m.Settings), "parameters": orEmpty(m.Parameters)}
		}
		instructions := ""
		if a.Instructions != nil {
			instructions = *a.Instructions
		}
		assistants = append(assistants, dict{"id": a.AssistantID, "assistant_id": a.AssistantID, "name": a.AssistantName, "assistant_name": a.AssistantName,
			"instructions": instructions, "model": model})
	}
	return dict{"id": t.ID, "object": "thread", "title": t.Title, "assistants": assistants, "created": t.CreatedAt, "updated": t.UpdatedAt,
		"metadata": orEmpty(t.Metadata)}
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func janMessage(m *conversation.Message) dict {
	content := []dict{}
	if m.Reasoning != "" {
		content = append(content, janText("reasoning", m.Reasoning))
	}
	for _, part := range m.Content {
		switch {
		case part.Text != nil:
			content = append(content, janText("text", part.Text.Value))
		case part.Refusal != nil:
			content = append(content, janText("text", *part.Refusal))
		case part.ImageURL != nil:
			content = append(content, dict{"type": "image_url", "image_url": part.ImageURL})
		}
	}
	end, status := m.CompletedAt, "ready"
	if m.Status == "incomplete" {
		end, status = m.IncompleteAt, "stopped"
		if m.IncompleteDetails != nil && m.IncompleteDetails.Reason == "run_failed" {
			status = "error"
		}
	}
	if end == nil {
		end = &m.CreatedAt
	}
	line := dict{"id": m.ID, "object": "thread.message", "thread_id": m.ThreadID, "type": "text", "role": m.Role, "content": content, "status": status,
		"created_at": m.CreatedAt * 1000, "completed_at": *end * 1000, "attachments": nil, "metadata": orEmpty(m.Metadata)}
	if m.AssistantID != nil {
		line["assistant_id"] = *m.AssistantID
	}
	if m.Usage != nil {
		line["usage"] = m.Usage
	}
	return line
}

func janText(kind, text string) dict {
	return dict{"type": kind, "text": dict{"value": text, "annotations": []any{}}}
}
