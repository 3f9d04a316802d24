package main

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// account is a deployment: its own settings, its secrets, and where these may go.
type account struct {
	settings
	id      string
	secrets map[string]string
	hide    *web.Redactor // of texts
	log     hclog.Logger
	row     provider // that the deployment itself names; the zero value where it names none
	named   []string // origins that the operator named: they may be in a private network
	entra   *web.Entra

	mu      sync.Mutex
	clients map[time.Duration]*http.Client // by the time-out of a connection
}

func newAccount(c sdk.Configuration) (*account, error) {
	a := &account{settings: usual(), id: c.Deployment, secrets: map[string]string{}, log: c.Log, clients: map[time.Duration]*http.Client{}}
	if err := c.Decode(&a.settings); err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	for name, value := range c.Secrets {
		if value = strings.TrimSpace(value); strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, sdk.Errorf(sdk.CodeInvalid, "the secret %s has characters that no key has; look at where it is kept", name)
		}
		a.secrets[name] = value
	}
	a.hide = web.NewRedactor(slices.Collect(maps.Values(a.secrets))...)
	a.row = a.ownRow()
	for _, address := range a.addresses() {
		if u, err := url.Parse(address); err == nil && web.Origin(u) != "" {
			a.named = append(a.named, web.Origin(u))
		}
	}
	a.entra = &web.Entra{Token: a.secrets["entra_token"], Secret: a.secrets["client_secret"], Tenant: a.Tenant, Client: a.ClientID, Authority: a.Authority,
		Scope: a.Scope, File: "engines/" + a.id + ".json", UserAgent: "enginebay-engine-api"}
	return a, nil
}

// ownRow is the provider that the deployment names: by its setting, by its
// address, or by its id, as engines/groq.json does.
func (a *account) ownRow() provider {
	if a.Provider != "" {
		if p, ok := named(a.Provider); ok {
			return p
		}
	}
	if u, err := url.Parse(a.address()); err == nil && a.address() != "" {
		if p, ok := at(u); ok {
			return p
		}
	}
	p, _ := named(a.id)
	return p
}

// address is the deployment's own.
func (a *account) address() string { return cmp.Or(a.BaseURL, a.FullURL) }

// addresses are those that the operator wrote down or set in the environment.
func (a *account) addresses() []string {
	all := append([]string{a.address()}, a.Origins...)
	if a.row.local && a.address() == "" {
		all = append(all, a.row.base)
	}
	for provider := range addressVariables {
		all = append(all, environment(provider))
	}
	return all
}

// addressVariables are those in which the official clients of a provider look for its
// address.
var addressVariables = map[string]string{"openai": "OPENAI_BASE_URL", "azure": "AZURE_OPENAI_ENDPOINT", "anthropic": "ANTHROPIC_BASE_URL", "cohere": "CO_API_URL"}

// environment is the address of a provider by the server's environment.
func environment(provider string) string { return os.Getenv(addressVariables[provider]) }

// trusts says whether an address may be called at all: the operator named its
// origin, or it is a provider's own.
func (a *account) trusts(u *url.URL) bool {
	if slices.Contains(a.named, web.Origin(u)) {
		return true
	}
	_, known := at(u)
	return known && u.Scheme == "https"
}

// owns says whether the deployment's own secrets belong to an address: to what the
// deployment names, or else to its provider. A model file cannot lead them away.
func (a *account) owns(u *url.URL) bool {
	same := func(address string) bool {
		named, err := url.Parse(address)
		return err == nil && address != "" && web.Origin(named) == web.Origin(u)
	}
	if same(a.address()) || slices.ContainsFunc(a.Origins, same) {
		return true
	}
	if a.address() != "" {
		return false
	}
	row := a.row
	if row.name == "" {
		row, _ = named("openai")
	}
	return row.owns(u) && u.Scheme == "https" || row.local && same(row.base) || same(environment(row.name))
}

// key is the key for an address that is asked as a provider's; empty where none
// belongs there.
func (a *account) key(u *url.URL, p provider) string {
	if a.owns(u) {
		if key := a.secrets["api_key"]; key != "" {
			return key
		}
		if a.row.name == p.name && p.name != "" {
			return a.secrets[p.secret()]
		}
	}
	if p.at(u) {
		return a.secrets[p.secret()]
	}
	return ""
}

// belongs says whether what proves who asks a provider may go to an address.
func (a *account) belongs(u *url.URL, p provider) bool {
	return p.at(u) || a.owns(u) && a.row.name == p.name
}

// maxClients is how many clients are kept, each with the connections of its own.
const maxClients = 16

// client calls what the account trusts. Its connections are shared by all that has
// the same time-out, and so by nearly all models.
func (a *account) client(connect time.Duration) (*http.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.clients[connect]; c != nil {
		return c, nil
	}
	c, err := web.New(web.Config{UserAgent: "enginebay-engine-api", Private: a.named, Connect: connect, Header: -1, Idle: 64})
	if err != nil {
		return nil, err
	}
	if len(a.clients) < maxClients { // start requests name time-outs too
		a.clients[connect] = c
	}
	return c, nil
}

// rest closes the connections that nobody uses now.
func (a *account) rest() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.clients {
		c.CloseIdleConnections()
	}
}
