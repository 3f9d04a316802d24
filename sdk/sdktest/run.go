package sdktest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// A Plan says what [Run] is to test of a built plugin.
type Plan struct {
	Subject  Subject
	Engine   *Case                  // nil: it is not tested as an engine
	Importer *ImporterCase          // nil: it is not tested as an importer
	Only     func(name string) bool // the checks that are wanted; nil: all
	Timeout  time.Duration          // for each check; 0: five minutes
	Done     func(Result)           // called with each result as it comes; may be nil
}

// Describe starts a built plugin, asks what it is, and ends it. words is what it wrote.
func Describe(ctx context.Context, s Subject) (d sdk.Description, words []string, err error) {
	dir, err := shortFolder()
	if err != nil {
		return d, nil, err
	}
	defer os.RemoveAll(dir)
	h := &host{run: filepath.Join(dir, "run"), data: filepath.Join(dir, "data"), log: &logbook{}}
	if err := errors.Join(os.Mkdir(h.run, 0o700), os.Mkdir(h.data, 0o700)); err != nil {
		return d, nil, err
	}
	if h.held, err = s.confined(h.run, h.data); err != nil {
		return d, nil, err
	}
	defer h.held.End()
	if err = s.launch(h, h.log); err == nil {
		d, err = h.Describe(ctx)
		h.plugin.Kill()
		<-h.plugin.Done()
	}
	return d, h.log.last(), err
}

// The verdicts.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

// A Result is what came out of a check, or of a part of one.
type Result struct {
	Name    string        `json:"name"` // "engine/cancel"; of a part "engine/cancel/slow"
	About   string        `json:"about,omitempty"`
	Verdict string        `json:"verdict"`
	Took    time.Duration `json:"-"`
	Millis  int64         `json:"took_ms"`
	Faults  []string      `json:"faults,omitempty"`  // what is wrong
	Notes   []string      `json:"notes,omitempty"`   // what else there is to say
	Skipped string        `json:"skipped,omitempty"` // why it was not tested
	Log     []string      `json:"log,omitempty"`     // what the plugin said last, where it failed
	Parts   []Result      `json:"parts,omitempty"`
}

// Checks are all checks, by the names that [Run] gives them, in its order.
func Checks() []Check {
	return Plan{Engine: &Case{}, Importer: &ImporterCase{}}.checks()
}

func (p Plan) checks() (all []Check) {
	add := func(kind string, checks []Check) {
		for _, c := range checks {
			c.Name = kind + "/" + c.Name
			if p.Only == nil || p.Only(c.Name) {
				all = append(all, c)
			}
		}
	}
	add("program", p.Subject.checks())
	if p.Engine != nil {
		add("engine", newEngine(p.Subject, *p.Engine).checks())
	}
	if p.Importer != nil {
		add("importer", newImporter(p.Subject, *p.Importer).checks())
	}
	return all
}

// Run tests a built plugin, one check after the other, until all are done or ctx ends.
func Run(ctx context.Context, p Plan) (results []Result) {
	for _, c := range p.checks() {
		if ctx.Err() != nil {
			break
		}
		r := p.one(ctx, c)
		results = append(results, r)
		if p.Done != nil {
			p.Done(r)
		}
	}
	return results
}

// grace is how long a check may take to tidy up when its time is over.
const grace = 30 * time.Second

// one runs a check in its time.
func (p Plan) one(ctx context.Context, c Check) Result {
	timeout := p.Timeout
	if timeout <= 0 {
		timeout = 5 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	node := &node{ctx: ctx, name: c.Name, about: c.About, begun: time.Now()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		node.do(c.run)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		select {
		case <-done:
			if !node.Failed() && ctx.Err() == context.DeadlineExceeded {
				node.Errorf("it took longer than %v", timeout)
			}
		case <-time.After(grace):
			node.Errorf("it does not end, %v after its time was over", grace)
		}
	}
	return node.result()
}
