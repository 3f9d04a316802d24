package core

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/enginebay/enginebay/sdk"
)

// A scope is a bound on what is in memory: the server's is on all of it, that of a
// deployment on its own.
type scope struct {
	engine    string // id of the deployment; empty is the server
	maxLoaded int    // models; 0 is any number
	memory    uint64 // bytes; 0 is any number
}

// scopes are those that a load must fit into: none, where it takes nothing here.
func (n need) scopes(limits *Limits) []scope {
	if n.remote {
		return nil
	}
	own := n.quota.deployment().Limits
	return []scope{{"", limits.MaxLoaded, limits.Memory}, {n.quota.id, own.MaxLoaded, own.Memory}}
}

// has says whether a claim counts.
func (s scope) has(c *claim) bool { return !c.remote && (s.engine == "" || s.engine == c.quota.id) }

// grown is the scope with place for one more: nothing is to be added.
func (s scope) grown() scope {
	if s.maxLoaded > 0 {
		s.maxLoaded++
	}
	return s
}

// usage is what a set of claims comes to.
type usage struct {
	models int
	memory uint64
}

func (s scope) fits(used usage, memory uint64) bool {
	return (s.maxLoaded <= 0 || used.models < s.maxLoaded) && (s.memory == 0 || used.memory+memory <= s.memory)
}

// tooLarge is the error of a model that does not fit, even alone.
func (s scope) tooLarge(n need) error {
	if s.memory == 0 || n.memory <= s.memory {
		return nil
	}
	whose, raise := "the memory budget", "memory_budget"
	if s.engine != "" {
		whose, raise = "that of the engine "+s.engine, "limits.memory of the engine"
	}
	return sdk.Errorf(sdk.CodeExhausted, "The model '%s' needs about %s of memory, and %s is %s; lower its ctx_len or n_parallel, take a smaller quantization, or raise %s",
		n.resident.id, size(n.memory), whose, size(s.memory), raise)
}

// pinnedOut is the error of a model for which those that stay leave no place.
func (s scope) pinnedOut(n need, pinned []string) error {
	raise := "memory_budget or max_loaded"
	if s.engine != "" {
		raise = fmt.Sprintf("the limits of the engine %s", s.engine)
	}
	return sdk.Errorf(sdk.CodeExhausted, "There is no room for the model '%s' beside the pinned ones (%s); stop one of them, or raise %s",
		n.resident.id, strings.Join(pinned, ", "), raise)
}

func size(bytes uint64) string { return humanize.SIWithDigits(float64(bytes), 1, "B") }
