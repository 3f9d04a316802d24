package workbench_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/workbench"
)

// folder is a plugin's, of files; those in bin are programs.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const loose = `{
  // a comment of its author
  "name": "acme/thing", "version": "1.0.0", "kinds": ["engine"], "entry": "bin/thing"
}`

func TestStageAGoModule(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"plugin.json": loose, "go.mod": "module x\n\ngo 1.24\n", "main.go": "package main\n\nfunc main() {}\n", "bin/thing": "an older build", "bin/helper": "#!/bin/sh\n"})
	to := t.TempDir()
	p, err := workbench.Stage(t.Context(), dir, to, workbench.Packing{Platform: packages.Platform{OS: "windows", Arch: "amd64"}, Variant: "slow"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range p.Files {
		names = append(names, f.Path)
	}
	if got := strings.Join(names, " "); got != "bin/helper bin/thing.exe plugin.json" || p.Platform.String() != "windows/amd64" || p.Variant != "slow" {
		t.Errorf("%s for %s, %s", got, p.Platform, p.Variant)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "bin/thing")); err != nil || string(text) != "an older build" {
		t.Errorf("the author's folder was written to: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(to, "plugin.json")); err != nil || !strings.Contains(string(text), "a comment of its author") {
		t.Errorf("the author's words are lost: %s, %v", text, err)
	}
}

func TestStageWhatIsBuilt(t *testing.T) {
	t.Parallel()
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\xb7\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 28) + "\x40\x00\x38\x00\x00\x00\x40\x00\x00\x00\x00\x00" // linux/arm64, and empty
	for name, c := range map[string]struct {
		program string
		how     workbench.Packing
		want    string // platform, or error
	}{
		"script":               {"#!/bin/sh\n", workbench.Packing{}, "any/any"},
		"script of a platform": {"#!/bin/sh\n", workbench.Packing{Platform: packages.Platform{OS: "linux", Arch: "arm64"}}, "linux/arm64"},
		"native":               {elf, workbench.Packing{}, "linux/arm64"},
		"native of another":    {elf, workbench.Packing{Platform: packages.Platform{OS: "linux", Arch: "amd64"}}, "is a program for linux/arm64, and the package is to be for linux/amd64"},
		"another system":       {elf, workbench.Packing{Platform: packages.Platform{OS: "darwin", Arch: "arm64"}}, "is a program for linux/arm64, and the package is to be for darwin/arm64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.how.Built = true
			p, err := workbench.Stage(t.Context(), folder(t, map[string]string{"plugin.json": loose, "bin/thing": c.program}), t.TempDir(), c.how)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Error(err)
				}
				return
			}
			if p.Platform.String() != c.want {
				t.Errorf("it is for %s", p.Platform)
			}
		})
	}
}

func TestStageWithoutAProgram(t *testing.T) {
	t.Parallel()
	_, err := workbench.Stage(t.Context(), folder(t, map[string]string{"plugin.json": loose}), t.TempDir(), workbench.Packing{})
	if err == nil || !strings.Contains(err.Error(), "bin/thing") {
		t.Error(err)
	}
}
