package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

const serviceName = "enginebay.service"

func newService(c *config) *cobra.Command {
	cmd := group("service", "Have the server started when you log in (systemd)")
	cmd.AddCommand(newServiceInstall(c), newServiceUninstall(), newServiceStatus(c))
	return cmd
}

func newServiceInstall(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Write a systemd unit for your user, and start it",
		Long: `Write the unit enginebay.service for your user, which runs this program with this
home, and the PATH of this shell, so that the same engines are found. Where systemd
answers it is enabled and started; otherwise the commands for that are told.
Installing again brings it up to date.

Other variables of this shell are not passed on: engines whose secrets are such
("env:NAME") want them from "systemctl --user edit enginebay", or "file:PATH".`,
		Example: `  enginebay service install
  enginebay service install --home /srv/models --addr 127.0.0.1:8080
  enginebay service install --print
  loginctl enable-linger          # to have it run while you are not logged in`,
		Args: cobra.NoArgs,
	}
	onlyPrint := cmd.Flags().Bool("print", false, "print the unit and do nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		unit, err := c.unit()
		if err != nil {
			return err
		}
		if *onlyPrint {
			_, err := fmt.Fprint(cmd.OutOrStdout(), unit)
			return err
		}
		return c.installUnit(cmd, unit)
	}
	return cmd
}

func (c *config) installUnit(cmd *cobra.Command, unit string) error {
	file, err := unitFile()
	if err != nil {
		return err
	}
	out, manager := cmd.OutOrStdout(), systemctl(cmd.Context(), "show-environment") == nil
	active := manager && systemctl(cmd.Context(), "is-active", "--quiet", serviceName) == nil
	if o, ok := serverOf(c.home); ok && !active {
		return fmt.Errorf("a server of %s runs already (pid %d), and a home has one; before this: %s", c.home, o.Pid, c.inHome("enginebay serve stop"))
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(unit), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(out, "wrote", file)
	if !manager {
		fmt.Fprintf(out, "systemd does not answer here for your user; where it does:\n  systemctl --user daemon-reload\n  systemctl --user enable --now %s\n", serviceName)
		return nil
	}
	steps := [][]string{{"daemon-reload"}, {"enable", serviceName}, {"restart", serviceName}}
	for _, step := range steps {
		if err := systemctl(cmd.Context(), step...); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "the server runs and is started when you log in; its log: journalctl --user -u %s -f\n", serviceName)
	return nil
}

func newServiceUninstall() *cobra.Command {
	return &cobra.Command{
		Use:     "uninstall",
		Short:   "End the server of the systemd unit, and remove the unit",
		Example: `  enginebay service uninstall`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := unitFile()
			if err != nil {
				return err
			}
			if _, err := os.Stat(file); err != nil {
				fmt.Fprintln(cmd.OutOrStdout(), "no service is installed")
				return nil
			}
			manager := systemctl(cmd.Context(), "show-environment") == nil
			if manager {
				if err := systemctl(cmd.Context(), "disable", "--now", serviceName); err != nil {
					return err
				}
			}
			if err := os.Remove(file); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "removed", file)
			if manager {
				return systemctl(cmd.Context(), "daemon-reload")
			}
			return nil
		},
	}
}

func newServiceStatus(c *config) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Say whether the systemd unit is installed, and runs",
		Long:    "Say whether the systemd unit is installed, and runs. The exit status is 1 when it does not.",
		Example: `  enginebay service status`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := unitFile()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if _, err := os.Stat(file); err != nil {
				fmt.Fprintln(out, "no service is installed; to install it: enginebay service install")
				return quietError{}
			}
			if err := systemctl(cmd.Context(), "is-active", "--quiet", serviceName); err != nil {
				fmt.Fprintf(out, "%s is installed, and does not run; to see why: systemctl --user status %s\n", file, serviceName)
				return quietError{}
			}
			fmt.Fprintf(out, "%s is installed, and runs\n", file)
			return nil
		},
	}
}

// unit is the content of the systemd unit.
func (c *config) unit() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	args := []string{program, "serve", "--home", c.home}
	if from := c.values["addr"].From; from == "--addr" || from == settingVariable("addr") { // enginebay.yaml is read by the service itself
		args = append(args, "--addr", c.Addr)
	}
	for i, arg := range args {
		args[i] = quoteUnit(arg, "$", "$$")
	}
	return `# Written by "enginebay service install"; settings belong into enginebay.yaml of the home.
[Unit]
Description=Engine Bay, a model runtime

[Service]
ExecStart=` + strings.Join(args, " ") + `
Environment=` + quoteUnit("PATH="+os.Getenv("PATH")) + `
Restart=on-failure
RestartSec=2
# The server ends its plugins itself: streams get ten seconds, plugins as much.
KillMode=mixed
TimeoutStopSec=45
UMask=0077
# Nothing here hides devices or forbids memory that is written and executed: GPUs
# and their compilers need both.
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
`, nil
}

// quoteUnit writes a word as systemd reads it back; more are further pairs of
// what to replace.
func quoteUnit(word string, more ...string) string {
	return `"` + strings.NewReplacer(append(more, `\`, `\\`, `"`, `\"`, "%", "%%", "\n", `\n`)...).Replace(word) + `"`
}

// unitFile is where systemd looks for a user's units.
func unitFile() (string, error) {
	if runtime.GOOS != "linux" {
		return "", errors.New("services are written for systemd only; here, have \"enginebay serve\" started by what starts programs when you log in")
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "systemd", "user", serviceName), nil
}

// systemctl runs it for the user's own services.
func systemctl(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "systemctl", append([]string{"--user"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl --user %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
