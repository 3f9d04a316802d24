package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// puller begins downloads.
type puller struct {
	client  client
	display display
	flags   pullFlags
	before  map[string]model // the models as they were, by id
	watch   *watch
}

func newPuller(c *config, d display, f pullFlags) *puller {
	client := c.client()
	return &puller{client: client, display: d, flags: f, watch: newWatch(client, d)}
}

// A source is what a model is made of.
type source struct {
	ref   string
	mode  string // of files of the server's machine: "copy", "link", "move"
	doing string // what is said while the server answers
	hint  string // what else to try where the server does not find it
}

// run begins the download of each, and follows them. One that cannot be begun does
// not keep the others from it.
func (p *puller) run(ctx context.Context, sources []source) error {
	settings, err := parseSettings(p.flags.set)
	if err != nil {
		return err
	}
	if err := p.look(ctx); err != nil {
		return err
	}
	w := p.watch
	failed := false
	for _, source := range sources {
		if _, known := p.before[source.ref]; !known {
			w.note = source.doing
		}
		w.tell()
		pulling, err := p.begin(ctx, source, settings)
		w.note = ""
		switch {
		case ctx.Err() != nil: // what was begun is cancelled by the watch
		case err != nil:
			failed = true
			p.display.say("enginebay: %v", about(source, len(sources), err))
		default:
			w.all = append(w.all, pulling)
		}
	}
	if p.flags.detach || p.flags.noFetch {
		p.leave(w.all)
	} else if err := w.run(ctx); err != nil {
		return err
	}
	if failed {
		return quietError{}
	}
	return nil
}

// about says of which source an error is, where there are several and it does not say so.
func about(s source, of int, err error) error {
	if of == 1 || strings.Contains(err.Error(), s.ref) {
		return err
	}
	return fmt.Errorf("%s: %w", s.ref, err)
}

// look notes which models there are.
func (p *puller) look(ctx context.Context) error {
	var list modelList
	if err := p.client.get(ctx, "/v1/models", &list); err != nil {
		return err
	}
	p.before = map[string]model{}
	for _, m := range list.Data {
		p.before[m.ID] = m
	}
	return nil
}

// begun is the server's answer to a download that begins.
type begun struct {
	ID       string   `json:"id"`
	State    string   `json:"state"`
	Others   []string `json:"others"`
	Warnings []string `json:"warnings"`
}

// begin has the server download a source or a model.
func (p *puller) begin(ctx context.Context, s source, settings map[string]any) (*pulling, error) {
	answer := begun{ID: s.ref, State: "to_download"}
	var err error
	if m, listed := p.before[s.ref]; listed && s.mode == "" && p.flags.variant != "" {
		return nil, m.noVariants()
	}
	if p.knows(ctx, s) {
		err = p.again(ctx, &answer, settings)
	} else {
		answer, err = p.resolve(ctx, s, settings)
	}
	if err != nil {
		return nil, err
	}
	one := p.pulling(answer)
	one.imported = s.mode != ""
	if one.imported && answer.State == "to_download" { // an archive without weights
		one.end = pullListed
	}
	return one, nil
}

// knows says whether a source is a model that is listed, if only since a moment.
func (p *puller) knows(ctx context.Context, s source) bool {
	if s.mode != "" || p.flags.variant != "" || strings.Contains(s.ref, "://") {
		return false
	}
	if _, known := p.before[s.ref]; known {
		return true
	}
	var m model
	if err := p.client.get(ctx, modelPath(s.ref), &m); err != nil {
		return false // the server says what it could be
	}
	p.before[s.ref] = m
	return true
}

// noVariants is said to who wants another variant of a model that is listed: its
// repository has them.
func (m model) noVariants() error {
	of := "as in hf://OWNER/REPO"
	if repository, _ := m.Metadata["repository"].(string); repository != "" {
		of = repository
	}
	return fmt.Errorf("%s is one variant already; --variant is for a source, %s", m.ID, of)
}

// again downloads a model that is listed.
func (p *puller) again(ctx context.Context, answer *begun, settings map[string]any) error {
	path := modelPath(answer.ID)
	if len(settings) > 0 {
		if _, err := p.client.call(ctx, http.MethodPatch, path, map[string]any{"settings": settings}); err != nil {
			return err
		}
	}
	if p.flags.noFetch {
		answer.State = p.before[answer.ID].State
		return nil
	}
	return p.client.post(ctx, path+"/download", nil, answer)
}

// resolve has the server make models of a source.
func (p *puller) resolve(ctx context.Context, s source, settings map[string]any) (answer begun, err error) {
	body := map[string]any{"source": s.ref}
	for name, value := range map[string]string{"id": p.flags.id, "variant": p.flags.variant, "importer": p.flags.importer, "mode": s.mode} {
		if value != "" {
			body[name] = value
		}
	}
	if len(settings) > 0 {
		body["settings"] = settings
	}
	if p.flags.noFetch {
		body["download"] = false
	}
	err = p.following(ctx, s, func() error { return p.client.post(ctx, "/v1/models", body, &answer) })
	switch {
	case hasStatus(err, http.StatusNotFound, http.StatusForbidden):
		err = fmt.Errorf("%w%s", err, s.hint)
	case hasStatus(err, http.StatusConflict) && p.flags.id == "":
		err = fmt.Errorf("%w; to give it one: add --id NAME", err)
	}
	return answer, err
}

// following shows how far files are that the server copies before it answers: their
// models are told of in events, and are not there yet.
func (p *puller) following(ctx context.Context, s source, do func() error) error {
	if s.mode == "" || s.mode == "link" {
		return do()
	}
	events, stop := p.watch.events(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- do() }()
	for {
		select {
		case err := <-done:
			return err
		case e := <-events:
			if _, known := p.before[e.Model]; e.Type == "download.progress" && !known {
				p.display.progress([]*pulling{{id: e.Model, download: e.Download}}, "")
			}
		}
	}
}

func (p *puller) pulling(answer begun) *pulling {
	before := p.before[answer.ID]
	for _, warning := range answer.Warnings {
		p.display.say("%s: %s", answer.ID, warning)
	}
	one := &pulling{unrunnable: len(answer.Warnings) > 0, id: answer.ID, others: p.further(answer.Others), joined: before.State == "downloading", download: before.Download}
	switch answer.State {
	case "ready", "running":
		one.end, one.here = pullReady, before.State == "ready" || before.State == "running"
	default:
		one.began = time.Now()
	}
	return one
}

// further counts the models that are not here already.
func (p *puller) further(ids []string) (n int) {
	for _, id := range ids {
		if m := p.before[id]; m.State == "" || m.State == "to_download" {
			n++
		}
	}
	return n
}

// leave tells of models that are not waited for.
func (p *puller) leave(all []*pulling) {
	for _, one := range all {
		switch {
		case one.end != "":
		case p.flags.noFetch:
			one.end = pullListed
		default:
			one.end = pullLeft
		}
		p.display.ended(one)
	}
}
