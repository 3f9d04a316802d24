package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func waiting(id string) model { return model{ID: id, State: "to_download"} }

func ready(m *model) { m.State, m.Download = "ready", nil }

// at is how far a download is, of 1000 bytes.
func at(done int64) func(*model) {
	return func(m *model) {
		m.Download = &download{Phase: "downloading", Done: done, Total: 1000, Speed: 100, ETA: (1000 - done) / 100}
	}
}

// TestPull downloads a source and a model, while another source is refused and a
// further model is here already.
func TestPull(t *testing.T) {
	f := newFake(t)
	f.add(waiting("repo/Q4_K_M"))
	f.add(waiting("other"))
	f.add(model{ID: "old", State: "ready"})
	f.sources["hf://o/repo"] = "repo/Q4_K_M"
	c := f.run("pull", "hf://o/repo", "hf://o/gated", "other", "old")
	f.listened()
	f.change("other", at(250))
	c.told.wait(t, "other: downloading, 25 %, 250 B of 1 kB, 100 B/s, 7s left", 30*time.Second)
	f.change("repo/Q4_K_M", ready)
	f.change("other", func(m *model) { m.State, m.Error = "to_download", "it has another SHA-256" })
	if err := c.wait(t); !errors.As(err, new(quietError)) {
		t.Errorf("the error is %v, and one failed, which has been told", err)
	}
	for _, want := range []string{
		"enginebay: hf://o/gated is gated: accept its terms there, then set HF_TOKEN\n",
		"enginebay: other: it has another SHA-256\n25 % of 1 kB are kept; to go on: enginebay pull other\n",
		"2 further variants are listed: enginebay list --all\n",
	} {
		if !strings.Contains(c.told.text(), want) {
			t.Errorf("it did not tell %q:\n%s", want, c.told.text())
		}
	}
	if want := "old is here already; run it: enginebay run old\nrepo/Q4_K_M is ready; run it: enginebay run repo/Q4_K_M\n"; c.out.String() != want {
		t.Errorf("it printed\n%s, want\n%s", c.out.String(), want)
	}
}

// TestPullOverRestart: the server ends in the middle, and comes back without the
// download.
func TestPullOverRestart(t *testing.T) {
	f := newFake(t)
	f.add(waiting("m"))
	c := f.run("pull", "m")
	f.listened()
	f.stop()
	c.told.wait(t, "no server answers at http://"+f.addr+"; waiting for it", 30*time.Second)
	f.mu.Lock()
	f.models["m"].State, f.asked = "to_download", nil
	f.mu.Unlock()
	f.start()
	f.did("POST m/download")
	f.change("m", ready)
	if err := c.wait(t); err != nil || !strings.Contains(c.out.String(), "m is ready") {
		t.Errorf("it ended with %v, and printed\n%s", err, c.out.String())
	}
}

// TestPullWithoutEvents asks for the state.
func TestPullWithoutEvents(t *testing.T) {
	f := newFake(t)
	f.deaf = true
	f.add(waiting("m"))
	c := f.run("pull", "m")
	f.did("POST m/download")
	f.change("m", ready)
	if err := c.wait(t); err != nil {
		t.Error(err)
	}
}

// TestPullUseless: of a download with another sum nothing is kept, and nothing said to be.
func TestPullUseless(t *testing.T) {
	f := newFake(t)
	f.add(waiting("m"))
	c := f.run("pull", "m")
	f.listened()
	f.change("m", at(1000))
	c.told.wait(t, "m: downloading, 100 %", 30*time.Second)
	f.change("m", func(m *model) { m.State, m.Download, m.Error = "to_download", nil, "it has another SHA-256" })
	if err := c.wait(t); !errors.As(err, new(quietError)) || !strings.Contains(c.told.text(), "m: it has another SHA-256\n") || strings.Contains(c.told.text(), "kept") {
		t.Errorf("it ended with %v, and told\n%s", err, c.told.text())
	}
}

// TestPullInterrupted cancels what it began, and nothing else.
func TestPullInterrupted(t *testing.T) {
	f := newFake(t)
	f.add(waiting("mine"))
	f.add(model{ID: "another's", State: "downloading"})
	c := f.run("pull", "mine", "another's")
	f.listened()
	f.change("mine", at(400))
	c.told.wait(t, "mine: downloading, 40 %", 30*time.Second)
	c.interrupt()
	if err := c.wait(t); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.asked, "POST mine/cancel") || slices.Contains(f.asked, "POST another's/cancel") {
		t.Errorf("the server was asked for %q", f.asked)
	}
	for _, want := range []string{
		"the download of mine was cancelled at 40 % of 1 kB; to go on: enginebay pull mine\n",
		"the server goes on with another's; to stop that: enginebay cancel another's\n",
	} {
		if !strings.Contains(c.told.text(), want) {
			t.Errorf("it did not tell %q:\n%s", want, c.told.text())
		}
	}
}

// TestPullCancelledElsewhere says so.
func TestPullCancelledElsewhere(t *testing.T) {
	f := newFake(t)
	f.add(waiting("m"))
	c := f.run("pull", "m")
	f.listened()
	f.change("m", at(100))
	f.change("m", func(m *model) { m.State, m.Download.Phase = "to_download", "paused" })
	if err := c.wait(t); !errors.As(err, new(quietError)) || !strings.Contains(c.told.text(), "cancelled at 10 % of 1 kB") {
		t.Errorf("it ended with %v, and told\n%s", err, c.told.text())
	}
}

func TestPullForScripts(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"json": {[]string{"--json"}, `{"type":"download.progress","model":"m","download":{"phase":"downloading","done":500,"total":1000,"speed":100,"eta":5,"files":null}}` + "\n" +
			`{"type":"model.state","model":"m","state":"ready"}` + "\n"},
		"ids": {[]string{"-q"}, "m\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.add(waiting("m"))
			c := f.run(append([]string{"pull", "m"}, test.args...)...)
			f.listened()
			f.change("m", at(500))
			f.change("m", ready)
			if err := c.wait(t); err != nil || c.out.String() != test.want || c.told.text() != "" {
				t.Errorf("it ended with %v, and printed\n%s%s, want\n%s", err, c.out.String(), c.told.text(), test.want)
			}
		})
	}
}

// TestPullRequests: what the flags make of the request.
func TestPullRequests(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"variant":                        {[]string{"hf://o/repo", "--variant", "Q8_0", "--id", "x", "--detach"}, []string{`POST {"id":"x","source":"hf://o/repo","variant":"Q8_0"}`}},
		"settings":                       {[]string{"hf://o/repo", "--set", "ctx_len=5", "--detach"}, []string{`POST {"settings":{"ctx_len":5},"source":"hf://o/repo"}`}},
		"settings of one that is listed": {[]string{"repo", "--set", "ctx_len=5", "--detach"}, []string{"PATCH repo", "POST repo/download"}}, // before its download
		"no download":                    {[]string{"hf://o/repo", "--no-download"}, []string{`POST {"download":false,"source":"hf://o/repo"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.add(waiting("repo"))
			f.sources["hf://o/repo"] = "repo"
			if err := f.run(append([]string{"pull"}, test.args...)...).wait(t); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(f.asked, test.want) {
				t.Errorf("the server was asked for %q, want %q", f.asked, test.want)
			}
		})
	}
}
