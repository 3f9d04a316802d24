package api

import (
	"time"

	"github.com/enginebay/enginebay/core"
)

// keepResponses is how long responses are kept where nobody says otherwise: as long as
// at OpenAI.
const keepResponses = 30 * 24 * time.Hour

// forget deletes stored responses that are older than is wanted, and files whose time is
// over, each hour and when a policy comes into force, until Shutdown begins.
func (s *Server) forget() {
	defer close(s.forgotten)
	each := time.NewTicker(time.Hour)
	defer each.Stop()
	for {
		if keep := s.policy.Load().keepResponses; keep != core.Forever {
			n, err := s.config.Conversations.ForgetResponses(s.life, time.Now().Add(-keep).Unix())
			switch {
			case s.life.Err() != nil:
			case err != nil:
				s.log.Warn("old responses were not deleted", "error", err)
			case n > 0:
				s.log.Info("old responses are deleted", "number", n, "kept_for", keep)
			}
		}
		if n, err := s.config.Conversations.Sweep(s.life); err != nil && s.life.Err() == nil {
			s.log.Warn("files whose time is over were not deleted", "error", err)
		} else if n > 0 {
			s.log.Info("files whose time is over are deleted", "number", n)
		}
		select {
		case <-each.C:
		case <-s.applied:
		case <-s.life.Done():
			return
		}
	}
}
