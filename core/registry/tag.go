package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	oci "oras.land/oras-go/v2/registry"

	"github.com/enginebay/enginebay/sdk"
)

// A tag is a registry of plugins under a tag of an OCI registry. Its index has whole
// addresses only.
type tag struct {
	client *Client
	ref    oci.Reference
}

func (c *Client) tag(address string) (*tag, error) {
	ref, err := parseReference(address)
	if err != nil {
		return nil, err
	}
	if ref.ValidateReferenceAsDigest() == nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s names one index for ever; name a tag", address)
	}
	ref.Reference = cmp.Or(ref.Reference, "latest")
	return &tag{c, ref}, nil
}

func (t *tag) origin() string      { return origin(t.ref) }
func (t *tag) below(string) string { return "" }

// read reads the manifest anew for each file; between the two the tag may have moved,
// which a registry on a web server can do too.
func (t *tag) read(ctx context.Context, name string, most int64) ([]byte, error) {
	repo, err := t.client.repository(t.ref, true)
	if err != nil {
		return nil, err
	}
	defer done(repo)
	_, data, err := resolve(ctx, repo, t.ref)
	if err != nil {
		return nil, ociError(t.ref, err)
	}
	layer, err := layerOf(data, name)
	if err != nil {
		return nil, err
	}
	file, err := fetch(ctx, repo.Blobs(), layer, most)
	return file, ociError(t.ref, err)
}

// layerOf finds one of the registry's two files in its manifest.
func layerOf(manifest []byte, name string) (ocispec.Descriptor, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("read the manifest: %w", err)
	}
	want := map[string]string{IndexFile: indexLayerType, SignatureFile: signatureLayerType}[name]
	for _, layer := range m.Layers {
		if layer.MediaType == want {
			return layer, nil
		}
	}
	return ocispec.Descriptor{}, sdk.Errorf(sdk.CodeNotFound, "the artifact there has no %s", name)
}
