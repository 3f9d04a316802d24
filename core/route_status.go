package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// A TargetStatus is what a target of a routed model does now.
type TargetStatus struct {
	ID         string // of the model that answers
	Engine     string // the deployment, where the target is this very file
	Weight     float64
	State      string // empty where there is no such model
	Transition string
	Requests   int    // in flight, by way of the routed model
	Memory     uint64 // bytes; of an edition alone, another model says it itself
	Health     string // HealthOK, HealthCooling or HealthUnusable
	Until      int64  // Unix seconds: when it has cooled down; 0 where it is well
	Err        error  // of its last failure; nil once it has answered
}

// describeRoute fills in the status of a routed model: what its targets do. One that
// leads astray, or has no target that can be used, is in the state of a model that
// cannot be used.
func (r *Runtime) describeRoute(m *store.Model, st *Status) {
	wrong := r.misrouted(m)
	st.Err = cmp.Or(st.Err, problemsOf(m, wrong).Err())
	astray := slices.ContainsFunc(wrong, func(p misstep) bool { return p.astray != "" })
	var engines []string
	for i, id := range targetIDs(m) {
		t := r.targetStatus(m, i, id)
		is := r.describeTarget(&t, wrong, i)
		if is.State == StateRunning && !astray {
			st.join(is)
			engines = append(engines, strings.Split(is.Deployment, ", ")...)
		}
		if st.Transition == "" {
			st.Transition = is.Transition
		}
		st.Requests += t.Requests
		st.Route = append(st.Route, t)
	}
	if astray || !slices.ContainsFunc(st.Route, func(t TargetStatus) bool { return t.Health != HealthUnusable }) {
		st.State = StateToDownload
		st.Err = cmp.Or(st.Err, noneUsable(st.Route))
	}
	if st.State == StateRunning {
		st.Transition, st.Settings = "", map[string]any{}
	}
	slices.Sort(engines)
	st.Deployment = strings.Join(slices.Compact(engines), ", ")
}

// describeTarget fills in what one target is, and returns its status as a model.
func (r *Runtime) describeTarget(t *TargetStatus, wrong []misstep, i int) (is Status) {
	at := slices.IndexFunc(wrong, func(p misstep) bool { return p.target == i })
	target, err := r.find(t.ID)
	switch {
	case err != nil || at >= 0 && wrong[at].astray == "":
		t.unusable("", nil)
		return Status{}
	case at >= 0: // it would be described without end
		t.unusable(StateToDownload, nil)
		return Status{}
	}
	is = r.model(target).Status
	t.State, t.Transition = is.State, is.Transition
	if t.Engine != "" {
		t.Memory = is.Memory
	}
	if is.State == StateToDownload && is.Err != nil {
		t.unusable(is.State, is.Err)
	}
	return is
}

// unusable says that no request can be answered by a target.
func (t *TargetStatus) unusable(state string, err error) {
	t.State, t.Health, t.Until, t.Err = state, HealthUnusable, 0, cmp.Or(err, t.Err)
}

// noneUsable is the error of a routed model without a target that can be used.
func noneUsable(targets []TargetStatus) error {
	for _, t := range targets {
		if t.Err != nil {
			return fmt.Errorf("none of its targets can be used; %s: %s", t.ID, Reason(t.Err))
		}
	}
	return nil
}

// join adds what a running target does to the status of its routed model.
func (st *Status) join(t Status) {
	st.State = StateRunning
	if st.Since == 0 || t.Since < st.Since {
		st.Since = t.Since
	}
	st.Waiting += t.Waiting
	for _, op := range t.Operations {
		if !slices.Contains(st.Operations, op) {
			st.Operations = append(st.Operations, op)
		}
	}
}

func (r *Runtime) targetStatus(m *store.Model, i int, id string) TargetStatus {
	t := m.Manifest.Targets[i]
	st := TargetStatus{ID: id, Engine: t.Engine, Weight: t.Weight, Health: HealthOK}
	if st.Weight <= 0 {
		st.Weight = 1
	}
	r.routes.mu.Lock()
	defer r.routes.mu.Unlock()
	h := r.routes.known[m.ID][id]
	if h == nil {
		return st
	}
	st.Requests, st.Err = h.inFlight, h.err
	if now := time.Now(); h.cools(now) {
		st.Health, st.Until = HealthCooling, max(h.until.Unix(), now.Unix())
	}
	return st
}

// stamp is made of what the status of routed models shows and no event tells of.
func (rs *routes) stamp(seed maphash.Seed) (stamp uint64) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	now := time.Now()
	for model, targets := range rs.known { // in any order: they are added up
		for id, h := range targets {
			stamp += maphash.Comparable(seed, struct {
				model, id          string
				inFlight, failures int
				until              int64
				cools              bool
			}{model, id, h.inFlight, h.failures, h.until.Unix(), h.cools(now)})
		}
	}
	return stamp
}

// maxRouteDepth is how many routed models may stand behind each other.
const maxRouteDepth = 4

// passable says what stands against using a routed model at all: targets that lead
// in a circle, or too deep.
func (r *Runtime) passable(m *store.Model) error {
	for _, p := range r.walk(m) {
		if p.astray != "" {
			return sdk.Errorf(sdk.CodeInvalid, "The model '%s' cannot be used: %v", m.ID, m.TargetProblem(p.target, p.expected, p.astray))
		}
	}
	return nil
}

// misrouted are the targets of a routed model that are not there, or lead astray.
func (r *Runtime) misrouted(m *store.Model) []misstep {
	wrong := r.walk(m)
	for i, t := range m.Manifest.Targets {
		if t.Engine != "" && !r.hasEngine(t.Engine) {
			wrong = append(wrong, misstep{target: i, expected: "the id of an engine; GET /v1/engines lists those that there are",
				missing: fmt.Sprintf("%.60q", t.Engine), near: schemas.Nearest(t.Engine, r.engineIDs())})
		}
	}
	return wrong
}

// problemsOf are missteps at their places in the model's file.
func problemsOf(m *store.Model, wrong []misstep) (problems schemas.Problems) {
	for _, p := range wrong {
		problem := m.TargetProblem(p.target, p.expected, cmp.Or(p.astray, p.missing))
		problem.Suggestion = p.near
		problems = append(problems, problem)
	}
	slices.SortFunc(problems, func(a, b schemas.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return problems
}

// misstep is what is wrong with a target.
type misstep struct {
	target                          int
	expected, missing, astray, near string
}

// walk looks at the models that a routed model's targets name.
func (r *Runtime) walk(m *store.Model) (wrong []misstep) {
	finder := pathfinder{runtime: r, path: []string{m.ID}, depths: map[string]int{}}
	for i, t := range m.Manifest.Targets {
		if t.Model == "" {
			continue
		}
		next, err := r.find(t.Model)
		if err != nil {
			wrong = append(wrong, misstep{target: i, expected: "the id of a model", missing: fmt.Sprintf("%.60q", t.Model), near: r.nearModel(t.Model)})
			continue
		}
		if _, astray := finder.depth(next); astray != "" {
			wrong = append(wrong, misstep{target: i, expected: fmt.Sprintf("a model that leads to no circle, through at most %d routed models", maxRouteDepth), astray: astray})
		}
	}
	return wrong
}

// A pathfinder finds out how many routed models stand behind each other.
type pathfinder struct {
	runtime *Runtime
	path    []string       // of the models that are looked at, from the first one on
	depths  map[string]int // of those that were looked at
}

// depth is how many routed models stand behind each other from m on. astray is the
// way to what is in a circle, or too deep.
func (f *pathfinder) depth(m *store.Model) (depth int, astray string) {
	if !m.Manifest.Routed() {
		return 0, ""
	}
	circle := slices.Contains(f.path, m.ID)
	f.path = append(f.path, m.ID)
	defer func() { f.path = f.path[:len(f.path)-1] }()
	depth, known := f.depths[m.ID]
	if circle || len(f.path)-1+max(depth, 1) > maxRouteDepth {
		return 0, strings.Join(f.path, " → ")
	}
	if known {
		return depth, ""
	}
	for _, t := range m.Manifest.Targets {
		next, err := f.runtime.find(t.Model)
		if t.Model == "" || err != nil {
			continue
		}
		below, astray := f.depth(next)
		if astray != "" {
			return 0, astray
		}
		depth = max(depth, below)
	}
	f.depths[m.ID] = depth + 1
	return depth + 1, ""
}

func (r *Runtime) nearModel(id string) string {
	var ids []string
	for _, m := range r.store.Models() {
		ids = append(ids, m.ID)
	}
	return schemas.Nearest(id, ids)
}

// hasEngine says whether there is a deployment of an id, without a look into its file.
func (r *Runtime) hasEngine(id string) bool {
	if !isEngineID(id) {
		return false
	}
	return r.hasFile(id) || isEnginePlugin(r.host, id)
}

func (r *Runtime) engineIDs() []string {
	var ids []string
	for _, d := range Deployments(r.deployments, r.host.Plugins(), r.log) {
		ids = append(ids, d.ID)
	}
	return ids
}

// startRouted starts the targets of a routed model: the first that comes up, or all
// where requests are spread. The error is of those that did not come up, where none
// did.
func (r *Runtime) startRouted(ctx context.Context, m *store.Model, ask Ask, settings map[string]any) (Model, error) {
	if err := r.passable(m); err != nil {
		return Model{}, err
	}
	var up bool
	var failed []error
	for i, id := range targetIDs(m) {
		if settings != nil && m.Manifest.Targets[i].Engine == "" {
			return Model{}, sdk.Errorf(sdk.CodeInvalid, "The model '%s' is routed to other models: start '%s' with these settings", m.ID, id)
		}
		_, err := r.Start(ctx, id, ask, settings)
		if up = up || err == nil; err != nil {
			failed = append(failed, fmt.Errorf("%s: %s", id, Reason(err)))
		}
		if ctx.Err() != nil {
			return Model{}, callerLeft(ctx)
		}
		if err == nil && m.Manifest.Routing != RoutingSpread {
			break
		}
	}
	if !up {
		return Model{}, sdk.Errorf(sdk.CodeUnavailable, "No target of the model '%s' came up: %s", m.ID, strings.ReplaceAll(errors.Join(failed...).Error(), "\n", "; "))
	}
	now, err := r.Model(m.ID)
	for _, err := range failed {
		now.Ignored = append(now.Ignored, fmt.Sprintf("target %v", err))
	}
	return now, err
}

// stopTargets stops the other models that a routed model's requests go to.
func (r *Runtime) stopTargets(ctx context.Context, m *store.Model) error {
	if !m.Manifest.Routed() || r.passable(m) != nil {
		return nil
	}
	for _, t := range m.Manifest.Targets {
		if t.Model == "" {
			continue
		}
		if _, err := r.Stop(ctx, t.Model); err != nil && sdk.CodeOf(err) != sdk.CodeNotFound {
			return err
		}
	}
	return nil
}
