package web

import (
	"net/url"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// An Error is an address that is not called, or a redirect that is not followed.
// Asking again does not help; its code is [sdk.CodeInvalid].
type Error struct {
	Host   string // that was to be called, or that redirects
	Reason string // what is wrong with it, and the next step
}

// Error is the sentence for the user.
func (e *Error) Error() string { return "'" + e.Host + "' " + e.Reason }

// Unwrap gives the error its code.
func (e *Error) Unwrap() error { return &sdk.Error{Code: sdk.CodeInvalid, Message: e.Error()} }

// checkURL refuses what is no plain web address.
func checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return &Error{Host: Public(u.String()), Reason: "is not a web address: only http:// and https:// are called"}
	case u.Hostname() == "":
		return &Error{Host: Public(u.String()), Reason: "is not a web address: it names no host"}
	case u.User != nil:
		return &Error{Host: u.Host, Reason: "has a user name or password in its address; use a token instead"}
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' || r > '~' || r == '%' || r == '\\' }):
		return &Error{Host: Public(u.String()), Reason: "has a host with characters beyond letters, digits and points; other scripts are written as xn--…"}
	}
	return nil
}
