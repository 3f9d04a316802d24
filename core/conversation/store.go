package conversation

import (
	"context"
	"encoding/json"
	"errors"
	"io"
)

// TODO(H2): all of this is replaced.
var errNotYet = errors.New("not yet")

type Store struct{}

func (s *Store) CreateAssistant(ctx context.Context, o Owner, a *Assistant) error { return errNotYet }
func (s *Store) Assistant(ctx context.Context, o Owner, id string) (*Assistant, error) {
	return nil, errNotYet
}
func (s *Store) Assistants(ctx context.Context, o Owner, p Page) (List[*Assistant], error) {
	return List[*Assistant]{}, errNotYet
}
func (s *Store) UpdateAssistant(ctx context.Context, o Owner, id string, change func(*Assistant) error) (*Assistant, error) {
	return nil, errNotYet
}
func (s *Store) DeleteAssistant(ctx context.Context, o Owner, id string) error { return errNotYet }

// CreateThread makes a thread with its first messages, all or nothing.
func (s *Store) CreateThread(ctx context.Context, o Owner, t *Thread, messages ...*Message) error {
	return errNotYet
}
func (s *Store) Thread(ctx context.Context, o Owner, id string) (*Thread, error) {
	return nil, errNotYet
}
func (s *Store) Threads(ctx context.Context, o Owner, p Page) (List[*Thread], error) {
	return List[*Thread]{}, errNotYet
}
func (s *Store) UpdateThread(ctx context.Context, o Owner, id string, change func(*Thread) error) (*Thread, error) {
	return nil, errNotYet
}
func (s *Store) DeleteThread(ctx context.Context, o Owner, id string) error { return errNotYet }

// ImportThread keeps a thread with the ids and times that it has; sdk.CodeInvalid with ErrExists where one of that id is there.
func (s *Store) ImportThread(ctx context.Context, o Owner, t *Thread, messages []*Message) error {
	return errNotYet
}
func (s *Store) ImportAssistant(ctx context.Context, o Owner, a *Assistant) error { return errNotYet }

// CreateMessage adds a message; a thread with an unfinished run refuses it (ErrBusy) unless m.RunID is that run.
func (s *Store) CreateMessage(ctx context.Context, o Owner, threadID string, m *Message) error {
	return errNotYet
}
func (s *Store) Message(ctx context.Context, o Owner, threadID, id string) (*Message, error) {
	return nil, errNotYet
}

// Messages lists those of a thread; runID may be empty.
func (s *Store) Messages(ctx context.Context, o Owner, threadID, runID string, p Page) (List[*Message], error) {
	return List[*Message]{}, errNotYet
}

// AllMessages are those of a thread, oldest first.
func (s *Store) AllMessages(ctx context.Context, o Owner, threadID string) ([]*Message, error) {
	return nil, errNotYet
}
func (s *Store) UpdateMessage(ctx context.Context, o Owner, threadID, id string, change func(*Message) error) (*Message, error) {
	return nil, errNotYet
}
func (s *Store) DeleteMessage(ctx context.Context, o Owner, threadID, id string) error {
	return errNotYet
}

// CreateRun adds a run and the messages that come with it; ErrBusy where the thread has an unfinished one.
func (s *Store) CreateRun(ctx context.Context, o Owner, r *Run, messages ...*Message) error {
	return errNotYet
}
func (s *Store) Run(ctx context.Context, o Owner, threadID, id string) (*Run, error) {
	return nil, errNotYet
}
func (s *Store) Runs(ctx context.Context, o Owner, threadID string, p Page) (List[*Run], error) {
	return List[*Run]{}, errNotYet
}

// UpdateRun changes a run, and what else changes with it, in one transaction.
func (s *Store) UpdateRun(ctx context.Context, id string, change func(*Run) error, with ...Written) (*Run, error) {
	return nil, errNotYet
}

// Written is a *Message or a *Step to be put in its place: made where there is none of its id.
type Written any

// EndAbandoned fails the unfinished runs whose holder has not said that it lives since a time (Unix seconds).
func (s *Store) EndAbandoned(ctx context.Context, since int64) (int, error) { return 0, errNotYet }

func (s *Store) Step(ctx context.Context, o Owner, threadID, runID, id string) (*Step, error) {
	return nil, errNotYet
}
func (s *Store) Steps(ctx context.Context, o Owner, threadID, runID string, p Page) (List[*Step], error) {
	return List[*Step]{}, errNotYet
}

// CreateFile reads a file to its end and keeps it; before that it does not exist. f.Bytes and f.ID are filled in.
func (s *Store) CreateFile(ctx context.Context, o Owner, f *File, content io.Reader) error {
	return errNotYet
}
func (s *Store) File(ctx context.Context, o Owner, id string) (*File, error) { return nil, errNotYet }

// Files lists files; purpose may be empty.
func (s *Store) Files(ctx context.Context, o Owner, purpose string, p Page) (List[*File], error) {
	return List[*File]{}, errNotYet
}

// FileContent reads a file's content, a chunk at a time.
func (s *Store) FileContent(ctx context.Context, o Owner, id string) (*File, io.Reader, error) {
	return nil, nil, errNotYet
}
func (s *Store) DeleteFile(ctx context.Context, o Owner, id string) error { return errNotYet }

// CreateResponse keeps a response with its items, and adds them to its conversation where it has one.
func (s *Store) CreateResponse(ctx context.Context, o Owner, r *Response) error { return errNotYet }
func (s *Store) Response(ctx context.Context, o Owner, id string) (*Response, error) {
	return nil, errNotYet
}
func (s *Store) DeleteResponse(ctx context.Context, o Owner, id string) error { return errNotYet }

// InputItems lists all that the model was given for a response: of those before it too.
func (s *Store) InputItems(ctx context.Context, o Owner, id string, p Page) (List[json.RawMessage], error) {
	return List[json.RawMessage]{}, errNotYet
}

// History is what went before a request that goes on from a response: input and output of each in the chain, oldest first.
func (s *Store) History(ctx context.Context, o Owner, id string) ([]Item, error) {
	return nil, errNotYet
}

// ForgetResponses deletes those made before a time (Unix seconds) that are in no conversation.
func (s *Store) ForgetResponses(ctx context.Context, before int64) (int, error) { return 0, errNotYet }

func (s *Store) CreateConversation(ctx context.Context, o Owner, c *Conversation, items []Item) error {
	return errNotYet
}
func (s *Store) Conversation(ctx context.Context, o Owner, id string) (*Conversation, error) {
	return nil, errNotYet
}
func (s *Store) UpdateConversation(ctx context.Context, o Owner, id string, change func(*Conversation) error) (*Conversation, error) {
	return nil, errNotYet
}
func (s *Store) DeleteConversation(ctx context.Context, o Owner, id string) error { return errNotYet }
func (s *Store) AddItems(ctx context.Context, o Owner, conversationID string, items []Item) error {
	return errNotYet
}
func (s *Store) Items(ctx context.Context, o Owner, conversationID string, p Page) (List[json.RawMessage], error) {
	return List[json.RawMessage]{}, errNotYet
}
func (s *Store) AllItems(ctx context.Context, o Owner, conversationID string) ([]Item, error) {
	return nil, errNotYet
}
func (s *Store) Item(ctx context.Context, o Owner, conversationID, id string) (json.RawMessage, error) {
	return nil, errNotYet
}
func (s *Store) DeleteItem(ctx context.Context, o Owner, conversationID, id string) error {
	return errNotYet
}
