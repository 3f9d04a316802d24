package main

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/enginebay/enginebay/sdk/openai"
)

// garbled says whether an error is that of an answer that could not be read.
func garbled(err error) bool {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	return errors.As(err, &kind) || errors.As(err, &syntax)
}

// nonsense is the fault of an answer that could not be read.
func (u *upstream) nonsense() *openai.Error {
	return failed(http.StatusBadGateway, "upstream_broken", "%s answers with something else than was asked for; check base_url in engines/%s.json", u.row.name, u.account.id)
}
