package pluginhost

import "slices"

// Status returns what the processes of a deployment do; stopped where it was never
// used.
func (h *Host) Status(id string) Status {
	all := Status{State: StateStopped}
	for _, s := range h.of(id) {
		all = all.with(s.status())
	}
	return all
}

// better are the states from the worst to the best.
var better = []string{StateStopped, StateFailed, StateCrashed, StateStarting, StateUp}

// with is the status of two processes as one.
func (st Status) with(other Status) Status {
	if slices.Index(better, other.State) > slices.Index(better, st.State) {
		st, other = other, st
	}
	st.Pids = append(st.Pids, other.Pids...)
	slices.Sort(st.Pids)
	st.Crashes += other.Crashes
	st.Restarts += other.Restarts
	if st.Err == nil {
		st.Err = other.Err
	}
	return st
}

func (s *supervised) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// now is status with mu held.
func (s *supervised) now() Status {
	st := Status{Crashes: s.recent(), Restarts: s.restarts, Err: s.err, State: StateStopped}
	for p := range s.retired {
		st.Pids = append(st.Pids, p.Pid())
	}
	switch {
	case s.process != nil:
		st.State, st.Pid, st.Started = StateUp, s.process.Pid(), s.process.Started
		st.Pids = append(st.Pids, st.Pid)
	case s.starting != nil:
		st.State = StateStarting
	case st.Crashes >= crashBudget:
		st.State = StateFailed
	case st.Crashes > 0:
		st.State = StateCrashed
	}
	slices.Sort(st.Pids)
	return st
}
