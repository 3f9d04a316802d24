package main

import (
	"regexp"
	"strconv"
	"strings"
)

// traits are what a model of Anthropic's takes. The API refuses the rest, and it is
// not the same for all models: read in its documents of November 2026.
type traits struct {
	sampling bool   // temperature, top_p and top_k
	together bool   // temperature and top_p in one request
	budget   bool   // thinking of so many tokens
	adaptive bool   // thinking as the model sees fit
	effort   bool   // output_config.effort
	xhigh    bool   // of which this is one
	off      string // the kind of thinking that is none; empty where it is off unless asked for, or cannot be
	strict   bool   // tools whose arguments must be valid
	limit    int64  // tokens of an answer where the request does not say
}

// version finds family and version in names such as claude-3-5-sonnet-20241022,
// claude-sonnet-4-5 and anthropic.claude-opus-4-1@20250805.
var version = regexp.MustCompile(`claude-(?:([a-z]+)-)?(\d{1,2})(?:[-.](\d{1,2}))?(?:[^\d.]|$)`)

// traitsOf tells a model by its name. A Claude whose name says no version is taken
// for a new one; what is no Claude is a model of another house that speaks the same
// protocol, and gets what it is asked with.
func traitsOf(name string) traits {
	name = strings.ToLower(name)
	if !strings.Contains(name, "claude") {
		return traits{sampling: true, together: true, budget: true, strict: true, limit: 8192}
	}
	family, v := "", 999
	if found := version.FindStringSubmatch(name); found != nil {
		major, _ := strconv.Atoi(found[2])
		minor, _ := strconv.Atoi(found[3])
		family, v = found[1], 100*major+minor
	}
	t := traits{sampling: v < 407, together: v < 401, budget: v >= 307 && v < 406, adaptive: v >= 406,
		effort: v >= 406 || v == 405 && family == "opus", xhigh: v >= 407, strict: v >= 405, limit: 32000}
	switch {
	case v < 305:
		t.limit = 4096
	case v < 307:
		t.limit = 8192
	case v == 500 && (family == "opus" || family == "sonnet"):
		t.off = "disabled"
	case v == 505 && family == "sonnet":
		t.off = "between_tools"
	}
	return t
}
