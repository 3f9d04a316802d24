package main

import (
	"context"
	"sync"

	"github.com/enginebay/enginebay/sdk"
)

// engine runs one trtllm-serve for each model, or attaches to a server that runs
// already.
type engine struct {
	mu       sync.Mutex
	config   sdk.Configuration
	ports    map[int]bool    // taken by loads that go on
	nameless map[string]bool // programs that do not know --served_model_name
	loaded   map[string]int  // models that we had a Triton load, and by how many instances
}

func newEngine() *engine {
	return &engine{ports: map[int]bool{}, nameless: map[string]bool{}, loaded: map[string]int{}}
}

// Configure implements sdk.Configurer.
func (e *engine) Configure(_ context.Context, c sdk.Configuration) error {
	if _, err := read(c.Settings, c.Deployment); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.config = c
	return nil
}

func (e *engine) configuration() sdk.Configuration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.config
}

func (e *engine) knowsNames(program string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.nameless[program]
}

func (e *engine) forgetNames(program string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nameless[program] = true
}

// Load implements sdk.Engine.
func (e *engine) Load(ctx context.Context, req sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error) {
	s, err := read(req.Settings, req.Model.ID)
	if err != nil {
		return nil, err
	}
	if s.attached() {
		return e.attach(ctx, req, s, progress)
	}
	return e.run(ctx, req, s, progress)
}

// Inspect implements sdk.Inspector.
func (e *engine) Inspect(ctx context.Context, req sdk.LoadRequest) (sdk.Inspection, error) {
	s, err := read(req.Settings, req.Model.ID)
	if err != nil {
		return sdk.Inspection{}, err
	}
	if s.attached() {
		return e.inspectThere(ctx, req, s), nil
	}
	folder, err := open(req.Model)
	if err != nil {
		return sdk.Inspection{Reasons: []string{err.Error()}}, nil
	}
	tokens := folder.context
	if s.MaxSeqLen > 0 {
		tokens = s.MaxSeqLen
	}
	return sdk.Inspection{Operations: textOperations, ContextLength: tokens, Memory: folder.memory(s), Reasons: unfit(ctx, s, folder)}, nil
}

// Models implements sdk.Lister: those of the server that the deployment names.
func (e *engine) Models(ctx context.Context) ([]sdk.Manifest, error) {
	c := e.configuration()
	s, err := read(c.Settings, c.Deployment)
	if err != nil {
		return nil, err
	}
	if !s.attached() {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "the deployment names no server; its models are those of the folder models")
	}
	there, err := e.reach(ctx, s)
	if err != nil {
		return nil, e.unkeyed(err)
	}
	defer there.close()
	list, err := there.offers(ctx)
	if err != nil {
		return nil, e.unkeyed(err)
	}
	return list, nil
}
