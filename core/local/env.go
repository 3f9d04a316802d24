package local

import (
	"os"
	"path/filepath"
	"runtime"
)

// Env is the surroundings in which other tools keep their models.
type Env struct {
	Home   string              // of the user
	Get    func(string) string // a variable of the environment
	System string              // as runtime.GOOS names it
	Shared string              // folder of the models that the Ollama service of this machine has
}

// Here is where this process runs.
func Here() Env {
	home, _ := os.UserHomeDir()
	return Env{Home: home, Get: os.Getenv, System: runtime.GOOS, Shared: "/usr/share/ollama/.ollama/models"}
}

// data is the folder in which programs of a user keep their data.
func (e Env) data() string {
	switch {
	case e.System == "darwin":
		return filepath.Join(e.Home, "Library", "Application Support")
	case e.System == "windows" && e.Get("APPDATA") != "":
		return e.Get("APPDATA")
	case e.Get("XDG_DATA_HOME") != "":
		return e.Get("XDG_DATA_HOME")
	}
	return filepath.Join(e.Home, ".local", "share")
}

// cache is the folder in which programs of a user keep what they can fetch again.
func (e Env) cache() string {
	if dir := e.Get("XDG_CACHE_HOME"); dir != "" {
		return dir
	}
	return filepath.Join(e.Home, ".cache")
}

// folders are those of the paths that are folders, each once.
func folders(paths ...string) (dirs []string) {
	seen := map[string]bool{}
	for _, path := range paths {
		if path == "" || !isFolder(path) {
			continue
		}
		if real, err := filepath.EvalSymlinks(path); err == nil && !seen[real] {
			seen[real] = true
			dirs = append(dirs, path)
		}
	}
	return dirs
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
