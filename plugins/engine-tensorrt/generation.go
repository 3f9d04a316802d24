package main

import (
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// generated is {% generation %}, by which Hugging Face's templates mark what a model
// has said. It is written as it is.
type generated struct {
	at   *tokens.Token
	body *nodes.Wrapper
}

// Position implements nodes.ControlStructure.
func (g *generated) Position() *tokens.Token { return g.at }

// String implements nodes.ControlStructure.
func (g *generated) String() string { return "generation" }

// Execute implements exec.ControlStructure.
func (g *generated) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	return r.ExecuteWrapper(g.body)
}

func generation(p, _ *parser.Parser) (nodes.ControlStructure, error) {
	at := p.Current()
	body, _, err := p.WrapUntil("endgeneration")
	return &generated{at, body}, err
}
