package pluginhost

import "sync"

// Retired processes. One whose place another takes is not ended under those who use
// it: it stays until the last of them has left, and nobody new gets it.

// hold keeps the process from its end when another takes its place, until release
// is called, once. ok is false where that has happened already.
func (p *Process) hold() (release func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired {
		return nil, false
	}
	p.users++
	return sync.OnceFunc(p.release), true
}

func (p *Process) release() {
	p.mu.Lock()
	p.users--
	last := p.users == 0 && (p.retired || p.passing)
	p.retired = p.retired || last
	p.mu.Unlock()
	if last {
		p.left(p)
	}
}

// retire has nobody hold the process any more, and says whether nobody does.
func (p *Process) retire() (unused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	return p.users == 0
}

// left ends a process that its last user has left.
func (s *supervised) left(p *Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retire(p)
}

// retire takes a process out of use, and ends it where nobody uses it. Called with
// mu held.
func (s *supervised) retire(p *Process) {
	if p == nil {
		return
	}
	if s.process == p {
		s.process = nil
		s.retired[p] = struct{}{}
	}
	if _, ok := s.retired[p]; ok && p.retire() { // else it has ended
		s.watching.Go(p.stop)
	}
}

// retireBefore retires what runs with settings of an earlier revision.
func (s *supervised) retireBefore(revision uint64) {
	s.mu.Lock()
	s.least = max(s.least, revision)
	if s.process != nil && s.process.revision < revision {
		s.retire(s.process)
	}
	var attempt *start
	if s.config.Revision < revision {
		attempt = s.callOff()
	}
	s.mu.Unlock()
	attempt.wait()
}

// callOff has a start that is under way come to nothing. Called with mu held.
func (s *supervised) callOff() *start {
	if s.starting != nil {
		s.starting.off = true
		s.starting.cancel()
	}
	return s.starting
}

// abandon is told by a caller who leaves before the end of a start. One for a
// single model is then for nobody.
func (s *supervised) abandon(attempt *start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	attempt.callers--
	switch {
	case attempt.callers > 0 || s.config.Model == "":
	case s.starting == attempt:
		s.callOff()
	case s.process == attempt.process:
		s.retire(s.process)
	}
}

// wait waits for the end of a start; nil is none.
func (a *start) wait() {
	if a != nil {
		<-a.done
	}
}

// stop ends all processes, or the start, if there are any; the next use starts one
// again.
func (s *supervised) stop() {
	s.mu.Lock()
	attempt := s.callOff()
	s.mu.Unlock()
	attempt.wait()
	var ends sync.WaitGroup
	s.mu.Lock()
	s.retire(s.process)
	for p := range s.retired {
		ends.Go(p.stop)
	}
	s.mu.Unlock()
	ends.Wait()
}

func (s *supervised) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.watching.Wait()
}
