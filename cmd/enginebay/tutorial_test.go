//go:build unix

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
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTutorials does what the tutorials say, word by word. Their blocks are
//
//	```sh           commands, run in order; the shell's folder stays
//	```sh 2         a command in a further terminal, where it goes on running; ^C ends it
//	```text         what was just printed; "…" stands for anything, alone for any lines
//	```text 2       what that terminal prints, sooner or later
//	```go FILE      a file of any language, written as it is shown
//	```go FILE …    a part of a file, which is there already
//	```diff         a change, made by "git apply"
//
// and there are no others, so that nothing is shown that was not tried.
func TestTutorials(t *testing.T) {
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
	env    []string
	said   string               // by the last commands
	others map[string]*terminal // the further ones
	places *strings.Replacer    // of this machine, by those that the tutorials show
	shown  *strings.Replacer    // the other way round
}

func newLearner(t *testing.T) *learner {
	top, err := os.MkdirTemp("", "eb") // short: sockets lie in it
	if err != nil {
		t.Fatal(err)
	}
	if top, err = filepath.EvalSymlinks(top); err != nil {
		t.Fatal(err)
	}
	server, web, own := freeAddr(t), freeAddr(t), filepath.Join(top, "ada")
	l := &learner{T: t, top: top, dir: own, others: map[string]*terminal{},
		places: strings.NewReplacer("127.0.0.1:8091", web),
		shown:  strings.NewReplacer(web, "127.0.0.1:8091", server, "127.0.0.1:1337", own, "/home/ada")}
	t.Cleanup(func() {
		for _, other := range l.others {
			other.end()
		}
		stopServer(t, filepath.Join(top, "ada", ".enginebay"))
		os.RemoveAll(top)
	})
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.env = append(os.Environ(), "HOME="+l.dir, "PATH="+build+string(os.PathListSeparator)+os.Getenv("PATH"),
		"ENGINEBAY_ADDR="+server, "ENGINEBAY_HOME=", "ENGINEBAY_NO_START=", "ENGINEBAY_CATALOGUE=false",
		"GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOSUMDB=off", "GOFLAGS=-trimpath",
		"GOPROXY=file://"+filepath.ToSlash(goEnv(t, "GOMODCACHE"))+"/cache/download,"+goEnv(t, "GOPROXY"))
	return l
}

func (l *learner) do(b block) {
	l.Helper()
	l.Logf("%s: %s %s", b.place, b.kind, b.about)
	b.text = l.places.Replace(b.text)
	file, part := strings.CutSuffix(b.about, " …")
	terminal := len(b.about) == 1
	switch {
	case b.kind == "sh" && b.about == "":
		l.run(b)
	case b.kind == "sh" && terminal:
		l.other(b)
	case b.kind == "text" && b.about == "":
		if got := l.shown.Replace(l.said); !printed(l.shown.Replace(b.text), `\n*$`).MatchString(got) {
			l.Fatalf("%s: the commands print\n%s", b.place, got)
		}
	case b.kind == "text" && terminal:
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

// A terminal is a further one, with a command that goes on.
type terminal struct {
	journal
	cmd  *exec.Cmd
	done chan struct{}
}

func (l *learner) other(b block) {
	l.Helper()
	if strings.TrimSpace(b.text) == "^C" {
		l.others[b.about].end()
		delete(l.others, b.about)
		return
	}
	s := &terminal{cmd: exec.Command("sh", "-c", "exec "+b.text), done: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env = l.dir, l.env
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches all of them
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
	l.others[b.about] = s
}

func (s *terminal) end() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT)
	<-s.done
}

// awaits waits until a further terminal has printed something, and forgets it.
func (l *learner) awaits(b block) {
	l.Helper()
	s := l.others[b.about]
	want := printed(l.shown.Replace(b.text), "")
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if want.MatchString(l.shown.Replace(s.text())) {
			s.mu.Lock()
			s.all.Reset()
			s.mu.Unlock()
			return
		}
		if time.Now().After(deadline) {
			l.Fatalf("%s: the terminal shows\n%s", b.place, l.shown.Replace(s.text()))
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
