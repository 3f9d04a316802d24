package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

func newPluginRegistry(c *config) *cobra.Command {
	cmd := group("registry", "Work with the registries that plugins are installed from")
	cmd.Long = `Work with registries: lists of plugins that somebody keeps and signs, over https, in a
folder, or under a tag of an OCI registry. They are in HOME/plugins/registries.json, in
the order in which they count where two have a plugin of the same name.`
	cmd.AddCommand(newPluginRegistryAdd(c), newPluginRegistryList(c), newPluginRegistryRemove(c))
	return cmd
}

// registries makes a client that calls as downloads do.
func (c *config) registries() *registry.Client {
	log := hclog.NewNullLogger()
	return registry.New(registry.Config{Cache: registry.CacheDir(c.home), Downloads: c.fetching().Config(log), Log: log})
}

// A shownRegistry is a registry for scripts.
type shownRegistry struct {
	registry.Source
	Serial     int64                         `json:"serial,omitempty"`
	Created    time.Time                     `json:"created,omitzero"`
	Expires    time.Time                     `json:"expires,omitzero"`
	Publishers map[string]registry.Publisher `json:"publishers,omitempty"`
	Plugins    []string                      `json:"plugins,omitempty"`
	Kept       bool                          `json:"kept,omitempty"`
	Error      string                        `json:"error,omitempty"`
}

func showRegistry(r *registry.Registry) shownRegistry {
	return shownRegistry{Source: r.Source, Serial: r.Serial, Created: r.Created, Expires: r.Expires, Publishers: r.Publishers,
		Plugins: slices.Sorted(maps.Keys(r.Plugins)), Kept: r.Kept}
}

func newPluginRegistryAdd(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME URL --key KEY|FILE",
		Short: "Add a registry, once its index is read and verified",
		Long: `Add a registry under a name of your choice. Its index is read first, and must be signed by
the key, which whoever runs the registry tells you: by another way than the registry itself
is best. Who publishes there, and with which keys, the index says.

URL is https://…, the path of a folder, or oci://HOST/REPOSITORY:TAG (with the credentials
that docker has).`,
		Example: `  enginebay plugin registry add main https://plugins.example.com/ --key RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3
  enginebay plugin registry add usb /media/usb/plugins --key main.pub
  enginebay plugin registry add work oci://registry.example.com/plugins:main --key work.pub`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("give a name and an address, as in: %s main https://plugins.example.com/ --key RW…", cmd.CommandPath())
			}
			return nil
		},
		Annotations: withoutServer,
	}
	key := cmd.Flags().String("key", "", "public key of the registry, or its file")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		source, err := newSource(args[0], args[1], *key)
		if err != nil {
			return err
		}
		all, err := registry.ReadSources(c.home)
		if err != nil {
			return err
		}
		if i := sourceNamed(all, source.Name); i >= 0 && all[i] != source {
			return fmt.Errorf("there is a registry %s already, at %s; remove it first, or choose another name", source.Name, all[i].URL)
		} else if i < 0 {
			all = append(all, source)
		}
		r, err := c.registries().Load(cmd.Context(), source)
		if err != nil {
			return err
		}
		if err := registry.WriteSources(c.home, all); err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), showRegistry(r))
		}
		printRegistry(cmd.OutOrStdout(), r)
		return nil
	}
	return cmd
}

// registryName is what the schema of registries.json takes, told before the file is named.
var registryName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// newSource is a registry as a person names it.
func newSource(name, address, key string) (registry.Source, error) {
	if key == "" {
		return registry.Source{}, fmt.Errorf("name the registry's public key with --key KEY or --key FILE; whoever runs the registry tells it")
	}
	public, err := publicKey(key)
	if err != nil {
		return registry.Source{}, fmt.Errorf("--key: %w", err)
	}
	if address, err = registryAddress(address); err != nil {
		return registry.Source{}, err
	}
	s := registry.Source{Name: name, URL: address, Key: public.String()}
	if !registryName.MatchString(name) {
		return s, fmt.Errorf("%.100q cannot be a registry's name: take small letters, digits and '-'", name)
	}
	return s, s.Check()
}

// registryAddress makes the path of a folder absolute.
func registryAddress(address string) (string, error) {
	if strings.Contains(address, "://") {
		return address, nil
	}
	path, err := store.ExpandHome(address)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

func sourceNamed(all []registry.Source, name string) int {
	return slices.IndexFunc(all, func(s registry.Source) bool { return s.Name == name })
}

// printRegistry tells what a person wants to see before trusting a registry.
func printRegistry(w io.Writer, r *registry.Registry) {
	fmt.Fprintf(w, "Registry %s (it calls itself %s), index %d of %s, good until %s.\n", r.Source.Name, r.Name, r.Serial, r.Created.Format(time.DateOnly), untilText(r.Expires))
	plugins := map[string]int{}
	for name := range r.Plugins {
		publisher, _, _ := strings.Cut(name, "/")
		plugins[publisher]++
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(r.Publishers)) {
		p := r.Publishers[name]
		var ids []string
		for _, text := range p.Keys {
			if key, err := minisign.ParsePublicKey(text); err == nil {
				ids = append(ids, key.ID())
			}
		}
		rows = append(rows, []string{name, dash(p.Name), strconv.Itoa(plugins[name]), strings.Join(ids, ", ")})
	}
	fmt.Fprintln(w)
	table(w, []string{"PUBLISHER", "NAME", "PLUGINS", "KEYS"}, rows)
	fmt.Fprintln(w, "\nSee its plugins with: enginebay plugin search")
}

func newPluginRegistryList(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "list",
		Aliases:     []string{"ls"},
		Short:       "List the registries, and how their indexes are",
		Example:     `  enginebay plugin registry list`,
		Args:        cobra.NoArgs,
		Annotations: withoutServer,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		sources, err := registry.ReadSources(c.home)
		if err != nil {
			return err
		}
		var all []shownRegistry
		for _, s := range sources {
			one := shownRegistry{Source: s}
			read, problems := c.registries().LockedIndexes(cmd.Context(), []registry.Source{s})
			for _, r := range read {
				one = showRegistry(r)
				if r.Expired {
					one.Error = "its index has expired"
				}
			}
			for _, problem := range problems {
				one.Error = problem.Error()
			}
			all = append(all, one)
		}
		if *asJSON {
			return printList(cmd.OutOrStdout(), all)
		}
		printRegistries(cmd, all)
		return nil
	}
	return cmd
}

func printRegistries(cmd *cobra.Command, all []shownRegistry) {
	if len(all) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No registries. Add one with: enginebay plugin registry add NAME URL --key KEY")
		return
	}
	var rows [][]string
	for _, r := range all {
		serial, until := "-", "-"
		if r.Serial > 0 {
			serial, until = strconv.FormatInt(r.Serial, 10), untilText(r.Expires)
		}
		rows = append(rows, []string{r.Name, r.URL, serial, until, strconv.Itoa(len(r.Plugins))})
	}
	table(cmd.OutOrStdout(), []string{"NAME", "ADDRESS", "INDEX", "UNTIL", "PLUGINS"}, rows)
	for _, r := range all {
		if r.Error != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %s\n", r.Name, r.Error)
		}
	}
}

func newPluginRegistryRemove(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "remove NAME",
		Aliases:     []string{"rm"},
		Short:       "Remove a registry; what was installed from it stays",
		Example:     `  enginebay plugin registry remove main`,
		Annotations: withoutServer,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one registry, as in: %s main", cmd.CommandPath())
			}
			return nil
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all, err := registry.ReadSources(c.home)
		if err != nil {
			return err
		}
		i := sourceNamed(all, args[0])
		if i < 0 {
			return sdk.Errorf(sdk.CodeNotFound, "there is no registry %.100q; see \"enginebay plugin registry list\"", args[0])
		}
		if err := registry.WriteSources(c.home, slices.Delete(all, i, i+1)); err != nil {
			return err
		}
		if err := c.registries().Forget(args[0]); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s is removed\n", args[0])
		return nil
	}
	return cmd
}

// untilText is the day on which an index ends, or the minute of one that ends soon.
func untilText(t time.Time) string {
	if time.Until(t) < 48*time.Hour {
		return t.Local().Format("2006-01-02 15:04")
	}
	return t.Format(time.DateOnly)
}
