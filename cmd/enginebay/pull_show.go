package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// display is how models on their way are shown.
type display interface {
	// progress shows how far those are that are on their way, and a note about
	// all of them, which may be empty. It is called often.
	progress(going []*pulling, note string)
	// ended tells what became of one.
	ended(p *pulling)
	// say tells a sentence about something else.
	say(format string, args ...any)
}

func newDisplay(cmd *cobra.Command, asJSON, quiet bool) display {
	told := teller{cmd.OutOrStdout(), cmd.ErrOrStderr()}
	switch {
	case asJSON:
		return &jsonLines{teller: told}
	case quiet:
		return ids{told}
	}
	return forPeople(told)
}

// forPeople is on a terminal where there is one.
func forPeople(told teller) display {
	if s := newScreen(told.err); s != nil {
		return &bars{told, s}
	}
	return &plainLines{teller: told, last: map[string]time.Time{}}
}

// teller tells how things end.
type teller struct{ out, err io.Writer }

func (t teller) say(format string, args ...any) { fmt.Fprintf(t.err, format+"\n", args...) }

func (t teller) ended(p *pulling) {
	switch p.end {
	case pullFailed:
		t.say("enginebay: %s", p.failure())
	case pullCancelled:
		t.say("%s", p.cancelled())
	case pullListed:
		fmt.Fprintf(t.out, "%s can be downloaded: enginebay pull %s\n", p.id, p.id)
	case pullLeft:
		fmt.Fprintf(t.out, "the server downloads %s; how far it is: enginebay list; to stop it: enginebay cancel %s\n", p.id, p.id)
	default:
		run := "; run it: enginebay run " + p.id
		if p.unrunnable {
			run = ""
		}
		fmt.Fprintf(t.out, "%s is %s%s\n", p.id, p.how(), run)
	}
	switch {
	case p.others == 0, p.end == pullCancelled:
	case p.imported:
		t.say("%s with it: enginebay list", counted(p.others, "further model came", "further models came"))
	default:
		t.say("%s listed: enginebay list --all", counted(p.others, "further variant is", "further variants are"))
	}
}

// how is "ready (4.4 GB in 3m20s)".
func (p *pulling) how() string {
	switch {
	case p.here:
		return "here already"
	case p.began.IsZero() || p.download == nil || p.download.Total == 0:
		return "ready"
	}
	return fmt.Sprintf("ready (%s in %s)", sizeText(p.download.Total), briefly(time.Since(p.began)))
}

// counted is "1 model" or "2 models".
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// failure is why, and how what is here is used.
func (p *pulling) failure() string {
	if kept := p.download.kept(); kept != "" {
		return fmt.Sprintf("%s: %v\n%s are kept; to go on: enginebay pull %s", p.id, p.err, kept, p.id)
	}
	return fmt.Sprintf("%s: %v", p.id, p.err)
}

// bars are painted on a terminal, one for each model.
type bars struct {
	teller
	screen *screen
}

func (b *bars) progress(going []*pulling, note string) {
	var all []progressBar
	for _, p := range going {
		all = append(all, progressBar{p.id, p.download})
	}
	columns, _ := b.screen.size()
	lines := barLines(all, columns)
	if note != "" {
		lines = append(lines, note)
	}
	b.screen.paint(lines)
}

func (b *bars) ended(p *pulling) {
	b.screen.clear()
	b.teller.ended(p)
}

func (b *bars) say(format string, args ...any) {
	b.screen.clear()
	b.teller.say(format, args...)
}
