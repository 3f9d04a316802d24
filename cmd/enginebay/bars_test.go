package main

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

func TestBarLines(t *testing.T) {
	const long = "zephyr-7B-beta-with-a-long-name-GGUF/Q4_K_M"
	half := &download{Phase: "downloading", Done: 2_200_000_000, Total: 4_400_000_000, Speed: 12_300_000, ETA: 200}
	for name, test := range map[string]struct {
		bar   progressBar
		width int
		want  string
	}{
		"all":                    {progressBar{"m", half}, 100, "m ▕███████████████████                   ▏   50 %      2.2 GB of 4.4 GB   12.3 MB/s   3m20s"},
		"no room for the amount": {progressBar{"mistral-7b", half}, 50, "mistral-7b ▕█████     ▏   50 %   12.3 MB/s   3m20s"},
		"no room for the time":   {progressBar{long, half}, 50, "zephyr-7B-…UF/Q4_K_M ▕████    ▏   50 %   12.3 MB/s"},
		"narrow":                 {progressBar{long, half}, 25, "zephyr…4_K_M ▕██ ▏   50 %"},
		"no room for a bar":      {progressBar{long, half}, 20, "zephyr…4_K_M    50 %"},
		"verifying":              {progressBar{"m", &download{Phase: "verifying", Done: 1, Total: 4}}, 50, "m ▕█████              ▏   25 %   verifying"},
		"whole unknown":          {progressBar{"m", &download{Phase: "downloading", Done: 5_000_000, Speed: 1000, ETA: -1}}, 80, "m ▕                           ▏                         5 MB      1 kB/s"},
		"waiting":                {progressBar{"m", &download{Phase: "waiting", Total: 9, ETA: -1}}, 50, "m ▕                   ▏    0 %     waiting"},
		"nothing known":          {progressBar{"m", nil}, 30, "m ▕       ▏"},
		"whole":                  {progressBar{"m", &download{Done: 10, Total: 9}}, 30, "m ▕███████▏  100 %"},
	} {
		t.Run(name, func(t *testing.T) {
			got := barLines([]progressBar{test.bar}, test.width)[0]
			if got != test.want {
				t.Errorf("it is\n%s, want\n%s", got, test.want)
			}
			if width := runewidth.StringWidth(got); width > test.width {
				t.Errorf("it has %d columns, and there are %d", width, test.width)
			}
		})
	}
}

// TestBarsAlign: bars of the same screen begin and end in the same columns.
func TestBarsAlign(t *testing.T) {
	d := &download{Phase: "downloading", Done: 1, Total: 2}
	for width := 20; width < 150; width++ {
		lines := barLines([]progressBar{{"a", d}, {"a-longer-name/Q4_K_M", d}, {"日本語", d}}, width)
		for _, line := range lines {
			if runewidth.StringWidth(line) != runewidth.StringWidth(lines[0]) || strings.Contains(line, "▕") != strings.Contains(lines[0], "▕") {
				t.Fatalf("at width %d the lines are\n%s", width, strings.Join(lines, "\n"))
			}
		}
	}
}
