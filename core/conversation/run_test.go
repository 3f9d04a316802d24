package conversation_test

import (
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
)

// TestOneRun: of those who start a run at once one wins, and none of the others has
// left a message.
func TestOneRun(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		for range 5 {
			th := thread(t, s, anna, "hello")
			var won atomic.Int32
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					r := &conversation.Run{ThreadID: th.ID, Status: conversation.RunQueued}
					err := s.CreateRun(t.Context(), anna, r, message("and?"))
					if err == nil {
						won.Add(1)
					} else if !errors.Is(err, conversation.ErrBusy) {
						t.Error(err)
					}
				})
			}
			wait.Wait()
			if won.Load() != 1 {
				t.Fatalf("%d runs of a thread have begun", won.Load())
			}
			if n := len(get(s.AllMessages(t.Context(), anna, th.ID))(t)); n != 2 {
				t.Errorf("%d messages; want the first and that of the run", n)
			}
			if n := len(get(s.Runs(t.Context(), anna, th.ID, conversation.Page{}))(t).Data); n != 1 {
				t.Errorf("%d runs", n)
			}
		}
	})
}

// TestMessagesWhileARunBegins: no message gets in beside a run that has begun.
func TestMessagesWhileARunBegins(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		th := thread(t, s, anna)
		var wait sync.WaitGroup
		begin := make(chan struct{})
		var added atomic.Int32
		for range 6 {
			wait.Go(func() {
				<-begin
				switch err := s.CreateMessage(t.Context(), anna, th.ID, message("x")); {
				case err == nil:
					added.Add(1)
				case !errors.Is(err, conversation.ErrBusy):
					t.Error(err)
				}
			})
		}
		var saw int
		wait.Go(func() {
			<-begin
			r := &conversation.Run{ThreadID: th.ID, Status: conversation.RunQueued}
			ok(t, s.CreateRun(t.Context(), anna, r))
			saw = len(get(s.AllMessages(t.Context(), anna, th.ID))(t))
		})
		close(begin)
		wait.Wait()
		if int(added.Load()) != saw || len(get(s.AllMessages(t.Context(), anna, th.ID))(t)) != saw {
			t.Errorf("%d messages were added, and the run that began saw %d", added.Load(), saw)
		}
	})
}

// TestMessagesAtOnce: of those that many add at once, each is there once, and
// lists agree on the order.
func TestMessagesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		th := thread(t, s, anna)
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 10 {
					ok(t, s.CreateMessage(t.Context(), anna, th.ID, message("x")))
				}
			})
		}
		wait.Wait()
		all := get(s.AllMessages(t.Context(), anna, th.ID))(t)
		if len(all) != 80 {
			t.Fatalf("%d messages of 80", len(all))
		}
		p := conversation.Page{Limit: 7, Ascending: true}
		var n int
		for more := true; more; {
			l := get(s.Messages(t.Context(), anna, th.ID, "", p))(t)
			for _, m := range l.Data {
				if n >= len(all) || m.ID != all[n].ID {
					t.Fatalf("message %d of the pages is another than in the list of all", n)
				}
				n++
			}
			more, p.After = l.HasMore, *l.LastID
		}
		if n != 80 {
			t.Errorf("the pages have %d messages", n)
		}
	})
}

// TestChangesAtOnce: none is lost.
func TestChangesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		th := thread(t, s, anna)
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 5 {
					get(s.UpdateThread(t.Context(), anna, th.ID, func(th *conversation.Thread) error { th.Title += "x"; return nil }))(t)
				}
			})
		}
		wait.Wait()
		if title := get(s.Thread(t.Context(), anna, th.ID))(t).Title; len(title) != 40 {
			t.Errorf("%d of 40 changes are there", len(title))
		}
	})
}

// TestClockGoesBack: what comes later stands later, also when a clock was set back, or
// was ahead at the server that had the run before.
func TestClockGoesBack(t *testing.T) {
	databasetest.Each(t, conversation.Migrations, func(t *testing.T, db *database.DB) {
		s := open(t, db)
		th := thread(t, s, anna, "first")
		r := run(t, s, anna, th.ID, conversation.RunInProgress)
		write := func(with ...conversation.Written) {
			get(s.UpdateRun(t.Context(), r.ID, func(*conversation.Run) error { return nil }, with...))(t)
		}
		one, two := &conversation.Step{Type: "tool_calls"}, &conversation.Step{Type: "message_creation"}
		write(one)
		for _, table := range []string{"messages", "runs", "steps"} {
			ok(t, db.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.ExecContext(t.Context(), "UPDATE "+table+" SET made = made + 3600000000")
				return err
			}))
		}
		write(two, message("second"))
		write(one) // once more
		get(s.UpdateRun(t.Context(), r.ID, func(r *conversation.Run) error { r.Status = conversation.RunCompleted; return nil }))(t)
		next := run(t, s, anna, th.ID, conversation.RunQueued)

		up := conversation.Page{Ascending: true}
		if l := get(s.Steps(t.Context(), anna, th.ID, r.ID, up))(t); *l.FirstID != one.ID || *l.LastID != two.ID {
			t.Errorf("the steps are %s and %s; want %s before %s", *l.FirstID, *l.LastID, one.ID, two.ID)
		}
		if l := get(s.Runs(t.Context(), anna, th.ID, up))(t); *l.FirstID != r.ID || *l.LastID != next.ID {
			t.Errorf("the runs are %s and %s; want %s before %s", *l.FirstID, *l.LastID, r.ID, next.ID)
		}
		if all := get(s.AllMessages(t.Context(), anna, th.ID))(t); all[1].Content[0].Text.Value != "second" {
			t.Error("the second message stands before the first")
		}
	})
}

func TestUpdateRunIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		th := thread(t, s, anna)
		r := run(t, s, anna, th.ID, conversation.RunQueued)
		no := errors.New("no")
		if _, err := s.UpdateRun(t.Context(), r.ID, func(r *conversation.Run) error { r.Status = conversation.RunFailed; return no }, message("x")); !errors.Is(err, no) {
			t.Errorf("error %v; want that of change", err)
		}
		bad := message("x")
		bad.ID = "a\x00b"
		_, err := s.UpdateRun(t.Context(), r.ID, func(r *conversation.Run) error { r.Status = conversation.RunFailed; return nil }, message("y"), bad)
		isField(t, err, "id")
		if is := get(s.Run(t.Context(), anna, th.ID, r.ID))(t); is.Status != conversation.RunQueued {
			t.Errorf("the run is %s", is.Status)
		}
		if n := len(get(s.AllMessages(t.Context(), anna, th.ID))(t)); n != 0 {
			t.Errorf("%d messages were written", n)
		}
	})
}

// TestDeleteThread takes all that is in it along, in the middle of a run too.
func TestDeleteThread(t *testing.T) {
	databasetest.Each(t, conversation.Migrations, func(t *testing.T, db *database.DB) {
		s := open(t, db)
		b, other := belongingsOf(t, s, anna), belongingsOf(t, s, anna)
		r := run(t, s, anna, b.thread, conversation.RunInProgress)
		ok(t, s.DeleteThread(t.Context(), anna, b.thread))
		_, err := s.UpdateRun(t.Context(), r.ID, func(*conversation.Run) error { return nil })
		isMissing(t, err, "run")
		for _, table := range []string{"threads", "messages", "runs", "steps"} {
			if n := count(t, db, table); n != 1 {
				t.Errorf("%d rows are left in %s; want that of the other thread", n, table)
			}
		}
		get(s.Step(t.Context(), anna, other.thread, other.run, other.step))(t)
	})
}

func TestEndAbandoned(t *testing.T) {
	now := time.Now().Unix()
	past, future := now-10, now+600
	cases := []struct {
		name, status string
		expires      *int64
		silent       bool
		want         string
	}{
		{"its server lives", conversation.RunInProgress, nil, false, conversation.RunInProgress},
		{"queued", conversation.RunQueued, nil, true, conversation.RunFailed},
		{"in progress", conversation.RunInProgress, nil, true, conversation.RunFailed},
		{"cancelling", conversation.RunCancelling, nil, true, conversation.RunCancelled},
		{"waits for outputs", conversation.RunRequiresAction, &future, true, conversation.RunRequiresAction},
		{"waited for outputs", conversation.RunRequiresAction, &past, false, conversation.RunExpired},
		{"has ended", conversation.RunCompleted, nil, true, conversation.RunCompleted},
	}
	each(t, func(t *testing.T, s *conversation.Store) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				th := thread(t, s, anna)
				r := &conversation.Run{ThreadID: th.ID, Status: c.status, ExpiresAt: c.expires}
				ok(t, s.CreateRun(t.Context(), anna, r))
				done, open := &conversation.Step{Status: "completed"}, &conversation.Step{Status: "in_progress"}
				get(s.UpdateRun(t.Context(), r.ID, func(*conversation.Run) error { return nil }, done, open))(t)
				n := get(s.EndAbandoned(t.Context(), func(*conversation.Run) bool { return c.silent }))(t)
				is := get(s.Run(t.Context(), anna, th.ID, r.ID))(t)
				if is.Status != c.want || (n == 1) != (c.want != c.status) {
					t.Errorf("%d were ended; the run is %s, want %s", n, is.Status, c.want)
				}
				if is.Status == conversation.RunFailed && (is.LastError == nil || is.FailedAt == nil) {
					t.Error("it does not say why it failed, or when")
				}
				step := get(s.Step(t.Context(), anna, th.ID, r.ID, open.ID))(t)
				if want := map[bool]string{true: "in_progress", false: c.want}[c.want == c.status]; step.Status != want {
					t.Errorf("the step is %s, want %s", step.Status, want)
				}
				if step := get(s.Step(t.Context(), anna, th.ID, r.ID, done.ID))(t); step.Status != "completed" {
					t.Errorf("the step that was done is %s", step.Status)
				}
				if n == 1 {
					ok(t, s.CreateMessage(t.Context(), anna, th.ID, message("again")))
				}
				ok(t, s.DeleteThread(t.Context(), anna, th.ID))
			})
		}
	})
}
