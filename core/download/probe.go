package download

import (
	"context"
	"io"
	"mime"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Info is what a server tells of a file.
type Info struct {
	Name        string // for a file on disk: without folders, never hidden
	Size        int64  // bytes; 0 where unknown
	ETag        string
	SHA256      string // hexadecimal; empty where unknown
	ContentType string
}

// Probe asks what is at an address, or else at its mirrors, before anything is made
// for it. The errors are those of Fetch; a web page is one.
func (c *Client) Probe(ctx context.Context, address string) (Info, error) {
	s := c.settings.Load()
	ctx, w := watched(ctx, c.pace.stall)
	defer w.stop()
	defer s.http.CloseIdleConnections()
	var first error
	for _, from := range sources(address, s.Mirrors) {
		info, err := (&source{http: s.http, address: from}).probe(ctx)
		if err == nil {
			return info, nil
		}
		if first == nil {
			first = err
		}
	}
	return Info{}, unseen(ctx, address, first)
}

// sniff is how many bytes tell a page from a file.
const sniff = 1 << 10

func (s *source) probe(ctx context.Context) (Info, error) {
	a, err := s.ask(ctx, &span{0, sniff}, version{})
	if err == errPlain { // an empty file, or a server with wrong ranges
		a, err = s.ask(ctx, nil, version{})
	}
	if err != nil {
		return Info{}, err
	}
	defer a.Body.Close()
	start, err := io.ReadAll(io.LimitReader(a.Body, sniff))
	if err != nil {
		return Info{}, &passing{error: err}
	}
	if err := a.webPage(start); err != nil {
		return Info{}, err
	}
	info := Info{Name: a.name(s.address), Size: max(a.size, 0), ETag: a.version.ETag, SHA256: a.linked.sha256, ContentType: a.Header.Get("Content-Type")}
	if a.linked.size > 0 {
		info.Size = a.linked.size
	}
	return info, nil
}

// name is what the server calls the file, or else how the address ends.
func (a *answer) name(address string) string {
	if _, params, err := mime.ParseMediaType(a.Header.Get("Content-Disposition")); err == nil {
		if name := plainName(params["filename"]); name != "" {
			return name
		}
	}
	return nameOf(address)
}

func nameOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		if name := plainName(path.Base(u.Path)); name != "" {
			return name
		}
	}
	return "download"
}

// plainName makes what a stranger calls a file a name for one here; empty where
// nothing is left of it.
func plainName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) || strings.ContainsRune(`<>:"|?*`, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	name = strings.TrimRight(strings.TrimLeft(name, ". "), ". ")
	for len(name) > 200 {
		_, cut := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-cut]
	}
	return name
}
