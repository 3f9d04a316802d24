package responses_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/responses"
)

func read(t *testing.T, body string) (*responses.Request, error) {
	t.Helper()
	if !json.Valid([]byte(body)) {
		t.Fatalf("no JSON: %s", body)
	}
	return responses.Read(func(name string) gjson.Result { return gjson.Get(body, name) })
}

func TestRead(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{`{"input":"hi"}`, "store"},
		{`{"input":"hi","store":null}`, "store"},
		{`{"input":"hi","store":false}`, ""},
		{`{"input":"hi","store":false,"truncation":"disabled"}`, ""},
		{`{"input":"hi","store":false,"truncation":"auto"}`, "auto"},
		{`{"input":"hi","store":false,"previous_response_id":"resp_1"}`, "after resp_1"},
		{`{"input":"hi","store":false,"conversation":"conv_1"}`, "in conv_1"},
		{`{"input":"hi","store":false,"conversation":{"id":"conv_1"}}`, "in conv_1"},
		{`{"input":[{"type":"item_reference","id":"msg_1"},{"id":"msg_2"}],"store":false}`, "refers to [msg_1 msg_2]"},
		{`{"input":"hi","previous_response_id":"a","conversation":"b"}`, "refused: previous_response_id"},
		{`{"input":"hi","conversation":{}}`, "refused: conversation.id"},
		{`{"input":"hi","background":true}`, "refused: background"},
	} {
		r, err := read(t, test.body)
		if got := inWords(r, err); got != test.want {
			t.Errorf("%s: %q, want %q", test.body, got, test.want)
		}
		if err == nil && r.Remembers() != (test.want != "") {
			t.Errorf("%s: Remembers is %v", test.body, r.Remembers())
		}
	}
}

func inWords(r *responses.Request, err error) string {
	var wrong *conversation.FieldError
	if errors.As(err, &wrong) {
		return "refused: " + wrong.Param
	}
	var words []string
	for _, w := range []struct {
		is   bool
		text string
	}{{r.Store, "store"}, {r.Auto, "auto"}, {r.Previous != "", "after " + r.Previous}, {r.Conversation != "", "in " + r.Conversation}, {len(r.References()) > 0, fmt.Sprint("refers to ", r.References())}} {
		if w.is {
			words = append(words, w.text)
		}
	}
	return strings.Join(words, ", ")
}

// TestGiven: items as they are kept have ids of their own, and all the members that
// clients read.
func TestGiven(t *testing.T) {
	r, err := read(t, `{"input":[
		{"role":"user","content":"a \"b\""},
		{"role":"assistant","content":"c"},
		{"id":"msg_theirs","type":"message","role":"user","status":"incomplete","content":[{"type":"input_text","text":"d"}]},
		{"type":"function_call_output","call_id":"call_1","output":"e"},
		{"type":"reasoning","summary":[]},
		{"type":"mcp_list_tools","tools":[]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"role":"user","content":[{"type":"input_text","text":"a \"b\""}],"id":"msg_","type":"message","status":"completed"}`,
		`{"role":"assistant","content":[{"type":"output_text","text":"c","annotations":[],"logprobs":[]}],"id":"msg_","type":"message","status":"completed"}`,
		`{"id":"msg_","type":"message","role":"user","status":"incomplete","content":[{"type":"input_text","text":"d"}]}`,
		`{"type":"function_call_output","call_id":"call_1","output":"e","id":"fco_","status":"completed"}`,
		`{"type":"reasoning","summary":[],"id":"rs_"}`,
		`{"type":"mcp_list_tools","tools":[],"id":"item_"}`,
	}
	seen := map[string]bool{}
	for i, item := range responses.Given(r.Input) {
		prefix, digits, _ := strings.Cut(item.ID, "_")
		if len(digits) != 48 || seen[item.ID] {
			t.Errorf("item %d has the id %s", i, item.ID)
		}
		seen[item.ID] = true
		if got := strings.Replace(string(item.Body), item.ID, prefix+"_", 1); got != want[i] {
			t.Errorf("item %d:\n%s\nwant\n%s", i, got, want[i])
		}
	}
	if text := responses.Given([]json.RawMessage{[]byte("{\"role\":\"user\",\"content\":\"\xff\"}")}); !strings.Contains(string(text[0].Body), `"\uFFFD"`) && !strings.Contains(string(text[0].Body), "\uFFFD") {
		t.Errorf("what is no UTF-8: %q", text[0].Body)
	}
}

const (
	userItem   = `{"type":"message","role":"user","content":%q}`
	thought    = `{"type":"reasoning","id":"rs_1","status":"completed","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]}`
	sealed     = `{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"xyz","status":null}`
	empty      = `{"type":"reasoning","id":"rs_3","summary":[],"content":[]}`
	callItem   = `{"type":"function_call","id":"fc_1","status":"completed","call_id":"call_1","name":"f","arguments":"{}"}`
	outputItem = `{"type":"function_call_output","id":"fco_1","call_id":"call_1","output":"1"}`
	answerItem = `{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"yes"}]}`
	searchItem = `{"id":"ws_1","type":"web_search_call","status":"completed"}`
)

func itemsOf(bodies ...string) []conversation.Item {
	var items []conversation.Item
	for i, body := range bodies {
		items = append(items, conversation.Item{ID: fmt.Sprint("item_", i), Body: json.RawMessage(body)})
	}
	return items
}

// TestJoin: what went before goes without ids and states; thoughts go along as long as
// the turn goes on in which the model had them.
func TestJoin(t *testing.T) {
	user := fmt.Sprintf(userItem, "a")
	const call = `{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"}`
	const answer = `{"type":"message","role":"assistant","content":[{"type":"output_text","text":"yes"}]}`
	for name, test := range map[string]struct {
		before []conversation.Item
		own    string
		want   string
	}{
		"nothing before":      {nil, outputItem, outputItem},
		"a new turn":          {itemsOf(user, thought, sealed, empty, answerItem), user, user + "," + answer + "," + user},
		"the same turn":       {itemsOf(user, thought, empty, callItem), outputItem, user + `,{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},` + call + "," + outputItem},
		"what is encrypted":   {itemsOf(user, sealed, callItem), outputItem, user + `,{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"xyz"},` + call + "," + outputItem},
		"a call cut short":    {itemsOf(user, strings.Replace(callItem, "completed", "incomplete", 1)), user, user + "," + user},
		"a tool of a service": {itemsOf(user, searchItem, answerItem), user, user + "," + searchItem + "," + answer + "," + user},
	} {
		got := string(responses.Join(test.before, []json.RawMessage{json.RawMessage(test.own)}).JSON())
		if got != "["+test.want+"]" {
			t.Errorf("%s:\n%s\nwant\n[%s]", name, got, test.want)
		}
	}
}

func TestResolve(t *testing.T) {
	r, _ := read(t, `{"input":[{"type":"item_reference","id":"msg_before"},{"type":"item_reference","id":"msg_1"},{"type":"item_reference","id":"rs_3"},{"role":"user","content":"x"}]}`)
	found := map[string]conversation.Item{"msg_1": {ID: "msg_1", Body: json.RawMessage(answerItem)}, "rs_3": {ID: "rs_3", Body: json.RawMessage(empty)}}
	if err := r.Resolve([]conversation.Item{{ID: "msg_before"}}, found); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s", r.Input); got != `[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"yes"}]} {"role":"user","content":"x"}]` {
		t.Errorf("the input is %s", got)
	}
	r, _ = read(t, `{"input":[{"id":"msg_2"}]}`)
	var missing *conversation.Missing
	if err := r.Resolve(nil, found); !errors.As(err, &missing) || missing.ID != "msg_2" {
		t.Errorf("an item that does not exist: %v", err)
	}
}

// TestDrop writes items as letters: s system, u user, a assistant, c call, o output, r reasoning.
func TestDrop(t *testing.T) {
	shapes := map[rune]string{'s': `{"role":"developer","content":"s"}`, 'u': fmt.Sprintf(userItem, "u"), 'a': answerItem, 'c': callItem, 'o': outputItem, 'r': thought}
	for _, test := range []struct {
		items string
		steps string // what is left after each smallest cut
	}{
		{"u", ""},
		{"su", ""},
		{"uau", "u"},
		{"suauau", "suau su"},
		{"auau", "uau u"},
		{"uucoau", "ucoau u"},
		{"ucou", "u"},
		{"ucocorcoa", "ucorcoa urcoa ua"},
		{"uccoocco", "ucco"},
		{"uauco", "uco"},
		{"usaua", "sua"},
		{"co", ""},
		{"aco", ""},
	} {
		var own []json.RawMessage
		for _, letter := range test.items {
			own = append(own, json.RawMessage(shapes[letter]))
		}
		in := responses.Join(nil, own)
		var steps []string
		for in.Drop(0) {
			left := ""
			for _, item := range gjson.ParseBytes(in.JSON()).Array() {
				for letter, shape := range shapes {
					if shape == item.Raw {
						left += string(letter)
					}
				}
			}
			steps = append(steps, left)
			if in.Dropped != len(test.items)-len(left) {
				t.Errorf("%s: %d are said to be dropped of %s", test.items, in.Dropped, left)
			}
		}
		if got := strings.Join(steps, " "); got != test.steps {
			t.Errorf("%s becomes %q, want %q", test.items, got, test.steps)
		}
	}
	var turns []json.RawMessage
	for range 100 {
		turns = append(turns, json.RawMessage(shapes['u']), json.RawMessage(answerItem))
	}
	in := responses.Join(nil, turns)
	was := in.Size()
	if in.Drop(0.5); in.Size() > was/2 || in.Size() < was/2-200 || len(in.JSON()) > in.Size() {
		t.Errorf("half of %d bytes is %d", was, in.Size())
	}
}

// saved is what an Answer stores.
type saved struct {
	all    []*conversation.Response
	failed error
	refuse error
	left   bool
}

func answerOf(t *testing.T, body string, s *saved) *responses.Answer {
	r, err := read(t, body)
	if err != nil {
		t.Fatal(err)
	}
	return &responses.Answer{Request: r, ID: "resp_ours", Given: responses.Given(r.Input), Limit: 1 << 20,
		Save: func(r *conversation.Response) error {
			if s.refuse == nil {
				s.all = append(s.all, r)
			}
			return s.refuse
		},
		Failed: func(err error) { s.failed = err }, Left: func() bool { return s.left }}
}

const whole = `{"id":"theirs","object":"response","created_at":12,"status":"completed","output":[` + answerItem + `,{"type":"message","role":"assistant","content":[]}],"usage":{"input_tokens":1}}`

func TestWhole(t *testing.T) {
	s := &saved{}
	a := answerOf(t, `{"input":"hi","previous_response_id":"resp_before","metadata":{"a":"b"},"truncation":"auto"}`, s)
	a.Dropped = 3
	free := 0
	a.Free = func() { free = 1 + len(s.all) }
	got := string(a.Whole([]byte(whole)))
	for path, want := range map[string]string{"id": `"resp_ours"`, "previous_response_id": `"resp_before"`, "conversation": "null", "store": "true", "truncation": `"auto"`,
		"metadata": `{"a":"b"}`, "truncated": `{"items":3}`, "created_at": "12", "output.0.id": `"msg_1"`, "usage.input_tokens": "1"} {
		if found := gjson.Get(got, path).Raw; found != want {
			t.Errorf("%s is %s, want %s", path, found, want)
		}
	}
	if len(s.all) != 1 || free != 1 {
		t.Fatalf("%d are stored, and the engine was free before number %d", len(s.all), free)
	}
	r := s.all[0]
	if string(r.Body) != got || r.ID != "resp_ours" || r.Previous != "resp_before" || r.CreatedAt != 12 || len(r.Input) != 1 || len(r.Output) != 2 || r.Output[0].ID != "msg_1" || !strings.HasPrefix(r.Output[1].ID, "msg_") {
		t.Errorf("stored is %+v", r)
	}
}

func TestWholeIsNotStored(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*responses.Answer, *saved)
		failed string
	}{
		"where nothing is to be":    {func(a *responses.Answer, _ *saved) { a.Save = nil }, "<nil>"},
		"where the store refuses":   {func(_ *responses.Answer, s *saved) { s.refuse = errors.New("full") }, "full"},
		"where it is too large":     {func(a *responses.Answer, _ *saved) { a.Limit = 100 }, "bytes, and 100 are the limit"},
		"and what is no JSON stays": {func(a *responses.Answer, s *saved) { s.refuse = errors.New("x") }, "x"},
	} {
		s := &saved{}
		a := answerOf(t, `{"input":"hi"}`, s)
		test.change(a, s)
		if got := a.Whole([]byte(whole)); gjson.GetBytes(got, "store").Raw != "false" || gjson.GetBytes(got, "id").Str != "resp_ours" || len(s.all) != 0 {
			t.Errorf("%s: %s", name, got)
		}
		if !strings.Contains(fmt.Sprint(s.failed), test.failed) {
			t.Errorf("%s: it failed with %v", name, s.failed)
		}
		for _, other := range []string{"no", `["a"]`, ""} {
			if got := string(a.Whole([]byte(other))); got != other {
				t.Errorf("%q becomes %q", other, got)
			}
		}
	}
}

// TestConversationWithoutAnswer: a question that was not answered is not in the
// conversation: who asks again would have it twice.
func TestConversationWithoutAnswer(t *testing.T) {
	for output, want := range map[string]string{"[]": "", "[" + answerItem + "]": "conv_1"} {
		s := &saved{}
		a := answerOf(t, `{"input":"hi","conversation":"conv_1"}`, s)
		got := a.Whole([]byte(`{"id":"x","status":"failed","output":` + output + `}`))
		if gjson.GetBytes(got, "conversation.id").Str != "conv_1" || gjson.GetBytes(got, "created_at").Int() == 0 || s.all[0].Conversation != want {
			t.Errorf("%s: it is stored in %q: %s", output, s.all[0].Conversation, got)
		}
	}
}

// TestIDInUse: an engine that has the same id for each item gets others.
func TestIDInUse(t *testing.T) {
	s := &saved{}
	a := answerOf(t, `{"input":"hi","conversation":"conv_1"}`, s)
	a.Before = []conversation.Item{{ID: "msg_1"}}
	a.Whole([]byte(`{"id":"x","output":[` + answerItem + "," + searchItem + "," + searchItem + `]}`))
	out := s.all[0].Output
	if out[0].ID == "msg_1" || out[1].ID != "ws_1" || out[2].ID == "ws_1" {
		t.Errorf("the ids are %s, %s, %s", out[0].ID, out[1].ID, out[2].ID)
	}
	for _, item := range out {
		if gjson.GetBytes(item.Body, "id").Str != item.ID {
			t.Errorf("%s is %s", item.ID, item.Body)
		}
	}
}

const (
	created  = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"theirs\",\"status\":\"in_progress\",\"output\":[]}}\n\n"
	added    = "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[]}}\n\n"
	delta    = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"delta\":\"%s\"}\n\n"
	done     = "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"item\":" + answerItem + "}\n\n"
	complete = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":" + whole + "}\n\n"
)

// TestStream: in whatever pieces the events come.
func TestStream(t *testing.T) {
	events := created + ": a comment\n\n" + added + fmt.Sprintf(delta, "ye") + fmt.Sprintf(delta, "s") + done + complete + "data: [DONE]\n\n"
	for name, form := range map[string]func(string) io.Reader{
		"at once":        func(s string) io.Reader { return strings.NewReader(s) },
		"byte by byte":   func(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) },
		"in halves":      func(s string) io.Reader { return iotest.HalfReader(strings.NewReader(s)) },
		"with its end":   func(s string) io.Reader { return iotest.DataErrReader(strings.NewReader(s)) },
		"with CRs":       func(s string) io.Reader { return strings.NewReader(strings.ReplaceAll(s, "\n", "\r\n")) },
		"without an end": func(s string) io.Reader { return strings.NewReader(strings.TrimSuffix(s, "\n\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &saved{}
			body := answerOf(t, `{"input":"hi","conversation":"conv_1"}`, s).Stream(io.NopCloser(form(events)))
			got, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			body.Close()
			text := strings.ReplaceAll(string(got), "\r\n", "\n")
			if strings.Contains(text, "theirs") || strings.Count(text, `"id":"resp_ours"`) != 2 || strings.Count(text, `"conversation":{"id":"conv_1"}`) != 2 {
				t.Errorf("the events are %s", text)
			}
			if !strings.Contains(text, ": a comment\n\n"+added+fmt.Sprintf(delta, "ye")+fmt.Sprintf(delta, "s")+done+"event: response.completed\ndata: ") || !strings.HasSuffix(strings.TrimSpace(text), "data: [DONE]") {
				t.Errorf("other events are changed: %s", text)
			}
			if len(s.all) != 1 || len(s.all[0].Output) != 2 || s.all[0].Conversation != "conv_1" {
				t.Errorf("stored is %+v", s.all)
			}
		})
	}
}

// TestStreamStoresBeforeTheEnd: who has read the last event can go on from the response.
func TestStreamStoresBeforeTheEnd(t *testing.T) {
	s := &saved{}
	source, events := io.Pipe()
	defer events.Close()
	body := answerOf(t, `{"input":"hi"}`, s).Stream(source)
	go func() { _, _ = io.WriteString(events, created+complete) }()
	var got []byte
	for p := make([]byte, 4096); !strings.Contains(string(got), "response.completed"); {
		if len(s.all) > 0 {
			t.Error("it is stored before its end")
		}
		n, err := body.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p[:n]...)
	}
	if len(s.all) != 1 {
		t.Error("its last event is read before it is stored")
	}
}

// TestBrokenStream: what came is stored.
func TestBrokenStream(t *testing.T) {
	failed := "event: error\ndata: {\"type\":\"error\",\"message\":\"out of memory\"}\n\n"
	for name, test := range map[string]struct {
		events string
		err    error
		left   bool
		status string
		why    string
		output string
	}{
		"the engine ends":   {created + added + fmt.Sprintf(delta, "ye"), io.EOF, false, "incomplete", "engine_broke_off", "incomplete ye"},
		"the engine breaks": {created + added + fmt.Sprintf(delta, "ye") + fmt.Sprintf(delta, "\\u0073"), io.ErrUnexpectedEOF, false, "incomplete", "engine_broke_off", "incomplete yes"},
		"half an event":     {created + added + fmt.Sprintf(delta, "ye") + "event: response.output_text.delta\ndata: {\"type\":", io.ErrUnexpectedEOF, false, "incomplete", "engine_broke_off", "incomplete ye"},
		"the client leaves": {created + added + done, nil, true, "incomplete", "client_left", "completed yes"},
		"an error":          {created + added + fmt.Sprintf(delta, "ye") + failed, io.EOF, false, "failed", "out of memory", "incomplete ye"},
		"no text":           {created + added, io.EOF, false, "incomplete", "engine_broke_off", ""},
		"not begun":         {": wait\n\n", io.EOF, false, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &saved{left: test.left}
			source, events := io.Pipe()
			body := answerOf(t, `{"input":"hi"}`, s).Stream(source)
			go func() {
				_, _ = io.WriteString(events, test.events)
				if test.err != nil {
					events.CloseWithError(test.err)
				}
			}()
			var got []byte
			for p := make([]byte, 4096); ; {
				n, err := body.Read(p)
				if got = append(got, p[:n]...); err != nil {
					if test.err == nil || test.err != err {
						t.Errorf("the stream ends with %v", err)
					}
					break
				}
				if test.err == nil && strings.HasSuffix(string(got), done) {
					break
				}
			}
			body.Close()
			body.Close()
			if test.status == "" {
				if len(s.all) > 0 {
					t.Errorf("%d are stored", len(s.all))
				}
				return
			}
			if len(s.all) != 1 {
				t.Fatalf("%d are stored", len(s.all))
			}
			stored := s.all[0]
			if gjson.GetBytes(stored.Body, "status").Str != test.status || !strings.Contains(string(stored.Body), `"`+test.why+`"`) {
				t.Errorf("stored is %s", stored.Body)
			}
			output := ""
			for _, item := range stored.Output {
				output += gjson.GetBytes(item.Body, "status").Str + " " + gjson.GetBytes(item.Body, "content.0.text").Str
			}
			if output != test.output || len(gjson.GetBytes(stored.Body, "output").Array()) != len(stored.Output) {
				t.Errorf("the output is %q, want %q", output, test.output)
			}
		})
	}
}

// BenchmarkStream is what a token costs.
func BenchmarkStream(b *testing.B) {
	const tokens = 1000
	events := created + added + strings.Repeat(fmt.Sprintf(delta, "word "), tokens) + done + complete
	s := &saved{}
	r, err := responses.Read(func(name string) gjson.Result { return gjson.Get(`{"input":"hi"}`, name) })
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		a := &responses.Answer{Request: r, ID: "resp_ours", Limit: 1 << 20, Save: func(*conversation.Response) error { return s.refuse }, Failed: func(error) {}}
		body := a.Stream(io.NopCloser(&paced{events: events, size: 130}))
		for {
			if _, err := body.Read(p); err != nil {
				break
			}
		}
		body.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tokens, "ns/token")
}

// paced reads so many bytes at a time.
type paced struct {
	events string
	size   int
}

func (p *paced) Read(to []byte) (int, error) {
	if p.events == "" {
		return 0, io.EOF
	}
	n := copy(to[:min(len(to), p.size)], p.events)
	p.events = p.events[n:]
	return n, nil
}
