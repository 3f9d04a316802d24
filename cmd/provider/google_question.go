package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// googleQuestion is a request of any method.
type googleQuestion struct {
	model             model
	Contents          []googleContent `json:"contents"`
	SystemInstruction googleContent   `json:"systemInstruction"`
	Tools             []struct {
		FunctionDeclarations []googleFunction `json:"functionDeclarations"`
	} `json:"tools"`
	ToolConfig struct {
		FunctionCallingConfig struct {
			Mode                 string   `json:"mode"`
			AllowedFunctionNames []string `json:"allowedFunctionNames"`
		} `json:"functionCallingConfig"`
	} `json:"toolConfig"`
	GenerationConfig       googleConfig `json:"generationConfig"`
	googleEmbed                         // of embedContent
	Requests               []googleEmbed
	GenerateContentRequest *googleQuestion
}

type googleContent struct {
	Role  string       `json:"role"`
	Parts []googlePart `json:"parts"`
}

type googlePart struct {
	Text             string `json:"text"`
	Thought          bool   `json:"thought"`
	ThoughtSignature string `json:"thoughtSignature"`
	InlineData       *struct{ MIMEType, Data string }
	FileData         *struct{ MIMEType, FileURI string }
	FunctionCall     *struct {
		ID, Name string
		Args     map[string]any
	}
	FunctionResponse *struct {
		ID, Name string
		Response map[string]any
	}
}

type googleFunction struct {
	Name                 string         `json:"name"`
	Parameters           map[string]any `json:"parameters"`
	ParametersJSONSchema map[string]any `json:"parametersJsonSchema"`
}

type googleConfig struct {
	StopSequences      []string       `json:"stopSequences"`
	ResponseMIMEType   string         `json:"responseMimeType"`
	ResponseSchema     map[string]any `json:"responseSchema"`
	ResponseJSONSchema map[string]any `json:"responseJsonSchema"`
	CandidateCount     *int           `json:"candidateCount"`
	MaxOutputTokens    *int           `json:"maxOutputTokens"`
	Temperature        *float64       `json:"temperature"`
	TopP               *float64       `json:"topP"`
	TopK               *int           `json:"topK"`
	PresencePenalty    *float64       `json:"presencePenalty"`
	FrequencyPenalty   *float64       `json:"frequencyPenalty"`
	ResponseLogprobs   bool           `json:"responseLogprobs"`
	Logprobs           *int           `json:"logprobs"`
	ThinkingConfig     struct {
		IncludeThoughts bool   `json:"includeThoughts"`
		ThinkingBudget  *int   `json:"thinkingBudget"`
		ThinkingLevel   string `json:"thinkingLevel"`
	} `json:"thinkingConfig"`
}

type googleEmbed struct {
	Model                string         `json:"model"`
	Content              *googleContent `json:"content"`
	OutputDimensionality *int           `json:"outputDimensionality"`
}

// A googleRefusal is a sentence of Google's, written as they write it.
type googleRefusal string

func (r googleRefusal) Error() string { return string(r) }

func googleRefuse(format string, args ...any) error {
	return googleRefusal(fmt.Sprintf(format, args...))
}

// read checks the names and types of a request, then what it asks.
func (q *googleQuestion) read(w http.ResponseWriter, r *http.Request, method string) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 20<<20))
	if err != nil {
		return googleRefusal("Request payload size exceeds the limit: 20971520 bytes.")
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return googleRefuse("Invalid JSON payload received. %v", err)
	}
	if value, err = googleShapes[method].read("", value); err != nil {
		return err
	}
	text, _ := json.Marshal(value)
	if err := json.Unmarshal(text, q); err != nil {
		return err
	}
	switch method {
	case "generateContent", "streamGenerateContent":
		return errors.Join(q.checkContents(), q.checkTools(), q.GenerationConfig.check(q))
	case "embedContent":
		return q.googleEmbed.check("EmbedContentRequest", q.model)
	case "batchEmbedContents":
		return q.checkBatch()
	}
	return nil
}
