package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// have sees to it that a model is here, and returns its id: one that can be
// downloaded is, if the person wants that. Whatever else is wrong with it is told
// when it is used.
func (c *config) have(cmd *cobra.Command, model string, pull bool) (id string, err error) {
	if made := c.madeOf(cmd, model); made != "" {
		model = made
	}
	missing, question := c.missing(cmd, model)
	switch {
	case missing == "":
		return model, nil
	case pull:
	case !isTerminal(cmd.InOrStdin()):
		return "", fmt.Errorf("%s; to wait for it: enginebay pull %s, or add --pull", missing, model)
	case question != "" && !agreed(cmd, missing+". "+question+" [Y/n] ", true):
		return "", fmt.Errorf("nothing was downloaded; to do it later: enginebay pull %s", model)
	}
	// Standard output is for the answer of the model.
	p := newPuller(c, forPeople(teller{io.Discard, cmd.ErrOrStderr()}), pullFlags{})
	if err := p.run(cmd.Context(), []source{{ref: model, doing: "looking for " + model}}); err != nil {
		return "", err
	}
	return p.watch.all[0].id, nil
}

// madeOf is the model that a source has become already, and empty where there is none.
func (c *config) madeOf(cmd *cobra.Command, ref string) string {
	var list struct{ Data []plan }
	if !strings.Contains(ref, "://") || c.client().get(cmd.Context(), plansPath(ref, "", ""), &list) != nil {
		return "" // whatever is wrong, the pull says it
	}
	for _, p := range list.Data {
		if p.State != "" && (p.Default || len(list.Data) == 1) {
			return p.ID
		}
	}
	return ""
}

// missing says what is missing of a model that can be downloaded, and what to ask
// before that is done; "" where that is nothing.
func (c *config) missing(cmd *cobra.Command, id string) (sentence, question string) {
	if strings.Contains(id, "://") {
		return id + " is a source, and no model that is here", "Make one of it now?"
	}
	var m model
	if c.client().get(cmd.Context(), modelPath(id), &m) != nil {
		return "", "" // the use of the model says it better
	}
	of := ""
	if size := m.sizeText(); size != "-" {
		of = " (" + size + ")"
	}
	switch {
	case m.State == "downloading":
		return id + " is still being downloaded", ""
	case m.State == "to_download" && (m.Error == "" || m.Download != nil) && len(m.Sources) > 0:
		return id + " is not downloaded yet" + of, "Download it now?"
	}
	return "", ""
}
