package pluginhost_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

func TestLogKeepsLevelsAndPairs(t *testing.T) {
	t.Parallel()
	host, log := newHost(t)
	if _, err := load(t, connect(t, host, echo(nil)), `{"log_lines": 1, "log_line_bytes": 3}`); err != nil {
		t.Fatal(err)
	}
	entry := log.line(t, "my-echo", "a line of the flood")
	for name, want := range map[string]any{"@level": "info", "model": "m", "text": "xxx"} {
		if entry[name] != want {
			t.Errorf("%s is %v, want %v", name, entry[name], want)
		}
	}
}

func TestLogLevelIsTheCores(t *testing.T) {
	t.Parallel()
	log := &journal{}
	host, _ := newHost(t, func(c *pluginhost.Config) {
		c.Log = hclog.New(&hclog.LoggerOptions{Output: log, JSONFormat: true, Level: hclog.Warn})
	})
	if _, err := load(t, connect(t, host, echo(nil)), `{"log_lines": 1}`); err != nil {
		t.Fatal(err)
	}
	connect(t, host, rogue("escape"))
	log.line(t, "my-rogue", "json") // a warning
	if strings.Contains(log.String(), "a line of the flood") {
		t.Error("a line below the level passed")
	}
}

// A plugin that runs follows the level of its logger.
func TestLogLevelChanges(t *testing.T) {
	t.Parallel()
	log := &journal{}
	root := hclog.New(&hclog.LoggerOptions{Output: log, JSONFormat: true, Level: hclog.Warn})
	host, _ := newHost(t, func(c *pluginhost.Config) { c.Log = root })
	p := connect(t, host, echo(nil))
	for i, level := range []hclog.Level{hclog.Warn, hclog.Info} {
		root.SetLevel(level)
		host.ApplyLogLevels()
		if _, err := p.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: fmt.Sprint("m", i)}, Settings: []byte(`{"log_lines": 1}`)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	log.line(t, "my-echo", "a line of the flood")
	if strings.Contains(log.String(), `"model":"m0"`) {
		t.Error("a line below the level passed")
	}
}

// A terminal must not obey a plugin, whether the bytes come plain or in JSON.
func TestLogCarriesNoControlCharacters(t *testing.T) {
	t.Parallel()
	host, log := newHost(t)
	connect(t, host, rogue("escape"))
	if message := log.line(t, "my-rogue", "plain")["@message"]; message != "plain [31mred C1" {
		t.Errorf("plain: %q", message)
	}
	entry := log.line(t, "my-rogue", "json")
	if entry["@message"] != "json [31mred" || entry["key"] != "value" || entry["@level"] != "warn" {
		t.Errorf("JSON: %q", entry)
	}
}

func TestLogFloodIsLimited(t *testing.T) {
	t.Parallel()
	host, log := newHost(t)
	p := connect(t, host, echo(nil))
	const lines = 20_000 // on each output
	if _, err := load(t, p, `{"log_lines": 20000, "log_line_bytes": 10}`); err != nil {
		t.Fatal(err)
	}
	dropped := log.line(t, "my-echo", "plugin logs too fast")["lines"].(float64)
	passed := len(log.lines(t, "my-echo", "a line of the flood")) + len(log.lines(t, "my-echo", "oooooooooo"))
	if dropped < 1 || passed > lines/4 {
		t.Errorf("%d lines passed, and %v are reported as dropped", passed, dropped)
	}
	if _, err := load(t, p, `{}`); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

// The last words of a plugin are a part of the reason of its end.
func TestLastWordsExplainAnEnd(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]pluginhost.Deployment{
		"before the handshake": {ID: "my-echo", Plugin: "echo", Env: map[string]string{"ENGINE_ECHO_START": "crash"}},
		"in Configure":         echo(map[string]any{"crash_on": "configure"}),
	} {
		t.Run(name, func(t *testing.T) {
			host, _ := newHost(t)
			_, err := host.Connect(t.Context(), d)
			refused(t, err, "unavailable", "plugin echo did not start", "echo: crashing, as asked")
			if st := host.Status("my-echo"); st.State != pluginhost.StateCrashed || st.Err != err {
				t.Errorf("status %+v", st)
			}
		})
	}
	t.Run("in a load", func(t *testing.T) {
		host, _ := newHost(t)
		p := connect(t, host, echo(nil))
		_, err := load(t, p, `{"crash_on": "load"}`)
		refused(t, err, "unavailable")
		<-p.Done()
		if words := p.Err().Error(); !strings.Contains(words, "exit status 3") || !strings.Contains(words, "echo: crashing, as asked") {
			t.Errorf("it ended with %q", words)
		}
	})
}
