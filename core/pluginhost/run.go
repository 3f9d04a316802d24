package pluginhost

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"

	"github.com/enginebay/enginebay/sdk"
)

// longestRun is how long the path of the run folder may be, so that the sockets
// below it stay under the 103 bytes that every system takes: go-plugin's is
// "/run123456789/plugin-dir1234567890/plugin1234567890".
const longestRun = 52

// runFolder holds the private folders of running plugins. One core owns it; what
// an earlier one left behind is swept when it is opened.
type runFolder struct {
	dir  string
	temp bool // outside the home, because the home's path is too long
	lock *flock.Flock
}

func openRun(dir string) (*runFolder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make run folder: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock run folder: %w", err)
	}
	if !got {
		return nil, sdk.Errorf(sdk.CodeUnavailable,
			"another enginebay serve uses %s; stop it, or give this one its own folder with --home", filepath.Dir(dir))
	}
	r := &runFolder{dir: dir, lock: lock}
	if err := r.sweep(); err != nil {
		lock.Close()
		return nil, err
	}
	if len(dir) <= longestRun {
		return r, nil
	}
	if r.dir, err = os.MkdirTemp(tempDir(), "eb"); err != nil {
		lock.Close()
		return nil, fmt.Errorf("make run folder: %w", err)
	}
	r.temp = true
	// The next core finds it by this link, should this one be killed.
	if err := os.Symlink(r.dir, filepath.Join(dir, "away")); err != nil {
		r.close()
		return nil, fmt.Errorf("make run folder: %w", err)
	}
	return r, nil
}

// tempDir is the system's folder for temporary files, unless its path is too long
// as well: on macOS it is.
func tempDir() string {
	dir := filepath.Clean(os.TempDir())
	if runtime.GOOS != "windows" && len(dir)+len("/eb1234567890") > longestRun {
		return "/tmp"
	}
	return dir
}

// sweep removes what a killed core left: its plugins are gone with it.
func (r *runFolder) sweep() error {
	away := filepath.Join(r.dir, "away")
	if target, err := os.Readlink(away); err == nil && filepath.Dir(target) == tempDir() {
		_ = os.RemoveAll(target)
	}
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return fmt.Errorf("sweep run folder: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == "lock" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.dir, entry.Name())); err != nil {
			return fmt.Errorf("sweep run folder: %w", err)
		}
	}
	return nil
}

// make returns a new private folder for one plugin process.
func (r *runFolder) make() (string, error) {
	dir, err := os.MkdirTemp(r.dir, "p")
	if err != nil {
		return "", fmt.Errorf("make run folder of a plugin: %w", err)
	}
	return dir, nil
}

func (r *runFolder) close() {
	if r.temp {
		_ = os.RemoveAll(r.dir)
	}
	_ = r.lock.Close()
}
