// Package sdktest is the conformance suite of Engine Bay's plugins: what the
// core relies on, each as a named subtest. An author calls it from a test:
//
//	func TestConformance(t *testing.T) {
//		sdktest.Engine(t, sdktest.Subject{Plugin: plugin}, sdktest.Case{Model: model})
//	}
//
// A [Subject] is the plugin in the test's own process, where failures are easy
// to look into, or the built program, whose end is tested too. Both are called
// over the whole wire. In process the suite also looks for leaked goroutines:
// no other test of the package may run at the same time.
package sdktest
