package host

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/enginebay/enginebay/sdk"
	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// How long each call may take at most. A caller's own deadline may be shorter.
const (
	describeTimeout  = 10 * time.Second
	configureTimeout = 30 * time.Second
	inspectTimeout   = 15 * time.Second
	loadTimeout      = time.Hour // a large model from a slow disk
	unloadTimeout    = 30 * time.Second
	resolveTimeout   = 2 * time.Minute
	modelsTimeout    = time.Minute
)

// A Conn is an [sdk.Engine], Inspector, Lister, Importer
// and Searcher that live in a plugin's process. All methods may be called
// concurrently. Every call has a deadline, and every error is an [*sdk.Error].
type Conn struct {
	plugin   pluginpb.PluginClient
	engine   pluginpb.EngineClient
	importer pluginpb.ImporterClient

	mu     sync.Mutex
	runDir string // from Configure; endpoints must lie inside
}

// NewConn returns the core's half over a connection to a plugin.
func NewConn(cc grpc.ClientConnInterface) *Conn {
	return &Conn{plugin: pluginpb.NewPluginClient(cc), engine: pluginpb.NewEngineClient(cc), importer: pluginpb.NewImporterClient(cc)}
}

// Dial makes a connection to a plugin that listens on a unix socket without TLS, as
// one does that [sdk.ServeOn] serves. Nothing is sent before the first call.
func Dial(socket string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix:"+socket, append(dialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
}

// dialOptions are the limits that a connection to a plugin needs.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithDefaultCallOptions(
		grpc.MaxCallRecvMsgSize(pluginpb.MaxMessage), grpc.MaxCallSendMsgSize(pluginpb.MaxMessage))}
}

// Describe asks what the plugin is.
func (c *Conn) Describe(ctx context.Context) (sdk.Description, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	w, err := c.plugin.Describe(ctx, &pluginpb.DescribeRequest{})
	if err != nil {
		return sdk.Description{}, callError(ctx, err)
	}
	return descriptionFromWire(w), nil
}

// Configure hands over the deployment's settings. It must come before any call
// but Describe.
func (c *Conn) Configure(ctx context.Context, conf sdk.Configuration) error {
	ctx, cancel := context.WithTimeout(ctx, configureTimeout)
	defer cancel()
	c.mu.Lock()
	c.runDir = conf.RunDir
	c.mu.Unlock()
	_, err := c.plugin.Configure(ctx, configurationToWire(conf))
	return callError(ctx, err)
}

// Inspect implements [sdk.Inspector].
func (c *Conn) Inspect(ctx context.Context, req sdk.LoadRequest) (sdk.Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	model, err := modelToWire(req.Model)
	if err != nil {
		return sdk.Inspection{}, err
	}
	w, err := c.engine.Inspect(ctx, &pluginpb.InspectRequest{Model: model, Settings: req.Settings})
	if err != nil {
		return sdk.Inspection{}, callError(ctx, err)
	}
	return inspectionFromWire(w), nil
}

// Models implements [sdk.Lister].
func (c *Conn) Models(ctx context.Context) ([]sdk.Manifest, error) {
	ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
	defer cancel()
	w, err := c.engine.Models(ctx, &pluginpb.ModelsRequest{})
	if err != nil {
		return nil, callError(ctx, err)
	}
	return modelsFromWire(w)
}

// Load implements [sdk.Engine]. When ctx ends first, the plugin is told to unload
// what it may have loaded meanwhile.
func (c *Conn) Load(ctx context.Context, req sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error) {
	model, err := modelToWire(req.Model)
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(rand.Text()[:10]) // short: it is part of a socket's path
	endpoint, err := c.load(ctx, &pluginpb.LoadRequest{Model: model, Settings: req.Settings, InstanceId: id}, progress)
	if err != nil {
		c.abandon(id)
		return nil, err
	}
	inst := &remote{conn: c, id: id, endpoint: endpoint, ended: make(chan struct{})}
	go inst.watch()
	return inst, nil
}

func (c *Conn) load(ctx context.Context, req *pluginpb.LoadRequest, progress func(sdk.Progress)) (sdk.Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	stream, err := c.engine.Load(ctx, req)
	if err != nil {
		return sdk.Endpoint{}, callError(ctx, err)
	}
	for {
		w, err := stream.Recv()
		if err != nil {
			return sdk.Endpoint{}, callError(ctx, err)
		}
		if p := w.GetProgress(); p != nil && progress != nil {
			progress(sdk.Progress{Fraction: p.GetFraction(), Note: p.GetNote()})
		}
		if inst := w.GetInstance(); inst != nil {
			endpoint := endpointFromWire(inst.GetEndpoint())
			return endpoint, c.checkEndpoint(endpoint)
		}
	}
}

// abandon unloads what came of a load that did not end well, and waits for it:
// when Load has returned, the memory is free.
func (c *Conn) abandon(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
	defer cancel()
	_, _ = c.engine.Unload(ctx, &pluginpb.UnloadRequest{InstanceId: id})
}

// checkEndpoint refuses addresses that a plugin has no business to name: the
// core sends its users' requests there.
func (c *Conn) checkEndpoint(e sdk.Endpoint) error {
	bad := func(why string) error {
		return &sdk.Error{Code: sdk.CodeInternal, Message: "the plugin returned an endpoint that is not allowed", Cause: fmt.Errorf("%s", why)}
	}
	if err := e.Check(); err != nil {
		return bad(err.Error())
	}
	c.mu.Lock()
	runDir := filepath.Clean(c.runDir)
	c.mu.Unlock()
	for _, socket := range []string{e.Socket, e.DetourSocket} {
		if socket != "" && filepath.Dir(filepath.Clean(socket)) != runDir {
			return bad("socket " + socket + " is outside the plugin's run folder")
		}
	}
	if e.Socket != "" {
		return nil
	}
	if u, err := url.Parse(e.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return bad("address is neither http nor https")
	}
	return nil
}

// Watch blocks until an instance has ended, and returns why it ended by itself; after
// Unload it is nil. It has no deadline of its own: an instance lives for as long as it
// is used. [sdk.CodeNotFound]: there is none of that id.
func (c *Conn) Watch(ctx context.Context, id string) error {
	ctx, cancel := context.WithCancel(ctx) // gRPC keeps a stream that is neither read to its end nor called off
	defer cancel()
	stream, err := c.engine.Watch(ctx, &pluginpb.WatchRequest{InstanceId: id})
	if err != nil {
		return callError(ctx, err)
	}
	w, err := stream.Recv()
	if err != nil {
		return callError(ctx, err)
	}
	return errorFromWire(w.GetError())
}

// Resolve implements [sdk.Importer].
func (c *Conn) Resolve(ctx context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	w, err := c.importer.Resolve(ctx, &pluginpb.ResolveRequest{Ref: string(ref)})
	if err != nil {
		return nil, callError(ctx, err)
	}
	return plansFromWire(w)
}

// Search implements [sdk.Searcher].
func (c *Conn) Search(ctx context.Context, words string, limit int) ([]sdk.Hit, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	w, err := c.importer.Search(ctx, &pluginpb.SearchRequest{Words: words, Limit: int32(limit)})
	if err != nil {
		return nil, callError(ctx, err)
	}
	return hitsFromWire(w), nil
}

// remote is an Instance that lives in a plugin's process.
type remote struct {
	conn     *Conn
	id       string
	endpoint sdk.Endpoint
	closing  atomic.Bool // Close was called
	ended    chan struct{}
	err      error // set before ended is closed
}

func (r *remote) Endpoint() sdk.Endpoint { return r.endpoint }

func (r *remote) Wait() error {
	<-r.ended
	return r.err
}

// watch ends when the instance or the connection to the plugin does.
func (r *remote) watch() {
	defer close(r.ended)
	// A Close right after Load overtakes this call: the plugin then has no such instance any more.
	if err := r.conn.Watch(context.Background(), r.id); !r.closing.Load() || sdk.CodeOf(err) != sdk.CodeNotFound {
		r.err = err
	}
}

func (r *remote) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, unloadTimeout)
	defer cancel()
	r.closing.Store(true)
	_, err := r.conn.engine.Unload(ctx, &pluginpb.UnloadRequest{InstanceId: r.id})
	if err != nil {
		return callError(ctx, err)
	}
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: "the instance did not end in time", Cause: ctx.Err()}
	}
}

// WithTraceparent returns a context whose calls to a plugin say which trace they
// belong to, as the header traceparent of W3C's Trace Context says it.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "traceparent", traceparent)
}
