package runs

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
)

// next says what a run may become. A server that finds a run elsewhere than it left it
// lets it be: somebody else has moved it.
//
//	state            what happens                        next
//	queued           a model begins to answer            in_progress
//	                 the model refuses                   failed
//	in_progress      the answer ends                     completed, incomplete
//	                 it ends in calls of functions       requires_action
//	                 it breaks off                       failed
//	either           Cancel                              cancelling, then cancelled
//	                 the listener leaves                 cancelled
//	requires_action  Submit                              queued
//	                 nobody submits for ten minutes      expired
//	                 Cancel                              cancelled
//	cancelling       the answer ended at that moment     as above
//	any of these     the server stops, or has died       failed
//
// The others are ends.
var next = map[string][]string{
	conversation.RunQueued:         {conversation.RunInProgress, conversation.RunCancelling, conversation.RunCancelled, conversation.RunFailed, conversation.RunRequiresAction, conversation.RunCompleted, conversation.RunIncomplete},
	conversation.RunInProgress:     {conversation.RunRequiresAction, conversation.RunCancelling, conversation.RunCancelled, conversation.RunFailed, conversation.RunCompleted, conversation.RunIncomplete},
	conversation.RunRequiresAction: {conversation.RunQueued, conversation.RunCancelled, conversation.RunExpired, conversation.RunFailed},
	conversation.RunCancelling:     {conversation.RunCancelled, conversation.RunFailed, conversation.RunCompleted, conversation.RunIncomplete},
}

// errMoved is what a change of a run answers where somebody else has moved the run.
var errMoved = errors.New("the run has moved on")

// An end is where a run gets to, and why.
type end struct {
	status string
	fault  *conversation.RunError // of failed
	reason string                 // of incomplete: max_completion_tokens, max_prompt_tokens, content_filter
}

// ended says whether a run has come to its end.
func ended(status string) bool { return next[status] == nil }

// move brings a run into a state, with all that the state implies.
func move(run *conversation.Run, to end) error {
	if !slices.Contains(next[run.Status], to.status) {
		return fmt.Errorf("from %s to %s: %w", run.Status, to.status, errMoved)
	}
	run.Status, run.LastError = to.status, to.fault
	now := time.Now().Unix()
	run.Beat++
	if to.status != conversation.RunRequiresAction {
		run.RequiredAction, run.ExpiresAt = nil, nil
	}
	switch to.status {
	case conversation.RunInProgress:
		if run.StartedAt == nil {
			run.StartedAt = &now
		}
	case conversation.RunCancelled:
		run.CancelledAt = &now
	case conversation.RunFailed:
		run.FailedAt = &now
	case conversation.RunCompleted:
		run.CompletedAt = &now
	case conversation.RunExpired:
		run.ExpiresAt = &now
	case conversation.RunIncomplete:
		run.IncompleteDetails = &conversation.Incomplete{Reason: to.reason}
	}
	return nil
}

// closeMessage ends a message as its run ends.
func closeMessage(m *conversation.Message, to end) {
	now := time.Now().Unix()
	reason := map[string]string{
		conversation.RunCancelled: "run_cancelled", conversation.RunExpired: "run_expired", conversation.RunFailed: "run_failed", conversation.RunIncomplete: to.reason,
	}[to.status]
	switch {
	case reason == "max_completion_tokens":
		reason = "max_tokens" // as a message calls it
	case reason == "":
		m.Status, m.CompletedAt = conversation.RunCompleted, &now
		return
	}
	m.Status, m.IncompleteAt, m.IncompleteDetails = conversation.RunIncomplete, &now, &conversation.Incomplete{Reason: reason}
}
