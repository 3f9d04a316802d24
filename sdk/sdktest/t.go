package sdktest

import (
	"context"
	"testing"
)

// A T is what a check says its findings to: a test of "go test", or a check of [Run].
// Its methods are those of [testing.T], and mean the same.
type T interface {
	Run(name string, part func(T)) bool
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any) // why it is not tested
}

// goTest is a test of "go test" as a T.
type goTest struct{ *testing.T }

// Run implements T.
func (t goTest) Run(name string, part func(T)) bool {
	return t.T.Run(name, func(t *testing.T) { part(goTest{t}) })
}

// A Check is one thing that the core relies on.
type Check struct {
	Name  string // it stays the same from version to version: "engine/cancel"
	About string // what is right, in a sentence

	built bool // only a built program has it: it is not tested in process
	run   func(T)
}

// runAll runs checks as parts of a test.
func runAll(t T, s Subject, checks []Check) {
	for _, c := range checks {
		if s.Path != "" || !c.built {
			t.Run(c.Name, c.run)
		}
	}
}
