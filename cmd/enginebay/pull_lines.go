package main

import (
	"encoding/json"
	"fmt"
	"time"
)

// sayAgain is how often a line tells of a download where there is no terminal.
const sayAgain = 5 * time.Second

// plainLines are for logs: now and then one for each model.
type plainLines struct {
	teller
	last map[string]time.Time // when each model, or the note, was told of
	note string
}

func (l *plainLines) progress(going []*pulling, note string) {
	if note != l.note && note != "" {
		l.say("%s", note)
	}
	l.note = note
	for _, p := range going {
		if p.download == nil || time.Since(l.last[p.id+p.download.Phase]) < sayAgain {
			continue
		}
		l.last[p.id+p.download.Phase] = time.Now()
		l.say("%s: %s", p.id, p.download.sentence())
	}
}

// sentence is "downloading, 43 %, 1.9 GB of 4.4 GB, 12.3 MB/s, 3m20s left".
func (d *download) sentence() string {
	s := d.Phase
	for _, fact := range []string{d.percent(), d.amount()} {
		if fact != "" {
			s += ", " + fact
		}
	}
	if d.Phase != "downloading" {
		return s
	}
	if speed := d.speed(); speed != "" {
		s += ", " + speed
	}
	if left := d.left(); left != "" {
		s += ", " + left + " left"
	}
	return s
}

// ids are for scripts: those of the models that are here, and nothing else.
type ids struct{ teller }

func (ids) progress([]*pulling, string) {}

func (i ids) ended(p *pulling) {
	switch p.end {
	case pullFailed, pullCancelled:
		i.teller.ended(p)
	default:
		fmt.Fprintln(i.out, p.id)
	}
}

// jsonLines are the events of the API, one in a line.
type jsonLines struct {
	teller
	last map[string]string // the line about each model's progress
}

func (j *jsonLines) progress(going []*pulling, _ string) {
	last := map[string]string{}
	for _, p := range going {
		if p.download == nil {
			continue
		}
		line := oneLine(event{Type: "download.progress", Model: p.id, Download: p.download})
		if last[p.id] = line; line != j.last[p.id] {
			fmt.Fprint(j.out, line)
		}
	}
	j.last = last
}

func (j *jsonLines) ended(p *pulling) {
	switch p.end {
	case pullFailed:
		j.teller.ended(p)
		fmt.Fprint(j.out, oneLine(event{Type: "model.error", Model: p.id, Error: p.err.Error()}))
	case pullCancelled:
		fmt.Fprint(j.out, oneLine(event{Type: "model.state", Model: p.id, State: pullListed}))
	default:
		fmt.Fprint(j.out, oneLine(event{Type: "model.state", Model: p.id, State: p.end}))
	}
}

func oneLine(e event) string {
	data, _ := json.Marshal(e) // of texts and numbers: it cannot fail
	return string(data) + "\n"
}
