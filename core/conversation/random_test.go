package conversation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
)

// A shelf are the objects of a kind that a model of the store has in one place, in the
// order in which they were made.
type shelf []*kept

type kept struct {
	id, owner, body string
	run             string   // of a message
	status          string   // of a run
	previous, conv  string   // of a response
	tree            string   // of a response: its first one
	before          []string // of a response: what was in the conversation when it came
	in, out         []string // of a response
	purpose         string   // of a file
	content         []byte   // of a file
}

func (s shelf) find(o conversation.Owner, id string) *kept {
	for _, k := range s {
		if k.id == id && (o.All || k.owner == o.ID) {
			return k
		}
	}
	return nil
}

func (s shelf) without(id string) shelf {
	return slices.DeleteFunc(slices.Clone(s), func(k *kept) bool { return k.id == id })
}

func (s shelf) of(match func(*kept) bool) shelf {
	return slices.DeleteFunc(slices.Clone(s), func(k *kept) bool { return !match(k) })
}

// page is what a list should answer, as a text.
func (s shelf) page(p conversation.Page) string {
	if p.Limit > 100 {
		return "limit refused"
	}
	limit := p.Limit
	if limit == 0 {
		limit = 20
	}
	s = slices.Clone(s)
	if !p.Ascending {
		slices.Reverse(s)
	}
	at := func(id string) int { return slices.IndexFunc(s, func(k *kept) bool { return k.id == id }) }
	from, to := 0, len(s)
	if p.After != "" {
		if at(p.After) < 0 {
			return "after refused"
		}
		from = at(p.After) + 1
	}
	if p.Before != "" {
		if at(p.Before) < 0 {
			return "before refused"
		}
		to = at(p.Before)
	}
	s = s[min(from, to):to]
	more := len(s) > limit
	switch {
	case more && p.After == "" && p.Before != "":
		s = s[len(s)-limit:]
	case more:
		s = s[:limit]
	}
	var b strings.Builder
	for _, k := range s {
		b.WriteString(k.id + "=" + k.body + "\n")
	}
	return fmt.Sprint(b.String(), more)
}

// got is what a list did answer, as a text.
func got[T any](l conversation.List[T], err error, show func(T) (id, body string)) string {
	var field *conversation.FieldError
	if errors.As(err, &field) {
		return field.Param + " refused"
	}
	if err != nil {
		return outcome(err)
	}
	var b strings.Builder
	first, last := "", ""
	for i, o := range l.Data {
		id, body := show(o)
		if i == 0 {
			first = id
		}
		last = id
		b.WriteString(id + "=" + body + "\n")
	}
	if len(l.Data) > 0 && (*l.FirstID != first || *l.LastID != last) || len(l.Data) == 0 && (l.FirstID != nil || l.LastID != nil || l.Data == nil) {
		return fmt.Sprintf("first_id and last_id do not fit: %v %v %v", l.FirstID, l.LastID, l.Data)
	}
	return fmt.Sprint(b.String(), l.HasMore)
}

// outcome is the kind of an error, as a text.
func outcome(err error) string {
	var missing *conversation.Missing
	var field *conversation.FieldError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &missing):
		return "no " + missing.Kind
	case errors.As(err, &field):
		return field.Param + " refused"
	case errors.Is(err, conversation.ErrBusy):
		return "busy"
	case errors.Is(err, conversation.ErrExists):
		return "exists"
	}
	return "error: " + err.Error()
}

// A game plays the same moves with a store and with a model of it.
type game struct {
	t    *testing.T
	s    *conversation.Store
	rand *rand.Rand
	n    int

	assistants, threads, files, conversations, responses shelf
	messages, runs, steps, items                         map[string]shelf
}

var hostile = []string{"x\x00y", "\xff\xfe", strings.Repeat("long", 1000), "' OR 1=1 --", "", "%"}

// id is one of a shelf, or one that is not there.
func (g *game) id(s shelf) string {
	switch n := g.rand.IntN(20); {
	case n == 0:
		return hostile[g.rand.IntN(len(hostile))]
	case n == 1 || len(s) == 0:
		return "thread_nobody"
	}
	return s[g.rand.IntN(len(s))].id
}

func (g *game) owner() conversation.Owner {
	return []conversation.Owner{anna, anna, anna, bert, admin}[g.rand.IntN(5)]
}

func (g *game) page(s shelf) conversation.Page {
	p := conversation.Page{Limit: g.rand.IntN(6), Ascending: g.rand.IntN(2) == 0}
	if g.rand.IntN(50) == 0 {
		p.Limit = 101
	}
	if g.rand.IntN(2) == 0 {
		p.After = g.id(s)
	}
	if g.rand.IntN(3) == 0 {
		p.Before = g.id(s)
	}
	return p
}

// text is new, and now and then hostile.
func (g *game) text() string {
	g.n++
	return strconv.Itoa(g.n) + []string{"", "ä€𝄞", "a\x00b", "<&>\u2028", `"\`}[g.rand.IntN(5)]
}

func (g *game) same(move, want, got string) {
	g.t.Helper()
	if want != got {
		g.t.Fatalf("%s: the store says\n%s\nand should say\n%s", move, got, want)
	}
}

// mine is the part of a shelf that an owner sees.
func mine(s shelf, o conversation.Owner) shelf {
	return s.of(func(k *kept) bool { return o.All || k.owner == o.ID })
}

// TestRandom plays random moves. ENGINEBAY_TEST_SEED repeats a game.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	if said := os.Getenv("ENGINEBAY_TEST_SEED"); said != "" {
		seed, _ = strconv.ParseUint(said, 10, 64)
	}
	each(t, func(t *testing.T, s *conversation.Store) {
		t.Logf("ENGINEBAY_TEST_SEED=%d", seed)
		play(t, s, seed, 1500)
	})
}

func play(t *testing.T, s *conversation.Store, seed uint64, moves int) {
	g := &game{t: t, s: s, rand: rand.New(rand.NewPCG(seed, 1)),
		messages: map[string]shelf{}, runs: map[string]shelf{}, steps: map[string]shelf{}, items: map[string]shelf{}}
	all := []func(){
		g.createAssistant, g.updateAssistant, g.deleteAssistant, g.listAssistants,
		g.createThread, g.importThread, g.updateThread, g.deleteThread, g.listThreads,
		g.createMessage, g.createMessage, g.updateMessage, g.deleteMessage, g.listMessages, g.listMessages,
		g.createRun, g.updateRun, g.updateRun, g.listRuns, g.listSteps,
		g.createFile, g.readFile, g.deleteFile, g.listFiles,
		g.createConversation, g.addItems, g.deleteItem, g.deleteConversation, g.listItems,
		g.createResponse, g.createResponse, g.createResponse, g.history, g.inputItems, g.deleteResponse,
	}
	for range moves {
		all[g.rand.IntN(len(all))]()
	}
	g.forget()
}

func (g *game) createAssistant() {
	a, o := &conversation.Assistant{Model: g.text()}, g.owner()
	g.same("CreateAssistant", "ok", outcome(g.s.CreateAssistant(g.t.Context(), o, a)))
	g.assistants = append(g.assistants, &kept{id: a.ID, owner: o.ID, body: a.Model})
}

func (g *game) updateAssistant() {
	id, o, text := g.id(g.assistants), g.owner(), g.text()
	a, err := g.s.UpdateAssistant(g.t.Context(), o, id, func(a *conversation.Assistant) error { a.Model = text; return nil })
	k := g.assistants.find(o, id)
	if k == nil {
		g.same("UpdateAssistant", "no assistant", outcome(err))
		return
	}
	g.same("UpdateAssistant", "ok "+text, outcome(err)+" "+a.Model)
	k.body = text
}

func (g *game) deleteAssistant() {
	id, o := g.id(g.assistants), g.owner()
	g.assistants = g.remove("DeleteAssistant", "assistant", g.assistants, o, id, g.s.DeleteAssistant(g.t.Context(), o, id))
}

// remove checks what a method that deletes said, and deletes in the model.
func (g *game) remove(move, kind string, s shelf, o conversation.Owner, id string, err error) shelf {
	g.t.Helper()
	if s.find(o, id) == nil {
		g.same(move, "no "+kind, outcome(err))
		return s
	}
	g.same(move, "ok", outcome(err))
	return s.without(id)
}

func (g *game) listAssistants() {
	o := g.owner()
	p := g.page(g.assistants)
	l, err := g.s.Assistants(g.t.Context(), o, p)
	g.same(fmt.Sprintf("Assistants %+v", p), mine(g.assistants, o).page(p), got(l, err, func(a *conversation.Assistant) (string, string) { return a.ID, a.Model }))
}

func (g *game) createThread() {
	th, o := &conversation.Thread{Title: g.text()}, g.owner()
	g.keepThread(th, o, func(m ...*conversation.Message) error { return g.s.CreateThread(g.t.Context(), o, th, m...) })
}

// importThread imports one of an id that may be there; its messages have times in no
// order.
func (g *game) importThread() {
	th, o := &conversation.Thread{Title: g.text(), CreatedAt: 5}, g.owner()
	if g.rand.IntN(4) == 0 && len(g.threads) > 0 {
		th.ID = g.threads[g.rand.IntN(len(g.threads))].id
		g.same("ImportThread", "exists", outcome(g.s.ImportThread(g.t.Context(), o, th, nil)))
		return
	}
	g.n++
	th.ID, th.CreatedAt = fmt.Sprint("imported ", g.n), int64(g.n)
	g.keepThread(th, o, func(m ...*conversation.Message) error { return g.s.ImportThread(g.t.Context(), o, th, m) })
	k := g.threads[len(g.threads)-1] // older than all that were not imported
	at := slices.IndexFunc(g.threads, func(k *kept) bool { return !strings.HasPrefix(k.id, "imported") })
	if at >= 0 {
		g.threads = slices.Insert(g.threads[:len(g.threads)-1], at, k)
	}
}

func (g *game) keepThread(th *conversation.Thread, o conversation.Owner, keep func(m ...*conversation.Message) error) {
	var messages []*conversation.Message
	for range g.rand.IntN(4) {
		m := message(g.text())
		m.CreatedAt = int64(g.rand.IntN(1000))
		messages = append(messages, m)
	}
	g.same("create a thread", "ok", outcome(keep(messages...)))
	g.threads = append(g.threads, &kept{id: th.ID, owner: o.ID, body: th.Title})
	for _, m := range messages {
		g.keepMessage(th.ID, m)
	}
}

func (g *game) keepMessage(threadID string, m *conversation.Message) {
	k := &kept{id: m.ID, body: m.Content[0].Text.Value}
	if m.RunID != nil {
		k.run = *m.RunID
	}
	g.messages[threadID] = append(g.messages[threadID], k)
}

func (g *game) updateThread() {
	id, o, text := g.id(g.threads), g.owner(), g.text()
	th, err := g.s.UpdateThread(g.t.Context(), o, id, func(t *conversation.Thread) error { t.Title = text; return nil })
	k := g.threads.find(o, id)
	if k == nil {
		g.same("UpdateThread", "no thread", outcome(err))
		return
	}
	g.same("UpdateThread", "ok "+text, outcome(err)+" "+th.Title)
	k.body = text
}

func (g *game) deleteThread() {
	id, o := g.id(g.threads), g.owner()
	err := g.s.DeleteThread(g.t.Context(), o, id)
	if g.threads.find(o, id) != nil {
		for _, r := range g.runs[id] {
			delete(g.steps, r.id)
		}
		delete(g.messages, id)
		delete(g.runs, id)
	}
	g.threads = g.remove("DeleteThread", "thread", g.threads, o, id, err)
}

func (g *game) listThreads() {
	o := g.owner()
	p := g.page(g.threads)
	l, err := g.s.Threads(g.t.Context(), o, p)
	g.same(fmt.Sprintf("Threads %+v", p), mine(g.threads, o).page(p), got(l, err, func(t *conversation.Thread) (string, string) { return t.ID, t.Title }))
}

// busy is the unfinished run of a thread.
func (g *game) busy(threadID string) *kept {
	for _, r := range g.runs[threadID] {
		if (&conversation.Run{Status: r.status}).Unfinished() {
			return r
		}
	}
	return nil
}

func (g *game) createMessage() {
	id, o, m := g.id(g.threads), g.owner(), message(g.text())
	runs := g.runs[id]
	if len(runs) > 0 && g.rand.IntN(2) == 0 {
		m.RunID = &runs[g.rand.IntN(len(runs))].id
	}
	err := g.s.CreateMessage(g.t.Context(), o, id, m)
	busy := g.busy(id)
	switch {
	case g.threads.find(o, id) == nil:
		g.same("CreateMessage", "no thread", outcome(err))
	case busy != nil && (m.RunID == nil || *m.RunID != busy.id):
		g.same("CreateMessage", "busy", outcome(err))
	default:
		g.same("CreateMessage", "ok", outcome(err))
		g.keepMessage(id, m)
	}
}

func (g *game) updateMessage() {
	id, o, text := g.id(g.threads), g.owner(), g.text()
	mid := g.id(g.messages[id])
	_, err := g.s.UpdateMessage(g.t.Context(), o, id, mid, func(m *conversation.Message) error { m.Content[0].Text.Value = text; return nil })
	k := g.messages[id].find(admin, mid)
	switch {
	case g.threads.find(o, id) == nil:
		g.same("UpdateMessage", "no thread", outcome(err))
	case k == nil:
		g.same("UpdateMessage", "no message", outcome(err))
	default:
		g.same("UpdateMessage", "ok", outcome(err))
		k.body = text
	}
}

func (g *game) deleteMessage() {
	id, o := g.id(g.threads), g.owner()
	mid := g.id(g.messages[id])
	err := g.s.DeleteMessage(g.t.Context(), o, id, mid)
	if g.threads.find(o, id) == nil {
		g.same("DeleteMessage", "no thread", outcome(err))
		return
	}
	g.messages[id] = g.remove("DeleteMessage", "message", g.messages[id], admin, mid, err)
}

func (g *game) listMessages() {
	id, o := g.id(g.threads), g.owner()
	want, run := g.messages[id], ""
	if runs := g.runs[id]; len(runs) > 0 && g.rand.IntN(2) == 0 {
		run = runs[g.rand.IntN(len(runs))].id
		want = want.of(func(k *kept) bool { return k.run == run })
	}
	p := g.page(g.messages[id])
	l, err := g.s.Messages(g.t.Context(), o, id, run, p)
	all, allErr := g.s.AllMessages(g.t.Context(), o, id)
	if g.threads.find(o, id) == nil {
		g.same("Messages", "no thread no thread", outcome(err)+" "+outcome(allErr))
		return
	}
	show := func(m *conversation.Message) (string, string) { return m.ID, m.Content[0].Text.Value }
	g.same(fmt.Sprintf("Messages %+v of run %q", p, run), want.page(p), got(l, err, show))
	g.same("AllMessages", bodies(g.messages[id]), texts(all))
	n, err := g.s.CountMessages(g.t.Context(), o, id)
	g.same("CountMessages", fmt.Sprint(len(g.messages[id]), nil), fmt.Sprint(n, err))
}

func bodies(s shelf) string {
	var b strings.Builder
	for _, k := range s {
		b.WriteString(k.body + "\n")
	}
	return b.String()
}

func texts(all []*conversation.Message) string {
	var b strings.Builder
	for _, m := range all {
		b.WriteString(m.Content[0].Text.Value + "\n")
	}
	return b.String()
}

var statuses = []string{conversation.RunQueued, conversation.RunInProgress, conversation.RunRequiresAction, conversation.RunCancelling,
	conversation.RunCancelled, conversation.RunFailed, conversation.RunCompleted, conversation.RunIncomplete, conversation.RunExpired}

func (g *game) createRun() {
	id, o := g.id(g.threads), g.owner()
	r := &conversation.Run{ThreadID: id, Status: conversation.RunQueued, Model: g.text()}
	m := message(g.text())
	err := g.s.CreateRun(g.t.Context(), o, r, m)
	switch {
	case g.threads.find(o, id) == nil:
		g.same("CreateRun", "no thread", outcome(err))
	case g.busy(id) != nil:
		g.same("CreateRun", "busy", outcome(err))
	default:
		g.same("CreateRun", "ok", outcome(err))
		g.keepMessage(id, m)
		g.runs[id] = append(g.runs[id], &kept{id: r.ID, status: r.Status, body: r.Model})
	}
}

// updateRun changes a run that is not finished, with a step and a message, new or not.
func (g *game) updateRun() {
	thread := g.id(g.threads)
	busy := g.busy(thread)
	if busy == nil {
		_, err := g.s.UpdateRun(g.t.Context(), thread, nil)
		g.same("UpdateRun", "no run", outcome(err))
		return
	}
	status := statuses[g.rand.IntN(len(statuses))]
	m, step := message(g.text()), &conversation.Step{Status: g.text()}
	if k := g.messages[thread].find(admin, g.id(g.messages[thread])); k != nil {
		m.ID = k.id
		k.body = m.Content[0].Text.Value
	}
	if k := g.steps[busy.id].find(admin, g.id(g.steps[busy.id])); k != nil {
		step.ID = k.id
		k.body = step.Status
	}
	newMessage, newStep := m.ID == "", step.ID == ""
	_, err := g.s.UpdateRun(g.t.Context(), busy.id, func(r *conversation.Run) error { r.Status = status; return nil }, m, step)
	g.same("UpdateRun", "ok", outcome(err))
	busy.status = status
	if newMessage {
		g.keepMessage(thread, m)
	}
	if newStep {
		g.steps[busy.id] = append(g.steps[busy.id], &kept{id: step.ID, body: step.Status})
	}
}

func (g *game) listRuns() {
	id, o := g.id(g.threads), g.owner()
	p := g.page(g.runs[id])
	l, err := g.s.Runs(g.t.Context(), o, id, p)
	if g.threads.find(o, id) == nil {
		g.same("Runs", "no thread", outcome(err))
		return
	}
	g.same(fmt.Sprintf("Runs %+v", p), g.runs[id].page(p), got(l, err, func(r *conversation.Run) (string, string) { return r.ID, r.Model }))
}

func (g *game) listSteps() {
	id, o := g.id(g.threads), g.owner()
	run := g.id(g.runs[id])
	p := g.page(g.steps[run])
	l, err := g.s.Steps(g.t.Context(), o, id, run, p)
	switch {
	case g.threads.find(o, id) == nil:
		g.same("Steps", "no thread", outcome(err))
	case g.runs[id].find(admin, run) == nil:
		g.same("Steps", "no run", outcome(err))
	default:
		g.same(fmt.Sprintf("Steps %+v", p), g.steps[run].page(p), got(l, err, func(s *conversation.Step) (string, string) { return s.ID, s.Status }))
	}
}

func (g *game) createFile() {
	o := g.owner()
	content := make([]byte, g.rand.IntN(1<<10))
	if g.rand.IntN(20) == 0 {
		content = make([]byte, []int{512 << 10, 512<<10 + 1, 1 << 20}[g.rand.IntN(3)])
	}
	for i := range content {
		content[i] = byte(g.rand.IntN(256))
	}
	f := &conversation.File{Filename: g.text(), Purpose: []string{"assistants", "vision"}[g.rand.IntN(2)]}
	if g.rand.IntN(10) == 0 {
		broken := errors.New("broken off")
		err := g.s.CreateFile(g.t.Context(), o, f, io.MultiReader(bytes.NewReader(content), iotestErr{broken}))
		g.same("CreateFile", "error: broken off", outcome(err))
		return
	}
	g.same("CreateFile", "ok", outcome(g.s.CreateFile(g.t.Context(), o, f, bytes.NewReader(content))))
	g.files = append(g.files, &kept{id: f.ID, owner: o.ID, body: f.Filename, purpose: f.Purpose, content: content})
}

type iotestErr struct{ error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.error }

func (g *game) readFile() {
	id, o := g.id(g.files), g.owner()
	f, r, err := g.s.FileContent(g.t.Context(), o, id)
	k := g.files.find(o, id)
	if k == nil {
		g.same("FileContent", "no file", outcome(err))
		return
	}
	g.same("FileContent", "ok "+k.body, outcome(err)+" "+f.Filename)
	content, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(content, k.content) || f.Bytes != int64(len(content)) {
		g.t.Fatalf("the content of a file of %d bytes has changed; bytes is %d, error %v", len(k.content), f.Bytes, err)
	}
}

func (g *game) deleteFile() {
	id, o := g.id(g.files), g.owner()
	g.files = g.remove("DeleteFile", "file", g.files, o, id, g.s.DeleteFile(g.t.Context(), o, id))
}

func (g *game) listFiles() {
	o, purpose := g.owner(), []string{"", "vision"}[g.rand.IntN(2)]
	p := g.page(g.files)
	l, err := g.s.Files(g.t.Context(), o, purpose, p)
	want := mine(g.files, o).of(func(k *kept) bool { return purpose == "" || k.purpose == purpose })
	g.same(fmt.Sprintf("Files %q %+v", purpose, p), want.page(p), got(l, err, func(f *conversation.File) (string, string) { return f.ID, f.Filename }))
}

func (g *game) createConversation() {
	c, o := &conversation.Conversation{}, g.owner()
	added := g.newItems()
	g.same("CreateConversation", "ok", outcome(g.s.CreateConversation(g.t.Context(), o, c, added)))
	g.conversations = append(g.conversations, &kept{id: c.ID, owner: o.ID})
	g.keepItems(c.ID, added)
}

func (g *game) newItems() (added []conversation.Item) {
	for range g.rand.IntN(4) {
		g.n++
		added = append(added, item(fmt.Sprint("item_", g.n)))
	}
	return added
}

func (g *game) keepItems(conv string, added []conversation.Item) {
	for _, i := range added {
		g.items[conv] = append(g.items[conv], &kept{id: i.ID, body: string(i.Body)})
	}
}

func (g *game) addItems() {
	id, o, added := g.id(g.conversations), g.owner(), g.newItems()
	twice := len(g.items[id]) > 0 && g.rand.IntN(4) == 0
	if twice {
		added = append(added, item(g.items[id][0].id))
	}
	err := g.s.AddItems(g.t.Context(), o, id, added)
	switch {
	case g.conversations.find(o, id) == nil:
		g.same("AddItems", "no conversation", outcome(err))
	case twice:
		g.same("AddItems", "exists", outcome(err))
	default:
		g.same("AddItems", "ok", outcome(err))
		g.keepItems(id, added)
	}
}

func (g *game) deleteItem() {
	id, o := g.id(g.conversations), g.owner()
	item := g.id(g.items[id])
	err := g.s.DeleteItem(g.t.Context(), o, id, item)
	if g.conversations.find(o, id) == nil {
		g.same("DeleteItem", "no conversation", outcome(err))
		return
	}
	if g.items[id].find(admin, item) != nil {
		for _, r := range g.responses { // it is in the history of none any more
			if r.conv == id {
				r.before = slices.DeleteFunc(slices.Clone(r.before), func(s string) bool { return s == item })
			}
		}
	}
	g.items[id] = g.remove("DeleteItem", "item", g.items[id], admin, item, err)
}

func (g *game) deleteConversation() {
	id, o := g.id(g.conversations), g.owner()
	err := g.s.DeleteConversation(g.t.Context(), o, id)
	if g.conversations.find(o, id) != nil {
		delete(g.items, id)
		for _, r := range g.responses {
			if r.conv == id {
				r.conv, r.before = "", nil
			}
		}
	}
	g.conversations = g.remove("DeleteConversation", "conversation", g.conversations, o, id, err)
}

func (g *game) listItems() {
	id, o := g.id(g.conversations), g.owner()
	p := g.page(g.items[id])
	l, err := g.s.Items(g.t.Context(), o, id, p)
	all, allErr := g.s.AllItems(g.t.Context(), o, id)
	if g.conversations.find(o, id) == nil {
		g.same("Items", "no conversation no conversation", outcome(err)+" "+outcome(allErr))
		return
	}
	g.same(fmt.Sprintf("Items %+v", p), g.items[id].page(p), got(l, err, showItem))
	var want []string
	for _, k := range g.items[id] {
		want = append(want, k.id)
	}
	g.same("AllItems", fmt.Sprint(want), fmt.Sprint(itemIDs(all)))
}

func showItem(body json.RawMessage) (string, string) {
	var i struct{ ID string }
	if err := json.Unmarshal(body, &i); err != nil {
		return err.Error(), ""
	}
	return i.ID, string(body)
}

func (g *game) createResponse() {
	o, name := g.owner(), g.text()
	g.n++
	r := &conversation.Response{Body: get(json.Marshal(name))(g.t), Input: g.newItems(), Output: []conversation.Item{item(fmt.Sprint("out_", g.n))}}
	switch g.rand.IntN(4) {
	case 0:
		r.Conversation = g.id(g.conversations)
	case 1, 2:
		r.Previous = g.id(g.responses)
	}
	if r.Conversation != "" && len(g.items[r.Conversation]) > 0 && g.rand.IntN(3) == 0 {
		r.Input = append(r.Input, item(g.items[r.Conversation][0].id)) // sent again: it stays where it is
	}
	err := g.s.CreateResponse(g.t.Context(), o, r)
	k := &kept{owner: o.ID, body: string(r.Body), previous: r.Previous, conv: r.Conversation, in: itemIDs(r.Input), out: itemIDs(r.Output)}
	previous := g.responses.find(o, r.Previous)
	switch {
	case r.Previous != "" && previous == nil:
		g.same("CreateResponse", "no response", outcome(err))
		return
	case r.Conversation != "" && g.conversations.find(o, r.Conversation) == nil:
		g.same("CreateResponse", "no conversation", outcome(err))
		return
	}
	g.same("CreateResponse", "ok", outcome(err))
	k.id, k.tree = r.ID, r.ID
	if previous != nil {
		k.tree = previous.tree
	}
	for _, i := range g.items[r.Conversation] {
		k.before = append(k.before, i.id)
	}
	if r.Conversation != "" {
		g.keepItems(r.Conversation, slices.DeleteFunc(slices.Concat(r.Input, r.Output), func(i conversation.Item) bool { return slices.Contains(k.before, i.ID) }))
	}
	g.responses = append(g.responses, k)
}

// given are the ids of what a model was given for a response.
func (g *game) given(k *kept) []string {
	if k.previous == "" {
		return slices.Concat(k.before, k.in)
	}
	before := g.responses.find(admin, k.previous)
	return slices.Concat(g.given(before), before.out, k.in)
}

func (g *game) history() {
	id, o := g.id(g.responses), g.owner()
	items, err := g.s.History(g.t.Context(), o, id)
	r, bodyErr := g.s.Response(g.t.Context(), o, id)
	k := g.responses.find(o, id)
	if k == nil {
		g.same("History", "no response no response", outcome(err)+" "+outcome(bodyErr))
		return
	}
	g.same("History", fmt.Sprint(slices.Concat(g.given(k), k.out), "ok"), fmt.Sprint(itemIDs(items), outcome(err)))
	g.same("Response", "ok "+k.body, outcome(bodyErr)+" "+string(r.Body))
}

func (g *game) inputItems() {
	id, o := g.id(g.responses), g.owner()
	k := g.responses.find(o, id)
	if k == nil {
		_, err := g.s.InputItems(g.t.Context(), o, id, conversation.Page{})
		g.same("InputItems", "no response", outcome(err))
		return
	}
	var want shelf
	seen := map[string]bool{}
	for _, id := range g.given(k) {
		if seen[id] {
			return // cursors mean one of them: see TestItemsTwice
		}
		seen[id] = true
		want = append(want, &kept{id: id, body: string(item(id).Body)})
	}
	p := g.page(want)
	l, err := g.s.InputItems(g.t.Context(), o, id, p)
	g.same(fmt.Sprintf("InputItems %+v", p), want.page(p), got(l, err, showItem))
}

func (g *game) deleteResponse() {
	if g.rand.IntN(3) > 0 {
		return
	}
	id, o := g.id(g.responses), g.owner()
	err := g.s.DeleteResponse(g.t.Context(), o, id)
	if k := g.responses.find(o, id); k != nil {
		for _, r := range g.responses {
			if r.previous == id {
				r.previous = k.previous
			}
		}
	}
	g.responses = g.remove("DeleteResponse", "response", g.responses, o, id, err)
}

// forget checks that all are forgotten that are in no conversation.
func (g *game) forget() {
	stays := map[string]bool{}
	for _, r := range g.responses {
		stays[r.tree] = stays[r.tree] || r.conv != ""
	}
	want := len(g.responses.of(func(k *kept) bool { return !stays[k.tree] }))
	n, err := g.s.ForgetResponses(g.t.Context(), 1<<40)
	g.same("ForgetResponses", fmt.Sprint(want, "ok"), fmt.Sprint(n, outcome(err)))
	for _, r := range g.responses {
		_, err := g.s.History(g.t.Context(), admin, r.id)
		want := "no response"
		if stays[r.tree] {
			want = "ok"
		}
		g.same("History after ForgetResponses", want, outcome(err))
	}
}
