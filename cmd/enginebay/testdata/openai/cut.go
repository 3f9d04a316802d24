//go:build ignore

// Command cut makes document.json of OpenAI's OpenAPI document:
//
//	go run cut.go openapi.json >document.json
//
// It keeps the schemas of answers, events and errors, without their prose, and
// makes JSON Schema (2020-12) of what is left of OpenAPI 3.0 in them.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// roots are the schemas that are kept, with all that they refer to.
var roots = []string{
	"CreateChatCompletionResponse", "CreateChatCompletionStreamResponse", "CreateCompletionResponse", "CreateEmbeddingResponse",
	"Response", "ResponseStreamEvent", "ErrorResponse", "ListModelsResponse", "Model", "DeleteModelResponse",
}

// prose says nothing of what is valid. Of a filter within a filter, in a tool of
// OpenAI's own, nothing is asked.
var prose = []string{"description", "title", "example", "examples", "default", "deprecated", "discriminator", "nullable", "summary", "$recursiveAnchor", "$recursiveRef"}

const prefix = "#/components/schemas/"

func main() {
	data, err := os.ReadFile(os.Args[1])
	check(err)
	var doc struct {
		Info       struct{ Version string }
		Components struct{ Schemas map[string]any }
	}
	check(json.Unmarshal(data, &doc))
	kept := map[string]any{}
	for todo := roots; len(todo) > 0; todo = todo[1:] {
		if _, done := kept[todo[0]]; !done {
			kept[todo[0]] = cut(doc.Components.Schemas[todo[0]], &todo, false)
		}
	}
	comment := fmt.Sprintf("From github.com/openai/openai-openapi, version %s, MIT License, Copyright (c) OpenAI; cut by cut.go", doc.Info.Version)
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", " ")
	check(enc.Encode(map[string]any{"$comment": comment, "$defs": kept}))
}

// cut returns a schema without prose, and adds what it refers to to the list. In an
// object of properties every name is a schema's, whatever it is.
func cut(v any, refs *[]string, properties bool) any {
	switch v := v.(type) {
	case []any:
		list := []any{}
		for _, member := range v {
			list = append(list, cut(member, refs, false))
		}
		return list
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			switch {
			case properties:
				out[name] = cut(member, refs, false)
			case slices.Contains(prose, name), strings.HasPrefix(name, "x-"):
			case name == "$ref":
				target := strings.TrimPrefix(member.(string), prefix)
				*refs = append(*refs, target)
				out[name] = "#/$defs/" + target
			case name == "oneOf": // which one it is, OpenAPI tells by a discriminator
				out["anyOf"] = cut(member, refs, false)
			default:
				out[name] = cut(member, refs, name == "properties")
			}
		}
		if v["nullable"] == true && !properties {
			return map[string]any{"anyOf": []any{out, map[string]any{"type": "null"}}}
		}
		return out
	}
	return v
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
