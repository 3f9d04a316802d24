package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/keys"
)

// keyFile is where the server and these commands look for API keys.
func (c *config) keyFile() string { return filepath.Join(c.home, "keys.json") }

func newKey(c *config) *cobra.Command {
	cmd := group("key", "Work with API keys: who may use the server")
	cmd.Long = `Work with API keys. They are in HOME/keys.json, as hashes; a running server
follows the file, and none needs to run.

Without a key the server answers this machine only. As soon as there is one, it
wants a key of everybody, on this machine too.`
	cmd.AddCommand(newKeyCreate(c), newKeyList(c), newKeyRevoke(c))
	return cmd
}

func newKeyCreate(c *config) *cobra.Command {
	var expires string
	key := keys.Key{}
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an API key and print it, this once",
		Long: `Make an API key and print it on standard output. It cannot be shown again.

The limits count requests to models, not lists and other management.

What one key makes of threads, assistants, files and stored responses, another does
not see. A key with --admin sees what all have made, and what was made before
there were keys.`,
		Example: `  enginebay key create laptop
  enginebay key create ci --expires 90d --rpm 60 --concurrency 2
  enginebay key create boss --admin
  export ENGINEBAY_API_KEY=$(enginebay key create shell)`,
		Args: oneKey("a new key, as in: %s laptop"),
	}
	cmd.Flags().IntVar(&key.RPM, "rpm", 0, "requests a minute (default no limit)")
	cmd.Flags().IntVar(&key.Concurrency, "concurrency", 0, "requests at once (default no limit)")
	cmd.Flags().StringVar(&expires, "expires", "", "how long it is good for: 90d, 12h (default for ever)")
	cmd.Flags().BoolVar(&key.Admin, "admin", false, "it sees the conversations and files of all keys")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		key.Name = args[0]
		if key.Expires, err = expiry(expires, time.Now()); err != nil {
			return err
		}
		if key.RPM < 0 || key.Concurrency < 0 {
			return errors.New("a limit is a number above 0; leave it out for none")
		}
		made, secret, err := keys.Create(c.keyFile(), key)
		if err != nil {
			return err
		}
		if *asJSON {
			made.Hash = ""
			return printJSON(cmd.OutOrStdout(), struct {
				Secret string `json:"key"`
				keys.Key
			}{secret, made})
		}
		fmt.Fprintln(cmd.OutOrStdout(), secret)
		fmt.Fprintf(cmd.ErrOrStderr(), `
This is the key %s. Keep it: it cannot be shown again.
  These commands read it from ENGINEBAY_API_KEY.
  OpenAI clients take it as api_key, any other as the header Authorization: Bearer KEY.
  %s
It is in %s: %s
wants a key of everybody from now on, on this machine too.
`, made.Name, sight(made), c.keyFile(), c.keysServer())
		return nil
	}
	return cmd
}

// sight says whose conversations a key sees.
func sight(key keys.Key) string {
	if key.Admin {
		return "It sees the conversations and files of all keys, and those made without one."
	}
	return "It sees its own conversations and files, none of those made without a key; a key with --admin sees all."
}

// keysServer names the server that the keys are for: whoever answers elsewhere
// may be one of another home.
func (c *config) keysServer() string {
	if o, ok := serverOf(c.home); ok {
		return "the server at http://" + o.Addr
	}
	return "a server of this home (none runs)"
}

// expiry is when a key ends that is good for so long from now.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	d, err := validFor(text)
	if err != nil {
		return time.Time{}, err
	}
	return now.Add(d).UTC().Truncate(time.Second), nil
}

// validFor is how long something counts by --expires.
func validFor(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(n, 36500)) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("--expires %s: write days or hours, as in 90d or 12h", text)
	}
	return d, nil
}

func newKeyList(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the API keys",
		Example: `  enginebay key list
  enginebay key list --json | jq -r '.data[].name'`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := keys.List(c.keyFile())
		if err != nil {
			return err
		}
		for i := range all {
			all[i].Hash = ""
		}
		if *asJSON {
			return printList(cmd.OutOrStdout(), all)
		}
		if len(all) == 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "No API keys in %s: %s answers this machine only. To make one: %s\n", c.keyFile(), c.keysServer(), c.inHome("enginebay key create NAME"))
			return nil
		}
		var rows [][]string
		for _, k := range all {
			rows = append(rows, []string{k.Name, k.ID, "…" + k.Last4, day(k.Created), ends(k), day(k.LastUsed), limits(k), sees(k)})
		}
		table(cmd.OutOrStdout(), []string{"NAME", "ID", "KEY", "CREATED", "EXPIRES", "LAST USED", "LIMITS", "SEES"}, rows)
		return nil
	}
	return cmd
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func ends(k keys.Key) string {
	if k.Expired(time.Now()) {
		return "expired"
	}
	return day(k.Expires)
}

// sees is whose conversations a key opens.
func sees(k keys.Key) string {
	if k.Admin {
		return "all"
	}
	return "its own"
}

func limits(k keys.Key) string {
	var all []string
	if k.RPM > 0 {
		all = append(all, fmt.Sprintf("%d a minute", k.RPM))
	}
	if k.Concurrency > 0 {
		all = append(all, fmt.Sprintf("%d at once", k.Concurrency))
	}
	return dash(strings.Join(all, ", "))
}

func newKeyRevoke(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke NAME|ID",
		Short: "End an API key at once",
		Long:  "End an API key: the next request with it is refused. Answers that are under way end by themselves.",
		Example: `  enginebay key revoke laptop
  enginebay key revoke key_k3xq7a2m`,
		Args: oneKey("one key, as in: %s laptop"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if len(args) == 0 && usable(c.load()) {
				all, _ := keys.List(c.keyFile()) // who completes sees no error
				for _, k := range all {
					names = append(names, k.Name)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		gone, err := keys.Revoke(c.keyFile(), args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s is revoked (%s, …%s)\n", gone.Name, gone.ID, gone.Last4)
		if all, err := keys.List(c.keyFile()); err == nil && len(all) == 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "That was the last key in %s: %s is open to this machine again, and to no other.\n", c.keyFile(), c.keysServer())
		}
		return nil
	}
	return cmd
}

// oneKey wants one name; says tells what to name.
func oneKey(says string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return fmt.Errorf("name "+says, cmd.CommandPath())
	}
}
