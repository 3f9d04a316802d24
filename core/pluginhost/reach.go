package pluginhost

import (
	"bufio"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// What manifests name of this machine, and how far that reaches.

// lookUp is what a text of a manifest's permissions stands for: setting:NAME,
// $VARIABLE, program:NAME. ok is false where it stands for itself.
func lookUp(text string, d Deployment) (values []string, ok bool) {
	if name, ok := strings.CutPrefix(text, "setting:"); ok {
		return texts(d.Settings[name]), true
	}
	if name, ok := strings.CutPrefix(text, "program:"); ok {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, true
		}
		return []string{path}, true
	}
	if name, ok := strings.CutPrefix(text, "$"); ok {
		value, said := d.Env[name]
		if !said {
			value = os.Getenv(name)
		}
		return nonEmpty(strings.TrimSpace(value)), true
	}
	return nil, false
}

// texts are those of a setting, which may be a list.
func texts(value any) (all []string) {
	switch value := value.(type) {
	case string:
		return nonEmpty(value)
	case []any:
		for _, item := range value {
			all = append(all, texts(item)...)
		}
	}
	return all
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// fromEnvironment are the folders of paths in variables of the server's environment.
func fromEnvironment(names ...string) (folders []string) {
	for _, name := range names {
		for _, path := range filepath.SplitList(os.Getenv(name)) {
			folders = append(folders, reach(path)...)
		}
	}
	return folders
}

// reach is what may be read so that a path can be used: a folder, or the one in which
// a file lies. A program in a folder bin brings along the one above, where its
// libraries are; one of a Python environment the Python that this is made of.
func reach(path string) []string {
	path = expand(path)
	if !filepath.IsAbs(path) {
		return nil
	}
	folders := []string{folderOfPath(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		folders = append(folders, folderOfPath(real))
	}
	for _, folder := range slices.Clone(folders) {
		if python := pythonOf(folder); python != "" {
			folders = append(folders, folderOfPath(python))
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// expand is a path with the user's home in the place of "~".
func expand(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

func folderOfPath(path string) string {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return filepath.Clean(path)
	}
	folder := filepath.Dir(path)
	if above := filepath.Dir(folder); filepath.Base(folder) == "bin" && !holdsHome(above) {
		return above
	}
	return folder
}

// holdsHome says whether the user's home is a folder, or lies in it.
func holdsHome(folder string) bool {
	home, err := os.UserHomeDir()
	if err != nil {
		return folder == "/"
	}
	rel, err := filepath.Rel(folder, home)
	return err == nil && filepath.IsLocal(rel)
}

// pythonOf is the program of the Python that a virtual environment is made of; empty
// where the folder is none.
func pythonOf(folder string) string {
	f, err := os.Open(filepath.Join(folder, "pyvenv.cfg"))
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && strings.TrimSpace(name) == "home" {
			python := filepath.Join(strings.TrimSpace(value), "python3")
			if real, err := filepath.EvalSymlinks(python); err == nil {
				return real
			}
			return python
		}
	}
	return ""
}

// linkedFrom are the folders to which links in a plugin's folder lead: one that is put
// together by hand may take its programs from elsewhere. (A package has no links.)
func linkedFrom(dir string) (folders []string) {
	const most = 5000 // entries
	seen := 0
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if seen++; err != nil || seen > most {
			return fs.SkipAll
		}
		if entry.IsDir() && entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			if real, err := filepath.EvalSymlinks(path); err == nil {
				if rel, err := filepath.Rel(dir, real); err == nil && !filepath.IsLocal(rel) {
					folders = append(folders, reach(real)...)
				}
			}
		}
		return nil
	})
	slices.Sort(folders)
	return slices.Compact(folders)
}
