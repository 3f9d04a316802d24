package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// TestEndpointIsChecked: a plugin cannot send the core's users anywhere.
func TestEndpointIsChecked(t *testing.T) {
	handler := http.NotFoundHandler()
	tests := map[string]struct {
		endpoint func(run string) sdk.Endpoint
		ok       bool
	}{
		"socket in the run folder": {func(run string) sdk.Endpoint { return sdk.Endpoint{Socket: run + "/x.sock"} }, true},
		"http":                     {func(string) sdk.Endpoint { return sdk.Endpoint{URL: "http://127.0.0.1:8000"} }, true},
		"https":                    {func(string) sdk.Endpoint { return sdk.Endpoint{URL: "https://api.example.com/base"} }, true},
		"handler":                  {func(string) sdk.Endpoint { return sdk.Endpoint{Handler: handler} }, true},
		"nothing":                  {func(string) sdk.Endpoint { return sdk.Endpoint{} }, false},
		"socket and URL":           {func(run string) sdk.Endpoint { return sdk.Endpoint{Socket: run + "/x.sock", URL: "http://x"} }, false},
		"handler and URL":          {func(string) sdk.Endpoint { return sdk.Endpoint{Handler: handler, URL: "http://x"} }, false},
		"socket elsewhere":         {func(string) sdk.Endpoint { return sdk.Endpoint{Socket: "/run/docker.sock"} }, false},
		"socket one up":            {func(run string) sdk.Endpoint { return sdk.Endpoint{Socket: run + "/../x.sock"} }, false},
		"socket one down":          {func(run string) sdk.Endpoint { return sdk.Endpoint{Socket: run + "/deep/x.sock"} }, false},
		"socket beside":            {func(run string) sdk.Endpoint { return sdk.Endpoint{Socket: run + "x/x.sock"} }, false},
		"relative socket":          {func(string) sdk.Endpoint { return sdk.Endpoint{Socket: "x.sock"} }, false},
		"run folder itself":        {func(run string) sdk.Endpoint { return sdk.Endpoint{Socket: run} }, false},
		"file":                     {func(string) sdk.Endpoint { return sdk.Endpoint{URL: "file:///etc/passwd"} }, false},
		"unix":                     {func(string) sdk.Endpoint { return sdk.Endpoint{URL: "unix:///run/docker.sock"} }, false},
		"no host":                  {func(string) sdk.Endpoint { return sdk.Endpoint{URL: "http:///v1"} }, false},
		"whole handler":            {func(string) sdk.Endpoint { return sdk.Endpoint{URL: "http://localhost", Detour: handler} }, true},
		"whole socket elsewhere": {func(run string) sdk.Endpoint {
			return sdk.Endpoint{Socket: run + "/x.sock", DetourSocket: "/run/docker.sock"}
		}, false},
		"no scheme":         {func(string) sdk.Endpoint { return sdk.Endpoint{URL: "127.0.0.1:8000"} }, false},
		"negative parallel": {func(string) sdk.Endpoint { return sdk.Endpoint{Handler: handler, Parallel: -1} }, false},
		"detours": {func(string) sdk.Endpoint {
			return sdk.Endpoint{Handler: handler, Detour: handler, Operations: []sdk.Operation{sdk.OpChat}, DetourStreams: []string{"chat/completions tools", "chat/completions"}}
		}, true},
		"detours to nowhere": {func(string) sdk.Endpoint {
			return sdk.Endpoint{Handler: handler, Operations: []sdk.Operation{sdk.OpChat}, DetourStreams: []string{"chat/completions"}}
		}, false},
		"detour of no operation": {func(string) sdk.Endpoint {
			return sdk.Endpoint{Handler: handler, Detour: handler, Operations: []sdk.Operation{sdk.OpChat}, DetourStreams: []string{"chat/completion tools"}}
		}, false},
		"detour of two fields": {func(string) sdk.Endpoint {
			return sdk.Endpoint{Handler: handler, Detour: handler, Operations: []sdk.Operation{sdk.OpChat}, DetourStreams: []string{"chat/completions tools n"}}
		}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inst := newInstance(sdk.Endpoint{})
			s := serve(t, sdk.Plugin{Engine: with(inst)})
			inst.endpoint = test.endpoint(s.run)
			got, err := s.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "m"}}, nil)
			if test.ok {
				if err != nil {
					t.Fatal(err)
				}
				if e := got.Endpoint(); e.Handler != nil || (e.Socket == "") == (e.URL == "") {
					t.Errorf("endpoint is %+v", e)
				}
				return
			}
			if sdk.CodeOf(err) != sdk.CodeInternal || got != nil {
				t.Fatalf("got %+v, %v; want %s", got, err, sdk.CodeInternal)
			}
			await(t, "the end of the refused instance", inst.ended)
		})
	}
}

func TestDetours(t *testing.T) {
	e := sdk.Endpoint{DetourStreams: []string{"responses", "chat/completions tools", "messages n"}}
	for _, test := range []struct {
		op    sdk.Operation
		field string
		want  bool
	}{
		{sdk.OpResponses, "", true},
		{sdk.OpResponses, "input", true},
		{sdk.OpChat, "", false},
		{sdk.OpChat, "tools", true},
		{sdk.OpChat, "tool", false},
		{sdk.OpChat, "n", false},
		{sdk.OpCountTokens, "n", false},
		{"chat", "completions tools", false},
		{sdk.OpEmbedding, "tools", false},
	} {
		if got := e.Detours(test.op, test.field); got != test.want {
			t.Errorf("%s %s: %t", test.op, test.field, got)
		}
	}
}

// get sends a request to an instance's socket.
func get(ctx context.Context, inst sdk.Instance) (string, error) {
	socket := inst.Endpoint().Socket
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", nil)
	if err != nil {
		return "", err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// TestHandler is served on a private socket, which goes with the instance.
func TestHandler(t *testing.T) {
	s := serve(t, sdk.Plugin{Engine: with(newInstance(sdk.Endpoint{
		Handler:    http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }),
		Headers:    map[string]string{"Authorization": "Bearer x"},
		Operations: []sdk.Operation{sdk.OpChat, "novel"},
		Parallel:   3,
	}))})
	inst, err := s.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "m"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := inst.Endpoint()
	if filepath.Dir(e.Socket) != s.run || e.Headers["Authorization"] != "Bearer x" || fmt.Sprint(e.Operations) != "[chat/completions novel]" {
		t.Errorf("endpoint is %+v", e)
	}
	if info, err := os.Lstat(e.Socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v; want permissions 0600", info, err)
	}
	if text, err := get(t.Context(), inst); text != "hello" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	if err := inst.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(e.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket after Close: %v", err)
	}
}

// TestWhole is served beside the endpoint, and goes with the instance too.
func TestWhole(t *testing.T) {
	answer := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
	}
	s := serve(t, sdk.Plugin{Engine: with(newInstance(sdk.Endpoint{Handler: answer("pieces"), Detour: answer("whole"),
		Operations: []sdk.Operation{sdk.OpResponses}, DetourStreams: []string{"responses"}}))})
	inst, err := s.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "m"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := inst.Endpoint()
	if !slices.Equal(e.DetourStreams, []string{"responses"}) {
		t.Errorf("DetourStreams is %q", e.DetourStreams)
	}
	for socket, want := range map[string]string{e.Socket: "pieces", e.DetourSocket: "whole"} {
		if text, err := get(t.Context(), newInstance(sdk.Endpoint{Socket: socket})); text != want || err != nil {
			t.Errorf("%s answers %q, %v; want %q", socket, text, err, want)
		}
	}
	if err := inst.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, socket := range []string{e.Socket, e.DetourSocket} {
		if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s after Close: %v", socket, err)
		}
	}
}

// TestHandlerPanics: one bad request does not take the plugin along.
func TestHandlerPanics(t *testing.T) {
	var asked atomic.Int32 // each connection has a goroutine of its own
	s := serve(t, sdk.Plugin{Engine: with(newInstance(sdk.Endpoint{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			panic("oh no")
		}
		fmt.Fprint(w, "hello")
	})}))})
	inst, err := s.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "m"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := get(t.Context(), inst); err == nil {
		t.Errorf("a request that panics is answered with %q", text)
	}
	if text, err := get(t.Context(), inst); text != "hello" || err != nil {
		t.Errorf("the next request: %q, %v", text, err)
	}
	if text := s.log.String(); !strings.Contains(text, "oh no") {
		t.Errorf("the panic is not in the log: %q", text)
	}
}

// TestHandlerIsCutOff: Close does not wait for requests that run.
func TestHandlerIsCutOff(t *testing.T) {
	begun, left := make(chan struct{}), make(chan struct{})
	s := serve(t, sdk.Plugin{Engine: with(newInstance(sdk.Endpoint{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(left)
	})}))})
	inst, err := s.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "m"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := get(context.Background(), inst)
		failed <- err
	}()
	await(t, "the request", begun)
	if err := inst.Close(t.Context()); err != nil {
		t.Error(err)
	}
	await(t, "the handler's end", left)
	if err := <-failed; err == nil {
		t.Error("a request that was cut off has an answer")
	}
}
