package sdktest

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk/process"
	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// checks are those of the program itself, whatever kind of plugin it is.
func (s Subject) checks() []Check {
	return []Check{
		{"handshake", "one line on standard output says where it listens: in its run folder, with its certificate, for the core alone", true, s.handshake},
		{"by-hand", "started by a person, or by a stranger, it says what it is and ends with a status that is not 0", true, s.byHand},
		{"noise", "it is quiet when it has nothing to do, and writes no second handshake", true, s.noise},
	}
}

// greeting is a handshake: core protocol, plugin protocol, network, address, "grpc",
// certificate, and whether the broker is multiplexed, which the core does not ask for.
var greeting = regexp.MustCompile(`^(\d+)\|(\d+)\|([^|]*)\|([^|]*)\|([^|]*)(?:\|([^|]*))?(?:\|(?:true|false))?$`)

// handshake: exactly one line is as the protocol says.
func (s Subject) handshake(t T) {
	r := s.raw(t, handshakeEnv(t)...)
	parts := r.greeting(t)
	if parts[1] != "1" || parts[2] != "1" {
		t.Errorf("the handshake is of the protocols %s and %s; it must begin with 1|1", parts[1], parts[2])
	}
	if runtime.GOOS != "windows" && (parts[3] != "unix" || filepath.Dir(parts[4]) != r.dir) { // go-plugin has no unix sockets there
		t.Errorf("the handshake names the address %s %s; it must be a unix socket in the folder of PLUGIN_UNIX_SOCKET_DIR, %s", parts[3], parts[4], r.dir)
	}
	if parts[5] != "grpc" {
		t.Errorf("the handshake names the protocol %q; it must be grpc", parts[5])
	}
	if der, err := base64.RawStdEncoding.DecodeString(parts[6]); err != nil || parts[6] == "" {
		t.Errorf("the handshake has no certificate: PLUGIN_CLIENT_CERT asks for TLS from both sides, and the sixth field is its own, DER in base64 without padding (%v)", err)
	} else if _, err := x509.ParseCertificate(der); err != nil {
		t.Errorf("the handshake's certificate: %v", err)
	}
	if parts[3] == "unix" {
		strangerRefused(t, parts[4])
	}
	if before := r.before(); len(before) > 0 {
		t.Logf("lines on standard output before its handshake: %d, such as %q; they go to the log, and standard error is the better place", len(before), cut(before[0], 80))
	}
}

// byHand: without the core, or with another, there is a sentence and no handshake.
func (s Subject) byHand(t T) {
	for name, env := range map[string][]string{
		"no cookie":    nil,
		"wrong cookie": {pluginpb.CookieKey + "=somebody else's", "PLUGIN_PROTOCOL_VERSIONS=1"},
	} {
		t.Run(name, func(t T) {
			r := s.raw(t, env...)
			select {
			case <-r.child.Done():
			case <-time.After(patience):
				t.Fatalf("it goes on for %v and more", patience)
			}
			said := strings.Join(r.all(), "\n")
			if r.child.Wait() == nil {
				t.Errorf("it ends with status 0; whoever started it must see that it did not work")
			}
			if strings.Contains(said, "|grpc") {
				t.Errorf("it shakes hands without the cookie %s: %s", pluginpb.CookieKey, cut(said, 200))
			}
			if !strings.Contains(strings.ToLower(said), "plugin") {
				t.Errorf("it does not say that it is a plugin, and who starts it: %q", cut(said, 200))
			}
			if strings.Contains(said, "goroutine 1 [") || strings.Contains(said, "Traceback (") || strings.Contains(said, "    at ") {
				t.Errorf("it ends with a stack trace, and not with a sentence: %s", cut(said, 500))
			}
		})
	}
}

// idle is how long a plugin is watched that has nothing to do, and flood what it may
// write in that time, in bytes. Each line is read, cleaned and kept by the core.
const (
	idle  = time.Second
	flood = 64 << 10
)

// noise: what it writes is for its log, and its log is for people.
func (s Subject) noise(t T) {
	r := s.raw(t, handshakeEnv(t)...)
	r.greeting(t)
	if early := slices.DeleteFunc(r.before(), func(line string) bool { return !greeting.MatchString(line) }); len(early) > 0 {
		t.Errorf("it writes a line that looks like a handshake before its own: %q", cut(early[0], 200))
	}
	count := len(r.all())
	select {
	case <-r.child.Done():
		t.Fatalf("it ends by itself")
	case <-time.After(idle):
	}
	size := 0
	for _, line := range r.all()[count:] {
		if size += len(line) + 1; greeting.MatchString(line) {
			t.Errorf("it writes a second handshake: %q", cut(line, 200))
		}
	}
	if size > flood {
		t.Errorf("it writes %d bytes in %v while it has nothing to do; it may be %d", size, idle, flood)
	}
}

// raw is the program, started without anybody who shakes hands with it.
type raw struct {
	dir   string
	child *process.Child

	mu    sync.Mutex
	out   []string // lines of standard output
	errs  []string // lines of standard error
	found chan []string
	where int // of the handshake in out
}

// raw starts the program with further variables; it ends with the test.
func (s Subject) raw(t T, env ...string) *raw {
	t.Helper()
	r := &raw{dir: folder(t), found: make(chan []string, 1), where: -1}
	held, err := s.confined(r.dir, folder(t))
	if err != nil {
		t.Fatalf("confine the plugin: %v", err)
	}
	t.Cleanup(held.End)
	command := append(slices.Clone(held.Launcher), s.Path)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.ExtraFiles = r.dir, held.Files
	cmd.Env = held.Environment(slices.Concat(s.environment(), []string{"PLUGIN_UNIX_SOCKET_DIR=" + r.dir}, env))
	child, err := process.Start(cmd, r.stdout, r.stderr)
	held.Started()
	if err != nil {
		t.Fatalf("start the program: %v", err)
	}
	r.child = child
	t.Cleanup(func() {
		child.Kill()
		<-child.Done()
	})
	t.Cleanup(func() { lastWords(t, r.all()) })
	return r
}

func (r *raw) stdout(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out = append(r.out, line)
	if parts := greeting.FindStringSubmatch(line); parts != nil {
		select {
		case r.found <- parts:
			r.where = len(r.out) - 1
		default:
		}
	}
}

func (r *raw) stderr(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, line)
}

// greeting waits for the handshake.
func (r *raw) greeting(t T) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case parts := <-r.found:
		return parts
	case <-r.child.Done():
		t.Fatalf("it ends without a handshake: %v", r.child.Wait())
	case <-ctx.Done():
		t.Fatalf("there is no handshake, which is a line of its own on standard output like 1|1|unix|PATH|grpc|CERTIFICATE; standard output is %q", cut(strings.Join(r.all(), "\n"), 300))
	}
	return nil
}

// before are the lines of standard output that came before the handshake.
func (r *raw) before() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.out[:max(r.where, 0)])
}

// all are the lines of both.
func (r *raw) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.out, r.errs)
}

func cut(text string, n int) string {
	if len(text) > n {
		return text[:n] + "…"
	}
	return text
}
