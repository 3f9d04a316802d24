package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// quietFor is how long a download may be silent before its state is asked for.
	quietFor = 2 * time.Second
	// awayFor is how long a server may be away, for a restart or an update.
	awayFor = 2 * time.Minute
	// cancelTimeout is for the last words to a server at Ctrl-C.
	cancelTimeout = 5 * time.Second
)

// The ends of a pull.
const (
	pullReady     = "ready"
	pullListed    = "to_download"
	pullLeft      = "downloading" // and nobody waits for it
	pullFailed    = "failed"
	pullCancelled = "cancelled"
)

// pulling is one model on its way.
type pulling struct {
	id         string
	others     int       // variants that were catalogued with it
	joined     bool      // its download was going on before
	here       bool      // it needed none
	unrunnable bool      // nothing here runs it
	imported   bool      // of files; so are the others
	began      time.Time // zero where nothing is fetched
	download   *download
	end        string // empty while it is on its way
	err        error  // why it failed
	heard      time.Time
	lost       bool // the server was away: it may have to be asked again
	stopped    bool // it was seen to be neither here nor on its way
}

func (p *pulling) fail(err error) { p.end, p.err = pullFailed, err }

// watch follows models until each has come to its end. The events of the server
// tell how far they are; its answer about a model tells what became of it.
type watch struct {
	client  client
	display display
	all     []*pulling
	told    map[*pulling]bool // whose end has been told
	note    string            // what is done beside them
	away    time.Time         // since when the server does not answer; zero where it does
}

func newWatch(c client, d display) *watch {
	return &watch{client: c, display: d, told: map[*pulling]bool{}}
}

// run returns when nothing is on its way any more, or when ctx ends: then what it
// began is cancelled.
func (w *watch) run(ctx context.Context) error {
	if w.tell() == 0 {
		return w.verdict()
	}
	events, stop := w.events(ctx)
	defer stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for w.tell() > 0 {
		select {
		case <-ctx.Done():
			w.cancel(context.WithoutCancel(ctx))
			return ctx.Err()
		case e := <-events:
			w.hear(ctx, e)
		case now := <-tick.C:
			w.ask(ctx, func(p *pulling) bool { return now.Sub(p.heard) >= quietFor })
		}
	}
	return w.verdict()
}

// events are those of the server until stop is called.
func (w *watch) events(ctx context.Context) (events <-chan event, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	c, ended := make(chan event), make(chan struct{})
	go func() { defer close(ended); w.client.follow(ctx, c) }()
	return c, func() { cancel(); <-ended }
}

// verdict is an error without words where one failed: that has been told.
func (w *watch) verdict() error {
	for _, p := range w.all {
		if p.end != pullReady && p.end != pullListed {
			return quietError{}
		}
	}
	return nil
}

// tell shows how things are, and returns how many are on their way.
func (w *watch) tell() int {
	var going []*pulling
	for _, p := range w.all {
		switch {
		case p.end == "":
			going = append(going, p)
		case !w.told[p]:
			w.told[p] = true
			w.display.ended(p)
		}
	}
	note := w.note
	if !w.away.IsZero() {
		note = fmt.Sprintf("no server answers at %s; waiting for it", w.client.base)
	}
	w.display.progress(going, note)
	return len(going)
}

func (w *watch) hear(ctx context.Context, e event) {
	switch e.Type {
	case cut:
		for _, p := range w.all {
			p.lost = true
		}
		w.ask(ctx, func(*pulling) bool { return true })
	case "events.lost":
		w.ask(ctx, func(*pulling) bool { return true })
	case "download.progress":
		for _, p := range w.all {
			if p.id == e.Model && p.end == "" {
				p.download, p.heard = e.Download, time.Now()
			}
		}
	default: // a state, an error, a folder that was removed
		for _, p := range w.all {
			p.stopped = p.stopped || p.id == e.Model && e.State == "to_download"
		}
		w.ask(ctx, func(p *pulling) bool { return p.id == e.Model })
	}
}

// ask asks the server about those that are on their way and chosen.
func (w *watch) ask(ctx context.Context, chosen func(*pulling) bool) {
	for _, p := range w.all {
		if p.end != "" || !chosen(p) {
			continue
		}
		err := w.refresh(ctx, p)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			w.away = time.Time{}
		case !isAway(err):
			p.fail(err)
		case w.away.IsZero():
			w.away = time.Now()
		case time.Since(w.away) > awayFor:
			p.fail(fmt.Errorf("%w; the download of %s goes on when there is a server again", err, p.id))
		}
	}
}

// isAway says whether err is of a server that is not there just now.
func isAway(err error) bool {
	var r *refusal
	return !errors.As(err, &r) || hasStatus(err, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
}

// refresh learns what became of a model.
func (w *watch) refresh(ctx context.Context, p *pulling) error {
	var m model
	if err := w.client.get(ctx, modelPath(p.id), &m); err != nil {
		p.lost = p.lost || isAway(err)
		return err
	}
	p.heard = time.Now()
	if m.Download != nil {
		p.download = m.Download
	}
	switch {
	case m.State == "ready" || m.State == "running":
		p.end = pullReady
	case m.State == "downloading":
		p.lost, p.stopped = false, false
	case m.Error != "":
		p.download = m.Download // what was useless is not kept
		p.fail(errors.New(m.Error))
	case p.lost: // the server was started anew
		p.lost = false
		_, err := w.client.call(ctx, http.MethodPost, modelPath(p.id)+"/download", nil)
		return err
	case p.stopped:
		p.end = pullCancelled
	default: // perhaps the server is about to end
		p.stopped = true
	}
	return nil
}

// cancel stops on the server what was begun here.
func (w *watch) cancel(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, cancelTimeout)
	defer done()
	w.display.progress(nil, "")
	for _, p := range w.all {
		switch {
		case p.end != "":
		case p.joined:
			w.display.say("the server goes on with %s; to stop that: enginebay cancel %s", p.id, p.id)
		default:
			if _, err := w.client.call(ctx, http.MethodPost, modelPath(p.id)+"/cancel", nil); err != nil {
				w.display.say("%s could not be cancelled: %v", p.id, err)
				continue
			}
			p.end = pullCancelled
			w.display.ended(p)
		}
	}
}

// cancelled says that a download was, and how it goes on.
func (p *pulling) cancelled() string {
	kept := ""
	if of := p.download.kept(); of != "" {
		kept = " at " + of
	}
	return fmt.Sprintf("the download of %s was cancelled%s; to go on: enginebay pull %s", p.id, kept, p.id)
}
