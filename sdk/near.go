package sdk

import (
	"cmp"
	"slices"
	"strings"
)

// Near returns the names, three at most and the nearest first, that are written
// nearly like name: for the sentence of a [CodeNotFound].
func Near(name string, names []string) []string {
	type near struct {
		name  string
		share float64
	}
	var found []near
	for _, candidate := range names {
		if share := alike(name, candidate); share >= 0.4 {
			found = append(found, near{candidate, share})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(b.share, a.share) })
	var best []string
	for _, f := range found[:min(3, len(found))] {
		best = append(best, f.name)
	}
	return best
}

// alike is the share of pairs of letters that two names have in common (Dice),
// from 0 to 1. Unlike a count of wrong letters it finds gpt-4o-mini for 4o-mini.
func alike(a, b string) float64 {
	pairs := map[string]int{}
	a, b = strings.ToLower(a), strings.ToLower(b)
	for i := range max(0, len(a)-1) {
		pairs[a[i:i+2]]++
	}
	common := 0
	for i := range max(0, len(b)-1) {
		if pair := b[i : i+2]; pairs[pair] > 0 {
			pairs[pair]--
			common++
		}
	}
	return 2 * float64(common) / float64(max(1, len(a)+len(b)-2))
}

// HasWords says whether a text has all of some words in it, in whatever case: for
// an importer that searches a list of its own.
func HasWords(text, words string) bool {
	text = strings.ToLower(text)
	for word := range strings.FieldsSeq(strings.ToLower(words)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
