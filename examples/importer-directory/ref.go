package main

import (
	"net/url"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// parse reads dir://[HOST/PATH][#MODEL]: the address of a folder, and the model
// that is wanted of it; empty for all.
func (s settings) parse(ref sdk.Ref) (folder, model string, err error) {
	u, err := url.Parse(string(ref))
	if err != nil || u.Scheme != "dir" || u.User != nil || u.RawQuery != "" {
		return "", "", sdk.Errorf(sdk.CodeInvalid, "'%s' is no folder; write dir://HOST/PATH, or dir://HOST/PATH#MODEL", web.Public(string(ref)))
	}
	if u.Host == "" {
		if s.Folder == "" {
			return "", "", sdk.Errorf(sdk.CodeInvalid, "which folder? write dir://HOST/PATH, or set folder in importers/directory.json")
		}
		return s.Folder, u.Fragment, nil
	}
	address := url.URL{Scheme: "https", Host: u.Host, Path: strings.TrimRight(u.Path, "/")}
	if own, err := url.Parse(s.Folder); err == nil && own.Host == u.Host {
		address.Scheme = own.Scheme // plain http is for the operator to choose
	}
	return address.String(), u.Fragment, nil
}
