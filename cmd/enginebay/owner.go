package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/shirou/gopsutil/v4/process"
)

// owner is the server that a home has. It is written to run/server.json, by who
// holds run/lock, and swept with the folder by the next server.
type owner struct {
	Pid     int    `json:"pid"`
	Addr    string `json:"addr"` // HOST:PORT that it listens on
	Version string `json:"version"`
	Started int64  `json:"started"` // Unix seconds
}

func ownerFile(home string) string { return filepath.Join(home, "run", "server.json") }
func lockFile(home string) string  { return filepath.Join(home, "run", "lock") }

// own makes this process known as the server of a home that it has locked.
func own(home, addr string) error {
	data, err := json.Marshal(owner{os.Getpid(), addr, version, time.Now().Unix()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(ownerFile(home), data, 0o600); err != nil {
		return fmt.Errorf("make the server known: %w", err)
	}
	return nil
}

// serverOf returns the server that a home has now. A killed one leaves its file
// behind, and another process may have its number: only with the lock held by
// somebody is it the one.
func serverOf(home string) (owner, bool) {
	var o owner
	data, err := os.ReadFile(ownerFile(home))
	if err != nil || json.Unmarshal(data, &o) != nil || o.Pid <= 1 {
		return o, false
	}
	alive, err := process.PidExists(int32(o.Pid))
	return o, err == nil && alive && locked(home)
}

// locked takes the lock for a moment to see whether it can be had. It is asked
// only of a home whose server seems to live.
func locked(home string) bool {
	lock := flock.New(lockFile(home))
	defer lock.Close()
	got, err := lock.TryRLock()
	return err == nil && !got
}

// waitEnd waits until the server of a home has ended.
func waitEnd(ctx context.Context, home string) error {
	for locked(home) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
	return nil
}
