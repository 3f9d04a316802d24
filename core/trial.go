package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// A Trial is a real round trip through a deployment, and how far it came.
type Trial struct {
	OK    bool
	Model string // that answered, or was to; empty where it did not come so far
	Steps []TrialStep
}

// A TrialStep is one part of the way: plugin, settings, models, load, answer.
type TrialStep struct {
	Name    string
	OK      bool
	Skipped bool // one before it failed, or there is nothing to try
	Took    time.Duration
	Detail  string // what was found, for people
	Error   string // why it failed, and the next step; without secrets
}

// TestDeployment starts a deployment's plugin with its settings, asks for the
// service's models, loads one and has it answer a word: the given model, else one
// that is loaded, else the smallest that is ready, else one that the service offers.
// What it loads stays as after any request. It blocks as long as that takes.
//
// What fails is in the Trial; the error is [sdk.CodeNotFound] for an engine that is
// not there.
func (r *Runtime) TestDeployment(ctx context.Context, id, model string) (Trial, error) {
	e, err := r.Engine(id)
	if err != nil {
		return Trial{}, err
	}
	t := &trial{runtime: r, deployment: e.Deployment, wanted: model, Trial: Trial{OK: true}}
	if e.Err == nil {
		t.deployment = r.withPlugin(e.Deployment)
	}
	defer t.release()
	t.step(ctx, "plugin", t.plugin)
	t.step(ctx, "settings", t.settings)
	t.step(ctx, "models", t.models)
	t.step(ctx, "load", t.load)
	t.step(ctx, "answer", t.answer)
	return t.Trial, nil
}

// trial is one on its way.
type trial struct {
	runtime    *Runtime
	deployment Deployment
	wanted     string // a model's id, or empty
	Trial

	process       *pluginhost.Process
	leave         func() // gives the process back
	refused       error  // why the plugin does not take its settings
	modelSettings map[string]any
	lease         *Lease
	edition       bool // the model was loaded for the trial alone
	service       bool // the engine asks a service, which has no list, or an empty one
}

// errNothingToTry ends a step that does not apply; the trial goes on.
var errNothingToTry = errors.New("there is nothing to try")

// step makes one step, unless one before it failed.
func (t *trial) step(ctx context.Context, name string, try func(context.Context) (detail string, err error)) {
	step := TrialStep{Name: name, Skipped: !t.OK}
	if t.OK {
		began := time.Now()
		detail, err := try(ctx)
		step.Took, step.Detail = time.Since(began), t.hide(detail)
		step.Skipped = err == errNothingToTry
		if step.OK = err == nil || step.Skipped; !step.OK {
			step.Error = t.hide(Reason(err))
		}
		t.OK = step.OK
	}
	t.Steps = append(t.Steps, step)
}

// release lets go of the model. One that was loaded for the trial alone leaves.
func (t *trial) release() {
	if t.leave != nil {
		t.leave()
	}
	if t.lease != nil {
		t.lease.Release()
	}
	if !t.edition || !t.runtime.editions.back(t.Model) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
	defer cancel()
	if err := t.runtime.unload(ctx, t.Model); err != nil {
		t.runtime.log.Warn("model of a trial not unloaded", "model", t.Model, "error", err)
	}
}

// plugin is found and started. A deployment that failed is tried again: a person
// asked for it.
func (t *trial) plugin(ctx context.Context) (string, error) {
	d := t.deployment
	found, err := t.runtime.host.Plugin(d.Plugin)
	switch {
	case err != nil && d.Err != nil && Reason(err) != Reason(d.Err): // a file that cannot be read names none
		return "", errNothingToTry
	case sdk.CodeOf(err) == sdk.CodeNotFound:
		return "", sdk.Errorf(sdk.CodeUnavailable, `There is %s; put the plugin's folder into plugins/ of the server's home, or name another one as "engine" in engines/%s.json`, Reason(err), d.ID)
	case err != nil:
		return "", err
	case !found.Is(sdk.KindEngine):
		return "", sdk.Errorf(sdk.CodeInvalid, `The plugin %s is no engine; name another one as "engine" in engines/%s.json`, d.Plugin, d.ID)
	}
	detail := fmt.Sprintf("%s %s", found.Name, found.Version)
	if d.Err != nil { // which the next step tells
		return detail, nil
	}
	t.runtime.host.Reset(d.ID)
	t.runtime.heed(ctx, d.ID)
	p, err := t.runtime.connect(ctx, d.ID, "(a trial)")
	if err == nil {
		t.process, t.leave = p.process, p.release
		t.refused = t.runtime.refusal(d.ID)
	}
	if sdk.CodeOf(err) == sdk.CodeInvalid {
		t.refused, err = err, nil
	}
	if err != nil {
		return "", err
	}
	if t.process != nil {
		detail += fmt.Sprintf(", process %d", t.process.Pid())
	}
	return detail, nil
}

// settings are taken, and all secrets are there.
func (t *trial) settings(context.Context) (string, error) {
	d := t.deployment
	switch {
	case d.Err == ErrSwitchedOff:
		return "", sdk.Errorf(sdk.CodeInvalid, `The engine %s is switched off; take "enabled": false out of engines/%s.json`, d.ID, d.ID)
	case errors.As(d.Err, new(*SecretsError)):
		return "", sdk.Errorf(sdk.CodeInvalid, "%s; the server looks where it runs, and at the variables that it was started with: start it anew with those, or name another place in engines/%s.json", Reason(d.Err), d.ID)
	case d.Err != nil:
		return "", sdk.Errorf(sdk.CodeInvalid, "%s; mend engines/%s.json", Reason(d.Err), d.ID)
	case t.refused != nil:
		return "", sdk.Errorf(sdk.CodeInvalid, "%s; mend engines/%s.json", Reason(t.refused), d.ID)
	case d.File == "":
		return "all by default: there is no file engines/" + d.ID + ".json", nil
	}
	return fmt.Sprintf("%s and %s in engines/%s.json", counted(len(d.Settings), "setting"), counted(len(d.Secrets), "secret"), d.ID), nil
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// models are those that the service says to have.
func (t *trial) models(ctx context.Context) (string, error) {
	const none = "the engine loads the models of this machine"
	if !slices.Contains(t.process.Description.Capabilities, sdk.CapabilityModels) {
		return none, errNothingToTry
	}
	ctx, cancel := context.WithTimeout(ctx, offersTimeout)
	defer cancel()
	err := t.runtime.refreshOffers(ctx, t.deployment.ID)
	switch {
	case sdk.CodeOf(err) == sdk.CodeUnsupported:
		t.service = len(t.deployment.Settings) > 0 // else it names none
		return Reason(err), errNothingToTry
	case ctx.Err() == context.DeadlineExceeded:
		return "", sdk.Errorf(sdk.CodeUnavailable, "The service has not told its models within %v; check its address, and the network", offersTimeout)
	case err != nil:
		return "", err
	}
	t.service = true
	return fmt.Sprintf("the service has %s", counted(len(t.runtime.offers.list(t.deployment.ID).models), "model")), nil
}

// hide takes secrets out of a text.
func (t *trial) hide(text string) string {
	return hidden(text, append(t.deployment.known(), writtenDown(t.modelSettings)...))
}
