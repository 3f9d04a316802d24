package core

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// leastSecret is the length of the shortest text that is looked for as a secret; a
// shorter one is part of too many words.
const leastSecret = 4

// known are the secrets that a deployment names, and what looks like one that
// somebody wrote down.
func (d Deployment) known() []string {
	env := make(map[string]any, len(d.Env))
	for name, value := range d.Env {
		env[name] = value
	}
	return slices.Concat(slices.Collect(maps.Values(d.Secrets)), writtenDown(env), writtenDown(d.Settings))
}

// writtenDown are the values that look like secrets by their names.
func writtenDown(values map[string]any) []string {
	var all []string
	for name, shown := range store.Redacted(values) {
		if text, _ := values[name].(string); shown == store.Hidden {
			all = append(all, text)
		}
	}
	return all
}

// hidden is a text without secrets.
func hidden(text string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) >= leastSecret {
			text = strings.ReplaceAll(text, secret, store.Hidden)
		}
	}
	return text
}

// concealed is an error of a plugin without the deployment's secrets: a service may
// say back which key it was shown.
func (d Deployment) concealed(err error) error {
	if err == nil {
		return nil
	}
	secrets := d.known()
	text := hidden(err.Error(), secrets)
	if text == err.Error() {
		return err
	}
	var coded *sdk.Error
	if !errors.As(err, &coded) {
		return errors.New(text)
	}
	told := &sdk.Error{Code: coded.Code, Message: hidden(coded.Message, secrets)}
	if coded.Cause != nil {
		told.Cause = errors.New(hidden(coded.Cause.Error(), secrets))
	}
	return told
}

// concealed is an error of a deployment's process without the secrets that it has: its
// last words are in it.
func (r *Runtime) concealed(id string, err error) error {
	if d := r.quota(id).deployment(); d != nil {
		return d.concealed(err)
	}
	return err
}
