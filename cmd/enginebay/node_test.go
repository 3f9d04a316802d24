package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const tale = "The quick brown fox jumps over the lazy dog. "

// TestPluginsInJavaScript: a model that a catalogue has is pulled by an importer and
// answered by an engine that have no Go in them.
func TestPluginsInJavaScript(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the plugins in JavaScript are for Linux and macOS")
	}
	for _, name := range []string{"engine-node", "importer-node"} {
		made := exec.Command("sh", filepath.Join(root, "examples/node.sh"), filepath.Join(root, "examples", name), filepath.Join(build, "node", name))
		if out, err := made.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	library := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/story.txt" {
			fmt.Fprint(w, tale)
			return
		}
		fmt.Fprintf(w, `{"models": [{"name": "story", "description": "A tale of a fox", "engine": "ngram", "format": "text", "files": [{"url": "story.txt", "size": %d}]}]}`, len(tale))
	}))
	t.Cleanup(library.Close)
	home := t.TempDir()
	writeFile(t, filepath.Join(home, "importers/library.json"), fmt.Sprintf(`{"settings": {"catalogue": "%s/library.json"}}`, library.URL))
	b := startServerWith(t, home, "--log-level", "debug", "--plugin-dir", filepath.Join(build, "node"))
	for _, command := range [][]string{{"search", "--importer", "library", "fox"}, {"pull", "library://story"}} {
		bay := exec.Command(filepath.Join(build, "enginebay"), append(command, "--addr", b.addr())...)
		if out, err := bay.CombinedOutput(); err != nil || !strings.Contains(string(out), "story") {
			t.Fatalf("%v: %v\n%s\nthe server's log:\n%s", command, err, out, b.log.text())
		}
	}

	const ask = `{"model": "story", "messages": [{"role": "user", "content": "The quick"}], "temperature": 0, "max_tokens": 4, "stream": %t}`
	status, whole := b.do("POST", "/v1/chat/completions", fmt.Sprintf(ask, false))
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal([]byte(whole), &answer); err != nil || status != 200 || answer.Choices[0].Message.Content != "brown fox jumps over" {
		t.Fatalf("status %d, %v: %s\nthe server's log:\n%s", status, err, whole, b.log.text())
	}
	if text := streamed(t, b.open("POST", "/v1/chat/completions", fmt.Sprintf(ask, true))); text != "brown fox jumps over" {
		t.Errorf("streamed %q", text)
	}
	if status, vectors := b.do("POST", "/v1/embeddings", `{"model": "story", "input": ["fox", "dog"]}`); status != 200 || strings.Count(vectors, `"embedding":[`) != 2 {
		t.Errorf("embeddings: status %d: %.300s", status, vectors)
	}
	if status, why := b.do("POST", "/v1/chat/completions", `{"model": "story", "messages": [{"role": "user", "content": "x"}], "n": 2}`); status != 400 || !strings.Contains(why, "n must be") {
		t.Errorf("a refusal: status %d: %s", status, why)
	}
	left := b.open("POST", "/v1/chat/completions", `{"model": "story", "messages": [{"role": "user", "content": "The"}], "max_tokens": 1000000, "stream": true}`)
	_, _ = left.Body.Read(make([]byte, 100))
	left.Body.Close()
	b.log.wait(t, "client left", 5*time.Second)
}

// streamed is the text of a stream of a chat.
func streamed(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	var text strings.Builder
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: {")
		if !ok {
			continue
		}
		var piece struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal([]byte("{"+data), &piece); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		for _, choice := range piece.Choices {
			text.WriteString(choice.Delta.Content)
		}
	}
	return text.String()
}
