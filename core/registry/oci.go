package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	oci "oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/enginebay/enginebay/sdk"
)

// What a package is called in an OCI registry: an artifact whose config is plugin.json,
// and whose only layer is the archive. An image index holds the variants of a version.
const (
	pluginType   = "application/vnd.enginebay.plugin.v1+json"
	manifestType = "application/vnd.enginebay.plugin.manifest.v1+json"
	layerType    = "application/vnd.enginebay.plugin.layer.v1.tar+zstd"

	variantAnnotation = "dev.enginebay.variant"
	digestAnnotation  = "dev.enginebay.digest" // of the package: "sha256:…"
)

// What an index is called there: an artifact with the index and its signature as layers.
const (
	registryType       = "application/vnd.enginebay.registry.v1+json"
	indexLayerType     = "application/vnd.enginebay.registry.index.v1+json"
	signatureLayerType = "application/vnd.enginebay.registry.signature.v1"
)

const (
	scheme      = "oci://"
	maxDocument = 4 << 20 // bytes of a manifest or an image index
	maxVariants = 64      // of an image index
)

// parseReference reads oci://HOST/REPOSITORY:TAG or …@sha256:…; the reference at the
// end may be left out.
func parseReference(text string) (oci.Reference, error) {
	rest, ok := strings.CutPrefix(text, scheme)
	ref, err := oci.ParseReference(rest)
	if !ok || err != nil || strings.ContainsAny(rest, "?#% ") {
		return oci.Reference{}, sdk.Errorf(sdk.CodeInvalid, "%.300q names nothing in an OCI registry; write it as in oci://registry.example.com/enginebay/llamacpp:1.2.0", text)
	}
	if digest, err := ref.Digest(); err == nil && digest.Algorithm() != "sha256" {
		return oci.Reference{}, sdk.Errorf(sdk.CodeInvalid, "%.300q is named by %s; only sha256 is known", text, digest.Algorithm())
	}
	return ref, nil
}

// origin is where a registry is called: plainly on this machine only.
func origin(ref oci.Reference) string {
	host := ref.Host()
	name := host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name = host[:i]
	}
	if loopback(strings.Trim(name, "[]")) {
		return "http://" + host
	}
	return "https://" + host
}

// repository is where a reference leads, with the credentials that docker has for its
// host. named says that the operator named it, so that it may be in a private network.
func (c *Client) repository(ref oci.Reference, named bool) (*remote.Repository, error) {
	repo, err := remote.NewRepository(ref.Registry + "/" + ref.Repository)
	if err != nil {
		return nil, err
	}
	private := ""
	if named {
		private = origin(ref)
	}
	client, err := c.caller(private)
	if err != nil {
		return nil, err
	}
	repo.PlainHTTP = strings.HasPrefix(origin(ref), "http:")
	repo.Client = &auth.Client{Client: client, Credential: credential(ref), Cache: auth.NewCache(), ClientID: "enginebay"}
	repo.MaxMetadataBytes = maxDocument
	return repo, nil
}

// credential is what docker's config, or a helper that it names, has for the host of a
// reference; other hosts get none.
func credential(ref oci.Reference) auth.CredentialFunc {
	return func(ctx context.Context, hostport string) (auth.Credential, error) {
		if hostport != ref.Host() {
			return auth.EmptyCredential, nil
		}
		store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
		if err != nil {
			return auth.EmptyCredential, sdk.Errorf(sdk.CodeInvalid, "The file of docker's credentials cannot be read; look at config.json in ~/.docker or $DOCKER_CONFIG")
		}
		return credentials.Credential(store)(ctx, hostport)
	}
}

// done ends what a repository keeps open.
func done(repo *remote.Repository) { repo.Client.(*auth.Client).Client.CloseIdleConnections() }

// fetch reads a blob or manifest that is named by its hash, and checks it.
func fetch(ctx context.Context, from content.Fetcher, desc ocispec.Descriptor, most int64) ([]byte, error) {
	if desc.Size < 0 || desc.Size > most || desc.Digest.Validate() != nil || desc.Digest.Algorithm() != digest.SHA256 {
		return nil, fmt.Errorf("%.100q has %d bytes, or is named by no SHA-256", desc.MediaType, desc.Size)
	}
	return content.FetchAll(ctx, from, desc)
}

// resolve reads what a tag or digest leads to.
func resolve(ctx context.Context, repo *remote.Repository, ref oci.Reference) (ocispec.Descriptor, []byte, error) {
	desc, body, err := repo.Manifests().FetchReference(ctx, ref.Reference)
	if err != nil {
		return desc, nil, err
	}
	defer body.Close()
	if desc.Size > maxDocument {
		return desc, nil, fmt.Errorf("the manifest has %d bytes", desc.Size)
	}
	data, err := content.ReadAll(io.LimitReader(body, maxDocument+1), desc)
	return desc, data, err
}

// ociError is an error for people. What a registry says about it is not repeated.
func ociError(ref oci.Reference, err error) error {
	if err == nil {
		return nil
	}
	what := scheme + ref.String()
	var answer *errcode.ErrorResponse
	var coded *sdk.Error
	switch {
	case errors.As(err, &coded):
		return coded
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return sdk.Errorf(sdk.CodeUnauthorized, "%s may not be read or written (HTTP %d); log in with \"docker login %s\", or name a token in docker's config", what, answer.StatusCode, ref.Registry)
	case errors.Is(err, errdef.ErrNotFound), errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		return sdk.Errorf(sdk.CodeNotFound, "%s is not there; look at its name", what)
	case errors.As(err, &answer) && answer.StatusCode < http.StatusInternalServerError:
		return sdk.Errorf(sdk.CodeInvalid, "%s is refused by its registry (HTTP %d)", what, answer.StatusCode)
	case errors.As(err, &answer):
		return sdk.Errorf(sdk.CodeUnavailable, "%s cannot be had: the registry answers with HTTP %d", what, answer.StatusCode)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return sdk.Errorf(sdk.CodeUnauthorized, "%s is for those who are known there; log in with \"docker login %s\"", what, ref.Registry)
	}
	if seen := unanswered(err); seen != err {
		return seen
	}
	return &sdk.Error{Code: sdk.CodeInvalid, Message: what + " cannot be used", Cause: err}
}
