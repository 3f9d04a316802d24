package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	oci "oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// An Artifact is one version of a plugin in an OCI registry.
type Artifact struct {
	Name, Version string
	Protocol      []int
	Core          string
	Digest        string    // of what the reference led to
	Variants      []Variant // with addresses by hash; Digest is empty where the artifact does not tell it
}

// Resolve finds out what an oci:// reference leads to: one package, or several for
// different machines. named says that a person of this machine named it, so that it
// may be in a private network. Nothing of it is signed: that is looked at in the
// package.
//
// [sdk.CodeNotFound], [sdk.CodeUnauthorized], [sdk.CodeUnavailable];
// [sdk.CodeInvalid]: it is something else, or wrong.
func (c *Client) Resolve(ctx context.Context, reference string, named bool) (Artifact, error) {
	ref, err := parseReference(reference)
	if err != nil {
		return Artifact{}, err
	}
	if ref.Reference == "" {
		return Artifact{}, sdk.Errorf(sdk.CodeInvalid, "%s names no version; put its tag behind it, as in %s:1.2.0", reference, reference)
	}
	repo, err := c.repository(ref, named)
	if err != nil {
		return Artifact{}, err
	}
	defer done(repo)
	a, err := readArtifact(ctx, repo, ref)
	return a, ociError(ref, err)
}

func readArtifact(ctx context.Context, repo *remote.Repository, ref oci.Reference) (Artifact, error) {
	desc, data, err := resolve(ctx, repo, ref)
	if err != nil {
		return Artifact{}, err
	}
	a := Artifact{Digest: desc.Digest.String()}
	if desc.MediaType != ocispec.MediaTypeImageIndex {
		err := a.add(ctx, repo, ref, desc, data)
		return a, err
	}
	var index ocispec.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return a, fmt.Errorf("read the image index: %w", err)
	}
	if len(index.Manifests) == 0 || len(index.Manifests) > maxVariants {
		return a, fmt.Errorf("the image index has %d manifests", len(index.Manifests))
	}
	for _, one := range index.Manifests {
		data, err := fetch(ctx, repo.Manifests(), one, maxDocument)
		if err != nil {
			return a, err
		}
		if err := a.add(ctx, repo, ref, one, data); err != nil {
			return a, err
		}
	}
	return a, nil
}

// add takes in one manifest. What the plugin.json in it says counts; the platform that
// an image index names is for other programs, and must not be another one.
func (a *Artifact) add(ctx context.Context, repo *remote.Repository, ref oci.Reference, desc ocispec.Descriptor, data []byte) error {
	manifest, layer, err := readManifest(data)
	if err != nil {
		return err
	}
	config, err := fetch(ctx, repo.Blobs(), manifest.Config, maxDocument)
	if err != nil {
		return err
	}
	plugin, err := packages.ParseManifest(packages.ManifestFile, config)
	if err != nil {
		return err
	}
	if p := desc.Platform; p != nil && (p.OS != orAny(plugin.Platform.OS) || p.Architecture != orAny(plugin.Platform.Arch)) {
		return fmt.Errorf("the image index names a package for %.40s/%.40s that is for %s", p.OS, p.Architecture, plugin.Platform)
	}
	if len(a.Variants) > 0 && (plugin.Name != a.Name || plugin.Version != a.Version) {
		return fmt.Errorf("it holds %s %s beside %s %s", plugin.Name, plugin.Version, a.Name, a.Version)
	}
	v := VariantOf(plugin)
	v.URL = scheme + ref.Registry + "/" + ref.Repository + "@" + desc.Digest.String()
	v.Size, v.SHA256, v.Digest = layer.Size, layer.Digest.Encoded(), packageDigest(manifest)
	if slices.ContainsFunc(a.Variants, func(other Variant) bool { return other.Platform() == v.Platform() }) {
		return fmt.Errorf("it holds two packages for %s", v.Platform())
	}
	a.Name, a.Version, a.Protocol, a.Core = plugin.Name, plugin.Version, plugin.Protocol, plugin.Core
	a.Variants = append(a.Variants, v)
	return nil
}

// orAny is how an image index, which must name something, calls any platform.
func orAny(name string) string {
	if name == "" {
		return "unknown"
	}
	return name
}

// readManifest reads an artifact's manifest, which has one layer: the archive.
func readManifest(data []byte) (m ocispec.Manifest, layer ocispec.Descriptor, err error) {
	if err := json.Unmarshal(data, &m); err != nil {
		return m, layer, fmt.Errorf("read the manifest: %w", err)
	}
	if m.Config.MediaType != manifestType || len(m.Layers) != 1 || m.Layers[0].MediaType != layerType {
		return m, layer, fmt.Errorf("it is no plugin (its config is %.100q)", m.Config.MediaType)
	}
	layer = m.Layers[0]
	if layer.Digest.Validate() != nil || layer.Digest.Algorithm() != "sha256" || layer.Size <= 0 {
		return m, layer, fmt.Errorf("its layer is named by no SHA-256, or is empty")
	}
	return m, layer, nil
}

// packageDigest is what an artifact says of its package; empty where it says nothing.
func packageDigest(m ocispec.Manifest) string {
	if digest := m.Annotations[digestAnnotation]; packages.IsDigest(digest) {
		return digest
	}
	return ""
}
