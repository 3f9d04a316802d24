// Package workbench builds a plugin as its sources change, for its author: each build
// that goes well is a loose package in a folder of its own, so that a program that
// runs is never overwritten.
package workbench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/enginebay/enginebay/core/packages"
)

// A Bench is a plugin that is being worked on. One process at a time has its Builds.
type Bench struct {
	Dir    string // the plugin's folder, with plugin.json
	Builds string // where builds are put

	kept []string // folders of builds, the newest last
	good string   // the one that was accepted last
}

// A Build is one attempt.
type Build struct {
	packages.Manifest
	Changed string        // the file that was the reason; empty for the first
	Dir     string        // the package; empty where Err is set
	Took    time.Duration // from sources to package
	Err     error         // why there is no package: what the compiler said
}

// Run builds, and builds again whenever a source has changed, until ctx ends: that
// is no error. each is called after each build, and its context ends with the next
// change; accept says of the build that it is in use now, and it is kept until another
// one is.
func (b *Bench) Run(ctx context.Context, each func(ctx context.Context, build Build, accept func())) error {
	if err := b.Sweep(); err != nil {
		return err
	}
	sources, err := watch(b.Dir)
	if err != nil {
		return err
	}
	defer sources.close()
	changed := ""
	for ctx.Err() == nil {
		if err := sources.read(); err != nil {
			return err
		}
		build := b.build(ctx)
		build.Changed = changed
		if ctx.Err() != nil {
			break
		}
		if err := sources.ignoreOutputs(); err != nil {
			return err
		}
		telling, stop := context.WithCancel(ctx)
		told := make(chan struct{})
		go func() {
			defer close(told)
			each(telling, build, func() { b.good = build.Dir })
		}()
		changed, err = sources.next(ctx)
		stop()
		<-told
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// Sweep removes the builds: those that a bench before has left, and at the end, when
// nobody runs them any more, one's own.
func (b *Bench) Sweep() error {
	b.kept = nil
	if err := os.RemoveAll(b.Builds); err != nil {
		return fmt.Errorf("sweep the builds: %w", err)
	}
	return nil
}

// build makes the package once.
func (b *Bench) build(ctx context.Context) (build Build) {
	began := time.Now()
	build.Manifest, build.Err = packages.ReadManifest(b.Dir)
	if build.Err == nil {
		build.Err = Make(ctx, b.Dir, build.Manifest)
	}
	if build.Err == nil {
		build.Dir, build.Err = b.keep(build.Manifest)
	}
	build.Took = time.Since(began)
	return build
}

// keep copies the package into a new folder, and removes those that nobody needs: the
// server may still be about to take the one before, or run the last that was good.
func (b *Bench) keep(m packages.Manifest) (dir string, err error) {
	if err := os.MkdirAll(b.Builds, 0o700); err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp(b.Builds, m.Short()+"-"); err != nil {
		return "", err
	}
	if err := copyPackage(b.Dir, dir, m); err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	b.kept = append(b.kept, dir)
	var kept []string
	for i, old := range b.kept {
		if i >= len(b.kept)-2 || old == b.good {
			kept = append(kept, old)
			continue
		}
		os.RemoveAll(old)
	}
	b.kept = kept
	return dir, nil
}

// copyPackage copies the files of a package.
func copyPackage(from, to string, m packages.Manifest) error {
	files, err := packages.Sum(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := copyFile(filepath.Join(from, filepath.FromSlash(f.Path)), filepath.Join(to, filepath.FromSlash(f.Path)), f.Executable); err != nil {
			return err
		}
	}
	return checkEntry(to, m)
}
