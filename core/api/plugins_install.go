package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/sdk"
)

// installedPlugin is what came of an install, an upgrade, or another switch.
type installedPlugin struct {
	Object     string   `json:"object"`
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Variant    string   `json:"variant"`
	Digest     string   `json:"digest"`
	Action     string   `json:"action"`
	Before     string   `json:"before,omitempty"`
	EngineFile string   `json:"engine_file,omitempty"` // that was made: "engines/llamacpp.json"
	Used       bool     `json:"used"`                  // false: another plugin of that name goes before it
	Warnings   []string `json:"warnings"`
}

// changing are the plugins that requests change now, by their short names.
type changing struct {
	mu    sync.Mutex
	names map[string]bool
}

// begin has one change of a plugin at a time; the next is told, and does not wait.
func (g *changing) begin(name string) (end func(), err error) {
	name = path.Base(name)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.names[name] {
		return nil, fault(http.StatusConflict, fmt.Sprintf("The plugin '%s' is being changed by another request; try again when that is done", name), "", "conflict")
	}
	if g.names == nil {
		g.names = map[string]bool{}
	}
	g.names[name] = true
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.names, name)
	}, nil
}

// installPlugin answers POST /v1/plugins: without "accept" with what would be
// installed, and with it by installing exactly that.
func (s *Server) installPlugin(c *fiber.Ctx) error {
	r, err := readInstall(c, false)
	if err != nil {
		return err
	}
	return s.work(c, r.Stream, func(ctx context.Context, progress func(install.Progress)) (any, error) {
		plan, err := s.runtime.Installer().Plan(ctx, r.Source, r.options())
		if err != nil {
			return nil, err
		}
		return s.carryOut(ctx, r, plan, progress)
	})
}

// upgradePlugin answers POST /v1/plugins/{name}/upgrade, in the same two steps.
func (s *Server) upgradePlugin(c *fiber.Ctx) error {
	r, err := readInstall(c, true)
	if err != nil {
		return err
	}
	name, err := pluginName(c)
	if err != nil {
		return err
	}
	return s.work(c, r.Stream, func(ctx context.Context, progress func(install.Progress)) (any, error) {
		plans, kept, err := s.runtime.Installer().Upgrades(ctx, []string{name}, r.options())
		switch {
		case err != nil:
			return nil, err
		case len(plans) > 0:
			return s.carryOut(ctx, r, plans[0], progress)
		case r.Accept != "":
			return nil, fault(http.StatusConflict, fmt.Sprintf("There is nothing to upgrade %s to by now: it %s", kept[0].Name, fit(kept[0].Reason)), "accept", "plan_changed")
		}
		return keptPlugin{"plugin.kept", kept[0].Name, kept[0].Version, install.Nothing, fit(kept[0].Reason)}, nil
	})
}

// carryOut fetches what is planned, and installs it where it is what was accepted.
func (s *Server) carryOut(ctx context.Context, r installRequest, p *install.Plan, progress func(install.Progress)) (any, error) {
	defer p.Close()
	i := s.runtime.Installer()
	if r.Accept == "" {
		if err := i.Fetch(ctx, p, progress); err != nil {
			return nil, err
		}
		return pluginPlanOf(p), nil
	}
	if p.Name == "" { // an address tells it only now
		if err := i.Fetch(ctx, p, progress); err != nil {
			return nil, err
		}
	}
	end, err := s.changing.begin(p.Name)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := i.Fetch(ctx, p, progress); err != nil {
		return nil, err
	}
	if err := r.accepted(p); err != nil {
		return nil, err
	}
	return s.apply(ctx, p, progress)
}

// apply installs, and waits for what the runtime makes of it.
func (s *Server) apply(ctx context.Context, p *install.Plan, progress func(install.Progress)) (any, error) {
	result, err := s.runtime.Installer().Apply(ctx, p, progress)
	if err != nil {
		return nil, err
	}
	done := installedPlugin{Object: "plugin.installed", Name: p.Name, Version: p.Version, Variant: cmp.Or(p.Variant, "default"), Digest: p.Digest,
		Action: result.Action, Before: result.Before, Warnings: shownTexts(result.Warnings)}
	if result.EngineFile != "" {
		done.EngineFile = "engines/" + path.Base(result.EngineFile)
	}
	return s.taken(ctx, done)
}

// taken says what the runtime made of a version that became current.
func (s *Server) taken(ctx context.Context, done installedPlugin) (any, error) {
	t, err := s.runtime.FollowPlugin(ctx, done.Name, done.Digest)
	if err != nil {
		return nil, err
	}
	if t.Refused != "" {
		back := "there is no earlier version to go back to"
		if done.Before != "" && done.Before != done.Version {
			back = "the server went back to " + done.Before
		}
		return nil, fault(http.StatusConflict, fmt.Sprintf("%s %s did not come up, and %s: %s", done.Name, done.Version, back, fit(t.Refused)), "", "plugin_refused")
	}
	if done.Used = t.Used; !t.Used {
		done.Warnings = append(done.Warnings, "Another plugin of that name goes before it; GET /v1/plugins/"+path.Base(done.Name)+" shows which")
	}
	return done, nil
}

// work does what may last, and answers with what came of it: at once with how far it
// is, as a stream, or when it is done. A client that leaves calls it off.
func (s *Server) work(c *fiber.Ctx, stream bool, do func(context.Context, func(install.Progress)) (any, error)) error {
	if stream {
		return s.streamWork(c, do)
	}
	client, done := clientContext(c.Context().Conn())
	defer done()
	ctx, cancel := s.working(observed(c).within(client))
	defer cancel()
	result, err := do(ctx, func(install.Progress) {})
	if err != nil {
		return s.workFault(err)
	}
	return c.JSON(result)
}

// working is a context that ends with the server, too.
func (s *Server) working(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// workFault is the answer to what called off or stands against a change of plugins.
func (s *Server) workFault(err error) error {
	if s.life.Err() != nil && (sdk.CodeOf(err) == sdk.CodeCanceled || err == context.Canceled) {
		return fault(http.StatusServiceUnavailable, "The server is shutting down", "", "unavailable")
	}
	return pluginFault(err)
}
