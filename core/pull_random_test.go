package core_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// TestPullMachine has several drivers pull, cancel, remove, edit and rename models at
// random: what is ready is whole then, nobody is stuck, and nothing goes on that
// nobody wants.
func TestPullMachine(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv(seedVariable); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("run it again with %s=%d", seedVariable, seed)
	c := newCatalogue(t)
	projector := c.plan("m/mmproj", 1)
	var plans []sdk.Plan
	for _, id := range []string{"m/a", "m/b", "m/c"} {
		p := c.plan(id, 1)
		p.Files = append(p.Files, projector.Files[0])
		p.Manifest.Settings = map[string]any{"mmproj": projector.Files[0].Path}
		plans = append(plans, p)
	}
	c.offer("m", plans...)
	c.offer("n", c.plan("n", 1))
	h := c.shop(core.Limits{}, core.Downloads{Connections: 1, Rate: 8 << 20})
	ids := []string{"m/a", "m/b", "m/c", "n"}
	var wait sync.WaitGroup
	var renaming sync.Mutex
	for n := range uint64(5) {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(seed, n))
			for range 60 {
				id := ids[random.IntN(len(ids))]
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(200)+1)*time.Millisecond)
				switch random.IntN(12) {
				case 0, 1, 2:
					_, _ = h.Pull(ctx, core.PullRequest{Ref: sdk.Ref("fake://" + string(id[0])), CatalogueOnly: random.IntN(4) == 0})
				case 3, 4, 5:
					_, _ = h.Download(ctx, id)
				case 6, 7:
					_, _ = h.Cancel(ctx, id, random.IntN(2) == 0)
				case 8:
					_, _ = h.Remove(ctx, id, random.IntN(2) == 0)
				case 9:
					_, _ = h.Edit(id, func(m *sdk.Manifest) error { m.Description = fmt.Sprint(random.IntN(9)); return nil })
				case 10:
					for m := range h.EachModel {
						_ = m.JSON()
					}
				case 11:
					renaming.Lock()
					dir := filepath.Join(h.home, "models", id[:1])
					if os.Rename(dir, dir+"x") == nil {
						time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
						_ = os.Rename(dir+"x", dir)
					}
					renaming.Unlock()
				}
				cancel()
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		panic("a driver is stuck")
	}
	h.until("all downloads have ended", func() bool { return h.Downloads().Active == 0 })
	for m := range h.EachModel {
		if m.State != core.StateReady {
			continue
		}
		for _, file := range append(m.Files, m.MMProj) {
			if data, err := os.ReadFile(file); file != "" && (err != nil || !bytes.Equal(data, tinyGGUF())) {
				t.Errorf("%s: %s is not whole: %v", m.ID, file, err)
			}
		}
	}
	for _, ref := range []sdk.Ref{"fake://m", "fake://n"} {
		pulled, err := h.Pull(t.Context(), core.PullRequest{Ref: ref})
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		h.has(pulled.Model.ID)
	}
	h.Close()
}
