package pluginhost

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"
)

const (
	linesPerSecond, lineBurst = 100, 1000
	maxPairs                  = 24      // of one log line
	maxValue                  = 8 << 10 // bytes of one value
	lastWords                 = 8       // lines kept to explain why a plugin ended
)

// sink takes what a plugin writes and passes it on to the core's log: lines in
// hclog's JSON keep their level and pairs, all others are reported as they are.
type sink struct {
	log   hclog.Logger
	limit *rate.Limiter

	mu      sync.Mutex
	dropped int
	last    []string // of what was plain text: a crash's words come so
}

func newSink(log hclog.Logger) *sink {
	return &sink{log: log, limit: rate.NewLimiter(linesPerSecond, lineBurst)}
}

// line handles one line, without control characters. It never blocks.
func (s *sink) line(line string) {
	var fields map[string]any
	if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &fields) == nil {
		if message, ok := fields["@message"].(string); ok {
			s.structured(message, fields)
			return
		}
	}
	s.keep(line)
	if s.allow() {
		s.log.Info(oneLine(line))
	}
}

func (s *sink) structured(message string, fields map[string]any) {
	level := hclog.LevelFromString(text(fields["@level"]))
	if level == hclog.NoLevel {
		level = hclog.Info
	}
	if level >= hclog.Error {
		s.keep(message + " " + text(fields["error"]))
	}
	if level < s.log.GetLevel() || !s.allow() {
		return
	}
	log := s.log
	if module, ok := fields["@module"].(string); ok && strings.Contains(module, ".") {
		log = log.Named(oneLine(module[strings.Index(module, ".")+1:]))
	}
	log.Log(level, oneLine(message), pairs(fields)...)
}

func pairs(fields map[string]any) []any {
	names := make([]string, 0, len(fields))
	for name := range fields {
		if !strings.HasPrefix(name, "@") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var out []any
	for _, name := range names[:min(len(names), maxPairs)] {
		out = append(out, oneLine(name), clean(text(fields[name])))
	}
	return out
}

// allow says whether one more line may pass.
func (s *sink) allow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit.Allow() {
		return true
	}
	if s.dropped++; s.dropped == 1 {
		time.AfterFunc(time.Second, s.report)
	}
	return false
}

// report tells once a second how much of a flood is not in the log.
func (s *sink) report() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Warn("plugin logs too fast; lines were dropped", "lines", s.dropped)
	s.dropped = 0
}

func (s *sink) keep(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.last) == lastWords {
		s.last = s.last[1:]
	}
	s.last = append(s.last, clean(line))
}

// words are the last lines, for the reason of an end.
func (s *sink) words() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.last, " | ")
}

// clean cuts a text and takes out the control characters that JSON can carry:
// a terminal must not obey a plugin.
func clean(s string) string {
	s = s[:min(len(s), maxValue)]
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r < ' ', r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029:
			return -1
		}
		return r
	}, s)
}

// oneLine is clean without line breaks, with which a plugin could write lines of
// its own into the core's log. (In the value of a pair hclog indents them.)
func oneLine(s string) string { return strings.ReplaceAll(clean(s), "\n", " ") }

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// ApplyLogLevels tells the plugins that run the levels of their loggers, where
// these have changed. It blocks for some seconds where one does not answer.
func (h *Host) ApplyLogLevels() {
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.deployments))
	h.mu.Unlock()
	var wait sync.WaitGroup
	for _, s := range all {
		wait.Go(s.applyLogLevel)
	}
	wait.Wait()
}

func (s *supervised) applyLogLevel() {
	s.applying.Lock()
	defer s.applying.Unlock()
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	level := s.log.GetLevel().String()
	if p == nil || p.config.LogLevel == level {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	config := p.config
	config.LogLevel = level
	if err := p.Configure(ctx, config); err != nil {
		s.log.Warn("the plugin keeps its log level until it is started anew", "error", err)
		return
	}
	p.config = config
}
