package llamaserver

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk/process"
)

const (
	timeout  = 20 * time.Second // the driver of a GPU that wakes up takes some of it
	maxLines = 4000
)

// A Program is a llama-server, and the environment that it is asked in. Each
// question starts it once; it ends by itself.
type Program struct {
	Path string   // of the program
	Env  []string // NAME=VALUE; nothing is inherited
}

// Help is what the program says of its arguments.
type Help string

// Takes says whether the help names an argument, such as "--n-cpu-moe".
func (h Help) Takes(argument string) bool {
	return regexp.MustCompile(`(?m)(^|[\s,])` + regexp.QuoteMeta(argument) + `([\s,=]|$)`).MatchString(string(h))
}

// Help asks for the arguments. It takes some ten milliseconds.
func (p Program) Help(ctx context.Context) (Help, error) {
	lines, err := p.run(ctx, "--help")
	return Help(strings.Join(lines, "\n")), err
}

// Version asks for the version, and returns the line that says it.
func (p Program) Version(ctx context.Context) (string, error) {
	lines, err := p.run(ctx, "--version")
	if err != nil {
		return "", err
	}
	for _, line := range lines { // what GPUs there are may stand before it
		if strings.HasPrefix(line, "version") {
			return strings.TrimSpace(line), nil
		}
	}
	return strings.Join(lines[:min(1, len(lines))], ""), nil
}

// run returns the lines of both outputs.
func (p Program) run(ctx context.Context, args ...string) ([]string, error) {
	cmd := exec.Command(p.Path, args...)
	cmd.Env = append([]string{}, p.Env...) // never nil, which would mean all of ours
	var mu sync.Mutex
	var lines []string
	keep := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		if len(lines) < maxLines {
			lines = append(lines, line)
		}
	}
	child, err := process.Start(cmd, keep, keep)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case <-child.Done():
	case <-ctx.Done():
		child.Kill()
		<-child.Done()
		return nil, fmt.Errorf("%s %s gave no answer: %w", p.Path, strings.Join(args, " "), ctx.Err())
	}
	if err := child.Wait(); err != nil {
		return nil, fmt.Errorf("%s %s: %w%s", p.Path, strings.Join(args, " "), err, last(lines))
	}
	return lines, nil
}

// last is what a program said in the end.
func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return ": " + lines[len(lines)-1]
}
