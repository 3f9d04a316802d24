package pluginhost_test

import (
	"testing"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/sandbox"
)

// From exec to the answer to Configure. The orderly end is not timed. In the server's
// program the launcher takes less than here.
func BenchmarkStart(b *testing.B) {
	for _, mode := range []sandbox.Mode{sandbox.Off, sandbox.BestEffort} {
		b.Run(string(mode), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				host, _ := newHost(b, func(c *pluginhost.Config) { c.Sandbox = mode })
				b.StartTimer()
				connect(b, host, echo(nil))
				b.StopTimer()
				host.Close()
				b.StartTimer()
			}
		})
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
