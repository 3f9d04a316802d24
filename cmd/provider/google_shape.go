package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
)

// A shape is what a value of a request must look like: the services of Google
// refuse names that they do not know, and values of another type.
type shape interface {
	// read checks a value, and returns it with its names as JSON has them: they
	// may be written as in the protocol, with_underscores.
	read(path string, value any) (any, error)
}

type (
	message map[string]shape
	many    struct{ of shape }
	scalar  string   // the type in the words of the error
	enum    []string // its values, in any case
	free    struct{} // any JSON
)

func (m message) read(path string, value any) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, wrong(path, "type.googleapis.com/google.ai.generativelanguage.v1beta", value)
	}
	read := map[string]any{}
	for name, member := range object {
		field, known := m[camel(name)]
		if !known {
			at := ""
			if path != "" {
				at = " at '" + path + "'"
			}
			return nil, googleRefuse("Invalid JSON payload received. Unknown name %q%s: Cannot find field.", name, at)
		}
		if member == nil {
			continue
		}
		var err error
		if read[camel(name)], err = field.read(strings.TrimPrefix(path+"."+snake(name), "."), member); err != nil {
			return nil, err
		}
	}
	return read, nil
}

func (m many) read(path string, value any) (any, error) {
	list, ok := value.([]any)
	if !ok { // one stands for a list of one
		list = []any{value}
	}
	read := []any{}
	for i, item := range list {
		one, err := m.of.read(fmt.Sprintf("%s[%d]", path, i), item)
		if err != nil {
			return nil, err
		}
		read = append(read, one)
	}
	return read, nil
}

func (s scalar) read(path string, value any) (any, error) {
	number, isNumber := value.(float64)
	text, isText := value.(string)
	ok := false
	switch s {
	case "TYPE_STRING":
		ok = isText
	case "TYPE_BOOL":
		_, ok = value.(bool)
	case "TYPE_INT32":
		ok = isNumber && number == math.Trunc(number) && math.Abs(number) <= math.MaxInt32
	case "TYPE_FLOAT":
		ok = isNumber
	case "TYPE_BYTES":
		if _, err := decodeBase64(text); !isText || err != nil {
			return nil, googleRefuse("Invalid value at '%s' (TYPE_BYTES), Base64 decoding failed for %.40q", path, text)
		}
		ok = true
	}
	if !ok {
		return nil, wrong(path, string(s), value)
	}
	return value, nil
}

func (e enum) read(path string, value any) (any, error) {
	text, ok := value.(string)
	if !ok || !slices.Contains(e, strings.ToUpper(text)) {
		return nil, wrong(path, "TYPE_ENUM", value)
	}
	return strings.ToUpper(text), nil
}

func (free) read(_ string, value any) (any, error) { return value, nil }

func wrong(path, kind string, value any) error {
	text, _ := json.Marshal(value)
	return googleRefuse("Invalid value at '%s' (%s), %s", path, kind, text)
}

// decodeBase64 takes both alphabets, with and without padding.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

func camel(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

const (
	aText  = scalar("TYPE_STRING")
	aBool  = scalar("TYPE_BOOL")
	anInt  = scalar("TYPE_INT32")
	aFloat = scalar("TYPE_FLOAT")
	aBlob  = scalar("TYPE_BYTES")
)

// schemaShape is the subset of OpenAPI's schemas that is understood.
var schemaShape = message{"type": enum{"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}, "format": aText, "title": aText, "description": aText, "nullable": aBool,
	"enum": many{aText}, "maxItems": free{}, "minItems": free{}, "required": many{aText}, "minProperties": free{}, "maxProperties": free{}, "minLength": free{}, "maxLength": free{},
	"pattern": aText, "example": free{}, "propertyOrdering": many{aText}, "default": free{}, "minimum": aFloat, "maximum": aFloat}

func init() { // it holds itself
	schemaShape["items"], schemaShape["anyOf"], schemaShape["properties"] = schemaShape, many{schemaShape}, named{schemaShape}
}

// named is an object whose members have names of the caller's.
type named struct{ of shape }

func (n named) read(path string, value any) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, wrong(path, "TYPE_MESSAGE", value)
	}
	read := map[string]any{}
	for name, member := range object {
		var err error
		if read[name], err = n.of.read(path+"["+name+"].value", member); err != nil {
			return nil, err
		}
	}
	return read, nil
}

var contentShape = message{"role": aText, "parts": many{message{
	"text": aText, "thought": aBool, "thoughtSignature": aBlob, "partMetadata": free{}, "videoMetadata": free{}, "mediaResolution": free{},
	"inlineData":       message{"mimeType": aText, "data": aBlob},
	"fileData":         message{"mimeType": aText, "fileUri": aText},
	"functionCall":     message{"id": aText, "name": aText, "args": named{free{}}},
	"functionResponse": message{"id": aText, "name": aText, "response": named{free{}}, "willContinue": aBool, "scheduling": aText, "parts": many{free{}}},
	"executableCode":   free{}, "codeExecutionResult": free{},
}}}

var generateShape = message{
	"model": aText, "contents": many{contentShape}, "systemInstruction": contentShape, "cachedContent": aText, "store": aBool, "serviceTier": aText,
	"safetySettings": many{message{"category": aText, "threshold": enum{"BLOCK_NONE", "OFF", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH"}}},
	"tools": many{message{"googleSearch": free{}, "codeExecution": free{}, "urlContext": free{}, "functionDeclarations": many{message{
		"name": aText, "description": aText, "behavior": aText, "parameters": schemaShape, "response": schemaShape, "parametersJsonSchema": free{}, "responseJsonSchema": free{}}}}},
	"toolConfig": message{"functionCallingConfig": message{"mode": enum{"MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"}, "allowedFunctionNames": many{aText}}, "retrievalConfig": free{}},
	"generationConfig": message{
		"stopSequences": many{aText}, "responseMimeType": aText, "responseSchema": schemaShape, "responseJsonSchema": free{}, "_responseJsonSchema": free{}, "responseModalities": many{aText},
		"candidateCount": anInt, "maxOutputTokens": anInt, "temperature": aFloat, "topP": aFloat, "topK": anInt, "seed": anInt, "presencePenalty": aFloat, "frequencyPenalty": aFloat,
		"responseLogprobs": aBool, "logprobs": anInt, "speechConfig": free{}, "imageConfig": free{}, "mediaResolution": aText,
		"thinkingConfig": message{"includeThoughts": aBool, "thinkingBudget": anInt, "thinkingLevel": enum{"MINIMAL", "LOW", "MEDIUM", "HIGH"}}},
}

var embedShape = message{"model": aText, "content": contentShape, "title": aText, "outputDimensionality": anInt, "taskType": enum{
	"RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY"}}

// googleShapes are the requests of each method.
var googleShapes = map[string]shape{
	"generateContent": generateShape, "streamGenerateContent": generateShape, "embedContent": embedShape,
	"batchEmbedContents": message{"requests": many{embedShape}},
	"countTokens":        message{"contents": many{contentShape}, "generateContentRequest": generateShape},
}
