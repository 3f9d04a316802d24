package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// refuses: what can never load is refused with a code and a sentence.
func (e *engine) refuses(t T) {
	h := e.up(t)
	before := h.look()
	refused := func(name string, req sdk.LoadRequest, codes ...sdk.Code) {
		t.Run(name, func(t T) {
			inst, err := h.Load(t.Context(), req, nil)
			if inst != nil {
				_ = closeIn(inst, patience)
			}
			coded(t, err, codes...)
			before.same(t, h)
		})
	}
	bad := e.BadSettings
	if len(bad) == 0 {
		bad = h.badSettings(t)
	}
	if len(bad) > 0 {
		refused("settings", e.request(t, h, bad), sdk.CodeInvalid)
	}
	if len(e.Model.Files) > 0 {
		req := e.request(t, h, nil)
		req.Model.Files = []string{filepath.Join(e.Model.Dir, "missing"+filepath.Ext(e.Model.Files[0]))}
		refused("missing weights", req, sdk.CodeInvalid, sdk.CodeNotFound)
	}
	t.Run("unknown instance", func(t T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		coded(t, h.Watch(ctx, "unknown"), sdk.CodeNotFound)
	})
	if e.Foreign.ID != "" {
		refused("foreign model", sdk.LoadRequest{Model: e.Foreign, Settings: h.effective(t, e.Settings)}, sdk.CodeUnsupported, sdk.CodeInvalid)
	}
}

// badSettings is one of the schema's settings with a value of another type; nothing where
// it has none of a plain type. The core refuses such a one before the plugin sees it, but
// for a fault.
func (h *host) badSettings(t T) json.RawMessage {
	s := h.schema(t)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if kind := s.Properties[name].Type; kind == "integer" || kind == "number" || kind == "boolean" {
			return merge(t, map[string]any{name: "neither a number nor true"})
		}
	}
	return nil
}

// coded: an error has one of the codes, and a sentence for a person.
func coded(t T, err error, codes ...sdk.Code) {
	t.Helper()
	if err == nil {
		t.Errorf("no error; want one of %q", codes)
		return
	}
	var e *sdk.Error
	if !errors.As(err, &e) {
		t.Errorf("error without a code: %v", err)
		return
	}
	if !slices.Contains(codes, e.Code) {
		t.Errorf("code %q, want one of %q: %v", e.Code, codes, err)
	}
	if e.Message == "" || len(e.Message) > 1000 || strings.ContainsAny(e.Message, "\n\r\x1b") || strings.HasPrefix(e.Message, "rpc error") {
		t.Errorf("%q is no sentence for a user", e.Message)
	}
}
