package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/host"
)

// A plan is how a model is going to be loaded: by which deployment, with which settings.
type plan struct {
	deployment Deployment
	quota      *quota // of the deployment
	process    *pluginhost.Process
	release    func() // gives the process back
	settings   layered
}

// outdated says whether the deployment has changed so that its process is to be
// another one.
func (p plan) outdated() bool { return p.quota.deployment().Revision != p.deployment.Revision }

// ignored says of each setting in the model's file that the engine does not know
// it: older files have those of other engines, but most are misspelt.
func (p plan) ignored(m *store.Model) []string {
	var said []string
	for _, name := range slices.Sorted(maps.Keys(m.Manifest.Settings)) {
		if schema := p.process.Schema; schema != nil && !schema.Knows("", name) {
			said = append(said, fmt.Sprintf("engine %s has no setting %.60q%s; it is not used", p.deployment.ID, name, meant(name, schema.Properties())))
		}
	}
	return said
}

// meant is what somebody may have meant who wrote name.
func meant(name string, known []string) string {
	if near := schemas.Nearest(name, known); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

func (p plan) visible() layered { return p.settings.visible(p.process.Schema) }

// load loads a model. A plugin that ended before it was asked, and was not found
// out yet, is no reason to fail: the load is tried once more, by a new process.
func (r *Runtime) load(ctx context.Context, res *resident, m *store.Model, l *loading) (*loaded, error) {
	began := time.Now()
	in, p, err := r.tryLoad(ctx, res, m, l)
	if p.ended(err) && p.process.Started.Before(began) && ctx.Err() == nil {
		in, p, err = r.tryLoad(ctx, res, m, l)
	}
	if p.ended(err) {
		err = &sdk.Error{Code: sdk.CodeUnavailable, Cause: p.process.Err(),
			Message: fmt.Sprintf("engine %s ended while it was asked; the next request starts it again", p.deployment.ID)}
	}
	return in, p.deployment.concealed(err)
}

// tryLoad is a look at the weights, deployment, plugin, settings, the engine's own
// look, room in memory, the load.
func (r *Runtime) tryLoad(ctx context.Context, res *resident, m *store.Model, l *loading) (in *loaded, p plan, err error) {
	if _, err := m.WholeHeader(); err != nil { // a copy that broke off is found here, and not halfway through the load
		return nil, plan{}, sdk.Errorf(sdk.CodeInvalid, "The model '%s' cannot be used: %v", m.ID, err)
	}
	p, err = r.plan(ctx, m, l.settings)
	if err != nil {
		return nil, p, err
	}
	defer func() {
		if err != nil {
			p.release()
		}
	}()
	res.planned(l, p)
	req, err := p.request(m)
	if err != nil {
		return nil, p, err
	}
	n, err := p.inspect(ctx, res, req)
	if err != nil {
		return nil, p, err
	}
	claim, err := r.room.take(ctx, n)
	if err != nil {
		return nil, p, err
	}
	began := time.Now()
	inst, err := p.process.Load(ctx, req, func(told sdk.Progress) { res.progress(l, told) })
	if err != nil {
		r.room.free(claim)
		return nil, p, err
	}
	in = &loaded{inst: inst, caller: newCaller(inst.Endpoint()), plan: p, settings: l.settings, since: time.Now(), took: time.Since(began),
		from: m, claim: claim, context: n.context, quota: p.quota, gate: gate{slots: inst.Endpoint().Parallel, waits: &res.waits}}
	in.open, in.shut = context.WithCancel(in.caller.ctx)
	if keep, err := ParseKeepAlive(m.Manifest.KeepAlive); err == nil {
		in.keep = &keep
	}
	r.room.settle(claim, in)
	return in, p, nil
}

// request is what the engine is asked.
func (p plan) request(m *store.Model) (sdk.LoadRequest, error) {
	settings, err := json.Marshal(p.settings.plain())
	if err != nil {
		return sdk.LoadRequest{}, fmt.Errorf("settings of %s: %w", m.ID, err)
	}
	return sdk.LoadRequest{Model: m.Request(), Settings: settings}, nil
}

// plan finds the deployment, starts its plugin, and merges the layers of settings.
// What comes of it without an error has to be released.
func (r *Runtime) plan(ctx context.Context, m *store.Model, start map[string]any) (plan, error) {
	id := r.engineOf(m)
	r.grant(id, m)
	p, err := r.connect(ctx, id, m.ID)
	if err != nil {
		return p, err
	}
	if !slices.Contains(p.process.Description.Kinds, sdk.KindEngine) {
		err = sdk.Errorf(sdk.CodeInvalid, "plugin %s of model '%s' is no engine", p.deployment.Plugin, m.ID)
	} else {
		p.settings, err = effective(p.process.Schema, p.deployment, m, start)
	}
	if err != nil {
		p.release()
		return plan{}, err
	}
	return p, nil
}

// connect starts the process of a deployment, as it is in force, that loads a model.
func (r *Runtime) connect(ctx context.Context, id, model string) (plan, error) {
	for {
		q := r.look(ctx, id, false)
		d := *q.deployment()
		if d.Err != nil {
			return plan{}, d.Err
		}
		process, release, err := r.host.Use(ctx, d.process(model))
		p := plan{deployment: d, quota: q, process: process, release: release}
		switch {
		case p.outdated() && err == nil:
			release()
		case p.outdated() && ctx.Err() == nil: // the error is of settings that went by
		case err != nil:
			return plan{}, d.concealed(err)
		default:
			q.force.accepted(d)
			return p, nil
		}
	}
}

// effective merges the settings of a model, in rising order: the schema's defaults,
// the deployment's, the model file's, the start request's. What the merge gives is
// checked before anything starts, and is returned with the error as well.
func effective(schema *schemas.Schema, d Deployment, m *store.Model, start map[string]any) (layered, error) {
	layers := []layer{{OriginEngine, d.Settings}, {OriginModel, m.Manifest.Settings}, {OriginRequest, start}}
	if schema == nil {
		return merged(layers...), nil
	}
	settings := merged(append([]layer{{OriginDefault, schema.Defaults()}}, layers...)...)
	for name := range start { // in a model file it may be one of another engine
		if !schema.Knows("", name) {
			return settings, unknownSetting(schema, m.ID, name)
		}
	}
	for name, value := range settings {
		place, above := map[string]string{OriginModel: "the model file", OriginRequest: "the start request"}[value.Origin]
		switch {
		case above && byHandOnly(schema, name):
			return settings, sdk.Errorf(sdk.CodeInvalid, "model '%s': the setting %q stands in %s, but only a deployment file (engines/%s.json) may set it",
				m.ID, name, place, d.ID)
		case above && !schema.Knows("", name): // it means nothing to this engine, and is not sent
			delete(settings, name)
		}
	}
	if problems := schema.Validate(settings.plain()); len(problems) > 0 {
		return settings, sdk.Errorf(sdk.CodeInvalid, "model '%s' has a wrong setting: %s", m.ID, oneLine(problems))
	}
	return settings, nil
}

// byHandOnly says whether only a deployment's file may have a setting.
func byHandOnly(schema *schemas.Schema, name string) bool { return scoped(schema, name, "deployment") }

// guarded says whether a deployment's value of a setting is changed by hand only:
// one that nobody else may have, or one that the plugin checks where it comes from a
// model's file, such as the address to which the deployment's keys go.
func guarded(schema *schemas.Schema, name string) bool {
	return scoped(schema, name, "deployment", "guarded")
}

// scoped says whether a setting has one of some scopes. Go's JSON takes names in
// other letters for it too, and a plugin may be written in Go.
func scoped(schema *schemas.Schema, name string, scopes ...string) bool {
	return schema != nil && slices.ContainsFunc(schema.Properties(), func(known string) bool {
		return strings.EqualFold(known, name) && slices.Contains(scopes, schema.Scope(known))
	})
}

func oneLine(problems schemas.Problems) string {
	return strings.ReplaceAll(problems.Error(), "\n", "; ")
}

func unknownSetting(schema *schemas.Schema, model, name string) error {
	hint := "it has " + strings.Join(schema.Properties(), ", ")
	if near := schemas.Nearest(name, schema.Properties()); near != "" {
		hint = "did you mean " + near + "?"
	}
	return sdk.Errorf(sdk.CodeInvalid, "The engine of the model '%s' has no setting %.60q; %s", model, name, hint)
}

// inspect asks the engine whether it can run the model, how much memory it will
// take, and how long its context is; one that cannot tell is believed to need none.
func (p plan) inspect(ctx context.Context, res *resident, req sdk.LoadRequest) (need, error) {
	n := need{resident: res, quota: p.quota}
	if !slices.Contains(p.process.Description.Capabilities, sdk.CapabilityInspect) {
		return n, nil
	}
	inspection, err := p.process.Inspect(ctx, req)
	if err != nil {
		return n, err
	}
	if len(inspection.Reasons) > 0 {
		return n, sdk.Errorf(sdk.CodeUnsupported, "engine %s cannot run the model '%s': %s", p.deployment.ID, req.Model.ID, strings.Join(inspection.Reasons, "; "))
	}
	n.memory, n.remote, n.context = inspection.Memory, inspection.Remote, inspection.ContextLength
	return n, nil
}

// ended says whether err comes of the end of the plugin's process. The connection
// breaks a moment before the end is noticed.
func (p plan) ended(err error) bool {
	if p.process == nil || !errors.Is(err, host.ErrDisconnected) {
		return false
	}
	select {
	case <-p.process.Done():
		return true
	case <-time.After(5 * time.Second):
		return false
	}
}
