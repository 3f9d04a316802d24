package durable_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/enginebay/enginebay/core/durable"
)

func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "installed.json")
	for _, text := range []string{"a longer text", "short"} {
		if err := durable.Replace(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		is(t, file, text)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("it is %v, %v", info.Mode(), err)
	}
}

// TestWriteFails: what was there stays, and nothing is left beside it.
func TestWriteFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "installed.json")
	if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	why := errors.New("the source broke off")
	err := durable.Write(file, 0o600, func(w io.Writer) error {
		_, err := w.Write([]byte("half"))
		return errors.Join(err, why)
	})
	if !errors.Is(err, why) {
		t.Errorf("the error is %v", err)
	}
	is(t, file, "before")
}

// is says whether a file has a text, and is alone in its folder.
func is(t *testing.T, file, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil || string(text) != want {
		t.Errorf("the file has %q, %v; wanted %q", text, err, want)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("beside it: %v, %v", entries, err)
	}
}
