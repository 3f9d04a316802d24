package main

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// names are what models are called: gpt-4o, ft:gpt-4o-mini:org::x1, meta-llama/llama-3-8b:free.
var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}$`)

// parse returns the model that a ref names; empty for all of the account. The
// forms are openai://[MODEL], and the addresses of the provider's API and of its
// models, with or without https.
func (s settings) parse(ref sdk.Ref) (string, error) {
	name, ok := strings.CutPrefix(string(ref), "openai://")
	if !ok {
		var err error
		if name, err = s.path(string(ref)); err != nil {
			return "", err
		}
	}
	name = strings.Trim(name, "/")
	if name != "" && !names.MatchString(name) {
		return "", sdk.Errorf(sdk.CodeInvalid, "'%s' is no name of a model; write openai://MODEL, such as openai://gpt-4o", ref)
	}
	return name, nil
}

// path is the model in an address of the API.
func (s settings) path(address string) (string, error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return "", sdk.Errorf(sdk.CodeInvalid, "'%s' is no address that can be read; write openai://MODEL, such as openai://gpt-4o", web.Public(address))
	}
	base, err := url.Parse(s.BaseURL)
	if err != nil || web.Origin(u) != web.Origin(base) {
		return "", sdk.Errorf(sdk.CodeInvalid, "the importer openai is set up for %s, and not for %s; base_url in importers/openai.json says where it asks", s.BaseURL, u.Host)
	}
	path := strings.Trim(strings.TrimPrefix(u.Path, base.Path), "/")
	if path == "" || path == "models" {
		return "", nil
	}
	name, ok := strings.CutPrefix(path, "models/")
	if !ok {
		return "", sdk.Errorf(sdk.CodeInvalid, "'%s' is no address of a model; write openai://MODEL, or %s/models/MODEL", web.Public(address), s.BaseURL)
	}
	return name, nil
}
