package local

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// An Upload is a model that comes in as streams: a GGUF file, all files of a split
// model, a projector, a model file, or a zip. It is used by one goroutine.
type Upload struct {
	store *store.Store
	stage *store.Stage
	o     Options
	t     *transfer
	names []string // of the files, as they came
}

// NewUpload begins one. It is ended by Discard, also after Commit. Options.Mode
// has no meaning here.
func NewUpload(s *store.Store, o Options) (*Upload, error) {
	stage, err := s.Unnamed()
	if err != nil {
		return nil, err
	}
	return &Upload{store: s, stage: stage, o: o, t: &transfer{dir: stage.Dir, o: o}}, nil
}

// Expect says how many bytes are about to come, where that is known, and what
// stands against them: [sdk.CodeExhausted].
func (u *Upload) Expect(bytes int64) error {
	return u.o.room(u.stage.Dir, max(bytes, 0))
}

// Add writes a file to disk as it comes. name is the client's: what stands before
// its last slash is dropped.
//
// Errors: [sdk.CodeInvalid] for a name that cannot be one, or that came already;
// [sdk.CodeCanceled] where the stream breaks off; [sdk.CodeExhausted].
func (u *Upload) Add(ctx context.Context, name string, r io.Reader) error {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if name == "" || strings.HasPrefix(name, ".") || len(name) > 200 || strings.ContainsFunc(name, unprintable) {
		return sdk.Errorf(sdk.CodeInvalid, "%.100q cannot be the name of a file; give the upload the one that the file has", name)
	}
	for _, other := range u.names {
		if strings.EqualFold(other, name) {
			return sdk.Errorf(sdk.CodeInvalid, "Two files are called %s", name)
		}
	}
	u.names = append(u.names, name)
	u.t.ctx = ctx
	return u.t.write(name, stream{r})
}

func unprintable(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`:<>"|?*`, r) }

// A stream says of its errors that they are the sender's.
type stream struct{ r io.Reader }

// Read implements io.Reader.
func (s stream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = sdk.Errorf(sdk.CodeCanceled, "The upload broke off: %v", err)
	}
	return n, err
}

// Commit makes the model of what came, under an id or, where that is empty, under
// the name of the first file. Errors are those of [Import].
func (u *Upload) Commit(ctx context.Context, id string) (ids []string, err error) {
	u.o.ID = id
	if len(u.names) == 0 {
		return nil, sdk.Errorf(sdk.CodeInvalid, "No file was sent")
	}
	first := filepath.Join(u.stage.Dir, u.names[0])
	kind, err := kindOf(first)
	switch {
	case err != nil:
		return nil, sdk.Errorf(sdk.CodeInternal, "%s cannot be read: %v", u.names[0], cause(err))
	case kind == "zip" && len(u.names) > 1:
		return nil, sdk.Errorf(sdk.CodeInvalid, "A zip comes alone: send the files, or the zip")
	case kind == "zip":
		return unzip(ctx, u.store, first, u.o, nil)
	}
	return u.commit()
}

// commit makes the model of files that came one by one.
func (u *Upload) commit() ([]string, error) {
	manifests, weights, err := unpacked(u.stage.Dir, nil)
	if err != nil {
		return nil, err
	}
	if len(manifests) == 0 {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s is neither a GGUF file, nor a zip, nor a model file", u.names[0])
	}
	id := u.o.ID
	if id == "" {
		if err := twice(u.store, weights); err != nil {
			return nil, err
		}
		id = uploadID(weights, u.names[0])
	}
	return named(u.stage, id, manifests)
}

// uploadID is the id by the name of the weights.
func uploadID(weights []string, name string) string {
	if len(weights) > 0 {
		name = weights[0]
	}
	return idOf(filepath.Base(name))
}

// Discard removes what came and is no model.
func (u *Upload) Discard() { u.stage.Discard() }
