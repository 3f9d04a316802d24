package sdk

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// server is the plugin's half of the contract: it turns calls on the wire into
// calls of the author's Engine and Importer, and owns the instances.
type server struct {
	pluginpb.UnimplementedPluginServer
	pluginpb.UnimplementedEngineServer
	pluginpb.UnimplementedImporterServer

	plugin Plugin
	log    hclog.Logger
	first  func() // called before the author's code is; any number of times

	configure sync.Mutex // one Configure at a time

	mu         sync.Mutex
	configured bool
	runDir     string
	closed     bool
	instances  map[string]*served // by the id that the core chose
}

// served is one instance and its short life: loading → answering → ended.
type served struct {
	cancel context.CancelFunc // calls off a load that is under way
	loaded chan struct{}      // closed when Load has returned
	inst   Instance           // set before loaded is closed; nil when the load failed
	ended  chan struct{}      // closed when the instance has ended
	err    error              // why, set before ended is closed
}

func newServer(p Plugin, log hclog.Logger) *server {
	return &server{plugin: p, log: log, first: func() {}, instances: map[string]*served{}}
}

func (s *server) register(gs *grpc.Server) {
	pluginpb.RegisterPluginServer(gs, s)
	if s.plugin.Engine != nil {
		pluginpb.RegisterEngineServer(gs, s)
	}
	if s.plugin.Importer != nil {
		pluginpb.RegisterImporterServer(gs, s)
	}
}

func (s *server) Describe(context.Context, *pluginpb.DescribeRequest) (*pluginpb.DescribeResponse, error) {
	return descriptionToWire(s.plugin.describe()), nil
}

func (s *server) Configure(ctx context.Context, req *pluginpb.ConfigureRequest) (*pluginpb.ConfigureResponse, error) {
	s.configure.Lock()
	defer s.configure.Unlock()
	s.first()
	c := configurationFromWire(req)
	if level := hclog.LevelFromString(c.LogLevel); level != hclog.NoLevel {
		s.log.SetLevel(level)
	}
	s.mu.Lock()
	s.runDir = c.RunDir
	s.mu.Unlock()
	c.Log = s.log
	for _, part := range []any{s.plugin.Engine, s.plugin.Importer} {
		if configurer, ok := part.(Configurer); ok {
			if err := configurer.Configure(ctx, c); err != nil {
				return nil, err
			}
		}
	}
	s.mu.Lock()
	s.configured = true
	s.mu.Unlock()
	return &pluginpb.ConfigureResponse{}, nil
}

func (s *server) Inspect(ctx context.Context, req *pluginpb.InspectRequest) (*pluginpb.InspectResponse, error) {
	inspector, ok := s.plugin.Engine.(Inspector)
	if !ok {
		return nil, Errorf(CodeUnsupported, "plugin %s does not inspect models", s.plugin.Name)
	}
	load, err := s.loadRequest(req.GetModel(), req.GetSettings())
	if err != nil {
		return nil, err
	}
	inspection, err := inspector.Inspect(ctx, load)
	if err != nil {
		return nil, err
	}
	return inspectionToWire(inspection), nil
}

func (s *server) Models(ctx context.Context, _ *pluginpb.ModelsRequest) (*pluginpb.ModelsResponse, error) {
	lister, ok := s.plugin.Engine.(Lister)
	if !ok {
		return nil, Errorf(CodeUnsupported, "plugin %s offers no models", s.plugin.Name)
	}
	manifests, err := lister.Models(ctx)
	if err != nil {
		return nil, err
	}
	return modelsToWire(manifests)
}

func (s *server) Load(req *pluginpb.LoadRequest, stream grpc.ServerStreamingServer[pluginpb.LoadResponse]) error {
	load, err := s.loadRequest(req.GetModel(), req.GetSettings())
	if err != nil {
		return err
	}
	load.RunPath = s.path(req.GetInstanceId())
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	inst, err := s.begin(req.GetInstanceId(), cancel)
	if err != nil {
		return err
	}
	progress, stop := progressTo(stream)
	endpoint, err := s.load(ctx, req.GetInstanceId(), inst, load, progress)
	stop()
	if err != nil {
		s.forget(req.GetInstanceId())
		return err
	}
	return stream.Send(&pluginpb.LoadResponse{Event: &pluginpb.LoadResponse_Instance{
		Instance: &pluginpb.Instance{Endpoint: endpointToWire(endpoint)}}})
}

// progressTo sends progress until stop. gRPC allows one sender at a time, and an
// author may report from several goroutines, and after the load has returned.
func progressTo(stream grpc.ServerStreamingServer[pluginpb.LoadResponse]) (progress func(Progress), stop func()) {
	var mu sync.Mutex
	stopped := false
	progress = func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		if !stopped && stream.Context().Err() == nil {
			_ = stream.Send(&pluginpb.LoadResponse{Event: &pluginpb.LoadResponse_Progress{
				Progress: &pluginpb.Progress{Fraction: p.Fraction, Note: p.Note}}})
		}
	}
	return progress, func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
	}
}

// begin enters a new instance before it is loaded, so that Unload finds it.
func (s *server) begin(id string, cancel context.CancelFunc) (*served, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, Errorf(CodeUnavailable, "plugin %s is ending", s.plugin.Name)
	}
	if _, taken := s.instances[id]; taken || id == "" {
		return nil, Errorf(CodeInvalid, "instance id %q is empty or in use", id)
	}
	inst := &served{cancel: cancel, loaded: make(chan struct{}), ended: make(chan struct{})}
	s.instances[id] = inst
	return inst, nil
}

func (s *server) load(ctx context.Context, id string, inst *served, req LoadRequest, progress func(Progress)) (Endpoint, error) {
	var stop func() = func() {}
	started, endpoint, err := func() (started Instance, endpoint Endpoint, err error) {
		defer s.recovered(&err)
		if started, err = s.plugin.Engine.Load(ctx, req, progress); err != nil {
			return started, endpoint, err
		}
		endpoint = started.Endpoint()
		if err = endpoint.Check(); err != nil {
			return started, endpoint, &Error{Code: CodeInternal, Message: "plugin " + s.plugin.Name + " returned a bad endpoint", Cause: err}
		}
		endpoint, stop, err = s.serve(id, endpoint)
		return started, endpoint, err
	}()
	if ctx.Err() != nil { // whatever that broke
		err = &Error{Code: CodeCanceled, Message: "the load was called off", Cause: cmp.Or(err, ctx.Err())}
	}
	if err != nil {
		if started != nil {
			closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
			defer cancel()
			_ = started.Close(closeCtx)
		}
		stop()
		inst.err = err
		close(inst.loaded)
		close(inst.ended)
		return Endpoint{}, err
	}
	inst.inst = started
	close(inst.loaded)
	go func() {
		defer close(inst.ended)
		defer stop()
		defer s.recovered(&inst.err)
		inst.err = started.Wait()
	}()
	return endpoint, nil
}

// path is the beginning of paths in the run folder that belong to an instance.
func (s *server) path(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return filepath.Join(s.runDir, id)
}

// serve puts an endpoint's handlers on private sockets.
func (s *server) serve(id string, e Endpoint) (Endpoint, func(), error) {
	base := s.path(id)
	var stops []func()
	stop := func() {
		for _, f := range stops {
			f()
		}
	}
	for _, h := range []struct {
		handler http.Handler
		path    string
		socket  *string
	}{{e.Handler, base + "-h.sock", &e.Socket}, {e.Detour, base + "-d.sock", &e.DetourSocket}} {
		if h.handler == nil {
			continue
		}
		f, err := serveHandler(h.path, h.handler, s.log)
		if err != nil {
			stop()
			return e, func() {}, &Error{Code: CodeInternal, Message: "plugin " + s.plugin.Name + " cannot serve on its socket", Cause: err}
		}
		stops = append(stops, f)
		*h.socket = h.path
	}
	e.Handler, e.Detour = nil, nil
	return e, stop, nil
}

func (s *server) Watch(req *pluginpb.WatchRequest, stream grpc.ServerStreamingServer[pluginpb.WatchResponse]) error {
	inst := s.instance(req.GetInstanceId())
	if inst == nil {
		return Errorf(CodeNotFound, "no instance %q", req.GetInstanceId())
	}
	select {
	case <-stream.Context().Done():
		return stream.Context().Err()
	case <-inst.ended:
		return stream.Send(&pluginpb.WatchResponse{Error: errorToWire(inst.err)})
	}
}

func (s *server) Unload(ctx context.Context, req *pluginpb.UnloadRequest) (*pluginpb.UnloadResponse, error) {
	inst := s.instance(req.GetInstanceId())
	if inst == nil {
		return &pluginpb.UnloadResponse{}, nil
	}
	if err := inst.close(ctx); err != nil {
		return nil, err
	}
	s.forget(req.GetInstanceId())
	return &pluginpb.UnloadResponse{}, nil
}

// close ends the instance, wherever it is in its life, and waits until it is gone.
func (inst *served) close(ctx context.Context) error {
	select {
	case <-inst.loaded:
	default:
		inst.cancel()
	}
	select {
	case <-inst.loaded:
	case <-ctx.Done():
		return ctx.Err()
	}
	if inst.inst == nil {
		return nil
	}
	if err := inst.inst.Close(ctx); err != nil {
		return err
	}
	select { // its socket goes after it
	case <-inst.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends every instance, all at once, and takes no new ones.
func (s *server) close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	var all sync.WaitGroup
	for id, inst := range s.instances {
		all.Go(func() {
			err := func() (err error) {
				defer s.recovered(&err)
				return inst.close(ctx)
			}()
			if err != nil {
				s.log.Warn("instance not closed in time", "instance", id, "error", err)
			}
		})
	}
	s.mu.Unlock()
	all.Wait()
}

func (s *server) instance(id string) *served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instances[id]
}

func (s *server) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.instances, id)
}

func (s *server) loadRequest(m *pluginpb.Model, settings []byte) (LoadRequest, error) {
	model, err := modelFromWire(m)
	if err != nil {
		return LoadRequest{}, err
	}
	return LoadRequest{Model: model, Settings: settings, Log: s.log.With("model", model.ID)}, nil
}

func (s *server) Resolve(ctx context.Context, req *pluginpb.ResolveRequest) (*pluginpb.ResolveResponse, error) {
	plans, err := s.plugin.Importer.Resolve(ctx, Ref(req.GetRef()))
	if err != nil {
		return nil, err
	}
	return plansToWire(plans)
}

func (s *server) Search(ctx context.Context, req *pluginpb.SearchRequest) (*pluginpb.SearchResponse, error) {
	searcher, ok := s.plugin.Importer.(Searcher)
	if !ok {
		return nil, Errorf(CodeUnsupported, "plugin %s does not search", s.plugin.Name)
	}
	hits, err := searcher.Search(ctx, req.GetWords(), int(req.GetLimit()))
	if err != nil {
		return nil, err
	}
	return hitsToWire(hits), nil
}

// ready refuses what comes before the first Configure that went well: an author's code
// can rely on it. go-plugin's own services are asked before.
func (s *server) ready(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.configured || strings.HasPrefix(method, "/"+pluginpb.Plugin_ServiceDesc.ServiceName+"/") || !strings.HasPrefix(method, "/enginebay.") {
		return nil
	}
	return Errorf(CodeUnavailable, "plugin %s is not configured yet", s.plugin.Name)
}

// unary and stream turn panics and errors of the author's code into coded answers.
func (s *server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() { err = statusError(err) }()
	defer s.recovered(&err)
	if err := s.ready(info.FullMethod); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (s *server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() { err = statusError(err) }()
	defer s.recovered(&err)
	if err := s.ready(info.FullMethod); err != nil {
		return err
	}
	return next(srv, stream)
}

// recovered is deferred: it makes an error of a panic, and logs the stack here,
// where the plugin's author looks for it.
func (s *server) recovered(err *error) {
	if r := recover(); r != nil {
		s.log.Error("panic", "value", fmt.Sprint(r), "stack", string(debug.Stack()))
		*err = &Error{Code: CodeInternal, Message: "plugin " + s.plugin.Name + " met a fault of its own; its log has the details",
			Cause: fmt.Errorf("panic: %v", r)}
	}
}
