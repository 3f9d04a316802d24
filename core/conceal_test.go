package core_test

import (
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core"
)

// TestSecretsAreTold to nobody, whatever a plugin says: of settings, of its list, when
// it ends.
func TestSecretsAreTold(t *testing.T) {
	const secret = "crashing, as" // which the fake engine says
	t.Setenv("ENGINEBAY_TEST_KEY", secret)
	t.Setenv("ENGINEBAY_TEST_OTHER", "cannot be had")
	h := open(t, core.Limits{}, nil)
	h.on("wrong", "a")
	h.on("dying", "b")
	h.write("engines/wrong.json", `{"engine": "echo", "secrets": {"api_key": "env:ENGINEBAY_TEST_KEY"}, "settings": {"tokens": "`+secret+`"}}`)
	h.write("engines/dying.json", `{"engine": "echo", "secrets": {"api_key": "env:ENGINEBAY_TEST_KEY"}, "settings": {"crash_on": "load"}}`)
	h.write("engines/list.json", `{"engine": "echo", "secrets": {"api_key": "env:ENGINEBAY_TEST_OTHER"}, "settings": {"offers": [""]}}`)
	for _, id := range []string{"a", "b"} {
		h.until(id+" is listed", func() bool { _, err := h.Model(id); return err == nil })
	}
	events := h.listen(0)
	defer events.Close()
	told := []error{h.once("a", core.Ask{}), h.once("b", core.Ask{}), h.RefreshOffers(t.Context(), "list"), h.ChangeDeployment(t.Context(), "wrong", map[string]any{})}
	h.until("its end is seen", func() bool { return h.log.count("plugin ended") > 0 }) // the list of its models may have started it again
	for _, e := range h.Engines() {
		told = append(told, e.Refused, e.Err, e.Process.Err)
	}
	for _, err := range told {
		if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "cannot be had")) {
			t.Errorf("told is %v", err)
		}
	}
	for {
		e := come(t, events.C)
		if strings.Contains(e.Error, secret) {
			t.Errorf("told is %+v", e)
		}
		if e.Engine == "dying" && e.Error != "" {
			break
		}
	}
}
