package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/workbench"
)

// packing is what "plugin pack" is asked for.
type packing struct {
	out, platform, variant string
	built                  bool
}

func newPluginPack() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pack FOLDER",
		Short: "Pack a plugin into one file",
		Long: `Build the plugin in a folder and pack it: plugin.json, settings.schema.json, README,
LICENSE and NOTICE, and all that is in bin, libs and licences. Nothing else of the folder
goes along. Links in it are followed, and may not lead out of it.

A Go module is built with "go build"; where plugin.json has a "build", that command makes
the files, with GOOS and GOARCH set. A folder that was packed before (it has a file
SHA256SUMS) is checked, and packed as it is, with its signature.

The same files make the same package, byte for byte. Its digest is the hash of the file
SHA256SUMS in it, and stays the same when it is signed or unpacked.`,
		Example: `  enginebay plugin pack .
  enginebay plugin pack . --platform linux/arm64
  enginebay plugin pack ./engine-words -o dist/ --variant cuda12
  enginebay plugin pack build/plugins/engine-llamacpp --no-build`,
		Args:              onePath("the folder of a plugin, as in: %s ./engine-words"),
		Annotations:       withoutServer,
		PersistentPreRunE: withoutSettings,
	}
	var p packing
	cmd.Flags().StringVarP(&p.out, "output", "o", "", "file or folder to write to (default NAME-VERSION-OS-ARCH.tar.zst here)")
	cmd.Flags().StringVar(&p.platform, "platform", "", "machine to build for: linux/arm64 (default this one)")
	cmd.Flags().StringVar(&p.variant, "variant", "", "what it is built for beyond the platform: cuda12")
	cmd.Flags().BoolVar(&p.built, "no-build", false, "build nothing: the files are there")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, made, err := p.pack(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), shownPackage(file, made))
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: plugin %s %s for %s, %s of %d files\n%s\n", file, made.Name, made.Version, made.Platform, sizeOf(file), len(made.Files), made.Digest)
		if made.Signature == nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "It is not signed yet: enginebay plugin sign %s --key NAME.key\n", file)
		}
		return nil
	}
	return cmd
}

// onePath wants one argument that is a path; hint says which.
func onePath(hint string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("name "+hint, cmd.CommandPath())
		}
		return nil
	}
}

func sizeOf(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "?"
	}
	return humanize.Bytes(uint64(info.Size()))
}

func (p packing) pack(ctx context.Context, dir string) (file string, made packages.Package, err error) {
	temp, err := os.MkdirTemp("", "enginebay")
	if err != nil {
		return "", made, err
	}
	defer os.RemoveAll(temp)
	if _, err := os.Lstat(filepath.Join(dir, packages.SumsFile)); err == nil {
		made, err = p.packedBefore(dir)
		if err != nil {
			return "", made, err
		}
	} else {
		made, err = p.stage(ctx, dir, temp)
		if err != nil {
			return "", made, err
		}
		dir = temp
	}
	file = p.file(made.Manifest)
	return file, made, writeArchive(dir, file)
}

// packedBefore is a folder that is a package already.
func (p packing) packedBefore(dir string) (packages.Package, error) {
	if p.platform != "" || p.variant != "" {
		return packages.Package{}, fmt.Errorf("%s was packed before, and stays what it is; --platform and --variant are for the folder that it was packed from", dir)
	}
	return packages.Open(dir)
}

func (p packing) stage(ctx context.Context, dir, temp string) (packages.Package, error) {
	platform, err := platformOf(p.platform)
	if err != nil {
		return packages.Package{}, err
	}
	return workbench.Stage(ctx, dir, temp, workbench.Packing{Platform: platform, Variant: p.variant, Built: p.built})
}

// platformOf reads "linux/arm64".
func platformOf(text string) (packages.Platform, error) {
	if text == "" {
		return packages.Platform{}, nil
	}
	system, arch, ok := strings.Cut(text, "/")
	if !ok || system == "" || arch == "" || strings.Contains(arch, "/") {
		return packages.Platform{}, fmt.Errorf("--platform %s: write system and processor as Go names them, as in linux/arm64", text)
	}
	return packages.Platform{OS: system, Arch: arch}, nil
}

// file is where the package goes.
func (p packing) file(m packages.Manifest) string {
	if info, err := os.Stat(p.out); p.out == "" || strings.HasSuffix(p.out, "/") || err == nil && info.IsDir() {
		return filepath.Join(p.out, m.FileName())
	}
	return p.out
}

// writeArchive packs a folder into a file, which is there whole or not at all.
func writeArchive(dir, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return durable.Write(file, 0o644, func(w io.Writer) error { return packages.Pack(dir, w) })
}
