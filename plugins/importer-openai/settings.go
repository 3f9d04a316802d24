package main

import (
	"cmp"
	_ "embed"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// settingsSchema says what each setting does.
//
//go:embed settings.schema.json
var settingsSchema []byte

// settings are what settings.schema.json describes. What is empty has the value
// that the official clients find in the environment.
type settings struct {
	BaseURL      string `json:"base_url"`
	Provider     string `json:"provider"`
	Organization string `json:"organization"`
	Project      string `json:"project"`
}

const openAI = "https://api.openai.com/v1"

func read(c sdk.Configuration) (s settings, err error) {
	if err := c.Decode(&s); err != nil {
		return s, err
	}
	s.BaseURL = strings.TrimRight(cmp.Or(s.BaseURL, os.Getenv("OPENAI_BASE_URL"), openAI), "/")
	s.Organization = cmp.Or(s.Organization, os.Getenv("OPENAI_ORG_ID"))
	s.Project = cmp.Or(s.Project, os.Getenv("OPENAI_PROJECT_ID"))
	u, err := url.Parse(s.BaseURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		return s, sdk.Errorf(sdk.CodeInvalid, "base_url '%s' is no address of an API; it must be like https://api.openai.com/v1", web.Public(s.BaseURL))
	}
	s.Provider = cmp.Or(s.Provider, vendor(u.Hostname()))
	return s, nil
}

// vendor names a provider by its host: api.groq.com is groq.
func vendor(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return "openai" // a server of one's own, which speaks as OpenAI does
	}
	labels := strings.Split(strings.ToLower(host), ".")
	return labels[max(0, len(labels)-2)]
}

// catalogue calls the provider. Its host may be in a private network, for the
// operator chose it.
func (s settings) catalogue(key string) (*web.Catalogue, error) {
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil, err
	}
	client, err := web.New(web.Config{UserAgent: "enginebay-importer-openai", Private: []string{web.Origin(u)}, Tokens: map[string]string{web.Origin(u): key}})
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, value := range map[string]string{"OpenAI-Organization": s.Organization, "OpenAI-Project": s.Project} {
		if value != "" {
			header.Set(name, value)
		}
	}
	return &web.Catalogue{HTTP: client, Base: s.BaseURL, Header: header}, nil
}
