package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/enginebay/enginebay/plugins/engine-llamacpp/llamaserver"
	"github.com/enginebay/enginebay/sdk"
)

// A build is what has to be known of a llama-server to start it: arguments come and go.
type build struct {
	path     string
	loadMode bool // --load-mode, which took the place of --mlock and --no-mmap
	trace    bool // its log tells of memory at verbosity 4 only; before, 4 was that of debug lines, with texts of users in them
}

// known is a build, and the file that it was asked of.
type known struct {
	build build
	size  int64
	time  time.Time
}

// build asks a program for its arguments, once for each file. What does not answer
// is a build like any other: its start will tell why.
func (e *engine) build(ctx context.Context, path string, env []string) (build, error) {
	info, err := os.Stat(path)
	if err != nil {
		return build{path: path}, nil
	}
	e.mu.Lock()
	k, ok := e.known[path]
	e.mu.Unlock()
	if ok && k.size == info.Size() && k.time.Equal(info.ModTime()) {
		return k.build, nil
	}
	help, err := llamaserver.Program{Path: path, Env: env}.Help(ctx)
	switch {
	case ctx.Err() != nil:
		return build{}, &sdk.Error{Code: sdk.CodeCanceled, Message: "the load was called off", Cause: ctx.Err()}
	case err != nil:
		return build{path: path}, nil
	}
	b := build{path: path, loadMode: help.Takes("--load-mode"), trace: strings.Contains(string(help), "4: trace")}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil {
		e.known = map[string]known{}
	}
	e.known[path] = known{b, info.Size(), info.ModTime()}
	return b, nil
}

// loading are the arguments for how the weights come into memory.
func (b build) loading(s settings) []string {
	mapped := s.UseMmap == nil || *s.UseMmap
	switch {
	case !b.loadMode && s.Mlock && mapped:
		return []string{"--mlock"}
	case !b.loadMode && s.Mlock:
		return []string{"--mlock", "--no-mmap"}
	case !b.loadMode && !mapped:
		return []string{"--no-mmap"}
	case !b.loadMode:
		return nil
	case s.Mlock && mapped:
		return []string{"--load-mode", "mmap+mlock"}
	case s.Mlock:
		return []string{"--load-mode", "mlock"}
	case !mapped:
		return []string{"--load-mode", "none"}
	}
	return nil
}
