package pluginhost_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// gRPC's own limit is 4 MiB, one way; ours is 16 MiB, both ways.
func TestMessageLimits(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	p := connect(t, host, rogue(""))
	for name, c := range map[string]struct {
		mib  int
		code sdk.Code
	}{"small": {1, ""}, "over gRPC's own": {6, ""}, "over ours": {17, sdk.CodeExhausted}} {
		t.Run(name, func(t *testing.T) {
			plans, err := p.Resolve(t.Context(), sdk.Ref(fmt.Sprint(c.mib<<20)))
			checkCall(t, "from the plugin", err, c.code)
			if c.code == "" && (len(plans) != 1 || len(plans[0].Manifest.Description) != c.mib<<20) {
				t.Error("the answer is not whole")
			}
			_, err = load(t, p, `{"x":"`+strings.Repeat("x", c.mib<<20)+`"}`)
			want := c.code
			if want == "" {
				want = sdk.CodeUnsupported // it came through, and rogue loads nothing
			}
			checkCall(t, "to the plugin", err, want)
		})
	}
	if _, err := p.Resolve(t.Context(), "1"); err != nil {
		t.Errorf("after that: %v", err)
	}
}

func checkCall(t *testing.T, way string, err error, code sdk.Code) {
	t.Helper()
	if code == "" && err != nil || code != "" && (err == nil || sdk.CodeOf(err) != code) {
		t.Errorf("%s: error %v, want code %q", way, err, code)
	}
}

// A caller that leaves does not wait for a load that hangs.
func TestACallerMayLeave(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	p := connect(t, host, echo(nil))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := p.Load(ctx, sdk.LoadRequest{Model: sdk.Model{ID: "m"}, Settings: []byte(`{"hang_on": "load"}`)}, nil)
	if err == nil || time.Since(start) > 2*time.Second {
		t.Errorf("Load = %v after %v", err, time.Since(start))
	}
	if _, err := load(t, p, `{}`); err != nil {
		t.Errorf("the next load: %v", err)
	}
}

// A panic in an author's code is an answer with a code, and the process lives on.
func TestAPanicIsAnAnswer(t *testing.T) {
	t.Parallel()
	host, log := newHost(t)
	p := connect(t, host, echo(nil))
	_, err := load(t, p, `{"panic_on": "load"}`)
	refused(t, err, sdk.CodeInternal, "plugin echo met a fault of its own")
	if entry := log.line(t, "my-echo", "panic"); !strings.Contains(fmt.Sprint(entry["stack"]), "engine.go") {
		t.Errorf("logged: %v", entry)
	}
	if _, err := load(t, p, `{}`); err != nil {
		t.Errorf("the next load: %v", err)
	}
}
