package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// paintAgain is how often the bar of a transfer is painted.
const paintAgain = 200 * time.Millisecond

// transfer is one stream between this program and the server, with a bar.
type transfer struct {
	name    string
	total   int64 // bytes; 0 where unknown
	done    int64
	began   time.Time
	painted time.Time
	screen  *screen // nil: nothing is shown
}

func newTransfer(cmd *cobra.Command, name string, total int64, silent bool) *transfer {
	t := &transfer{name: name, total: total, began: time.Now()}
	if !silent {
		t.screen = newScreen(cmd.ErrOrStderr())
	}
	return t
}

// reader counts what is read.
func (t *transfer) reader(r io.Reader) io.Reader { return io.TeeReader(r, t) }

// Write implements io.Writer: it counts.
func (t *transfer) Write(p []byte) (int, error) {
	t.done += int64(len(p))
	if t.screen != nil && time.Since(t.painted) >= paintAgain {
		t.painted = time.Now()
		columns, _ := t.screen.size()
		t.screen.paint(barLines([]progressBar{{t.name, t.download()}}, columns))
	}
	return len(p), nil
}

func (t *transfer) download() *download {
	d := &download{Done: t.done, Total: t.total, ETA: -1}
	if elapsed := time.Since(t.began).Seconds(); elapsed > 0 {
		d.Speed = float64(t.done) / elapsed
	}
	if d.Speed > 0 && t.total > 0 {
		d.ETA = int64(float64(t.total-t.done) / d.Speed)
	}
	return d
}

// end takes the bar away.
func (t *transfer) end() {
	if t.screen != nil {
		t.screen.clear()
	}
}

// sum is "883.2 kB in 2s".
func (t *transfer) sum() string {
	return fmt.Sprintf("%s in %s", sizeText(t.done), briefly(time.Since(t.began)))
}
