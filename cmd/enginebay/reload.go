package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/term"
)

// configSettle is how long a changed file is left alone before it is read: who
// writes it may need more than one step.
const configSettle = 200 * time.Millisecond

// reloader follows enginebay.yaml while a server runs.
type reloader struct {
	config *config // what the server was started with; flags and home stay
	values values  // in force, or waiting for the next start
	text   string  // of the file, as it was last read
	log    hclog.Logger
	apply  func(settings)
}

// follow reads the settings again when enginebay.yaml changes and on SIGHUP,
// and applies them, until ctx ends. It does not block. hangUp is called when the
// terminal that the server was started in has gone, which is SIGHUP too.
func (c *config) follow(ctx context.Context, log hclog.Logger, hangUp func(), apply func(settings)) {
	r := &reloader{config: c, values: c.values, log: log, apply: apply}
	signals := make(chan os.Signal, 1)
	notifyReload(signals)
	watcher := r.watch()
	r.text = readOrEmpty(c.file())
	if now, _, err := c.read(); err != nil || !reflect.DeepEqual(now, c.values) { // it changed meanwhile
		r.reload()
	}
	go func() {
		defer signal.Stop(signals)
		r.run(ctx, signals, watcher, hangUp)
	}()
}

// watch follows the folder and not the file: many editors put a new file in the
// place of the old one. Where the file is a link, its own folder is watched too.
// It is nil where the system gives none.
func (r *reloader) watch() *fsnotify.Watcher {
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		err = watcher.Add(r.config.home)
	}
	if err != nil {
		r.log.Warn("changes of the settings are not followed; send SIGHUP to have them read", "file", r.config.file(), "error", err)
		return watcher
	}
	if real, err := filepath.EvalSymlinks(r.config.file()); err == nil {
		_ = watcher.Add(filepath.Dir(real))
	}
	return watcher
}

func (r *reloader) run(ctx context.Context, signals <-chan os.Signal, watcher *fsnotify.Watcher, hangUp func()) {
	attended := onTerminal()
	var changes <-chan fsnotify.Event
	var faults <-chan error
	if watcher != nil {
		defer watcher.Close()
		changes, faults = watcher.Events, watcher.Errors
	}
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			if attended && !onTerminal() {
				hangUp()
				return
			}
			r.reload()
		case <-changes:
			if due == nil {
				due = time.After(configSettle)
			}
		case <-faults: // events were lost
			due = time.After(configSettle)
		case <-due:
			due = nil
			if readOrEmpty(r.config.file()) != r.text {
				r.reload()
			}
		}
	}
}

// reload applies what has changed. Settings that cannot be read change nothing.
func (r *reloader) reload() {
	r.text = readOrEmpty(r.config.file())
	now, s, err := r.config.read()
	if err != nil {
		r.log.Error("settings not read again; the server goes on with those it has", "error", err)
		return
	}
	changed := []string{}
	for _, key := range settingKeys() {
		switch {
		case reflect.DeepEqual(r.values[key].Value, now[key].Value):
		case needsRestart(key):
			if reflect.DeepEqual(r.config.values[key].Value, now[key].Value) {
				continue // it is again what the server was started with
			}
			r.log.Warn("a changed setting takes effect at the next start", "setting", key, "from", now[key].From)
		default:
			changed = append(changed, key)
		}
	}
	r.values = now
	r.apply(s)
	if len(changed) == 0 {
		r.log.Info("settings read again; nothing changes now")
		return
	}
	r.log.Info("settings read again", "changed", strings.Join(changed, ", "))
}

func readOrEmpty(file string) string {
	data, _ := os.ReadFile(file) // one that is not there is as good as empty
	return string(data)
}

func onTerminal() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) || term.IsTerminal(int(os.Stderr.Fd()))
}
