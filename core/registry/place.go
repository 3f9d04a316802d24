package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// A place is where a registry's files lie.
type place interface {
	// read returns one of the registry's two files, of at most so many bytes.
	// [sdk.CodeNotFound]: it is not there.
	read(ctx context.Context, name string, most int64) ([]byte, error)
	// below is the address of a file below the index's folder, by a path that was
	// checked.
	below(rel string) string
	// origin is what may be called though it is in a private network, because the
	// operator named it; empty for a folder.
	origin() string
}

// place finds out what an address of a registry means.
func (c *Client) place(address string) (place, error) {
	wrong := func(why string) error {
		return sdk.Errorf(sdk.CodeInvalid, "%s is no address of a registry: %s; give https://…, the path of a folder, or oci://HOST/REPOSITORY:TAG", public(address), why)
	}
	u, err := url.Parse(address)
	switch {
	case filepath.IsAbs(address):
		return folder(address), nil
	case err != nil || u.Host == "":
		return nil, wrong("it is neither a web address nor an absolute path")
	case u.Scheme == "oci":
		return c.tag(address)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, wrong("it begins with " + u.Scheme)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, wrong("it has a user, a query or a fragment")
	}
	if err := plainly(u); err != nil {
		return nil, err
	}
	if path.Ext(u.Path) == ".json" {
		u.Path, u.RawPath = path.Dir(u.Path), ""
	}
	return &site{client: c, base: u}, nil
}

// A folder is a registry on this machine.
type folder string

func (f folder) read(_ context.Context, name string, most int64) ([]byte, error) {
	file, err := os.Open(filepath.Join(string(f), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &sdk.Error{Code: sdk.CodeNotFound, Message: "there is no " + name, Cause: err}
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New(name+" is no file"))
	}
	return bounded(file, most)
}

func (f folder) below(rel string) string { return filepath.Join(string(f), filepath.FromSlash(rel)) }
func (f folder) origin() string          { return "" }

// A site is a registry on a web server.
type site struct {
	client *Client
	base   *url.URL // of the folder
}

func (s *site) read(ctx context.Context, name string, most int64) ([]byte, error) {
	client, err := s.client.caller(s.origin())
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.below(name), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Cache-Control", "no-cache") // the two files must be of one time
	answer, err := client.Do(r)
	if err != nil {
		return nil, unanswered(err)
	}
	defer answer.Body.Close()
	if err := refusal(answer, name); err != nil {
		return nil, err
	}
	return bounded(answer.Body, most)
}

// refusal is the error of an answer that has no file.
func refusal(answer *http.Response, name string) error {
	host := answer.Request.URL.Host
	switch status := answer.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status == http.StatusNotFound || status == http.StatusGone:
		return sdk.Errorf(sdk.CodeNotFound, "%s has no %s there", host, name)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return sdk.Errorf(sdk.CodeUnauthorized, "%s does not give it out (HTTP %d); if it wants a token, name one for %s in the setting download_tokens", host, status, web.Origin(answer.Request.URL))
	default:
		return sdk.Errorf(sdk.CodeUnavailable, "%s answers with HTTP %d", host, status)
	}
}

// unanswered is the error of a call without an answer, without the query of its address.
func unanswered(err error) error {
	var refused *web.Error
	var coded *sdk.Error
	switch bare := (*url.Error)(nil); {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &coded):
		return coded
	case errors.As(err, &bare):
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: web.Public(bare.URL) + " does not answer; check the network, and the proxy where there is one", Cause: bare.Err}
	}
	return err
}

func (s *site) below(rel string) string { return s.base.JoinPath(rel).String() }
func (s *site) origin() string          { return web.Origin(s.base) }

func bounded(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return data, err
}

// loopback says whether a host is this machine by its very name.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// public is an address for people: without what may be a password.
func public(address string) string {
	if strings.Contains(address, "://") {
		return web.Public(address)
	}
	return address
}
