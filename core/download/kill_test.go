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
	"sync"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/sdk"
)

// childEnv holds the file that a child, which is this test's own program, fetches.
const childEnv = "ENGINEBAY_TEST_DOWNLOAD"

func child() {
	var f download.File
	err := json.Unmarshal([]byte(os.Getenv(childEnv)), &f)
	if err == nil {
		var c *download.Client
		if c, err = download.New(download.Config{Web: loopback}); err == nil {
			c.Hasten(time.Minute, 10*time.Millisecond)
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
// must be there, the next process must make the file whole, and it must not fetch
// again what was there.
func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data := content(12 << 20)
	var kept int64
	for point := range 20 {
		f := download.File{Path: target(t), SHA256: sum(data)}
		at := 1<<20 + random.Int64N(10<<20)
		killAt(t, &origin{data: data, tag: `"1"`}, f, at)
		done := claimed(t, f.Path, data)
		kept += done
		f.URL = serve(t, &origin{data: data, tag: `"1"`})
		c := newClient(t, download.Config{})
		got, err := fetchOne(t, c, f)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("point %d, killed after %d bytes: %v, the right bytes: %v", point, at, err, bytes.Equal(got, data))
		}
		if left := names(t, filepath.Dir(f.Path)); len(left) != 1 {
			t.Errorf("left are %q", left)
		}
		const twice = 1 << 20 // where one lane takes over from another
		if again := int64(c.Received()); done == 0 || again >= int64(len(data)) || again > int64(len(data))-done+twice {
			t.Errorf("point %d, killed after %d bytes: there were %d of %d, and %d were fetched again", point, at, done, len(data), again)
		}
	}
	t.Logf("of %d MB in all, %d MB were kept", 20*len(data)>>20, kept>>20)
}

// killAt fetches in another process, and kills that once so many bytes were sent and
// something of it is safe.
func killAt(t *testing.T, o *origin, f download.File, at int64) {
	t.Helper()
	ready, killed := make(chan struct{}), make(chan struct{})
	enough := sync.OnceFunc(func() { close(ready) })
	o.before = func(sent int64) {
		if sent < at {
			return
		}
		enough()
		<-killed
	}
	order, err := json.Marshal(map[string]any{"Path": f.Path, "URL": serve(t, o), "SHA256": f.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(order))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-ready
	for poll := time.NewTicker(time.Millisecond); ; <-poll.C {
		if done, _, _, _ := download.Partial(f.Path); done > 0 {
			poll.Stop()
			break
		}
	}
	cmd.Process.Kill()
	close(killed)
	if err := cmd.Wait(); err == nil {
		t.Fatal("it ended by itself")
	}
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

// TestTwoServers: of a folder that two servers share, one fetches a file; the other
// takes its partial neither over nor away.
func TestTwoServers(t *testing.T) {
	data := content(12 << 20)
	o := &origin{data: data, tag: `"1"`}
	reached, release := make(chan struct{}), make(chan struct{})
	reach := sync.OnceFunc(func() { close(reached) })
	o.before = func(sent int64) {
		if sent > 4<<20 {
			reach()
			<-release
		}
	}
	f := download.File{Path: target(t), URL: serve(t, o)}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+fmt.Sprintf(`{"Path": %q, "URL": %q}`, f.Path, f.URL))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	<-reached
	other := f
	other.URL = serve(t, &origin{data: data, tag: `"2"`})
	if _, err := fetchOne(t, newClient(t, download.Config{}), other); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("the second one fetches: %v", err)
	}
	if err := download.Discard(f.Path); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("the second one discards: %v", err)
	}
	close(release)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, data) {
		t.Errorf("what came is not right: %v", err)
	}
	if left := names(t, filepath.Dir(f.Path)); len(left) != 1 {
		t.Errorf("left are %q", left)
	}
}
