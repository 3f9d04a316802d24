package pluginhost_test

import (
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
)

// Secrets of the core's environment stay there: only an allow-list, the
// operator's further names and the deployment's own variables reach a plugin.
func TestEnvironmentOfAPlugin(t *testing.T) {
	secrets := []string{"HF_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "AZURE_API_KEY", "LD_PRELOAD_NOT", "ENGINEBAY_HOME"}
	for _, name := range secrets {
		t.Setenv(name, "a secret")
	}
	t.Setenv("CUDA_VISIBLE_DEVICES", "1,2")
	t.Setenv("TZ", "Mars/Olympus")
	t.Setenv("NAMED_BY_THE_OPERATOR", "yes")
	host, log := newHost(t, func(c *pluginhost.Config) { c.Env = []string{"NAMED_BY_THE_OPERATOR", "NOT_SET"} })
	d := echo(nil)
	d.Env = map[string]string{"ENGINE_ECHO_START": "secrets", "TZ": "UTC", "PLUGIN_PROTOCOL_VERSIONS": "9"}
	d.Secrets = map[string]string{"api_key": "another secret"}
	connect(t, host, d)

	seen := map[string]string{}
	eventually(t, 5*time.Second, "the environment", func() bool {
		for _, entry := range log.lines(t, "my-echo", "environment: ") {
			name, value, _ := strings.Cut(strings.TrimPrefix(entry["@message"].(string), "environment: "), "=")
			seen[name] = value
		}
		return seen["ENGINEBAY_LIFELINE"] != ""
	})
	for _, name := range secrets {
		if value, ok := seen[name]; ok {
			t.Errorf("%s=%s reached the plugin", name, value)
		}
	}
	if strings.Contains(log.String(), "secret\"") {
		t.Error("a secret is in the log")
	}
	for name, want := range map[string]string{
		"CUDA_VISIBLE_DEVICES":     "1,2", // the allow-list
		"NAMED_BY_THE_OPERATOR":    "yes",
		"TZ":                       "UTC", // the deployment's goes over the core's
		"PLUGIN_PROTOCOL_VERSIONS": "1",   // but not over go-plugin's
	} {
		if seen[name] != want {
			t.Errorf("%s is %q, want %q", name, seen[name], want)
		}
	}
	if seen["PATH"] == "" {
		t.Error("PATH is missing")
	}
}
