package main

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// resource is what a ref leads to: a resource of Azure, or one of its deployments.
type resource struct {
	name       string // "docs-test-001"
	endpoint   string // "https://docs-test-001.openai.azure.com"
	deployment string // empty: all
	version    string // of the API
}

var (
	resources   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)
	deployments = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	versions    = regexp.MustCompile(`^(v1|20\d\d-\d\d-\d\d(-preview)?)$`)
)

// domains are those in which Azure runs its service; nobody else is sent a
// credential unless the operator named him.
var domains = []string{".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com",
	".openai.azure.us", ".cognitiveservices.azure.us", ".openai.azure.cn", ".cognitiveservices.azure.cn"}

// resourceOf is the resource's name in a host of Azure.
func resourceOf(host string) (name string, ok bool) {
	for _, domain := range domains {
		if name, ok := strings.CutSuffix(strings.ToLower(host), domain); ok {
			return name, resources.MatchString(name)
		}
	}
	return "", false
}

// parse reads a ref: azure://[NAME[/DEPLOYMENT]], or an address at Azure.
func (s settings) parse(ref sdk.Ref) (resource, error) {
	r := resource{version: s.APIVersion}
	rest, ok := strings.CutPrefix(string(ref), "azure://")
	if !ok {
		return s.parseAddress(r, string(ref))
	}
	r.name, r.deployment, _ = strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	if r.name != "" && !resources.MatchString(r.name) || r.deployment != "" && !deployments.MatchString(r.deployment) {
		return r, sdk.Errorf(sdk.CodeInvalid, "'%s' names no deployment; write azure://NAME/DEPLOYMENT", ref)
	}
	if r.name == "" && s.Endpoint == "" {
		return r, sdk.Errorf(sdk.CodeInvalid, "which resource? write azure://NAME, or set endpoint in importers/azure.json")
	}
	r.endpoint = "https://" + strings.ToLower(r.name) + domains[0]
	return r, s.place(&r)
}

func (s settings) parseAddress(r resource, address string) (resource, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return r, sdk.Errorf(sdk.CodeInvalid, "'%s' is no address that can be read; write azure://NAME/DEPLOYMENT", web.Public(address))
	}
	endpoint, _ := url.Parse(s.Endpoint)
	name, azure := resourceOf(u.Hostname())
	if !azure && (s.Endpoint == "" || web.Origin(u) != web.Origin(endpoint)) {
		return r, sdk.Errorf(sdk.CodeInvalid, "'%s' is no host of Azure; a gateway or a private cloud is set as endpoint in importers/azure.json", u.Host)
	}
	r.name, r.endpoint = name, "https://"+strings.ToLower(u.Host)
	path := u.Path
	if !azure {
		path = strings.TrimPrefix(path, endpoint.Path)
	}
	if err := r.path(path); err != nil {
		return r, err
	}
	if version := u.Query().Get("api-version"); version != "" && r.version != "v1" {
		if !versions.MatchString(version) {
			return r, sdk.Errorf(sdk.CodeInvalid, "'%s' is no version of the API; such are 2024-10-21, 2025-04-01-preview and v1", version)
		}
		r.version = version
	}
	return r, s.place(&r)
}

// paths are the forms of an address's path. The first is that of the documents of
// November 2023, "openai.azure.com/NAME/DEPLOYMENT".
var paths = regexp.MustCompile(`^(?:openai\.azure\.com/[^/]+/([^/]+)` +
	`|openai/deployments/([^/]+)(?:/.*)?` +
	`|openai/(v1)(?:/.*)?` +
	`|(?:openai|openai/deployments|api/projects/[^/]+)?` +
	`|([^/]+))$`)

func (r *resource) path(path string) error {
	path = strings.Trim(path, "/")
	found := paths.FindStringSubmatch(path)
	if found == nil {
		return sdk.Errorf(sdk.CodeInvalid, "'%s%s' names no deployment; write azure://NAME/DEPLOYMENT", r.endpoint, "/"+path)
	}
	r.deployment = found[1] + found[2] + found[4]
	if found[3] != "" {
		r.version = found[3]
	}
	if r.deployment != "" && !deployments.MatchString(r.deployment) {
		return sdk.Errorf(sdk.CodeInvalid, "'%s' is no name of a deployment; write azure://NAME/DEPLOYMENT", r.deployment)
	}
	return nil
}

// place puts the operator's endpoint over the one that a ref leads to. It stands
// for every resource where it is a gateway, and for itself where it is Azure's.
func (s settings) place(r *resource) error {
	if s.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return err
	}
	name, azure := resourceOf(u.Hostname())
	if azure && r.name != "" && !strings.EqualFold(r.name, name) {
		return sdk.Errorf(sdk.CodeInvalid, "the importer azure is set up for the resource '%s', and not for '%s'; endpoint in importers/azure.json, or AZURE_OPENAI_ENDPOINT, says which it asks", name, r.name)
	}
	r.endpoint = s.Endpoint
	if r.name == "" {
		r.name = label(u.Hostname())
	}
	return nil
}

// label is a name for a host: the first part of one of Azure or of a gateway.
func label(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return "local"
	}
	first, _, _ := strings.Cut(host, ".")
	return first
}
