package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
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
		return "", errors.New("the setting database leads to no address such as postgres://user:password@host/name; signs such as @, / and a space are percent-encoded in a password")
	}
	return address, nil
}

// databaseConfig says which database the server has.
func (c *config) databaseConfig() (database.Config, error) {
	address, err := c.databaseURL()
	return database.Config{URL: address, File: c.databaseFile(), Migrations: conversation.Migrations}, err
}

// conversations are the database of a server, and the store in it.
type conversations struct {
	db    *database.DB
	store *conversation.Store
	sole  bool // no other server uses that database
}

// openConversations opens what the server keeps conversations in. A database that
// cannot be had now is no error: what needs it is answered with 503 until it can.
func (c *config) openConversations(ctx context.Context, log hclog.Logger) (conversations, error) {
	which, err := c.databaseConfig()
	if err != nil {
		return conversations{}, err
	}
	which.Log = log.Named("database")
	db, err := database.Open(ctx, which)
	if err != nil {
		return conversations{}, fmt.Errorf("the setting database: %w", err)
	}
	store, err := conversation.Open(ctx, db, log.Named("conversation"))
	if err != nil {
		return conversations{}, errors.Join(err, db.Close())
	}
	return conversations{db, store, which.URL == ""}, nil
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
