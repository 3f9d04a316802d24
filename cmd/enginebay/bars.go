package main

import (
	"fmt"
	"strings"

	"github.com/cheggaaa/pb/v3"
	"github.com/mattn/go-runewidth"
)

const (
	leastBar  = 8 // columns, the ends included
	mostBar   = 40
	leastName = 12
	// barLine gives the bar what columns the texts leave.
	barLine = `{{string . "name"}} {{bar . "▕" "█" "█" " " "▏"}}{{string . "facts"}}`
)

// progressBar is one line of a screen: who, how far, and what more there is room for.
type progressBar struct {
	name     string
	download *download
}

// barLines are bars as lines of a width, in columns. Their parts are below each other.
func barLines(bars []progressBar, width int) []string {
	longest := 0
	for _, b := range bars {
		longest = max(longest, runewidth.StringWidth(b.name))
	}
	name := min(longest, max(leastName, width*2/5))
	lines := make([]string, len(bars))
	for i, b := range bars {
		d := b.download
		facts := d.facts(width - name - 1 - leastBar)
		if d == nil {
			d = &download{}
		}
		line := pb.New64(d.Total).SetCurrent(min(d.Done, d.Total)).SetTemplateString(barLine)
		line.Set("name", runewidth.FillRight(middle(b.name, name), name)).Set("facts", facts)
		line.SetWidth(min(width, name+1+mostBar+len(facts)))
		lines[i] = strings.TrimRight(line.String(), " ")
	}
	return lines
}

// facts are in columns of their own: the percentage, and which of the others there
// is room for.
func (d *download) facts(room int) string {
	percent, amount, doing, left := d.percent(), "", "", ""
	if d != nil {
		amount, doing, left = d.amount(), d.speed(), d.left()
		if d.Phase != "downloading" && d.Phase != "" {
			doing = d.Phase
		}
	}
	percent, amount = fmt.Sprintf("  %5s", percent), fmt.Sprintf("  %20s", amount)
	doing, left = fmt.Sprintf("  %10s", doing), fmt.Sprintf("  %6s", left)
	for _, more := range []string{amount + doing + left, doing + left, doing} {
		if len(percent)+len(more) <= room {
			return percent + more
		}
	}
	return percent
}

// middle shortens a text in its middle: both ends of a model's id tell.
func middle(text string, width int) string {
	all := runewidth.StringWidth(text)
	if all <= width {
		return text
	}
	return runewidth.Truncate(text, width/2, "") + runewidth.TruncateLeft(text, all-width+width/2+1, "…")
}
