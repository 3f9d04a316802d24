package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// settingsSchema says what each setting does.
//
//go:embed settings.schema.json
var settingsSchema []byte

// settings are the effective settings of one load, or those of the deployment.
type settings struct {
	Provider string `json:"provider"`
	BaseURL  string `json:"base_url"`
	FullURL  string `json:"full_url"`

	Model          string            `json:"model"`
	ModelMap       map[string]string `json:"model_map"`
	DeploymentName string            `json:"deployment_name"`
	APIVersion     string            `json:"api_version"`
	Operations     []string          `json:"operations"`
	Embedding      bool              `json:"embedding"`

	Auth         string            `json:"auth"`
	Tenant       string            `json:"tenant"`
	ClientID     string            `json:"client_id"`
	Authority    string            `json:"authority"`
	Scope        string            `json:"scope"`
	Organization string            `json:"organization"`
	Project      string            `json:"project"`
	Headers      map[string]string `json:"headers"`
	Origins      []string          `json:"origins"`

	AllowParameters  []string          `json:"allow_parameters"`
	DropParameters   []string          `json:"drop_parameters"`
	RenameParameters map[string]string `json:"rename_parameters"`
	StreamUsage      *bool             `json:"stream_usage"`

	MaxRetries       int      `json:"max_retries"`
	ConnectTimeout   duration `json:"connect_timeout"`
	FirstByteTimeout duration `json:"first_byte_timeout"`
	IdleTimeout      duration `json:"idle_timeout"`
}

// usual are the settings of the schema's defaults, for a caller that fills in none.
func usual() settings {
	return settings{MaxRetries: 2, ConnectTimeout: duration(10 * time.Second), FirstByteTimeout: duration(10 * time.Minute), IdleTimeout: duration(5 * time.Minute)}
}

// duration is a time written as "10s" or "5m".
type duration time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (d *duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a time is written as \"10s\" or \"5m\", and not as %.20s", data)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed <= 0 {
		return fmt.Errorf("a time is written as \"10s\" or \"5m\", and not as %.20q", text)
	}
	*d = duration(parsed)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// check refuses what the schema cannot see.
func (s settings) check() error {
	for name, address := range map[string]string{"base_url": s.BaseURL, "full_url": s.FullURL, "authority": s.Authority} {
		if address != "" && !isAddress(address, name == "full_url") {
			return sdk.Errorf(sdk.CodeInvalid, "%s '%s' is no address of an API; it must be like https://api.openai.com/v1", name, web.Public(address))
		}
	}
	for _, origin := range s.Origins {
		if u, err := url.Parse(origin); err != nil || !isAddress(origin, false) || strings.Trim(u.Path, "/") != "" {
			return sdk.Errorf(sdk.CodeInvalid, "'%s' in origins is no origin; such are https://llm.example.com and http://10.0.0.5:8000", web.Public(origin))
		}
	}
	for name, value := range s.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || slices.Contains(reserved, http.CanonicalHeaderKey(name)) {
			return sdk.Errorf(sdk.CodeInvalid, "headers has %.60q, which cannot be set: it is no header, or one that the plugin writes itself", name)
		}
	}
	for _, op := range s.Operations {
		if !slices.Contains(known, sdk.Operation(op)) {
			return sdk.Errorf(sdk.CodeInvalid, "operations has %.60q; there are %v", op, known)
		}
	}
	if s.MaxRetries < 0 || s.Auth != "" && s.Auth != "key" && s.Auth != "entra" {
		return sdk.Errorf(sdk.CodeInvalid, "auth is key or entra, and max_retries a number from 0 on")
	}
	return nil
}

// reserved are the headers that a template cannot set.
var reserved = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Type", "Accept-Encoding", "Upgrade", "Te", "Trailer"}

// known are the operations that some service answers.
var known = []sdk.Operation{sdk.OpChat, sdk.OpCompletion, sdk.OpEmbedding, sdk.OpResponses, sdk.OpMessages, sdk.OpCountTokens, sdk.OpRerank,
	sdk.OpSpeech, sdk.OpTranscription, sdk.OpTranslation, sdk.OpImage, sdk.OpModeration, sdk.OpTokenize, sdk.OpDetokenize}

func isAddress(text string, query bool) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && (query || u.RawQuery == "") && u.Fragment == ""
}
