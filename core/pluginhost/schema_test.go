package pluginhost_test

import (
	"testing"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// TestSchema: a plugin is asked once, and nothing of it goes on running.
func TestSchema(t *testing.T) {
	t.Parallel()
	host, log := newHost(t)
	first, err := host.Schema(t.Context(), "echo")
	if err != nil || !first.Knows("", "tokens") {
		t.Fatalf("%v, %v", first, err)
	}
	if again, err := host.Schema(t.Context(), "echo"); again != first || err != nil {
		t.Errorf("asked again: %v", err)
	}
	if st := host.Status("echo"); st.State != pluginhost.StateStopped {
		t.Errorf("it is %s", st.State)
	}
	if started := log.lines(t, "echo", "plugin ended"); len(started) > 0 {
		t.Errorf("its end counts as a crash: %v", started)
	}
	_, err = host.Schema(t.Context(), "nobody")
	refused(t, err, sdk.CodeNotFound, "nobody", "installed are")
}

// TestTry: what would not start is told, and what runs is left alone.
func TestTry(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	p := connect(t, host, echo(nil))
	if err := host.Try(t.Context(), echo(map[string]any{"tokens": 3})); err != nil {
		t.Error(err)
	}
	refused(t, host.Try(t.Context(), echo(map[string]any{"tokens": -1})), sdk.CodeInvalid, "/tokens")
	refused(t, host.Try(t.Context(), echo(map[string]any{"crash_on": "configure"})), sdk.CodeUnavailable, "did not start")
	if again := connect(t, host, echo(nil)); again != p {
		t.Error("what ran was started anew")
	}
	host.Stop("my-echo")
	<-p.Done()
	if again := connect(t, host, echo(nil)); again == p {
		t.Error("what was stopped is given out")
	}
}
