package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"
)

// showLoad tells on the terminal how far a model's load has come, until stop is
// called. It writes nothing where standard error is no terminal, and nothing for
// a model that is there at once.
func (c client) showLoad(ctx context.Context, id string) (stop func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		shown := false
		for {
			select {
			case <-ctx.Done():
				if shown {
					fmt.Fprint(os.Stderr, "\r\x1b[K")
				}
				return
			case <-time.After(300 * time.Millisecond):
			}
			var m model
			if c.get(ctx, modelPath(id), &m) == nil && m.Transition == "starting" {
				fmt.Fprintf(os.Stderr, "\r\x1b[Kloading %s%s", m.ID, percent(m.Progress))
				shown = true
			}
		}
	}()
	return func() { cancel(); <-done }
}

func percent(fraction *float64) string {
	if fraction == nil {
		return " …"
	}
	return fmt.Sprintf(" … %.0f %%", *fraction*100)
}
