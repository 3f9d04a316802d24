package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// described returns the document that a server gives out.
func described(t *testing.T, b *bay) *openapi3.T {
	t.Helper()
	_, body := b.do("GET", "/openapi.json", "")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatalf("the document is not valid OpenAPI: %v", err)
	}
	return doc
}

// fits says whether Fiber may have registered a path of the document: whole, or
// with a * for what begins with a variable.
func fits(pattern, path string) bool {
	expr := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.+`)
	expr = regexp.MustCompile(`:[a-z]+`).ReplaceAllString(expr, `[^/]+`)
	return regexp.MustCompile("^" + expr + "$").MatchString(path)
}

// TestRoutesAreDescribed: whoever adds a route writes it into openapi.yaml.
func TestRoutesAreDescribed(t *testing.T) {
	b := newBay(t, nil)
	doc := described(t, b)
	for _, route := range b.server.Registered() {
		method, pattern := route[0], route[1]
		if method == http.MethodHead { // Fiber's own, beside every GET
			continue
		}
		found := slices.ContainsFunc(doc.Paths.InMatchingOrder(), func(path string) bool {
			return fits(pattern, path) && doc.Paths.Value(path).GetOperation(method) != nil
		})
		if !found {
			t.Errorf("%s %s is not in openapi.yaml", method, pattern)
		}
	}
}

// exampleOf is a request as the document's examples have it, of a model that there is.
func exampleOf(op *openapi3.Operation, source string) (body, contentType string) {
	if op.RequestBody == nil {
		return "", ""
	}
	content := op.RequestBody.Value.Content
	if op.OperationID == "createFile" {
		return "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\n\r\nx\r\n--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--x--\r\n", "multipart/form-data; boundary=x"
	}
	if content["application/json"] == nil {
		return "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--x--\r\n", "multipart/form-data; boundary=x"
	}
	example, _ := content["application/json"].Example.(map[string]any)
	if _, ok := example["model"].(string); ok {
		example["model"] = "m"
	}
	if text, ok := example["source"].(string); ok && strings.Contains(text, "://") {
		example["source"] = source
	}
	data, _ := json.Marshal(example)
	return string(data), "application/json"
}

// TestDescribedRoutesAnswer: what the document describes is there, its examples
// are taken, and what comes back is as it says.
func TestDescribedRoutesAnswer(t *testing.T) {
	every := []sdk.Operation{sdk.OpResponses, sdk.OpMessages, sdk.OpCountTokens, sdk.OpRerank, sdk.OpTokenize, sdk.OpDetokenize,
		sdk.OpSpeech, sdk.OpTranscription, sdk.OpTranslation, sdk.OpImage, sdk.OpModeration}
	settings, _ := json.Marshal(map[string]any{"operations": every, "first_event": gjson.Get(callsAdd, "first_event").String()}) // its runs wait
	model := fmt.Sprintf(`{"engine": "echo", "format": "api", "settings": %s}`, settings)
	files := newSource(t)
	b := newBay(t, nil)
	d := newDepot(t, b.home)
	d.publish(t, parcel{version: "0.1.0"}, parcel{version: "0.2.0"})
	doc := described(t, b)
	strict(doc)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(method+" "+path, func(t *testing.T) {
				body, kind := exampleOf(op, files.URL+"/my-model.Q4_K_M.gguf")
				path := strings.NewReplacer("{model}", "m", "{engine}", "spare", "{plugin}", "echo").Replace(path)
				b.write("models/m/model.json", model) // another route may have removed it
				path = b.filled(t, path) + queryOf(op, files.URL+"/my-model.Q4_K_M.gguf")
				if op.OperationID == "deletePlugin" {
					b.do("DELETE", "/v1/engines/spare", "")
				}
				if op.OperationID == "deletePlugin" || strings.Contains(path, "/plugins/echo/") {
					b.do("PUT", "/v1/models/m/stop", "")
					b.do("POST", "/v1/plugins/echo/pin", `{"pinned": false}`)
					b.install(t, "echo@0.1.0")
					b.install(t, "echo@0.2.0")
				}
				if op.OperationID != "deletePlugin" {
					b.write("engines/spare.json", `{"engine": "echo", "settings": {"offers": ["far"]}}`)
				}
				status, got := b.conforms(t, router, method, path, body, kind)
				if strings.Contains(got, `"unknown_url"`) || status == http.StatusMethodNotAllowed || status >= 400 {
					t.Errorf("status %d: %s", status, got)
				}
			})
		}
	}
}

// makers make an object for a variable in a path; collection is what stands before it.
var makers = map[string]func(b *bay, collection string) (id string){
	"file": func(b *bay, collection string) string {
		if collection == "/v1/files" {
			return b.uploaded(b.t, "notes.txt", "some notes")
		}
		_, list := b.do("GET", collection, "") // of a message
		return gjson.Get(list, "data.0.id").String()
	},
	"response":     func(b *bay, collection string) string { return b.made(collection, `{"model": "m", "input": "x"}`) },
	"conversation": func(b *bay, collection string) string { return b.made(collection, `{}`) },
	"item": func(b *bay, collection string) string {
		_, added := b.do("POST", collection, `{"items": [{"role": "user", "content": "x"}]}`)
		return gjson.Get(added, "data.0.id").String()
	},
	"assistant": func(b *bay, collection string) string {
		own := b.made("/v1/assistants", `{"model": "m", "name": "Guide"}`)
		if collection != "/v1/assistants" { // of a thread
			b.made(collection, fmt.Sprintf(`{"assistant_id": %q}`, own))
		}
		return own
	},
	"thread": func(b *bay, collection string) string {
		return b.made(collection, `{"messages": [{"role": "user", "content": "What is Engine Bay?"}]}`)
	},
	"message": func(b *bay, collection string) string {
		return b.made(collection, `{"role": "user", "content": "What is Engine Bay?", "file_ids": ["file-abc123"]}`)
	},
	"run": func(b *bay, collection string) string {
		id := b.made(collection, `{"model": "m"}`)
		b.reaches(collection+"/"+id, "requires_action")
		return id
	},
	"step": func(b *bay, collection string) string {
		_, list := b.do("GET", collection, "")
		return gjson.Get(list, "data.0.id").String()
	},
}

// made posts an object, and returns its id.
func (b *bay) made(path, body string) string {
	b.t.Helper()
	status, answer := b.do("POST", path, body)
	id := gjson.Get(answer, "id").String()
	if status != http.StatusOK || id == "" && !strings.HasSuffix(path, "/assistants") {
		b.t.Fatalf("POST %s: status %d: %s", path, status, answer)
	}
	return id
}

// filled puts objects that there are in the place of a path's variables.
func (b *bay) filled(t *testing.T, path string) string {
	t.Helper()
	for {
		collection, rest, found := strings.Cut(path, "/{")
		if !found {
			return path
		}
		variable, after, _ := strings.Cut(rest, "}")
		maker := makers[variable]
		if maker == nil {
			t.Fatalf("nothing is made for {%s}: add it to makers", variable)
		}
		path = collection + "/" + maker(b, collection) + after
	}
}

// queryOf is what a request must have in its address, as the document's examples have it.
func queryOf(op *openapi3.Operation, source string) string {
	values := url.Values{}
	for _, p := range op.Parameters {
		switch {
		case p.Value.Name == "ref":
			values.Set("ref", source)
		case p.Value.In == "query" && p.Value.Required:
			values.Set(p.Value.Name, fmt.Sprint(p.Value.Example))
		}
	}
	return "?" + values.Encode()
}

// conforms sends a request and insists that the answer is as the document says.
func (b *bay) conforms(t *testing.T, router routers.Router, method, path, body, contentType string) (int, string) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	route, params, err := router.FindRoute(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	kind, well := resp.Header.Get("Content-Type"), route.Operation.Responses.Status(200)
	binary := well != nil && slices.ContainsFunc([]string{"audio/*", "application/zip", "application/octet-stream"}, func(kind string) bool { return well.Value.Content[kind] != nil })
	if strings.HasPrefix(kind, "text/event-stream") || binary && resp.StatusCode == 200 {
		return resp.StatusCode, "" // the one need not end, and the others are no JSON
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	input := &openapi3filter.ResponseValidationInput{Status: resp.StatusCode, Header: resp.Header,
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route}}
	if err := openapi3filter.ValidateResponse(ctx, input.SetBodyBytes(text)); err != nil {
		t.Errorf("%s %s: %v\n%s", method, path, err, text)
	}
	return resp.StatusCode, string(text)
}

// strict forbids what is not described, where the document leaves it open: a field
// that somebody adds is to be described too.
func strict(doc *openapi3.T) {
	for _, schema := range doc.Components.Schemas {
		shut(schema)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, response := range op.Responses.Map() {
				for _, content := range response.Value.Content {
					shut(content.Schema)
				}
			}
		}
	}
}

// shut closes a schema and those that are written into it.
func shut(schema *openapi3.SchemaRef) {
	if schema == nil || schema.Ref != "" { // which is a component, and closed as such
		return
	}
	v := schema.Value
	if v.AdditionalProperties.Has == nil && v.AdditionalProperties.Schema == nil && len(v.Properties) > 0 {
		closed := false
		v.AdditionalProperties.Has = &closed
	}
	for _, within := range v.Properties {
		shut(within)
	}
	shut(v.Items)
}

// TestAnswersAreAsDescribed tries what the examples do not reach.
func TestAnswersAreAsDescribed(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`, "bad": `{"refuse": "no"}`, "slow": `{"load_ms": 60000}`})
	b.write("models/broken/model.json", `{"engine": 7}`)
	b.write("models/away/model.json", `{"format": "gguf", "sources": [{"filename": "x.gguf", "url": "https://localhost/x.gguf"}]}`)
	b.write("engines/wrong.json", `{"engine": "nothing-of-that-name"}`)
	b.write("engines/other.json", `{"engine": "echo", "description": "another one"}`)
	doc := described(t, b)
	strict(doc)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	from := newHeldSource(t)
	defer from.release()
	host := strings.NewReplacer("HOST", strings.TrimPrefix(from.URL, "http://"))
	b.do("PUT", "/v1/models/m/start", `{"keep_alive": "1h"}`)
	b.do("PUT", "/v1/models/bad/start", "")
	l := listen(b, t, "")
	go func() { // it ends when the model is stopped
		if resp, err := http.Post(b.url+"/v1/chat/completions", "application/json", strings.NewReader(chat("slow", "x"))); err == nil {
			resp.Body.Close()
		}
	}()
	l.until(core.EventModelState, core.TransitionStarting)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/v1/models", "", 200},
		{"GET", "/v1/models?state=running", "", 200},
		{"GET", "/v1/models?state=none", "", 400},
		{"GET", "/v1/models/m", "", 200},
		{"GET", "/v1/models/bad", "", 200},
		{"GET", "/v1/models/broken", "", 200},
		{"GET", "/v1/models/away", "", 200},
		{"GET", "/v1/models/slow", "", 200},
		{"GET", "/v1/models/none", "", 404},
		{"PUT", "/v1/models/none/start", "", 404},
		{"PUT", "/v1/models/m/start", "[]", 400},
		{"PUT", "/v1/models/bad/start", "", 400},
		{"GET", "/v1/models/m?effective=true", "", 200},
		{"GET", "/v1/models/broken?effective=true", "", 200},
		{"POST", "/v1/models", `{"id": "m", "format": "api"}`, 409},
		{"POST", "/v1/models", `{"source": "hf://owner/repo"}`, 400},
		{"PATCH", "/v1/models/m", `{"id": "n"}`, 400},
		{"DELETE", "/v1/models/away", "", 200},
		{"DELETE", "/v1/models/none", "", 404},
		{"GET", "/v1/models/download/away", "", 202},
		{"GET", "/v1/models/away", "", 200},
		{"POST", "/v1/models/away/cancel?discard=true", "", 200},
		{"POST", "/v1/models/m/download", "", 200},
		{"POST", "/v1/models/none/download", "", 404},
		{"POST", "/v1/models", `{"source": "shelf://refuse/unauthorized"}`, 403},
		{"POST", "/v1/models", `{"source": "shelf://HOST/p?size=883200"}`, 202},
		{"GET", "/v1/models/p%2FQ4_K_M", "", 200},
		{"GET", "/v1/plans?ref=shelf%3A%2F%2FHOST%2Fp", "", 200},
		{"GET", "/v1/plans?ref=shelf%3A%2F%2Frefuse%2Fnot_found", "", 404},
		{"GET", "/v1/plans?ref=", "", 400},
		{"GET", "/v1/search?q=x", "", 200},
		{"GET", "/v1/search?q=x&importer=none", "", 404},
		{"GET", "/v1/engines/echo", "", 200},
		{"GET", "/v1/engines/wrong", "", 200},
		{"GET", "/v1/engines/none", "", 404},
		{"PUT", "/v1/engines/none", `{}`, 400},
		{"PUT", "/v1/engines/other", `{"env": {"A": "b"}}`, 403},
		{"DELETE", "/v1/engines/echo", "", 409},
		{"GET", "/v1/engines", "", 200},
		{"GET", "/v1/plugins", "", 200},
		{"GET", "/v1/system", "", 200},
		{"GET", "/v1/events?after=x", "", 400},
		{"POST", "/v1/chat/completions", "{", 400},
		{"POST", "/v1/messages", chat("none", "x"), 404},
		{"POST", "/v1/embeddings", `{"model":"none","input":"x"}`, 404},
		{"POST", "/v1/embeddings", `{"model":"none"}`, 400},
	} {
		t.Run(fmt.Sprint(c.method, " ", c.path, " ", c.status), func(t *testing.T) {
			if status, body := b.conforms(t, router, c.method, host.Replace(c.path), host.Replace(c.body), "application/json"); status != c.status {
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
	b.do("PUT", "/v1/models/slow/stop", "")
}

// TestEventsAreAsDescribed: the stream is text to OpenAPI, and each of its events
// an Event.
func TestEventsAreAsDescribed(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"load_ms": 300}`, "bad": `{"refuse": "no"}`})
	doc := described(t, b)
	strict(doc)
	b.do("PUT", "/v1/models/m/start", "")
	b.do("PUT", "/v1/models/bad/start", "")
	b.do("PUT", "/v1/models/m/stop", "")
	b.do("POST", "/v1/models", fmt.Sprintf(`{"source": "%s/x.gguf"}`, newSource(t).URL))
	l := listen(b, t, "1")
	seen := map[string]bool{}
	for !seen["download.progress"] || !seen["model.error"] || !seen["engine.state"] || !seen["events.lost"] {
		event := l.next()
		data, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(data, &value); err != nil {
			t.Fatal(err)
		}
		if err := doc.ValidateSchemaJSON(doc.Components.Schemas["Event"].Value, value); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		seen[event.Type] = true
	}
}
