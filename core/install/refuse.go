package install

import (
	"context"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// Refuse is called by the host when the edition with that digest, which is current,
// did not come up: it notes the reason, and makes the previous version current
// again, which it returns. Upgrades pass the refused one over from now on; only
// "use" and an install by name take it again.
//
// [sdk.CodeNotFound]: there is no previous one; the reason is noted all the same.
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
		if t.Previous == "" {
			none = sdk.Errorf(sdk.CodeNotFound, "There is no earlier version of %s to go back to", full)
			return nil
		}
		t.Current, t.Previous = t.Previous, ""
		s.follow(full)
		back = s.book.folder(s.home, full, t.Current)
		return nil
	})
	if err == nil {
		err = none
	}
	return back, err
}
