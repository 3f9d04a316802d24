package conversation

import (
	"errors"
	"fmt"

	"github.com/enginebay/enginebay/sdk"
)

var (
	// ErrBusy is the answer of a thread that has an unfinished run to what would
	// change its messages, and to a second run.
	ErrBusy = errors.New("the thread has an unfinished run: wait for its end or cancel it")

	// ErrExists is the answer to an import of what is there already.
	ErrExists = errors.New("it is there already")
)

// A Missing error says that there is no such object, or that it is another owner's:
// callers cannot tell which. It is an [sdk.Error] of [sdk.CodeNotFound].
type Missing struct {
	Kind string // assistant, thread, message, run, run step, file, response, conversation, item
	ID   string
}

// Error names what is missing.
func (m *Missing) Error() string { return fmt.Sprintf("There is no %s '%s'.", m.Kind, m.ID) }

// Unwrap gives the coded error.
func (m *Missing) Unwrap() error { return sdk.Errorf(sdk.CodeNotFound, "%s", m.Error()) }

// A FieldError says what is wrong with a field of what a client sent. It is an
// [sdk.Error] of [sdk.CodeInvalid].
type FieldError struct {
	Param   string // the field, as OpenAI writes it: content, metadata, tools[0].type
	Message string // one sentence for the user
}

// Error returns the sentence for the user.
func (f *FieldError) Error() string { return f.Message }

// Unwrap gives the coded error.
func (f *FieldError) Unwrap() error { return sdk.Errorf(sdk.CodeInvalid, "%s", f.Message) }
