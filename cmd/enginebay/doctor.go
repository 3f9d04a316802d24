package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/system"
)

func newDoctor(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say what to do",
		Long: `Look at the settings, the folders, the machine, the plugins, the engines, the
models and the server, and say of each whether it is well and what to do where it
is not. Each engine is started once, apart from a server that may run.

The exit status is 1 when something fails; warnings alone are no failure.`,
		Example: `  enginebay doctor
  enginebay doctor --json | jq '.data[] | select(.status == "fail")'`,
		Args:              cobra.NoArgs,
		PersistentPreRunE: c.homeOnly, // wrong settings are a finding
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		e := &examination{config: c, cmd: cmd, out: cmd.OutOrStdout(), engines: map[string]bool{}, silent: *asJSON}
		e.run()
		if *asJSON {
			if err := printList(e.out, e.findings); err != nil {
				return err
			}
		}
		return e.verdict()
	}
	return cmd
}

// The statuses of a check.
const (
	statusOK   = "ok"
	statusWarn = "warn" // works, and might not be meant so
	statusFail = "fail"
)

// diagnosis is one thing that was looked at.
type diagnosis struct {
	Check   string `json:"check"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Advice  string `json:"advice,omitempty"`
}

// examination is one run of the doctor. It prints each check as it is made:
// starting an engine may take its time.
type examination struct {
	config   *config
	cmd      *cobra.Command
	out      io.Writer
	silent   bool
	system   system.System   // the machine
	engines  map[string]bool // that there are, by id
	findings []diagnosis
}

func (e *examination) run() {
	e.settings()
	e.folders()
	e.keys()
	e.machine()
	e.database()
	e.proxy()
	e.sandbox()
	e.plugins()
	e.models()
	e.server()
}

func (e *examination) ok(name, format string, args ...any) {
	e.add(diagnosis{name, statusOK, fmt.Sprintf(format, args...), ""})
}

func (e *examination) warn(name, advice, format string, args ...any) {
	e.add(diagnosis{name, statusWarn, fmt.Sprintf(format, args...), advice})
}

func (e *examination) fail(name, advice, format string, args ...any) {
	e.add(diagnosis{name, statusFail, fmt.Sprintf(format, args...), advice})
}

func (e *examination) add(d diagnosis) {
	e.findings = append(e.findings, d)
	if e.silent {
		return
	}
	const margin = "      "
	fmt.Fprintf(e.out, "%-4s  %s: %s\n", d.Status, d.Check, strings.ReplaceAll(d.Message, "\n", "\n"+margin))
	if d.Advice != "" {
		fmt.Fprintf(e.out, "%s→ %s\n", margin, d.Advice)
	}
}

func (e *examination) verdict() error {
	failed := 0
	for _, c := range e.findings {
		if c.Status == statusFail {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	if !e.silent {
		fmt.Fprintf(e.out, "\n%d of %d checks failed\n", failed, len(e.findings))
	}
	return quietError{}
}
