package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/trace"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/keys"
	"github.com/enginebay/enginebay/core/metrics"
	"github.com/enginebay/enginebay/core/runs"
	"github.com/enginebay/enginebay/sdk"
)

const (
	maxBody = 64 << 20 // images travel inside of messages
	// readTimeout is for a request's headers and a small body, bodyTimeout for a
	// larger body.
	readTimeout = 15 * time.Second
	bodyTimeout = 2 * time.Minute
	idleTimeout = 75 * time.Second
	// chunkTimeout is for one chunk of a stream, which may last for hours; a client
	// that takes nothing for so long is given up. answerTimeout is for an answer
	// that is no stream.
	chunkTimeout  = 30 * time.Second
	answerTimeout = 2 * time.Minute
)

// Config is what a Server needs.
type Config struct {
	Runtime *core.Runtime
	Version string     // of the program
	Keys    *keys.Ring // nil: there are none
	// Conversations are where threads, stored responses and files are kept; nil: nowhere,
	// and their routes are not there.
	Conversations *conversation.Store
	Sole          bool // no other server uses that store
	Policy
	Tracer trace.Tracer // nil: no traces
	Log    hclog.Logger
}

// A Server answers HTTP. Make it with New.
type Server struct {
	app     *fiber.App
	runtime *core.Runtime
	metrics *metrics.Metrics
	config  Config
	log     hclog.Logger
	policy  atomic.Pointer[policy]
	local   atomic.Bool // only this machine reaches the listener

	runs      *runs.Runner  // nil where nothing is kept
	applied   chan struct{} // a policy came into force
	forgotten chan struct{} // closed when old responses are deleted no more
	listing   atomic.Pointer[listing]
	uploads   uploads
	changing  changing
	life      context.Context // ends when Shutdown begins
	end       context.CancelFunc
	stall     time.Duration // see stallTimeout
	beat      time.Duration // heartbeat, of the events of runs
	maxFile   int64         // see maxFile
}

// New makes a server with all its routes.
func New(c Config) *Server {
	s := &Server{runtime: c.Runtime, metrics: metrics.New(c.Runtime, c.Version), config: c, log: c.Log, stall: stallTimeout, beat: heartbeat, maxFile: maxFile,
		applied: make(chan struct{}, 1), forgotten: make(chan struct{})}
	if c.Conversations != nil {
		s.metrics.Database(c.Conversations.Status)
		s.runs = runs.New(runs.Config{Store: c.Conversations, Bridge: bridge{s}, Log: c.Log.Named("runs"), Sole: c.Sole})
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.Apply(c.Policy)
	s.app = fiber.New(fiber.Config{
		AppName:                      "enginebay",
		CaseSensitive:                true,
		StrictRouting:                true,
		DisableStartupMessage:        true,
		DisablePreParseMultipartForm: true, // a form goes on as it came
		BodyLimit:                    maxBody,
		ReadBufferSize:               16 << 10,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 answerTimeout,
		IdleTimeout:                  idleTimeout,
		ErrorHandler:                 s.unread,
	})
	s.app.Server().HeaderReceived = s.received
	s.app.Server().Handler = s.methods(s.app.Handler())
	s.app.Use(s.observe, s.recover, s.guard)
	for _, r := range s.routes() {
		s.add(r)
	}
	if c.Conversations != nil {
		go s.forget()
	}
	return s
}

// routes is the whole API in one place.
func (s *Server) routes() []route {
	all := []route{
		{"GET", "/healthz", public, s.health},
		{"GET", "/readyz", public, s.ready},
		{"GET", "/metrics", keyed, s.showMetrics},
		{"GET", "/openapi.json", public, s.showOpenAPI},
		{"GET", "/v1/events", keyed, s.events},
		{"GET", modelsPath, keyed, s.listModels},
		{"POST", modelsPath, keyed, s.postModel},
		{"GET", "/v1/plans", keyed, s.showPlans},
		{"GET", "/v1/search", keyed, s.search},
		{"GET", "/v1/engines", keyed, s.listEngines},
		{"GET", "/v1/engines/:id", keyed, s.showEngine},
		{"PUT", "/v1/engines/:id", keyed, s.putEngine},
		{"DELETE", "/v1/engines/:id", keyed, s.deleteEngine},
		{"POST", "/v1/engines/:id/test", keyed, s.testEngine},
		{"POST", "/v1/engines/:id/restart", keyed, s.restartEngine},
		{"POST", "/v1/engines/:id/refresh", keyed, s.refreshEngine},
		{"GET", "/v1/plugins", keyed, s.listPlugins},
		{"POST", "/v1/plugins", keyed, s.installPlugin},
		{"GET", "/v1/plugins/search", keyed, s.searchPlugins}, // a plugin of that name is shown by its full one
		{"GET", "/v1/plugins/:id", keyed, s.showPlugin},
		{"DELETE", "/v1/plugins/:id", keyed, s.deletePlugin},
		{"GET", "/v1/plugins/:id/info", keyed, s.pluginOffer},
		{"GET", "/v1/plugins/:id/why", keyed, s.explainPlugin},
		{"POST", "/v1/plugins/:id/upgrade", keyed, s.upgradePlugin},
		{"POST", "/v1/plugins/:id/rollback", keyed, s.rollbackPlugin},
		{"POST", "/v1/plugins/:id/use", keyed, s.usePlugin},
		{"POST", "/v1/plugins/:id/pin", keyed, s.pinPlugin},
		{"POST", "/v1/plugins/:id/verify", keyed, s.verifyPlugin},
		{"GET", "/v1/system", keyed, s.showSystem},
	}
	all = append(all, s.conversationRoutes()...)
	all = append(all, s.aliases()...)
	all = append(all, // after those that are no id of a model
		route{"GET", "/v1/models/*", keyed, s.showModel},     // and …/export
		route{"POST", "/v1/models/*", keyed, s.commandModel}, // …/download and …/cancel
		route{"PATCH", "/v1/models/*", keyed, s.patchModel},
		route{"DELETE", "/v1/models/*", keyed, s.deleteModel},
		route{"PUT", "/v1/models/*", keyed, s.changeModel}, // …/start and …/stop
	)
	for _, op := range operations {
		all = append(all, route{"POST", "/v1/" + string(op.Operation), metered, s.forward(op)})
	}
	for _, op := range []sdk.Operation{sdk.OpTokenize, sdk.OpDetokenize} { // where llama.cpp's clients look for them
		all = append(all, route{"POST", op.Path(), metered, s.forward(operation{Operation: op, renamed: none, light: true})})
	}
	return all
}

func (s *Server) health(c *fiber.Ctx) error {
	return c.JSON(fiber.Map{"status": "ok", "version": s.config.Version})
}

// Serve answers on the listener until Shutdown. Without keys it refuses everybody
// where other machines reach the listener; see [Exposed].
func (s *Server) Serve(l net.Listener) error {
	s.local.Store(!Exposed(l.Addr()))
	return s.app.Listener(l)
}

// Shutdown takes no new connections and waits up to timeout for those that work.
// Streams end only when their models do: close the Runtime first, or at the same time.
// Uploads, changes of plugins and runs are cut at once.
func (s *Server) Shutdown(timeout time.Duration) error {
	s.end()
	defer s.uploads.end()
	if s.runs == nil {
		return s.app.ShutdownWithTimeout(timeout)
	}
	var wait sync.WaitGroup
	wait.Go(s.runs.Close) // and the streams of their events end
	wait.Go(func() { <-s.forgotten })
	defer wait.Wait()
	return s.app.ShutdownWithTimeout(timeout)
}

// fail answers every error.
func (s *Server) fail(c *fiber.Ctx, err error) {
	if errors.Is(err, fiber.ErrRequestEntityTooLarge) {
		err = s.tooLarge(c)
	}
	answer := translate(err)
	if answer.status == http.StatusInternalServerError {
		answer.Message += fmt.Sprintf("; the request's id is %s", observed(c).id)
	}
	if answer.status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="enginebay"`)
	}
	if answer.status == http.StatusTooManyRequests || answer.status == http.StatusServiceUnavailable { // an engine's too
		c.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(answer.after.Seconds())))))
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	body := answer.body()
	if strings.HasPrefix(c.Path(), "/v1/"+string(sdk.OpMessages)) {
		body = answer.messagesBody()
	}
	c.Status(answer.status).Response().SetBodyRaw(body)
}

// recover answers a panic with a fixed text.
func (s *Server) recover(c *fiber.Ctx) (err error) {
	defer s.caught(observed(c), &err)
	return c.Next()
}

// caught ends a panic; the stack goes to the log. It is deferred.
func (s *Server) caught(o *observation, err *error) {
	if r := recover(); r != nil {
		s.log.Error("panic", "value", fmt.Sprint(r), "stack", string(debug.Stack()), "request_id", o.id)
		*err = errors.New("panic")
	}
}
