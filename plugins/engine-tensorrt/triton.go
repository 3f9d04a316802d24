package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// wire is how a Triton is spoken to: by HTTP or by gRPC. All of it may be called
// concurrently.
type wire interface {
	ready(ctx context.Context) error
	modelReady(ctx context.Context, name string) (bool, error)
	model(ctx context.Context, name string) (tritonModel, error)
	index(ctx context.Context) ([]indexed, error)
	load(ctx context.Context, name string) error
	unload(ctx context.Context, name string) error
	// generate asks a model, and calls each with every answer as it comes. An error
	// of each ends the request, at the server too.
	generate(ctx context.Context, name string, in []input, each func(outputs) error) error
	host() string
	close()
}

// indexed is a model of Triton's repository.
type indexed struct {
	Name   string `json:"name"`
	State  string `json:"state"` // "READY", "UNAVAILABLE"; empty where it was never loaded
	Reason string `json:"reason"`
}

// tritonModel is what Triton tells of a model: its metadata, and what counts of its
// configuration.
type tritonModel struct {
	name            string
	inputs, outputs []tensor
	decoupled       bool // a request may have any number of answers
	parameters      map[string]string
	backend         string
}

type tensor struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// input is a tensor with its values: string, bool, int, uint64 or float64.
type input struct {
	tensor
	values []any
}

// outputs are the tensors of an answer, by name: of one element the element, else a
// list.
type outputs map[string]any

func (o outputs) text(name string) string {
	switch v := o[name].(type) {
	case string:
		return v
	case []any:
		if len(v) > 0 {
			text, _ := v[0].(string)
			return text
		}
	}
	return ""
}

// number is that of a tensor of one number; some backends send it as a text.
func (o outputs) number(name string) (n int, ok bool) {
	v := o[name]
	if list, isList := v.([]any); isList && len(list) > 0 {
		v = list[0]
	}
	switch v := v.(type) {
	case float64:
		return countOf(v), true
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return countOf(f), err == nil
	}
	return 0, false
}

// countOf is a number of tokens, as far as there can be so many.
func countOf(n float64) int {
	if n > 0 {
		return int(min(n, 1e12))
	}
	return 0
}

func (o outputs) numbers(name string) []float64 {
	list, ok := o[name].([]any)
	if !ok {
		list = []any{o[name]}
	}
	var all []float64
	for _, v := range list {
		if n, ok := v.(float64); ok {
			all = append(all, n)
		}
	}
	return all
}

func (m tritonModel) input(name string) (tensor, bool)  { return tensorOf(m.inputs, name) }
func (m tritonModel) output(name string) (tensor, bool) { return tensorOf(m.outputs, name) }

func tensorOf(all []tensor, name string) (tensor, bool) {
	if i := slices.IndexFunc(all, func(t tensor) bool { return t.Name == name }); i >= 0 {
		return all[i], true
	}
	return tensor{}, false
}

// triton is a Triton Inference Server.
type triton struct{ wire }

func newTriton(s settings, headers map[string]string) (*triton, error) {
	if s.Protocol == "grpc" {
		w, err := newGRPC(s.GRPCURL, headers)
		return &triton{w}, err
	}
	return &triton{&overHTTP{&remote{base: s.BaseURL, name: "triton", client: newClient(), headers: headers}}}, nil
}

// offers implements server: the models of the repository that answer texts. What is not
// loaded has no metadata yet, and is listed all the same.
func (t *triton) offers(ctx context.Context) ([]sdk.Manifest, error) {
	all, err := t.index(ctx)
	if err != nil {
		return nil, err
	}
	var list []sdk.Manifest
	for _, m := range all {
		kind := ""
		if m.State == "READY" {
			info, err := t.model(ctx, m.Name)
			if err != nil {
				return nil, err
			}
			d, ok := dialectOf(info)
			if !ok {
				continue
			}
			kind = d.kind
		}
		if !slices.ContainsFunc(list, func(other sdk.Manifest) bool { return other.ID == m.Name }) { // a model may have versions
			list = append(list, sdk.Manifest{ID: m.Name, Name: m.Name, OwnedBy: "triton", Format: "api", Settings: map[string]any{"model": m.Name}, Metadata: typeOf(kind)})
		}
	}
	return list, nil
}

func typeOf(kind string) map[string]any {
	if kind == "" {
		return nil
	}
	return map[string]any{"type": kind}
}

// inspect implements server.
func (t *triton) inspect(ctx context.Context, name string) ([]sdk.Operation, error) {
	if err := t.ready(ctx); err != nil {
		return nil, err
	}
	ok, err := t.modelReady(ctx, name)
	if err != nil {
		return nil, err
	}
	if !ok { // it may be loaded when it is asked for
		return textOperations, t.exists(ctx, name)
	}
	_, d, err := t.understood(ctx, name)
	return d.operations, err
}

// exists says whether the repository has a model.
func (t *triton) exists(ctx context.Context, name string) error {
	all, err := t.index(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range all {
		names = append(names, m.Name)
	}
	if !slices.Contains(names, name) {
		return noModel(name, t.host(), names)
	}
	return nil
}

// understood reads a model's metadata, and finds how it wants to be asked.
func (t *triton) understood(ctx context.Context, name string) (tritonModel, dialect, error) {
	m, err := t.model(ctx, name)
	if err != nil {
		return m, dialect{}, err
	}
	d, ok := dialectOf(m)
	if !ok {
		return m, d, sdk.Errorf(sdk.CodeUnsupported, "the model '%s' at %s answers no texts: it takes %s and gives %s", name, t.host(), list(m.inputs), list(m.outputs))
	}
	return m, d, nil
}

func list(tensors []tensor) string {
	var names []string
	for _, t := range tensors[:min(6, len(tensors))] {
		names = append(names, t.Name+" ("+t.Datatype+")")
	}
	return strings.Join(names, ", ")
}

// attach implements server.
func (t *triton) attach(ctx context.Context, e *engine, req sdk.LoadRequest, s settings) (*attached, error) {
	if err := t.ready(ctx); err != nil {
		return nil, err
	}
	name := s.nameThere(req.Model)
	leave, err := t.bring(ctx, e, name, s)
	if err != nil {
		return nil, err
	}
	h, err := t.handler(ctx, req, s, name)
	if err != nil {
		_ = leave(context.WithoutCancel(ctx)) // the first error says more
		return nil, err
	}
	return &attached{sdk.Endpoint{Handler: h, Operations: h.dialect.operations}, func(ctx context.Context) error {
		h.close()
		err := leave(ctx)
		t.close()
		return err
	}}, nil
}

// bring makes a model ready. leave takes that back: where models are controlled from
// here, the last instance of a model that we had loaded unloads it.
func (t *triton) bring(ctx context.Context, e *engine, name string, s settings) (leave func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	ready, err := t.modelReady(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case s.ModelControl != "explicit" && ready:
		return nothing, nil
	case s.ModelControl != "explicit":
		if err := t.exists(ctx, name); err != nil {
			return nil, err
		}
		return nil, sdk.Errorf(sdk.CodeUnavailable, "Triton at %s has not loaded the model '%s'; load it there, or set model_control to explicit", t.host(), name)
	}
	key := t.host() + "/" + name
	e.mu.Lock()
	ours := !ready || e.loaded[key] > 0
	if ours {
		e.loaded[key]++
	}
	e.mu.Unlock()
	if !ours {
		return nothing, nil
	}
	leave = func(ctx context.Context) error {
		e.mu.Lock()
		e.loaded[key]--
		last := e.loaded[key] == 0
		e.mu.Unlock()
		if !last {
			return nil
		}
		return t.unload(ctx, name)
	}
	if !ready {
		if err := t.load(ctx, name); err != nil {
			_ = leave(context.WithoutCancel(ctx)) // the first error says more
			return nil, err
		}
	}
	return leave, nil
}
