package api

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/install"
)

// searchPlugins answers GET /v1/plugins/search: what the registries have.
func (s *Server) searchPlugins(c *fiber.Ctx) error {
	words := strings.Fields(strings.Clone(c.Query("q")))
	var warnings []string
	found, err := look(c, "", func(ctx context.Context) (found []install.Found, err error) {
		found, warnings, err = s.runtime.Installer().Search(ctx, words...)
		return found, pluginFault(err)
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"object": "list", "data": append([]install.Found{}, found...), "warnings": shownTexts(warnings)})
}

// offeredPlugin is what the registries know of one plugin.
type offeredPlugin struct {
	Object string `json:"object"`
	install.Found
	Warnings []string `json:"warnings"`
}

// pluginOffer answers GET /v1/plugins/{name}/info.
func (s *Server) pluginOffer(c *fiber.Ctx) error {
	name, err := pluginName(c)
	if err != nil {
		return err
	}
	var warnings []string
	found, err := look(c, "", func(ctx context.Context) (found install.Found, err error) {
		found, warnings, err = s.runtime.Installer().Info(ctx, name)
		return found, pluginFault(err)
	})
	if err != nil {
		return err
	}
	return c.JSON(offeredPlugin{"plugin.offer", found, shownTexts(warnings)})
}

// explainedPlugin is why a version and a variant are taken.
type explainedPlugin struct {
	Object string `json:"object"`
	install.Why
}

// explainPlugin answers GET /v1/plugins/{name}/why.
func (s *Server) explainPlugin(c *fiber.Ctx) error {
	name, err := pluginName(c)
	if err != nil {
		return err
	}
	if versions := strings.Clone(c.Query("version")); versions != "" {
		name += "@" + versions
	}
	variant := strings.Clone(c.Query("variant"))
	why, err := look(c, "", func(ctx context.Context) (install.Why, error) {
		why, err := s.runtime.Installer().Why(ctx, name, install.Options{Variant: variant, Remote: true})
		return why, pluginFault(err)
	})
	if err != nil {
		return err
	}
	why.Variants, why.Passed = append([]install.Considered{}, why.Variants...), append([]install.Passed{}, why.Passed...)
	why.Fault, why.Warnings = fit(why.Fault), shownTexts(why.Warnings)
	return c.JSON(explainedPlugin{"plugin.why", why})
}
