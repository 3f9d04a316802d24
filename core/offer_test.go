package core_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// names are the ids of all models.
func (h *house) names() string {
	var ids []string
	for _, m := range h.Models() {
		ids = append(ids, m.ID)
	}
	return strings.Join(ids, " ")
}

// reopen opens the runtime of the same home again.
func (h *house) reopen() {
	h.t.Helper()
	h.Close()
	var err error
	if h.Runtime, err = core.Open(core.Config{Home: h.home, PluginDirs: []string{plugins}, Log: h.logger}); err != nil {
		h.t.Fatal(err)
	}
}

// TestOffers: the models of a service are listed without files and can be used; a file
// of the same id goes first.
func TestOffers(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"mine": ""})
	h.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["org/big:free", "small", "small-preview", "odd name"]}, "models": ["*", "!*-preview"]}`)
	h.write("models/far/small.json", `{"engine": "echo", "format": "api", "name": "a file"}`)
	h.write("models/far/zoo.json", `{"engine": "echo", "format": "api"}`)
	if err := h.RefreshOffers(t.Context(), "far"); err != nil {
		t.Fatal(err)
	}
	h.until("all are listed", func() bool { return h.names() == "far/org/big:free far/small far/zoo mine" })
	m, err := h.Model("far/org/big:free")
	if err != nil || m.State != core.StateReady || m.Offer == nil || m.Offer.Engine != "far" || m.Offer.Stale || m.Manifest.Format != "api" || m.Manifest.OwnedBy != "echo" {
		t.Errorf("%v: %+v", err, m)
	}
	if own, _ := h.Model("far/small"); own.Offer != nil || own.Manifest.Name != "a file" {
		t.Errorf("a model with a file is taken for one that is offered: %+v", own)
	}
	h.use("far/org/big:free")
	if m, _ := h.Model("far/org/big:free"); m.State != core.StateRunning || m.Deployment != "far" {
		t.Errorf("it is %s by %q", m.State, m.Deployment)
	}
	if err := h.once("far/none", core.Ask{}); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Errorf("a model that the service does not have: %v", err)
	}
	if _, err := h.Edit("far/org/big:free", func(*sdk.Manifest) error { return nil }); !isConflict(err) || !strings.Contains(err.Error(), `"engine": "far"`) {
		t.Errorf("a change of what has no file: %v", err)
	}
	if _, err := h.Remove(t.Context(), "far/org/big:free", true); !isConflict(err) {
		t.Errorf("its removal: %v", err)
	}
	if err := h.RefreshOffers(t.Context(), "echo"); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("an engine that offers nothing: %v", err)
	}
}

func isConflict(err error) bool {
	return err != nil && strings.Contains(err.Error(), "has no file here") && errors.Is(err, store.ErrConflict)
}

// TestOffersAreKept over a restart, and are stale when the service cannot be asked: then
// it may have any model.
func TestOffersAreKept(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["a", "b"]}}`)
	if err := h.RefreshOffers(t.Context(), "far"); err != nil {
		t.Fatal(err)
	}
	asked := h.log.count("models of a service listed")
	h.reopen()
	h.until("the list is back", func() bool { return h.names() == "far/a far/b" })
	if h.log.count("models of a service listed") != asked {
		t.Error("the service was asked again for a list that is new")
	}
	kept := filepath.Join(h.home, "cache/offers/far.json")
	text, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	// the deployment changes, and its service cannot be asked
	h.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["", "a"]}}`)
	if err := h.RefreshOffers(t.Context(), "far"); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Fatalf("a list that cannot be had: %v", err)
	}
	if got := h.names(); got != "" {
		t.Errorf("the list of another service is shown: %s", got)
	}
	h.use("far/any:thing")
	if after, _ := os.ReadFile(kept); string(after) != string(text) {
		t.Errorf("the list that was kept is gone")
	}
	for _, bad := range []string{"far/", "far/../x", "far/a b", "far/a?b"} {
		if err := h.once(bad, core.Ask{}); sdk.CodeOf(err) != sdk.CodeNotFound {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestOffersBeforeTheirList: a deployment that was written just now can be used at once.
func TestOffersBeforeTheirList(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["a"]}}`)
	h.write("engines/off.json", `{"engine": "echo", "enabled": false, "settings": {"offers": ["b"]}}`)
	h.use("far/a")
	for _, none := range []string{"off/b", "none/c", "echo/d"} {
		if err := h.once(none, core.Ask{}); sdk.CodeOf(err) != sdk.CodeNotFound {
			t.Errorf("%s: %v", none, err)
		}
	}
}

// TestNamesTakenOnTrust are bounded: whoever may ask could name any number.
func TestNamesTakenOnTrust(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.write("engines/far.json", `{"engine": "echo", "settings": {"offers": [""]}}`)
	if err := h.RefreshOffers(t.Context(), "far"); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Fatal(err)
	}
	for i := range 1000 {
		if _, err := h.Model(fmt.Sprint("far/", i)); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := h.Model("far/more"); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Errorf("one more: %v", err)
	}
	h.use("far/7")
	if m, _ := h.Model("far/7"); m.Changed {
		t.Error("a model that nobody touched is said to have changed")
	}
}

// TestOffersListedAgain: a model of a service has not changed because the list was had
// again.
func TestOffersListedAgain(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["a", "b"]}}`)
	for range 2 {
		if err := h.RefreshOffers(t.Context(), "far"); err != nil {
			t.Fatal(err)
		}
		h.use("far/a")
		if m, _ := h.Model("far/a"); m.State != core.StateRunning || m.Changed {
			t.Errorf("it is %s, changed %v", m.State, m.Changed)
		}
	}
}

// TestOffersAreFoundAtTheStart, and those of a deployment that is switched off are not.
func TestOffersAreFoundAtTheStart(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["a"]}}`)
	h.write("engines/off.json", `{"engine": "echo", "enabled": false, "settings": {"offers": ["b"]}}`)
	h.reopen()
	h.until("the list is there", func() bool { return h.names() == "far/a" })
}

// TestOffersOfARefusedFile: the list goes on as the deployment does, and a name that a
// service says twice is one model.
func TestOffersOfARefusedFile(t *testing.T) {
	for name, wrong := range map[string]string{"a setting": `{"engine": "echo", "settings": {"tokens": "many"}}`, "no JSON": `{`} {
		t.Run(name, func(t *testing.T) {
			h := open(t, core.Limits{}, nil)
			h.edit("far", `{"engine": "echo", "settings": {"offers": ["a", "b", "a"]}}`)
			if err := h.RefreshOffers(t.Context(), "far"); err != nil {
				t.Fatal(err)
			}
			h.use("far/a")
			asked := h.log.count("models of a service listed")
			if e := h.edit("far", wrong); e.Error == "" {
				t.Fatal("it is not refused")
			}
			h.LookAtOffers()
			h.use("far/b")
			if got := h.names(); got != "far/a far/b" {
				t.Errorf("listed are %s", got)
			}
			if n := h.log.count("models of a service listed"); n != asked {
				t.Errorf("the service was asked %d times more", n-asked)
			}
			if err := h.RefreshOffers(t.Context(), "far"); err != nil {
				t.Errorf("asked by hand: %v", err)
			}
		})
	}
}

// TestOffersAreAskedOnce for by who follows them, whoever else has asked just now.
func TestOffersAreAskedOnce(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	for i := range 5 {
		id := fmt.Sprint("far", i)
		h.write("engines/"+id+".json", `{"engine": "echo", "settings": {"offers": ["a"]}}`)
		var wait sync.WaitGroup
		wait.Go(h.LookAtOffers)
		wait.Go(func() {
			if err := h.RefreshOffers(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
		wait.Wait()
		h.LookAtOffers()
		if m, err := h.Model(id + "/a"); err != nil || m.Offer == nil || m.Offer.Stale {
			t.Errorf("%s: %v, %+v", id, err, m.Offer)
		}
	}
	if n := h.log.count("models of a service listed"); n > 10 {
		t.Errorf("five services were asked %d times", n)
	}
}
