package core

import (
	"io"
	"strings"

	"github.com/enginebay/enginebay/core/archive"
	"github.com/enginebay/enginebay/core/store"
)

// An Archive is a model as a zip that is not written yet.
type Archive struct {
	Name string // of a file for it
	Size int64  // bytes

	model   *store.Model
	weights bool
}

// Export makes a zip of a model, with its weights or without: on another machine it
// becomes a model of the same id and settings. Secrets are left out.
//
// Errors: [sdk.CodeNotFound]; those of [archive.Size].
func (r *Runtime) Export(id string, weights bool) (*Archive, error) {
	m, err := r.store.Refresh(id)
	if err != nil {
		return nil, err
	}
	size, err := archive.Size(m, weights)
	if err != nil {
		return nil, err
	}
	return &Archive{strings.ReplaceAll(m.ID, "/", "-") + ".zip", size, m, weights}, nil
}

// WriteTo writes the zip. It ends when w does not take any more.
func (a *Archive) WriteTo(w io.Writer) (int64, error) {
	counted := &counter{w: w}
	err := archive.Export(counted, a.model, a.weights)
	return counted.n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
