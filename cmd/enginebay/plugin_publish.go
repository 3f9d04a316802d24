package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/registry"
)

// A publish is what the flags of "plugin publish" say.
type publish struct {
	to, key, name, expires string
	publishers, yank       []string
	reason                 string
	serial                 int64
	asJSON                 *bool
}

func newPluginPublish(c *config) *cobra.Command {
	p := &publish{}
	cmd := &cobra.Command{
		Use:   "publish [FILE…] --to FOLDER|oci://HOST/REPOSITORY",
		Short: "Put packed plugins into a registry, or into an OCI repository",
		Long: `Put packed and signed plugins where others install them from.

With the key of a registry (--key), they are added to the registry in a folder, which any web
server can show, or under an OCI tag, and its new index is signed. Where there is none, --name
begins one. An index expires: without files it is signed again. A publisher's public key is
given once, with --publisher.

Without --key, they go into an OCI repository, each version under its tag, to be installed as
oci://HOST/REPOSITORY:VERSION. OCI registries get the credentials that docker has.

What is published does not change: a version whose files differ from those that are there is
refused. --yank marks one that nobody should install any more; it stays for those who have it.`,
		Example: `  enginebay plugin publish words-1.0.0-linux-amd64.tar.zst --to oci://registry.example.com/acme/words
  enginebay plugin publish *.tar.zst --to ./public --key registry.key --name main --publisher acme=acme.pub
  enginebay plugin publish --to ./public --key registry.key --expires 30d
  enginebay plugin publish --to ./public --key registry.key --yank acme/words@1.0.0 --reason "loses settings; use 1.0.1"`,
		Annotations: withoutServer,
	}
	cmd.Flags().StringVar(&p.to, "to", "", "folder of a registry, or oci://HOST/REPOSITORY[:TAG]")
	cmd.Flags().StringVar(&p.key, "key", "", "file of the registry's secret key")
	cmd.Flags().StringVar(&p.name, "name", "", "name of a registry to begin")
	cmd.Flags().Int64Var(&p.serial, "serial", 1, "number of the first index of a registry to begin; higher than any before, where it was there before")
	cmd.Flags().StringVar(&p.expires, "expires", "90d", "how long the index is good for: 90d, 12h")
	cmd.Flags().StringArrayVar(&p.publishers, "publisher", nil, "publisher and a public key of it, or its file: acme=acme.pub")
	cmd.Flags().StringArrayVar(&p.yank, "yank", nil, "version that nobody should install any more: acme/words@1.0.0")
	cmd.Flags().StringVar(&p.reason, "reason", "", "why, for --yank")
	p.asJSON = jsonFlag(cmd)
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault // files
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return p.run(c, cmd, args) }
	return cmd
}

func (p *publish) run(c *config, cmd *cobra.Command, files []string) error {
	switch {
	case p.to == "":
		return errors.New("say where to, with --to FOLDER or --to oci://HOST/REPOSITORY")
	case p.key == "" && strings.HasPrefix(p.to, "oci://"):
		return p.push(c, cmd, files)
	case p.key == "":
		return errors.New("name the registry's secret key with --key FILE; to make one: enginebay plugin key new NAME")
	case len(p.yank) > 0 && p.reason == "":
		return errors.New(`say why with --reason, as in: --reason "loses settings; use 1.0.1"`)
	}
	target, err := registryAddress(p.to)
	if err != nil {
		return err
	}
	publication, err := p.publication(cmd, files)
	if err != nil {
		return err
	}
	made, err := c.registries().Publish(cmd.Context(), target, publication)
	if err != nil {
		return err
	}
	if *p.asJSON {
		return printJSON(cmd.OutOrStdout(), map[string]any{"new": made.New, "added": append([]string{}, made.Added...), "unchanged": append([]string{}, made.Unchanged...),
			"name": made.Index.Name, "serial": made.Index.Serial, "expires": made.Index.Expires, "key": publication.Key.Public().String()})
	}
	p.tell(cmd.OutOrStdout(), target, made, publication.Key.Public().String())
	return nil
}

// publication reads the keys that the flags name.
func (p *publish) publication(cmd *cobra.Command, files []string) (registry.Publication, error) {
	made := registry.Publication{Name: p.name, Serial: p.serial, Archives: files, Publishers: map[string]registry.Publisher{}, Yank: map[string]string{}}
	var err error
	if made.Lasts, err = validFor(p.expires); err != nil {
		return made, err
	}
	for _, text := range p.publishers {
		name, key, ok := strings.Cut(text, "=")
		if !ok {
			return made, fmt.Errorf("--publisher %s: write it as in acme=acme.pub", text)
		}
		public, err := publicKey(key)
		if err != nil {
			return made, fmt.Errorf("--publisher %s: %w", name, err)
		}
		known := made.Publishers[name]
		known.Keys = append(known.Keys, public.String())
		made.Publishers[name] = known
	}
	for _, version := range p.yank {
		made.Yank[version] = p.reason
	}
	made.Key, err = secretKey(cmd, p.key)
	return made, err
}

func (p *publish) tell(w io.Writer, target string, made registry.Published, key string) {
	for _, label := range made.Added {
		fmt.Fprintln(w, "added     ", label)
	}
	for _, label := range made.Unchanged {
		fmt.Fprintln(w, "unchanged ", label)
	}
	for _, version := range p.yank {
		fmt.Fprintln(w, "yanked    ", version)
	}
	fmt.Fprintf(w, "Registry %s in %s: index %d, good until %s.\n", made.Index.Name, target, made.Index.Serial, untilText(made.Index.Expires))
	if made.New {
		fmt.Fprintf(w, "\nOthers add it with: enginebay plugin registry add %s URL --key %s\n", made.Index.Name, key)
	}
}

// push puts packages into an OCI repository without a registry of plugins.
func (p *publish) push(c *config, cmd *cobra.Command, files []string) error {
	if len(files) == 0 {
		return fmt.Errorf("name the packed plugins, as in: %s words-1.0.0-linux-amd64.tar.zst --to %s", cmd.CommandPath(), p.to)
	}
	if p.name != "" || len(p.publishers)+len(p.yank) > 0 {
		return errors.New("--name, --publisher and --yank are for a registry: name its secret key with --key")
	}
	pushed, err := c.registries().Push(cmd.Context(), p.to, files)
	if err != nil {
		return err
	}
	if *p.asJSON {
		return printList(cmd.OutOrStdout(), pushed)
	}
	for _, one := range pushed {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s is at %s\n", one.Name, one.Version, one.Variant.Platform(), one.Tag)
	}
	return nil
}
