package main

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

const (
	leastBar  = 10 // columns, the ends included
	mostBar   = 40
	leastName = 12
)

// progressBar is one line of a screen: who, how far, and what more there is room for.
type progressBar struct {
	name     string
	download *download
}

// barLines are bars as lines of a width, in columns.
func barLines(bars []progressBar, width int) []string {
	longest := 0
	for _, b := range bars {
		longest = max(longest, runewidth.StringWidth(b.name))
	}
	l := layoutFor(longest, width)
	lines := make([]string, len(bars))
	for i, b := range bars {
		lines[i] = b.line(l)
	}
	return lines
}

// layout is what lines of the same screen have in common, in columns.
type layout struct {
	name, bar int
	hidden    int // how many of the facts there is no room for
}

// layoutFor gives names two fifths at least, and drops facts until a bar fits.
func layoutFor(longest, width int) layout {
	least := min(longest, max(leastName, width*2/5))
	for hidden := range factWidths {
		room := width - 1 - factsWidth(hidden)
		if room-least >= leastBar {
			name := min(longest, room-leastBar)
			return layout{name, min(room-name, mostBar), hidden}
		}
	}
	hidden := len(factWidths) - 1
	return layout{min(longest, max(leastName, width-factsWidth(hidden))), 0, hidden}
}

// factWidths are the columns of what stands behind a bar, in the order in which it
// goes where there is no room; the percentage stays.
var factWidths = []int{len("999.9 MB of 999.9 MB"), len("999.9 MB/s"), len("59m59s"), len("100 %")}

func factsWidth(hidden int) int {
	all := 0
	for _, w := range factWidths[hidden:] {
		all += w + 2
	}
	return all
}

func (b progressBar) line(l layout) string {
	line := runewidth.FillRight(middle(b.name, l.name), l.name)
	if l.bar > 0 {
		line += " " + b.bar(l.bar)
	}
	d := b.download
	if d == nil {
		return line
	}
	speed := d.speed()
	if d.Phase != "downloading" && d.Phase != "" {
		speed = d.Phase
	}
	facts := []string{d.amount(), speed, d.left(), d.percent()}
	for _, i := range []int{3, 0, 1, 2} { // as they stand
		if i >= l.hidden || i == 1 && d.Phase == "verifying" {
			line += "  " + strings.Repeat(" ", max(0, factWidths[i]-len(facts[i]))) + facts[i]
		}
	}
	return strings.TrimRight(line, " ")
}

// eighths are the parts of a column that a bar may end in.
var eighths = []rune(" ▏▎▍▌▋▊▉")

func (b progressBar) bar(width int) string {
	width -= 2
	full := 0
	if d := b.download; d != nil && d.Total > 0 {
		full = int(min(d.Done, d.Total) * int64(width) * 8 / d.Total)
	}
	line := strings.Repeat("█", full/8)
	if full/8 < width {
		line += string(eighths[full%8]) + strings.Repeat(" ", width-full/8-1)
	}
	return "▕" + line + "▏"
}

// middle shortens a text in its middle: both ends of a model's id tell.
func middle(text string, width int) string {
	if runewidth.StringWidth(text) <= width {
		return text
	}
	end := (width - 1) / 2
	runes := []rune(text)
	return runewidth.Truncate(text, width-1-end, "") + "…" + string(runes[len(runes)-end:])
}
