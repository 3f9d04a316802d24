package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
)

func newPluginSign() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sign FILE|FOLDER",
		Short: "Sign a packed plugin",
		Long: `Sign a package with the secret key of its publisher. The signature goes into the
package, as SHA256SUMS.minisig; one that is there is replaced. The digest stays the same.

Keys and signatures are those of the program minisign: who unpacks a package may check it
with "minisign -Vm SHA256SUMS -P RW…" and "sha256sum -c SHA256SUMS".`,
		Example: `  enginebay plugin key new acme
  enginebay plugin sign words-1.0.0-linux-amd64.tar.zst --key acme.key`,
		Args:              onePath("a packed plugin, as in: %s words-1.0.0-linux-amd64.tar.zst --key acme.key"),
		Annotations:       withoutServer,
		PersistentPreRunE: withoutSettings,
	}
	keyFile := cmd.Flags().String("key", "", "file of the secret key")
	_ = cmd.MarkFlagFilename("key", "key")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *keyFile == "" {
			return errors.New("name the file of the secret key, as in --key acme.key; \"enginebay plugin key new acme\" makes one")
		}
		key, err := secretKey(cmd, *keyFile)
		if err != nil {
			return err
		}
		p, err := sign(cmd.Context(), args[0], key)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: plugin %s %s, signed by key %s\n%s\n", args[0], p.Name, p.Version, key.Public().ID(), p.Digest)
		return nil
	}
	return cmd
}

// sign signs a package in a folder, or an archive, which is written anew.
func sign(ctx context.Context, path string, key minisign.SecretKey) (p packages.Package, err error) {
	err = withPackage(ctx, path, func(dir string) error {
		if p, err = packages.Sign(dir, key); err != nil || dir == path {
			return err
		}
		return writeArchive(dir, path)
	})
	return p, err
}

// withPackage calls do with the folder of a package; an archive is unpacked for as
// long.
func withPackage(ctx context.Context, path string, do func(dir string) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		if err = do(path); errors.Is(err, packages.ErrLoose) {
			err = fmt.Errorf("%s: %w; pack it first: enginebay plugin pack %s", path, err, path)
		}
		return err
	}
	temp, err := os.MkdirTemp("", "enginebay")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	dir := filepath.Join(temp, "package")
	if _, _, err := packages.UnpackFile(ctx, path, dir); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return do(dir)
}
