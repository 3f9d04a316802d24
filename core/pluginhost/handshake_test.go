package pluginhost_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// Whatever a plugin prints before and after the handshake is harmless (go-plugin
// alone fails on the first line, and stops reading for ever at a line of 64 KiB).
func TestNoiseOnStdoutIsHarmless(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]string{"a line before": "noise", "a line of 1 MiB before": "long-noise"} {
		t.Run(name, func(t *testing.T) {
			host, log := newHost(t)
			d := echo(nil)
			d.Env = map[string]string{"ENGINE_ECHO_START": start}
			p := connect(t, host, d)
			log.line(t, "my-echo", map[string]string{"noise": "hello from a library", "long-noise": "nnnn"}[start])
			if _, err := load(t, p, `{}`); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("long lines after", func(t *testing.T) {
		host, log := newHost(t)
		p := connect(t, host, echo(nil))
		for range 2 {
			if _, err := load(t, p, `{"log_lines": 8, "log_line_bytes": 100000}`); err != nil {
				t.Fatal(err)
			}
		}
		log.line(t, "my-echo", "oooo")
	})
	t.Run("long lines after, on the file descriptor", func(t *testing.T) {
		host, log := newHost(t)
		connect(t, host, rogue("raw=100000")) // returns when all is written
		log.line(t, "my-rogue", "raw: all written")
	})
}

// The core dials what a plugin prints: only sockets inside the plugin's own folder.
func TestAForeignAddressIsNotDialled(t *testing.T) {
	t.Parallel()
	dir := home(t)
	for name, listen := range map[string][2]string{
		"another unix socket": {"unix", filepath.Join(dir, "s")},
		"a tcp port":          {"tcp", "127.0.0.1:0"},
		"an abstract socket":  {"unix", "@" + filepath.Base(dir)},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen(listen[0], listen[1])
			if err != nil {
				t.Fatal(err)
			}
			var dialled atomic.Int32
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					dialled.Add(1)
					conn.Close()
				}
			}()
			host, _ := newHost(t)
			_, err = host.Connect(t.Context(), rogue("greet=1|1|"+listen[0]+"|"+listener.Addr().String()+"|grpc"))
			refused(t, err, sdk.CodeUnavailable, "not in its run folder")
			listener.Close()
			<-done
			if n := dialled.Load(); n != 0 {
				t.Errorf("it was dialled %d times", n)
			}
		})
	}
}

func TestABadHandshakeIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ greeting, says string }{
		"another protocol":       {"1|2|unix|/x|grpc", "incompatible"},
		"another core protocol":  {"2|1|unix|/x|grpc", "incompatible"},
		"a certificate":          {"1|1|unix|IN_RUN/s|grpc|" + certificate(t), "handshake failed"},
		"a spoilt certificate":   {"1|1|unix|IN_RUN/s|grpc|" + strings.Repeat("x", 60), "cert"},
		"no certificate":         {"1|1|unix|IN_RUN/s|grpc", "handshake failed"},
		"out of the run folder":  {"1|1|unix|IN_RUN/../../s|grpc", "not in its run folder"},
		"nobody at that address": {"1|1|unix|IN_RUN/nobody|grpc|" + certificate(t), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			host, _ := newHost(t)
			p, err := host.Connect(t.Context(), rogue("greet="+c.greeting))
			if p != nil {
				t.Error("it was taken")
			}
			refused(t, err, sdk.CodeUnavailable, c.says)
		})
	}
}

// certificate is one as go-plugin writes it, but nobody holds its key.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

// A plugin that never comes up keeps nobody: the caller may leave, and Close ends it.
func TestAPluginThatNeverComesUpIsEnded(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"mute", "unheard", "hang"} {
		t.Run(how, func(t *testing.T) {
			host, _ := newHost(t)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := host.Connect(ctx, rogue(how))
			refused(t, err, sdk.CodeCanceled)
			if state := host.Status("my-rogue").State; state != "starting" {
				t.Errorf("state %s", state)
			}
			start := time.Now()
			host.Close()
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("Close took %v", took)
			}
		})
	}
}

// The longest start of all: twenty seconds, whatever the plugin does.
func TestAStartHasADeadline(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for _, how := range []string{"mute", "unheard", "hang"} {
		host, _ := newHost(t)
		host.SetBounds(2*time.Second, 10*time.Second, time.Minute)
		all.Go(func() {
			_, err := host.Connect(t.Context(), rogue(how))
			refused(t, err, sdk.CodeUnavailable, "plugin rogue did not start")
			if st := host.Status("my-rogue"); st.State != "crashed" || st.Err == nil {
				t.Errorf("%s: status %+v", how, st)
			}
		})
	}
	all.Wait()
}
