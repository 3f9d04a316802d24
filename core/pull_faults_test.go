package core_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// TestDownloadCalledOffBeforeItBegan: who cancels, or removes, a model while its
// importer is still being asked gets no download after that.
func TestDownloadCalledOffBeforeItBegan(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*house) error
		gone bool
	}{
		"canceled":        {func(h *house) error { _, err := h.Cancel(h.t.Context(), "m", false); return err }, false},
		"discarded":       {func(h *house) error { _, err := h.Cancel(h.t.Context(), "m", true); return err }, false},
		"removed":         {func(h *house) error { _, err := h.Remove(h.t.Context(), "m", true); return err }, true},
		"removed by hand": {func(h *house) error { return os.RemoveAll(filepath.Join(h.home, "models", "m")) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			plan := c.plan("m", 1)
			c.offer("file-m.gguf", plan)
			h := c.shop(core.Limits{}, core.Downloads{})
			h.write("models/m/model.json", `{"sources": [{"filename": "m.gguf", "url": "`+plan.Files[0].URL+`"}]}`)
			h.until("the model is there", func() bool { _, err := h.Model("m"); return err == nil })
			release := c.hold("/plans/file-m.gguf")
			defer release()
			ended := make(chan error, 1)
			go func() {
				_, err := h.Download(t.Context(), "m")
				ended <- err
			}()
			h.until("the importer is asked", func() bool { return len(c.requests("/plans/file-m.gguf")) > 0 })
			must(t, test.end(h))
			if test.gone {
				h.until("the model is gone", func() bool { _, err := h.Model("m"); return sdk.CodeOf(err) == sdk.CodeNotFound })
			}
			release()
			if err := <-ended; err == nil {
				t.Error("the download begins all the same")
			}
			h.until("nothing is downloaded", func() bool { return h.Downloads().Active == 0 })
			if asked := c.requests("/files/"); len(asked) > 0 {
				t.Errorf("asked for %v", asked)
			}
			left, _ := filepath.Glob(filepath.Join(h.home, "models", "m", "*"))
			if _, err := os.Stat(filepath.Join(h.home, "models", "m")); test.gone && err == nil {
				t.Errorf("the folder is back: %v", left)
			}
		})
	}
}

// TestSharedProjector: what becomes of one variant does no harm to the download of
// another one of its folder, with which it shares a file.
func TestSharedProjector(t *testing.T) {
	for name, end := range map[string]func(h *house) error{
		"paused":    func(h *house) error { _, err := h.Cancel(h.t.Context(), "m/a", false); return err },
		"discarded": func(h *house) error { _, err := h.Cancel(h.t.Context(), "m/a", true); return err },
		"removed":   func(h *house) error { _, err := h.Remove(h.t.Context(), "m/a", false); return err },
		"purged":    func(h *house) error { _, err := h.Remove(h.t.Context(), "m/a", true); return err },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			a, b, projector := c.plan("m/a", 1), c.plan("m/b", 1), c.plan("m/mmproj", 1)
			for _, p := range []*sdk.Plan{&a, &b} {
				p.Files = append(p.Files, projector.Files[0])
				p.Manifest.Settings = map[string]any{"mmproj": projector.Files[0].Path}
			}
			c.offer("m", a, b)
			h := c.shop(core.Limits{}, core.Downloads{Connections: 1})
			h.pull(core.PullRequest{Ref: "fake://m", CatalogueOnly: true})
			release := c.hold(projector.Files[0].Path)
			defer release()
			for _, id := range []string{"m/b", "m/a"} {
				_, err := h.Download(t.Context(), id)
				must(t, err)
				h.until("the projector comes", func() bool {
					m, _ := h.Model("m/b")
					return m.Download != nil && len(m.Download.Files) > 1 && m.Download.Files[1].Done > 0
				})
			}
			must(t, end(h))
			if journal, err := os.ReadFile(filepath.Join(h.home, "models/m", "."+projector.Files[0].Path+".part.json")); err != nil || bytes.Contains(journal, []byte("paused")) {
				t.Errorf("the other one's download does not go on at the next start: %s, %v", journal, err)
			}
			release()
			h.has("m/b")
			if m, err := h.Model("m/b"); err != nil || m.MMProj == "" {
				t.Errorf("its projector is %q, %v", m.MMProj, err)
			}
		})
	}
}

// TestTokenThatIsNone: what stands in a token's file is somebody else's, and must not
// keep the server from starting, nor stand against other downloads.
func TestTokenThatIsNone(t *testing.T) {
	c, other := newCatalogue(t), newCatalogue(t)
	address := other.plan("m", 1).Files[0].URL
	home := t.TempDir()
	must(t, os.WriteFile(filepath.Join(home, "token"), []byte("first-line\nsecond-line\n"), 0o600))
	h := c.reopen(home, core.Limits{}, core.Downloads{Tokens: map[string]string{other.URL: "file:" + filepath.Join(home, "token")}})
	h.pull(core.PullRequest{Ref: sdk.Ref(address)})
	h.has("m")
	for _, asked := range other.requests("/files/") {
		if strings.Contains(asked, "-line") {
			t.Errorf("it was sent: %s", asked)
		}
	}
	if log := h.log.String(); strings.Contains(log, "-line") || !strings.Contains(log, "origin="+other.URL) || !strings.Contains(log, "origin="+c.URL) {
		t.Errorf("the log says %s", log)
	}
}

// TestOtherSources: a download ends with the sources that it was from.
func TestOtherSources(t *testing.T) {
	c := newCatalogue(t)
	c.offer("m", c.plan("m", 1))
	other := c.plan("other", 1).Files[0]
	h := c.shop(core.Limits{}, core.Downloads{Connections: 1})
	defer c.hold("m.gguf")()
	h.pull(core.PullRequest{Ref: "fake://m"})
	h.until("half is there", func() bool { m, _ := h.Model("m"); return m.Download != nil && m.Download.Done > 0 })
	m, err := h.Edit("m", func(m *sdk.Manifest) error { m.Description = "mine"; return nil })
	if err != nil || m.State != core.StateDownloading {
		t.Errorf("another change: %s, %v", m.State, err)
	}
	m, err = h.Edit("m", func(m *sdk.Manifest) error {
		m.Sources = []sdk.Source{{Filename: other.Path, URL: other.URL, Size: other.Size, SHA256: other.SHA256}}
		return nil
	})
	if left, _ := filepath.Glob(filepath.Join(h.home, "models/m/.*")); err != nil || m.State != core.StateToDownload || m.Download != nil || len(left) > 0 {
		t.Errorf("%+v, %v, left %v", m.Status, err, left)
	}
	_, err = h.Download(t.Context(), "m")
	must(t, err)
	h.has("m")
}
