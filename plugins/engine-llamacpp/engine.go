package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/enginebay/enginebay/plugins/engine-llamacpp/llamaserver"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
	"github.com/enginebay/enginebay/sdk/process"
)

// engine runs one llama-server for each model.
type engine struct {
	mu    sync.Mutex
	known map[string]known // by path
}

// Configure implements sdk.Configurer. A program that is named and is none is refused
// here: a change of a deployment that works shall not end that.
func (e *engine) Configure(_ context.Context, c sdk.Configuration) error {
	var s struct {
		LlamaServer string `json:"llama_server"`
	}
	if err := c.Decode(&s); err != nil {
		return err
	}
	if s.LlamaServer == "" {
		return nil
	}
	_, err := find(s.LlamaServer)
	return err
}

// Inspect implements sdk.Inspector.
func (e *engine) Inspect(_ context.Context, req sdk.LoadRequest) (sdk.Inspection, error) {
	if reason := unfit(req.Model); reason != "" {
		return sdk.Inspection{Reasons: []string{reason}}, nil
	}
	h, err := header(req.Model)
	if err != nil {
		return sdk.Inspection{}, err
	}
	s, err := read(req, h)
	if err != nil {
		return sdk.Inspection{}, err
	}
	inspection := sdk.Inspection{Operations: operations(h, s), Vision: vision(req.Model, s), ContextLength: requestLength(h, s),
		Memory: estimate(h, s).Total()}
	if _, err := find(s.LlamaServer); err != nil {
		inspection.Reasons = append(inspection.Reasons, err.Error())
	}
	return inspection, nil
}

// unfit says why llama.cpp cannot run a model at all.
func unfit(m sdk.Model) string {
	switch {
	case len(m.Files) == 0:
		return "it has no weights"
	case !isGGUF(m.Files[0]):
		return fmt.Sprintf("llama.cpp reads GGUF files, and %s is none", filepath.Base(m.Files[0]))
	}
	return ""
}

// isGGUF tells by the ending of the name or, where there is none, as the blobs of
// other tools' stores have none, by the content.
func isGGUF(file string) bool {
	if ext := filepath.Ext(file); ext != "" {
		return strings.EqualFold(ext, ".gguf")
	}
	_, err := gguf.Peek(file)
	return err == nil
}

// header reads the head of a model; FileSize is that of all parts.
func header(m sdk.Model) (*gguf.Header, error) {
	h, err := gguf.Peek(m.Files[0])
	if err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "model '%s': %s: %v", m.ID, filepath.Base(m.Files[0]), err)
	}
	for _, part := range m.Files[1:] {
		if info, err := os.Stat(part); err == nil {
			h.FileSize += info.Size()
		}
	}
	return h, nil
}

// Load implements sdk.Engine.
func (e *engine) Load(ctx context.Context, req sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error) {
	if reason := unfit(req.Model); reason != "" {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "model '%s': %s", req.Model.ID, reason)
	}
	h, err := header(req.Model)
	if err != nil {
		return nil, err
	}
	s, err := read(req, h)
	if err != nil {
		return nil, err
	}
	program, err := find(s.LlamaServer)
	if err != nil {
		return nil, err
	}
	return e.start(ctx, program, req, h, s, progress)
}

// start runs llama-server, and returns when it answers.
func (e *engine) start(ctx context.Context, program string, req sdk.LoadRequest, h *gguf.Header, s settings, progress func(sdk.Progress)) (sdk.Instance, error) {
	run := filepath.Dir(req.RunPath)
	env := environment(run)
	b, err := e.build(ctx, program, env)
	if err != nil {
		return nil, err
	}
	template, err := jinja(s)
	if err != nil {
		return nil, err
	}
	templateFile, err := writeTemplate(req.RunPath+".jinja", template)
	if err != nil {
		return nil, err
	}
	if templateFile != "" {
		defer os.Remove(templateFile) // it is read at the start
	}
	socket, memory := req.RunPath+".sock", newBuffers()
	server, err := process.Run(ctx, process.Config{
		Path:     program,
		Args:     arguments(b, req.Model, h, s, socket, templateFile),
		Env:      env,
		Dir:      run,
		Endpoint: sdk.Endpoint{Socket: socket, Operations: operations(h, s), Parallel: s.NParallel},
		Health:   "/health",
		Waiting:  growing(progress, h.FileSize),
		Explain:  func(exit process.Exit) error { return explain(req.Model.ID, exit) },
		Line:     memory.line,
		Log:      req.Log,
	})
	if err != nil {
		return nil, e.withDevices(ctx, llamaserver.Program{Path: program, Env: env}, err)
	}
	w := newWhole(socket)
	if w.traits, err = ask(ctx, w.transport); err != nil {
		return nil, errors.Join(err, server.Close(context.WithoutCancel(ctx)))
	}
	w.traits.model, w.traits.dimensions = req.Model.ID, h.EmbeddingLength
	in := &instance{Server: server, whole: w, memory: memory.wait()}
	in.tell(req.Log, s, estimate(h, s))
	return in, nil
}

// growing reports how far a load has come, and never goes back: what is mapped of
// a file may become less.
func growing(progress func(sdk.Progress), size int64) func(pid int) {
	last := -1.0
	return func(pid int) {
		p := reading(pid, size)
		last = max(last, p.Fraction)
		p.Fraction = last
		progress(p)
	}
}

// find returns the program; the plugin's own folder is the one that bin is in.
func find(named string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return llamaserver.Find(named, "")
	}
	return llamaserver.Find(named, filepath.Dir(filepath.Dir(exe)))
}

// environment is what llama-server sees: nothing that would be arguments that nobody
// checked, libraries to load, or tokens. Its configuration file is looked for in the run
// folder, where there is none.
func environment(runDir string) []string {
	env := append(process.Environ("LLAMA_", "GGML_", "HF_", "MTMD_", "XDG_CONFIG_HOME="), "XDG_CONFIG_HOME="+runDir)
	if gpus, ok := os.LookupEnv("GGML_VK_VISIBLE_DEVICES"); ok {
		env = append(env, "GGML_VK_VISIBLE_DEVICES="+gpus)
	}
	return env
}

// explain makes a sentence of llama-server's end: its own reason, which stands in
// the last lines that it wrote.
func explain(model string, exit process.Exit) error {
	code, reason := diagnose(exit)
	return exit.Failure(code, "llama-server ended with the model '%s': %s", model, reason)
}
