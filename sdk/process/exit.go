package process

import (
	"errors"
	"fmt"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// causeLines is how much of a server's log goes into the cause of an error.
const causeLines = 20

// An Exit is how a server came to its end.
type Exit struct {
	Err error    // what [exec.Cmd.Wait] said; nil for status 0
	Log []string // the last lines that it wrote, 200 at most, the oldest first
}

// Reason is what an exit says for itself, where the log has no better sentence.
func (e Exit) Reason() (sdk.Code, string) {
	if e.Err == nil {
		return sdk.CodeInternal, "it ended by itself and gave no reason"
	}
	text := e.Err.Error()
	switch {
	case strings.Contains(text, "killed"):
		return sdk.CodeUnavailable, "it was killed; the system does that when memory runs out"
	case strings.Contains(text, "segmentation fault"), strings.Contains(text, "abort"):
		return sdk.CodeInternal, "it crashed (" + text + ")"
	case len(e.Log) > 0:
		return sdk.CodeInternal, fmt.Sprintf("%s; its last line was %.300q", text, e.Log[len(e.Log)-1])
	}
	return sdk.CodeInternal, text
}

// Failure makes the error of an exit from a sentence for the user. For the log it has
// the last lines.
func (e Exit) Failure(code sdk.Code, format string, args ...any) *sdk.Error {
	last := errors.New(strings.Join(e.Log[max(0, len(e.Log)-causeLines):], "\n"))
	return &sdk.Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: errors.Join(e.Err, last)}
}
