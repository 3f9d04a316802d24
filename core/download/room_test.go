package download_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/sdk"
)

// TestRoomAgain: a download for which there was no room takes none away from those
// that come after it.
func TestRoomAgain(t *testing.T) {
	const size = 20 << 20
	o := &origin{data: content(size), tag: `"1"`}
	f := download.File{Path: target(t), URL: serve(t, o)} // of unknown size: only its partial tells
	var free atomic.Uint64
	free.Store(1 << 40)
	c := newClient(t, download.Config{Rate: 100 << 20, Free: func(string) (uint64, error) { return free.Load(), nil }})
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Fetch(ctx, []download.File{f}, func(p download.Progress) {
		if p.Done > 4<<20 {
			cancel()
		}
	})
	if sdk.CodeOf(err) != sdk.CodeCanceled {
		t.Fatalf("error is %v, wanted canceled", err)
	}
	free.Store(1 << 20)
	for range 3 {
		if err := c.Fetch(t.Context(), []download.File{f}, nil); sdk.CodeOf(err) != sdk.CodeExhausted {
			t.Fatalf("error is %v, wanted exhausted", err)
		}
	}
	free.Store(size)
	if err := c.Fetch(t.Context(), []download.File{f}, nil); err != nil {
		t.Errorf("now there is room: %v", err)
	}
}
