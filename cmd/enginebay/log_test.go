package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"gopkg.in/natefinch/lumberjack.v2"
)

func TestLogLevelsOfParts(t *testing.T) {
	l := newLevels(settings{LogLevel: "warn", LogLevels: map[string]string{
		"plugin": "error", "plugin.llamacpp": "trace", "enginebay.api": "debug", "plugin.a.b": "info"}})
	for name, want := range map[string]hclog.Level{
		"enginebay":                         hclog.Warn,
		"enginebay.runtime":                 hclog.Warn,
		"enginebay.api":                     hclog.Debug,
		"enginebay.apiary":                  hclog.Warn,
		"enginebay.plugin":                  hclog.Error,
		"enginebay.plugin.echo":             hclog.Error,
		"enginebay.plugin.llamacpp":         hclog.Trace,
		"enginebay.plugin.llamacpp.handler": hclog.Trace,
		"enginebay.plugin.llamacpp-cpu":     hclog.Error,
		"enginebay.plugin.a.b":              hclog.Info,
	} {
		if got := l.of(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// newTestLog returns a root logger, and what it has written since the last look.
func newTestLog(t *testing.T, s settings) (log hclog.Logger, out *logs, stderr, file func() string) {
	t.Helper()
	c := &config{home: t.TempDir(), settings: s}
	screen, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	log, out = c.openLog(screen)
	since := func(name string) func() string {
		read := 0
		return func() string {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { read = len(data) }()
			return string(data[read:])
		}
	}
	return log, out, since(screen.Name()), since(c.logFile())
}

// TestLogGoesTwoWays: levels say what is on standard error, and the file has what
// is of level info besides.
func TestLogGoesTwoWays(t *testing.T) {
	log, out, stderr, file := newTestLog(t, settings{LogLevel: "warn", LogFormat: "text"})
	api := log.Named("api").With("model", "m")
	say := func() (screen, kept string) {
		api.Debug("a debug line")
		api.Info("an info line", "took", 1500*time.Millisecond)
		api.Error("an error line", "error", errors.Join(errors.New("one"), errors.New("two")))
		return stderr(), file()
	}
	has := func(text string, want ...string) {
		t.Helper()
		for _, line := range []string{"a debug line", "an info line", "an error line"} {
			if strings.Contains(text, line) != strings.Contains(strings.Join(want, ","), line) {
				t.Errorf("want %q in\n%s", want, text)
			}
		}
	}
	screen, kept := say()
	has(screen, "an error line")
	has(kept, "an info line", "an error line")
	for _, part := range []string{`"took":"1.5s"`, `"model":"m"`, `"error":"one; two"`, `"@module":"enginebay.api"`} {
		if !strings.Contains(kept, part) {
			t.Errorf("no %s in %s", part, kept)
		}
	}
	if api.IsDebug() || api.GetLevel() != hclog.Info {
		t.Errorf("the level is %v", api.GetLevel())
	}

	out.levels.Store(newLevels(settings{LogLevel: "warn", LogLevels: map[string]string{"api": "debug"}}))
	screen, kept = say()
	has(screen, "a debug line", "an info line", "an error line")
	has(kept, "a debug line", "an info line", "an error line")
	if !api.IsDebug() || log.IsDebug() {
		t.Error("the level of one part is not its own")
	}
}

func TestLogFileIsPrivate(t *testing.T) {
	c := &config{home: t.TempDir()}
	c.openLog(os.Stderr)
	for name, want := range map[string]os.FileMode{c.logFile(): 0o600, filepath.Dir(c.logFile()): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// A server whose log file cannot be written says so, and serves.
func TestLogFileThatCannotBe(t *testing.T) {
	c := &config{home: t.TempDir()}
	writeFile(t, filepath.Join(c.home, "logs"), "a file where the folder is to be")
	screen, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	log, _ := c.openLog(screen)
	log.Error("goes on")
	if said, _ := os.ReadFile(screen.Name()); !strings.Contains(string(said), "no log file is written") || !strings.Contains(string(said), "goes on") {
		t.Errorf("%s", said)
	}
}

// TestLogsFollowRotation follows a log that is put aside again and again: no line
// is lost, and none comes twice.
func TestLogsFollowRotation(t *testing.T) {
	name := filepath.Join(t.TempDir(), "enginebay.log")
	out := &lumberjack.Logger{Filename: name}
	defer out.Close()
	log := hclog.New(&hclog.LoggerOptions{Output: out, JSONFormat: true})
	log.Info("line", "n", 0)
	logs, err := openLogs(name)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	defer func() { cancel(); <-done }()
	want, lines := &wanted{}, make(chan entry, 100)
	if last := logs.last(want, 10); len(last) != 1 {
		t.Fatalf("%d lines before", len(last))
	}
	go func() {
		defer close(done)
		logs.follow(ctx, want, func(e entry) { lines <- e })
	}()
	for n := 1; n <= 12; n++ {
		log.Info("line", "n", n)
		if n%4 == 0 {
			if err := out.Rotate(); err != nil {
				t.Fatal(err)
			}
		}
		if n%2 != 0 { // two at a time, so that one may come after the other's reading
			continue
		}
		for _, want := range []int{n - 1, n} {
			select {
			case e := <-lines:
				if got, _ := e.fields["n"].(interface{ Int64() (int64, error) }).Int64(); int(got) != want {
					t.Fatalf("line %d came, want %d", got, want)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("line %d does not come", want)
			}
		}
	}
}
