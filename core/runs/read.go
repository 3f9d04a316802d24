package runs

import (
	"context"
	"errors"
	"net/http"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/sdk/openai"
)

// How much of a thread is read, in bytes of text: more than the model can be shown, since
// [work.fit] cuts by tokens, and far less than a long thread has.
const (
	tokenBytes  = 16      // of a token: on the average of a text no language comes near
	roomUnknown = 4 << 20 // where the context is not known: a million tokens, as the longest have
)

// maxHead is how many messages of the system a thread may begin with that are shown even
// where those after them are left out.
const maxHead = 20

// A reading is what a run reads of its thread, newest message first.
type reading struct {
	entries []entry
	head    []entry                          // oldest first: with what the thread begins, where it was not read whole
	own     map[string]*conversation.Message // what the run itself wrote, by its id
	room    int                              // bytes of text that may still be read
	files   int64                            // the same for files and images

	to, turn mark // the oldest message that was read, and the oldest that begins a turn
	others   int  // messages that were read, beside the run's own
}

// A mark is a place in a reading: after so many entries and messages.
type mark struct {
	id                string
	entries, messages int
}

// room is how much of the thread the model may be shown at most.
func (w *work) room() int {
	reach := w.runner.c.Reach
	switch budget := w.budget(); {
	case budget > 0:
		return min(budget*tokenBytes, reach)
	case w.run.TruncationStrategy.Type == truncateDisabled:
		return reach
	}
	return min(roomUnknown, reach)
}

// read reads the thread from its newest message on, until the model can be shown no
// more: a run of a long thread begins as soon as one of a thread that fills the context.
func (w *work) read(ctx context.Context) (*reading, error) {
	r := &reading{own: map[string]*conversation.Message{}, room: w.room(), files: int64(w.runner.c.Reach) / 4 * 3} // in base64 they are that much
	for page := (conversation.Page{Limit: 100}); ; {
		list, err := w.store().Messages(ctx, w.owner, w.run.ThreadID, "", page)
		if gone := (*conversation.FieldError)(nil); errors.As(err, &gone) {
			return w.read(ctx) // the last message of a page was deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		for _, m := range list.Data {
			full, err := w.add(ctx, r, m)
			if err != nil {
				return nil, err
			}
			if full {
				return r, w.leaveOut(ctx, r)
			}
		}
		if !list.HasMore {
			return r, nil
		}
		page.After = *list.LastID
	}
}

// add adds the next older message; full: there is no room for it. The newest is always
// added.
func (w *work) add(ctx context.Context, r *reading, m *conversation.Message) (full bool, err error) {
	next := mark{m.ID, len(r.entries), r.to.messages + 1}
	if w.wrote(m) {
		r.own[m.ID], r.to = m, next
		return false, nil
	}
	if t := w.run.TruncationStrategy; t.Type == truncateLast && r.others == *t.LastMessages {
		return true, nil
	}
	e, ignored, err := w.entry(ctx, m, &r.files)
	if err != nil {
		return false, err
	}
	r.room -= len(e.text()) + e.around()*tokenBytes
	if r.others > 0 && (r.room < 0 || r.files < 0) {
		return true, nil
	}
	w.ignore(ignored)
	r.others++
	if e.message["content"] != "" { // as of a run that broke off before its first word
		r.entries = append(r.entries, e)
		next.entries++
	}
	if r.to = next; m.Role == "user" {
		r.turn = next
	}
	return false, nil
}

// entry is a message as a model is shown it.
func (w *work) entry(ctx context.Context, m *conversation.Message, files *int64) (entry, []string, error) {
	content, ignored, err := w.runner.parts(ctx, w.owner, m, files)
	return entry{id: m.ID, message: map[string]any{"role": m.Role, "content": content}}, ignored, err
}

// leaveOut leaves out what was not read of the thread. An answer without its question goes
// too, where it was not asked for; what the system said at the beginning stays.
func (w *work) leaveOut(ctx context.Context, r *reading) error {
	strategy := w.run.TruncationStrategy.Type
	if strategy == truncateDisabled {
		return &openai.Error{Status: http.StatusBadRequest, Code: tooLong, Message: "The thread is longer than the model can be shown, and its truncation_strategy is disabled"}
	}
	all, err := w.store().CountMessages(ctx, w.owner, w.run.ThreadID)
	if err != nil {
		return err
	}
	if strategy != truncateLast {
		if r.turn.messages > 0 {
			r.entries, r.to = r.entries[:r.turn.entries], r.turn
		}
		if err := w.readHead(ctx, r, all-r.to.messages); err != nil {
			return err
		}
	}
	w.cut(all-r.to.messages-len(r.head), r.to.id)
	return nil
}

// readHead reads what the system says at the beginning of a thread, of which so many
// messages were not read.
func (w *work) readHead(ctx context.Context, r *reading, unread int) error {
	list, err := w.store().Messages(ctx, w.owner, w.run.ThreadID, "", conversation.Page{Limit: maxHead, Ascending: true})
	if err != nil {
		return err
	}
	for _, m := range list.Data[:min(len(list.Data), unread)] {
		if m.Role != "system" {
			return nil
		}
		e, _, err := w.entry(ctx, m, &r.files)
		if err != nil {
			return err
		}
		r.head = append(r.head, e)
	}
	return nil
}
