package conversation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/sdk"
)

var update = flag.Bool("update", false, "write what the golden documents are read as")

// TestGolden reads testdata/valid and testdata/invalid. A document is named KIND-WHAT.json
// and is a body that a client sends; KIND-WHAT.txt beside it holds the object that it is
// read as, or the fault. A change is made to the object of KIND that has everything.
func TestGolden(t *testing.T) {
	for _, folder := range []string{"valid", "invalid"} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no documents in %s: %v", folder, err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(folder+"/"+name, func(t *testing.T) {
				body, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				got, err := readAs(t, name, body)
				if (err == nil) != (folder == "valid") {
					t.Errorf("read as valid: %t, in %s: %v", err == nil, folder, err)
				}
				compare(t, strings.TrimSuffix(file, ".json")+".txt", said(t, got, err))
			})
		}
	}
}

// readAs reads a body as what its name says.
func readAs(t *testing.T, name string, body []byte) (any, error) {
	t.Helper()
	kind, _, _ := strings.Cut(name, "-")
	switch kind {
	case "assistant":
		return conversation.ReadAssistant(body)
	case "thread":
		thread, messages, err := conversation.ReadThread(body)
		return map[string]any{"thread": thread, "messages": messages}, err
	case "message":
		return conversation.ReadMessage(body)
	case "change":
		return changed(t, name, body)
	case "put":
		return put(t, body)
	case "import":
		return conversation.ReadExport(body)
	}
	t.Fatalf("%s is nothing that is read", name)
	return nil, nil
}

// changed changes the object of a golden document that has everything.
func changed(t *testing.T, name string, body []byte) (object any, err error) {
	t.Helper()
	kind := strings.Split(name, "-")[1]
	full, err := os.ReadFile(filepath.Join("testdata", "valid", kind+"-full.json"))
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "assistant":
		a, err := conversation.ReadAssistant(full)
		if err != nil {
			t.Fatal(err)
		}
		return a, a.Change(body)
	case "message":
		m, err := conversation.ReadMessage(full)
		if err != nil {
			t.Fatal(err)
		}
		return m, m.Change(body)
	}
	thread, _, err := conversation.ReadThread(full)
	if err != nil {
		t.Fatal(err)
	}
	return thread, thread.Change(body)
}

// put changes what a thread says of an assistant in it.
func put(t *testing.T, body []byte) (any, error) {
	t.Helper()
	full, err := os.ReadFile("testdata/valid/thread-full.json")
	if err != nil {
		t.Fatal(err)
	}
	thread, _, err := conversation.ReadThread(full)
	if err != nil {
		t.Fatal(err)
	}
	now, err := thread.PutAssistant("", body)
	return map[string]any{"now": now, "all": thread.Assistants}, err
}

// said is an object as its JSON, or a fault as its field and sentence.
func said(t *testing.T, object any, err error) string {
	t.Helper()
	if err != nil {
		var field *conversation.FieldError
		if !errors.As(err, &field) || sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Fatalf("not a FieldError: %v", err)
		}
		return field.Param + ": " + field.Message + "\n"
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("said:\n%swant:\n%s", got, want)
	}
}

// TestLimits: what is exactly as long as it may be is taken, and what is longer is not.
func TestLimits(t *testing.T) {
	assistant := func(field string, value any) func() error {
		return func() error {
			body, _ := json.Marshal(map[string]any{"model": "m", field: value})
			_, err := conversation.ReadAssistant(body)
			return err
		}
	}
	message := func(content any) func() error {
		return func() error {
			body, _ := json.Marshal(map[string]any{"role": "user", "content": content})
			_, err := conversation.ReadMessage(body)
			return err
		}
	}
	pairs := func(n int) map[string]any {
		all := map[string]any{}
		for i := range n {
			all[strings.Repeat("k", i+1)] = "v"
		}
		return all
	}
	tools := func(n int) (all []any) {
		for range n {
			all = append(all, map[string]any{"type": "file_search"})
		}
		return all
	}
	part := func(n int) any { return map[string]any{"type": "text", "text": strings.Repeat("ä", n)} }
	image := func(n int) func() error {
		return func() error {
			_, err := conversation.ReadMessage([]byte(`{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,` + strings.Repeat("A", n) + `"}}]}`))
			return err
		}
	}
	text := func(n int) string { return strings.Repeat("ä", n) } // characters count, and not bytes
	for _, c := range []struct {
		name      string
		just, not func() error
		param     string
	}{
		{"name", assistant("name", text(256)), assistant("name", text(257)), "name"},
		{"description", assistant("description", text(512)), assistant("description", text(513)), "description"},
		{"instructions", assistant("instructions", text(256_000)), assistant("instructions", text(256_001)), "instructions"},
		{"tools", assistant("tools", tools(128)), assistant("tools", tools(129)), "tools"},
		{"temperature", assistant("temperature", 2), assistant("temperature", 2.01), "temperature"},
		{"top_p", assistant("top_p", 0), assistant("top_p", -0.01), "top_p"},
		{"pairs of metadata", assistant("metadata", pairs(16)), assistant("metadata", pairs(17)), "metadata"},
		{"key of metadata", assistant("metadata", map[string]any{text(64): "x"}), assistant("metadata", map[string]any{text(65): "x"}), "metadata"},
		{"value of metadata", assistant("metadata", map[string]any{"k": text(512)}), assistant("metadata", map[string]any{"k": text(513)}), "metadata"},
		{"older value of metadata", assistant("metadata", map[string]any{"k": []string{text(10)}}), assistant("metadata", map[string]any{"k": []string{text(512)}}), "metadata"},
		{"all of an assistant", assistant("events", text(1<<20)), assistant("events", text(1<<21)), ""},
		{"all of a message", image(1 << 20), image(conversation.MaxMessage), ""},
		{"text", message(text(256_000)), message(text(256_001)), "content"},
		{"parts together", message([]any{part(128_000), part(128_000)}), message([]any{part(128_000), part(128_001)}), "content"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.just(); err != nil {
				t.Errorf("the most: %v", err)
			}
			var field *conversation.FieldError
			if err := c.not(); !errors.As(err, &field) || field.Param != c.param {
				t.Errorf("more: %v", err)
			}
		})
	}
}

// TestNothingOfTheBodyIsKept: the server uses a body's memory for the next request.
func TestNothingOfTheBodyIsKept(t *testing.T) {
	body, err := os.ReadFile("testdata/valid/thread-full.json")
	if err != nil {
		t.Fatal(err)
	}
	thread, messages, err := conversation.ReadThread(body)
	if err != nil {
		t.Fatal(err)
	}
	before := said(t, []any{thread, messages}, nil)
	for i := range body {
		body[i] = '!'
	}
	if after := said(t, []any{thread, messages}, nil); after != before {
		t.Errorf("with the body it became\n%s\nit was\n%s", after, before)
	}
}

// FuzzRead: nothing that a client sends is a panic, and what is taken can be written and
// read again.
func FuzzRead(f *testing.F) {
	for _, folder := range []string{"valid", "invalid"} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if a, err := conversation.ReadAssistant(body); err == nil {
			again(t, a, &conversation.Assistant{})
		}
		if thread, messages, err := conversation.ReadThread(body); err == nil {
			again(t, thread, &conversation.Thread{})
			for _, m := range messages {
				again(t, m, &conversation.Message{})
			}
		}
		if m, err := conversation.ReadMessage(body); err == nil {
			again(t, m, &conversation.Message{})
		}
		if e, err := conversation.ReadExport(body); err == nil {
			again(t, e, &conversation.Export{})
			e.Markdown()
		}
	})
}

// again writes an object and reads it into another one, which is to be the same.
func again(t *testing.T, object, other any) {
	t.Helper()
	first, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(first, other); err != nil {
		t.Fatalf("%v: %s", err, first)
	}
	second, err := json.Marshal(other)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("%s\nbecame\n%s (%v)", first, second, err)
	}
}
