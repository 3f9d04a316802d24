package main

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// open finds out whom a model is asked from and how: nothing is called. The error
// is for a person, and says what to set and where.
func (a *account) open(m sdk.Model, s settings) (*upstream, error) {
	if len(m.Files) > 0 {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "it has weights, and the engine '%s' asks a remote service; name an engine that loads them, such as llamacpp", a.id)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	u := &upstream{settings: s, account: a, id: m.ID, manifest: m.Manifest, kind: text(m.Manifest.Metadata["type"]), log: a.log}
	if s.Embedding {
		u.kind = cmp.Or(u.kind, "embedding")
	}
	if err := u.place(m); err != nil {
		return nil, err
	}
	if u.name = u.nameOf(m); !isName(u.name) {
		return nil, sdk.Errorf(sdk.CodeInvalid, "it does not say its name at %s; set model in its settings", u.row.name)
	}
	u.kind = cmp.Or(u.kind, sdk.ModelType(cmp.Or(text(m.Manifest.Metadata["model"]), u.name)))
	u.operations = u.answers()
	return u, u.connect()
}

// service is an upstream without a model: to ask for its list.
func (a *account) service() (*upstream, error) {
	if a.row.name == "" && a.address() == "" {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "the engine '%s' names no service; set provider or base_url in engines/%s.json", a.id, a.id)
	}
	u := &upstream{settings: a.settings, account: a, id: a.id, log: a.log}
	if err := u.place(sdk.Model{}); err != nil {
		return nil, err
	}
	return u, u.connect()
}

// place finds the provider and the address, and whether it may be called.
func (u *upstream) place(m sdk.Model) error {
	u.row = u.rowOf(m)
	if u.BaseURL == "" && u.FullURL != "" {
		u.readFullURL()
	}
	address := cmp.Or(u.BaseURL, u.sourceAddress(m), environment(u.row.name), u.row.base)
	if u.row.local && u.BaseURL == "" && u.account.row.name != u.row.name {
		address = "" // that it is on this machine, the operator has to say
	}
	if address == "" {
		hint := ""
		if near := sdk.Near(u.row.name, names()); u.row.variable == "" && len(near) > 0 {
			hint = " (known providers with nearly this name: " + strings.Join(near, ", ") + ")"
		}
		return sdk.Errorf(sdk.CodeInvalid, "it does not say where its API is; set base_url in engines/%s.json%s", u.account.id, hint)
	}
	base, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil {
		return sdk.Errorf(sdk.CodeInvalid, "base_url '%s' is no address of an API", web.Public(address))
	}
	u.base = base
	if az, ok := u.row.language().(azure); ok {
		az.place(u, m)
	}
	if !u.account.trusts(u.base) {
		return sdk.Errorf(sdk.CodeInvalid, "it names the address %s, which nobody but its file trusts; add it to origins in engines/%s.json if it shall be called", web.Origin(u.base), u.account.id)
	}
	return nil
}

// rowOf is the provider's row: the one that the model file means, or else the
// deployment's. A file of another provider has nothing of the deployment's address.
func (u *upstream) rowOf(m sdk.Model) provider {
	a := u.account
	row, known := named(u.providerOf(m))
	switch {
	case known && a.row.name != "" && a.row.name != row.name:
		u.disinherit()
	case !known && a.row.name != "" && u.BaseURL == a.BaseURL:
		return a.row
	}
	name := cmp.Or(u.providerOf(m), u.Provider)
	if base, err := url.Parse(u.BaseURL); err == nil && u.BaseURL != "" && (!known || row.name == "openai" && azureHost(base)) { // in 2024 Azure was written as openai
		if there, ok := at(base); ok {
			row, known = there, ok
		}
	}
	switch {
	case known:
		return row
	case name == "" && u.BaseURL == "":
		row, _ = named("openai")
		return row
	}
	return compatible(cmp.Or(name, "service"))
}

// disinherit takes away what comes from the deployment and belongs to its provider.
func (u *upstream) disinherit() {
	for mine, inherited := range map[*string]string{&u.BaseURL: u.account.BaseURL, &u.FullURL: u.account.FullURL, &u.APIVersion: u.account.APIVersion} {
		if *mine == inherited {
			*mine = ""
		}
	}
}

// providerOf is the provider that the model file means: the one that it names, or that
// of its address, or Azure where the model comes from there. The engine that a file
// of 2024 names is kept as its provider; where the deployment has that name, it
// knows better.
func (u *upstream) providerOf(m sdk.Model) string {
	if u.Provider != u.account.Provider {
		return u.Provider
	}
	if name := text(m.Manifest.Metadata["provider"]); name != "" && name != u.account.id {
		return name
	}
	if base, err := url.Parse(u.BaseURL); err == nil && u.BaseURL != u.account.BaseURL {
		if row, ok := at(base); ok {
			return row.name
		}
	}
	if source := sourceOf(m); source != nil && azureHost(source) {
		return "azure"
	}
	return ""
}

// readFullURL takes apart the address of chats that files of 2024 have.
func (u *upstream) readFullURL() {
	full, err := url.Parse(u.FullURL)
	if err != nil {
		return
	}
	u.APIVersion = cmp.Or(u.APIVersion, full.Query().Get("api-version"))
	full.RawQuery = ""
	base := full.String()
	for _, op := range known {
		base = strings.TrimSuffix(base, "/"+string(op))
	}
	u.BaseURL = base
}

// sourceOf is where a model file says that the model comes from.
func sourceOf(m sdk.Model) *url.URL {
	if len(m.Manifest.Sources) == 0 {
		return nil
	}
	source, err := url.Parse(m.Manifest.Sources[0].URL)
	if err != nil || source.Host == "" {
		return nil
	}
	return source
}

// sourceAddress is the address of the API in a source at Azure, as the first
// documents have it.
func (u *upstream) sourceAddress(m sdk.Model) string {
	if source := sourceOf(m); source != nil && u.row.name == "azure" && azureHost(source) {
		return "https://" + strings.ToLower(source.Host) + "/openai"
	}
	return ""
}

// nameOf is the model's name at the service.
func (u *upstream) nameOf(m sdk.Model) string {
	name := u.Model
	if u.row.name == "azure" {
		name = cmp.Or(u.DeploymentName, u.Model)
	}
	if name == "" {
		name = m.Manifest.ID
		if name == "" || name == m.ID {
			name = m.ID[strings.LastIndexByte(m.ID, '/')+1:]
		}
	}
	for _, given := range []string{m.ID, name} {
		if mapped, ok := u.ModelMap[given]; ok {
			return mapped
		}
	}
	return name
}

// isName bounds what is sent as a name: it comes from files and from lists, and may
// become a part of a path.
func isName(text string) bool {
	return text != "" && text != "." && text != ".." && len(text) <= 256 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func names() []string {
	var all []string
	for _, p := range providers {
		all = append(all, p.name)
	}
	return all
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
