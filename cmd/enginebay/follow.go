package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

const (
	// silence is how long a stream of events may say nothing: three heartbeats of
	// the server. After that the line is dead.
	silence = 45 * time.Second
	// followAgain is the pause before a stream that was cut is opened again.
	followAgain = time.Second
)

// event is what the commands use of an event of the API.
type event struct {
	Type     string    `json:"type"`
	Model    string    `json:"model,omitempty"`
	Plugin   string    `json:"plugin,omitempty"`
	State    string    `json:"state,omitempty"`
	Error    string    `json:"error,omitempty"`
	Download *download `json:"download,omitempty"`
}

// cut is the event of our own that tells that the stream was broken off.
const cut = "cut"

// follow hands on the events of the server until ctx ends, over cuts and restarts
// of the server: each is told as an event of its own, and nothing that the server
// still knows is missed. It never gives up; whoever reads must see for himself
// whether there is still a server.
func (c client) follow(ctx context.Context, events chan<- event) {
	last := ""
	send := func(e event) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		last = c.listen(ctx, last, send)
		send(event{Type: cut})
		select {
		case <-ctx.Done():
		case <-time.After(followAgain):
		}
	}
}

// listen hands on the events of one stream, and returns the id of the last.
func (c client) listen(ctx context.Context, last string, each func(event)) string {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/events", nil)
	if err != nil {
		return last
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	dead := time.AfterFunc(silence, cancel)
	defer dead.Stop()
	resp, err := c.do(req)
	if err != nil {
		return last
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		dead.Reset(silence)
		if id, ok := bytes.CutPrefix(lines.Bytes(), []byte("id: ")); ok {
			last = string(id)
		}
		var e event
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok && json.Unmarshal(data, &e) == nil {
			each(e)
		}
	}
	return last
}

// open opens the stream of what happens from now on.
func (c client) open(ctx context.Context) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, "/v1/events", nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// eachEvent reads a stream until it ends, or each returns false.
func eachEvent(stream io.Reader, each func(event) (more bool)) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		var e event
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok && json.Unmarshal(data, &e) == nil && !each(e) {
			return
		}
	}
}
