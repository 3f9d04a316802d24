package download_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/sdk"
)

func TestFetch(t *testing.T) {
	for _, size := range []int{0, 1, 511, 4 << 20, 4<<20 + 1, 20 << 20} {
		data := content(size)
		o := &origin{data: data, tag: `"1"`}
		url := serve(t, o)
		for _, f := range []download.File{{}, {Size: int64(size)}, {SHA256: sum(data)}, {Size: int64(size), SHA256: sum(data)}} {
			f.Path, f.URL = target(t), url+"/model.gguf"
			got, err := fetchOne(t, newClient(t, download.Config{}), f)
			if err != nil {
				t.Fatalf("%d bytes, %+v: %v", size, f, err)
			}
			if !bytes.Equal(got, data) {
				t.Fatalf("%d bytes: other ones came", size)
			}
			if left := names(t, filepath.Dir(f.Path)); len(left) != 1 {
				t.Fatalf("left are %q", left)
			}
		}
	}
}

func TestFetchLeavesWhatIsThere(t *testing.T) {
	o := &origin{data: content(100), tag: `"1"`}
	f := download.File{Path: target(t), URL: serve(t, o), Size: 100}
	for range 2 {
		if _, err := fetchOne(t, newClient(t, download.Config{}), f); err != nil {
			t.Fatal(err)
		}
	}
	if ranges, _ := o.asked(); len(ranges) != 1 {
		t.Fatalf("asked for %q, wanted one request", ranges)
	}
}

func TestResume(t *testing.T) {
	data := content(40 << 20)
	o := &origin{data: data, tag: `"1"`}
	f := download.File{Path: target(t), URL: serve(t, o), SHA256: sum(data)}
	c := newClient(t, download.Config{Rate: 200 << 20})
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Fetch(ctx, []download.File{f}, func(p download.Progress) {
		if p.Done > 16<<20 {
			cancel()
		}
	})
	if sdk.CodeOf(err) != sdk.CodeCanceled || !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, wanted canceled", err)
	}
	done, total, paused, ok := download.Partial(f.Path)
	if !ok || paused || total != int64(len(data)) || done <= 16<<20 || done >= total {
		t.Fatalf("partial is %d of %d, paused %v, %v", done, total, paused, ok)
	}
	if _, err := os.Stat(f.Path); err == nil {
		t.Fatal("the target is there before it is whole")
	}
	o2 := &origin{data: data, tag: `"1"`}
	f.URL = serve(t, o2)
	got, err := fetchOne(t, newClient(t, download.Config{}), f)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("after going on: %v", err)
	}
	if ranges, sent := o2.asked(); sent >= total || slices.Contains(ranges, "") {
		t.Fatalf("sent %d of %d, %d were missing; asked for %q", sent, total, total-done, ranges)
	}
}
