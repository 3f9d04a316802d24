package core_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/sandbox"
)

// linked is a model whose weights lie in a folder of their own, outside the home.
func (h *house) linked(id string) (folder string) {
	h.t.Helper()
	folder = h.t.TempDir()
	file := filepath.Join(folder, "weights.gguf")
	must(h.t, os.WriteFile(file, tinyGGUF(), 0o600))
	h.write("models/"+id+"/model.json", fmt.Sprintf(`{"engine": "echo", "sources": [{"url": %q}]}`, file))
	return folder
}

// TestLinkedWeights: a process reads the folders that were known when it started. A model
// that lies elsewhere has a new one take its place, once for all that are linked by
// then; what is in flight ends on the old one.
func TestLinkedWeights(t *testing.T) {
	if sandbox.Supported().Landlock == 0 {
		t.Skip("not tested: this machine has no Landlock, and every process reads everything")
	}
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"tokens": 3}`})
	h.linked("first")
	h.until("the first is known", func() bool { return h.is("first", core.StateReady) })
	h.use("m")
	before := h.pids("echo")
	lease := h.acquire("m", core.Ask{})
	streaming := h.stream(lease)

	h.linked("second")
	h.until("the second is known", func() bool { return h.is("second", core.StateReady) })
	h.use("first")
	if pids := h.pids("echo"); len(pids) != 2 || pids[0] != before[0] && pids[1] != before[0] {
		t.Errorf("processes %v, and before there was %v: one is in use, and one reads the weights", pids, before)
	}
	after := h.engine("echo").Process.Pid
	if after == before[0] {
		t.Error("the process reads what it could not read when it started")
	}
	h.use("second")
	h.use("m")
	if pid := h.engine("echo").Process.Pid; pid != after {
		t.Errorf("process %d took the place of %d, which could read all that was linked", pid, after)
	}
	if n := streaming.tokens(); n == 0 {
		t.Error("the answer that was in flight is empty")
	}
	lease.Release()
	h.until("the old process has ended", func() bool { return len(h.pids("echo")) == 1 })
}

// TestLinksInTheModelsFolder lead to folders that are read too.
func TestLinksInTheModelsFolder(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.use("m") // its process knows of no other folder
	elsewhere := t.TempDir()
	must(t, os.Mkdir(filepath.Join(elsewhere, "snapshot"), 0o700))
	must(t, os.Mkdir(filepath.Join(elsewhere, "blobs"), 0o700))
	must(t, os.WriteFile(filepath.Join(elsewhere, "blobs", "1234"), tinyGGUF(), 0o600))
	must(t, os.Symlink("../blobs/1234", filepath.Join(elsewhere, "snapshot", "weights.gguf")))
	must(t, os.WriteFile(filepath.Join(elsewhere, "snapshot", "model.json"), []byte(`{"engine": "echo"}`), 0o600))
	must(t, os.Symlink(filepath.Join(elsewhere, "snapshot"), filepath.Join(h.home, "models", "linked")))
	h.until("the model is known", func() bool { return h.is("linked", core.StateReady) })
	h.use("linked")
}
