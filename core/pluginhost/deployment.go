package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

const (
	// crashBudget starts within crashWindow that all ended badly make a
	// deployment failed: a program that cannot live is not started for ever.
	crashBudget = 5
	crashWindow = time.Minute
	// firstBackoff doubles with every crash in the window; the first restart is at once.
	firstBackoff = 250 * time.Millisecond
	// probeTimeout is how long a plugin that works may take to say what it is.
	probeTimeout = 2 * time.Second
)

// A Deployment is an engine or importer plugin with settings.
type Deployment struct {
	ID       string            // its own name: "llamacpp", "llamacpp-cpu", "azure-east"
	Plugin   string            // short name of the plugin
	Folder   Folder            // where that lies; without it the one that is found first
	Settings map[string]any    // over the plugin's defaults
	Secrets  map[string]string // resolved; handed to the plugin and to nobody else
	Env      map[string]string // further variables of the plugin's environment
	Folders  []string          // beside those of all models, which an engine's processes may read
	Sandbox  Sandbox           // what they may beside what the plugin asks for
	Model    string            // the one model that the process is for, and goes with; empty is all
	Revision uint64            // of two with one ID the higher one counts, and of two alike the later one
}

// replaces says whether what runs with other is to be replaced by d.
func (d Deployment) replaces(other Deployment) bool {
	return d.Revision > other.Revision || d.Revision == other.Revision && !reflect.DeepEqual(d, other)
}

// The states of a deployment's process.
//
//	stopped  → starting            at the first use
//	starting → up | crashed        handshake, Describe, Configure
//	up       → crashed | stopped   the process ended | Stop, Retire, Close
//	crashed  → starting            at the next use, after a backoff
//	crashed  → failed              5 crashes within 60 s; only Reset leaves it
const (
	StateStopped  = "stopped"
	StateStarting = "starting"
	StateUp       = "up"
	StateCrashed  = "crashed"
	StateFailed   = "failed"
)

// A Status is what a deployment's process does now. Where each model has its own,
// it is that of the one that does best, with the numbers of all.
type Status struct {
	State    string
	Pid      int       // when up
	Pids     []int     // of all that run, rising: those too that end when their last user has left
	Started  time.Time // when up
	Crashes  int       // within the last minute
	Restarts int       // ends that nobody wanted, since the core started; the next use starts it again
	Err      error     // of the last crash
}

// supervised is one deployment and its process. All fields below mu belong to it.
type supervised struct {
	host *Host
	log  hclog.Logger

	applying sync.Mutex // held while a change of config is made true

	watching sync.WaitGroup // for the ends of processes

	mu       sync.Mutex
	config   Deployment
	least    uint64                // revision: with those before it nothing starts any more
	process  *Process              // nil unless up
	retired  map[*Process]struct{} // nobody gets them any more; they end when their last user has left
	starting *start                // nil unless starting
	crashes  []time.Time
	restarts int
	err      error
	closed   bool
}

// start is one attempt that several callers wait for.
type start struct {
	cancel  context.CancelFunc // calls it off
	off     bool               // it was called off
	callers int                // who wait for it, and those who got it
	done    chan struct{}
	process *Process
	err     error
}

// errCalledOff ends a start that nobody wants any more. It is no crash.
var errCalledOff = errors.New("the start was called off")

// apply makes d the deployment's settings. What runs with others is retired:
// nobody gets that any more.
func (s *supervised) apply(d Deployment) {
	s.applying.Lock()
	defer s.applying.Unlock()
	s.mu.Lock()
	if !d.replaces(s.config) {
		s.mu.Unlock()
		return
	}
	s.config, s.crashes, s.err = d, nil, nil
	s.retire(s.process)
	attempt := s.callOff()
	s.mu.Unlock()
	attempt.wait()
}

// connect returns the running process, starting it if need be. The start goes
// on when the caller leaves: others wait for it too.
func (s *supervised) connect(ctx context.Context, revision uint64) (*Process, error) {
	for {
		p, attempt, err := s.join(revision)
		if attempt == nil {
			return p, err
		}
		select {
		case <-attempt.done:
			if attempt.err != errCalledOff { // otherwise the settings changed, or the end has come
				return attempt.process, attempt.err
			}
		case <-ctx.Done():
			s.abandon(attempt)
			return nil, &sdk.Error{Code: sdk.CodeCanceled, Message: "the caller left while the plugin started", Cause: ctx.Err()}
		}
	}
}

// join returns the running process, or the start that is under way, or begins one.
func (s *supervised) join(revision uint64) (*Process, *start, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if revision < s.least {
		return nil, nil, ErrOutdated
	}
	if p := s.process; p != nil {
		select {
		case <-p.Done(): // watch is about to notice
			s.ended(p)
		default:
			return p, nil, nil
		}
	}
	if s.starting != nil {
		s.starting.callers++
		return nil, s.starting, nil
	}
	if err := s.refusal(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.starting = &start{cancel: cancel, callers: 1, done: make(chan struct{})}
	go s.run(ctx, s.starting, s.config, s.backoff())
	return nil, s.starting, nil
}

// refusal says why no start is tried.
func (s *supervised) refusal() error {
	if s.closed {
		return sdk.Errorf(sdk.CodeUnavailable, "the server is shutting down")
	}
	if s.recent() >= crashBudget {
		return &sdk.Error{Code: sdk.CodeUnavailable, Cause: s.err,
			Message: fmt.Sprintf("engine %s failed: it ended %d times within a minute, the last time because %s; mend that, then start a model of it by hand", s.config.ID, crashBudget, clean(fmt.Sprint(s.err)))}
	}
	return nil
}

// recent counts the crashes in the window. A full window stays full: only Reset
// empties it.
func (s *supervised) recent() int {
	if len(s.crashes) >= crashBudget {
		return len(s.crashes)
	}
	for len(s.crashes) > 0 && time.Since(s.crashes[0]) > crashWindow {
		s.crashes = s.crashes[1:]
	}
	return len(s.crashes)
}

func (s *supervised) backoff() time.Duration {
	n := s.recent()
	if n < 2 {
		return 0
	}
	return firstBackoff << (n - 2)
}

func (s *supervised) run(ctx context.Context, attempt *start, config Deployment, wait time.Duration) {
	defer close(attempt.done)
	defer attempt.cancel()
	crash := false
	select {
	case <-time.After(wait):
		attempt.process, crash, attempt.err = s.launch(ctx, config)
	case <-ctx.Done():
		attempt.err = errCalledOff
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting = nil
	switch {
	case attempt.err == nil:
		s.process, s.err = attempt.process, nil
		s.watching.Go(func() { s.watch(attempt.process) })
		if attempt.off {
			s.retire(s.process)
			attempt.err = errCalledOff
			return
		}
		s.tell()
	case ctx.Err() != nil:
		attempt.err = errCalledOff
	case crash:
		s.crashed(attempt.err)
	}
}

// launch also says whether an error is a crash: a plugin that is not there and
// settings that are wrong are none.
func (s *supervised) launch(ctx context.Context, config Deployment) (p *Process, crash bool, err error) {
	plugin, err := s.host.pluginOf(config)
	if err != nil {
		return nil, false, err
	}
	limit := s.host.bounds.start
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it was not up within %v", limit))
	defer cancel()
	p, err = s.host.launch(ctx, plugin, config, s.log)
	if err == nil {
		p.left = s.left
	}
	return p, err != nil && sdk.CodeOf(err) != sdk.CodeInvalid, err
}

// watch notices the end of a process, also when nobody uses it.
func (s *supervised) watch(p *Process) {
	s.probe(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended(p)
}

// probe asks a process now and then whether it is there, until it ends. One that
// does not answer twice is killed: it hangs, and its models with it.
func (s *supervised) probe(p *Process) {
	missed := 0
	tick := time.NewTicker(s.host.bounds.probe)
	defer tick.Stop()
	for {
		select {
		case <-p.Done():
			return
		case <-tick.C:
		}
		missed++
		if s.answers(p) {
			missed = 0
		}
		if missed == 2 {
			s.log.Error("plugin does not answer; it is killed")
			p.Kill()
			<-p.Done()
			return
		}
	}
}

func (s *supervised) answers(p *Process) bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.host.bounds.probe)
	defer cancel()
	_, err := p.Describe(ctx)
	return err == nil
}

// ended is called with mu held, once or twice for one process.
func (s *supervised) ended(p *Process) {
	if _, ok := s.retired[p]; ok { // this end was wanted, or is nobody's loss but its users'
		delete(s.retired, p)
		s.log.Info("plugin stopped", "pid", p.Pid())
		s.tell()
	} else if s.process == p {
		s.process = nil
		s.crashed(p.Err())
	}
}

// crashed is called with mu held.
func (s *supervised) crashed(err error) {
	s.err = err
	s.recent() // forget those that are too old to count
	s.crashes = append(s.crashes, time.Now())
	s.restarts++
	s.tell()
	s.log.Error("plugin ended", "error", err, "crashes", len(s.crashes))
}

// tell says what the process does now. Called with mu held.
func (s *supervised) tell() {
	if s.host.config.Changed != nil {
		s.host.config.Changed(s.config.ID, s.now())
	}
}

// reset forgives the crashes. A process that runs but does not answer is killed:
// the next use starts another.
func (s *supervised) reset() {
	s.mu.Lock()
	s.crashes, s.err = nil, nil
	p := s.process
	s.mu.Unlock()
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	_, err := p.Describe(ctx)
	s.mu.Lock()
	mine := s.process == p // else it is on its way out, or out
	s.mu.Unlock()
	if err != nil && mine {
		s.log.Warn("plugin does not answer; it is killed", "error", err)
		p.Kill()
		<-p.Done()
	}
}
