package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

// install is what a person does who has no program.
const install = `install it with "pip install tensorrt_llm" in a Python environment, and name its bin/trtllm-serve as trtllm_serve in engines/tensorrt.json`

// find returns the program: the one that the deployment names, or the one on the PATH.
func find(named string) (string, error) {
	if named != "" {
		if _, err := exec.LookPath(named); err != nil {
			return "", sdk.Errorf(sdk.CodeInvalid, "the setting trtllm_serve names %s, which is no program", named)
		}
		return named, nil
	}
	program, err := exec.LookPath("trtllm-serve")
	if err != nil {
		return "", sdk.Errorf(sdk.CodeUnavailable, "trtllm-serve was not found; %s", install)
	}
	return filepath.Abs(program)
}

// tries bounds how often another port is taken.
const tries = 4

// run starts trtllm-serve for a model and waits until it answers.
//
// It listens on TCP alone, and at a port that it is told. Between the choice of the port
// and its use lie the seconds in which Python starts: where somebody else has
// taken the port then, trtllm-serve ends, and is started with another.
func (e *engine) run(ctx context.Context, req sdk.LoadRequest, s settings, progress func(sdk.Progress)) (sdk.Instance, error) {
	folder, err := open(req.Model)
	if err != nil {
		return nil, named(req.Model.ID, err)
	}
	program, err := find(s.TRTLLMServe)
	if err != nil {
		return nil, err
	}
	at := start{model: req.Model, folder: folder, named: e.knowsNames(program)}
	defer at.remove()
	if err := at.writeFiles(req.RunPath, s); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		inst, err := e.attempt(ctx, req, s, program, at, progress)
		var again *sdk.Error
		switch {
		case err == nil || !errors.As(err, &again):
			return inst, err
		case errors.Is(err, errNoNames) && at.named: // an older program
			e.forgetNames(program)
			at.named = false
		case errors.Is(err, errPort) && try < tries:
			req.Log.Info("the port was taken meanwhile; trying another", "try", try)
		default:
			return nil, err
		}
	}
}

// named puts the model's id before a sentence of open.
func named(id string, err error) error {
	var coded *sdk.Error
	if errors.As(err, &coded) {
		return &sdk.Error{Code: coded.Code, Message: fmt.Sprintf("model '%s': %s", id, coded.Message), Cause: coded.Cause}
	}
	return err
}

// attempt starts trtllm-serve once.
func (e *engine) attempt(ctx context.Context, req sdk.LoadRequest, s settings, program string, at start, progress func(sdk.Progress)) (sdk.Instance, error) {
	release, err := e.takePort(&at.port)
	if err != nil {
		return nil, err
	}
	defer release()
	base := fmt.Sprintf("http://127.0.0.1:%d", at.port)
	watch := &startLog{progress: progress}
	watch.report()
	server, err := process.Run(ctx, process.Config{
		Path:     program,
		Args:     arguments(s, at),
		Env:      childEnvironment(),
		Dir:      filepath.Dir(req.RunPath),
		Endpoint: sdk.Endpoint{URL: base, Operations: textOperations, Parallel: s.NParallel},
		Health:   "/health",
		Waiting:  func(int) { watch.report() },
		Explain:  func(exit process.Exit) error { return explain(req.Model.ID, exit) },
		Line:     watch.line,
		Log:      req.Log,
	})
	if err != nil {
		return nil, err
	}
	if err := owned(at.port, server.Pid()); err != nil {
		return nil, errors.Join(err, server.Close(context.WithoutCancel(ctx)))
	}
	inst := &local{Server: server, endpoint: server.Endpoint()}
	inst.endpoint.Memory = watch.memory()
	inst.settle(ctx, req.Model.ID, at.named)
	return inst, nil
}

// takePort finds a free port that no other load of this process is about to use.
func (e *engine) takePort(port *int) (release func(), err error) {
	for range 20 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		*port = listener.Addr().(*net.TCPAddr).Port
		listener.Close()
		taken := *port
		e.mu.Lock()
		free := !e.ports[taken]
		if free {
			e.ports[taken] = true
		}
		e.mu.Unlock()
		if free {
			return func() { e.mu.Lock(); delete(e.ports, taken); e.mu.Unlock() }, nil
		}
	}
	return nil, sdk.Errorf(sdk.CodeExhausted, "no free port was found on this machine")
}

// writeFiles puts what has no argument into files of the run folder.
func (at *start) writeFiles(name string, s settings) error {
	options, err := s.options()
	if err != nil {
		return err
	}
	if options != nil {
		at.options = name + ".yaml"
		if err := os.WriteFile(at.options, options, 0o600); err != nil {
			return fmt.Errorf("write the options: %w", err)
		}
	}
	template, err := s.template()
	if err != nil || template == "" {
		return err
	}
	at.template = name + ".jinja"
	if err := os.WriteFile(at.template, []byte(template), 0o600); err != nil {
		return fmt.Errorf("write the chat template: %w", err)
	}
	return nil
}

// remove takes the files away; they are read at the start.
func (at *start) remove() {
	for _, file := range []string{at.options, at.template} {
		if file != "" {
			_ = os.Remove(file)
		}
	}
}

// childEnvironment is what trtllm-serve sees: what this plugin does, and that nothing
// is to be downloaded or told to anybody.
func childEnvironment() []string {
	env := []string{"HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1", "TRTLLM_NO_USAGE_STATS=1", "DO_NOT_TRACK=1", "PYTHONUNBUFFERED=1"}
	return append(env, process.Environ()...) // the later of two counts: the operator's
}
