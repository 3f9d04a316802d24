package pluginhost_test

import "testing"

// From exec to the answer to Configure. The orderly end is not timed.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		host, _ := newHost(b)
		b.StartTimer()
		connect(b, host, echo(nil))
		b.StopTimer()
		host.Close()
		b.StartTimer()
	}
}

// One unary call there and back.
func BenchmarkCall(b *testing.B) {
	host, _ := newHost(b)
	p := connect(b, host, echo(nil))
	for b.Loop() {
		if _, err := p.Describe(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
