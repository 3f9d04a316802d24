package install

import (
	"cmp"
	"context"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// Prove is called by the host when the edition with that digest, which is current, has
// come up. It is the one to go back to, until another has. That another one is current
// by now is no error.
func Prove(ctx context.Context, home, name, digest string) error {
	return change(ctx, home, func(s *state) error {
		_, t, err := s.book.find(name)
		if err == nil && t.Current == digest {
			t.Proven = digest
			delete(t.Refused, digest)
		}
		return err
	})
}

// Refuse is called by the host when the edition with that digest, which is current,
// did not come up: it notes the reason, and makes the proven one current again, or
// else the previous one, which it returns. Upgrades pass the refused one over from now
// on; only "use" and an install by name take it again.
//
// [sdk.CodeNotFound]: there is none to go back to; the reason is noted all the same.
// [sdk.CodeUnavailable]: another edition is current by now, and nothing is changed.
func Refuse(ctx context.Context, home, name, digest, reason string) (Folder, error) {
	var back Folder
	var none error
	err := change(ctx, home, func(s *state) error {
		full, t, err := s.book.find(name)
		if err != nil {
			return err
		}
		if t.Current != digest {
			return sdk.Errorf(sdk.CodeUnavailable, "Another version of %s is in use by now", full)
		}
		if t.Refused == nil {
			t.Refused = map[string]refusal{}
		}
		t.Refused[digest] = refusal{Version: t.Editions[digest].Version, Reason: reason, At: time.Now().UTC()}
		earlier := cmp.Or(t.Proven, t.Previous)
		if earlier == "" || earlier == digest {
			none = sdk.Errorf(sdk.CodeNotFound, "There is no earlier version of %s to go back to", full)
			return nil
		}
		t.Current, t.Previous = earlier, ""
		s.follow(full)
		back = s.book.folder(s.home, full, t.Current)
		return nil
	})
	if err == nil {
		err = none
	}
	return back, err
}

// Proven returns the editions that came up last, by name, of the installed plugins
// that had one which did.
func Proven(home string) ([]Folder, error) {
	return folders(home, func(t *title) string { return t.Proven })
}
