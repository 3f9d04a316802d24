package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	oci "oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/enginebay/enginebay/sdk"
)

// A Pushed is a package in an OCI registry.
type Pushed struct {
	Name    string  `json:"name"`
	Version string  `json:"version"`
	Variant Variant `json:"variant"` // with its address by hash
	Tag     string  `json:"tag"`     // the reference to hand on: oci://HOST/REPOSITORY:TAG
}

// Push puts archives into an OCI repository, oci://HOST/REPOSITORY. Each version gets
// its tag, under which an image index holds the variants; with a tag in the reference
// that one is taken, and all archives must be of one version. What is there already
// stays: a package for the same machine under the same tag must be the same.
func (c *Client) Push(ctx context.Context, reference string, archives []string) ([]Pushed, error) {
	ref, err := parseReference(reference)
	if err != nil {
		return nil, err
	}
	all, err := unpack(ctx, archives)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.Name != all[0].Name || ref.Reference != "" && p.Version != all[0].Version {
			return nil, sdk.Errorf(sdk.CodeInvalid, "%s %s and %s %s do not go into one place; publish them one by one", all[0].Name, all[0].Version, p.Name, p.Version)
		}
	}
	pushed, err := c.push(ctx, ref, all)
	return pushed, ociError(ref, err)
}

func (c *Client) push(ctx context.Context, ref oci.Reference, all []packed) ([]Pushed, error) {
	repo, err := c.repository(ref, true)
	if err != nil {
		return nil, err
	}
	defer done(repo)
	var pushed []Pushed
	for _, p := range all {
		to := ref
		if to.Reference == "" {
			to.Reference = tagOf(p.Version)
		}
		desc, err := pushPackage(ctx, repo, p)
		if err == nil {
			err = join(ctx, repo, to, desc, p)
		}
		if err != nil {
			return pushed, err
		}
		pushed = append(pushed, Pushed{Name: p.Name, Version: p.Version, Tag: scheme + to.String(),
			Variant: p.variant(scheme + ref.Registry + "/" + ref.Repository + "@" + desc.Digest.String())})
	}
	return pushed, nil
}

// tagOf is the tag of a version: there is no + in tags.
func tagOf(version string) string { return strings.ReplaceAll(version, "+", "_") }

// pushPackage puts one package there, its manifest last.
func pushPackage(ctx context.Context, repo *remote.Repository, p packed) (ocispec.Descriptor, error) {
	plugin, err := json.Marshal(p.Manifest)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	config := descriptor(manifestType, plugin)
	if err := pushBlob(ctx, repo, config, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(plugin)), nil }); err != nil {
		return ocispec.Descriptor{}, err
	}
	layer := ocispec.Descriptor{MediaType: layerType, Digest: digest.NewDigestFromEncoded(digest.SHA256, p.archive.SHA256), Size: p.archive.Size,
		Annotations: map[string]string{ocispec.AnnotationTitle: p.FileName()}}
	if err := pushBlob(ctx, repo, layer, p.reopen); err != nil {
		return ocispec.Descriptor{}, err
	}
	return pushManifest(ctx, repo, "", ocispec.Manifest{ArtifactType: pluginType, Config: config, Layers: []ocispec.Descriptor{layer}, Annotations: annotations(p)})
}

// annotations are what other programs show. There is no date among them, so that the
// same package is the same artifact.
func annotations(p packed) map[string]string {
	all := map[string]string{variantAnnotation: VariantOf(p.Manifest).Label(), digestAnnotation: p.Digest,
		ocispec.AnnotationTitle: p.Name, ocispec.AnnotationVersion: p.Version}
	for name, value := range map[string]string{ocispec.AnnotationDescription: p.Description, ocispec.AnnotationLicenses: p.Licence, ocispec.AnnotationURL: p.Homepage} {
		if value != "" {
			all[name] = value
		}
	}
	return all
}

// join adds a manifest to the image index under a tag.
func join(ctx context.Context, repo *remote.Repository, to oci.Reference, desc ocispec.Descriptor, p packed) error {
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, ArtifactType: pluginType}
	there, data, err := resolve(ctx, repo, to)
	switch {
	case errors.Is(err, errdef.ErrNotFound):
	case err != nil:
		return err
	case there.MediaType != ocispec.MediaTypeImageIndex:
		return sdk.Errorf(sdk.CodeInvalid, "%s is something else than a plugin; choose another repository or tag", scheme+to.String())
	default:
		if err := json.Unmarshal(data, &index); err != nil {
			return fmt.Errorf("read the image index: %w", err)
		}
	}
	desc.ArtifactType = pluginType
	desc.Annotations = map[string]string{variantAnnotation: VariantOf(p.Manifest).Label()}
	desc.Platform = &ocispec.Platform{OS: orAny(p.Platform.OS), Architecture: orAny(p.Platform.Arch)}
	same := func(d ocispec.Descriptor) bool {
		return d.Platform != nil && d.Platform.OS == desc.Platform.OS && d.Platform.Architecture == desc.Platform.Architecture &&
			d.Annotations[variantAnnotation] == desc.Annotations[variantAnnotation]
	}
	if i := slices.IndexFunc(index.Manifests, same); i >= 0 {
		if index.Manifests[i].Digest != desc.Digest {
			return sdk.Errorf(sdk.CodeInvalid, "%s has another package for %s already, and what is published does not change; give the plugin a new version", scheme+to.String(), VariantOf(p.Manifest).Platform())
		}
		return nil
	}
	index.Manifests = append(index.Manifests, desc)
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return repo.Manifests().PushReference(ctx, descriptor(ocispec.MediaTypeImageIndex, text), bytes.NewReader(text), to.Reference)
}

// pushManifest puts a manifest there, under a tag or under none.
func pushManifest(ctx context.Context, repo *remote.Repository, tag string, m ocispec.Manifest) (ocispec.Descriptor, error) {
	m.SchemaVersion, m.MediaType = 2, ocispec.MediaTypeImageManifest
	text, err := json.Marshal(m)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := descriptor(m.MediaType, text)
	if tag == "" {
		return desc, repo.Manifests().Push(ctx, desc, bytes.NewReader(text))
	}
	return desc, repo.Manifests().PushReference(ctx, desc, bytes.NewReader(text), tag)
}

// pushBlob puts a blob there unless it is.
func pushBlob(ctx context.Context, repo *remote.Repository, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	if there, err := repo.Blobs().Exists(ctx, desc); err != nil || there {
		return err
	}
	body, err := open()
	if err != nil {
		return err
	}
	defer body.Close()
	return repo.Blobs().Push(ctx, desc, body)
}

func descriptor(kind string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: kind, Digest: digest.FromBytes(data), Size: int64(len(data))}
}
