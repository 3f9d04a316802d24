package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // that images of these kinds can be read
	_ "image/png"
	"regexp"
	"slices"
	"strings"
)

func (q *googleQuestion) checkContents() error {
	if len(q.Contents) == 0 {
		return googleRefusal("* GenerateContentRequest.contents: contents is not specified\n")
	}
	for i, content := range append(slices.Clone(q.Contents), q.SystemInstruction) {
		path := fmt.Sprintf("GenerateContentRequest.contents[%d]", i)
		if i == len(q.Contents) {
			path = "GenerateContentRequest.system_instruction"
		}
		if err := content.check(path); err != nil && (i < len(q.Contents) || len(content.Parts) > 0) {
			return err
		}
	}
	return errors.Join(q.checkTurns(), q.checkSignatures())
}

func (c googleContent) check(path string) error {
	if !slices.Contains([]string{"", "user", "model", "function", "system"}, c.Role) || c.Role == "system" && !strings.HasSuffix(path, "system_instruction") {
		return googleRefusal("Please use a valid role: user, model.")
	}
	if len(c.Parts) == 0 {
		return googleRefuse("* %s.parts: contents.parts must not be empty.\n", path)
	}
	for i, part := range c.Parts {
		if err := part.check(fmt.Sprintf("%s.parts[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

var googleTypes = []string{"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", "audio/wav", "audio/mp3", "audio/mpeg", "video/mp4", "application/pdf", "text/plain"}

func (p googlePart) check(path string) error {
	kinds := 0
	for _, set := range []bool{p.Text != "", p.InlineData != nil, p.FileData != nil, p.FunctionCall != nil, p.FunctionResponse != nil} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		return googleRefuse("* %s.data: required oneof field 'data' must have one initialized field\n", path)
	case kinds > 1:
		return googleRefuse("Invalid value at '%s' (oneof), oneof field 'data' is already set.", path)
	case p.FunctionCall != nil && p.FunctionCall.Name == "":
		return googleRefuse("* %s.function_call.name: Name cannot be empty.\n", path)
	case p.FunctionResponse != nil && p.FunctionResponse.Name == "":
		return googleRefuse("* %s.function_response.name: Name cannot be empty.\n", path)
	case p.InlineData != nil && !slices.Contains(googleTypes, p.InlineData.MIMEType):
		return googleRefuse("Unsupported MIME type: %s", p.InlineData.MIMEType)
	case p.InlineData != nil && p.size() == "":
		return googleRefusal("Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting")
	case p.FileData != nil && p.FileData.FileURI == "":
		return googleRefuse("* %s.file_data.file_uri: File URI cannot be empty.\n", path)
	}
	return nil
}

// size says how large an image is; empty where it is none.
func (p googlePart) size() string {
	data, _ := decodeBase64(p.InlineData.Data) // read has seen that it can be
	if kind := p.InlineData.MIMEType; kind != "image/png" && kind != "image/jpeg" {
		return fmt.Sprintf("%d bytes", len(data))
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%dx%d", config.Width, config.Height)
}

// calls and responses are how many of these a turn has.
func (c googleContent) calls() (calls, responses int) {
	for _, p := range c.Parts {
		if p.FunctionCall != nil {
			calls++
		}
		if p.FunctionResponse != nil {
			responses++
		}
	}
	return calls, responses
}

// checkTurns is about the order of calls and their responses.
func (q *googleQuestion) checkTurns() error {
	waiting, before := 0, ""
	for _, content := range q.Contents {
		calls, responses := content.calls()
		switch {
		case responses > 0 && waiting == 0:
			return googleRefusal("Please ensure that function response turn comes immediately after a function call turn.")
		case responses != waiting:
			return googleRefusal("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
		case calls > 0 && (content.Role != "model" || before == "" || before == "model"):
			return googleRefusal("Please ensure that function call turn comes immediately after a user turn or after a function response turn.")
		}
		waiting, before = calls, content.Role
	}
	if waiting > 0 {
		return googleRefusal("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
	}
	return nil
}

// googleSignature is what a call has been signed with.
func googleSignature(name string) string {
	return base64.StdEncoding.EncodeToString([]byte("signed: " + name))
}

// checkSignatures is about the calls since the user last said something: the first
// of each turn must have its signature, or the word that Google's documentation
// has for calls of other models.
func (q *googleQuestion) checkSignatures() error {
	from := 0
	for i, content := range q.Contents {
		if _, responses := content.calls(); content.Role != "model" && responses == 0 {
			from = i
		}
	}
	for i, content := range q.Contents[from:] {
		j := slices.IndexFunc(content.Parts, func(p googlePart) bool { return p.FunctionCall != nil })
		if !q.model.signs() || j < 0 {
			continue
		}
		name, said := content.Parts[j].FunctionCall.Name, content.Parts[j].ThoughtSignature
		word, _ := decodeBase64(said)
		switch {
		case said == "":
			return googleRefuse("Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:%s` , position %d. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.", name, from+i+1)
		case string(word) != "signed: "+name && string(word) != "skip_thought_signature_validator" && said != "skip_thought_signature_validator":
			return googleRefusal("Corrupted thought signature.")
		}
	}
	return nil
}

var googleNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$`)

func (q *googleQuestion) functions() []googleFunction {
	var all []googleFunction
	for _, tool := range q.Tools {
		all = append(all, tool.FunctionDeclarations...)
	}
	return all
}

func (q *googleQuestion) checkTools() error {
	var names []string
	for i, f := range q.functions() {
		switch {
		case !googleNames.MatchString(f.Name):
			return googleRefuse("* GenerateContentRequest.tools[0].function_declarations[%d].name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.\n", i)
		case slices.Contains(names, f.Name):
			return googleRefuse("Duplicate function declaration found: %s", f.Name)
		case f.Parameters != nil && f.ParametersJSONSchema != nil:
			return googleRefusal("parameters and parameters_json_schema must not both be set.")
		case f.Parameters != nil && f.Parameters["type"] == "OBJECT" && f.Parameters["properties"] == nil:
			return googleRefuse("* GenerateContentRequest.tools[0].function_declarations[%d].parameters.properties: should be non-empty for OBJECT type\n", i)
		}
		names = append(names, f.Name)
	}
	config := q.ToolConfig.FunctionCallingConfig
	if (config.Mode == "ANY" || config.Mode == "VALIDATED") && len(names) == 0 {
		return googleRefusal("Function calling config is set without function_declarations.")
	}
	if len(config.AllowedFunctionNames) > 0 && config.Mode != "ANY" && config.Mode != "VALIDATED" {
		return googleRefusal("Allowed function names should be set only when the function calling mode is ANY or VALIDATED.")
	}
	for _, name := range config.AllowedFunctionNames {
		if !slices.Contains(names, name) {
			return googleRefuse("allowed_function_names contains %s, which is not declared.", name)
		}
	}
	return nil
}

func (c googleConfig) check(q *googleQuestion) error {
	const path = "* GenerateContentRequest.generation_config."
	outside := func(v *float64, low, high float64) bool { return v != nil && (*v < low || *v > high) }
	thinking := c.ThinkingConfig
	switch {
	case outside(c.Temperature, 0, 2):
		return googleRefusal(path + "temperature: temperature must be in the range [0.0, 2.0].\n")
	case outside(c.TopP, 0, 1):
		return googleRefusal(path + "top_p: top_p must be in the range [0.0, 1.0].\n")
	case outside(c.PresencePenalty, -2, 1.9999), outside(c.FrequencyPenalty, -2, 1.9999):
		return googleRefusal(path + "presence_penalty: penalties must be in the range [-2.0, 2.0).\n")
	case c.TopK != nil && *c.TopK < 1:
		return googleRefusal(path + "top_k: top_k must be positive.\n")
	case c.MaxOutputTokens != nil && (*c.MaxOutputTokens < 1 || *c.MaxOutputTokens > 65536):
		return googleRefusal(path + "max_output_tokens: max_output_tokens must be in the range [1, 65537).\n")
	case c.CandidateCount != nil && (*c.CandidateCount < 1 || *c.CandidateCount > 8):
		return googleRefusal(path + "candidate_count: candidate_count must be in the range [1, 8].\n")
	case len(c.StopSequences) > 5:
		return googleRefusal(path + "stop_sequences: at most 5 stop sequences are allowed.\n")
	case c.Logprobs != nil && (!c.ResponseLogprobs || *c.Logprobs < 0 || *c.Logprobs > 20):
		return googleRefusal(path + "logprobs: logprobs must be in the range [0, 20], and response_logprobs must be set.\n")
	case !slices.Contains([]string{"", "text/plain", "application/json", "text/x.enum"}, c.ResponseMIMEType):
		return googleRefusal(path + "response_mime_type: allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`.\n")
	case c.ResponseSchema != nil && c.ResponseJSONSchema != nil:
		return googleRefusal("response_schema and response_json_schema must not both be set.")
	case (c.ResponseSchema != nil || c.ResponseJSONSchema != nil) && c.ResponseMIMEType != "application/json":
		return googleRefusal(path + "response_schema: only allowed when the response_mime_type is `application/json`.\n")
	case c.ResponseMIMEType == "application/json" && len(q.functions()) > 0 && !q.model.signs():
		return googleRefusal("Function calling with a response mime type: 'application/json' is unsupported")
	case thinking.ThinkingLevel != "" && !q.model.signs():
		return googleRefusal("Thinking level is not supported for this model.")
	case thinking.ThinkingLevel != "" && thinking.ThinkingBudget != nil:
		return googleRefusal("You can only set only one of thinking budget and thinking level.")
	case (thinking.ThinkingBudget != nil || thinking.IncludeThoughts) && !q.model.thinks():
		return googleRefusal("Thinking is not enabled for models/" + q.model.ID)
	case thinking.ThinkingBudget != nil && *thinking.ThinkingBudget == 0 && strings.Contains(q.model.ID, "pro"):
		return googleRefusal("Budget 0 is invalid. This model only works in thinking mode.")
	}
	return nil
}

func (e googleEmbed) check(kind string, m model) error {
	switch {
	case e.Content == nil || len(e.Content.Parts) == 0:
		return googleRefuse("* %s.content: content is not specified\n", kind)
	case e.Model != "" && e.Model != "models/"+m.ID:
		return googleRefuse("* %s.model: the model of the request must be that of the address\n", kind)
	case e.OutputDimensionality != nil && (*e.OutputDimensionality < 1 || *e.OutputDimensionality > 3072):
		return googleRefuse("* %s.output_dimensionality: must be in the range [1, 3072]\n", kind)
	}
	return e.Content.check(kind + ".content")
}

func (q *googleQuestion) checkBatch() error {
	if len(q.Requests) == 0 {
		return googleRefusal("* BatchEmbedContentsRequest.requests: at least one request is required\n")
	}
	if len(q.Requests) > 100 {
		return googleRefusal("* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch\n")
	}
	for i, e := range q.Requests {
		kind := fmt.Sprintf("BatchEmbedContentsRequest.requests[%d]", i)
		if e.Model == "" {
			return googleRefuse("* %s.model: unexpected model name format\n", kind)
		}
		if err := e.check(kind, q.model); err != nil {
			return err
		}
	}
	return nil
}
