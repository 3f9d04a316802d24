package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// overHTTP speaks to a Triton by HTTP: the Open Inference Protocol with Triton's
// extensions model_repository, model_configuration and generate.
type overHTTP struct{ *remote }

func (t *overHTTP) at(name, rest string) string { return "/v2/models/" + url.PathEscape(name) + rest }

// ready implements wire.
func (t *overHTTP) ready(ctx context.Context) error {
	status, err := t.status(ctx, "/v2/health/ready")
	switch {
	case err != nil:
		return err
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return t.refused(status, nil)
	case status == http.StatusNotFound:
		return sdk.Errorf(sdk.CodeUnavailable, "what answers at %s is no Triton; check base_url in engines/tensorrt.json", t.host())
	case status != http.StatusOK:
		return sdk.Errorf(sdk.CodeUnavailable, "Triton at %s is not ready (status %d): a model of its repository may have failed to load; see its log", t.host(), status)
	}
	return nil
}

// modelReady implements wire.
func (t *overHTTP) modelReady(ctx context.Context, name string) (bool, error) {
	status, err := t.status(ctx, t.at(name, "/ready"))
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		err = t.refused(status, nil)
	}
	return status == http.StatusOK, err
}

// model implements wire.
func (t *overHTTP) model(ctx context.Context, name string) (tritonModel, error) {
	var about struct {
		Inputs, Outputs []tensor
	}
	var conf struct {
		Backend string `json:"backend"`
		Policy  struct {
			Decoupled bool `json:"decoupled"`
		} `json:"model_transaction_policy"`
		Parameters map[string]struct {
			Value string `json:"string_value"`
		} `json:"parameters"`
	}
	if err := t.get(ctx, t.at(name, ""), &about); err != nil {
		return tritonModel{}, err
	}
	if err := t.get(ctx, t.at(name, "/config"), &conf); err != nil {
		return tritonModel{}, err
	}
	m := tritonModel{name: name, inputs: about.Inputs, outputs: about.Outputs, decoupled: conf.Policy.Decoupled, backend: conf.Backend, parameters: map[string]string{}}
	for key, p := range conf.Parameters {
		m.parameters[key] = p.Value
	}
	return m, nil
}

// index implements wire.
func (t *overHTTP) index(ctx context.Context) ([]indexed, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var all []indexed
	err := t.exchange(ctx, http.MethodPost, "/v2/repository/index", strings.NewReader("{}"), &all)
	return all, err
}

// load implements wire. It takes as long as the load does.
func (t *overHTTP) load(ctx context.Context, name string) error {
	return t.exchange(ctx, http.MethodPost, "/v2/repository/models/"+url.PathEscape(name)+"/load", strings.NewReader("{}"), nil)
}

// unload implements wire.
func (t *overHTTP) unload(ctx context.Context, name string) error {
	return t.exchange(ctx, http.MethodPost, "/v2/repository/models/"+url.PathEscape(name)+"/unload", strings.NewReader(`{"parameters":{"unload_dependents":true}}`), nil)
}

// generate implements wire. It asks for a stream always, for that ends with the
// connection: a request to /generate would go on when the client has left.
func (t *overHTTP) generate(ctx context.Context, name string, in []input, each func(outputs) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	text, err := json.Marshal(members(in))
	if err != nil {
		return err
	}
	resp, err := t.send(ctx, http.MethodPost, t.at(name, "/generate_stream"), bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return t.failed(resp)
	}
	return t.events(resp.Body, each)
}

// members are inputs as generate takes them: a value, or a list of values.
func members(in []input) map[string]any {
	all := map[string]any{}
	for _, i := range in {
		if all[i.Name] = any(i.values); len(i.values) == 1 {
			all[i.Name] = i.values[0]
		}
	}
	return all
}

// failed is the error of a request that Triton has refused. The first answer of a
// stream may be its error, as an event.
func (t *overHTTP) failed(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what is there says enough
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return t.refused(resp.StatusCode, nil)
	}
	return tritonRefusal(resp.StatusCode, said(resp.StatusCode, bytes.TrimPrefix(bytes.TrimSpace(text), []byte("data: "))))
}

func (t *overHTTP) events(from io.Reader, each func(outputs) error) error {
	var own error // of the answers, and not of the connection
	err := openai.ReadEvents(from, func(data []byte) error {
		own = event(data, each)
		return own
	})
	if err == nil || own != nil {
		return own
	}
	return t.away(err)
}

func event(data []byte, each func(outputs) error) error {
	var o outputs
	if err := json.Unmarshal(data, &o); err != nil {
		return fmt.Errorf("read an event of Triton: %w", err)
	}
	if o["error"] != nil && o["model_name"] == nil {
		return tritonRefusal(http.StatusInternalServerError, said(http.StatusInternalServerError, data))
	}
	return each(o)
}
