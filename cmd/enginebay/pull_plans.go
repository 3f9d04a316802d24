package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

// plan is what the commands use of a variant of a source.
type plan struct {
	Ref     string  `json:"ref"` // that names it alone; may be empty
	Variant string  `json:"variant"`
	ID      string  `json:"id"`
	Size    float64 `json:"size"`   // bytes; 0 where unknown
	Memory  float64 `json:"memory"` // bytes; 0 where unknown
	Fits    bool    `json:"fits"`
	Default bool    `json:"default"`
	State   string  `json:"state"`   // of the model that is there already
	Error   string  `json:"error"`   // why it cannot be used
	Warning string  `json:"warning"` // why nothing here runs it
}

// plansPath is where the API lists the variants of a source.
func plansPath(ref, variant, importer string) string {
	query := url.Values{"ref": {ref}}
	for name, value := range map[string]string{"variant": variant, "importer": importer} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "/v1/plans?" + query.Encode()
}

// listPlans prints the variants of a source.
func (c *config) listPlans(cmd *cobra.Command, args []string, f pullFlags) error {
	if len(args) != 1 {
		return fmt.Errorf("--list is for one source, and here are %d", len(args))
	}
	var list struct{ Data []plan }
	if printed, err := c.fetch(cmd, plansPath(args[0], f.variant, f.importer), f.json, &list); printed || err != nil {
		return err
	}
	if len(list.Data) == 0 {
		return fmt.Errorf("%s has nothing that could be downloaded", args[0])
	}
	if f.quiet {
		for _, p := range list.Data {
			fmt.Fprintln(cmd.OutOrStdout(), p.ID)
		}
		return nil
	}
	printPlans(cmd, args[0], list.Data)
	return nil
}

func printPlans(cmd *cobra.Command, ref string, plans []plan) {
	var rows [][]string
	chosen := ""
	for _, p := range plans {
		if p.Default {
			chosen = p.Variant
		}
		rows = append(rows, []string{dash(firstOf(p.Variant, p.ID)), bytesText(p.Size), bytesText(p.Memory), p.fits(), p.note()})
	}
	table(cmd.OutOrStdout(), []string{"VARIANT", "SIZE", "MEMORY", "FITS", ""}, rows)
	if why := plans[0].Warning; why != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "\n%s\n", why)
	}
	if chosen != "" && len(plans) > 1 {
		fmt.Fprintf(cmd.ErrOrStderr(), "\n%s is what enginebay pull %s downloads; another one: add --variant NAME\n", chosen, ref)
	}
}

func (p plan) fits() string {
	switch {
	case p.Memory == 0:
		return "-"
	case p.Fits:
		return "yes"
	}
	return "no"
}

// note is what is not in the other columns.
func (p plan) note() string {
	switch {
	case p.Error != "":
		return p.Error
	case p.State == "ready" || p.State == "running":
		return "here already"
	case p.State == "downloading":
		return "downloading"
	case p.Default:
		return "default"
	}
	return ""
}
