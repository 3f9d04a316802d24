package sdktest

import (
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk/process"
)

// logbook keeps what a plugin says, for the reader of a failed test.
type logbook struct {
	mu     sync.Mutex
	lines  []string
	looked []string // what is looked for
	hits   []string // lines in which that stands
}

// lookFor has lines kept in which one of some texts stands.
func (l *logbook) lookFor(texts []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looked = texts
}

// told are those lines.
func (l *logbook) told() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.hits)
}

func (l *logbook) line(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.ContainsFunc(l.looked, func(text string) bool { return strings.Contains(line, text) }) {
		l.hits = append(l.hits, line)
	}
	if l.lines = append(l.lines, cut(line, 300)); len(l.lines) > 60 {
		l.lines = slices.Delete(l.lines, 0, 30)
	}
}

func (l *logbook) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// lastWords shows what a plugin said last, where the test has failed.
func lastWords(t T, lines []string) {
	if !t.Failed() || len(lines) == 0 {
		return
	}
	if c, ok := t.(interface{ lastWords([]string) }); ok {
		c.lastWords(lines)
		return
	}
	t.Logf("the plugin's log:\n%s", strings.Join(lines, "\n"))
}

func (l *logbook) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "plugin", Output: &process.LineWriter{Emit: l.line}, Level: hclog.Debug})
}
