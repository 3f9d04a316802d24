package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// What the fake says is made of the words that the user last said; some of them
// are not repeated, but done:
//
//	REFUSE          nothing is answered, and the prompt said to be blocked
//	FINISH:REASON   the answer ends there, for that reason
//	a tool's name   it is called; with several names, each
//	HANG            nothing more is said until the caller has left
//	CUT             a stream breaks off, without its end
//	OVERLOAD        a stream ends with an error
//
// Images come back as their types and sizes, the results of functions as JSON,
// and where a schema is asked for there is what fits it.
func (q *googleQuestion) words() []string {
	last := q.Contents[len(q.Contents)-1]
	var words []string
	for _, p := range last.Parts {
		switch {
		case p.InlineData != nil:
			words = append(words, p.InlineData.MIMEType, p.size())
		case p.FileData != nil:
			words = append(words, p.FileData.FileURI)
		case p.FunctionResponse != nil:
			text, _ := json.Marshal(p.FunctionResponse.Response)
			words = append(words, p.FunctionResponse.Name, string(text))
		default:
			words = append(words, strings.Fields(p.Text)...)
		}
	}
	return words
}

// googleReply is what is to be said, in pieces.
type googleReply struct {
	parts  []map[string]any // each a chunk of a stream
	finish string
	out    int // tokens
	halt   string
}

func (q *googleQuestion) reply() googleReply {
	r := googleReply{finish: "STOP"}
	if q.GenerationConfig.ThinkingConfig.IncludeThoughts {
		r.parts = append(r.parts, map[string]any{"text": "Let me think.", "thought": true})
	}
	if calls := q.called(); len(calls) > 0 {
		for i, f := range calls {
			part := map[string]any{"functionCall": q.call(f, i)}
			if i == 0 && q.model.thinks() {
				part["thoughtSignature"] = googleSignature(f.Name)
			}
			r.parts = append(r.parts, part)
		}
		r.out = len(calls)
		return r
	}
	words := q.words()
	if c := q.GenerationConfig; c.ResponseMIMEType == "application/json" {
		text, _ := json.Marshal(instance(either(c.ResponseSchema, c.ResponseJSONSchema), strings.Join(words, " ")))
		words = []string{string(text)}
	}
	for i, word := range words {
		if reason, ok := strings.CutPrefix(word, "FINISH:"); ok {
			r.finish = reason
			break
		}
		if slices.Contains([]string{"HANG", "CUT", "OVERLOAD"}, word) {
			r.halt = word
			break
		}
		if q.GenerationConfig.MaxOutputTokens != nil && r.out >= *q.GenerationConfig.MaxOutputTokens {
			r.finish = "MAX_TOKENS"
			break
		}
		if slices.ContainsFunc(q.GenerationConfig.StopSequences, func(stop string) bool { return strings.Contains(word, stop) }) {
			break
		}
		if i > 0 {
			word = " " + word
		}
		r.parts = append(r.parts, map[string]any{"text": word})
		r.out++
	}
	return r
}

// called are the functions that are called for this request.
func (q *googleQuestion) called() []googleFunction {
	config, words := q.ToolConfig.FunctionCallingConfig, q.words()
	_, responses := q.Contents[len(q.Contents)-1].calls()
	if config.Mode == "NONE" || responses > 0 {
		return nil
	}
	functions := slices.DeleteFunc(q.functions(), func(f googleFunction) bool {
		return len(config.AllowedFunctionNames) > 0 && !slices.Contains(config.AllowedFunctionNames, f.Name)
	})
	var named []googleFunction
	for _, word := range words {
		if i := slices.IndexFunc(functions, func(f googleFunction) bool { return f.Name == word }); i >= 0 {
			named = append(named, functions[i])
		}
	}
	if len(named) == 0 && len(functions) > 0 && config.Mode == "ANY" {
		named = functions[:1]
	}
	return named
}

// call has an id where the model is one that gives them.
func (q *googleQuestion) call(f googleFunction, i int) map[string]any {
	call := map[string]any{"name": f.Name, "args": instance(either(f.Parameters, f.ParametersJSONSchema), "x")}
	if q.model.signs() {
		call["id"] = fmt.Sprintf("g%d", i)
	}
	return call
}

func either(a, b map[string]any) map[string]any {
	if a != nil {
		return a
	}
	return b
}

// instance is a value that fits a schema, with a text where any would do.
func instance(schema map[string]any, text string) any {
	if values, ok := schema["enum"].([]any); ok && len(values) > 0 {
		return values[0]
	}
	kind, _ := schema["type"].(string)
	switch strings.ToLower(kind) {
	case "integer", "number":
		if low, ok := schema["minimum"].(float64); ok {
			return low
		}
		return 1
	case "boolean":
		return true
	case "array":
		items, _ := schema["items"].(map[string]any)
		return []any{instance(items, text)}
	case "string":
		return text
	}
	object := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	for name, of := range properties {
		property, _ := of.(map[string]any)
		object[name] = instance(property, text)
	}
	if schema == nil {
		object["answer"] = text
	}
	return object
}
