package api

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
)

// trialInfo is a round trip through an engine as the API shows it.
type trialInfo struct {
	ID     string          `json:"id"`
	Object string          `json:"object"`
	OK     bool            `json:"ok"`
	Model  string          `json:"model,omitempty"`
	Steps  []trialStepInfo `json:"steps"`
}

type trialStepInfo struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Skipped bool   `json:"skipped"`
	TookMS  int64  `json:"took_ms"`
	Detail  string `json:"detail"`
	Error   string `json:"error,omitempty"`
}

// testEngine answers POST /v1/engines/{id}/test. What fails is in the answer, which
// is a good one all the same: the test was made.
func (s *Server) testEngine(c *fiber.Ctx) error {
	model, err := trialModel(c)
	if err != nil {
		return err
	}
	id := engineID(c)
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	trial, err := s.runtime.TestDeployment(observed(c).within(ctx), id, model)
	if err != nil {
		return engineFaultOf(err)
	}
	return c.JSON(trialOf(id, trial))
}

// trialModel is the model that a body names, or none.
func trialModel(c *fiber.Ctx) (string, error) {
	if len(bytes.TrimSpace(c.Request().Body())) == 0 {
		return "", nil
	}
	doc, err := document(c)
	if err != nil {
		return "", err
	}
	model, ok := doc.Value["model"].(string)
	if !ok && doc.Value["model"] != nil {
		return "", fault(http.StatusBadRequest, "The field 'model' must be the id of a model", "model", "invalid_type")
	}
	return strings.Clone(model), nil
}

func trialOf(id string, t core.Trial) trialInfo {
	info := trialInfo{ID: id, Object: "engine.test", OK: t.OK, Model: t.Model}
	for _, step := range t.Steps {
		info.Steps = append(info.Steps, trialStepInfo{step.Name, step.OK, step.Skipped, step.Took.Milliseconds(), step.Detail, step.Error})
	}
	return info
}
