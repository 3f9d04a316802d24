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

const publicHub = "https://huggingface.co"

// settings are those of importers/huggingface.json.
type settings struct {
	Endpoint string   `json:"endpoint"`
	Private  []string `json:"private"`
}

// read decodes the settings; the endpoint is that of the environment where they
// name none.
func read(c sdk.Configuration) (s settings, endpoint *url.URL, err error) {
	if err := c.Decode(&s); err != nil {
		return s, nil, err
	}
	text := cmp.Or(s.Endpoint, strings.TrimSpace(os.Getenv("HF_ENDPOINT")), publicHub)
	endpoint, err = url.Parse(strings.TrimRight(text, "/"))
	if err != nil || web.Origin(endpoint) == "" || endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "" ||
		(endpoint.Scheme != "http" && endpoint.Scheme != "https") {
		return s, nil, sdk.Errorf(sdk.CodeInvalid, "the setting endpoint, or HF_ENDPOINT, is not the address of a hub such as %s", publicHub)
	}
	return s, endpoint, nil
}

// offline says whether the user has told all tools of Hugging Face to stay off
// the network.
func offline() bool {
	switch strings.ToUpper(os.Getenv("HF_HUB_OFFLINE")) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}
