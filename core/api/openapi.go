package api

import (
	_ "embed" // openapi.yaml
	"encoding/json"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/schemas"
)

//go:embed openapi.yaml
var openapiYAML []byte

// openapiJSON is the description of this API; a test holds it and the routes together.
var openapiJSON = sync.OnceValues(func() ([]byte, error) {
	doc, err := schemas.ParseYAML("openapi.yaml", openapiYAML)
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc.Value)
})

// showOpenAPI answers GET /openapi.json.
func (s *Server) showOpenAPI(c *fiber.Ctx) error {
	body, err := openapiJSON()
	if err != nil {
		return err
	}
	return sendJSON(c, body)
}
