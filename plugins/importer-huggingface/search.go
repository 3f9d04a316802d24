package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// Search implements sdk.Searcher: repositories with GGUF files, the most
// downloaded first.
func (i *importer) Search(ctx context.Context, words string, limit int) ([]sdk.Hit, error) {
	c, err := i.ready()
	if err != nil {
		return nil, err
	}
	defer c.close()
	limit = min(max(limit, 1), 100)
	found, err := c.models(ctx, url.Values{"search": {line(words, 200)}, "filter": {"gguf"}, "limit": {strconv.Itoa(limit)}})
	if err != nil {
		return nil, c.explainList(err)
	}
	var hits []sdk.Hit
	for _, f := range found {
		owner, name, ok := strings.Cut(f.ID, "/")
		if ok && ownerName.MatchString(owner) && repoName(name) && len(hits) < limit {
			hits = append(hits, sdk.Hit{Ref: sdk.Ref("hf://" + f.ID), Name: f.ID, Description: f.summary()})
		}
	}
	return hits, nil
}

// summary is what one chooses by: "8.0B parameters · 1.2M downloads · llama3.1 · gated".
func (i info) summary() string {
	var parts []string
	if i.GGUF.v.Total > 0 {
		parts = append(parts, short(float64(i.GGUF.v.Total))+" parameters")
	}
	if i.Downloads > 0 {
		parts = append(parts, short(float64(i.Downloads))+" downloads")
	}
	for _, tag := range i.Tags {
		if licence, ok := strings.CutPrefix(tag, "license:"); ok {
			parts = append(parts, line(licence, 40))
			break
		}
	}
	if i.Gated {
		parts = append(parts, "gated")
	}
	return strings.Join(parts, " · ")
}

// short is a number with three digits at most: 950, 1.2M, 70.6B.
func short(n float64) string {
	for _, unit := range []string{"", "K", "M", "B"} {
		if n < 999.5 || unit == "B" {
			if unit == "" || n >= 99.95 {
				return fmt.Sprintf("%.0f%s", n, unit)
			}
			return fmt.Sprintf("%.1f%s", n, unit)
		}
		n /= 1000
	}
	return ""
}
