package api

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/schemas"
)

// installRequest is the body of an install or an upgrade.
type installRequest struct {
	Source  string // only of an install
	Variant string
	Key     string
	Accept  string // digest of the package that was looked at; empty: it is to be looked at
	Stream  bool
}

var packageDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// options are those of somebody who may be on another machine.
func (r installRequest) options() install.Options {
	return install.Options{Variant: r.Variant, Key: strings.TrimSpace(r.Key), Remote: true, Keep: r.Accept == ""}
}

// readInstall reads the body of an install, or with upgrade set of an upgrade.
func readInstall(c *fiber.Ctx, upgrade bool) (r installRequest, err error) {
	texts := map[string]*string{"variant": &r.Variant, "key": &r.Key, "accept": &r.Accept}
	if !upgrade {
		texts["source"] = &r.Source
	}
	if err := readFields(c, texts, map[string]*bool{"stream": &r.Stream}); err != nil {
		return r, err
	}
	switch {
	case r.Key != "" && !showedKey(c): // a plugin that may reach this port would name itself
		return r, fault(http.StatusForbidden, "Whom to trust is not taken from callers without an API key: run \"enginebay plugin install SOURCE --key KEY\" on the server's machine, or make an API key with \"enginebay key create NAME\" and send it", "key", "key_refused")
	case r.Source == "" && !upgrade:
		return r, fault(http.StatusBadRequest, "Name what is to be installed as 'source': NAME or PUBLISHER/NAME of a registry, either with @VERSION, oci://… or https://…", "source", "missing_source")
	case r.Accept != "" && !packageDigest.MatchString(r.Accept):
		return r, fault(http.StatusBadRequest, "The field 'accept' is the digest that the answer without it has: sha256: and 64 hexadecimal digits", "accept", "invalid_value")
	}
	return r, nil
}

// readFields reads a body that has these fields and no others. A body may be missing.
func readFields(c *fiber.Ctx, texts map[string]*string, flags map[string]*bool) error {
	doc := &schemas.Document{}
	if len(bytes.TrimSpace(c.Request().Body())) > 0 {
		var err error
		if doc, err = document(c); err != nil {
			return err
		}
	}
	var known []string
	for name, into := range texts {
		known = append(known, name)
		text, ok := doc.Value[name].(string)
		if !ok && doc.Value[name] != nil {
			return fault(http.StatusBadRequest, fmt.Sprintf("The field '%s' must be a text", name), name, "invalid_type")
		}
		if ok {
			*into = strings.Clone(text)
		}
	}
	for name, into := range flags {
		known = append(known, name)
		value, ok := doc.Value[name].(bool)
		if !ok && doc.Value[name] != nil {
			return fault(http.StatusBadRequest, fmt.Sprintf("The field '%s' must be true or false", name), name, "invalid_type")
		}
		if ok {
			*into = value
		}
	}
	slices.Sort(known)
	for name := range doc.Value {
		if !slices.Contains(known, name) {
			return fault(http.StatusBadRequest, fmt.Sprintf("There is no field '%.60s' here; there are %s", name, strings.Join(known, ", ")), name[:min(len(name), 60)], "unknown_field")
		}
	}
	return nil
}
