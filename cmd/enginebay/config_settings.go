package main

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/sandbox"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/core/system"
)

// settings are those of enginebay.yaml, which schemas/config.schema.json
// describes: their meaning, form and default. A key is the name in the file; the
// variable of the environment and the flag are made from it. What is tagged
// "restart" takes effect at the next start, all else while the server runs.
type settings struct {
	Addr                string               `json:"addr" restart:"true"`
	HostNames           []string             `json:"host_names"`
	Origins             []string             `json:"origins"`
	PluginDirs          []string             `json:"plugin_dirs" restart:"true"`
	PluginEnv           []string             `json:"plugin_env" restart:"true"`
	PluginSandbox       sandbox.Mode         `json:"plugin_sandbox" restart:"true"`
	UnsignedPlugins     string               `json:"unsigned_plugins"`
	LogLevel            string               `json:"log_level"`
	LogLevels           map[string]string    `json:"log_levels"`
	LogFormat           string               `json:"log_format" restart:"true"`
	KeepAlive           lasting              `json:"keep_alive"`
	MaxLoaded           int                  `json:"max_loaded"`
	MemoryBudget        budget               `json:"memory_budget"`
	Preload             []string             `json:"preload" restart:"true"`
	Pinned              []string             `json:"pinned"`
	QueuePerSlot        int                  `json:"queue_per_slot"`
	LoadTimeout         lasting              `json:"load_timeout"`
	MaxBody             size                 `json:"max_body"`
	ModelDirs           []string             `json:"model_dirs" restart:"true"`
	Catalogue           bool                 `json:"catalogue" restart:"true"`
	Database            string               `json:"database" restart:"true"`
	KeepResponses       lasting              `json:"keep_responses"`
	Downloads           int                  `json:"downloads"`
	DownloadConnections int                  `json:"download_connections"`
	DownloadRate        budget               `json:"download_rate"`
	DownloadReserve     size                 `json:"download_reserve"`
	DownloadTokens      map[string]string    `json:"download_tokens"`
	DownloadMirrors     map[string]addresses `json:"download_mirrors"`
	DownloadPrivate     []string             `json:"download_private"`
	DownloadProxy       string               `json:"download_proxy"`
	DownloadCA          string               `json:"download_ca"`
	OTLPEndpoint        string               `json:"otlp_endpoint" restart:"true"`
}

// settingKeys are the settings in the order in which people see them.
func settingKeys() []string {
	t := reflect.TypeFor[settings]()
	all := make([]string, t.NumField())
	for i := range all {
		all[i] = t.Field(i).Tag.Get("json")
	}
	return all
}

// needsRestart says whether a setting takes effect at the next start only.
func needsRestart(key string) bool {
	t := reflect.TypeFor[settings]()
	for i := range t.NumField() {
		if tag := t.Field(i).Tag; tag.Get("json") == key {
			return tag.Get("restart") == "true"
		}
	}
	return false
}

// settingVariable is the name of a setting in the environment.
func settingVariable(key string) string { return "ENGINEBAY_" + strings.ToUpper(key) }

// lasting is a length of time, or [core.Forever].
type lasting time.Duration

func (l *lasting) UnmarshalText(text []byte) error {
	d, err := core.ParseKeepAlive(string(text))
	*l = lasting(d)
	return err
}

// size is a number of bytes.
type size uint64

func (s *size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	*s = size(n)
	return err
}

// budget is an amount of memory: a number of bytes, or a part of the machine's.
// The zero value sets no bound.
type budget struct {
	bytes   size
	percent int
}

func (b *budget) UnmarshalText(text []byte) (err error) {
	*b = budget{}
	percent, isPart := strings.CutSuffix(string(text), "%")
	switch {
	case string(text) == "off":
	case string(text) == "auto":
		b.percent = 90
	case isPart:
		b.percent, err = strconv.Atoi(percent)
	default:
		err = b.bytes.UnmarshalText(text)
	}
	return err
}

// of returns the bytes of a budget on a machine with so much memory; 0 is no bound.
func (b budget) of(total uint64) uint64 {
	if b.percent > 0 {
		return total / 100 * uint64(b.percent)
	}
	return uint64(b.bytes)
}

// addresses are one address or several.
type addresses []string

func (a *addresses) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = addresses{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// roots are the further folders of models.
func (s settings) roots() []store.Root {
	all := make([]store.Root, len(s.ModelDirs))
	for i, dir := range s.ModelDirs {
		all[i].Dir, all[i].Writable = strings.CutSuffix(dir, ":rw")
	}
	return all
}

// fetching is how files are downloaded.
func (s settings) fetching() core.Downloads {
	d := core.Downloads{Models: s.Downloads, Connections: s.DownloadConnections, Rate: int64(s.DownloadRate.bytes), Reserve: uint64(s.DownloadReserve),
		Tokens: s.DownloadTokens, Mirrors: map[string][]string{}, Private: s.DownloadPrivate, Proxy: s.DownloadProxy}
	for address, mirrors := range s.DownloadMirrors {
		d.Mirrors[address] = mirrors
	}
	d.CA, _ = store.ExpandHome(s.DownloadCA) // without a home there is no such file, which is told when it is read
	return d
}

// limits are what the runtime keeps to.
func (s settings) limits() core.Limits {
	total, _ := system.Memory()
	keep := time.Duration(s.KeepAlive)
	return core.Limits{KeepAlive: &keep, MaxLoaded: s.MaxLoaded, Memory: s.MemoryBudget.of(total),
		QueuePerSlot: s.QueuePerSlot, LoadTimeout: time.Duration(s.LoadTimeout), Pinned: s.Pinned}
}

// policy is what the server keeps to.
func (s settings) policy() api.Policy {
	return api.Policy{Hosts: s.HostNames, Origins: s.Origins, MaxBody: int(s.MaxBody), KeepResponses: time.Duration(s.KeepResponses)}
}
