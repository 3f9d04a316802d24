package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
)

// modelStatus is what the API adds to a manifest.
type modelStatus struct {
	State      string          `json:"state"`
	Transition string          `json:"transition,omitempty"`
	Progress   *float64        `json:"progress,omitempty"` // of the transition, 0 to 1; absent where unknown
	Download   *core.Download  `json:"download,omitempty"`
	Error      string          `json:"error,omitempty"`
	Ending     int             `json:"ending,omitempty"` // requests that end on an instance that was replaced
	Warnings   []string        `json:"warnings,omitempty"`
	ReadOnly   bool            `json:"read_only,omitempty"` // it lies in a folder that nothing is written into
	Offer      *offerDetails   `json:"offer,omitempty"`     // of a model that a service has, and that has no file here
	Running    *runningDetails `json:"running,omitempty"`
	Route      *routeDetails   `json:"route,omitempty"`
}

// routeDetails are what the targets of a routed model do.
type routeDetails struct {
	Requests int             `json:"requests"` // in flight, by way of it
	Targets  []targetDetails `json:"targets"`
}

type targetDetails struct {
	ID         string  `json:"id"`               // of the model that answers
	Engine     string  `json:"engine,omitempty"` // where the target is the routed model's own file
	Weight     float64 `json:"weight"`
	State      string  `json:"state,omitempty"` // absent where there is no such model
	Transition string  `json:"transition,omitempty"`
	Requests   int     `json:"requests"`         // in flight, by way of the routed model
	Memory     uint64  `json:"memory,omitempty"` // bytes; of what is loaded of the routed model's own file
	Health     string  `json:"health"`           // ok, cooling_down, unusable
	Until      *int64  `json:"until"`            // Unix seconds: when it has cooled down; null where it is well
	Error      string  `json:"error,omitempty"`  // its last failure, until it answers again
}

func routeOf(m core.Model) *routeDetails {
	route := &routeDetails{Requests: m.Requests}
	for _, t := range m.Route {
		details := targetDetails{ID: t.ID, Engine: t.Engine, Weight: t.Weight, State: t.State, Transition: t.Transition, Requests: t.Requests, Memory: t.Memory, Health: t.Health}
		if t.Until > 0 {
			details.Until = &t.Until
		}
		if t.Err != nil {
			details.Error = core.Reason(t.Err)
		}
		route.Targets = append(route.Targets, details)
	}
	return route
}

// offerDetails say how old the list is that a model stands in.
type offerDetails struct {
	Engine  string `json:"engine"`
	Fetched int64  `json:"fetched"`         // Unix time in seconds; 0 where the list was never had
	Stale   bool   `json:"stale,omitempty"` // the service could not be asked since
	Error   string `json:"error,omitempty"` // why
}

func offerOf(o *core.Offer) *offerDetails {
	if o == nil {
		return nil
	}
	d := &offerDetails{Engine: o.Engine, Stale: o.Stale}
	if !o.Fetched.IsZero() {
		d.Fetched = o.Fetched.Unix()
	}
	if o.Err != nil {
		d.Error = core.Reason(o.Err)
	}
	return d
}

type runningDetails struct {
	Engine     string         `json:"engine"`
	Since      int64          `json:"since"`
	Expires    *int64         `json:"expires"` // when it is unloaded if nobody asks; null while it is in use, or stays
	Pinned     bool           `json:"pinned,omitempty"`
	Memory     uint64         `json:"memory"`   // bytes, the engine's estimate; 0 where unknown
	Slots      int            `json:"slots"`    // requests that the engine works on at the same time; 0 is any number
	Requests   int            `json:"requests"` // that it works on
	Waiting    int            `json:"waiting"`
	Operations []string       `json:"operations"`
	Changed    bool           `json:"changed,omitempty"` // the model's folder is not as it was loaded
	Ignored    []string       `json:"ignored,omitempty"` // a sentence for each setting of its file that the engine does not know
	Settings   map[string]any `json:"settings"`
}

// appendModel writes a model as one JSON object: the manifest's bytes, which the
// store keeps, and the status behind them.
func appendModel(b []byte, m core.Model) []byte {
	manifest := m.JSON()
	b = append(b, manifest[:len(manifest)-1]...)
	st := modelStatus{State: m.State, Transition: m.Transition, Download: m.Download, ReadOnly: m.ReadOnly, Ending: m.Ending, Offer: offerOf(m.Offer)}
	plain := !m.ReadOnly && m.Offer == nil && m.Transition == "" && m.Download == nil && m.Status.Err == nil && len(m.Warnings) == 0 && m.Route == nil && m.State != core.StateRunning
	if plain { // nearly all of a long list
		b = append(b, `,"state":"`...)
		b = append(b, m.State...)
		return append(b, `"}`...)
	}
	if m.Progress != nil && m.Progress.Fraction >= 0 {
		st.Progress = &m.Progress.Fraction
	}
	if m.Status.Err != nil {
		st.Error = core.Reason(m.Status.Err)
	}
	for _, w := range m.Warnings {
		st.Warnings = append(st.Warnings, w.Error())
	}
	if m.State == core.StateRunning {
		st.Running = &runningDetails{Engine: m.Deployment, Since: m.Since, Pinned: m.Pinned, Memory: m.Memory, Slots: m.Slots,
			Requests: m.Requests, Waiting: m.Waiting, Operations: routed(m.Operations), Changed: m.Changed, Ignored: m.Ignored, Settings: m.Status.Settings}
		if m.Expires > 0 {
			st.Running.Expires = &m.Expires
		}
	}
	if m.Route != nil {
		st.Route = routeOf(m)
	}
	tail, err := json.Marshal(st)
	if err != nil {
		tail = []byte(`{"state":"` + m.State + `"}`)
	}
	return append(append(b, ','), tail[1:]...)
}

func sendJSON(c *fiber.Ctx, body []byte) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(body)
	return nil
}

// listing is the list of all models as it was answered last. To make it takes
// little time, but 28 kB for 100 models, and the garbage of that takes more.
type listing struct {
	stamp uint64 // see [core.Runtime.Stamp]
	body  []byte
}

// listModels answers GET /v1/models, and ?state=running and so on.
func (s *Server) listModels(c *fiber.Ctx) error {
	state := c.Query("state")
	if known := []string{"", core.StateToDownload, core.StateDownloading, core.StateReady, core.StateRunning}; !slices.Contains(known, state) {
		return fault(http.StatusBadRequest, fmt.Sprintf("There is no state %.40q; the states are %s", state, strings.Join(known[1:], ", ")), "state", "invalid_state")
	}
	stamp := s.runtime.Stamp() // before the list is made: what changes meanwhile makes it one of yesterday
	if last := s.listing.Load(); last != nil && last.stamp == stamp && state == "" {
		return sendJSON(c, last.body)
	}
	b := []byte(`{"object":"list","data":[`)
	for m := range s.runtime.EachModel {
		if state != "" && m.State != state {
			continue
		}
		if b[len(b)-1] != '[' {
			b = append(b, ',')
		}
		b = appendModel(b, m)
	}
	b = append(b, `]}`...)
	if state == "" {
		s.listing.Store(&listing{stamp, b})
	}
	return sendJSON(c, b)
}

// modelID takes the id out of a wildcard route: decoded once, then checked.
func modelID(c *fiber.Ctx, suffix string) (string, error) {
	id, err := url.PathUnescape(strings.TrimSuffix(c.Params("*"), suffix))
	if err != nil || !core.ValidModelID(id) {
		return "", fault(http.StatusNotFound, fmt.Sprintf("The model %.200q does not exist", id), "model", "model_not_found")
	}
	return strings.Clone(id), nil
}

// showModel answers GET /v1/models/{id}, and …/export.
func (s *Server) showModel(c *fiber.Ctx) error {
	if s.exported(c) {
		return s.exportModel(c)
	}
	id, err := modelID(c, "")
	if err != nil {
		return err
	}
	m, err := s.runtime.Model(id)
	if err != nil {
		return err
	}
	return s.sendModel(c, m)
}

// sendModel answers with all that is known of one model; with ?effective=true
// also what it runs with, and where that comes from.
func (s *Server) sendModel(c *fiber.Ctx, m core.Model) error {
	b := appendModel(nil, m)
	if head := weightsOf(m); head != nil {
		b = append(append(append(b[:len(b)-1], `,"gguf":`...), head...), '}')
	}
	if c.Query("effective") == "true" {
		e, err := s.effective(c, m.ID)
		if err != nil {
			return err
		}
		b = append(append(append(b[:len(b)-1], `,"effective":`...), e...), '}')
	}
	return sendJSON(c, b)
}

func (s *Server) effective(c *fiber.Ctx, id string) ([]byte, error) {
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	e, err := s.runtime.Effective(ctx, id)
	if err != nil {
		return nil, err
	}
	shown := struct {
		Settings   map[string]core.Value `json:"settings"`
		Parameters map[string]core.Value `json:"parameters"`
		Error      string                `json:"error,omitempty"`
	}{Settings: e.Settings, Parameters: e.Parameters}
	if e.Err != nil {
		shown.Error = core.Reason(e.Err)
	}
	return json.Marshal(shown)
}

// weightsOf is what the header of the weights says, for those who look at one model.
func weightsOf(m core.Model) []byte {
	h, err := m.WholeHeader()
	if h == nil || err != nil {
		return nil
	}
	b, _ := json.Marshal(struct { // of numbers and texts: it cannot fail
		Architecture  string `json:"architecture"`
		Parameters    uint64 `json:"parameters"`
		Layers        int    `json:"layers"`
		ContextLength int    `json:"context_length"`
		Embedding     int    `json:"embedding_length"`
		VocabSize     int    `json:"vocab_size"`
		Quantization  string `json:"quantization"`
		Parts         int    `json:"parts"`
		EOSToken      string `json:"eos_token"`
		ChatTemplate  string `json:"chat_template"`
	}{h.Architecture, h.Parameters, h.BlockCount, h.ContextLength, h.EmbeddingLength, h.VocabSize, h.Quantization,
		len(m.Files), h.EOSToken, h.ChatTemplate})
	return b
}

// changeModel answers PUT /v1/models/{id}/start and …/stop. A slash in an id may
// stand as it is, so the last segment decides.
func (s *Server) changeModel(c *fiber.Ctx) error {
	switch rest := c.Params("*"); {
	case strings.HasSuffix(rest, "/start"):
		return s.startModel(c)
	case strings.HasSuffix(rest, "/stop"):
		return s.stopModel(c)
	}
	return fiber.ErrNotFound
}

func (s *Server) startModel(c *fiber.Ctx) error {
	id, err := modelID(c, "/start")
	if err != nil {
		return err
	}
	return s.start(c, id)
}

func (s *Server) start(c *fiber.Ctx, id string) error {
	settings, keep, err := startSettings(c)
	if err != nil {
		return err
	}
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	m, err := s.runtime.Start(observed(c).within(ctx), id, core.Ask{KeepAlive: keep}, settings)
	if err != nil {
		return err
	}
	answer := stateOf(m.ID, m.State)
	if len(m.Ignored) > 0 {
		answer["warnings"] = m.Ignored
	}
	return c.JSON(answer)
}

// startSettings reads the body of a start request: settings, how long the model
// is to stay, or nothing.
func startSettings(c *fiber.Ctx) (settings map[string]any, keep *time.Duration, err error) {
	if len(bytes.TrimSpace(c.Request().Body())) == 0 {
		return nil, nil, nil
	}
	doc, err := document(c)
	if err != nil {
		return nil, nil, err
	}
	settings = doc.Value
	if value, ok := settings["keep_alive"]; ok {
		raw, _ := json.Marshal(value) // of what came from JSON: it cannot fail
		if keep, err = keepAlive(gjson.ParseBytes(raw)); err != nil {
			return nil, nil, err
		}
		delete(settings, "keep_alive")
	}
	if inner, ok := settings["settings"]; ok {
		if settings, ok = inner.(map[string]any); !ok {
			return nil, nil, fault(http.StatusBadRequest, "The field 'settings' must be an object", "settings", "invalid_type")
		}
	}
	delete(settings, "model") // older clients name the model here too
	if len(settings) == 0 {
		return nil, keep, nil
	}
	return settings, keep, nil
}

func (s *Server) stopModel(c *fiber.Ctx) error {
	id, err := modelID(c, "/stop")
	if err != nil {
		return err
	}
	return s.stop(c, id)
}

func (s *Server) stop(c *fiber.Ctx, id string) error {
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	m, err := s.runtime.Stop(ctx, id)
	if err != nil {
		return err
	}
	return c.JSON(stateOf(m.ID, m.State))
}
