package main

import (
	_ "embed"
	"net/url"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// settingsSchema says what each setting does.
//
//go:embed settings.schema.json
var settingsSchema []byte

// settings are what settings.schema.json describes.
type settings struct {
	Folder string `json:"folder"`
}

// read decodes the settings. The core has validated them; what a schema cannot
// say is checked here.
func read(c sdk.Configuration) (s settings, err error) {
	if err := c.Decode(&s); err != nil {
		return s, err
	}
	s.Folder = strings.TrimRight(s.Folder, "/")
	if _, err := url.Parse(s.Folder); err != nil {
		return s, sdk.Errorf(sdk.CodeInvalid, "folder '%s' is no address; it must be like https://models.example.com/public", web.Public(s.Folder))
	}
	return s, nil
}

// web is how folders are called: the operator's own with the token, also in a
// private network; all others without, and in public ones only.
func (s settings) web(token string) web.Config {
	c := web.Config{UserAgent: "importer-directory"}
	if own, err := url.Parse(s.Folder); err == nil && s.Folder != "" {
		c.Private = []string{web.Origin(own)}
		c.Tokens = map[string]string{web.Origin(own): token}
	}
	return c
}
