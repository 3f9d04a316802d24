package jan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/conversation/jan"
)

var update = flag.Bool("update", false, "write the golden documents")

// found is all that is read of a data folder.
type found struct {
	Conversations []*jan.Conversation
	Errors        []string
	Assistants    []*conversation.Assistant
	Notes         []string
}

func read(t *testing.T, dir string) (f found) {
	t.Helper()
	for c, err := range jan.Read(dir) {
		if err != nil {
			f.Errors = append(f.Errors, c.Folder+": "+err.Error())
			continue
		}
		f.Conversations = append(f.Conversations, c)
	}
	var err error
	if f.Assistants, f.Notes, err = jan.Assistants(dir); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestGolden reads folders as versions of Jan left them, and a broken one.
func TestGolden(t *testing.T) {
	for _, name := range []string{"v0.3", "v0.4", "v0.5", "v0.6", "broken"} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(read(t, filepath.Join("testdata", name))); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(golden); err != nil || got.String() != string(want) {
				t.Errorf("got %s\nwant (%v) %s", got.Bytes(), err, want)
			}
		})
	}
}

// TestBackAgain: what is written is read as it was.
func TestBackAgain(t *testing.T) {
	for _, name := range []string{"v0.3", "v0.4", "v0.5", "v0.6"} {
		t.Run(name, func(t *testing.T) {
			was, dir := read(t, filepath.Join("testdata", name)), t.TempDir()
			for _, c := range was.Conversations {
				if _, err := jan.Write(dir, c.Thread, c.Messages, false); err != nil {
					t.Fatal(err)
				}
			}
			is := read(t, dir)
			if len(is.Conversations) != len(was.Conversations) || is.Errors != nil {
				t.Fatalf("%d of %d, %v", len(is.Conversations), len(was.Conversations), is.Errors)
			}
			for i, c := range was.Conversations {
				for j, m := range c.Messages {
					alike(t, m, is.Conversations[i].Messages[j])
				}
				alike(t, c.Thread, is.Conversations[i].Thread)
			}
		})
	}
}

func alike(t *testing.T, was, is any) {
	t.Helper()
	a, _ := json.Marshal(was)
	b, _ := json.Marshal(is)
	if !bytes.Equal(a, b) {
		t.Errorf("was %s\nis  %s", a, b)
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const hello = `{"id": "m1", "role": "user", "content": [{"type": "text", "text": {"value": "Hello"}}], "created_at": 1738300100}` + "\n"

// TestLinks: nothing is read that lies outside of the data folder.
func TestLinks(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	put(t, outside, "thread/messages.jsonl", hello)
	put(t, outside, "thread/thread.json", `{"title": "secret"}`)
	put(t, outside, "image.png", "\x89PNG\r\n\x1a\nsecret")
	put(t, dir, "threads/b/messages.jsonl", strings.ReplaceAll(hello, `"content": [`, `"content": [{"type": "image_url", "image_url": {"url": "files/image.png"}}, `))
	put(t, dir, "threads/b/files/other.txt", "")
	put(t, dir, "threads/c/thread.json", "{}")
	put(t, dir, "threads/d/messages.jsonl", hello)
	for link, to := range map[string]string{
		"threads/a":                 filepath.Join(outside, "thread"),
		"threads/b/thread.json":     filepath.Join(outside, "thread/thread.json"),
		"threads/b/files/image.png": filepath.Join(outside, "image.png"),
		"threads/c/messages.jsonl":  filepath.Join(outside, "thread/messages.jsonl"),
		"threads/e":                 "d", // within the folder
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	got := read(t, dir)
	said, _ := json.Marshal(got)
	if strings.Contains(string(said), "secret") {
		t.Errorf("a link was followed: %s", said)
	}
	if len(got.Conversations) != 4 || len(got.Conversations[0].Messages) != 1 || len(got.Conversations[0].Notes) != 2 || len(got.Conversations[1].Messages) != 0 || got.Conversations[3].Thread.ID != "e" {
		t.Errorf("%s", said)
	}
	if len(got.Errors) != 1 || !strings.Contains(got.Errors[0], "threads/a: thread.json: path escapes") {
		t.Errorf("%q", got.Errors)
	}
}

// TestBounds: what is too large, or no file, is left out.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 1<<20)
	f, err := os.Create(filepath.Join(dir, "long"))
	if err != nil {
		t.Fatal(err)
	}
	for range 49 {
		if _, err := f.WriteString(long); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteString("\n" + hello); err != nil {
		t.Fatal(err)
	}
	f.Close()
	put(t, dir, "threads/long/thread.json", "{}")
	if err := os.Rename(filepath.Join(dir, "long"), filepath.Join(dir, "threads/long/messages.jsonl")); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "threads/huge/messages.jsonl", "")
	if err := os.Truncate(filepath.Join(dir, "threads/huge/messages.jsonl"), 300<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "threads/folder/thread.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := read(t, dir)
	if want := []string{"threads/folder: thread.json: it is no regular file", "threads/huge: messages.jsonl: it is larger than 256 MB"}; !reflect.DeepEqual(got.Errors, want) {
		t.Errorf("%q", got.Errors)
	}
	if c := got.Conversations[0]; len(c.Messages) != 1 || !reflect.DeepEqual(c.Notes, []string{"messages.jsonl:1: it is longer than 48 MB"}) {
		t.Errorf("%d messages, %q", len(c.Messages), c.Notes)
	}
}

// TestTimes: a thread that says no time at all has that of its file.
func TestTimes(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "threads/x/thread.json", `{"created": -5, "updated": 1e300}`)
	when := time.Unix(1600000000, 0)
	if err := os.Chtimes(filepath.Join(dir, "threads/x/thread.json"), when, when); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir).Conversations[0].Thread; got.CreatedAt != 1600000000 || got.UpdatedAt != 1600000000 {
		t.Errorf("%+v", got)
	}
}

// TestIDs: what is no plain id gets one, the same each time; a number is one.
func TestIDs(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "threads/a b/messages.jsonl", strings.ReplaceAll(hello, "m1", "../m1")+strings.ReplaceAll(hello, `"m1"`, "7"))
	put(t, dir, "threads/c/thread.json", `{"id": "../../c", "assistants": [{"id": "päng", "model": "x"}]}`)
	put(t, dir, "assistants/p/assistant.json", `{"id": "päng"}`)
	got := read(t, dir)
	first, second := got.Conversations[0], got.Conversations[1].Thread
	for _, id := range []string{first.Thread.ID, first.Messages[0].ID, second.ID, got.Assistants[0].ID} {
		if !regexp.MustCompile(`^jan_[0-9a-f]{24}$`).MatchString(id) {
			t.Errorf("%q", id)
		}
	}
	if first.Messages[1].ID != "7" || first.Messages[0].ThreadID != first.Thread.ID || second.Assistants[0].AssistantID != got.Assistants[0].ID || read(t, dir).Conversations[1].Thread.ID != second.ID {
		t.Errorf("%+v %+v", first.Messages[1], second)
	}
}

// TestNoFolder: a data folder that is not there is an error, one without threads is empty.
func TestNoFolder(t *testing.T) {
	got := read(t, t.TempDir())
	if got.Conversations != nil || got.Errors != nil {
		t.Errorf("%+v", got)
	}
	for _, err := range jan.Read(filepath.Join(t.TempDir(), "none")) {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	}
}

// TestWrite: any id has a folder of its own, and none elsewhere.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{}
	for _, id := range []string{"thread_abc", "../../etc", "..", "a/b", "a:b", "con", ".hidden", "a_b", strings.Repeat("x", 300), "x\x00y", ""} {
		path, err := jan.Write(dir, &conversation.Thread{ID: id}, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(path) != filepath.Join(dir, "threads") || seen[path] {
			t.Errorf("%q is at %s", id, path)
		}
		seen[path] = true
	}
	thread := &conversation.Thread{ID: "thread_abc", Title: "New"}
	if _, err := jan.Write(dir, thread, nil, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written twice: %v", err)
	}
	if _, err := jan.Write(dir, thread, nil, true); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "threads/thread_abc/thread.json")); err != nil || !strings.Contains(string(data), `"title": "New"`) {
		t.Errorf("%s, %v", data, err)
	}
	entries, _ := os.ReadDir(filepath.Join(dir, "threads"))
	if len(entries) != len(seen) {
		t.Errorf("%v", entries)
	}
}
