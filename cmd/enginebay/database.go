package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/core/secret"
	"github.com/enginebay/enginebay/schemas"
)

// databaseFile is where conversations are kept in the home folder, unless the
// setting database says otherwise.
func (c *config) databaseFile() string { return filepath.Join(c.home, "enginebay.db") }

// databaseURL is the address of the PostgreSQL database, with the password that it
// has; empty where there is none, and [config.databaseFile] counts. No error of it
// shows a password.
func (c *config) databaseURL() (string, error) {
	if !secret.IsReference(c.Database) {
		return c.Database, nil
	}
	address, err := secret.Resolve(c.Database)
	if err != nil {
		return "", fmt.Errorf("the setting database: %w", err)
	}
	if secret.IsReference(address) || address == "" || len(schemas.Config().Validate(map[string]any{"database": address})) > 0 {
		return "", errors.New("the setting database leads to no address such as postgres://user@host/name")
	}
	return address, nil
}

// redacted is an address as it may be shown: without the passwords in it.
func redacted(address string) string {
	scheme, _, isAddress := strings.Cut(address, "://")
	if !isAddress {
		return address
	}
	u, err := url.Parse(address)
	if err != nil { // where its password ends is not known
		return scheme + "://xxxxx"
	}
	query := u.Query()
	for name := range query {
		if strings.HasSuffix(strings.ToLower(name), "password") {
			query.Set(name, "xxxxx")
			u.RawQuery = query.Encode()
		}
	}
	return u.Redacted()
}

// database says where conversations are kept.
func (e *examination) database() {
	address, err := e.config.databaseURL()
	switch {
	case err != nil:
		e.fail("database", "mend database in "+e.config.file()+", or set what it names where the server starts", "%v", err)
	case address != "":
		e.ok("database", "PostgreSQL at %s", redacted(address))
	default:
		e.ok("database", "SQLite at %s", e.config.databaseFile())
	}
}
