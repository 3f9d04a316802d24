package main

import (
	"net/http"
	"regexp"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// credentials are the headers that say who asks. What a client library put there
// is taken out: it found it in the environment, or made it up.
var credentials = []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key", "Cookie", "Proxy-Authorization", "Openai-Organization", "Openai-Project"}

// secretName is a secret in a template.
var secretName = regexp.MustCompile(`\{([A-Za-z0-9_.-]+)\}`)

// headers are those that say who asks, with the secrets in them: the provider's, and
// over them those of the settings. An empty one takes the provider's away.
func (u *upstream) headers() (http.Header, error) {
	key := u.account.key(u.base, u.row)
	templates := map[string]string{}
	if !u.entra() {
		for name, template := range u.row.headers {
			templates[http.CanonicalHeaderKey(name)] = template
		}
	}
	for name, template := range u.Headers {
		templates[http.CanonicalHeaderKey(name)] = template
	}
	switch {
	case u.entra() && !u.account.entra.Possible():
		return nil, u.account.entra.Missing()
	case u.entra() && !u.account.belongs(u.base, u.row):
		return nil, sdk.Errorf(sdk.CodeUnauthorized, "tokens of Entra do not go to %s; set base_url in engines/%s.json to it", web.Origin(u.base), u.account.id)
	case len(u.Headers) == 0 && key == "" && u.row.wantsKey() && !u.entra():
		return nil, u.noKey()
	}
	header := http.Header{}
	for name, template := range templates {
		value, err := u.fill(name, template, key)
		if err != nil {
			return nil, err
		}
		if value != "" {
			header[name] = []string{value}
		}
	}
	for name, value := range map[string]string{"Openai-Organization": u.Organization, "Openai-Project": u.Project} {
		if value != "" && httpguts.ValidHeaderFieldValue(value) {
			header[name] = []string{value}
		}
	}
	return header, nil
}

// fill puts secrets into a template. Without a key a header that is nothing but
// one is left out.
func (u *upstream) fill(name, template, key string) (string, error) {
	var missing string
	value := secretName.ReplaceAllStringFunc(template, func(found string) string {
		secret := found[1 : len(found)-1]
		value := key
		if secret != "api_key" {
			value = ""
			if u.account.owns(u.base) {
				value = u.account.secrets[secret]
			}
		}
		if value == "" {
			missing = secret
		} else {
			u.told = append(u.told, value)
		}
		return value
	})
	if missing == "" {
		return value, nil
	}
	if template == u.row.headers[name] {
		return "", nil
	}
	return "", sdk.Errorf(sdk.CodeUnauthorized, "the header %s wants the secret %s, which is not set for this address; name it under secrets in engines/%s.json", name, missing, u.account.id)
}

// wantsKey says whether the provider answers nobody without one.
func (p provider) wantsKey() bool { return p.variable != "" && !p.local }

// noKey says what is to be set, and where.
func (u *upstream) noKey() error {
	if u.account.secrets[u.row.secret()] != "" {
		return sdk.Errorf(sdk.CodeUnauthorized, "the key of %s is not for %s; set provider and base_url in engines/%s.json if it shall go there", u.row.name, web.Origin(u.base), u.account.id)
	}
	return sdk.Errorf(sdk.CodeUnauthorized, `there is no key for %s; set %s for the server, or name the key in engines/%s.json, as {"settings": {"provider": %q}, "secrets": {"api_key": "env:NAME"}}`,
		u.row.name, u.row.variable, u.account.id, u.row.name)
}

// entra says whether a token of Microsoft Entra proves who asks.
func (u *upstream) entra() bool {
	if u.row.name != "azure" || u.Auth == "key" {
		return false
	}
	return u.Auth == "entra" || u.account.key(u.base, u.row) == "" && u.account.entra.Possible()
}

// scrub takes secrets out of a text of the service's: some repeat keys, or parts of
// them, in their errors.
func (a *account) scrub(text string) string {
	text = a.hide.Text(text)
	for _, token := range a.entra.Tokens() {
		text = strings.ReplaceAll(text, token, "…")
	}
	return keyLike.ReplaceAllString(text, "…")
}

// keyLike is what looks like a key, whole or with stars in it.
var keyLike = regexp.MustCompile(`\b(?:sk|gsk|pk|xai|nvapi|hf|key|or|csk|pplx|AIza)[-_][A-Za-z0-9*_-]{6,}|[A-Za-z0-9_-]*\*{3,}[A-Za-z0-9_-]*`)
