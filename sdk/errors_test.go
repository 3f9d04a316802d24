package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/enginebay/enginebay/sdk"
)

// TestErrorsCrossTheWire: a code, its sentence and its cause arrive as they left,
// from a call with one answer and from one with a stream.
func TestErrorsCrossTheWire(t *testing.T) {
	cause := errors.New("the cause")
	tests := map[string]struct {
		err     error
		code    sdk.Code
		message string
		cause   string
	}{
		"plain":    {errors.New("plain words"), sdk.CodeInternal, "plain words", ""},
		"wrapped":  {fmt.Errorf("load: %w", &sdk.Error{Code: sdk.CodeExhausted, Message: "no memory", Cause: cause}), sdk.CodeExhausted, "no memory", "the cause"},
		"canceled": {fmt.Errorf("load: %w", context.Canceled), sdk.CodeCanceled, "the call was called off", "load: context canceled"},
		"status":   {status.Error(codes.Unauthenticated, "who are you"), sdk.CodeUnauthorized, "who are you", ""},
		"unknown":  {&sdk.Error{Code: "novel", Message: "a later code"}, sdk.CodeInternal, "a later code", ""},
	}
	for _, code := range []sdk.Code{sdk.CodeInvalid, sdk.CodeNotFound, sdk.CodeUnauthorized, sdk.CodeUnavailable,
		sdk.CodeExhausted, sdk.CodeUnsupported, sdk.CodeCanceled, sdk.CodeInternal} {
		test := tests[string(code)]
		test.err, test.code, test.message, test.cause = &sdk.Error{Code: code, Message: "a sentence", Cause: cause}, code, "a sentence", "the cause"
		tests["code "+string(code)] = test
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, sdk.Plugin{
				Engine: engine(func(context.Context, sdk.LoadRequest, func(sdk.Progress)) (sdk.Instance, error) {
					return nil, test.err
				}),
				Importer: importer{func() error { return test.err }},
			})
			_, load := s.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "m"}}, nil)
			_, resolve := s.Resolve(t.Context(), "x://y")
			for call, err := range map[string]error{"Load": load, "Resolve": resolve} {
				var got *sdk.Error
				if !errors.As(err, &got) {
					t.Fatalf("%s: %v has no code", call, err)
				}
				if got.Code != test.code || got.Message != test.message || (got.Cause == nil) != (test.cause == "") || (got.Cause != nil && got.Cause.Error() != test.cause) {
					t.Errorf("%s: got %s, %q, cause %v; want %s, %q, cause %q", call, got.Code, got.Message, got.Cause, test.code, test.message, test.cause)
				}
			}
		})
	}
}

// importer fails, or panics.
type importer struct{ fail func() error }

func (i importer) Resolve(context.Context, sdk.Ref) ([]sdk.Plan, error) { return nil, i.fail() }

// TestPanics become coded errors: the stack is in the log, and not with the user.
func TestPanics(t *testing.T) {
	s := serve(t, sdk.Plugin{
		Engine:   engine(func(context.Context, sdk.LoadRequest, func(sdk.Progress)) (sdk.Instance, error) { panic("oh no") }),
		Importer: importer{func() error { panic("oh no") }},
	})
	_, load := s.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "m"}}, nil)
	_, resolve := s.Resolve(t.Context(), "x://y")
	for call, err := range map[string]error{"Load": load, "Resolve": resolve} {
		var got *sdk.Error
		if !errors.As(err, &got) || got.Code != sdk.CodeInternal {
			t.Errorf("%s: got %v, want %s", call, err, sdk.CodeInternal)
			continue
		}
		if strings.Contains(got.Message, "oh no") || strings.Contains(got.Error(), "goroutine") {
			t.Errorf("%s: the user is told %q", call, got.Error())
		}
	}
	if text := s.log.String(); strings.Count(text, "errors_test.go") < 2 || !strings.Contains(text, "oh no") {
		t.Errorf("the stacks are not in the log: %s", text)
	}
	if _, err := s.Describe(t.Context()); err != nil {
		t.Errorf("Describe after the panics: %v", err)
	}
}

func TestCodeOf(t *testing.T) {
	tests := map[string]struct {
		err  error
		want sdk.Code
	}{
		"plain":    {errors.New("x"), sdk.CodeInternal},
		"coded":    {sdk.Errorf(sdk.CodeNotFound, "no %d", 5), sdk.CodeNotFound},
		"wrapped":  {fmt.Errorf("a: %w", sdk.Errorf(sdk.CodeInvalid, "b")), sdk.CodeInvalid},
		"outer":    {&sdk.Error{Code: sdk.CodeExhausted, Cause: sdk.Errorf(sdk.CodeInvalid, "b")}, sdk.CodeExhausted},
		"no error": {nil, sdk.CodeInternal},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := sdk.CodeOf(test.err); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
