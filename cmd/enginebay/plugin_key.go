package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/enginebay/enginebay/core/minisign"
)

func newPluginKey() *cobra.Command {
	cmd := group("key", "Work with the keys of publishers")
	cmd.Long = `Work with the keys that packages are signed with. They are files of yours, in the format
of the program minisign; no server knows them.

Who installs a plugin for the first time is shown its publisher's public key, and what is
installed later must be signed by the same one. So keep the secret key, and a copy.`
	cmd.AddCommand(newPluginKeyNew(), newPluginKeyShow())
	return cmd
}

func newPluginKeyNew() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a key: NAME.key, which is secret, and NAME.pub",
		Long: `Make the key of a publisher: NAME.key signs and is secret, NAME.pub is for everybody.
A password is asked that the secret key is encrypted with; where there is no terminal, it
is the first line of the standard input.`,
		Example: `  enginebay plugin key new acme
  enginebay plugin key new ci --no-password`,
		Args:              onePath("the key, as in: %s acme"),
		Annotations:       withoutServer,
		PersistentPreRunE: withoutSettings,
	}
	plain := cmd.Flags().Bool("no-password", false, "do not encrypt the secret key: whoever reads the file can sign")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, end := range []string{".key", ".pub"} { // before a password is asked
			if _, err := os.Lstat(args[0] + end); err == nil {
				return fmt.Errorf("%s%s is there already; choose another name, or move it away", args[0], end)
			}
		}
		password, err := "", error(nil)
		if !*plain {
			if password, err = newPassword(cmd); err != nil {
				return err
			}
		}
		key, err := minisign.GenerateKey()
		if err != nil {
			return err
		}
		text, err := key.File(password)
		if err != nil {
			return err
		}
		if err := writeNew(args[0]+".key", text, 0o600); err != nil {
			return err
		}
		if err := writeNew(args[0]+".pub", key.Public().File(), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), key.Public())
		keep := "keep a copy of it, and its password"
		if *plain {
			keep = "keep a copy of it, where nobody else reads it"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "\nThis is the public key %s. The secret one is in %s.key: %s.\n", key.Public().ID(), args[0], keep)
		return nil
	}
	return cmd
}

// writeNew writes a file that is not there yet.
func writeNew(file string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func newPluginKeyShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Print the public key in a file",
		Long:  `Print the public key that a .pub file holds, or that belongs to a secret one.`,
		Example: `  enginebay plugin key show acme.pub
  enginebay plugin key show acme.key`,
		Args:              onePath("the file of a key, as in: %s acme.pub"),
		Annotations:       withoutServer,
		PersistentPreRunE: withoutSettings,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := readKey(args[0])
		if err != nil {
			return err
		}
		public, err := minisign.ParsePublicKey(string(text))
		if err != nil {
			secret, err := secretKey(cmd, args[0])
			if err != nil {
				return err
			}
			public = secret.Public()
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), map[string]string{"key": public.String(), "id": public.ID()})
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), public)
		return err
	}
	return cmd
}

// readKey reads a key's file, which is short.
func readKey(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 4<<10))
}

// secretKey reads a secret key, and asks its password where it has one.
func secretKey(cmd *cobra.Command, file string) (minisign.SecretKey, error) {
	text, err := readKey(file)
	if errors.Is(err, fs.ErrNotExist) {
		return minisign.SecretKey{}, fmt.Errorf("there is no key %s; to make one: enginebay plugin key new %s", file, strings.TrimSuffix(file, ".key"))
	}
	if err != nil {
		return minisign.SecretKey{}, err
	}
	key, err := minisign.ParseSecretKey(text, func() (string, error) { return askPassword(cmd, "Password of "+file+": ") })
	if err != nil {
		return key, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

// publicKey reads a public key that is given as it is, or as the name of its file.
func publicKey(text string) (minisign.PublicKey, error) {
	key, err := minisign.ParsePublicKey(text)
	if err == nil {
		return key, nil
	}
	data, err := readKey(text)
	if errors.Is(err, fs.ErrNotExist) {
		return key, fmt.Errorf("%.100q is neither a public key, which begins with RW, nor the file of one", text)
	}
	if err != nil {
		return key, err
	}
	if key, err = minisign.ParsePublicKey(string(data)); err != nil {
		return key, fmt.Errorf("%s: %w", text, err)
	}
	return key, nil
}

// newPassword asks for a password, twice where a person types it.
func newPassword(cmd *cobra.Command) (string, error) {
	password, err := askPassword(cmd, "Password for the secret key: ")
	if err != nil {
		return "", err
	}
	if password == "" {
		return "", errors.New("an empty password protects nothing; --no-password makes a key without one")
	}
	if isTerminal(cmd.InOrStdin()) {
		again, err := askPassword(cmd, "The same again: ")
		if err != nil {
			return "", err
		}
		if again != password {
			return "", errors.New("the passwords differ; try again")
		}
	}
	return password, nil
}

// askPassword asks on the terminal, unseen; where there is none, it reads a line.
func askPassword(cmd *cobra.Command, prompt string) (string, error) {
	in := cmd.InOrStdin()
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		password, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		return string(password), err
	}
	line, err := bufio.NewReader(io.LimitReader(in, 1<<10)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}
