package install_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
)

// childEnv makes this test binary a process that installs: its value is the home, and
// the arguments are what is installed, and the step at which it is killed, if any.
const childEnv = "INSTALL_TEST_HOME"

func TestMain(m *testing.M) {
	if home := os.Getenv(childEnv); home != "" {
		if err := child(home, os.Args[1], os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/enginebay/enginebay/sdk/process.fork"), // it lives as long as the program
		goleak.IgnoreTopFunction("github.com/docker/go-events.(*Broadcaster).run")) // of the OCI registry, which ends it never
}

func child(home, text, killed string) error {
	install.SetReached(func(step string) {
		if step == killed {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			select {} // it is delivered when it is
		}
	})
	i, err := install.Open(install.Config{Home: home, Core: "0.3.0", Machine: machine, Log: hclog.NewNullLogger(),
		Downloads: func() download.Config { return download.Config{} },
		Probe:     func(context.Context, string, packages.Manifest) error { return nil }})
	if err != nil {
		return err
	}
	if text == "rollback" {
		_, err = i.Rollback(context.Background(), "echo")
		return err
	}
	_, err = apply(i, text, install.Options{})
	return err
}
