package download

import "slices"

// A span is the bytes of a file from From on, those from To on no more.
type span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

func (s span) size() int64 { return s.To - s.From }

// spans are in order, and neither touch nor overlap.
type spans []span

// with are spans and one more.
func (all spans) with(one span) spans {
	if one.size() <= 0 {
		return all
	}
	first, _ := slices.BinarySearchFunc(all, one.From, func(s span, from int64) int { return int(min(1, max(-1, s.To-from))) })
	last := first
	for last < len(all) && all[last].From <= one.To {
		one = span{min(one.From, all[last].From), max(one.To, all[last].To)}
		last++
	}
	return slices.Replace(all, first, last, one)
}

// size is the number of bytes in them.
func (all spans) size() (sum int64) {
	for _, s := range all {
		sum += s.size()
	}
	return sum
}

// front is where the bytes from the beginning on end.
func (all spans) front() int64 {
	if len(all) == 0 || all[0].From > 0 {
		return 0
	}
	return all[0].To
}

// gap is the first bytes before end that are not in them.
func (all spans) gap(end int64) (span, bool) {
	at := all.front()
	if at >= end {
		return span{}, false
	}
	for _, s := range all {
		if s.From > at {
			end = min(end, s.From)
			break
		}
	}
	return span{at, end}, true
}

// sound says whether they are as they must be, which nobody can know of a file.
func (all spans) sound(end int64) bool {
	at := int64(-1)
	for _, s := range all {
		if s.From <= at || s.From < 0 || s.size() <= 0 || s.To > end {
			return false
		}
		at = s.To
	}
	return true
}
