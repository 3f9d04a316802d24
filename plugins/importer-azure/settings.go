package main

import (
	"cmp"
	_ "embed"
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
	Endpoint   string `json:"endpoint"`
	APIVersion string `json:"api_version"`
	Auth       string `json:"auth"`
	Tenant     string `json:"tenant"`
	ClientID   string `json:"client_id"`
	Authority  string `json:"authority"`
	Scope      string `json:"scope"`
}

func read(c sdk.Configuration) (settings, error) {
	s := settings{Scope: "https://cognitiveservices.azure.com/.default"}
	if err := c.Decode(&s); err != nil {
		return s, err
	}
	s.Endpoint = strings.TrimRight(cmp.Or(s.Endpoint, os.Getenv("AZURE_OPENAI_ENDPOINT")), "/")
	s.APIVersion = cmp.Or(s.APIVersion, os.Getenv("OPENAI_API_VERSION"), "2024-10-21")
	s.Tenant = cmp.Or(s.Tenant, os.Getenv("AZURE_TENANT_ID"))
	s.ClientID = cmp.Or(s.ClientID, os.Getenv("AZURE_CLIENT_ID"))
	s.Authority = strings.TrimRight(cmp.Or(s.Authority, os.Getenv("AZURE_AUTHORITY_HOST"), "https://login.microsoftonline.com"), "/")
	if s.Auth == "" {
		s.Auth = "key"
		if c.Secrets["api_key"] == "" && (c.Secrets["entra_token"] != "" || c.Secrets["client_secret"] != "") {
			s.Auth = "entra"
		}
	}
	for name, address := range map[string]string{"endpoint": s.Endpoint, "authority": s.Authority} {
		if address != "" && !isAddress(address) {
			return s, sdk.Errorf(sdk.CodeInvalid, "%s '%s' is no address of a service; it must be like https://NAME.openai.azure.com", name, web.Public(address))
		}
	}
	if !versions.MatchString(s.APIVersion) {
		return s, sdk.Errorf(sdk.CodeInvalid, "'%s' is no version of the API; such are 2024-10-21, 2025-04-01-preview and v1", s.APIVersion)
	}
	return s, nil
}

func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.RawQuery == ""
}
