package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/enginebay/enginebay/core/durable"
)

// enter waits until no other program publishes into the folder.
func (f folder) enter(ctx context.Context) (leave func(), err error) {
	if err := os.MkdirAll(string(f), 0o755); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(string(f), ".publish.lock"))
	if ok, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil || !ok {
		return nil, fmt.Errorf("wait for another publish into %s: %w", f, err)
	}
	return func() { lock.Close() }, nil
}

// put copies an archive below the folder. One that lies there without being in the
// index was left by a publish that broke off.
func (f folder) put(_ context.Context, p packed) (string, error) {
	rel := archivePath(p)
	if err := checkBelow(rel); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(filepath.FromSlash(rel)), 0o755); err != nil {
		return "", err
	}
	from, err := p.reopen()
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := root.OpenFile(rel+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Sync(), to.Close()); err != nil {
		return "", errors.Join(err, root.Remove(rel+".new"))
	}
	return rel, root.Rename(rel+".new", rel)
}

func (f folder) sign(_ context.Context, files signed) error { return files.write(string(f)) }

// write replaces both files in a folder; who reads in between reads again.
func (s signed) write(dir string) error {
	if err := durable.Replace(filepath.Join(dir, IndexFile), s.index, 0o644); err != nil {
		return err
	}
	return durable.Replace(filepath.Join(dir, SignatureFile), s.signature, 0o644)
}

// put pushes an archive into the repository REPOSITORY/PUBLISHER/NAME.
func (t *tag) put(ctx context.Context, p packed) (string, error) {
	ref := t.ref
	ref.Repository += "/" + p.Name
	ref.Reference = ""
	if err := ref.ValidateRepository(); err != nil {
		return "", err
	}
	pushed, err := t.client.push(ctx, ref, []packed{p})
	if err != nil {
		return "", ociError(ref, err)
	}
	return pushed[0].Variant.URL, nil
}

// sign pushes both files as layers of one artifact, and moves the tag to it.
func (t *tag) sign(ctx context.Context, files signed) error {
	repo, err := t.client.repository(t.ref, true)
	if err != nil {
		return err
	}
	defer done(repo)
	return ociError(t.ref, pushIndex(ctx, repo, t.ref.Reference, files))
}

func pushIndex(ctx context.Context, repo *remote.Repository, tag string, files signed) error {
	manifest := ocispec.Manifest{ArtifactType: registryType, Config: ocispec.DescriptorEmptyJSON}
	manifest.Config.Data = nil // registries of today take it as any other blob
	for _, one := range []struct {
		kind, title string
		data        []byte
	}{{"", "", ocispec.DescriptorEmptyJSON.Data}, {indexLayerType, IndexFile, files.index}, {signatureLayerType, SignatureFile, files.signature}} {
		desc := descriptor(one.kind, one.data)
		if err := pushBlob(ctx, repo, desc, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(one.data)), nil }); err != nil {
			return err
		}
		if one.kind != "" {
			desc.Annotations = map[string]string{ocispec.AnnotationTitle: one.title}
			manifest.Layers = append(manifest.Layers, desc)
		}
	}
	_, err := pushManifest(ctx, repo, tag, manifest)
	return err
}
