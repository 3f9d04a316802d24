package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// What becomes of the originals.
const (
	Link = "link" // they stay where they are, and are never deleted
	Copy = "copy"
	Move = "move"
)

// Options are how models come in.
type Options struct {
	ID      string                           // of the model; empty: by its name
	Mode    string                           // Link (which empty means), Copy or Move; what is in a zip is unpacked
	Free    func(dir string) (uint64, error) // bytes that are free on the disk of a folder
	Reserve uint64                           // bytes of it that stay free
}

// Progress is how far the bytes of an import are.
type Progress struct {
	Phase string // "copying", "unpacking"
	Done  int64
	Total int64 // 0: not known
}

// Import makes a model of what was found and returns its id; a zip of several
// models has several. It blocks until the model is ready. progress is called now
// and then, by one goroutine at a time.
//
// Nothing exists before all of it does, and an error leaves nothing behind. Moved
// originals go when the model is there.
//
// Errors: those that it was found with; [sdk.CodeInvalid] for what cannot be used,
// [store.ErrConflict] for an id that is taken and for files that are a model
// already (unless another id is told), [sdk.CodeExhausted] for a full disk.
func Import(ctx context.Context, s *store.Store, f Found, o Options, progress func(Progress)) (ids []string, err error) {
	if f.Err != nil {
		return nil, f.Err
	}
	if o.Mode != "" && o.Mode != Link && o.Mode != Copy && o.Mode != Move {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%.40q is no way to import; use link, copy or move", o.Mode)
	}
	if f.zip != "" {
		return importZip(ctx, s, f.zip, o, progress)
	}
	id := o.ID
	if id == "" {
		if err := twice(s, f.Files); err != nil {
			return nil, err
		}
		id = f.ID
	}
	if o.Mode == Move {
		if err := used(s, f.all()); err != nil {
			return nil, err
		}
	}
	if len(f.Files) == 0 || o.Mode == "" || o.Mode == Link {
		err = link(s, f, id)
	} else {
		err = place(ctx, s, f, id, o, progress)
	}
	if err != nil {
		return nil, err
	}
	return []string{id}, nil
}

// link makes a model whose files stay where they are.
func link(s *store.Store, f Found, id string) error {
	for _, file := range f.Files {
		if strings.EqualFold(filepath.Ext(file), ".safetensors") {
			return sdk.Errorf(sdk.CodeUnsupported, "%s is a folder of several kinds of files (safetensors), which cannot be linked; copy or move it", filepath.Dir(file))
		}
	}
	return s.Create(id, f.Manifest)
}

// place copies the files of a model, or moves them.
func place(ctx context.Context, s *store.Store, f Found, id string, o Options, progress func(Progress)) error {
	stage, err := s.Stage(id)
	if err != nil {
		return err
	}
	defer stage.Discard()
	t := &transfer{ctx: ctx, dir: stage.Dir, o: o, phase: "copying", total: sizeOf(f.all()) + sizeOf(f.more), progress: progress}
	files := append(f.all(), f.more...)
	for _, file := range files {
		if err := t.take(file, f.name(file)); err != nil {
			return err
		}
	}
	manifest := f.Manifest
	manifest.Sources = f.sources(false)
	if err := stage.Commit(manifest); err != nil {
		return err
	}
	if o.Mode == Move {
		if err := durable(s.Dir(), filepath.Join(s.Dir(), filepath.FromSlash(id))); err != nil {
			return stays(id, err)
		}
		return leave(id, f, files)
	}
	return nil
}

// leave removes the originals of a model that was moved: it is there by now.
func leave(id string, f Found, files []string) error {
	var left []error
	if f.file != "" {
		files = append(files, f.file)
	}
	for _, file := range files {
		left = append(left, os.Remove(file))
	}
	if err := errors.Join(left...); err != nil {
		return stays(id, err)
	}
	if dir := filepath.Dir(files[0]); string(f.Ref) == dir {
		_ = os.Remove(dir) // where nothing is left in it
	}
	return nil
}

func stays(id string, err error) error {
	return sdk.Errorf(sdk.CodeInternal, "The model '%s' is here, and so are the originals, which cannot be removed: %v", id, err)
}
