package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

func serveGoogle(t *testing.T) string {
	t.Helper()
	p := &provider{key: "k"}
	for _, name := range []string{"gemini-2.0-flash=google", "gemini-2.5-pro=google", "gemini-3-pro=google", "gemini-embedding-001=google", "gpt-4o"} {
		if err := p.addModel(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.faults.add("/google/v1beta/models/gemini-2.5-pro 429 1"); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(p.faults.before(p.handler()))
	t.Cleanup(s.Close)
	return s.URL
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Goog-Api-Key", "k")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body) // a stream may break off
	return resp.StatusCode, string(text)
}

// TestGoogleAnswers: paths of gjson, and what is there.
func TestGoogleAnswers(t *testing.T) {
	url := serveGoogle(t) + "/google/v1beta/models/gemini-3-pro:"
	const add = `"tools":[{"functionDeclarations":[{"name":"add","parametersJsonSchema":{"properties":{"a":{"type":"integer"}}}},{"name":"sub"}]}]`
	for name, test := range map[string]struct{ method, body, path, want string }{
		"text":           {"generateContent", `{"contents":[{"parts":[{"text":"a b"}]}]}`, "candidates.0.content.parts.#.text", `["a b"]`},
		"one content":    {"generateContent", `{"contents":{"parts":{"text":"a b"}}}`, "candidates.0.finishReason", `"STOP"`},
		"underscores":    {"generateContent", `{"contents":[{"parts":[{"text":"a b"}]}],"generation_config":{"max_output_tokens":1}}`, "candidates.0.finishReason", `"MAX_TOKENS"`},
		"blocked":        {"generateContent", `{"contents":[{"parts":[{"text":"REFUSE"}]}]}`, "promptFeedback.blockReason", `"SAFETY"`},
		"two":            {"generateContent", `{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"candidateCount":2}}`, "candidates.#.index", `[0,1]`},
		"call":           {"generateContent", `{"contents":[{"parts":[{"text":"add sub"}]}],` + add + `}`, "candidates.0.content.parts.#.functionCall.name", `["add","sub"]`},
		"forced call":    {"generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"toolConfig":{"functionCallingConfig":{"mode":"any","allowedFunctionNames":["sub"]}},` + add + `}`, "candidates.0.content.parts.#.functionCall.name", `["sub"]`},
		"arguments":      {"generateContent", `{"contents":[{"parts":[{"text":"add"}]}],` + add + `}`, "candidates.0.content.parts.0.functionCall.args", `{"a":1}`},
		"JSON":           {"generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"integer"}}}`, "candidates.0.content.parts.0.text", `"1"`},
		"thoughts":       {"generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"LOW"}}}`, "candidates.0.content.parts.#.thought", `[true]`},
		"likelihoods":    {"generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseLogprobs":true,"logprobs":2}}`, "candidates.0.logprobsResult.topCandidates.0.candidates.#", `2`},
		"image":          {"generateContent", `{"contents":[{"parts":[{"inlineData":{"mimeType":"image/webp","data":"AAAA"}}]}]}`, "candidates.0.content.parts.0.text", `"image/webp 3 bytes"`},
		"count":          {"countTokens", `{"contents":[{"parts":[{"text":"a b c"}]}]}`, "totalTokens", `3`},
		"count of whole": {"countTokens", `{"generateContentRequest":{"model":"models/x","contents":[{"parts":[{"text":"a b c"}]}]}}`, "totalTokens", `3`},
		"list stream":    {"streamGenerateContent", `{"contents":[{"parts":[{"text":"a b"}]}]}`, "#.candidates.0.finishReason", `["STOP"]`},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := post(t, url+test.method, test.body)
			if got := gjson.Get(text, test.path).Raw; status != 200 || got != test.want {
				t.Errorf("%d, %s is %s, want %s\n%s", status, test.path, got, test.want, text)
			}
		})
	}
}

// TestGoogleRefuses what the real service does.
func TestGoogleRefuses(t *testing.T) {
	url := serveGoogle(t) + "/google/v1beta/models/"
	const (
		hi   = `"contents":[{"parts":[{"text":"x"}]}]`
		tool = `"tools":[{"functionDeclarations":[{"name":"add"}]}]`
		call = `{"role":"user","parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"name":"add"}}]}`
		back = `,{"role":"user","parts":[{"functionResponse":{"name":"add","response":{}}}]}`
	)
	config := func(text string) string { return `{` + hi + `,"generationConfig":{` + text + `}}` }
	for name, test := range map[string]struct{ body, says string }{
		"no JSON":             {`{`, "Invalid JSON payload received."},
		"unknown name":        {`{` + hi + `,"messages":[]}`, `Unknown name "messages": Cannot find field.`},
		"unknown name within": {config(`"max_tokens":3`), `Unknown name "max_tokens" at 'generation_config': Cannot find field.`},
		"JSON Schema as parameters": {`{` + hi + `,"tools":[{"functionDeclarations":[{"name":"add","parameters":{"type":"object","properties":{"a":{"additionalProperties":false}}}}]}]}`,
			`Unknown name "additionalProperties" at 'tools[0].function_declarations[0].parameters.properties[a].value'`},
		"wrong type":            {config(`"temperature":"hot"`), `Invalid value at 'generation_config.temperature' (TYPE_FLOAT), "hot"`},
		"no contents":           {`{}`, "contents is not specified"},
		"role":                  {`{"contents":[{"role":"assistant","parts":[{"text":"x"}]}]}`, "Please use a valid role: user, model."},
		"system role":           {`{"contents":[{"role":"system","parts":[{"text":"x"}]}]}`, "Please use a valid role: user, model."},
		"no parts":              {`{"contents":[{"role":"user"}]}`, "contents.parts must not be empty"},
		"empty text":            {`{"contents":[{"parts":[{"text":""}]}]}`, "required oneof field 'data' must have one initialized field"},
		"empty system":          {`{` + hi + `,"systemInstruction":{"parts":[{"text":""}]}}`, "system_instruction.parts[0].data"},
		"two kinds":             {`{"contents":[{"parts":[{"text":"x","functionCall":{"name":"y"}}]}]}`, "oneof field 'data' is already set"},
		"base64":                {`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"?"}}]}]}`, "Base64 decoding failed"},
		"no image":              {`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]}`, "Unable to process input image"},
		"kind of image":         {`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/gif","data":"AAAA"}}]}]}`, "Unsupported MIME type: image/gif"},
		"call without response": {`{"contents":[` + call + `]}`, "number of function response parts"},
		"response without call": {`{"contents":[{"parts":[{"text":"x"}]}` + back + `]}`, "immediately after a function call turn"},
		"call at the start":     {`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"add"}}]}` + back + `]}`, "immediately after a user turn"},
		"no signature":          {`{"contents":[` + call + back + `],` + tool + `}`, "missing a thought_signature"},
		"wrong signature":       {`{"contents":[` + strings.Replace(call, `"functionCall"`, `"thoughtSignature":"AAAA","functionCall"`, 1) + back + `]}`, "Corrupted thought signature"},
		"name of a function":    {`{` + hi + `,"tools":[{"functionDeclarations":[{"name":"a b"}]}]}`, "Invalid function name"},
		"twice":                 {`{` + hi + `,"tools":[{"functionDeclarations":[{"name":"a"},{"name":"a"}]}]}`, "Duplicate function declaration found: a"},
		"any of none":           {`{` + hi + `,"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`, "set without function_declarations"},
		"allowed and not any":   {`{` + hi + `,` + tool + `,"toolConfig":{"functionCallingConfig":{"mode":"AUTO","allowedFunctionNames":["add"]}}}`, "Allowed function names"},
		"temperature":           {config(`"temperature":3`), "[0.0, 2.0]"},
		"stops":                 {config(`"stopSequences":["1","2","3","4","5","6"]`), "at most 5"},
		"candidates":            {config(`"candidateCount":9`), "candidate_count"},
		"schema, no JSON":       {config(`"responseJsonSchema":{}`), "only allowed when the response_mime_type"},
		"both of thinking":      {config(`"thinkingConfig":{"thinkingLevel":"LOW","thinkingBudget":1}`), "only one of thinking budget"},
		"likelihoods":           {config(`"logprobs":2`), "response_logprobs must be set"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"generateContent", "streamGenerateContent?alt=sse"} {
				status, text := post(t, url+"gemini-3-pro:"+method, test.body)
				if got := gjson.Get(text, "error.message").String(); status != 400 || gjson.Get(text, "error.status").String() != "INVALID_ARGUMENT" || !strings.Contains(got, test.says) {
					t.Errorf("%d %s\nwant %s", status, text, test.says)
				}
			}
		})
	}
}

// TestGoogleByModel is what some models do and others do not, in one go.
func TestGoogleByModel(t *testing.T) {
	url := serveGoogle(t) + "/google/v1beta/models/"
	for _, test := range []struct {
		call, body string
		status     int
	}{
		{"gemini-2.5-pro:generateContent", `{"contents":[{"parts":[{"text":"x"}]}]}`, 429}, // the fault
		{"gemini-2.5-pro:generateContent", `{"contents":[{"parts":[{"text":"x"}]}]}`, 200},
		{"gemini-2.5-pro:generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}}`, 400},
		{"gemini-2.5-pro:generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"thinkingLevel":"LOW"}}}`, 400},
		{"gemini-2.0-flash:generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":9}}}`, 400},
		{"gemini-embedding-001:generateContent", `{"contents":[{"parts":[{"text":"x"}]}]}`, 404},
		{"gemini-2.0-flash:embedContent", `{"content":{"parts":[{"text":"x"}]}}`, 404},
		{"gemini-embedding-001:embedContent", `{"content":{"parts":[{"text":"x"}]},"outputDimensionality":4}`, 200},
		{"gemini-embedding-001:embedContent", `{"content":{"parts":[{"text":"x"}]},"outputDimensionality":4000}`, 400},
		{"gemini-embedding-001:batchEmbedContents", `{"requests":[{"content":{"parts":[{"text":"x"}]}}]}`, 400},
		{"gemini-embedding-001:batchEmbedContents", `{"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"x"}]}}]}`, 200},
		{"gpt-4o:generateContent", `{"contents":[{"parts":[{"text":"x"}]}]}`, 404},
		{"gemini-2.0-flash:nothing", `{}`, 404},
	} {
		if status, text := post(t, url+test.call, test.body); status != test.status {
			t.Errorf("%s %s: %d, want %d\n%s", test.call, test.body, status, test.status, text)
		}
	}
}

func TestGoogleKeysAndPages(t *testing.T) {
	url := serveGoogle(t) + "/google/v1beta/models"
	for query, want := range map[string]string{"": "PERMISSION_DENIED", "?key=x": "INVALID_ARGUMENT", "?key=k&pageToken=x": "INVALID_ARGUMENT", "?key=k&pageSize=3": "", "?key=k&pageSize=3&pageToken=3": ""} {
		resp, err := http.Get(url + query)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		names := gjson.GetBytes(text, "models.#").Int()
		if got := gjson.GetBytes(text, "error.status").String(); got != want || want == "" && !slices.Contains([]int64{1, 3}, names) {
			t.Errorf("%s: %q and %d models", query, got, names)
		}
	}
}

// TestGoogleStreams end as they were asked to.
func TestGoogleStreams(t *testing.T) {
	url := serveGoogle(t) + "/google/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse"
	for words, last := range map[string]string{"a b": `"finishReason":"STOP"`, "a FINISH:SAFETY": `"finishReason":"SAFETY"`, "FINISH:RECITATION": `"finishReason":"RECITATION"`,
		"a OVERLOAD": `"status":"UNAVAILABLE"`, "a CUT": `"text":"a"`, "REFUSE": `"blockReason":"SAFETY"`} {
		_, text := post(t, url, `{"contents":[{"parts":[{"text":"`+words+`"}]}]}`)
		events := strings.Split(strings.TrimSpace(text), "\r\n\r\n")
		if !strings.Contains(events[len(events)-1], last) {
			t.Errorf("%s: no %s in the last of\n%s", words, last, text)
		}
	}
}
