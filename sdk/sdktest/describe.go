package sdktest

import (
	"regexp"
	"slices"

	"github.com/enginebay/enginebay/sdk"
)

var (
	names    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	versions = regexp.MustCompile(`^\d+\.\d+\.\d+([-+].*)?$`)
)

// describe: the plugin says what it is before it was configured.
func (s Subject) describe(t T, kind sdk.Kind, capabilities ...string) {
	d, err := s.start(t).Describe(t.Context())
	if err != nil {
		t.Fatalf("Describe without Configure: %v", err)
	}
	if !names.MatchString(d.Name) {
		t.Errorf("name %q is not of letters, digits, '.', '_' and '-'", d.Name)
	}
	if !versions.MatchString(d.Version) {
		t.Errorf("version %q is not a semantic version such as 1.2.3", d.Version)
	}
	if !slices.Contains(d.Kinds, kind) {
		t.Errorf("kinds are %q, without %q", d.Kinds, kind)
	}
	for _, k := range d.Kinds {
		if k != sdk.KindEngine && k != sdk.KindImporter {
			t.Errorf("kind %q is not known", k)
		}
	}
	for _, c := range d.Capabilities {
		if len(d.Kinds) == 1 && !slices.Contains(capabilities, c) {
			t.Errorf("capability %q is none of %q", c, capabilities)
		}
	}
}

// reconfigure: Configure may come again, also while the plugin works.
func (w *work) reconfigure(t T) {
	h := w.start(t)
	for range 2 {
		if err := h.configure(t, w.settings, w.secrets); err != nil {
			t.Fatalf("Configure: %v", err)
		}
	}
	w.use(t, h)
	if err := h.configure(t, w.settings, w.secrets); err != nil {
		t.Errorf("Configure while it works: %v", err)
	}
	if bad := h.badSettings(t); len(bad) > 0 {
		if err := h.configure(t, merge(t, map[string]any{}, w.settings, bad), w.secrets); err != nil {
			coded(t, err, sdk.CodeInvalid)
		}
	}
	if err := w.round(t, h); err != nil {
		t.Errorf("after a further Configure, and one that is wrong: %v", err)
	}
}

func (h *host) can(t T, capability string) bool {
	t.Helper()
	d, err := h.Describe(t.Context())
	if err != nil {
		t.Fatalf("Describe: %v", err)
	}
	return slices.Contains(d.Capabilities, capability)
}
