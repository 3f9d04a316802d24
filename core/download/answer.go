package download

import (
	"bytes"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// An answer is what a server says of the bytes that it is about to send.
type answer struct {
	*http.Response
	asked   string // the address
	from    int64  // first byte of the body in the file
	length  int64  // of the body; -1: until it ends
	size    int64  // of the whole file; -1: not told
	version version
	linked  linked
}

// linked is what the first answer tells of a file that it redirects to. Hugging
// Face does: X-Linked-Size, and in X-Linked-Etag the SHA-256.
type linked struct {
	size   int64
	sha256 string
}

var contentRange = regexp.MustCompile(`^bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)$`)

// read takes an answer to a request for some bytes, or with none asked for, for all.
// Its error says what is wrong with the answer; whether it is about the right file
// is not looked at yet.
func read(resp *http.Response, asked *span, address string) (*answer, error) {
	a := &answer{Response: resp, asked: address, size: -1, length: resp.ContentLength, linked: readLinked(resp)}
	a.version = version{resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")}
	switch resp.StatusCode {
	case http.StatusOK:
		a.size = a.length
	case http.StatusPartialContent:
		if err := a.readRange(asked); err != nil {
			return nil, err
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if asked == nil {
			return nil, refused(resp, address)
		}
		if asked.From == 0 {
			return nil, errPlain // of an empty file there are no ranges
		}
		return nil, errChanged
	default:
		return nil, refused(resp, address)
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s is sent packed (%.20q), though it was asked for as it is; choose another source", web.Public(address), e)
	}
	return a, nil
}

// readRange reads what a 206 says. One with another start, or with more than was
// asked for, comes from a server whose ranges cannot be trusted at all.
func (a *answer) readRange(asked *span) error {
	m := contentRange.FindStringSubmatch(strings.TrimSpace(a.Header.Get("Content-Range")))
	if asked == nil || m == nil {
		return a.untrusted(asked)
	}
	from, _ := strconv.ParseInt(m[1], 10, 64)
	last, _ := strconv.ParseInt(m[2], 10, 64)
	if m[3] != "*" {
		a.size, _ = strconv.ParseInt(m[3], 10, 64)
	}
	if from != asked.From || last < from || last >= asked.To || a.size >= 0 && last >= a.size || a.length >= 0 && a.length != last-from+1 {
		return a.untrusted(asked)
	}
	a.from, a.length = from, last-from+1
	return nil
}

func (a *answer) untrusted(asked *span) error {
	if asked != nil {
		return errPlain
	}
	return sdk.Errorf(sdk.CodeInvalid, "%s answers with a part of the file when asked for all of it; choose another source", web.Public(a.asked))
}

var sha256Tag = regexp.MustCompile(`^(?:W/)?"?([0-9a-f]{64})"?$`)

// readLinked looks at the answer of the server that was asked, not at that of one
// to which it redirected.
func readLinked(resp *http.Response) (l linked) {
	for resp.Request.Response != nil {
		resp = resp.Request.Response
	}
	if n, err := strconv.ParseInt(resp.Header.Get("X-Linked-Size"), 10, 64); err == nil && n > 0 {
		l.size = n
	}
	if m := sha256Tag.FindStringSubmatch(resp.Header.Get("X-Linked-Etag")); m != nil {
		l.sha256 = m[1]
	}
	return l
}

var (
	page  = regexp.MustCompile(`(?i)^(\xef\xbb\xbf)?\s*(<!--.{0,200}-->\s*)*<(!doctype\s+html|html|head|body)\b`)
	login = regexp.MustCompile(`(?i)type=["']?password|log ?in\b|sign ?in\b|/login|/signin`)
)

// html says whether the server calls it a web page, where none was wanted.
func (a *answer) html() bool {
	kind := strings.ToLower(a.Header.Get("Content-Type"))
	return (strings.HasPrefix(kind, "text/html") || strings.HasPrefix(kind, "application/xhtml")) && !wantsPage(a.asked)
}

// webPage is the error for a page that came in place of a file; nil where there is
// none, or where one was wanted.
func (a *answer) webPage(start []byte) error {
	if !a.html() && !page.Match(start) || wantsPage(a.asked) {
		return nil
	}
	address := a.asked
	at := a.Request.URL
	if login.Match(start) || login.MatchString(at.Path) {
		return sdk.Errorf(sdk.CodeUnauthorized, "%s leads to a page where one logs in; if the file needs a token, name one for %s in the setting download_tokens", web.Public(address), web.Origin(at))
	}
	return sdk.Errorf(sdk.CodeInvalid, "%s is a web page and not a file; look at the address", web.Public(address))
}

func wantsPage(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	name := strings.ToLower(path.Ext(u.Path))
	return name == ".html" || name == ".htm" || name == ".xhtml"
}

// bounded says whether a cut of the body would be noticed.
func (a *answer) bounded() bool {
	return a.length >= 0 || a.ProtoMajor >= 2 || len(a.TransferEncoding) > 0 && bytes.EqualFold([]byte(a.TransferEncoding[0]), []byte("chunked"))
}
