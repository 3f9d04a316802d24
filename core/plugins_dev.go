package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/enginebay/enginebay/core/durable"
)

// EnterDev makes a plugin one that is being written: it counts before the others of
// its name as long as its pid lives. An error says so where another process has it.
func EnterDev(home, name string, p DevPlugin) error {
	p.Started = startOf(p.Pid)
	return changeDev(home, func(all map[string]DevPlugin) error {
		if other, ok := all[name]; ok && other.Pid != p.Pid {
			return fmt.Errorf("plugin %s is being worked on by process %d already; end that first", name, other.Pid)
		}
		all[name] = p
		return nil
	})
}

// LeaveDev takes out what a process has entered.
func LeaveDev(home string, pid int32) error {
	return changeDev(home, func(all map[string]DevPlugin) error {
		for name, p := range all {
			if p.Pid == pid {
				delete(all, name)
			}
		}
		return nil
	})
}

// changeDev changes [DevFile], one process at a time, by a rename: its reader takes no
// lock. Entries of processes that have ended go.
func changeDev(home string, change func(map[string]DevPlugin) error) error {
	dir := filepath.Join(home, "plugins")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the plugins folder: %w", err)
	}
	lock := flock.New(filepath.Join(dir, ".dev.lock"), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", DevFile, err)
	}
	defer lock.Close()
	file := filepath.Join(dir, DevFile)
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	all := map[string]DevPlugin{}
	_ = json.Unmarshal(text, &all) // what cannot be read is nobody's
	for name, p := range all {
		if !p.lives() {
			delete(all, name)
		}
	}
	if err := change(all); err != nil {
		return err
	}
	if len(all) == 0 {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if text, err = json.MarshalIndent(all, "", "  "); err != nil {
		return err
	}
	return durable.Replace(file, append(text, '\n'), 0o600)
}
