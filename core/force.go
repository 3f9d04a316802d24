package core

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// What is in force of a deployment is what its file says, unless that is refused and
// other settings have worked: then all goes on as it was.
//
//	the file says            nothing has worked yet     its plugin has started
//	the same                 stays                      stays
//	other parameters, limits is in force                is in force
//	other settings           is in force                tried first, then in force: what runs is replaced
//	what cannot be read,     is in force: loads fail,   refused
//	or is refused            and say why
//	switched off, or gone    is in force                is in force: what runs is replaced by nothing
//	the same, and another    is in force                tried first, with all that run the plugin
//	version is installed
//
// It is looked at before each load, and by the watcher when it has changed. While
// processes run a load leaves a change to the watcher: the file may be half written.
// (What a secret's reference leads to is looked up all the same.)

// force says how far a deployment's file is in force.
type force struct {
	changing sync.Mutex // one change at a time, trials included
	seen     mark       // of the file, when it was considered last; belongs to changing
	told     mark       // of the file that was announced last; belongs to changing

	mu      sync.Mutex
	tried   Deployment // last
	refused error      // why what the file says is not, or should not be, in force
	worked  bool       // a process has started by what is in force, or was before it
}

// verdict keeps what came of a trial.
func (f *force) verdict(d Deployment, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried, f.refused = d, err
}

// known is the verdict on settings that were tried last.
func (f *force) known(d Deployment) (refused error, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused, f.refused != nil && d.runsLike(f.tried) && same(d.Err, f.tried.Err)
}

// accepted says that a process has started by settings.
func (f *force) accepted(d Deployment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.worked = true
	if f.refused != nil && d.runsLike(f.tried) {
		f.refused = nil
	}
}

// proven says whether settings that are refused leave those that are in force.
func (f *force) proven() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.worked
}

// inForce is a deployment as it works: its file may be refused, or not be looked at yet.
func (r *Runtime) inForce(written Deployment) Deployment {
	q := r.quota(written.ID)
	if now := q.deployment(); now != nil && q.force.proven() {
		return *now
	}
	return written
}

// gone says that nothing is in force that could work.
func (f *force) gone() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.worked = false
}

// forgive has settings be tried again that were refused.
func (f *force) forgive() { f.verdict(Deployment{}, nil) }

// refusal says why what a deployment's file says is not in force; nil where it is.
func (r *Runtime) refusal(id string) error {
	r.mu.Lock()
	q := r.quotas[id]
	r.mu.Unlock()
	if q == nil {
		return nil
	}
	q.force.mu.Lock()
	defer q.force.mu.Unlock()
	if q.force.refused != nil && q.force.worked {
		return sdk.Errorf(sdk.CodeOf(q.force.refused), "%s; it goes on as before", Reason(q.force.refused))
	}
	return q.force.refused
}

// runsLike says whether a process that runs by one of two deployments does for the
// other too.
func (d Deployment) runsLike(other Deployment) bool {
	a, b := d.Deployment, other.Deployment
	a.Revision, b.Revision = 0, 0
	return reflect.DeepEqual(a, b) && slices.Equal(d.Devices, other.Devices) && d.Isolation == other.Isolation
}

func same(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

// process is the deployment of the process that loads a model.
func (d Deployment) process(model string) pluginhost.Deployment {
	if d.Isolation == IsolationModel {
		d.Model = model
	}
	return d.Deployment
}

// look reads the file of a deployment, and puts in force what it says. changed is
// set by who knows that the file has changed, and is whole.
func (r *Runtime) look(ctx context.Context, id string, changed bool) *quota {
	q := r.quota(id)
	q.force.changing.Lock()
	defer q.force.changing.Unlock()
	r.consider(ctx, q, changed)
	return q
}

// heed looks at a deployment's file because a person wants something of it: what was
// refused is tried again, and what has changed a moment ago is not left to the watcher.
func (r *Runtime) heed(ctx context.Context, id string) {
	q := r.quota(id)
	q.force.forgive()
	if q.force.proven() { // else it is looked at when it starts
		r.look(ctx, id, true)
	}
}

// consider is look with changing held.
func (r *Runtime) consider(ctx context.Context, q *quota, changed bool) {
	now, runs, seen := q.deployment(), r.runs(q.id), markOf(r.deploymentFile(q.id))
	if now != nil && runs && !changed && seen != q.force.seen {
		return
	}
	d, fault := r.written(q.id)
	if now != nil && runs && !changed && d.Folder != now.Folder { // another version: it is tried with all that run it
		return
	}
	proven := q.force.proven()
	var refused error
	switch alike := now != nil && d.runsLike(*now) && same(d.Err, now.Err); {
	case alike && !proven && !changed: // a load finds out itself what stands against it
		refused, _ = q.force.known(d)
	case alike && proven: // there is nothing to try
	case proven && fault != nil:
		refused = fault
	case d.Err == nil && (proven || changed):
		refused = r.try(ctx, q, d)
	}
	if refused != nil && ctx.Err() != nil { // the caller left: that says nothing of the settings
		return
	}
	_, known := q.force.known(d)
	q.force.seen = seen
	q.force.verdict(d, refused)
	news := refused != nil && !known
	if refused == nil || !proven {
		news = r.enforce(q, d) || news && changed
	}
	if news || changed && q.force.told != seen {
		r.announce(q, refused, "")
	}
}

// announce tells of a change, with changing held.
func (r *Runtime) announce(q *quota, refused error, note string) {
	q.force.told = q.force.seen
	event := Event{Type: EventEngineChanged, Engine: q.id, Note: note}
	if refused == nil {
		r.log.Info("engine changed", "engine", q.id, "note", note)
		r.forgiveEngine(q.id)
	} else {
		r.log.Warn("engine's file refused", "engine", q.id, "error", refused)
		event.Error = Reason(refused)
	}
	r.events.emit(event)
	r.wakeOffers()
}

// try starts a plugin with settings beside what runs; those that were tried before
// are not tried again.
func (r *Runtime) try(ctx context.Context, q *quota, d Deployment) error {
	if refused, ok := q.force.known(d); ok {
		return refused
	}
	r.log.Debug("engine's file is tried", "engine", q.id)
	return r.starts(ctx, d)
}

// starts says whether a plugin starts with settings, beside what runs.
func (r *Runtime) starts(ctx context.Context, d Deployment) error {
	return d.concealed(r.host.Try(ctx, d.Deployment))
}

// runs says whether a deployment has processes.
func (r *Runtime) runs(id string) bool {
	state := r.host.Status(id).State
	return state == pluginhost.StateUp || state == pluginhost.StateStarting
}

// enforce puts settings in force, with changing held, and says whether others were.
func (r *Runtime) enforce(q *quota, d Deployment) (news bool) {
	now := q.deployment()
	replaces := now == nil || !d.runsLike(*now) || !same(d.Err, now.Err)
	if replaces {
		d.Revision = r.revisions.Add(1)
	} else if d.Revision = now.Revision; reflect.DeepEqual(d, *now) {
		return false
	}
	q.set(d)
	if d.Err != nil {
		q.force.gone()
	}
	if now != nil {
		r.spread(q, replaces)
	}
	return now != nil
}

// spread has what is loaded by a deployment follow its change.
func (r *Runtime) spread(q *quota, replaces bool) {
	if replaces {
		r.host.Retire(q.id, q.deployment().Revision)
	}
	for _, res := range r.all() {
		if replaces {
			res.replace(q)
		} else {
			res.reconsider()
		}
	}
	r.room.trim()
}

// RestartDeployment has new processes take the place of a deployment's, for all that
// comes; what is in flight ends on the old ones. Settings that were refused are tried
// again.
//
// Errors: [sdk.CodeNotFound] for an engine that is not there, and those of
// [pluginhost.Host.Try]; then all goes on as it was.
func (r *Runtime) RestartDeployment(ctx context.Context, id string) error {
	if _, err := r.Engine(id); err != nil {
		return err
	}
	q := r.quota(id)
	q.force.changing.Lock()
	defer q.force.changing.Unlock()
	seen := markOf(r.deploymentFile(id))
	d, _ := r.written(id)
	if d.Err != nil {
		return d.Err
	}
	if err := r.starts(ctx, d); err != nil {
		return err
	}
	q.force.seen = seen
	q.force.forgive()
	d.Revision = r.revisions.Add(1)
	q.set(d)
	r.spread(q, true)
	r.announce(q, nil, "restarted")
	return nil
}
