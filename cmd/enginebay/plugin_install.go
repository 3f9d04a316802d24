package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/sdk"
)

func newPluginInstall(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "install [PLUGIN…]",
		Aliases: []string{"add"},
		Short:   "Install plugins: from a registry, an address, a file or a folder",
		Long: `Install plugins. Each is fetched, checked (hashes, signature, platform), started once to
compare it with what its package says, and only then made current, in one step. Versions
that were there before stay, so that "enginebay plugin rollback" goes back in a moment. A
running server changes over by itself, without failing a request; where the new version
does not come up there, it goes back to the old one and says why.

A plugin is NAME or PUBLISHER/NAME of a registry ("enginebay plugin registry"), with
@VERSION or a range such as @^1 behind it; oci://HOST/REPOSITORY:TAG; an https:// address
of a .tar.zst; or the path of one, or of a folder. What it asks for (hosts, folders,
devices, secrets) is shown before anything is installed.

A key that signed a package and is not known yet is asked about once, and is kept in
HOME/plugins.lock.json. With --locked exactly what that file says is installed.`,
		Example: `  enginebay plugin install llamacpp
  enginebay plugin install "acme/words@^1.2" --yes
  enginebay plugin install oci://registry.example.com/acme/words:1.2.0 --key RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3
  enginebay plugin install ./words-1.2.0-linux-amd64.tar.zst
  enginebay plugin install --locked`,
		ValidArgsFunction: completeOffered(c),
		Annotations:       withoutServer,
		PersistentPreRunE: c.strictly, // a misspelt unsigned_plugins is no yes
	}
	var o install.Options
	var locked bool
	var ask asking
	f := cmd.Flags()
	f.StringVar(&o.Variant, "variant", "", "this variant, in place of the one that fits the machine best")
	f.StringVar(&o.Key, "key", "", "trust this public key (RW…, or its file) for the plugin's publisher")
	f.BoolVar(&o.Again, "again", false, "fetch and unpack also what is there already")
	f.BoolVar(&locked, "locked", false, "install what HOME/plugins.lock.json says, and nothing else; without names all of it")
	ask.flags(cmd)
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 && !locked {
			return fmt.Errorf("name a plugin, as in: %s llamacpp (or --locked for all of the lock file)", cmd.CommandPath())
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := keyText(&o.Key); err != nil {
			return err
		}
		return c.withWorkshop(cmd, func(w *workshop) error {
			w.again = o.Again
			plans, err := w.plans(args, o, locked)
			if err != nil {
				return err
			}
			return w.carryOut(plans, nil, ask)
		})
	}
	return cmd
}

// keyText reads the file that --key may name.
func keyText(key *string) error {
	if *key == "" {
		return nil
	}
	k, err := publicKey(*key)
	if err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	*key = k.String()
	return nil
}

// plans are those of refs, or of the lock file.
func (w *workshop) plans(refs []string, o install.Options, locked bool) (plans []*install.Plan, err error) {
	if locked {
		return w.Locked(w.cmd.Context(), refs, o)
	}
	for _, ref := range refs {
		p, err := w.Plan(w.cmd.Context(), ref, o)
		if err != nil {
			closeAll(plans)
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func closeAll(plans []*install.Plan) {
	for _, p := range plans {
		p.Close()
	}
}

// asking says how a person is asked, and told.
type asking struct{ yes, dryRun, asJSON bool }

func (a *asking) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&a.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().BoolVar(&a.asJSON, "json", false, "print JSON, for scripts")
}

// carryOut fetches what is planned, shows it, asks, and does it.
func (w *workshop) carryOut(plans []*install.Plan, kept []install.Kept, ask asking) error {
	defer func() { closeAll(plans) }()
	if err := w.fetch(plans); err != nil {
		return err
	}
	doing := plans[:0:0]
	for _, p := range plans {
		if p.Action != install.Nothing {
			doing = append(doing, p)
		}
	}
	if ask.asJSON && ask.dryRun {
		return printJSON(w.cmd.OutOrStdout(), map[string]any{"object": "plugin.plan", "data": shownPlans(plans), "kept": append([]install.Kept{}, kept...)})
	}
	if !ask.asJSON {
		w.show(plans, kept)
	}
	if ask.dryRun {
		return nil
	}
	if err := w.consent(doing, ask); err != nil {
		return err
	}
	return w.apply(plans, kept, ask)
}

func (w *workshop) fetch(plans []*install.Plan) error {
	bar := newOnScreen(w.cmd)
	defer bar.close()
	for _, p := range plans {
		name := cmp.Or(p.Name, p.Source)
		if err := w.Fetch(w.cmd.Context(), p, func(progress install.Progress) { bar.show(name, progress) }); err != nil {
			return err
		}
	}
	return nil
}

// consent asks for what is to be done, and for keys that nobody vouches for.
func (w *workshop) consent(plans []*install.Plan, ask asking) error {
	for _, p := range plans {
		if !p.Signer.New {
			continue
		}
		question := fmt.Sprintf("%s %s is signed with a key that is not known here: %s\nCompare it with what %s publishes. ", p.Name, p.Version, p.Signer.Key, p.Signer.Publisher)
		if !isTerminal(w.cmd.InOrStdin()) {
			return fmt.Errorf("%sTo trust it: add --key %s", question, p.Signer.Key)
		}
		if !agreed(w.cmd, question+"Trust it for all of this publisher? [y/N] ", false) {
			return errors.New("nothing was installed")
		}
		p.Trust(p.Signer.Key)
	}
	if len(plans) == 0 || ask.yes {
		return nil
	}
	if !isTerminal(w.cmd.InOrStdin()) {
		return errors.New("nobody is here to be asked; add --yes to install it")
	}
	if !agreed(w.cmd, "\nGo on? [y/N] ", false) {
		return errors.New("nothing was installed")
	}
	return nil
}

// installed is what became of a plan.
type installed struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Variant    string   `json:"variant"`
	Digest     string   `json:"digest"`
	Action     string   `json:"action"`
	Before     string   `json:"before,omitempty"`
	EngineFile string   `json:"engine_file,omitempty"`
	Server     string   `json:"server"` // "changed", "refused", "none" where none runs, "other", "unknown"
	Error      string   `json:"error,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
}

func (w *workshop) apply(plans []*install.Plan, kept []install.Kept, ask asking) error {
	var all []installed
	failed := false
	for _, p := range plans {
		done, err := w.applyOne(p)
		if err != nil {
			return err
		}
		if !ask.asJSON {
			w.warn(done.Warnings[min(len(p.Warnings), len(done.Warnings)):]) // the plan's were shown with it
		}
		all = append(all, done)
		failed = failed || done.Error != ""
		if !ask.asJSON {
			w.told(done)
		}
	}
	if ask.asJSON {
		if err := printJSON(w.cmd.OutOrStdout(), map[string]any{"object": "list", "data": append([]installed{}, all...), "kept": append([]install.Kept{}, kept...)}); err != nil {
			return err
		}
	}
	if failed {
		return quietError{}
	}
	return nil
}

func (w *workshop) applyOne(p *install.Plan) (installed, error) {
	changes := w.listen()
	defer changes.close()
	bar := newOnScreen(w.cmd)
	result, err := w.Apply(w.cmd.Context(), p, func(progress install.Progress) { bar.show(p.Name, progress) })
	bar.close()
	if err != nil {
		return installed{}, told(err)
	}
	done := installed{Name: p.Name, Version: p.Version, Variant: p.Variant, Digest: p.Digest, Action: result.Action, Before: result.Before,
		EngineFile: result.EngineFile, Warnings: result.Warnings, Server: serverNone}
	if result.Action != install.Nothing {
		done.Server, done.Error = w.heard(changes, p.Manifest.Short())
	}
	return done, nil
}

// told is an error with its cause: who installs a plugin sees no log.
func told(err error) error {
	var coded *sdk.Error
	if errors.As(err, &coded) && coded.Cause != nil && !strings.Contains(coded.Message, coded.Cause.Error()) {
		return fmt.Errorf("%s: %w", coded.Message, coded.Cause)
	}
	return err
}

func (w *workshop) told(done installed) {
	out := w.cmd.OutOrStdout()
	switch {
	case done.Error != "":
		fmt.Fprintf(w.cmd.ErrOrStderr(), "%s %s did not come up in the running server, which went back to %s:\n  %s\n", done.Name, done.Version, cmp.Or(done.Before, "nothing"), done.Error)
		return
	case done.Action == install.Nothing && w.again:
		fmt.Fprintf(out, "%s %s is installed already; its files are new.\n", done.Name, done.Version)
		return
	case done.Action == install.Nothing:
		fmt.Fprintf(out, "%s %s is installed already.\n", done.Name, done.Version)
		return
	}
	fmt.Fprintf(out, "%s %s %s%s.\n", done.did(), done.Name, done.Version, done.effect())
	if done.EngineFile != "" {
		fmt.Fprintf(out, "Its settings are in %s; see enginebay engine show.\n", done.EngineFile)
	}
}

func (d installed) did() string {
	if d.Action == changeOver {
		return "Changed over to"
	}
	return "Installed"
}

// effect is what came of it, behind the name and the version.
func (d installed) effect() string {
	text := ""
	if d.Before != "" {
		text = fmt.Sprintf(" (before: %s)", d.Before)
	}
	switch d.Server {
	case serverChanged:
		text += "; the running server uses it"
	case serverUnknown:
		text += "; the running server has not said yet whether it comes up (enginebay plugin list)"
	case serverOther:
		text += fmt.Sprintf("; but another folder goes before it (enginebay plugin why %s)", d.Name)
	}
	return text
}
