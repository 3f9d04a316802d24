package download_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/download"
)

// childEnv holds the file that a child, which is this test's own program, fetches.
const childEnv = "ENGINEBAY_TEST_DOWNLOAD"

func child() {
	var f download.File
	err := json.Unmarshal([]byte(os.Getenv(childEnv)), &f)
	if err == nil {
		var c *download.Client
		if c, err = download.New(download.Config{Web: loopback, Rate: 30 << 20}); err == nil {
			c.Hasten(300 * time.Millisecond) // a journal every 15 ms
			err = c.Fetch(context.Background(), []download.File{f}, nil)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// TestKill kills a downloading process at random points. What its journal claims
// must be there, the next process must make the file whole, and all of it must cost
// less than beginning anew each time.
func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data := content(12 << 20)
	var sent, anew, kept int64
	for point := range 20 {
		o := &origin{data: data, tag: `"1"`}
		f := download.File{Path: target(t), URL: serve(t, o) + "/model.gguf", SHA256: sum(data)}
		at := random.Int64N(int64(len(data)))
		killAt(t, o, f, at)
		if _, err := os.Stat(f.Path); err == nil {
			continue // it was quicker than the signal
		}
		done := claimed(t, f.Path, data)
		_, before := o.asked()
		c := newClient(t, download.Config{})
		got, err := fetchOne(t, c, f)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("point %d, killed after %d bytes: %v, the right bytes: %v", point, at, err, bytes.Equal(got, data))
		}
		if left := names(t, filepath.Dir(f.Path)); len(left) != 1 {
			t.Errorf("left are %q", left)
		}
		_, after := o.asked()
		sent, anew, kept = sent+after, anew+before+int64(len(data)), kept+done
	}
	t.Logf("sent %d MB, from the beginning each time that had been %d MB; the journals had %d MB", sent>>20, anew>>20, kept>>20)
	if kept == 0 || sent >= anew {
		t.Error("nothing was gained by what had come before")
	}
}

// killAt fetches in another process, and kills that once so many bytes were sent.
func killAt(t *testing.T, o *origin, f download.File, at int64) {
	t.Helper()
	order, err := json.Marshal(map[string]any{"Path": f.Path, "URL": f.URL, "SHA256": f.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(order))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	o.when(at, func() { cmd.Process.Kill() })
	<-gone
}

// claimed is how much a journal claims, all of which must be in the partial.
func claimed(t *testing.T, path string, data []byte) (sum int64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part.json"))
	if err != nil {
		return 0 // killed before there was one
	}
	var j struct {
		Done []struct{ From, To int64 }
	}
	if err := json.Unmarshal(text, &j); err != nil {
		t.Fatalf("the journal is broken: %v", err)
	}
	part, err := os.ReadFile(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part"))
	for _, s := range j.Done {
		if err != nil || int64(len(part)) < s.To || !bytes.Equal(part[s.From:s.To], data[s.From:s.To]) {
			t.Fatalf("the journal claims [%d, %d), which is not there (%v)", s.From, s.To, err)
		}
		sum += s.To - s.From
	}
	return sum
}
