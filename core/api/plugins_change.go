package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/install"
)

// rollbackPlugin answers POST /v1/plugins/{name}/rollback.
func (s *Server) rollbackPlugin(c *fiber.Ctx) error {
	if err := readFields(c, nil, nil); err != nil {
		return err
	}
	return s.turn(c, s.runtime.Installer().Rollback)
}

// usePlugin answers POST /v1/plugins/{name}/use: a version that is installed.
func (s *Server) usePlugin(c *fiber.Ctx) error {
	var version string
	if err := readFields(c, map[string]*string{"version": &version}, nil); err != nil {
		return err
	}
	if version == "" {
		return fault(http.StatusBadRequest, "Name the version that is to be used as 'version'; GET /v1/plugins lists those that are installed", "version", "missing_version")
	}
	return s.turn(c, func(ctx context.Context, name string) (install.Plugin, error) {
		return s.runtime.Installer().Use(ctx, name, version)
	})
}

// turn makes another version current, and answers when the runtime has taken it.
func (s *Server) turn(c *fiber.Ctx, turn func(context.Context, string) (install.Plugin, error)) error {
	return s.change(c, func(ctx context.Context, name string) (any, error) {
		before, err := s.runtime.Installer().Plugin(name)
		if err != nil {
			return nil, err
		}
		now, err := turn(ctx, name)
		if err != nil {
			return nil, err
		}
		done := installedPlugin{Object: "plugin.installed", Name: now.Name, Version: now.Current, Action: "switch", Before: before.Current, Warnings: []string{}}
		for _, v := range now.Versions {
			if v.Current {
				done.Variant, done.Digest = v.Variant, v.Digest
			}
		}
		return s.taken(ctx, done)
	})
}

// pinPlugin answers POST /v1/plugins/{name}/pin.
func (s *Server) pinPlugin(c *fiber.Ctx) error {
	pinned := true
	if err := readFields(c, nil, map[string]*bool{"pinned": &pinned}); err != nil {
		return err
	}
	return s.change(c, func(ctx context.Context, name string) (any, error) {
		p, err := s.runtime.Installer().Pin(ctx, name, pinned)
		if err != nil {
			return nil, err
		}
		return fiber.Map{"object": "plugin.pin", "name": p.Name, "version": p.Current, "pinned": p.Pinned}, nil
	})
}

// verifyPlugin answers POST /v1/plugins/{name}/verify. What is wrong is in the
// answer, which is a good one all the same: the files were read.
func (s *Server) verifyPlugin(c *fiber.Ctx) error {
	if err := readFields(c, nil, nil); err != nil {
		return err
	}
	name, err := pluginName(c)
	if err != nil {
		return err
	}
	return s.work(c, false, func(ctx context.Context, _ func(install.Progress)) (any, error) {
		all, err := s.runtime.Installer().Verify(ctx, name)
		if err != nil {
			return nil, err
		}
		for i := range all {
			all[i].Fault = fit(all[i].Fault)
		}
		return fiber.Map{"object": "list", "data": all}, nil
	})
}

// deletePlugin answers DELETE /v1/plugins/{name}; with ?version= only that version.
func (s *Server) deletePlugin(c *fiber.Ctx) error {
	force, err := truth(c, "force", false)
	if err != nil {
		return err
	}
	version := strings.Clone(c.Query("version"))
	return s.change(c, func(ctx context.Context, name string) (any, error) {
		if err := s.runtime.RemovePlugin(ctx, name, version, force); err != nil {
			return nil, err
		}
		answer := fiber.Map{"name": name, "object": "plugin", "deleted": true}
		if version != "" {
			answer["version"] = version
		}
		return answer, nil
	})
}

// change does one change of the plugin that the route names.
func (s *Server) change(c *fiber.Ctx, do func(ctx context.Context, name string) (any, error)) error {
	name, err := pluginName(c)
	if err != nil {
		return err
	}
	end, err := s.changing.begin(name)
	if err != nil {
		return err
	}
	defer end()
	return s.work(c, false, func(ctx context.Context, _ func(install.Progress)) (any, error) { return do(ctx, name) })
}
