package jan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// The bounds of what is read, in bytes.
const (
	maxDocument = 4 << 20   // thread.json, assistant.json
	maxLine     = 48 << 20  // a message, with its images inside
	maxMessages = 256 << 20 // messages.jsonl
	maxImage    = 20 << 20  // a file that a message shows
)

// A Conversation is a thread with its messages.
type Conversation struct {
	Thread   *conversation.Thread
	Messages []*conversation.Message // oldest first
	Folder   string                  // its own, below the data folder: threads/NAME
	Notes    []string                // what was left out, in sentences
}

// Read goes through the threads of a data folder in the order of their folders'
// names. Errors are of single threads, of which only the Folder is there, or come with
// nil where the data folder itself cannot be read; one that has no threads is an empty
// one.
func Read(dir string) iter.Seq2[*Conversation, error] {
	return func(yield func(*Conversation, error) bool) {
		err := each(dir, "threads", func(root *os.Root, name string) bool {
			c, err := readThread(root, name)
			if c == nil && err == nil { // a folder without a thread
				return true
			}
			if err != nil {
				return yield(&Conversation{Folder: name}, err)
			}
			return yield(c, nil)
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// Assistants reads the assistants of a data folder; notes say which cannot be read.
func Assistants(dir string) (all []*conversation.Assistant, notes []string, err error) {
	err = each(dir, "assistants", func(root *os.Root, name string) bool {
		a, err := readAssistant(root, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			notes = append(notes, fmt.Sprintf("%s: %v", name, err))
		default:
			all = append(all, a)
		}
		return true
	})
	return all, notes, err
}

// each calls f with the entries of a folder in a data folder, until it returns false.
func each(dir, folder string, f func(root *os.Root, name string) bool) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || entry.Type().IsRegular() {
			continue
		}
		if !f(root, path.Join(folder, entry.Name())) {
			return nil
		}
	}
	return nil
}

// open opens a regular file of at most so many bytes. What lies outside of the
// folder, or leads there, is an error.
func open(root *os.Root, name string, most int64) (*os.File, error) {
	info, err := root.Stat(name)
	switch {
	case err != nil:
		return nil, reason(err)
	case !info.Mode().IsRegular(): // a pipe would be waited for
		return nil, errors.New("it is no regular file")
	case info.Size() > most:
		return nil, fmt.Errorf("it is larger than %d MB", most>>20)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	return f, nil
}

// reason is why a file cannot be read, without its path, which the caller names.
func reason(err error) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		return of.Err
	}
	return err
}

// document reads a file that holds one JSON object.
func document(root *os.Root, name string) (gjson.Result, error) {
	f, err := open(root, name, maxDocument)
	if err != nil {
		return gjson.Result{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return gjson.Result{}, err
	}
	return object(data)
}

// object reads a JSON object. Only its fields are looked up in a lenient way: the
// text itself is checked, in its depth too.
func object(data []byte) (gjson.Result, error) {
	data = []byte(strings.TrimPrefix(string(data), "\ufeff"))
	if !json.Valid(data) {
		return gjson.Result{}, errors.New("it is no valid JSON")
	}
	doc := gjson.ParseBytes(data)
	if !doc.IsObject() {
		return gjson.Result{}, errors.New("it is no JSON object")
	}
	return doc, nil
}
