package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	oci "oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// An Archive is a package to fetch.
type Archive struct {
	Address string // https://…, oci://…, or the absolute path of a file
	Size    int64  // bytes; 0 where not known
	SHA256  string // in hexadecimal; empty where not known

	// Named is the address that the operator gave: the Source's, or what a person of
	// this machine asked for. What it leads to may be in a private network.
	Named string
}

// Fetch brings an archive to a path, whole or not at all; what came of a fetch that
// broke off is gone on with. progress may be nil. The errors are those of
// [download.Client.Fetch].
func (c *Client) Fetch(ctx context.Context, a Archive, path string, progress func(download.Progress)) error {
	switch {
	case strings.HasPrefix(a.Address, scheme):
		return c.fetchLayer(ctx, a, path, progress)
	case filepath.IsAbs(a.Address):
		return copyFile(ctx, a, path)
	}
	u, err := url.Parse(a.Address)
	if err != nil {
		return sdk.Errorf(sdk.CodeInvalid, "The address of the archive cannot be read")
	}
	if err := plainly(u); err != nil {
		return err
	}
	client, err := c.ranged().caller(originOf(a.Named))
	if err != nil {
		return err
	}
	return c.download(ctx, client, download.File{Path: path, URL: a.Address, Size: a.Size, SHA256: a.SHA256}, progress)
}

// originOf is where an address leads; empty for a path.
func originOf(address string) string {
	if ref, err := parseReference(address); err == nil {
		return origin(ref)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return web.Origin(u)
}

func (c *Client) download(ctx context.Context, client *http.Client, file download.File, progress func(download.Progress)) error {
	config := c.Downloads
	config.Client = client
	if config.Log == nil {
		config.Log = c.Log
	}
	d, err := download.New(config)
	if err != nil {
		return err
	}
	return d.Fetch(ctx, []download.File{file}, progress)
}

// fetchLayer fetches the archive of an artifact.
func (c *Client) fetchLayer(ctx context.Context, a Archive, path string, progress func(download.Progress)) error {
	ref, err := parseReference(a.Address)
	if err != nil {
		return err
	}
	repo, err := c.ranged().repository(ref, originOf(a.Named) == origin(ref))
	if err != nil {
		return err
	}
	defer done(repo)
	file, err := layerFile(ctx, repo, ref, a)
	if err != nil {
		return ociError(ref, err)
	}
	file.Path = path
	known := repo.Client.(*auth.Client)
	err = c.download(ctx, &http.Client{Transport: &knower{known}}, file, progress)
	if sdk.CodeOf(err) == sdk.CodeUnauthorized {
		return sdk.Errorf(sdk.CodeUnauthorized, "%s may not be read; log in with \"docker login %s\", or name a token in docker's config", a.Address, ref.Registry)
	}
	return err
}

// layerFile asks where the layer of an artifact is.
func layerFile(ctx context.Context, repo *remote.Repository, ref oci.Reference, a Archive) (download.File, error) {
	_, data, err := resolve(ctx, repo, ref)
	if err != nil {
		return download.File{}, err
	}
	_, layer, err := readManifest(data)
	if err != nil {
		return download.File{}, err
	}
	if a.SHA256 != "" && layer.Digest.Encoded() != strings.ToLower(a.SHA256) || a.Size != 0 && layer.Size != a.Size {
		return download.File{}, sdk.Errorf(sdk.CodeInvalid, "%s was changed: its archive is another one than the one wanted", a.Address)
	}
	return download.File{URL: fmt.Sprintf("%s/v2/%s/blobs/%s", origin(ref), ref.Repository, layer.Digest), Size: layer.Size, SHA256: layer.Digest.Encoded()}, nil
}

// A knower calls as somebody whom a registry knows: it gets a token where one is asked
// for, and a new one when that is over.
type knower struct{ auth *auth.Client }

// RoundTrip implements http.RoundTripper. It follows redirects, which must not get the
// token.
func (k *knower) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := k.auth.Do(r)
	if bare := (*url.Error)(nil); errors.As(err, &bare) {
		return answer, bare.Err // the caller puts the address around it again
	}
	return answer, err
}

// CloseIdleConnections is called by that of http.Client.
func (k *knower) CloseIdleConnections() { k.auth.Client.CloseIdleConnections() }

// copyFile takes an archive from a folder.
func copyFile(ctx context.Context, a Archive, path string) error {
	from, err := os.Open(a.Address)
	if err != nil {
		return &sdk.Error{Code: sdk.CodeNotFound, Message: "The archive is not in the folder of its registry", Cause: err}
	}
	defer from.Close()
	if info, err := from.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, sdk.Errorf(sdk.CodeInvalid, "%s is no file", a.Address))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { from.Close() })()
	return durable.Write(path, 0o644, func(to io.Writer) error {
		hash := sha256.New()
		if _, err := io.Copy(io.MultiWriter(to, hash), from); err != nil {
			return cmp.Or(ctx.Err(), err)
		}
		if sum := hex.EncodeToString(hash.Sum(nil)); a.SHA256 != "" && sum != strings.ToLower(a.SHA256) {
			return sdk.Errorf(sdk.CodeInvalid, "%s was changed: its SHA-256 is %s, and should be %s", a.Address, sum, a.SHA256)
		}
		return nil
	})
}
