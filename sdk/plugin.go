package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/hashicorp/go-hclog"

	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// A Plugin is what an author hands to [Serve].
type Plugin struct {
	// Name is what models and deployments call the plugin: "llamacpp". Letters,
	// digits, '.', '_' and '-'.
	Name string

	// Version of the plugin, by semantic versioning: "1.2.3".
	Version string

	// Settings is a JSON Schema (2020-12) of the settings that the plugin
	// takes. The core validates and fills in defaults before the plugin sees
	// any. A property with "x-scope": "deployment" can be set in a deployment
	// file only, never by a model file or a request: use it for whatever names
	// a program, an address or a secret. One with "x-scope": "guarded" may stand in a
	// model file too, and the plugin decides whether it trusts that; in a deployment
	// only a person changes it. Empty means that it takes none.
	Settings json.RawMessage

	// Engine loads models. It, Importer or both are set, and stay the same for as long
	// as the process runs: Configure comes again, a new one does not.
	Engine Engine

	// Importer finds models.
	Importer Importer
}

// A Configurer wants the settings of its deployment before anything else. An
// Engine or Importer may implement it.
type Configurer interface {
	// Configure is called before the first other call, and again whenever the
	// settings or the log level change; never concurrently with itself, but beside
	// other calls. So keep what it makes in one value, such as an atomic.Pointer to a
	// client: calls that are under way keep theirs. Until it has returned without an
	// error for the first time, the SDK refuses every other call.
	//
	// A returned error with [CodeInvalid] says which setting is wrong; the plugin stays
	// as it was.
	Configure(ctx context.Context, c Configuration) error
}

// A Configuration is what the core tells a plugin once it has started.
type Configuration struct {
	Deployment string            // id of the deployment: "llamacpp", "azure-east"
	Settings   json.RawMessage   // validated settings of the deployment, defaults filled in; a JSON object
	Secrets    map[string]string // resolved secrets by setting name; never log them
	RunDir     string            // private folder for sockets, swept when the plugin has ended; its path is short
	DataDir    string            // private folder that stays; the process of before may still be ending in it
	LogLevel   string            // "trace", "debug", "info", "warn" or "error"
	Log        hclog.Logger      // lines appear in the core's log under the deployment's name; set by the SDK
}

// Decode reads the settings into v, as [json.Unmarshal] does. [CodeInvalid]: they
// are not what v is.
func (c Configuration) Decode(v any) error {
	if len(c.Settings) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.Settings, v); err != nil {
		return Errorf(CodeInvalid, "settings of %s: %v", c.Deployment, err)
	}
	return nil
}

// A Description is what a plugin says of itself. The SDK makes it of a [Plugin]; an
// author never writes one.
type Description struct {
	Name         string          // the short one: "llamacpp"
	Version      string          // by semantic versioning
	Kinds        []Kind          // one or both
	Settings     json.RawMessage // JSON Schema, or empty
	Capabilities []string        // optional abilities, found by type assertion: "inspect", "models", "search"
}

// A Kind is what a plugin is used as.
type Kind string

// The kinds.
const (
	KindEngine   Kind = "engine"
	KindImporter Kind = "importer"
)

// The optional abilities that a [Description] can name.
const (
	CapabilityInspect = "inspect"
	CapabilityModels  = "models"
	CapabilitySearch  = "search"
)

// ProtocolVersion is the major version of the contract (package
// enginebay.plugin.v1). Core and plugin must agree on it; smaller steps are
// capabilities.
const ProtocolVersion = pluginpb.Version

// EnvProxy is set to "unix:PATH" by the core in the environment of a plugin that
// reaches the network through the core only: PATH is a socket on which an HTTP proxy
// (CONNECT, and http addresses in full) lets those hosts pass that the plugin's
// permissions name. Clients of [sdk/web] use it by themselves.
//
// [sdk/web]: https://pkg.go.dev/github.com/enginebay/enginebay/sdk/web
const EnvProxy = "ENGINEBAY_PROXY"

// names are plugin names: they become file names and parts of addresses.
var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// check says what an author left out.
func (p Plugin) check() error {
	switch {
	case !names.MatchString(p.Name):
		return fmt.Errorf("name %q is not of letters, digits, '.', '_' and '-'", p.Name)
	case p.Version == "":
		return errors.New("version is missing")
	case p.Engine == nil && p.Importer == nil:
		return errors.New("neither Engine nor Importer is set")
	case len(p.Settings) > 0 && !json.Valid(p.Settings):
		return errors.New("settings schema is not valid JSON")
	}
	return nil
}

// describe derives what a plugin can do from what it is, so that it cannot lie.
func (p Plugin) describe() Description {
	d := Description{Name: p.Name, Version: p.Version, Settings: p.Settings}
	if p.Engine != nil {
		d.Kinds = append(d.Kinds, KindEngine)
		if _, ok := p.Engine.(Inspector); ok {
			d.Capabilities = append(d.Capabilities, CapabilityInspect)
		}
		if _, ok := p.Engine.(Lister); ok {
			d.Capabilities = append(d.Capabilities, CapabilityModels)
		}
	}
	if p.Importer != nil {
		d.Kinds = append(d.Kinds, KindImporter)
		if _, ok := p.Importer.(Searcher); ok {
			d.Capabilities = append(d.Capabilities, CapabilitySearch)
		}
	}
	return d
}
