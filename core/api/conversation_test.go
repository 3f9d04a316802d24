package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk"
)

var update = flag.Bool("update", false, "write what the server answers into testdata/answers")

// TestAnswers plays the files of testdata/answers. A line that begins with "> " is a
// request; what stands between it and the next is the answer. Ids and times are named in
// the order in which they come: thread_#1, TIME.
func TestAnswers(t *testing.T) {
	openapi3filter.RegisterBodyDecoder("text/markdown", openapi3filter.PlainBodyDecoder)
	files, err := filepath.Glob("testdata/answers/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := &play{t: t, b: newBay(t, map[string]string{"m": `{}`}), names: map[string]string{}, count: map[string]int{}}
			doc := described(t, p.b)
			strict(doc)
			if p.router, err = gorillamux.NewRouter(doc); err != nil {
				t.Fatal(err)
			}
			got := p.all(string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("the server answers\n%s", got)
			}
		})
	}
}

// play is a file that is played.
type play struct {
	t      *testing.T
	b      *bay
	router routers.Router    // of openapi.yaml
	names  map[string]string // of ids
	count  map[string]int
}

func (p *play) all(text string) string {
	var got strings.Builder
	for line := range strings.Lines(text) {
		if request, ok := strings.CutPrefix(line, "> "); ok {
			got.WriteString(line + p.answer(strings.TrimSpace(request)) + "\n")
		} else if got.Len() == 0 { // what the file is about
			got.WriteString(line)
		}
	}
	return got.String()
}

// answer sends a request: method, path and body. The answer is to be as it is described.
func (p *play) answer(request string) string {
	for id, name := range p.names {
		request = regexp.MustCompile(regexp.QuoteMeta(name)+`\b`).ReplaceAllLiteralString(request, id)
	}
	words := strings.SplitN(request+"  ", " ", 3)
	status, body := p.b.conforms(p.t, p.router, words[0], words[1], strings.TrimSpace(words[2]), "application/json")
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(body), "", " "); err != nil {
		pretty.Reset()
		pretty.WriteString(body)
	}
	return fmt.Sprintf("%d\n%s\n", status, p.named(strings.TrimSuffix(pretty.String(), "\n")))
}

var (
	made  = regexp.MustCompile(`\b(asst_|thread_|msg_)[A-Za-z0-9]{24}\b`)
	times = regexp.MustCompile(`_at": [0-9]{10}\b`)
	date  = regexp.MustCompile(`\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d UTC`)
)

// named is an answer with names in the place of what is another each time.
func (p *play) named(answer string) string {
	answer = made.ReplaceAllStringFunc(answer, func(id string) string {
		if p.names[id] == "" {
			kind, _, _ := strings.Cut(id, "_")
			p.count[kind]++
			p.names[id] = fmt.Sprintf("%s_#%d", kind, p.count[kind])
		}
		return p.names[id]
	})
	return date.ReplaceAllString(times.ReplaceAllString(answer, `_at": "TIME"`), "DATE")
}

// lasting are the variables of paths that stand for what somebody owns.
var lasting = []string{"assistant", "thread", "message", "run", "step", "file", "response", "conversation", "item"}

// owned says whether a path leads to what somebody owns.
func owned(path string) bool {
	return slices.ContainsFunc(lasting, func(name string) bool { return strings.Contains(path, "{"+name+"}") })
}

// TestOwners walks over all routes that lead to what somebody owns: to another key they
// are as if it did not exist, and an administrator's finds it.
func TestOwners(t *testing.T) {
	settings, _ := json.Marshal(map[string]any{"operations": []sdk.Operation{sdk.OpResponses}, "first_event": gjson.Get(callsAdd, "first_event").String()})
	who, keyed := withOwners(t)
	b := newBay(t, map[string]string{"m": string(settings)}, keyed)
	walked := 0
	for path, item := range described(t, b).Paths.Map() {
		if !owned(path) {
			continue
		}
		for method, op := range item.Operations() {
			walked++
			t.Run(method+" "+path, func(t *testing.T) {
				b.secret = who["a"]
				body, _ := exampleOf(op, "")
				path := b.filled(t, path)
				b.secret = who["b"]
				for _, method := range []string{method, "HEAD"} {
					if status, answer := b.do(method, path, body); method != "HEAD" && (status != http.StatusNotFound || *openAIError(t, answer).Error.Code != "not_found") || method == "HEAD" && status < 400 {
						t.Errorf("%s for another key: %d %s", method, status, answer)
					}
				}
				b.secret = who["admin"]
				if status, answer := b.do(method, path, body); status == http.StatusNotFound || status >= 500 {
					t.Errorf("an administrator's key: %d %s", status, answer)
				}
			})
		}
	}
	if walked < 35 {
		t.Errorf("only %d routes lead to what somebody owns", walked)
	}
}

// TestOwnersInLists: a list has what its reader made, and an administrator's has all.
func TestOwnersInLists(t *testing.T) {
	who, keyed := withOwners(t)
	b := newBay(t, map[string]string{"m": `{}`}, keyed)
	for _, list := range []string{"/v1/assistants", "/v1/threads", "/v1/files"} {
		t.Run(list, func(t *testing.T) {
			variable := strings.TrimSuffix(strings.TrimPrefix(list, "/v1/"), "s")
			b.secret = who["a"]
			first := makers[variable](b, list)
			b.secret = who["b"]
			second := makers[variable](b, list)
			for name, want := range map[string][]string{"a": {first}, "b": {second}, "admin": {second, first}} {
				b.secret = who[name]
				if _, body := b.do("GET", list, ""); fmt.Sprint(idsOf(body)) != fmt.Sprint(want) {
					t.Errorf("to %s %v is listed, and it is %v", name, idsOf(body), want)
				}
			}
			b.secret = who["b"]
			for _, cursor := range []string{"after", "before"} {
				if status, body := b.do("GET", list+"?"+cursor+"="+first, ""); status != http.StatusBadRequest || *openAIError(t, body).Error.Param != cursor {
					t.Errorf("%s what another made: %d %s", cursor, status, body)
				}
			}
		})
	}
}

// TestOthersInRequests: what another key made cannot be used by naming it in a body.
func TestOthersInRequests(t *testing.T) {
	who, keyed := withOwners(t)
	b := newBay(t, map[string]string{"m": `{}`, "r": `{"operations": ["responses"]}`}, keyed)
	b.secret = who["a"]
	assistant := b.made("/v1/assistants", `{"model": "m", "instructions": "the secret of alice"}`)
	b.secret = who["b"]
	thread := b.made("/v1/threads", `{"messages": [{"role": "user", "content": "x"}]}`)
	for _, request := range []struct{ path, body string }{
		{"/v1/threads/" + thread + "/runs", fmt.Sprintf(`{"assistant_id": %q}`, assistant)},
		{"/v1/threads/runs", fmt.Sprintf(`{"assistant_id": %q, "thread": {"messages": [{"role": "user", "content": "x"}]}}`, assistant)},
	} {
		if status, body := b.do("POST", request.path, request.body); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", request.path, status, body)
		}
	}
	b.secret = who["a"]
	response := b.made("/v1/responses", `{"model": "r", "input": "the secret of alice"}`)
	chain := b.made("/v1/conversations", `{"items": [{"type": "message", "role": "user", "content": "the secret of alice"}]}`)
	b.secret = who["b"]
	for field, id := range map[string]string{"previous_response": response, "conversation": chain} {
		name := strings.Replace(field, "response", "response_id", 1)
		_, body := b.do("POST", "/v1/responses", fmt.Sprintf(`{"model": "r", "input": "x", %q: %q}`, name, id))
		if code := openAIError(t, body).Error.Code; *code != field+"_not_found" {
			t.Errorf("%s: %s", name, body)
		}
	}
	export := fmt.Sprintf(`{"object": "thread.export", "version": 1, "thread": {"id": "t", "created_at": 1}, "assistants": [{"id": %q, "created_at": 1, "instructions": "taken over", "model": "m"}]}`, assistant)
	if status, body := b.do("POST", "/v1/threads/import", export); status != http.StatusOK {
		t.Fatalf("import: %d %s", status, body)
	}
	if status, _ := b.do("GET", "/v1/assistants/"+assistant, ""); status != http.StatusNotFound {
		t.Errorf("the import gave the assistant of another: %d", status)
	}
	b.secret = who["a"]
	if _, body := b.do("GET", "/v1/assistants/"+assistant, ""); gjson.Get(body, "instructions").String() != "the secret of alice" {
		t.Errorf("the import changed the assistant of another: %s", body)
	}
}

func idsOf(list string) (ids []string) {
	for _, object := range gjson.Get(list, "data.#.id").Array() {
		ids = append(ids, object.String())
	}
	return ids
}

// TestPages goes through a list from both ends.
func TestPages(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	thread := b.made("/v1/threads", "")
	var all []string
	for i := range 7 {
		all = append(all, b.made("/v1/threads/"+thread+"/messages", fmt.Sprintf(`{"role": "user", "content": "%d"}`, i)))
	}
	for _, order := range []string{"asc", "desc"} {
		want := slices.Clone(all)
		if order == "desc" {
			slices.Reverse(want)
		}
		var got []string
		query := "?limit=3&order=" + order
		for more := true; more; {
			_, body := b.do("GET", "/v1/threads/"+thread+"/messages"+query, "")
			got = append(got, idsOf(body)...)
			if last := gjson.Get(body, "last_id").String(); last != got[len(got)-1] {
				t.Errorf("last_id is %s", last)
			}
			more = gjson.Get(body, "has_more").Bool()
			query = "?limit=3&order=" + order + "&after=" + got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, and it is %v", order, got, want)
		}
		_, body := b.do("GET", "/v1/threads/"+thread+"/messages?limit=2&order="+order+"&before="+want[3], "")
		if got := idsOf(body); !slices.Equal(got, want[1:3]) {
			t.Errorf("%s, before the fourth: %v, and it is %v", order, got, want[1:3])
		}
	}
}

// TestBodiesOfObjects: what is too large or too deep is refused, and nothing is kept of it.
func TestBodiesOfObjects(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	deep := `{"model": "m", "events": ` + strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000) + `}`
	large := `{"model": "m", "events": "` + strings.Repeat("x", 5<<20) + `"}`
	image := `{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,` + strings.Repeat("A", 21<<20) + `"}}]}`
	thread := b.made("/v1/threads", "")
	for _, c := range []struct {
		name, path, body string
		status           int
	}{
		{"deep", "/v1/assistants", deep, http.StatusBadRequest},
		{"large", "/v1/assistants", large, http.StatusRequestEntityTooLarge},
		{"large thread", "/v1/threads", large, http.StatusBadRequest},
		{"large message", "/v1/threads/" + thread + "/messages", image, http.StatusRequestEntityTooLarge},
		{"large message of a thread", "/v1/threads", `{"messages": [` + image + `]}`, http.StatusBadRequest},
		{"NUL in a path", "/v1/threads/%00", "{}", http.StatusNotFound},
		{"no UTF-8 in a path", "/v1/threads/%FF", "{}", http.StatusNotFound},
		{"a bad escape", "/v1/threads/%25zz", "{}", http.StatusNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := b.do("POST", c.path, c.body)
			if status != c.status {
				t.Errorf("%d %.300s", status, body)
			}
			openAIError(t, body)
		})
	}
	if _, body := b.do("GET", "/v1/threads", ""); len(idsOf(body)) != 1 {
		t.Errorf("something was kept: %.300s", body)
	}
}

// TestImageInAMessage: what a message may have in it comes back as it was.
func TestImageInAMessage(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	thread := b.made("/v1/threads", "")
	image := "data:image/png;base64," + strings.Repeat("A", 5<<20)
	id := b.made("/v1/threads/"+thread+"/messages", `{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "`+image+`"}}]}`)
	if _, body := b.do("GET", "/v1/threads/"+thread+"/messages/"+id, ""); gjson.Get(body, "content.0.image_url.url").String() != image {
		t.Errorf("it is another image, of %d bytes", len(body))
	}
}

// TestExportAndImport: an export that is imported elsewhere is exported as the same.
func TestExportAndImport(t *testing.T) {
	from, to := newBay(t, map[string]string{"m": `{}`}), newBay(t, map[string]string{"m": `{}`})
	assistant := from.made("/v1/assistants", `{"model": "m", "name": "Guide"}`)
	thread := from.made("/v1/threads", fmt.Sprintf(`{"title": "The bay", "assistants": [{"assistant_id": %q}], "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]}`, assistant))
	_, export := from.do("GET", "/v1/threads/"+thread+"/export", "")
	if status, body := to.do("POST", "/v1/threads/import", export); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if _, again := to.do("GET", "/v1/threads/"+thread+"/export", ""); again != export {
		t.Errorf("it was\n%s\nand is\n%s", export, again)
	}
	if status, body := to.do("POST", "/v1/threads/import", export); status != http.StatusConflict || *openAIError(t, body).Error.Code != "already_exists" {
		t.Errorf("a second time: %d %s", status, body)
	}
	resp := from.open("GET", "/v1/threads/"+thread+"/export?format=markdown", "")
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/markdown; charset=utf-8" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("Markdown comes as %q, %v", kind, resp.Header)
	}
}
