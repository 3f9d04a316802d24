package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
)

func newPluginVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify FILE|FOLDER",
		Short: "Check that a packed plugin is as it was made, and who signed it",
		Long: `Check every file of a package against its SHA256SUMS, and its signature. Without --key
it is said which key has signed, and not whether that is the publisher's: with --key the
exit status is 1 where it is another, or none.`,
		Example: `  enginebay plugin verify words-1.0.0-linux-amd64.tar.zst
  enginebay plugin verify words-1.0.0-linux-amd64.tar.zst --key acme.pub
  enginebay plugin verify ./unpacked --key RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3`,
		Args:              onePath("a packed plugin, as in: %s words-1.0.0-linux-amd64.tar.zst"),
		Annotations:       withoutServer,
		PersistentPreRunE: withoutSettings,
	}
	keys := cmd.Flags().StringArray("key", nil, "public key that must have signed it, or its file; several: one of them")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		wanted, err := publicKeys(*keys)
		if err != nil {
			return err
		}
		return withPackage(args[0], func(dir string) error {
			p, err := packages.Open(dir)
			if err != nil {
				return err
			}
			if len(wanted) > 0 {
				if err := p.SignedBy(wanted...); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
			}
			if *asJSON {
				return printJSON(cmd.OutOrStdout(), shownPackage(args[0], p))
			}
			printPackage(cmd.OutOrStdout(), p, len(wanted) > 0)
			return nil
		})
	}
	return cmd
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
	}{file, p.Name, p.Version, p.Platform.String(), cmp.Or(p.Variant, "default"), p.Digest, len(p.Files), p.Size, signedBy(p)}
}
