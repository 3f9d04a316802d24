package api_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/keys"
)

// remembering is a server whose models m and slow answer responses.
func remembering(t *testing.T, change ...func(*api.Config)) *bay {
	return newBay(t, map[string]string{"m": `{"operations": ["responses"]}`, "short": `{"operations": ["responses"], "ctx_len": 12}`,
		"slow": `{"operations": ["responses"], "tokens": 1000, "tokens_per_second": 50}`, "brittle": `{"operations": ["responses"], "crash_after": 3}`}, change...)
}

// respond asks for a response, which must come.
func (b *bay) respond(body string, args ...any) gjson.Result {
	b.t.Helper()
	status, answer := b.do("POST", "/v1/responses", fmt.Sprintf(body, args...))
	if status != http.StatusOK {
		b.t.Fatalf("status %d: %s", status, answer)
	}
	return gjson.Parse(answer)
}

// said is the text of a response.
func said(response gjson.Result) string { return response.Get("output.0.content.0.text").String() }

var responseID = regexp.MustCompile(`^resp_[0-9a-f]{48}$`)

// TestPreviousResponse: the engine is given all that went before, and nothing of what is
// ours to do.
func TestPreviousResponse(t *testing.T) {
	b := remembering(t)
	one := b.respond(`{"model":"m","input":"a","instructions":"be brief","metadata":{"k":"v"}}`)
	two := b.respond(`{"model":"m","input":[{"role":"user","content":"b"}],"previous_response_id":%q}`, one.Get("id").Str)
	three := b.respond(`{"model":"m","input":"c","previous_response_id":%q,"store":false,"truncation":"disabled"}`, two.Get("id").Str)
	for i, r := range []gjson.Result{one, two, three} {
		want := []string{"user: a", "user: a | assistant: user: a | user: b", "user: a | assistant: user: a | user: b | assistant: user: a | assistant: user: a | user: b | user: c"}[i]
		if said(r) != want || !responseID.MatchString(r.Get("id").Str) {
			t.Errorf("response %d, %s: %q, want %q", i, r.Get("id"), said(r), want)
		}
		asked := r.Get("body").Str
		if gjson.Get(asked, "store").Raw != "false" || gjson.Get(asked, "previous_response_id").Exists() || gjson.Get(asked, "truncation").Exists() {
			t.Errorf("the engine is asked %s", asked)
		}
	}
	if got := one.Get("metadata").Raw + one.Get("store").Raw + two.Get("previous_response_id").Str + three.Get("store").Raw; got != `{"k":"v"}true`+one.Get("id").Str+"false" {
		t.Errorf("ours is %s", got)
	}
	if gjson.Get(two.Get("body").Str, "instructions").Exists() {
		t.Error("instructions are taken over")
	}
	status, shown := b.do("GET", "/v1/responses/"+two.Get("id").Str, "")
	if status != 200 || shown != two.Raw {
		t.Errorf("shown is %d %s, want %s", status, shown, two.Raw)
	}
	status, body := b.do("GET", "/v1/responses/"+three.Get("id").Str, "")
	if e := openAIError(t, body); status != 404 || *e.Error.Code != "not_found" {
		t.Errorf("with store false: %d %s", status, body)
	}
	fork := b.respond(`{"model":"m","input":"d","previous_response_id":%q}`, one.Get("id").Str)
	if said(fork) != "user: a | assistant: user: a | user: d" {
		t.Errorf("a second one that goes on from the first: %q", said(fork))
	}
}

func TestDeletedResponse(t *testing.T) {
	b := remembering(t)
	ids := []string{b.respond(`{"model":"m","input":"a"}`).Get("id").Str}
	for _, text := range []string{"b", "c"} {
		ids = append(ids, b.respond(`{"model":"m","input":%q,"previous_response_id":%q}`, text, ids[len(ids)-1]).Get("id").Str)
	}
	status, body := b.do("DELETE", "/v1/responses/"+ids[1], "")
	if status != 200 || body != fmt.Sprintf(`{"deleted":true,"id":%q,"object":"response"}`, ids[1]) {
		t.Fatalf("%d %s", status, body)
	}
	for _, path := range []string{"", "/input_items"} {
		if status, _ := b.do("GET", "/v1/responses/"+ids[1]+path, ""); status != 404 {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	status, body = b.do("POST", "/v1/responses", fmt.Sprintf(`{"model":"m","input":"x","previous_response_id":%q}`, ids[1]))
	if e := openAIError(t, body).Error; status != 400 || *e.Code != "previous_response_not_found" || *e.Param != "previous_response_id" {
		t.Errorf("go on from it: %d %s", status, body)
	}
	last := b.respond(`{"model":"m","input":"d","previous_response_id":%q}`, ids[2])
	if text := said(last); !strings.HasPrefix(text, "user: a | assistant: user: a | user: c | ") || !strings.HasSuffix(text, " | user: d") {
		t.Errorf("without the middle: %q", text)
	}
}

func TestInputItems(t *testing.T) {
	b := remembering(t)
	one := b.respond(`{"model":"m","input":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"input_text","text":"a"}]}]}`)
	two := b.respond(`{"model":"m","input":"b","previous_response_id":%q}`, one.Get("id").Str)
	var got []string
	after := ""
	for range 9 {
		_, page := b.do("GET", "/v1/responses/"+two.Get("id").Str+"/input_items?order=asc&limit=2"+after, "")
		for _, item := range gjson.Get(page, "data").Array() {
			got = append(got, item.Get("role").Str+" "+item.Get("content.0.type").Str+" "+item.Get("content.0.text").Str)
		}
		if !gjson.Get(page, "has_more").Bool() {
			break
		}
		after = "&after=" + gjson.Get(page, "last_id").Str
	}
	if fmt.Sprint(got) != "[system input_text s user input_text a assistant output_text system: s | user: a user input_text b]" {
		t.Errorf("the items are %q", got)
	}
	for query, param := range map[string]string{"?limit=0": "limit", "?order=up": "order", "?after=msg_none": "after"} {
		status, body := b.do("GET", "/v1/responses/"+two.Get("id").Str+"/input_items"+query, "")
		if e := openAIError(t, body).Error; status != 400 || e.Param == nil || *e.Param != param {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// streamedEvents reads a stream to its end.
func streamedEvents(t *testing.T, body io.Reader) (all []gjson.Result) {
	t.Helper()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			all = append(all, gjson.Parse(data))
		}
	}
	return all
}

// TestStreamedResponse: every event that holds the response has our id, and who has read
// the last one can go on from it.
func TestStreamedResponse(t *testing.T) {
	b := remembering(t)
	before := ""
	for i, want := range []string{"user: a", "user: a | assistant: user: a | user: a"} {
		resp := b.open("POST", "/v1/responses", fmt.Sprintf(`{"model":"m","input":"a","stream":true%s}`, before))
		all := streamedEvents(t, resp.Body)
		resp.Body.Close()
		id, text, whole := "", "", 0
		for n, e := range all {
			if e.Get("sequence_number").Int() != int64(n) {
				t.Errorf("event %d is %s", n, e)
			}
			text += e.Get("delta").Str
			if !e.Get("response").Exists() {
				continue
			}
			whole++
			if id == "" {
				id = e.Get("response.id").Str
			}
			if e.Get("response.id").Str != id || !responseID.MatchString(id) || !e.Get("response.store").Bool() || (i == 1) != e.Get("response.previous_response_id").Exists() && e.Get("response.previous_response_id").Type != gjson.Null {
				t.Errorf("event %d is %s", n, e)
			}
		}
		if text != want || whole != 3 || all[len(all)-1].Get("type").Str != "response.completed" {
			t.Errorf("%d events, %d of them with the response: %q, want %q", len(all), whole, text, want)
		}
		if _, shown := b.do("GET", "/v1/responses/"+id, ""); shown != all[len(all)-1].Get("response").Raw {
			t.Errorf("stored is %s", shown)
		}
		before = fmt.Sprintf(`,"previous_response_id":%q`, id)
	}
}

// TestBrokenOffResponse: of a stream that was broken off, by the engine or by the client,
// what came is there, and can be gone on from.
func TestBrokenOffResponse(t *testing.T) {
	b := remembering(t)
	for model, test := range map[string]struct{ input, reason, says string }{
		"brittle": {"one two three four five six", "engine_broke_off", "user: one two "},
		"slow":    {"x", "client_left", "echo "},
	} {
		t.Run(model, func(t *testing.T) {
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			req, _ := http.NewRequestWithContext(ctx, "POST", b.url+"/v1/responses", strings.NewReader(fmt.Sprintf(`{"model":%q,"input":%q,"stream":true}`, model, test.input)))
			req.Header.Set("Content-Type", "application/json")
			resp, err := b.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			id := ""
			for pieces := 0; lines.Scan() && pieces < 5; {
				data, ok := strings.CutPrefix(lines.Text(), "data: ")
				if ok && id == "" {
					id = gjson.Get(data, "response.id").Str
				}
				if gjson.Get(data, "delta").Exists() && test.reason == "client_left" {
					pieces++
				}
			}
			leave()
			shown := b.stored(id)
			if shown.Get("status").Str != "incomplete" || shown.Get("incomplete_details.reason").Str != test.reason || !strings.HasPrefix(said(shown), test.says) || shown.Get("output.0.status").Str != "incomplete" {
				t.Errorf("stored is %s", shown)
			}
			next := b.respond(`{"model":"m","input":"go on","previous_response_id":%q}`, id)
			if want := "user: " + test.input + " | assistant: " + said(shown) + " | user: go on"; said(next) != want {
				t.Errorf("it goes on from %q, want %q", said(next), want)
			}
		})
	}
}

// stored waits until a response is stored.
func (b *bay) stored(id string) gjson.Result {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		status, body := b.do("GET", "/v1/responses/"+id, "")
		if status == http.StatusOK {
			return gjson.Parse(body)
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("the response %s is not stored: %d %s", id, status, body)
		}
	}
}

// TestToolsOverResponses: a call and its output are in the history, in their order.
func TestToolsOverResponses(t *testing.T) {
	b := remembering(t)
	const tools = `"tools":[{"type":"function","name":"add","parameters":{}}]`
	one := b.respond(`{"model":"m","input":"sum","stream":false,` + tools + `}`)
	call := one.Get("output.0")
	if call.Get("type").Str != "function_call" {
		t.Fatalf("%s", one)
	}
	two := b.respond(`{"model":"m","previous_response_id":%q,%s,"input":[{"type":"function_call_output","call_id":%q,"output":"5"}]}`, one.Get("id").Str, tools, call.Get("call_id").Str)
	three := b.respond(`{"model":"m","previous_response_id":%q,"input":"and?"}`, two.Get("id").Str)
	if want := `user: sum | call: add{"n":1} | output: 5`; said(two) != want || said(three) != want+" | assistant: "+want+" | user: and?" {
		t.Errorf("%q, then %q", said(two), said(three))
	}
	if given := gjson.Get(two.Get("body").Str, "input.1"); given.Get("call_id").Str != call.Get("call_id").Str || given.Get("id").Exists() {
		t.Errorf("the engine is given %s", given)
	}
}

// TestItemReferences: as Vercel's AI SDK sends what was said before.
func TestItemReferences(t *testing.T) {
	b := remembering(t)
	one := b.respond(`{"model":"m","input":"a"}`)
	answer := one.Get("output.0.id").Str
	two := b.respond(`{"model":"m","input":[{"role":"user","content":"a"},{"type":"item_reference","id":%q},{"role":"user","content":"b"}]}`, answer)
	if want := "user: a | assistant: user: a | user: b"; said(two) != want {
		t.Errorf("%q, want %q", said(two), want)
	}
	again := b.respond(`{"model":"m","previous_response_id":%q,"input":[{"id":%q},{"role":"user","content":"b"}]}`, one.Get("id").Str, answer)
	if want := "user: a | assistant: user: a | user: b"; said(again) != want {
		t.Errorf("what went before comes twice: %q", said(again))
	}
	_, items := b.do("GET", "/v1/responses/"+two.Get("id").Str+"/input_items", "")
	if n := gjson.Get(items, "data.#").Int(); n != 3 || strings.Contains(items, "item_reference") {
		t.Errorf("the items are %s", items)
	}
	status, body := b.do("POST", "/v1/responses", `{"model":"m","input":[{"type":"item_reference","id":"msg_none"}]}`)
	if e := openAIError(t, body).Error; status != 404 || *e.Param != "input" || !strings.Contains(e.Message, "msg_none") {
		t.Errorf("%d %s", status, body)
	}
}

// TestTruncation: the model has room for twelve words.
func TestTruncation(t *testing.T) {
	b := remembering(t)
	id, previous := "", ""
	for range 3 {
		id = b.respond(`{"model":"m","input":"a b c"%s}`, previous).Get("id").Str
		previous = fmt.Sprintf(`,"previous_response_id":%q`, id)
	}
	status, body := b.do("POST", "/v1/responses", fmt.Sprintf(`{"model":"short","input":"d"%s}`, previous))
	if e := openAIError(t, body).Error; status != 400 || *e.Code != "context_length_exceeded" {
		t.Errorf("without truncation: %d %s", status, body)
	}
	for _, stream := range []string{"false", "true"} {
		resp := b.open("POST", "/v1/responses", fmt.Sprintf(`{"model":"short","input":[{"role":"developer","content":"be brief"},{"role":"user","content":"d"}],"truncation":"auto","stream":%s%s}`, stream, previous))
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, text)
		}
		r := gjson.ParseBytes(text)
		if stream == "true" {
			all := streamedEvents(t, strings.NewReader(string(text)))
			r = all[len(all)-1].Get("response")
		}
		if said(r) != "developer: be brief | user: d" || resp.Header.Get("X-Enginebay-Truncated") != "6" || r.Get("truncated.items").Int() != 6 || r.Get("truncation").Str != "auto" {
			t.Errorf("%s items are left out: %s", resp.Header.Get("X-Enginebay-Truncated"), r)
		}
		if status, items := b.do("GET", "/v1/responses/"+r.Get("id").Str+"/input_items", ""); status != 200 || gjson.Get(items, "data.#").Int() != 8 {
			t.Errorf("the history is cut: %s", items)
		}
	}
	status, body = b.do("POST", "/v1/responses", `{"model":"short","input":"1 2 3 4 5 6 7 8 9 10 11 12 13","truncation":"auto"}`)
	if e := openAIError(t, body).Error; status != 400 || *e.Code != "context_length_exceeded" {
		t.Errorf("what is too long alone: %d %s", status, body)
	}
}

// TestResponsesOfManyItems: what would keep everybody else from writing is not stored.
func TestResponsesOfManyItems(t *testing.T) {
	b := remembering(t)
	input := `{"model":"m","input":[` + strings.Repeat(`{"role":"user","content":"a"},`, 10_000) + `{"role":"user","content":"a"}]`
	status, body := b.do("POST", "/v1/responses", input+`}`)
	if e := openAIError(t, body).Error; status != 400 || *e.Param != "input" {
		t.Errorf("%d %s", status, body)
	}
	_, body = b.do("POST", "/v1/responses", input+`,"store":false}`)
	if e := openAIError(t, body).Error; *e.Code != "context_length_exceeded" { // as the engine says
		t.Errorf("without store: %s", body)
	}
}

// TestResponsesOfRoutes: what went before goes to whichever target answers.
func TestResponsesOfRoutes(t *testing.T) {
	b := remembering(t)
	b.write("models/down/model.json", `{"engine": "echo", "format": "api", "settings": {"operations": ["responses"], "status": 500}}`)
	b.route("routed", `[{"model": "down"}, {"model": "m"}]`, "")
	one := b.respond(`{"model":"routed","input":"a"}`)
	resp := b.open("POST", "/v1/responses", fmt.Sprintf(`{"model":"routed","input":"b","stream":true,"previous_response_id":%q}`, one.Get("id").Str))
	defer resp.Body.Close()
	all := streamedEvents(t, resp.Body)
	last := all[len(all)-1].Get("response")
	if said(last) != "user: a | assistant: user: a | user: b" || resp.Header.Get("X-Enginebay-Model") != "m" || b.stored(last.Get("id").Str).Raw != last.Raw {
		t.Errorf("%s answers %s", resp.Header.Get("X-Enginebay-Model"), last)
	}
}

func TestResponsesAreRefused(t *testing.T) {
	b := remembering(t)
	for body, want := range map[string]string{
		`"previous_response_id":"resp_none"`:                         "400 previous_response_id previous_response_not_found",
		`"conversation":"conv_none"`:                                 "404 conversation conversation_not_found",
		`"conversation":{"id":"conv_none"}`:                          "404 conversation conversation_not_found",
		`"conversation":{}`:                                          "400 conversation.id invalid_value",
		`"conversation":5`:                                           "400 conversation invalid_type",
		`"previous_response_id":"a","conversation":"b"`:              "400 previous_response_id invalid_value",
		`"previous_response_id":"\u0000"`:                            "400 previous_response_id previous_response_not_found",
		`"background":true`:                                          "400 background invalid_value",
		`"truncation":"some"`:                                        "400 truncation invalid_value",
		`"previous_response_id":"` + strings.Repeat("x", 3000) + `"`: "400 previous_response_id previous_response_not_found",
	} {
		status, answer := b.do("POST", "/v1/responses", `{"model":"m","input":"x",`+body+`}`)
		e := openAIError(t, answer).Error
		if got := fmt.Sprint(status, " ", *e.Param, " ", *e.Code); got != want {
			t.Errorf("%.80s: %s, want %s", body, got, want)
		}
	}
}

// TestResponsesWithoutDatabase: whoever stores nothing does not need it, and whoever
// would store gets the answer all the same.
func TestResponsesWithoutDatabase(t *testing.T) {
	b := remembering(t, func(c *api.Config) {
		db, err := database.Open(context.Background(), database.Config{File: filepath.Join(t.TempDir(), "x.db"), Migrations: conversation.Migrations, Log: c.Log})
		if err != nil {
			t.Fatal(err)
		}
		if c.Conversations, err = conversation.Open(context.Background(), db, hclog.NewNullLogger()); err != nil {
			t.Fatal(err)
		}
		db.Close()
	})
	if r := b.respond(`{"model":"m","input":"a","store":false}`); r.Get("store").Bool() || said(r) != "user: a" {
		t.Errorf("store false: %s", r)
	}
	if strings.Contains(b.log.String(), "not stored") {
		t.Error("it was to be stored")
	}
	if r := b.respond(`{"model":"m","input":"a"}`); r.Get("store").Bool() || said(r) != "user: a" {
		t.Errorf("to be stored: %s", r)
	}
	b.log.wait(t, "a response is not stored", 1, time.Second)
	if status, _ := b.do("POST", "/v1/responses", `{"model":"m","input":"a","previous_response_id":"resp_1"}`); status != 503 {
		t.Errorf("what goes on: %d", status)
	}
}

// TestSlotWhileItIsStored: an engine with one slot goes on while the database takes its time.
func TestSlotWhileItIsStored(t *testing.T) {
	var db *database.DB
	b := newBay(t, map[string]string{"m": `{"operations": ["responses"], "n_parallel": 1, "tokens": 5, "tokens_per_second": 50}`}, func(c *api.Config) {
		var err error
		if db, err = database.Open(context.Background(), database.Config{File: filepath.Join(t.TempDir(), "x.db"), Migrations: conversation.Migrations, Log: c.Log}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if c.Conversations, err = conversation.Open(context.Background(), db, hclog.NewNullLogger()); err != nil {
			t.Fatal(err)
		}
	})
	busy, free := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := db.Write(context.Background(), func(*sql.Tx) error { close(busy); <-free; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-busy
	var stored gjson.Result
	var last string
	told := make(chan struct{})
	wait.Go(func() {
		resp, err := b.client.Post(b.url+"/v1/responses", "application/json", strings.NewReader(`{"model":"m","input":"a","stream":true}`))
		if err != nil {
			t.Error(err)
			close(told)
			return
		}
		defer resp.Body.Close()
		events := bufio.NewScanner(resp.Body)
		tell := sync.OnceFunc(func() { close(told) })
		defer tell()
		for events.Scan() {
			if data, ok := strings.CutPrefix(events.Text(), "data: "); ok {
				last = data
			}
			if strings.Contains(last, "response.output_text.delta") { // it has the slot
				tell()
			}
		}
		stored = gjson.Get(last, "response")
	})
	<-told
	other := *b
	other.client = &http.Client{Transport: b.client.Transport, Timeout: 10 * time.Second}
	r := other.respond(`{"model":"m","input":"b","store":false}`)
	close(free)
	wait.Wait()
	if r.Get("status").Str != "completed" || stored.Get("status").Str != "completed" || !stored.Get("store").Bool() {
		t.Errorf("beside it: %s; stored: %s", r, last)
	}
}

// TestResponsesOfOthers: what one key has made, another does not see, and does not go on from.
func TestResponsesOfOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	_, anna, err := keys.Create(file, keys.Key{Name: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	_, bert, err := keys.Create(file, keys.Key{Name: "bert"})
	if err != nil {
		t.Fatal(err)
	}
	b := remembering(t, func(c *api.Config) { c.Keys = ring(t, file) })
	b.secret = anna
	one := b.respond(`{"model":"m","input":"a"}`)
	_, made := b.do("POST", "/v1/conversations", `{"items":[{"role":"user","content":"x"}]}`)
	talk := gjson.Get(made, "id").Str
	b.secret = bert
	for _, ask := range []struct{ method, path, body string }{
		{"GET", "/v1/responses/" + one.Get("id").Str, ""},
		{"DELETE", "/v1/responses/" + one.Get("id").Str, ""},
		{"GET", "/v1/responses/" + one.Get("id").Str + "/input_items", ""},
		{"POST", "/v1/responses", fmt.Sprintf(`{"model":"m","input":[{"type":"item_reference","id":%q}]}`, one.Get("output.0.id").Str)},
		{"POST", "/v1/responses", fmt.Sprintf(`{"model":"m","input":"x","conversation":%q}`, talk)},
		{"GET", "/v1/conversations/" + talk, ""},
		{"POST", "/v1/conversations/" + talk, `{"metadata":{}}`},
		{"POST", "/v1/conversations/" + talk + "/items", `{"items":[{"role":"user","content":"y"}]}`},
		{"GET", "/v1/conversations/" + talk + "/items", ""},
		{"DELETE", "/v1/conversations/" + talk, ""},
	} {
		if status, body := b.do(ask.method, ask.path, ask.body); status != 404 {
			t.Errorf("%s %s %s: %d %s", ask.method, ask.path, ask.body, status, body)
		}
	}
	_, refused := b.do("POST", "/v1/responses", fmt.Sprintf(`{"model":"m","input":"x","previous_response_id":%q}`, one.Get("id").Str))
	if code := openAIError(t, refused).Error.Code; *code != "previous_response_not_found" {
		t.Errorf("going on from another's: %s", refused)
	}
	b.secret = anna
	if r := b.respond(`{"model":"m","input":"b","previous_response_id":%q}`, one.Get("id").Str); said(r) != "user: a | assistant: user: a | user: b" {
		t.Errorf("her own: %q", said(r))
	}
}

func TestConversations(t *testing.T) {
	b := remembering(t)
	_, made := b.do("POST", "/v1/conversations", `{"metadata":{"topic":"demo"},"items":[{"type":"message","role":"developer","content":"s"},{"role":"user","content":"a"}]}`)
	talk := gjson.Get(made, "id").Str
	if !strings.HasPrefix(talk, "conv_") || gjson.Get(made, "object").Str != "conversation" || gjson.Get(made, "metadata").Raw != `{"topic":"demo"}` || gjson.Get(made, "created_at").Int() == 0 {
		t.Fatalf("%s", made)
	}
	one := b.respond(`{"model":"m","input":"b","conversation":%q}`, talk)
	two := b.respond(`{"model":"m","input":"c","store":false,"conversation":{"id":%q}}`, talk)
	if one.Get("conversation.id").Str != talk || said(one) != "developer: s | user: a | user: b" || said(two) != said(one)+" | assistant: "+said(one)+" | user: c" {
		t.Errorf("%q, then %q", said(one), said(two))
	}
	_, list := b.do("GET", "/v1/conversations/"+talk+"/items?order=asc&limit=100", "")
	var roles []string
	for _, item := range gjson.Get(list, "data").Array() {
		roles = append(roles, item.Get("role").Str)
		_, shown := b.do("GET", "/v1/conversations/"+talk+"/items/"+item.Get("id").Str, "")
		if shown != item.Raw {
			t.Errorf("an item is %s, listed %s", shown, item)
		}
	}
	if fmt.Sprint(roles) != "[developer user user assistant user assistant]" {
		t.Fatalf("the items are %s", roles)
	}
	if status, _ := b.do("GET", "/v1/responses/"+two.Get("id").Str, ""); status != 404 {
		t.Errorf("store false: %d", status)
	}
	gone := gjson.Get(list, "data.2.id").Str
	if status, body := b.do("DELETE", "/v1/conversations/"+talk+"/items/"+gone, ""); status != 200 || body != made {
		t.Errorf("an item is deleted: %d %s", status, body)
	}
	_, added := b.do("POST", "/v1/conversations/"+talk+"/items", `{"items":[{"role":"user","content":"d"},{"role":"assistant","content":"e"}]}`)
	if gjson.Get(added, "data.#").Int() != 2 || gjson.Get(added, "data.1.content.0.type").Str != "output_text" || gjson.Get(added, "first_id").Str != gjson.Get(added, "data.0.id").Str {
		t.Errorf("added: %s", added)
	}
	if _, body := b.do("GET", "/v1/conversations/"+talk+"/items?limit=1", ""); gjson.Get(body, "data.0.id").Str != gjson.Get(added, "data.1.id").Str || !gjson.Get(body, "has_more").Bool() {
		t.Errorf("the last: %s", body)
	}
	if status, body := b.do("POST", "/v1/conversations/"+talk, `{"metadata":{"topic":"other"}}`); status != 200 || gjson.Get(body, "metadata.topic").Str != "other" {
		t.Errorf("changed: %d %s", status, body)
	}
	if status, body := b.do("DELETE", "/v1/conversations/"+talk, ""); status != 200 || gjson.Get(body, "object").Str != "conversation.deleted" {
		t.Errorf("deleted: %d %s", status, body)
	}
	for _, path := range []string{"", "/items", "/items/" + gone} {
		if status, body := b.do("GET", "/v1/conversations/"+talk+path, ""); status != 404 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if shown := b.stored(one.Get("id").Str); shown.Get("id").Str != one.Get("id").Str {
		t.Errorf("its response: %s", shown)
	}
}

// TestConversationOfMany: two at once see the same before them, and both are added.
func TestConversationOfMany(t *testing.T) {
	b := remembering(t)
	_, made := b.do("POST", "/v1/conversations", "")
	talk := gjson.Get(made, "id").Str
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			status, body := b.do("POST", "/v1/responses", fmt.Sprintf(`{"model":"m","input":"q%d","conversation":%q}`, i, talk))
			if status != 200 || !gjson.Get(body, "store").Bool() {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	wait.Wait()
	_, list := b.do("GET", "/v1/conversations/"+talk+"/items?order=asc&limit=100", "")
	items := gjson.Get(list, "data").Array()
	if len(items) != 16 {
		t.Fatalf("%d items", len(items))
	}
	for i := 0; i < 16; i += 2 {
		if q := items[i].Get("content.0.text").Str; items[i].Get("role").Str != "user" || !strings.HasSuffix(items[i+1].Get("content.0.text").Str, "user: "+q) {
			t.Errorf("%s is followed by %s", items[i], items[i+1])
		}
	}
}

func TestConversationsAreRefused(t *testing.T) {
	b := remembering(t)
	_, made := b.do("POST", "/v1/conversations", `{}`)
	path := "/v1/conversations/" + gjson.Get(made, "id").Str + "/items"
	many := strings.TrimSuffix(strings.Repeat(`{"role":"user","content":"x"},`, 21), ",")
	for items, param := range map[string]string{
		`[]`:                              "items",
		many:                              "items",
		`5`:                               "items",
		`[5]`:                             "items[0]",
		`[{}]`:                            "items[0].role",
		`[{"role":"king","content":"x"}]`: "items[0].role",
		`[{"role":"user","content":5}]`:   "items[0].content",
		`[{"role":"user","content":[{"text":"x"}]}]`:                         "items[0].content[0].type",
		`[{"role":"user","content":"x"},{"type":5}]`:                         "items[1].type",
		`[{"type":"item_reference","id":"msg_1"}]`:                           "items[0]",
		`[{"type":"function_call","call_id":"c","name":"f"}]`:                "items[0].arguments",
		`[{"type":"function_call_output","call_id":"c"}]`:                    "items[0].output",
		`[{"type":"function_call_output","call_id":"c","output":{"a":"b"}}]`: "items[0].output",
	} {
		if !strings.HasPrefix(items, "[") && items != "5" {
			items = "[" + items + "]"
		}
		status, body := b.do("POST", path, `{"items":`+items+`}`)
		if e := openAIError(t, body).Error; status != 400 || e.Param == nil || *e.Param != param {
			t.Errorf("%.80s: %d %s, want %s", items, status, body, param)
		}
	}
	if _, body := b.do("GET", path, ""); gjson.Get(body, "data.#").Int() != 0 || gjson.Get(body, "first_id").Type != gjson.Null {
		t.Errorf("the conversation has %s", body)
	}
	if status, body := b.do("POST", "/v1/conversations", `{"metadata":{"k":"`+strings.Repeat("x", 513)+`"}}`); status != 400 || *openAIError(t, body).Error.Param != "metadata" {
		t.Errorf("%d %s", status, body)
	}
}

// TestKeepResponses: old ones are deleted, those that are in a conversation stay.
func TestKeepResponses(t *testing.T) {
	b := remembering(t)
	_, made := b.do("POST", "/v1/conversations", "")
	alone := b.respond(`{"model":"m","input":"a"}`).Get("id").Str
	within := b.respond(`{"model":"m","input":"b","conversation":%q}`, gjson.Get(made, "id").Str).Get("id").Str
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) { // a time is kept in seconds
		b.server.Apply(api.Policy{KeepResponses: time.Nanosecond})
		if status, _ := b.do("GET", "/v1/responses/"+alone, ""); status == 404 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is there still")
		}
	}
	b.stored(within)
	b.server.Apply(api.Policy{KeepResponses: core.Forever})
	next := b.respond(`{"model":"m","input":"c","conversation":%q}`, gjson.Get(made, "id").Str)
	if said(next) != "user: b | assistant: user: b | user: c" {
		t.Errorf("%q", said(next))
	}
}
