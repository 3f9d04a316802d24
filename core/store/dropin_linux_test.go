package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAdoptWaitsForWriters: a file that has its size from the beginning is not
// whole as long as a program writes to it.
func TestAdoptWaitsForWriters(t *testing.T) {
	models := plant(t, tree{"x.gguf": tinyGuide(t)})
	longAgo(t, models)
	writer, err := os.OpenFile(filepath.Join(models, "x.gguf"), os.O_WRONLY, 0)
	must(t, err)
	defer writer.Close()
	s := open(t, models)
	must(t, s.Adopt(20*time.Millisecond))
	m := model(t, s, "x")
	checkErr(t, m, models, "a program still writes to x.gguf")
	if m.Ready {
		t.Error("it is ready")
	}
	must(t, writer.Close())
	eventually(t, s, "taken in", func() bool { return model(t, s, "x").Ready })
}
