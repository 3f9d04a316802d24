package core

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/core/secret"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// DeploymentContent is the content of a deployment's file; nil where there is none.
// What only a person may change is hidden, and so is what looks like a secret. [sdk.CodeNotFound]: there is no such engine.
func (r *Runtime) DeploymentContent(ctx context.Context, id string) (map[string]any, error) {
	e, err := r.Engine(id)
	if err != nil || e.File == "" {
		return nil, err
	}
	content, err := r.content(id)
	if err != nil {
		return nil, err
	}
	schema, err := r.host.Schema(ctx, e.Plugin)
	shown := store.Redacted(content)
	for name := range settingsOf(shown) {
		if err != nil || byHandOnly(schema, name) {
			settingsOf(shown)[name] = store.Hidden
		}
	}
	for _, part := range []string{"secrets", "env"} {
		values, _ := shown[part].(map[string]any)
		for name := range values {
			values[name] = store.Hidden
		}
	}
	return shown, nil
}

// Engine returns one deployment. [sdk.CodeNotFound]: there is none of that id.
func (r *Runtime) Engine(id string) (Engine, error) {
	all := r.Engines()
	if i := slices.IndexFunc(all, func(e Engine) bool { return e.ID == id }); i >= 0 {
		return all[i], nil
	}
	return Engine{}, sdk.Errorf(sdk.CodeNotFound, "There is no engine '%.100s'; GET /v1/engines lists those that there are", id)
}

// content reads engines/ID.json; nil where there is none. The older form comes as the
// newer one.
func (r *Runtime) content(id string) (map[string]any, error) {
	doc, err := store.ReadFile(r.deploymentFile(id), "engines/"+id+".json")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, sdk.Errorf(sdk.CodeInvalid, "The file of the engine cannot be read: %v", err)
	case schemas.IsFlatDeployment(doc):
		return unflat(doc.Value), nil
	}
	return doc.Value, nil
}

// unflat is the content of a file of the older form as one of the newer.
func unflat(values map[string]any) map[string]any {
	settings, refs := maps.Clone(values), map[string]any{}
	for name, shown := range store.Redacted(values) {
		if ref, _ := values[name].(string); shown == store.Hidden && secret.IsReference(ref) {
			delete(settings, name)
			refs[name] = ref
		}
	}
	content := map[string]any{"settings": settings}
	if len(refs) > 0 {
		content["secrets"] = refs
	}
	return content
}

func (r *Runtime) deploymentFile(id string) string { return filepath.Join(r.deployments, id+".json") }

// ChangeDeployment writes engines/ID.json. One that is not switched off has to start
// with it first, beside what runs. What runs by other settings is replaced: new
// requests load their models anew, and those in flight end where they are. It
// changes content: what only a person may change stays as the file has it, and so
// does what was hidden.
//
// Errors: [sdk.CodeInvalid] for what its schema, or the plugin, refuses;
// [sdk.CodeUnauthorized] for what only a person may change.
func (r *Runtime) ChangeDeployment(ctx context.Context, id string, content map[string]any) error {
	if !isEngineID(id) {
		return sdk.Errorf(sdk.CodeInvalid, "%.100q is no engine name: use letters, digits, '.', '_' and '-', and no '.' in front", id)
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	old, err := r.content(id)
	if err != nil {
		return err
	}
	if content == nil {
		content = map[string]any{}
	}
	d, err := r.completed(ctx, id, content, old)
	if err != nil {
		return err
	}
	q := r.quota(id)
	q.force.changing.Lock()
	defer q.force.changing.Unlock()
	if !errors.Is(d.Err, ErrSwitchedOff) {
		if err := r.starts(ctx, d); err != nil {
			return err
		}
	}
	if err := r.writeDeployment(id, content); err != nil {
		return err
	}
	q.force.seen = markOf(r.deploymentFile(id))
	d, _ = r.written(id)
	q.force.forgive()
	r.enforce(q, d)
	r.announce(q, nil, "")
	return nil
}

func isEngineID(id string) bool { return store.ValidID(id) && !strings.Contains(id, "/") }

// completed is new content with what stays as the old has it, and the deployment
// that comes of it. It changes content.
func (r *Runtime) completed(ctx context.Context, id string, content, old map[string]any) (Deployment, error) {
	for name, value := range content {
		content[name] = revealed(value, old[name])
	}
	doc, err := document(content)
	if err == nil { // in a file a misspelt key is only warned of; here nobody would see it
		err = append(doc.Validate(schemas.Deployment()), doc.Hints(schemas.Deployment())...).Err()
	}
	if err != nil {
		return Deployment{}, sdk.Errorf(sdk.CodeInvalid, "The engine cannot be written so: %v", store.Unplaced(err))
	}
	was, _ := old["engine"].(string)
	given, _ := content["engine"].(string)
	before := cmp.Or(store.EngineName(was), r.unread(id).Plugin)
	plugin := cmp.Or(store.EngineName(given), before)
	if old != nil && plugin != before { // its secrets would go to another program
		return Deployment{}, byHand("engine")
	}
	if was != "" {
		content["engine"] = was
	}
	schema, err := r.host.Schema(ctx, plugin)
	if sdk.CodeOf(err) == sdk.CodeNotFound {
		return Deployment{}, sdk.Errorf(sdk.CodeInvalid, `There is %s; name one of them as "engine"`, Reason(err))
	}
	if err != nil {
		return Deployment{}, err
	}
	if err := keepByHand(schema, content, old); err != nil {
		return Deployment{}, err
	}
	for _, part := range []string{"settings", "parameters"} {
		if name := written(content[part], old[part]); name != "" {
			return Deployment{}, sdk.Errorf(sdk.CodeInvalid, `The value of %q would be a secret that is written down: in the engine's file on the server's machine, name it under "secrets", as in {%q: "env:MY_KEY"}`, name, name)
		}
	}
	if doc, err = document(content); err != nil {
		return Deployment{}, err
	}
	if len(content) > 0 && schemas.IsFlatDeployment(doc) { // the older form, by which settings would pass by keepByHand
		return Deployment{}, sdk.Errorf(sdk.CodeInvalid, `The settings of an engine stand under "settings"; beside it there may be %s`, strings.Join(schemas.Deployment().Properties(), ", "))
	}
	d := r.unread(id).of(sdk.KindEngine, doc, r.log)
	if d.Err != nil && !errors.Is(d.Err, ErrSwitchedOff) {
		return Deployment{}, sdk.Errorf(sdk.CodeInvalid, "The engine could not be used: %v", d.Err)
	}
	return r.withPlugin(d), nil
}

// document is content as it is read from a file.
func document(content map[string]any) (*schemas.Document, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	return schemas.Parse("", text)
}

func (r *Runtime) writeDeployment(id string, content map[string]any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(content)
	if err == nil {
		err = os.MkdirAll(r.deployments, 0o700)
	}
	if err == nil {
		err = durable.Replace(r.deploymentFile(id), text.Bytes(), 0o600)
	}
	if err != nil {
		return &sdk.Error{Code: sdk.CodeInternal, Message: fmt.Sprintf("engines/%s.json cannot be written; the server's log says why", id), Cause: err}
	}
	return nil
}

// RemoveDeployment removes engines/ID.json. An engine plugin of that name goes on
// with its default settings, and what runs is replaced as by any change.
// [sdk.CodeNotFound]: there is no such engine; [store.ErrConflict]: it has no file, or
// it would be no more, and models are loaded by it.
func (r *Runtime) RemoveDeployment(id string) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	e, err := r.Engine(id)
	switch {
	case err != nil:
		return err
	case e.File == "":
		return store.Conflict("The engine '%s' has no file: it is there because its plugin is installed", id)
	}
	if err := r.needed(id); err != nil {
		return err
	}
	if err := os.Remove(e.File); err != nil {
		return &sdk.Error{Code: sdk.CodeInternal, Message: fmt.Sprintf("engines/%s.json cannot be removed; the server's log says why", id), Cause: err}
	}
	r.look(context.Background(), id, true)
	return nil
}

// needed is the error of a deployment that would be no more without its file, and has
// models loaded.
func (r *Runtime) needed(id string) error {
	if isEnginePlugin(r.host, id) {
		return nil
	}
	for m := range r.EachLoadable {
		if m.State == StateRunning && m.Deployment == id || m.Transition != "" && r.engineOf(m.Model) == id {
			return store.Conflict("The engine '%s' has models loaded: stop '%s' first", id, m.ID)
		}
	}
	return nil
}
