package sandbox_test

import (
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/sandbox"
)

// TestMissing: what a kernel cannot do is told, from the newest to none at all.
func TestMissing(t *testing.T) {
	for name, test := range map[string]struct {
		support sandbox.Support
		says    []string
	}{
		"all":            {sandbox.Support{Landlock: 7, Seccomp: true}, nil},
		"Linux 6.12":     {sandbox.Support{Landlock: 6, Seccomp: true}, nil},
		"Linux 6.8":      {sandbox.Support{Landlock: 4, Seccomp: true}, []string{"signals", "devices"}},
		"Linux 5.15":     {sandbox.Support{Landlock: 1, Seccomp: true}, []string{"signals", "cutting off", "devices"}},
		"no Landlock":    {sandbox.Support{Seccomp: true}, []string{"files"}},
		"no seccomp":     {sandbox.Support{Landlock: 7}, []string{"network"}},
		"nothing":        {sandbox.Support{}, []string{"files", "network"}},
		"another system": {sandbox.Support{Reason: "anything: this is plan9"}, []string{"plan9"}},
	} {
		t.Run(name, func(t *testing.T) {
			missing := strings.Join(test.support.Missing(), "; ")
			if (missing == "") != (test.says == nil) || test.support.Full() != (test.says == nil) {
				t.Errorf("missing: %q", missing)
			}
			for _, word := range test.says {
				if !strings.Contains(missing, word) {
					t.Errorf("%q does not say %q", missing, word)
				}
			}
		})
	}
}
