package workbench

import (
	"cmp"
	"context"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/schemas"
)

// A Packing says how a package is to be made.
type Packing struct {
	Platform packages.Platform // empty: what plugin.json says, else this machine where the program is made for one
	Variant  string            // empty: what plugin.json says
	Built    bool              // the files are there, and nothing is to be built
}

// Stage builds a plugin and puts its package into an empty folder. Where "go build"
// makes the program, the plugin's own folder is left as it is; another command writes
// where it does.
func Stage(ctx context.Context, dir, to string, how Packing) (packages.Package, error) {
	m, err := packages.ReadManifest(dir)
	if err != nil {
		return packages.Package{}, err
	}
	m.Platform = packages.Platform{OS: cmp.Or(how.Platform.OS, m.Platform.OS), Arch: cmp.Or(how.Platform.Arch, m.Platform.Arch)}
	m.Variant = cmp.Or(how.Variant, m.Variant)
	if !how.Built {
		if err := makeInto(ctx, dir, to, m); err != nil {
			return packages.Package{}, err
		}
	}
	if err := fill(dir, to, m); err != nil {
		return packages.Package{}, err
	}
	if err := checkEntry(to, m); err != nil {
		return packages.Package{}, err
	}
	if err := label(to, m); err != nil {
		return packages.Package{}, err
	}
	return packages.Seal(to)
}

// makeInto builds, in a Go module without a command of its own into the folder to.
func makeInto(ctx context.Context, dir, to string, m packages.Manifest) error {
	command, err := Command(dir, m)
	if err != nil || command == nil {
		return err
	}
	if out := slices.Index(command, "-o"); len(m.Build) == 0 {
		command[out+1] = filepath.Join(to, command[out+1])
		command = slices.Insert(command, 2, "-ldflags=-s -w")
	}
	return run(ctx, dir, m.Platform, command)
}

// fill copies what is not there yet, and of programs only the one for the platform.
func fill(dir, to string, m packages.Manifest) error {
	files, err := packages.Sum(dir)
	if err != nil {
		return err
	}
	entry := m.EntryOn(system(m))
	for _, f := range files {
		target := filepath.Join(to, filepath.FromSlash(f.Path))
		if _, err := os.Lstat(target); err == nil || f.Path != entry && (f.Path == m.Entry || f.Path == m.EntryOn("windows")) {
			continue
		}
		if err := copyFile(filepath.Join(dir, filepath.FromSlash(f.Path)), target, f.Executable || f.Path == entry); err != nil {
			return err
		}
	}
	return nil
}

func system(m packages.Manifest) string { return cmp.Or(m.Platform.OS, runtime.GOOS) }

// label writes into the package's plugin.json for which machines it is.
func label(dir string, m packages.Manifest) error {
	p := m.Platform
	builtFor, isNative := machine(filepath.Join(dir, filepath.FromSlash(m.EntryOn(system(m)))))
	if isNative {
		p.OS, p.Arch = cmp.Or(p.OS, builtFor.OS, runtime.GOOS), cmp.Or(p.Arch, builtFor.Arch, runtime.GOARCH)
	}
	if !builtFor.Is(cmp.Or(p.OS, builtFor.OS), cmp.Or(p.Arch, builtFor.Arch)) {
		return fmt.Errorf("%s is a program for %s, and the package is to be for %s", m.Entry, builtFor, p)
	}
	var changes []schemas.Change
	for _, c := range []struct{ key, value string }{{"os", p.OS}, {"arch", p.Arch}} {
		if c.value != "" {
			changes = append(changes, schemas.Change{Path: []string{"platform", c.key}, Value: c.value})
		}
	}
	if m.Variant != "" {
		changes = append(changes, schemas.Change{Path: []string{"variant"}, Value: m.Variant})
	}
	file := filepath.Join(dir, packages.ManifestFile)
	text, err := os.ReadFile(file)
	if err == nil {
		text, err = schemas.Edit(packages.ManifestFile, text, changes...)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// machine is what a native program is built for, as far as it says; a script is not
// native.
func machine(file string) (p packages.Platform, isNative bool) {
	if f, err := elf.Open(file); err == nil {
		defer f.Close()
		p.Arch = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm"}[f.Machine]
		if f.OSABI == elf.ELFOSABI_NONE || f.OSABI == elf.ELFOSABI_LINUX {
			p.OS = "linux"
		}
		return p, true
	}
	if f, err := macho.Open(file); err == nil {
		defer f.Close()
		return packages.Platform{OS: "darwin", Arch: map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[f.Cpu]}, true
	}
	if f, err := macho.OpenFat(file); err == nil {
		f.Close()
		return packages.Platform{OS: "darwin"}, true
	}
	if f, err := pe.Open(file); err == nil {
		defer f.Close()
		return packages.Platform{OS: "windows", Arch: map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64"}[f.Machine]}, true
	}
	return packages.Platform{}, false
}
