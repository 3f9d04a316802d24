package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
)

func newPluginVerify(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [PLUGIN…|FILE|FOLDER]",
		Short: "Check that plugins are as they were made, and who signed them",
		Long: `Check every file of installed plugins, all their versions, against what was installed, the
signature and HOME/plugins.lock.json; without names of all. Or check a package: a file, or
the folder of one, against its SHA256SUMS and signature. Where something is wrong, the exit
status is 1.

Of a package it is said without --key which key has signed, and not whether that is the
publisher's: with --key the exit status is 1 where it is another, or none.`,
		Example: `  enginebay plugin verify
  enginebay plugin verify llamacpp
  enginebay plugin verify words-1.0.0-linux-amd64.tar.zst --key acme.pub
  enginebay plugin verify ./unpacked --key RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			names, _ := completeMoreInstalled(c)(cmd, args, typed)
			return names, cobra.ShellCompDirectiveDefault // or a path
		},
		Annotations: withoutServer,
	}
	keys := cmd.Flags().StringArray("key", nil, "public key that must have signed the package, or its file; several: one of them")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		wanted, err := publicKeys(*keys)
		if err != nil {
			return err
		}
		if len(args) == 1 && c.isPackage(args[0]) {
			return verifyPackage(cmd, args[0], wanted, *asJSON)
		}
		if len(wanted) > 0 {
			return fmt.Errorf("--key is for one package, as in: %s words-1.0.0-linux-amd64.tar.zst --key acme.pub", cmd.CommandPath())
		}
		return c.withWorkshop(cmd, func(w *workshop) error { return w.verify(args, *asJSON) })
	}
	return cmd
}

// pluginName is a plugin's, full or short.
var pluginName = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*/)?[a-z0-9][a-z0-9-]*$`)

// isPackage says whether an argument is a file or folder, and no plugin's name.
func (c *config) isPackage(arg string) bool {
	if !pluginName.MatchString(arg) {
		return true
	}
	all, _ := install.Current(c.home)
	if slices.ContainsFunc(all, func(f install.Folder) bool { return f.Name == arg || f.FullName == arg }) {
		return false
	}
	_, err := os.Stat(arg)
	return err == nil
}

func verifyPackage(cmd *cobra.Command, file string, wanted []minisign.PublicKey, asJSON bool) error {
	return withPackage(cmd.Context(), file, func(dir string) error {
		p, err := packages.Open(dir)
		if err != nil {
			return err
		}
		if len(wanted) > 0 {
			if err := p.SignedBy(wanted...); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), shownPackage(file, p))
		}
		printPackage(cmd.OutOrStdout(), p, len(wanted) > 0)
		return nil
	})
}

// verify reads the files of installed plugins, of all where none is named.
func (w *workshop) verify(names []string, asJSON bool) error {
	if len(names) == 0 {
		names = []string{""}
	}
	var all []install.Verdict
	for _, name := range names {
		some, err := w.Verify(w.cmd.Context(), name)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	if asJSON {
		if err := printList(w.cmd.OutOrStdout(), all); err != nil {
			return err
		}
	} else {
		printVerdicts(w.cmd, all)
	}
	if slices.ContainsFunc(all, func(v install.Verdict) bool { return v.Fault != "" }) {
		return quietError{}
	}
	return nil
}

func printVerdicts(cmd *cobra.Command, all []install.Verdict) {
	if len(all) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "Nothing is installed that could be verified.")
		return
	}
	var rows [][]string
	for _, v := range all {
		state := "as installed"
		if v.Fault != "" {
			state = "NOT as installed"
		}
		signed := "nobody"
		if key, err := minisign.ParsePublicKey(v.Signed); err == nil {
			signed = key.ID()
		}
		rows = append(rows, []string{v.Name, v.Version, state, strconv.Itoa(v.Files), signed})
	}
	table(cmd.OutOrStdout(), []string{"PLUGIN", "VERSION", "STATE", "FILES", "SIGNED BY"}, rows)
	for _, v := range all {
		if v.Fault != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%s %s: %s\n", v.Name, v.Version, v.Fault)
		}
	}
}

func publicKeys(texts []string) (keys []minisign.PublicKey, err error) {
	for _, text := range texts {
		key, err := publicKey(text)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func printPackage(w io.Writer, p packages.Package, checked bool) {
	signed := "by nobody"
	if id := signedBy(p); id != "" {
		signed = "by key " + id + ", which was not checked; name it with --key"
		if checked {
			signed = "by key " + id + ", as wanted"
		}
	}
	fmt.Fprintf(w, "plugin    %s %s\nfor       %s", p.Name, p.Version, p.Platform)
	if p.Variant != "" {
		fmt.Fprintf(w, ", %s", p.Variant)
	}
	fmt.Fprintf(w, "\ndigest    %s\nfiles     %d, %s, all as they were packed\nsigned    %s\n", p.Digest, len(p.Files), humanize.Bytes(uint64(p.Size)), signed)
}

// signedBy is the id of the key that the package says it is signed by.
func signedBy(p packages.Package) string {
	if p.Signature == nil {
		return ""
	}
	s, err := minisign.ParseSignature(p.Signature)
	if err != nil {
		return ""
	}
	return s.KeyID()
}

// shownPackage is a package as --json prints it.
func shownPackage(file string, p packages.Package) any {
	return struct {
		File     string `json:"file"`
		Name     string `json:"name"`
		Version  string `json:"version"`
		Platform string `json:"platform"`
		Variant  string `json:"variant"`
		Digest   string `json:"digest"`
		Files    int    `json:"files"`
		Size     int64  `json:"size"`
		KeyID    string `json:"key_id,omitempty"`
	}{file, p.Name, p.Version, p.Platform.String(), cmp.Or(p.Variant, packages.DefaultVariant), p.Digest, len(p.Files), p.Size, signedBy(p)}
}
