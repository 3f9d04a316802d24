//go:build unix

package download_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/download"
)

// TestJournalThatIsNone: what somebody has put in the place of a journal holds up
// nobody.
func TestJournalThatIsNone(t *testing.T) {
	path := target(t)
	must(t, syscall.Mkfifo(filepath.Join(filepath.Dir(path), ".model.gguf.part.json"), 0o600))
	told := make(chan bool, 1)
	go func() {
		_, _, _, ok := download.Partial(path)
		told <- ok
	}()
	select {
	case ok := <-told:
		if ok {
			t.Error("it is believed")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it is waited for")
	}
	f := download.File{Path: path, URL: serve(t, &origin{data: content(100)})}
	if _, err := fetchOne(t, newClient(t, download.Config{}), f); err != nil {
		t.Error(err)
	}
}
