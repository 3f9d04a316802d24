package main

import (
	"fmt"
	"io"
	"time"
)

// routed says whether a model's requests go to its targets.
func (m model) routed() bool { return m.Route != nil }

// engineText is what runs a model, in the words of a list.
func (m model) engineText() string {
	switch {
	case m.routed() && m.spreads():
		return fmt.Sprintf("spread over %d", len(m.Route.Targets))
	case m.routed():
		return fmt.Sprintf("first of %d", len(m.Route.Targets))
	case m.Running != nil:
		return m.Running.Engine
	}
	return m.Engine
}

func (m model) spreads() bool { return m.Routing == "spread" }

// targetRows are the rows of ps below that of a routed model.
func (m model) targetRows() (rows [][]string) {
	for _, t := range m.Route.Targets {
		rows = append(rows, []string{"  " + t.ID, dash(t.Engine), t.stateText(), fmt.Sprint(t.Requests), "", "", bytesText(t.Memory), t.healthText()})
	}
	return rows
}

// printTargets prints what the targets of a routed model do.
func printTargets(w io.Writer, m model) {
	if !m.routed() {
		return
	}
	var rows [][]string
	for _, t := range m.Route.Targets {
		rows = append(rows, []string{t.ID, t.stateText(), fmt.Sprint(t.Requests), fmt.Sprintf("%g", t.Weight), t.healthText()})
	}
	fmt.Fprintln(w)
	table(w, []string{"TARGET", "STATE", "REQUESTS", "WEIGHT", "HEALTH"}, rows)
	for _, t := range m.Route.Targets {
		switch {
		case t.Error != "" && t.Health == "unusable":
			fmt.Fprintf(w, "\n%s cannot be used: %s\n", t.ID, t.Error)
		case t.Error != "":
			fmt.Fprintf(w, "\n%s failed the last time: %s\n", t.ID, t.Error)
		}
	}
}

func (t target) stateText() string {
	switch {
	case t.Transition != "":
		return t.Transition
	case t.State == "to_download" && t.Health == "unusable":
		return "error"
	case t.State == "":
		return "not there"
	}
	return t.State
}

// healthText says how long a target is passed over.
func (t target) healthText() string {
	if t.Until == nil {
		return t.Health
	}
	return "cooling down, " + max(time.Until(time.Unix(*t.Until, 0)), 0).Round(time.Second).String()
}
