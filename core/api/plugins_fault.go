package api

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// pluginFault is the answer to what stands against a change of plugins: with its
// cause, where that tells of the package, for who installs it sees no log.
func pluginFault(err error) error {
	var ours *apiError
	var coded *sdk.Error
	if err == nil || errors.As(err, &ours) || !errors.As(err, &coded) {
		return err
	}
	answer := *translate(err)
	switch coded.Code {
	case sdk.CodeNotFound:
		answer.Code = orNil("plugin_not_found")
	case sdk.CodeUnauthorized: // of a registry: it is not about the API key
		answer.Code = orNil("source_unauthorized")
	}
	answer.Message = fit(sentence(coded))
	return &answer
}

// sentence is what an error says, with those causes that were written for people.
func sentence(e *sdk.Error) string {
	var inner *sdk.Error
	var altered *packages.Altered
	var foreign *packages.Incompatible
	cause := ""
	switch {
	case errors.As(e.Cause, &inner):
		cause = sentence(inner)
	case errors.As(e.Cause, &altered):
		cause = altered.Error()
	case errors.As(e.Cause, &foreign):
		cause = foreign.Error()
	case e.Cause != nil && e.Code == sdk.CodeInvalid && !errors.Is(e.Cause, store.ErrConflict):
		cause = e.Cause.Error()
	}
	if cause == "" || strings.Contains(e.Message, cause) {
		return e.Message
	}
	return fmt.Sprintf("%s: %.1000s", e.Message, cause)
}

// shownTexts are sentences without paths of this machine; never null.
func shownTexts(texts []string) []string {
	shown := []string{}
	for _, text := range texts {
		shown = append(shown, fit(text))
	}
	return shown
}

var pluginNames = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*/)?[a-z0-9][a-z0-9-]*$`)

// pluginName is the plugin that a route names, full (with its slash as %2F) or short.
func pluginName(c *fiber.Ctx) (string, error) {
	name := engineID(c)
	if !pluginNames.MatchString(name) {
		return "", fault(http.StatusNotFound, fmt.Sprintf("'%.100s' is no name of a plugin; GET /v1/plugins lists those that are installed", name), "", "plugin_not_found")
	}
	return name, nil
}
