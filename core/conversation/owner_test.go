package conversation_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
)

// belongings are one object of each kind, of one owner.
type belongings struct {
	s                                                                   *conversation.Store
	assistant, thread, message, run, step, file, response, conversation string
}

func belongingsOf(t *testing.T, s *conversation.Store, o conversation.Owner) belongings {
	a := &conversation.Assistant{Model: "m"}
	ok(t, s.CreateAssistant(t.Context(), o, a))
	th := &conversation.Thread{}
	m := message("hello")
	ok(t, s.CreateThread(t.Context(), o, th, m))
	r := run(t, s, o, th.ID, conversation.RunQueued)
	step := &conversation.Step{}
	get(s.UpdateRun(t.Context(), r.ID, func(r *conversation.Run) error { r.Status = conversation.RunCompleted; return nil }, step))(t)
	f := &conversation.File{Purpose: "assistants"}
	ok(t, s.CreateFile(t.Context(), o, f, strings.NewReader("content")))
	c := &conversation.Conversation{}
	ok(t, s.CreateConversation(t.Context(), o, c, []conversation.Item{item("first")}))
	resp := response(t, s, o, "a", "", c.ID)
	return belongings{s, a.ID, th.ID, m.ID, r.ID, step.ID, f.ID, resp.ID, c.ID}
}

// listed returns how many objects a list has.
func listed[T any](l conversation.List[T], err error) (int, error) { return len(l.Data), err }

func nothing[T any](_ T, err error) (int, error) { return 0, err }

func only(err error) (int, error) { return 0, err }

// use calls each method of a store that takes an owner: it returns how many objects a
// list had.
var use = map[string]func(ctx context.Context, b belongings, o conversation.Owner) (int, error){
	"Assistant": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.Assistant(ctx, o, b.assistant))
	},
	"Assistants": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return listed(b.s.Assistants(ctx, o, conversation.Page{}))
	},
	"UpdateAssistant": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.UpdateAssistant(ctx, o, b.assistant, func(*conversation.Assistant) error { return nil }))
	},
	"DeleteAssistant": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.DeleteAssistant(ctx, o, b.assistant))
	},
	"Thread": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.Thread(ctx, o, b.thread))
	},
	"Threads": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return listed(b.s.Threads(ctx, o, conversation.Page{}))
	},
	"UpdateThread": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.UpdateThread(ctx, o, b.thread, func(*conversation.Thread) error { return nil }))
	},
	"DeleteThread": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.DeleteThread(ctx, o, b.thread))
	},
	"CreateMessage": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.CreateMessage(ctx, o, b.thread, message("mine")))
	},
	"Message": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.Message(ctx, o, b.thread, b.message))
	},
	"Messages": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return listed(b.s.Messages(ctx, o, b.thread, "", conversation.Page{}))
	},
	"AllMessages": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.AllMessages(ctx, o, b.thread))
	},
	"CountMessages": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return b.s.CountMessages(ctx, o, b.thread)
	},
	"UpdateMessage": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.UpdateMessage(ctx, o, b.thread, b.message, func(*conversation.Message) error { return nil }))
	},
	"DeleteMessage": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.DeleteMessage(ctx, o, b.thread, b.message))
	},
	"CreateRun": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.CreateRun(ctx, o, &conversation.Run{ThreadID: b.thread, Status: conversation.RunCompleted}))
	},
	"Run": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.Run(ctx, o, b.thread, b.run))
	},
	"Runs": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return listed(b.s.Runs(ctx, o, b.thread, conversation.Page{}))
	},
	"Step": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.Step(ctx, o, b.thread, b.run, b.step))
	},
	"Steps": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return listed(b.s.Steps(ctx, o, b.thread, b.run, conversation.Page{}))
	},
	"File": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.File(ctx, o, b.file))
	},
	"Files": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return listed(b.s.Files(ctx, o, "assistants", conversation.Page{}))
	},
	"FileContent": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		_, _, err := b.s.FileContent(ctx, o, b.file)
		return 0, err
	},
	"DeleteFile": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.DeleteFile(ctx, o, b.file))
	},
	"Response": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.Response(ctx, o, b.response))
	},
	"DeleteResponse": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.DeleteResponse(ctx, o, b.response))
	},
	"InputItems": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return listed(b.s.InputItems(ctx, o, b.response, conversation.Page{}))
	},
	"History": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.History(ctx, o, b.response))
	},
	"CreateResponse": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.CreateResponse(ctx, o, &conversation.Response{Previous: b.response, Body: []byte(`{}`)}))
	},
	"Conversation": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.Conversation(ctx, o, b.conversation))
	},
	"UpdateConversation": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.UpdateConversation(ctx, o, b.conversation, func(*conversation.Conversation) error { return nil }))
	},
	"DeleteConversation": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.DeleteConversation(ctx, o, b.conversation))
	},
	"AddItems": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.AddItems(ctx, o, b.conversation, []conversation.Item{item(conversation.NewID("msg_"))}))
	},
	"Items": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return listed(b.s.Items(ctx, o, b.conversation, conversation.Page{}))
	},
	"AllItems": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.AllItems(ctx, o, b.conversation))
	},
	"FindItems": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		found, err := b.s.FindItems(ctx, o, []string{"first", "in_a", b.thread})
		return len(found), err
	},
	"Item": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return nothing(b.s.Item(ctx, o, b.conversation, "first"))
	},
	"DeleteItem": func(ctx context.Context, b belongings, o conversation.Owner) (int, error) {
		return only(b.s.DeleteItem(ctx, o, b.conversation, "first"))
	},
}

// makes are the methods that only make something of their own.
var makes = []string{"CreateAssistant", "ImportAssistant", "CreateThread", "ImportThread", "CreateFile", "CreateConversation"}

// lists are the methods that find nothing where there is nothing.
var lists = []string{"Assistants", "Threads", "Files", "FindItems"}

func TestEveryMethodWithAnOwnerIsTried(t *testing.T) {
	store := reflect.TypeFor[*conversation.Store]()
	for m := range store.Methods() {
		takes := false
		for in := range m.Type.Ins() {
			takes = takes || in == reflect.TypeFor[conversation.Owner]()
		}
		_, tried := use[m.Name]
		if takes && !tried && !slices.Contains(makes, m.Name) {
			t.Errorf("no test tries %s with the object of another owner", m.Name)
		}
	}
}

func TestOwners(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		annas := belongingsOf(t, s, anna)
		for name, call := range use {
			for _, o := range []conversation.Owner{bert, {}} {
				n, err := call(t.Context(), annas, o)
				switch {
				case slices.Contains(lists, name):
					if n != 0 || err != nil {
						t.Errorf("%s: another owner sees %d objects, error %v", name, n, err)
					}
				case err == nil:
					t.Errorf("%s takes the object of another owner", name)
				default:
					isMissing(t, err, kindOf(name))
				}
			}
		}
	})
}

// kindOf is what a method finds missing first.
func kindOf(method string) string {
	for _, k := range []struct{ word, kind string }{
		{"Assistant", "assistant"}, {"Thread", "thread"}, {"Message", "thread"}, {"Run", "thread"}, {"Step", "thread"}, {"File", "file"},
		{"InputItems", "response"}, {"Response", "response"}, {"History", "response"}, {"Conversation", "conversation"}, {"Item", "conversation"},
	} {
		if strings.Contains(method, k.word) {
			return k.kind
		}
	}
	return ""
}

// TestAdministrators see and change all; so does the owner.
func TestAdministrators(t *testing.T) {
	for _, o := range []conversation.Owner{admin, anna} {
		t.Run(o.ID, func(t *testing.T) {
			each(t, func(t *testing.T, s *conversation.Store) {
				for name, call := range use {
					annas := belongingsOf(t, s, anna)
					n, err := call(t.Context(), annas, o)
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
					if strings.HasSuffix(name, "s") && !strings.HasPrefix(name, "All") && name != "AddItems" && n == 0 {
						t.Errorf("%s lists nothing", name)
					}
				}
			})
		})
	}
}

// TestOtherParents: an object is found only in what it belongs to.
func TestOtherParents(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		one, other := belongingsOf(t, s, anna), belongingsOf(t, s, anna)
		_, err := s.Message(t.Context(), anna, other.thread, one.message)
		isMissing(t, err, "message")
		_, err = s.Run(t.Context(), anna, other.thread, one.run)
		isMissing(t, err, "run")
		_, err = s.Step(t.Context(), anna, one.thread, other.run, one.step)
		isMissing(t, err, "run")
		_, err = s.Step(t.Context(), anna, other.thread, other.run, one.step)
		isMissing(t, err, "run step")
		_, err = s.Messages(t.Context(), anna, other.thread, "", conversation.Page{After: one.message})
		isField(t, err, "after")
		_, err = s.Threads(t.Context(), bert, conversation.Page{Before: one.thread})
		isField(t, err, "before")
	})
}
