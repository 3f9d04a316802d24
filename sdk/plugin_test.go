package sdk_test

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

type inspector struct{ engine }

func (inspector) Inspect(context.Context, sdk.LoadRequest) (sdk.Inspection, error) {
	return sdk.Inspection{Operations: []sdk.Operation{sdk.OpChat}, Vision: true, Remote: true, ContextLength: 4096, Memory: 1 << 40, Reasons: []string{"no"}}, nil
}

type searcher struct{ importer }

func (searcher) Search(_ context.Context, words string, limit int) ([]sdk.Hit, error) {
	return []sdk.Hit{{Ref: sdk.Ref("x://" + words), Name: "N", Description: strings.Repeat("d", limit)}}, nil
}

type lister struct{ sdk.Engine }

func (lister) Models(context.Context) ([]sdk.Manifest, error) {
	return []sdk.Manifest{{ID: "far/away", Settings: map[string]any{"model": "far/away"}}, {ID: "b", OwnedBy: "c"}}, nil
}

// TestDescribe: what a plugin can do follows from what it is.
func TestDescribe(t *testing.T) {
	tests := map[string]struct {
		plugin       sdk.Plugin
		kinds        []sdk.Kind
		capabilities []string
	}{
		"engine":    {sdk.Plugin{Engine: with(nil)}, []sdk.Kind{sdk.KindEngine}, nil},
		"inspector": {sdk.Plugin{Engine: inspector{}}, []sdk.Kind{sdk.KindEngine}, []string{"inspect"}},
		"lister":    {sdk.Plugin{Engine: lister{}}, []sdk.Kind{sdk.KindEngine}, []string{"models"}},
		"importer":  {sdk.Plugin{Importer: importer{}}, []sdk.Kind{sdk.KindImporter}, nil},
		"searcher":  {sdk.Plugin{Importer: searcher{}}, []sdk.Kind{sdk.KindImporter}, []string{"search"}},
		"both":      {sdk.Plugin{Engine: inspector{}, Importer: searcher{}}, []sdk.Kind{sdk.KindEngine, sdk.KindImporter}, []string{"inspect", "search"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.plugin.Name, test.plugin.Version, test.plugin.Settings = "a.b-c_1", "1.2.3", json.RawMessage(`{"type":"object"}`)
			got, err := serve(t, test.plugin).Describe(t.Context())
			want := sdk.Description{Name: "a.b-c_1", Version: "1.2.3", Kinds: test.kinds, Settings: test.plugin.Settings, Capabilities: test.capabilities}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
			}
		})
	}
}

func TestAbilitiesCrossTheWire(t *testing.T) {
	s := serve(t, sdk.Plugin{Engine: inspector{}, Importer: searcher{}})
	inspection, err := s.Inspect(t.Context(), aModel)
	if want, _ := (inspector{}).Inspect(t.Context(), aModel); err != nil || !reflect.DeepEqual(inspection, want) {
		t.Errorf("Inspect: %v\n got %+v\nwant %+v", err, inspection, want)
	}
	hits, err := s.Search(t.Context(), "words", 3)
	if want := []sdk.Hit{{Ref: "x://words", Name: "N", Description: "ddd"}}; err != nil || !reflect.DeepEqual(hits, want) {
		t.Errorf("Search: %v\n got %+v\nwant %+v", err, hits, want)
	}
	offered, err := serve(t, sdk.Plugin{Engine: lister{}}).Models(t.Context())
	if want, _ := (lister{}).Models(t.Context()); err != nil || !reflect.DeepEqual(offered, want) {
		t.Errorf("Models: %v\n got %+v\nwant %+v", err, offered, want)
	}
}

// TestMissingAbilities are unsupported, and not a crash.
func TestMissingAbilities(t *testing.T) {
	only := map[string]*served{"engine": serve(t, sdk.Plugin{Engine: with(nil)}), "importer": serve(t, sdk.Plugin{Importer: importer{}})}
	for name, s := range only {
		_, inspect := s.Inspect(t.Context(), aModel)
		_, search := s.Search(t.Context(), "words", 3)
		_, models := s.Models(t.Context())
		for call, err := range map[string]error{"Inspect": inspect, "Models": models, "Search": search} {
			if sdk.CodeOf(err) != sdk.CodeUnsupported {
				t.Errorf("%s of a plain %s: %v, want %s", call, name, err, sdk.CodeUnsupported)
			}
		}
	}
	if _, err := only["engine"].Resolve(t.Context(), "x://y"); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("Resolve of an engine: %v", err)
	}
	if _, err := only["importer"].Load(t.Context(), aModel, nil); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("Load of an importer: %v", err)
	}
}

type configured struct {
	engine
	seen *[]sdk.Configuration
}

func (c configured) Configure(_ context.Context, conf sdk.Configuration) error {
	*c.seen = append(*c.seen, conf)
	if len(conf.Secrets) > 0 {
		return sdk.Errorf(sdk.CodeInvalid, "api_key is wrong")
	}
	return nil
}

func TestConfigure(t *testing.T) {
	var seen []sdk.Configuration
	s := serve(t, sdk.Plugin{Engine: configured{with(nil), &seen}})
	want := sdk.Configuration{Deployment: "d", Settings: json.RawMessage(`{"a":1}`), Secrets: map[string]string{"api_key": "s3cret"},
		RunDir: s.run, DataDir: "/data", LogLevel: "warn"}
	err := s.Configure(t.Context(), want)
	if sdk.CodeOf(err) != sdk.CodeInvalid || err.Error() != "api_key is wrong" {
		t.Errorf("got %v, want the plugin's own refusal", err)
	}
	got := seen[len(seen)-1]
	if got.Log == nil || got.Log.IsInfo() || !got.Log.IsWarn() {
		t.Error("the log does not have the level warn")
	}
	if got.Log = nil; !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	if strings.Contains(s.log.String(), "s3cret") {
		t.Error("the secret is in the log")
	}
}

// TestServeOnRefuses what is no plugin.
func TestServeOnRefuses(t *testing.T) {
	tests := map[string]sdk.Plugin{
		"no name":    {Version: "1.0.0", Engine: with(nil)},
		"bad name":   {Name: "../x", Version: "1.0.0", Engine: with(nil)},
		"no version": {Name: "x", Engine: with(nil)},
		"no part":    {Name: "x", Version: "1.0.0"},
		"bad schema": {Name: "x", Version: "1.0.0", Engine: with(nil), Settings: json.RawMessage(`{`)},
	}
	for name, plugin := range tests {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
			if err != nil {
				t.Fatal(err)
			}
			if err := sdk.ServeOn(t.Context(), listener, plugin, hclog.NewNullLogger()); err == nil {
				t.Error("it was served")
			}
			if listener.Close() == nil {
				t.Error("the listener is still open")
			}
		})
	}
}

// TestEndClosesInstances: a plugin that ends closes what it has.
func TestEndClosesInstances(t *testing.T) {
	ours := newInstance(sdk.Endpoint{URL: "http://localhost"})
	t.Run("served", func(t *testing.T) {
		if _, err := serve(t, sdk.Plugin{Engine: with(ours)}).Load(t.Context(), aModel, nil); err != nil {
			t.Fatal(err)
		}
	})
	await(t, "the end of the instance", ours.ended)
}
