package main

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// download is how far the weights of a model have come.
type download struct {
	Phase string  `json:"phase"` // "waiting", "downloading", "verifying"; "paused" is a partial that waits for a person
	Done  int64   `json:"done"`  // bytes
	Total int64   `json:"total"` // 0 where unknown
	Speed float64 `json:"speed"` // bytes per second
	ETA   int64   `json:"eta"`   // seconds; -1 where unknown
	Files []struct {
		Name  string `json:"name"`
		Done  int64  `json:"done"`
		Total int64  `json:"total"`
	} `json:"files"`
}

// percent is "43 %", and "" where the whole is not known.
func (d *download) percent() string {
	if d == nil || d.Total <= 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", min(d.Done, d.Total)*100/d.Total)
}

// amount is "1.9 GB of 4.4 GB".
func (d *download) amount() string {
	if d.Total <= 0 {
		return sizeText(d.Done)
	}
	return sizeText(d.Done) + " of " + sizeText(d.Total)
}

// speed is "12.3 MB/s", and "" where nothing moves.
func (d *download) speed() string {
	if d.Speed <= 0 {
		return ""
	}
	return humanize.SIWithDigits(d.Speed, 1, "B/s")
}

// left is "3m20s", and "" where it is not known.
func (d *download) left() string {
	if d.ETA < 0 || d.Speed <= 0 || d.Done >= d.Total {
		return ""
	}
	return briefly(time.Duration(d.ETA) * time.Second)
}

// kept is what a partial holds, for a sentence: "43 % of 4.4 GB"; "" where that is
// nothing.
func (d *download) kept() string {
	switch {
	case d == nil || d.Done == 0:
		return ""
	case d.Total <= 0:
		return sizeText(d.Done)
	}
	return d.percent() + " of " + sizeText(d.Total)
}

// sizeText is a size in bytes as people read it; 0 is one too.
func sizeText(bytes int64) string {
	return humanize.SIWithDigits(float64(bytes), 1, "B")
}

// briefly is a time to within a hundredth: 1h5m, 3m20s, 12s.
func briefly(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return d.String()
}
