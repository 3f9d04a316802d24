package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// show prints what is planned, and what the plugins ask for.
func (w *workshop) show(plans []*install.Plan, kept []install.Kept) {
	out := w.cmd.OutOrStdout()
	for _, p := range plans {
		if p.Action == install.Nothing {
			continue
		}
		showPlan(out, p)
		w.warn(p.Warnings)
	}
	for _, k := range kept {
		fmt.Fprintf(out, "%s %s %s.\n", k.Name, k.Version, k.Reason)
	}
}

func showPlan(out io.Writer, p *install.Plan) {
	action := p.Action
	if p.Before != "" && p.Before != p.Version {
		action += " from " + p.Before
	}
	fmt.Fprintf(out, "%s %s (%s)\n", p.Name, p.Version, action)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	if p.Manifest.Description != "" {
		line("", "%s", p.Manifest.Description)
	}
	variant := p.Variant
	if reason := chosenBecause(p); reason != "" {
		variant += ", " + reason
	}
	line("variant", "%s", variant)
	source := p.Source
	if p.Source == "file" {
		source = relative(p.URL)
	}
	if p.Size > 0 {
		source += ", " + humanize.Bytes(uint64(p.Size))
	}
	line("from", "%s", source)
	line("signed by", "%s", signerText(p.Signer))
	for _, want := range wants(p.Manifest) {
		line("wants "+want[0], "%s", want[1])
	}
	for _, passed := range p.Passed {
		line("not taken", "%s %s", passed.Version, passed.Reason)
	}
}

func chosenBecause(p *install.Plan) string {
	for _, v := range p.Choice.Verdicts {
		if v.Chosen {
			return v.Reason
		}
	}
	return ""
}

func signerText(s install.Signer) string {
	switch {
	case s.Key == "":
		return "nobody"
	case s.New:
		return fmt.Sprintf("%s, key %s, which is not known here", s.Publisher, s.KeyID)
	}
	return fmt.Sprintf("%s, key %s", s.Publisher, s.KeyID)
}

// mostWants is how many of one kind are shown to a person.
const mostWants = 8

// wants is what a plugin asks for, in pairs of a kind and what of it.
func wants(m packages.Manifest) (all [][2]string) {
	add := func(kind string, what []string) {
		if more := len(what) - mostWants; more > 1 {
			what = append(slices.Clone(what[:mostWants]), fmt.Sprintf("and %d more (--json shows all)", more))
		}
		if len(what) > 0 {
			all = append(all, [2]string{kind, strings.Join(what, ", ")})
		}
	}
	network := slices.Clone(m.Permissions.Network)
	for i, host := range network {
		if host == "*" {
			if network[i] = "any host"; m.Is(sdk.KindEngine) { // it calls by itself
				network[i] += ", of this machine and its network too"
			}
		}
	}
	add("network", network)
	add("folders", m.Permissions.Folders)
	add("devices", m.Permissions.Devices)
	add("secrets", m.SecretsFrom())
	add("env", m.Environment)
	if len(all) == 0 {
		all = append(all, [2]string{"", "nothing: no network, no folders, no devices"})
	}
	return all
}

// shownPlan is a plan as --json prints it.
type shownPlan struct {
	Name     string               `json:"name"`
	Version  string               `json:"version"`
	Variant  string               `json:"variant"`
	Action   string               `json:"action"`
	Before   string               `json:"before,omitempty"`
	Source   string               `json:"source"`
	Size     int64                `json:"size,omitempty"`
	Digest   string               `json:"digest"`
	Signer   install.Signer       `json:"signer"`
	Wants    packages.Permissions `json:"permissions"`
	Secrets  []string             `json:"secrets"`
	Env      []string             `json:"environment"`
	Passed   []install.Passed     `json:"passed"`
	Warnings []string             `json:"warnings"`
}

func shownPlans(plans []*install.Plan) []shownPlan {
	all := []shownPlan{}
	for _, p := range plans {
		all = append(all, shownPlan{Name: p.Name, Version: p.Version, Variant: cmp.Or(p.Variant, packages.DefaultVariant), Action: p.Action, Before: p.Before, Source: p.Source,
			Size: p.Size, Digest: p.Digest, Signer: p.Signer, Wants: p.Manifest.Permissions, Secrets: p.Manifest.SecretsFrom(),
			Env: append([]string{}, p.Manifest.Environment...), Passed: append([]install.Passed{}, p.Passed...), Warnings: append([]string{}, p.Warnings...)})
	}
	return all
}
