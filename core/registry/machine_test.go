package registry_test

import (
	"runtime"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
)

func TestProbe(t *testing.T) {
	m := registry.Probe()
	t.Logf("%+v", m)
	if m.OS != runtime.GOOS || m.Arch != runtime.GOARCH || m.Accelerators == nil || len(m.CPU) == 0 {
		t.Errorf("%+v", m)
	}
	own := registry.Variant{OS: runtime.GOOS, Arch: runtime.GOARCH, Requires: packages.Requires{CPU: m.CPU[:1]}}
	if c, err := registry.Choose([]registry.Variant{own}, m, ""); err != nil || c.Warning != "" {
		t.Errorf("%+v, %v", c, err)
	}
}
