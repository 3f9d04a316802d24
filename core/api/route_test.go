package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
)

// route writes a routed model: its targets, and further fields of its file.
func (b *bay) route(id, targets, more string) {
	b.t.Helper()
	b.write("models/"+id+"/model.json", `{"targets": `+targets+more+`}`)
	t, ok := b.t.(*testing.T)
	if !ok {
		b.t.Fatal("not a test")
	}
	waitFor(t, b, id)
}

// targetShown is a target as GET /v1/models/{id} shows it.
type targetShown struct {
	ID, Engine, State, Transition, Health, Error string
	Weight                                       float64
	Requests                                     int
	Until                                        *int64
}

// targets are those of a routed model, by id.
func (b *bay) targets(id string) map[string]targetShown {
	b.t.Helper()
	var m struct {
		Route struct{ Targets []targetShown }
	}
	if status, body := b.do("GET", "/v1/models/"+id, ""); status != 200 || json.Unmarshal([]byte(body), &m) != nil {
		b.t.Fatalf("%d %s", status, body)
	}
	all := map[string]targetShown{}
	for _, t := range m.Route.Targets {
		all[t.ID] = t
	}
	return all
}

// until waits until something is so.
func (b *bay) until(what string, so func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("not within twenty seconds: %s\n%s", what, b.log)
		}
	}
}

// reply is what came of a request.
type reply struct {
	status int
	target string // X-Enginebay-Model
	after  string // Retry-After
	body   string
}

func (b *bay) chat(model, text string, more ...string) reply {
	b.t.Helper()
	resp := b.open("POST", "/v1/chat/completions", chat(model, text, more...))
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header.Get("X-Enginebay-Model"), resp.Header.Get("Retry-After"), string(body)}
}

// TestFallback: what makes the next target be asked, of whole answers and of
// streams, and for how long the one that failed is passed over then.
func TestFallback(t *testing.T) {
	const hour = 3600 * time.Second
	for name, test := range map[string]struct {
		settings string        // of the first target
		more     string        // of the routed model's file
		cools    time.Duration // about
		why      string        // part of what is said of the target
		streams  bool          // only of streams
	}{
		"500":                  {`{"status": 500}`, `, "cool_down": "1m"`, time.Minute, "no, as asked", false},
		"503 with Retry-After": {`{"status": 503, "headers": {"Retry-After": "90"}}`, ``, 90 * time.Second, "no, as asked", false},
		"429":                  {`{"status": 429}`, ``, 30 * time.Second, "no, as asked", false},
		"429 with Retry-After": {`{"status": 429, "headers": {"Retry-After": "200"}}`, ``, 200 * time.Second, "no, as asked", false},
		"429 with a Retry-After that is too long": {`{"status": 429, "headers": {"Retry-After": "86000"}}`, ``, hour, "no, as asked", false},
		"a load that is refused":                  {`{"refuse": "not today"}`, ``, 30 * time.Second, "not today", false},
		"a plugin that crashes":                   {`{"crash_on": "load"}`, ``, 30 * time.Second, "ended", false},
		"a broken connection":                     {`{"crash_on": "request"}`, ``, 30 * time.Second, "broke off", false},
		"a panic":                                 {`{"panic_on": "request"}`, ``, 30 * time.Second, "", false},
		"a broken stream":                         {`{"crash_after": 0}`, ``, 30 * time.Second, "broke off", false},
		"a time-out":                              {`{"hang_on": "request"}`, `, "timeout": "2s"`, 30 * time.Second, "did not begin to answer within 2s", false},
		"a load that hangs":                       {`{"hang_on": "load"}`, `, "timeout": "2s"`, 30 * time.Second, "did not begin", false},
		"a time-out after the head":               {`{"hang_on": "body"}`, `, "timeout": "2s"`, 30 * time.Second, "did not begin", true},
		"an error as first event":                 {`{"first_event": "{\"error\": {\"message\": \"overloaded\", \"code\": 503}}"}`, ``, 30 * time.Second, "overloaded", true},
		"an error after a comment":                {`{"comment": "PROCESSING", "first_event": "{\"error\": {\"message\": \"too many\", \"code\": 429}}"}`, ``, 30 * time.Second, "too many", true},
		"an empty stream":                         {`{"first_event": "none"}`, ``, 30 * time.Second, "before it began", true},
	} {
		for _, stream := range []string{"true", "false"} {
			if stream == "false" && test.streams {
				continue
			}
			t.Run(name+", stream "+stream, func(t *testing.T) {
				t.Parallel()
				b := newBay(t, map[string]string{"bad": test.settings})
				b.write("engines/other.json", `{"engine": "echo"}`) // a crash must not take the good one along
				b.write("models/good/model.json", `{"engine": "other", "format": "api"}`)
				b.route("routed", `[{"model": "bad"}, {"model": "good"}]`, test.more)
				if status, body := b.do("PUT", "/v1/models/good/start", ""); status != 200 { // on a busy machine that may take its time
					t.Fatal(body)
				}
				for range 2 {
					got := b.chat("routed", "hello", `"stream":`+stream)
					if got.status != 200 || got.target != "good" || !strings.Contains(got.body, "hello") || !strings.Contains(got.body, `"model":"good"`) || strings.Contains(got.body, "error") {
						t.Errorf("%+v", got)
					}
				}
				bad := b.targets("routed")["bad"]
				if bad.Health != "cooling_down" || bad.Until == nil || !strings.Contains(bad.Error, test.why) {
					t.Fatalf("the target is %+v", bad)
				}
				if cools := time.Until(time.Unix(*bad.Until, 0)); cools < test.cools-20*time.Second || cools > test.cools+time.Second {
					t.Errorf("it cools down for %v, want about %v", cools, test.cools)
				}
				if n := strings.Count(b.log.String(), "target failed"); n != 1 {
					t.Errorf("it was asked %d times in two requests", n)
				}
			})
		}
	}
}

// TestNoFallback: what the client did wrong is no fault of the target.
func TestNoFallback(t *testing.T) {
	for name, test := range map[string]struct {
		settings, body string
		status         int
	}{
		"400 of the engine":           {`{"status": 400}`, chat("routed", "x"), 400},
		"401 of the engine":           {`{"status": 401}`, chat("routed", "x"), 401},
		"400 of the engine, a stream": {`{"status": 400}`, chat("routed", "x", `"stream":true`), 400},
		"400 as first event":          {`{"first_event": "{\"error\": {\"message\": \"too long\", \"code\": 400}}"}`, chat("routed", "x", `"stream":true`), 200},
		"a body that is wrong":        {`{}`, `{"model": "routed", "messages": 5}`, 400},
		"after the first byte":        {`{"tokens": 9, "crash_after": 3}`, chat("routed", "x", `"stream":true`), 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBay(t, map[string]string{"first": test.settings, "second": `{}`})
			b.route("routed", `[{"model": "first"}, {"model": "second"}]`, "")
			resp := b.open("POST", "/v1/chat/completions", test.body)
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != test.status || strings.Contains(b.log.String(), "target failed") {
				t.Errorf("%d %s\n%s", resp.StatusCode, body, b.log)
			}
			if target := resp.Header.Get("X-Enginebay-Model"); test.status == 200 && (target != "first" || !strings.Contains(string(body), `"error"`)) {
				t.Errorf("%s answered: %s", target, body)
			}
			if test.status != 200 {
				openAIError(t, string(body))
			}
			if second := b.targets("routed")["second"]; second.State == "running" {
				t.Errorf("the second target was asked: %+v", second)
			}
		})
	}
}

// TestNobodyAnswers: the error when all targets fail, which are all asked then
// although they cool down.
func TestNobodyAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		a, b   string
		status int
		code   string
		after  string
		says   []string
	}{
		"limits everywhere":   {`{"status": 429, "headers": {"Retry-After": "50"}}`, `{"status": 429, "headers": {"Retry-After": "20"}}`, 429, "rate_limit_exceeded", "20", []string{"a: no, as asked", "b: no, as asked"}},
		"a limit and a fault": {`{"status": 429, "headers": {"Retry-After": "50"}}`, `{"status": 503}`, 503, "", "50", nil},
		"a fault and a limit": {`{"status": 500}`, `{"status": 429}`, 500, "", "", nil},
		"loads fail":          {`{"refuse": "no"}`, `{"refuse": "never"}`, 503, "unavailable", "1", []string{"a: no", "b: never"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBay(t, map[string]string{"a": test.a, "b": test.b})
			b.route("routed", `[{"model": "a"}, {"model": "b"}]`, "")
			for range 2 {
				got := b.chat("routed", "x")
				e := openAIError(t, got.body).Error
				if got.status != test.status || got.after != test.after || test.code != "" && (e.Code == nil || *e.Code != test.code) {
					t.Errorf("%+v", got)
				}
				for _, says := range append(test.says, "No target of the model 'routed' has answered") {
					if !strings.Contains(e.Message, says) {
						t.Errorf("%q does not say %q", e.Message, says)
					}
				}
			}
			if n := strings.Count(b.log.String(), "target failed"); n != 4 {
				t.Errorf("two requests asked %d targets", n)
			}
		})
	}
}

// TestCoolDownEnds: a target is asked again when its time is over, and not before;
// one that was mended at once.
func TestCoolDownEnds(t *testing.T) {
	b := newBay(t, map[string]string{"flaky": `{"status": 500}`, "good": `{}`})
	b.route("routed", `[{"model": "flaky"}, {"model": "good"}]`, `, "cool_down": "1s"`)
	failed := func() int { return strings.Count(b.log.String(), "target failed") }
	for range 2 {
		if got := b.chat("routed", "x"); got.target != "good" || failed() != 1 {
			t.Fatalf("%+v, it was asked %d times", got, failed())
		}
	}
	b.until("it has cooled down", func() bool { return b.targets("routed")["flaky"].Health == "ok" })
	if got := b.chat("routed", "x"); got.target != "good" || failed() != 2 {
		t.Errorf("%+v, when it has cooled down it was asked %d times", got, failed())
	}
	b.write("models/flaky/model.json", `{"engine": "echo", "format": "api"}`)
	b.do("PUT", "/v1/models/flaky/stop", "")
	b.until("the mended one answers", func() bool { return b.chat("routed", "x").target == "flaky" })
	if flaky := b.targets("routed")["flaky"]; flaky.Health != "ok" || flaky.Error != "" || flaky.Until != nil {
		t.Errorf("once it has answered: %+v", flaky)
	}
}

// TestCoolDownDoubles: each failure after the last one's time makes it twice as
// long, up to five minutes.
func TestCoolDownDoubles(t *testing.T) {
	b := newBay(t, map[string]string{"bad": `{"status": 500}`})
	b.route("routed", `[{"model": "bad"}]`, `, "cool_down": "100s"`)
	for _, want := range []float64{100, 200, 300, 300} {
		b.chat("routed", "x")
		cools := time.Until(time.Unix(*b.targets("routed")["bad"].Until, 0)).Seconds()
		t.Logf("it cools down for %.0f s", cools)
		if cools < want-20 || cools > want+1 {
			t.Errorf("it cools down for %.0f s, want %.0f", cools, want)
		}
	}
}

// TestSpread: 300 requests at once go to the targets by their weights; one that
// fails gets none, and the others share what was its.
func TestSpread(t *testing.T) {
	for name, test := range map[string]struct {
		weights []float64
		bad     string
	}{
		"equal":       {[]float64{1, 1, 1}, ""},
		"by weight":   {[]float64{3, 2, 1}, ""},
		"one is down": {[]float64{1, 1, 2}, "t2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			models := map[string]string{}
			var targets []string
			var total float64
			for i, weight := range test.weights {
				id := fmt.Sprintf("t%d", i)
				models[id] = `{"first_token_ms": 400}`
				if id == test.bad {
					models[id] = `{"refuse": "down"}`
				} else {
					total += weight
				}
				targets = append(targets, fmt.Sprintf(`{"model": %q, "weight": %g}`, id, weight))
			}
			b := newBay(t, models)
			b.route("routed", "["+strings.Join(targets, ",")+"]", `, "routing": "spread"`)
			const requests = 300
			got := make([]string, requests)
			var wait sync.WaitGroup
			for i := range requests {
				wait.Go(func() { got[i] = b.chat("routed", "x").target })
			}
			wait.Wait()
			for i, weight := range test.weights {
				id := fmt.Sprintf("t%d", i)
				n := 0
				for _, target := range got {
					if target == id {
						n++
					}
				}
				want := requests * weight / total
				if id == test.bad {
					want = 0
				}
				t.Logf("%s, of weight %g: %d of %d, want about %.0f", id, weight, n, requests, want)
				if low, high := want*0.85, want*1.15; float64(n) < low || float64(n) > high {
					t.Errorf("%s got %d of %d requests, want about %.0f", id, n, requests, want)
				}
			}
			for id, target := range b.targets("routed") {
				if target.Requests != 0 {
					t.Errorf("afterwards %s has %d requests in flight", id, target.Requests)
				}
			}
		})
	}
}

// TestSpreadOneByOne: when nothing is in flight, the weights decide.
func TestSpreadOneByOne(t *testing.T) {
	b := newBay(t, map[string]string{"a": `{}`, "b": `{}`})
	b.route("routed", `[{"model": "a", "weight": 3}, {"model": "b"}]`, `, "routing": "spread"`)
	var order []string
	for range 8 {
		order = append(order, b.chat("routed", "x").target)
	}
	if want := []string{"a", "a", "b", "a", "a", "a", "b", "a"}; !slices.Equal(order, want) {
		t.Errorf("asked in the order %v, want %v", order, want)
	}
}

// begin sends a request whose answer nobody reads; leave ends it.
func (b *bay) begin(body string) (leave func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "POST", b.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	over := make(chan struct{})
	go func() {
		defer close(over)
		if resp, err := b.client.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	return func() { cancel(); <-over }
}

// TestSpreadMindsOthers: requests that come to a target on another way count too.
func TestSpreadMindsOthers(t *testing.T) {
	b := newBay(t, map[string]string{"a": `{"hang_on": "request"}`, "b": `{}`})
	b.route("routed", `[{"model": "a"}, {"model": "b"}]`, `, "routing": "spread"`)
	leave := b.begin(chat("a", "x"))
	defer leave()
	b.until("a is asked", func() bool { m, _ := b.runtime.Model("a"); return m.Requests == 1 })
	for range 3 {
		if got := b.chat("routed", "x"); got.target != "b" {
			t.Errorf("%+v", got)
		}
	}
}

// TestClientLeavesDuringTheFirstTarget: then no other is asked, and nothing is held
// against the one that was.
func TestClientLeavesDuringTheFirstTarget(t *testing.T) {
	for name, test := range map[string]struct{ settings, more, stream string }{
		"a whole answer":  {`{"hang_on": "request"}`, ``, "false"},
		"a stream":        {`{"hang_on": "request"}`, ``, "true"},
		"a stream's body": {`{"hang_on": "body"}`, ``, "true"},
		"with a time-out": {`{"hang_on": "request"}`, `, "timeout": "1m"`, "true"},
		"a load":          {`{"hang_on": "load"}`, `, "timeout": "1m"`, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBay(t, map[string]string{"first": test.settings, "second": `{}`})
			b.route("routed", `[{"model": "first"}, {"model": "second"}]`, test.more)
			leave := b.begin(chat("routed", "x", `"stream":`+test.stream))
			b.until("the first target is asked", func() bool { return b.targets("routed")["first"].Requests == 1 })
			if name != "a load" {
				b.until("it works on it", func() bool { m, _ := b.runtime.Model("first"); return m.Requests == 1 })
			}
			leave()
			b.until("nothing is in flight", func() bool { return b.targets("routed")["first"].Requests == 0 })
			if name != "a load" {
				b.log.wait(t, "client left", 1, 10*time.Second)
			}
			targets := b.targets("routed")
			if first := targets["first"]; first.Health != "ok" || first.Error != "" || targets["second"].State == "running" {
				t.Errorf("%+v", targets)
			}
		})
	}
}

// TestFullQueue: where too many wait, the next target is asked.
func TestFullQueue(t *testing.T) {
	b := newBay(t, map[string]string{"slow": `{"n_parallel": 1, "hang_on": "request"}`, "other": `{}`})
	b.runtime.SetLimits(core.Limits{QueuePerSlot: 1})
	b.route("routed", `[{"model": "slow"}, {"model": "other"}]`, "")
	for i := range 2 {
		defer b.begin(chat("slow", "x"))()
		b.until("one is worked on, one waits", func() bool {
			m, _ := b.runtime.Model("slow")
			return m.Requests+m.Waiting == i+1 && m.State == "running"
		})
	}
	if got := b.chat("routed", "x"); got.target != "other" {
		t.Errorf("%+v", got)
	}
	slow := b.targets("routed")["slow"]
	if cools := time.Until(time.Unix(*slow.Until, 0)); slow.Health != "cooling_down" || cools > 6*time.Second {
		t.Errorf("%+v, for %v", slow, cools)
	}
}

// TestOperationsOverRoutes: whatever may be asked of a model may be asked of a routed
// one, and the engine gets it under the target's own name.
func TestOperationsOverRoutes(t *testing.T) {
	b := newBay(t, map[string]string{"deaf": `{"operations": ["tokenize"]}`, "able": `{"operations": ["rerank", "responses", "messages", "audio/transcriptions", "tokenize"]}`, "down": `{"refuse": "down"}`})
	b.route("routed", `[{"model": "down"}, {"model": "deaf"}, {"model": "able"}]`, "")
	for name, test := range map[string]struct{ path, kind, body, target, says string }{
		"chat":        {"/v1/chat/completions", "", chat("routed", "hello"), "deaf", `"model":"deaf"`},
		"completions": {"/v1/completions", "", `{"model": "routed", "prompt": "hello"}`, "deaf", `"model":"deaf"`},
		"embeddings":  {"/v1/embeddings", "", `{"model": "routed", "input": ["a", "bb"]}`, "deaf", `"model":"deaf"`},
		"tokenize":    {"/v1/tokenize", "", `{"model": "routed", "content": "a"}`, "deaf", `\"model\":\"deaf\"`},
		"rerank":      {"/v1/rerank", "", `{"query": "q", "model": "routed", "documents": ["a"]}`, "able", `\"model\":\"able\"`},
		"responses":   {"/v1/responses", "", `{"model": "routed", "input": "hello"}`, "able", `\"model\":\"able\"`},
		"messages":    {"/v1/messages", "", `{"model": "routed", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}`, "able", `\"model\":\"able\"`},
		"multipart": {"/v1/audio/transcriptions", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nrouted\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nsound\r\n--x--\r\n",
			"able", "sound"},
	} {
		t.Run(name, func(t *testing.T) {
			kind := test.kind
			if kind == "" {
				kind = "application/json"
			}
			resp, err := b.client.Post(b.url+test.path, kind, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if target := resp.Header.Get("X-Enginebay-Model"); resp.StatusCode != 200 || target != test.target || !strings.Contains(string(body), test.says) {
				t.Errorf("%d of %s: %s", resp.StatusCode, target, body)
			}
		})
	}
	status, body := b.do("POST", "/v1/images/generations", `{"model": "routed", "prompt": "a cat"}`)
	if e := openAIError(t, body).Error; status != 503 || !strings.Contains(e.Message, "deaf: The model 'deaf' does not answer /v1/images/generations") || !strings.Contains(e.Message, "down: down") {
		t.Errorf("what none of them does: %d %s", status, body)
	}
	b.route("able-alone", `[{"model": "deaf"}, {"model": "able"}]`, "")
	if status, body = b.do("POST", "/v1/images/generations", `{"model": "able-alone", "prompt": "a cat"}`); status != 400 || *openAIError(t, body).Error.Code != "unsupported_operation" {
		t.Errorf("what none of them does: %d %s", status, body)
	}
	for id, target := range b.targets("routed") {
		if target.Health != "ok" && id != "down" || target.Requests != 0 {
			t.Errorf("%s: %+v", id, target)
		}
	}
	if got := b.chat("able", "hello"); got.target != "" || got.status != 200 {
		t.Errorf("a model that is not routed: %+v", got)
	}
}

// TestTargetsOfDeployments: one model file, answered by two deployments, each with
// its own settings, parameters and name.
func TestTargetsOfDeployments(t *testing.T) {
	b := newBay(t, nil)
	b.write("engines/east.json", `{"engine": "echo", "settings": {"tokens": 2}}`)
	b.write("engines/west.json", `{"engine": "echo", "settings": {"tokens": 3}}`)
	b.route("chat", `[{"engine": "east"}, {"engine": "west", "settings": {"n_parallel": 2}}]`, `, "name": "Chat", "settings": {"first_token_ms": 1}`)
	words := func(got reply) int { return strings.Count(got.body, "echo ") }
	if got := b.chat("chat", "x"); got.status != 200 || got.target != "chat@east" || words(got) != 2 || !strings.Contains(got.body, `"model":"chat"`) {
		t.Errorf("by the route: %+v", got)
	}
	for id, tokens := range map[string]int{"chat@east": 2, "chat@west": 3} {
		if got := b.chat(id, "x"); got.status != 200 || got.target != "" || words(got) != tokens {
			t.Errorf("%s: %+v", id, got)
		}
	}
	targets := b.targets("chat")
	if east, west := targets["chat@east"], targets["chat@west"]; east.State != "running" || east.Engine != "east" || west.State != "running" || west.Engine != "west" {
		t.Errorf("%+v", targets)
	}
	for path, says := range map[string]string{
		"/v1/models?state=running": `"id":"chat"`,
		"/v1/models/chat@west":     `"id":"chat@west"`,
		"/v1/models/chat%40east":   `"engine":"east"`,
		"/v1/system":               `"id":"chat@west"`,
		"/v1/engines":              `["chat@west"]`,
		"/metrics":                 `{model="chat@east"`,
	} {
		if status, body := b.do("GET", path, ""); status != 200 || !strings.Contains(body, says) {
			t.Errorf("%s: %d, without %s: %s", path, status, says, body)
		}
	}
	if status, body := b.do("PUT", "/v1/models/chat@west/stop", ""); status != 200 || !strings.Contains(body, "ready") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := b.do("PATCH", "/v1/models/chat", `{"routing": "spread", "targets": [{"engine": "west", "weight": 2}]}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if got := b.chat("chat", "x"); got.target != "chat@west" {
		t.Errorf("after a change of the file: %+v", got)
	}
	for _, body := range []string{`{"targets": []}`, `{"targets": [{"model": "a", "engine": "b"}]}`, `{"routing": "random"}`, `{"timeout": "soon"}`} {
		if status, body := b.do("PATCH", "/v1/models/chat", body); status != 400 {
			t.Errorf("%d %s", status, body)
		}
	}
	if status, body := b.do("DELETE", "/v1/models/chat?purge=true", ""); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	b.until("nothing of it is left", func() bool {
		s, _ := b.do("GET", "/v1/models/chat@west", "")
		return s == 404 && len(b.runtime.Editions()) == 0
	})
}

// TestRouteIsMadeByTheAPI, and what was answered may be sent back.
func TestRouteIsMadeByTheAPI(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	status, body := b.do("POST", "/v1/models", `{"id": "routed", "targets": [{"model": "m", "weight": 2}], "timeout": "5s"}`)
	if status >= 300 {
		t.Fatalf("%d %s", status, body)
	}
	if got := b.chat("routed", "hello"); got.status != 200 || got.target != "m" {
		t.Errorf("%+v", got)
	}
	_, shown := b.do("GET", "/v1/models/routed?effective=true", "")
	if status, body := b.do("PATCH", "/v1/models/routed", shown); status != 200 || !strings.Contains(body, `"targets":[{"model":"m","weight":2}],"timeout":"5s"`) {
		t.Errorf("%d %s", status, body)
	}
	file, err := os.ReadFile(filepath.Join(b.home, "models/routed/model.json"))
	if err != nil || strings.Contains(string(file), "health") || strings.Contains(string(file), `"route"`) {
		t.Errorf("%s %v", file, err)
	}
}

// TestListOfRoutes: the list, which is kept, is made anew when a target's health
// changes, and says what is wrong.
func TestListOfRoutes(t *testing.T) {
	b := newBay(t, map[string]string{"bad": `{"status": 500}`})
	b.route("routed", `[{"model": "bad"}, {"model": "nobody"}]`, "")
	list := func() string { _, body := b.do("GET", "/v1/models", ""); return body }
	if body := list(); !strings.Contains(body, `/targets/1/model: expected the id of a model, got \"nobody\"`) || strings.Contains(body, "cooling") {
		t.Errorf("the list is %s", body)
	}
	b.chat("routed", "x")
	if body := list(); strings.Count(body, `"health":"cooling_down"`) != 1 || strings.Count(body, `"health":"unusable"`) != 1 {
		t.Errorf("the list is %s", body)
	}
	b.write("models/nobody/model.json", `{"engine": "echo", "format": "api"}`)
	b.until("it is there", func() bool { return !strings.Contains(list(), "expected the id") })
	if got := b.chat("routed", "hello"); got.target != "nobody" {
		t.Errorf("%+v", got)
	}
}
