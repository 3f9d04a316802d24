package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTutorials does what the tutorials say, word by word. Their blocks are
//
//	```sh           commands, run in order; the shell's folder stays
//	```sh 2         a command in a second terminal, where it goes on running; ^C ends it
//	```text         what was just printed; "…" stands for anything, alone for any lines
//	```text 2       what the second terminal prints, sooner or later
//	```go FILE      a file of any language, written as it is shown
//	```go FILE …    a part of a file, which is there already
//	```diff         a change, made by "git apply"
//
// and there are no others, so that nothing is shown that was not tried.
func TestTutorials(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the tutorials are for a shell")
	}
	for _, name := range []string{"ENGINE", "IMPORTER"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(root, "sdk", "TUTORIAL-"+name+".md")
			l := newLearner(t)
			for _, b := range blocks(t, file) {
				l.do(b)
			}
		})
	}
}

// A block is a fenced one of a Markdown file.
type block struct {
	place string // FILE:LINE
	kind  string // the language
	about string // what stands behind it
	text  string
}

func blocks(t *testing.T, file string) (all []block) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	inside, n := false, 0
	for line := range strings.Lines(string(text)) {
		n++
		fence, found := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case found && inside:
			inside = false
		case found:
			inside = true
			kind, about, _ := strings.Cut(fence, " ")
			all = append(all, block{place: fmt.Sprintf("%s:%d", filepath.Base(file), n), kind: kind, about: about})
		case inside:
			all[len(all)-1].text += line
		}
	}
	if inside || len(all) == 0 {
		t.Fatalf("%s has no blocks, or one without an end", file)
	}
	return all
}

// A learner follows a tutorial, in a home of his own.
type learner struct {
	*testing.T
	top    string // everything is below
	dir    string // where the shell is
	addr   string // of the server
	env    []string
	said   string // by the last commands
	second *terminal
}

// home is the folder that the tutorials show as a person's own.
const home = "/home/ada"

func newLearner(t *testing.T) *learner {
	top, err := os.MkdirTemp("", "eb") // short: sockets lie in it
	if err != nil {
		t.Fatal(err)
	}
	if top, err = filepath.EvalSymlinks(top); err != nil {
		t.Fatal(err)
	}
	l := &learner{T: t, top: top, dir: filepath.Join(top, "ada"), addr: freeAddr(t)}
	t.Cleanup(func() {
		if l.second != nil {
			l.second.end()
		}
		stopServer(t, filepath.Join(top, "ada", ".enginebay"))
		os.RemoveAll(top)
	})
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.env = append(os.Environ(), "HOME="+l.dir, "PATH="+build+string(os.PathListSeparator)+os.Getenv("PATH"),
		"ENGINEBAY_ADDR="+l.addr, "ENGINEBAY_HOME=", "ENGINEBAY_NO_START=", "ENGINEBAY_CATALOGUE=false",
		"GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOSUMDB=off", "GOFLAGS=-trimpath",
		"GOPROXY=file://"+filepath.ToSlash(goEnv(t, "GOMODCACHE"))+"/cache/download,"+goEnv(t, "GOPROXY"))
	return l
}

func (l *learner) do(b block) {
	l.Helper()
	l.Logf("%s: %s %s", b.place, b.kind, b.about)
	file, part := strings.CutSuffix(b.about, " …")
	switch {
	case b.kind == "sh" && b.about == "":
		l.run(b)
	case b.kind == "sh" && b.about == "2":
		l.other(b)
	case b.kind == "text" && b.about == "":
		if got := l.plain(l.said); !printed(b.text, `\n*$`).MatchString(got) {
			l.Fatalf("%s: the commands print\n%s", b.place, got)
		}
	case b.kind == "text" && b.about == "2":
		l.awaits(b)
	case b.kind == "diff":
		l.apply(b)
	case file == "":
		l.Fatalf("%s: nobody tries this block: say which file it is", b.place)
	case part:
		text, err := os.ReadFile(filepath.Join(l.dir, file))
		if err != nil || !strings.Contains(string(text), b.text) {
			l.Fatalf("%s: %s has no such part: %v\n%s", b.place, file, err, text)
		}
	default:
		writeFile(l, filepath.Join(l.dir, file), b.text)
	}
}

// run runs commands in the first terminal.
func (l *learner) run(b block) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), 5*time.Minute)
	defer cancel()
	where := filepath.Join(l.top, "where")
	cmd := exec.CommandContext(ctx, "sh", "-c", "set -eu\n"+b.text+"\npwd > '"+where+"'")
	cmd.Dir, cmd.Env, cmd.WaitDelay = l.dir, l.env, time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if l.said = out.String(); err != nil {
		l.Fatalf("%s: %v\n%s%s", b.place, err, b.text, l.said)
	}
	at, err := os.ReadFile(where)
	if err != nil {
		l.Fatal(err)
	}
	l.dir = strings.TrimSpace(string(at))
}

// terminal is the second one, with a command that goes on.
type terminal struct {
	journal
	cmd  *exec.Cmd
	done chan struct{}
}

func (l *learner) other(b block) {
	l.Helper()
	if strings.TrimSpace(b.text) == "^C" {
		l.second.end()
		l.second = nil
		return
	}
	s := &terminal{cmd: exec.Command("sh", "-c", "exec "+b.text), done: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env = l.dir, l.env
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		l.Fatal(err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		l.Fatal(err)
	}
	go func() {
		defer close(s.done)
		_, _ = io.Copy(s, out)
		_ = s.cmd.Wait()
	}()
	l.second = s
}

func (s *terminal) end() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	<-s.done
}

// awaits waits until the second terminal has printed something, and forgets it.
func (l *learner) awaits(b block) {
	l.Helper()
	want := printed(b.text, "")
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if want.MatchString(l.plain(l.second.text())) {
			l.second.mu.Lock()
			l.second.all.Reset()
			l.second.mu.Unlock()
			return
		}
		if time.Now().After(deadline) {
			l.Fatalf("%s: the second terminal shows\n%s", b.place, l.plain(l.second.text()))
		}
	}
}

// apply makes a change as a person does who was sent a patch.
func (l *learner) apply(b block) {
	l.Helper()
	cmd := exec.Command("git", "apply", "--whitespace=nowarn", "-")
	cmd.Dir, cmd.Env, cmd.Stdin = l.dir, l.env, strings.NewReader(b.text)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.Fatalf("%s: git apply: %v\n%s", b.place, err, out)
	}
}

// plain is what was printed, on any machine.
func (l *learner) plain(text string) string {
	text = strings.ReplaceAll(text, filepath.Join(l.top, "ada"), home)
	return strings.ReplaceAll(text, l.addr, "127.0.0.1:1337")
}

// printed matches what a tutorial shows as printed; end is what must come behind it.
func printed(text, end string) *regexp.Regexp {
	var pattern strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "…" {
			pattern.WriteString(`(.*\n)*`)
			continue
		}
		quoted := regexp.QuoteMeta(strings.TrimRight(line, "\n"))
		pattern.WriteString(strings.ReplaceAll(quoted, "…", ".*") + `\s*\n`)
	}
	return regexp.MustCompile(`^\n*` + pattern.String() + end)
}
