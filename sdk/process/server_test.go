package process_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

// run runs a helper that becomes ready.
func run(t *testing.T, c process.Config) *process.Server {
	t.Helper()
	s, err := process.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// ask sends a request to a server's socket.
func ask(t *testing.T, s *process.Server, path string) int {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.Endpoint().Socket)
	}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://localhost" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestRunReturnsWhenTheServerAnswers(t *testing.T) {
	c := config("serve", socket(t))
	if err := os.WriteFile(c.Endpoint.Socket, nil, 0o600); err != nil { // left behind by an earlier one
		t.Fatal(err)
	}
	waited := 0
	c.Waiting = func(pid int) { waited++ }
	s := run(t, c)
	if waited < 2 {
		t.Errorf("Waiting was called %d times; the server says 503 twice", waited)
	}
	if status := ask(t, s, "/health"); status != http.StatusOK {
		t.Errorf("/health says %d after Run returned", status)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("Wait after Close: %v", err)
	}
	if !gone(s.Pid()) {
		t.Error("the server lives on after Close")
	}
	if _, err := os.Lstat(s.Endpoint().Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestRunThatIsCalledOffLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := config("mute", socket(t))
	var pid int
	c.Waiting = func(p int) { pid = p; cancel() }
	s, err := process.Run(ctx, c)
	if s != nil || sdk.CodeOf(err) != sdk.CodeCanceled {
		t.Errorf("Run = %v, %v; want a canceled error", s, err)
	}
	if pid == 0 || !gone(pid) {
		t.Errorf("process %d lives on", pid)
	}
}

func TestRunOfAServerThatEndsSaysWhy(t *testing.T) {
	c := config("fail", "", "3")
	c.Endpoint = sdk.Endpoint{Socket: socket(t)}
	s, err := process.Run(t.Context(), c)
	if s != nil || err == nil || err.Error() != "exit status 3: line 1|line 2|line 3" {
		t.Errorf("Run = %v, %v; want the exit status and the last lines", s, err)
	}
}

func TestRunOfAProgramThatIsNotThere(t *testing.T) {
	c := config("serve", socket(t))
	c.Path = c.Endpoint.Socket
	if s, err := process.Run(t.Context(), c); s != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Run = %v, %v", s, err)
	}
}

func TestRunNeverReturnsAnEndedServer(t *testing.T) {
	c := config("fail", "", "0")
	c.Endpoint = sdk.Endpoint{Socket: socket(t)}
	c.Explain = func(process.Exit) error { return nil } // an author's mistake
	if s, err := process.Run(t.Context(), c); s != nil || err == nil {
		t.Errorf("Run = %v, %v; the server has ended", s, err)
	}
}

func TestWaitSaysWhyAServerEndedByItself(t *testing.T) {
	s := run(t, config("fail", socket(t), "2"))
	ask(t, s, "/end")
	if err := s.Wait(); err == nil || !strings.HasPrefix(err.Error(), "exit status 3: ") || !strings.HasSuffix(err.Error(), "line 1|line 2") {
		t.Errorf("Wait = %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("Close after the end: %v", err)
	}
}

func TestTheLast200LinesAreKept(t *testing.T) {
	c := config("fail", "", "1000")
	c.Endpoint = sdk.Endpoint{Socket: socket(t)}
	var kept []string
	c.Explain = func(e process.Exit) error {
		kept = e.Log
		return e.Err
	}
	if _, err := process.Run(t.Context(), c); err == nil {
		t.Fatal("no error")
	}
	if len(kept) != 200 {
		t.Fatalf("%d lines", len(kept))
	}
	if kept[0] != "line 801" || kept[199] != "line 1000" {
		t.Errorf("from %q to %q", kept[0], kept[199])
	}
}

func TestCloseAsksFirst(t *testing.T) {
	s := run(t, config("serve", socket(t)))
	start := time.Now()
	if err := s.Close(t.Context()); err != nil || time.Since(start) > 2*time.Second {
		t.Errorf("Close = %v after %v; SIGTERM alone ends it", err, time.Since(start))
	}
}

func TestCloseKillsAServerThatDoesNotListen(t *testing.T) {
	s := run(t, config("deaf", socket(t)))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	closed := make(chan error, 2)
	for range 2 { // the second waits for the first
		go func() { closed <- s.Close(ctx) }()
	}
	for range 2 {
		if err := <-closed; err != nil || !gone(s.Pid()) {
			t.Errorf("Close = %v, gone = %v", err, gone(s.Pid()))
		}
	}
	if ctx.Err() == nil {
		t.Error("it ended before it was killed; the helper is not deaf")
	}
}

// TestAnEndThatNobodyExplains says what is known, and has the last lines for the log.
func TestAnEndThatNobodyExplains(t *testing.T) {
	c := config("fail", "", "30")
	c.Explain, c.Log = nil, nil
	_, err := process.Run(t.Context(), c)
	var coded *sdk.Error
	if !errors.As(err, &coded) || coded.Code != sdk.CodeInternal || !strings.HasSuffix(coded.Message, `ended: exit status 3; its last line was "line 30"`) {
		t.Fatalf("%v", err)
	}
	if cause := coded.Cause.Error(); !strings.Contains(cause, "line 11\n") || strings.Contains(cause, "line 10\n") {
		t.Errorf("cause: %s", cause)
	}
}

func TestEnviron(t *testing.T) {
	for _, name := range []string{"ENGINEBAY_LIFELINE", "PLUGIN_CLIENT_CERT", "LLAMA_ARG_HOST", "LLAMAS"} {
		t.Setenv(name, "x")
	}
	env := strings.Join(process.Environ("LLAMA_"), "\n")
	if !strings.Contains(env, "LLAMAS=x") || !strings.Contains(env, "PATH=") || strings.Contains(env, "LLAMA_ARG") || strings.Contains(env, "ENGINEBAY_") || strings.Contains(env, "PLUGIN_") {
		t.Error(env)
	}
}
