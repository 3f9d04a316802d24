package sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

var aModel = sdk.LoadRequest{Model: sdk.Model{ID: "m"}}

// TestLoadIsCalledOff: the engine is told, and what it loads all the same is closed.
func TestLoadIsCalledOff(t *testing.T) {
	tests := map[string]struct{ stubborn bool }{"obeys": {false}, "loads all the same": {true}}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			told, inst := make(chan struct{}), newInstance(sdk.Endpoint{URL: "http://localhost"})
			s := serve(t, sdk.Plugin{Engine: engine(func(ctx context.Context, _ sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error) {
				progress(sdk.Progress{Fraction: 0.5})
				<-ctx.Done()
				close(told)
				if test.stubborn {
					return inst, nil
				}
				return nil, ctx.Err()
			})})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := s.Load(ctx, aModel, func(sdk.Progress) { cancel() })
			if sdk.CodeOf(err) != sdk.CodeCanceled {
				t.Errorf("got %v, want %s", err, sdk.CodeCanceled)
			}
			await(t, "the end of the engine's context", told)
			if test.stubborn {
				await(t, "the end of the instance that nobody wants", inst.ended)
			}
		})
	}
}

// TestUnloadWhileLoading calls off a load that another call began.
func TestUnloadWhileLoading(t *testing.T) {
	begun := make(chan struct{})
	s := serve(t, sdk.Plugin{Engine: engine(func(ctx context.Context, _ sdk.LoadRequest, _ func(sdk.Progress)) (sdk.Instance, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	calls := pluginpb.NewEngineClient(s.wire)
	stream, err := calls.Load(t.Context(), &pluginpb.LoadRequest{Model: &pluginpb.Model{Id: "m"}, InstanceId: "one"})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the load", begun)
	if _, err := calls.Unload(t.Context(), &pluginpb.UnloadRequest{InstanceId: "one"}); err != nil {
		t.Errorf("Unload: %v", err)
	}
	if _, err := stream.Recv(); err == nil {
		t.Error("the load goes on after Unload")
	}
}

// TestUnknownInstance: unloading one is no error, watching it is.
func TestUnknownInstance(t *testing.T) {
	s := serve(t, sdk.Plugin{Engine: with(nil)})
	calls := pluginpb.NewEngineClient(s.wire)
	if _, err := calls.Unload(t.Context(), &pluginpb.UnloadRequest{InstanceId: "nobody"}); err != nil {
		t.Errorf("Unload: %v", err)
	}
	stream, err := calls.Watch(t.Context(), &pluginpb.WatchRequest{InstanceId: "nobody"})
	if err == nil {
		_, err = stream.Recv()
	}
	if err == nil {
		t.Error("Watch of an unknown instance is no error")
	}
}

// TestInstanceIDs are chosen by the core, new and not empty.
func TestInstanceIDs(t *testing.T) {
	s := serve(t, sdk.Plugin{Engine: with(newInstance(sdk.Endpoint{URL: "http://localhost"}))})
	calls := pluginpb.NewEngineClient(s.wire)
	load := func(id string) error {
		stream, err := calls.Load(t.Context(), &pluginpb.LoadRequest{Model: &pluginpb.Model{Id: "m"}, InstanceId: id})
		for err == nil {
			var answer *pluginpb.LoadResponse
			if answer, err = stream.Recv(); answer.GetInstance() != nil {
				return nil
			}
		}
		return err
	}
	if err := load("one"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"one", ""} {
		if err := load(id); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("the id %q: %v", id, err)
		}
	}
}

// TestInstanceEndsByItself: Wait says why, for everybody who asks.
func TestInstanceEndsByItself(t *testing.T) {
	ours := newInstance(sdk.Endpoint{URL: "http://localhost"})
	s := serve(t, sdk.Plugin{Engine: with(ours)})
	inst, err := s.Load(t.Context(), aModel, nil)
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	for range 3 {
		go func() { errs <- inst.Wait() }()
	}
	ours.end(sdk.Errorf(sdk.CodeExhausted, "the memory is gone"))
	for range 3 {
		var got *sdk.Error
		if err := <-errs; !errors.As(err, &got) || got.Code != sdk.CodeExhausted || got.Message != "the memory is gone" {
			t.Errorf("Wait: %v", err)
		}
	}
	if err := inst.Close(t.Context()); err != nil {
		t.Errorf("Close of what has ended: %v", err)
	}
}

// TestCloseAtOnce: Wait has no error, however soon Close comes.
func TestCloseAtOnce(t *testing.T) {
	s := serve(t, sdk.Plugin{Engine: engine(func(context.Context, sdk.LoadRequest, func(sdk.Progress)) (sdk.Instance, error) {
		return newInstance(sdk.Endpoint{URL: "http://localhost"}), nil
	})})
	for range 300 {
		inst, err := s.Load(t.Context(), aModel, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := inst.Close(t.Context()); err != nil {
			t.Fatalf("Close: %v", err)
		}
		if err := inst.Wait(); err != nil {
			t.Fatalf("Wait: %v", err)
		}
	}
}

// TestCloseThatHangs returns when its context ends.
func TestCloseThatHangs(t *testing.T) {
	hanging := &slowInstance{newInstance(sdk.Endpoint{URL: "http://localhost"}), make(chan struct{})}
	s := serve(t, sdk.Plugin{Engine: engine(func(context.Context, sdk.LoadRequest, func(sdk.Progress)) (sdk.Instance, error) { return hanging, nil })})
	inst, err := s.Load(t.Context(), aModel, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	closed := make(chan error, 1)
	go func() { closed <- inst.Close(ctx) }()
	await(t, "the engine's Close", hanging.closing)
	cancel()
	select {
	case err := <-closed:
		if err == nil {
			t.Error("Close of an instance that does not end is no error")
		}
	case <-time.After(patience):
		t.Fatal("Close does not return")
	}
	hanging.end(nil)
}

// slowInstance says when its Close is called, and waits for its end.
type slowInstance struct {
	*instance
	closing chan struct{}
}

func (i *slowInstance) Close(context.Context) error {
	select {
	case <-i.closing:
	default:
		close(i.closing)
	}
	<-i.ended
	return nil
}

// TestRequestArrives: every field of a request, and progress on the way back.
func TestRequestArrives(t *testing.T) {
	sent := sdk.LoadRequest{
		Model: sdk.Model{ID: "a/b", Dir: "/models/a", Files: []string{"/models/a/1.gguf", "/models/a/2.gguf"}, MMProj: "/models/a/p.gguf",
			Manifest: sdk.Manifest{ID: "a/b", Settings: map[string]any{"seed": json.Number("18446744073709551615")}, Extra: map[string]any{"k": "v"}}},
		Settings: json.RawMessage(`{"ctx_len": 5}`),
	}
	steps := []sdk.Progress{{Fraction: 0, Note: "begin"}, {Fraction: -1, Note: "who knows"}, {Fraction: 1, Note: "end"}}
	arrived := make(chan sdk.LoadRequest, 1)
	s := serve(t, sdk.Plugin{Engine: engine(func(_ context.Context, req sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error) {
		arrived <- req
		for _, p := range steps {
			progress(p)
		}
		return newInstance(sdk.Endpoint{URL: "http://localhost"}), nil
	})})
	var seen []sdk.Progress
	if _, err := s.Load(t.Context(), sent, func(p sdk.Progress) { seen = append(seen, p) }); err != nil {
		t.Fatal(err)
	}
	got := <-arrived
	if got.Log == nil {
		t.Error("the request has no log")
	}
	got.Log, got.RunPath = nil, ""
	if !reflect.DeepEqual(got, sent) {
		t.Errorf("\n got %+v\nwant %+v", got, sent)
	}
	if !reflect.DeepEqual(seen, steps) {
		t.Errorf("progress is %+v, want %+v", seen, steps)
	}
}

// TestLargeMessages: gRPC's own limit of 4 MiB is too small for the catalogue of
// a big repository, and without a limit a plugin could fill the core's memory.
func TestLargeMessages(t *testing.T) {
	for _, test := range []struct {
		mib int
		ok  bool
	}{{5, true}, {17, false}} {
		s := serve(t, sdk.Plugin{Engine: with(newInstance(sdk.Endpoint{URL: "http://localhost"})), Importer: large(test.mib << 20)})
		req := aModel
		req.Settings = json.RawMessage(`"` + strings.Repeat("x", test.mib<<20) + `"`)
		_, sending := s.Load(t.Context(), req, nil)
		plans, receiving := s.Resolve(t.Context(), "x://y")
		for what, err := range map[string]error{"sending": sending, "receiving": receiving} {
			if test.ok != (err == nil) || (err != nil && sdk.CodeOf(err) != sdk.CodeExhausted) {
				t.Errorf("%s %d MiB: %v", what, test.mib, err)
			}
		}
		if test.ok && len(plans[0].Manifest.Description) != test.mib<<20 {
			t.Errorf("the plan has %d bytes", len(plans[0].Manifest.Description))
		}
		if _, err := s.Describe(t.Context()); err != nil {
			t.Errorf("Describe after %d MiB: %v", test.mib, err)
		}
	}
}

// large resolves everything to a plan of so many bytes.
type large int

func (n large) Resolve(context.Context, sdk.Ref) ([]sdk.Plan, error) {
	return []sdk.Plan{{Manifest: sdk.Manifest{Description: strings.Repeat("x", int(n))}}}, nil
}

// panicking is an instance whose Wait is at fault.
type panicking struct{ sdk.Instance }

func (panicking) Wait() error { panic("oh no") }

// TestPanicInWait ends that instance and nothing else.
func TestPanicInWait(t *testing.T) {
	good := newInstance(sdk.Endpoint{URL: "http://localhost"})
	instances := []sdk.Instance{panicking{newInstance(sdk.Endpoint{URL: "http://localhost"})}, good}
	s := serve(t, sdk.Plugin{Engine: engine(func(context.Context, sdk.LoadRequest, func(sdk.Progress)) (sdk.Instance, error) {
		next := instances[0]
		instances = instances[1:]
		return next, nil
	})})
	bad, err := s.Load(t.Context(), aModel, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := bad.Wait(); sdk.CodeOf(err) != sdk.CodeInternal {
		t.Errorf("got %v, want %s", err, sdk.CodeInternal)
	}
	if inst, err := s.Load(t.Context(), aModel, nil); err != nil {
		t.Errorf("the next load: %v", err)
	} else if err := inst.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCallsBeforeConfigure are refused by the SDK: an author's code can rely on it.
func TestCallsBeforeConfigure(t *testing.T) {
	failing := sdk.Errorf(sdk.CodeInvalid, "not yet")
	s := serve(t, sdk.Plugin{Engine: picky{inspector{}, func() error { return nil }}})
	if _, err := s.Inspect(t.Context(), aModel); err != nil {
		t.Errorf("Inspect after Configure: %v", err)
	}
	early := serveOnly(t, sdk.Plugin{Engine: picky{inspector{}, func() error { return failing }}})
	if _, err := early.Describe(t.Context()); err != nil {
		t.Errorf("Describe before Configure: %v", err)
	}
	for _, when := range []string{"before Configure", "after one that failed"} {
		if _, err := early.Inspect(t.Context(), aModel); sdk.CodeOf(err) != sdk.CodeUnavailable {
			t.Errorf("Inspect %s: %v", when, err)
		}
		if _, err := early.Load(t.Context(), aModel, nil); sdk.CodeOf(err) != sdk.CodeUnavailable {
			t.Errorf("Load %s: %v", when, err)
		}
		if err := early.Configure(t.Context(), sdk.Configuration{RunDir: early.run}); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("Configure: %v", err)
		}
	}
}

// picky is an engine whose Configure may fail.
type picky struct {
	inspector
	fail func() error
}

func (p picky) Configure(context.Context, sdk.Configuration) error { return p.fail() }

// TestRunPath is new for each load, and short enough for a socket.
func TestRunPath(t *testing.T) {
	var mu sync.Mutex
	paths := map[string]bool{}
	s := serve(t, sdk.Plugin{Engine: engine(func(_ context.Context, req sdk.LoadRequest, _ func(sdk.Progress)) (sdk.Instance, error) {
		mu.Lock()
		defer mu.Unlock()
		paths[req.RunPath] = true
		listener, err := net.Listen("unix", req.RunPath+".sock")
		if err != nil {
			return nil, err
		}
		return sdk.NewInstance(sdk.Endpoint{Handler: http.NotFoundHandler()}, func(context.Context) error { return listener.Close() }), nil
	})})
	for range 2 {
		inst, err := s.Load(t.Context(), aModel, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer inst.Close(t.Context())
	}
	if len(paths) != 2 {
		t.Errorf("%v", paths)
	}
	for path := range paths {
		if filepath.Dir(path) != s.run {
			t.Errorf("%s is not in the run folder %s", path, s.run)
		}
	}
}

// TestAnyErrorOfACalledOffLoad is that it was called off.
func TestAnyErrorOfACalledOffLoad(t *testing.T) {
	begun := make(chan string, 1)
	s := serve(t, sdk.Plugin{Engine: engine(func(ctx context.Context, req sdk.LoadRequest, _ func(sdk.Progress)) (sdk.Instance, error) {
		begun <- filepath.Base(req.RunPath)
		<-ctx.Done()
		return nil, errors.New("the connection broke")
	})})
	ended := make(chan error, 1)
	go func() {
		_, err := s.Load(t.Context(), aModel, nil)
		ended <- err
	}()
	if _, err := pluginpb.NewEngineClient(s.wire).Unload(t.Context(), &pluginpb.UnloadRequest{InstanceId: <-begun}); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; sdk.CodeOf(err) != sdk.CodeCanceled {
		t.Errorf("%v", err)
	}
}

func TestPlainInstance(t *testing.T) {
	freed, why := 0, errors.New("it broke")
	i := sdk.NewInstance(sdk.Endpoint{URL: "http://localhost"}, func(context.Context) error { freed++; return why })
	i.End(why)
	i.End(errors.New("too late"))
	if err := i.Wait(); err != why {
		t.Errorf("Wait: %v", err)
	}
	for range 2 {
		if err := i.Close(t.Context()); err != why || freed != 1 {
			t.Errorf("Close: %v, freed %d times", err, freed)
		}
	}
	closed := sdk.NewInstance(sdk.Endpoint{URL: "http://localhost"}, nil)
	if err := errors.Join(closed.Close(t.Context()), closed.Wait()); err != nil {
		t.Error(err)
	}
}
