package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// engine loads any model: there is nothing to load.
type engine struct {
	mu     sync.Mutex
	offers []string // names of models that it says to have
}

// Configure implements sdk.Configurer.
func (e *engine) Configure(ctx context.Context, c sdk.Configuration) error {
	s, err := read(c.Settings)
	if err != nil {
		return err
	}
	if s.IgnoreSigterm {
		signal.Ignore(syscall.SIGTERM)
	}
	crashIf(s.CrashOn == "configure")
	if s.HangOn == "configure" {
		<-ctx.Done()
		return ctx.Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.offers = s.Offers
	return nil
}

// Models implements sdk.Lister.
func (e *engine) Models(context.Context) ([]sdk.Manifest, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case len(e.offers) == 0:
		return nil, sdk.Errorf(sdk.CodeUnsupported, "it offers nothing")
	case e.offers[0] == "":
		return nil, sdk.Errorf(sdk.CodeUnavailable, "the list cannot be had, as asked")
	}
	var all []sdk.Manifest
	for _, name := range e.offers {
		all = append(all, sdk.Manifest{ID: name, Name: name, OwnedBy: "echo"})
	}
	return all, nil
}

// Inspect implements sdk.Inspector.
func (e *engine) Inspect(_ context.Context, req sdk.LoadRequest) (sdk.Inspection, error) {
	s, err := read(req.Settings)
	if err != nil {
		return sdk.Inspection{}, err
	}
	return sdk.Inspection{Operations: s.operations(), ContextLength: s.CtxLen, Memory: s.Memory, Remote: s.Remote}, nil
}

// operations are what a model answers.
func (s settings) operations() []sdk.Operation {
	return append([]sdk.Operation{sdk.OpChat, sdk.OpCompletion, sdk.OpEmbedding}, s.Operations...)
}

// Load implements sdk.Engine.
func (e *engine) Load(ctx context.Context, req sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error) {
	s, err := read(req.Settings)
	if err != nil {
		return nil, err
	}
	req.Log.Debug("loading", "traceparent", sdk.Traceparent(ctx))
	crashIf(s.CrashOn == "load")
	if s.Refuse != "" {
		return nil, sdk.Errorf(sdk.Code(s.RefuseCode), "%s", s.Refuse)
	}
	if s.PanicOn == "load" {
		panic("as asked")
	}
	for _, file := range req.Model.Files {
		f, err := os.Open(file)
		if err != nil {
			return nil, sdk.Errorf(sdk.CodeNotFound, "the weights %s cannot be read; pull the model again", filepath.Base(file))
		}
		f.Close()
	}
	for range s.LogLines {
		req.Log.Info("a line of the flood", "text", strings.Repeat("x", s.LogLineBytes))
		fmt.Println(strings.Repeat("o", s.LogLineBytes))
	}
	if err := pretend(ctx, s, progress); err != nil {
		return nil, err
	}
	inst := sdk.NewInstance(sdk.Endpoint{Handler: newHandler(req.Model.ID, s, req.Log), Operations: s.operations(), Parallel: s.NParallel, Memory: s.MemoryTaken}, nil)
	if s.EndAfterMS > 0 {
		time.AfterFunc(time.Duration(s.EndAfterMS)*time.Millisecond, func() { inst.End(errors.New("it ended by itself, as asked")) })
	}
	return inst, nil
}

// pretend spends the time of a load and reports progress.
func pretend(ctx context.Context, s settings, progress func(sdk.Progress)) error {
	const steps = 10
	if s.HangOn == "load" {
		<-ctx.Done()
		return ctx.Err()
	}
	for i := range steps {
		progress(sdk.Progress{Fraction: float64(i) / steps, Note: "pretending"})
		if err := sleep(ctx, time.Duration(s.LoadMS)*time.Millisecond/steps); err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func crashIf(now bool) {
	if now {
		fmt.Fprintln(os.Stderr, "echo: crashing, as asked")
		os.Exit(3)
	}
}
