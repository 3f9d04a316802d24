package download

import (
	"context"
	"path/filepath"
	"time"
)

// The phases of a fetch.
const (
	Downloading = "downloading"
	Verifying   = "verifying"
)

// Progress is how far a fetch is.
type Progress struct {
	Phase string         // Downloading or Verifying
	Done  int64          // bytes that are there; while Verifying those that were looked at
	Total int64          // 0: unknown
	Speed float64        // bytes a second that come now, smoothed
	ETA   time.Duration  // until the end, < 0: unknown
	Files []FileProgress // in the order of the files
}

// FileProgress is how far one file is.
type FileProgress struct {
	Name  string // of the target, without its folder
	Done  int64
	Total int64 // 0: unknown
}

// A meter makes Progress of the files of a fetch.
type meter struct {
	fetches []*fetch
	speed   float64
	seen    int64 // bytes over the network at the last look
	at      time.Time
}

// run tells how far it is, until the context ends, and then once more.
func (m *meter) run(ctx context.Context, every time.Duration, tell func(Progress)) {
	if tell == nil {
		return
	}
	m.at = time.Now()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			tell(m.look(now))
		case <-ctx.Done():
			tell(m.look(time.Now()))
			return
		}
	}
}

// smooth is over how long a speed is taken.
const smooth = 4 * time.Second

func (m *meter) look(now time.Time) Progress {
	p := Progress{Phase: Verifying, ETA: -1}
	var came, hashed int64
	known := true
	for _, f := range m.fetches {
		s := f.state()
		p.Files = append(p.Files, FileProgress{filepath.Base(f.file.Path), s.done, s.total})
		p.Done, p.Total, came, hashed = p.Done+s.done, p.Total+s.total, came+s.came, hashed+s.hashed
		known = known && s.total > 0
		if !s.written {
			p.Phase = Downloading
		}
	}
	if !known {
		p.Total = 0
	}
	m.measure(came, now)
	p.Speed = m.speed
	switch {
	case p.Phase == Verifying:
		p.Done, p.Speed, p.ETA = hashed, 0, -1
	case known && m.speed > 1:
		p.ETA = time.Duration(float64(p.Total-p.Done) / m.speed * float64(time.Second))
	}
	return p
}

func (m *meter) measure(came int64, now time.Time) {
	passed := now.Sub(m.at)
	if passed <= 0 {
		return
	}
	speed := float64(came-m.seen) / passed.Seconds()
	weight := min(1, passed.Seconds()/smooth.Seconds())
	if m.speed == 0 {
		weight = 1
	}
	m.speed += weight * (speed - m.speed)
	m.seen, m.at = came, now
}
