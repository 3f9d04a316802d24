package sdk

import (
	"errors"
	"fmt"
)

// A Code says what kind of fault an error is. The list is short and closed: a
// code exists because somebody decides upon it. It crosses the wire between
// core and plugin, and core/api turns it into an HTTP status.
type Code string

// The codes.
const (
	CodeInvalid      Code = "invalid"      // the request, setting or file is wrong; asking again does not help
	CodeNotFound     Code = "not_found"    // the thing that was named does not exist
	CodeUnauthorized Code = "unauthorized" // credentials are missing, wrong, or not enough
	CodeUnavailable  Code = "unavailable"  // it cannot answer now; asking again may help
	CodeExhausted    Code = "exhausted"    // memory, disk, queue or quota is used up
	CodeUnsupported  Code = "unsupported"  // this engine or model cannot do that
	CodeCanceled     Code = "canceled"     // the caller left, or took it back
	CodeInternal     Code = "internal"     // a fault of the program; the default
)

// An Error is an error whose kind a caller decides upon.
type Error struct {
	Code    Code   // what kind of fault it is
	Message string // one sentence for the user, with the next step; shown in API answers
	Cause   error  // for the log; nil where Message says all
}

// Error returns the sentence for the user, then the cause.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an [Error] without a cause from a formatted sentence for the user.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the first [Error] in the chain of err, and
// [CodeInternal] where there is none.
func CodeOf(err error) Code {
	var coded *Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	return CodeInternal
}
