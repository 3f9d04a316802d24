package sdktest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// folders: the run folder and the data folder are the plugin's to write in, and no
// other. A sandbox keeps it out of them, and it would fail there.
func (w *work) folders(t T) {
	dir := folder(t)
	home, temp := filepath.Join(dir, "home"), filepath.Join(dir, "tmp")
	for _, d := range []string{home, temp} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
	}
	s := w.Subject
	s.Confine = nil // so that it can be seen what it writes
	s.Env = append(slices.Clone(s.Env), "HOME="+home, "USERPROFILE="+home, "LOCALAPPDATA="+home, "TMPDIR="+temp, "TEMP="+temp, "TMP="+temp)
	own := files(s.Package)
	h := s.configured(t, w.settings, w.secrets)
	if err := w.round(t, h); err != nil {
		t.Errorf("with a home folder that is empty: %v", err)
	}
	for _, f := range files(home) {
		t.Errorf("it writes %s in the home folder; it may only write in its run and data folders", f)
	}
	for _, f := range files(temp) {
		t.Errorf("it leaves %s in the folder for temporary files", f)
	}
	for _, f := range files(s.Package) {
		if !slices.Contains(own, f) {
			t.Errorf("it writes %s in its package, which is read-only once it is installed", f)
		}
	}
}

// files are those below a folder, with their sizes and times.
func files(dir string) (found []string) {
	if dir == "" {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return nil
		}
		name, _ := filepath.Rel(dir, path)
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			name = fmt.Sprintf("%s (%d bytes, %s)", name, info.Size(), info.ModTime().Format("15:04:05.000"))
		}
		found = append(found, name)
		return nil
	})
	return found
}
