package main

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newList(c *config) *cobra.Command {
	var state string
	var all bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the models",
		Long: `List the models of the server, those that cannot be used included, with the reason.
Where models are here, those that could be downloaded are only counted, and so are
those beyond the first ten that a remote service offers: --all lists them too. The
state of an offered model is stale while its service cannot be asked what it has.`,
		Example: `  enginebay list
  enginebay list --all
  enginebay list --state running
  enginebay list --json | jq -r '.data[].id'`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only models of this state: to_download, downloading, ready, running")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also the models that could be downloaded, and all that services offer")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"to_download", "downloading", "ready", "running"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var list modelList
		if printed, err := c.fetch(cmd, "/v1/models?state="+url.QueryEscape(state), *asJSON, &list); printed || err != nil {
			return err
		}
		printModels(cmd, list.Data, all || state != "")
		return nil
	}
	return cmd
}

func printModels(cmd *cobra.Command, models []model, all bool) {
	if len(models) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No models. To get one: enginebay pull SOURCE, or enginebay import FILE; to find one: enginebay search WORDS")
		return
	}
	models, offered := foldOffers(models, all)
	models, folded := fold(models, all)
	var rows [][]string
	for _, m := range models {
		rows = append(rows, []string{m.ID, m.stateText(), m.engineText(), dash(text(m.Metadata["quantization"])), m.sizeText()})
	}
	table(cmd.OutOrStdout(), []string{"MODEL", "STATE", "ENGINE", "QUANT", "SIZE"}, rows)
	for _, m := range models {
		if m.Error != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %s%s\n", m.ID, lastTime(m), m.Error)
		}
		if m.Running != nil && m.Running.Changed {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: changed since it was loaded; to apply it: enginebay stop %s\n", m.ID, m.ID)
		}
		if m.Running != nil {
			m.Warnings = append(m.Warnings, m.Running.Ignored...)
		}
		for _, warning := range m.Warnings {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: warning: %s\n", m.ID, warning)
		}
	}
	if !slices.ContainsFunc(models, func(m model) bool { return m.State != "to_download" }) {
		fmt.Fprint(cmd.ErrOrStderr(), "\nto download one: enginebay pull MODEL\n")
	}
	for _, engine := range slices.Sorted(maps.Keys(offered)) {
		if offered[engine] > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%d more are offered by %s: enginebay list --all\n", offered[engine], engine)
		}
	}
	if folded > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "\n%d more can be downloaded: enginebay list --all\n", folded)
	}
}

// fold takes away what is only there to be downloaded, where there is more.
func fold(models []model, all bool) (shown []model, folded int) {
	for _, m := range models {
		if m.State != "to_download" || m.Download.kept() != "" || m.Error != "" {
			shown = append(shown, m)
		}
	}
	if all || len(shown) == 0 {
		return models, 0
	}
	return shown, len(models) - len(shown)
}

// shownOffers is how many models of one service are listed without being asked for.
const shownOffers = 10

// foldOffers takes away what services offer beyond that and is not used, and counts
// it by engine.
func foldOffers(models []model, all bool) (shown []model, folded map[string]int) {
	seen, folded := map[string]int{}, map[string]int{}
	for _, m := range models {
		if m.Offer != nil && m.State == "ready" && !all {
			if seen[m.Offer.Engine]++; seen[m.Offer.Engine] > shownOffers {
				folded[m.Offer.Engine]++
				continue
			}
		}
		shown = append(shown, m)
	}
	return shown, folded
}

// stateText is the state in the words of a list: with how far a download is.
func (m model) stateText() string {
	d := m.Download
	switch {
	case m.Error != "" && m.State == "to_download" && d.kept() == "":
		return "error"
	case m.Transition != "":
		return m.Transition
	case m.Offer != nil && m.Offer.Stale && m.State == "ready":
		return "stale"
	case d == nil || m.State == "to_download" && d.Done == 0:
		return m.State
	case m.State == "to_download":
		return strings.TrimSpace("paused " + d.percent())
	case d.Phase == "downloading":
		return strings.Join(strings.Fields("downloading "+d.percent()+" "+d.speed()), " ")
	}
	return strings.TrimSpace(d.Phase + " " + d.percent())
}

// sizeText is the size of the weights, as far as it is known before they are here.
func (m model) sizeText() string {
	if size := bytesText(m.Metadata["size"]); size != "-" {
		return size
	}
	if m.Download != nil {
		return bytesText(float64(m.Download.Total))
	}
	return "-"
}

// lastTime tells an error of the last use from one that stands against any use.
func lastTime(m model) string {
	if m.State == "to_download" || m.routed() {
		return ""
	}
	return "the last time: "
}
