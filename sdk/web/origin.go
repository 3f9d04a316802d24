package web

import (
	"net"
	"net/url"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// Origin is where an address leads to, and what a token belongs to: scheme, host
// in lower case, and port where it is not the usual one, as "https://host" or
// "https://host:8443". It is empty for what is no address of a host.
func Origin(u *url.URL) string {
	if u == nil || u.Scheme == "" || u.Hostname() == "" {
		return ""
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	switch {
	case port != "" && port != usualPort(scheme):
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return scheme + "://" + host
}

func usualPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// Public is an address for logs and answers: without user, query and fragment,
// which in addresses of files are often credentials.
func Public(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// readTokens brings the origins into the form of [Origin].
func readTokens(tokens map[string]string) (map[string]string, error) {
	read := make(map[string]string, len(tokens))
	for key, token := range tokens {
		u, err := url.Parse(key)
		if err != nil || checkURL(u) != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return nil, sdk.Errorf(sdk.CodeInvalid, "a token is for an origin, such as https://huggingface.co, and not for '%s'", Public(key))
		}
		token = strings.TrimSpace(token)
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, sdk.Errorf(sdk.CodeInvalid, "the token for %s has characters that no token has; look at where it is kept", Origin(u))
		}
		read[Origin(u)] = token
	}
	return read, nil
}
