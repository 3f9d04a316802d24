package api

import (
	"bytes"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/metrics"
)

// showMetrics answers GET /metrics.
func (s *Server) showMetrics(c *fiber.Ctx) error {
	var b bytes.Buffer
	if err := s.metrics.Write(&b); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, metrics.ContentType)
	return c.Send(b.Bytes())
}
