//go:build linux && (amd64 || arm64)

package sandbox_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/enginebay/enginebay/core/sandbox"
)

// hostile is the program of testdata/hostile.
var hostile string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hostile")
	if err == nil {
		hostile = filepath.Join(dir, "hostile")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", hostile, "./testdata/hostile").CombinedOutput(); err != nil {
			err = fmt.Errorf("build the hostile program: %w\n%s", err, out)
		}
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// needs skips a test of what the kernel cannot do.
func needs(t *testing.T, abi int) {
	t.Helper()
	if s := sandbox.Supported(); s.Landlock < abi || !s.Seccomp {
		t.Skipf("not tested: this kernel has Landlock ABI %d and seccomp %v, and it takes %d", s.Landlock, s.Seccomp, abi)
	}
}

// free does a try in a process that is not confined.
func free(t *testing.T, dir, try string) (string, error) {
	t.Helper()
	cmd := exec.Command(hostile)
	cmd.Dir, cmd.Env = dir, []string{"HOSTILE=" + try}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// confined does a try in one that is.
func confined(t *testing.T, p sandbox.Policy, dir, try string) (string, error) {
	t.Helper()
	p.Program = hostile
	start, err := sandbox.Prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	return run(start, dir, try)
}

func run(start *sandbox.Start, dir, try string) (string, error) {
	defer start.Close()
	cmd := exec.Command(start.Path)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = dir, append(start.Env, "HOSTILE="+try), start.Files
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// TestWhatIsAllowed: what a policy grants is there, and no more.
func TestWhatIsAllowed(t *testing.T) {
	needs(t, 6)
	v := newVictim(t)
	models := t.TempDir()
	program := filepath.Join(models, "program")
	for name, text := range map[string]string{filepath.Join(models, "weights"): "w", program: "#!/bin/sh\necho ran\n"} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(v.own, "s")
	accept(t, "unix", socket)
	policy := sandbox.Policy{Write: []string{v.own}, Data: []string{models}}
	freely := policy
	freely.Network = sandbox.FreeNetwork
	gpu := policy
	gpu.GPU = true
	for name, test := range map[string]struct {
		policy sandbox.Policy
		try    string
		says   string // of an error; empty is none
	}{
		"itself":                    {policy, "self", ""},
		"its own folder":            {policy, "write " + filepath.Join(v.own, "file"), ""},
		"a model":                   {policy, "read " + filepath.Join(models, "weights"), ""},
		"to a model":                {policy, "write " + filepath.Join(models, "weights"), "permission denied"},
		"a missing folder":          {sandbox.Policy{Write: []string{"/nowhere"}, Read: []string{"/nowhere/else"}}, "self", ""},
		"a socket in its folder":    {policy, "unix " + socket, ""},
		"no TCP":                    {policy, "tcp " + v.tcp, "address family not supported"},
		"TCP":                       {freely, "tcp " + v.tcp, ""},
		"UDP":                       {freely, "udp " + v.udp, ""},
		"listening":                 {freely, "listen", ""},
		"TCP, of a child":           {freely, "child tcp " + v.tcp, ""},
		"no raw sockets":            {freely, "raw", "operation not permitted"},
		"no packets":                {freely, "packet", "address family not supported"},
		"no audit":                  {freely, "netlink", "address family not supported"},
		"no abstract sockets":       {freely, "abstract " + v.unix, "operation not permitted"},
		"no signals":                {freely, fmt.Sprintf("signal %d", v.pid), "operation not permitted"},
		"processes, with a GPU":     {gpu, fmt.Sprintf("read /proc/%d/cmdline", v.pid), ""},
		"no environment, with one":  {gpu, fmt.Sprintf("read /proc/%d/environ", v.pid), "permission denied"},
		"no memory, with one":       {gpu, fmt.Sprintf("read /proc/%d/maps", v.pid), "permission denied"},
		"a child's /proc, with one": {gpu, "child self", ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := confined(t, test.policy, v.own, test.try)
			if (err == nil) != (test.says == "") || !strings.Contains(out, test.says) {
				t.Errorf("%s: %v, %q; want %q", test.try, err, out, test.says)
			}
		})
	}
}

// TestItIsTheProgram: what is executed sees itself as if it had been started without.
func TestItIsTheProgram(t *testing.T) {
	needs(t, 1)
	dir := t.TempDir()
	for _, try := range []string{"self", "files", "environ"} {
		want, err := free(t, dir, try)
		if err != nil {
			t.Fatal(err, want)
		}
		got, err := confined(t, sandbox.Policy{}, dir, try)
		if err != nil {
			t.Fatal(err, got)
		}
		if got != want {
			t.Errorf("%s:\n%s\nand without a sandbox\n%s", try, got, want)
		}
	}
}

// TestStrict: a policy is refused by a machine that cannot enforce all of it, and
// enforced as far as it goes where that will do.
func TestStrict(t *testing.T) {
	policy := sandbox.Policy{Program: hostile, Strict: true}
	for name, support := range map[string]sandbox.Support{
		"Linux 5.15": {Landlock: 1, Seccomp: true}, "Linux 6.8": {Landlock: 4, Seccomp: true}, "no Landlock": {Seccomp: true}, "no seccomp": {Landlock: 7},
	} {
		if _, err := sandbox.PrepareOn(policy, support); !errors.Is(err, sandbox.ErrStrict) || !strings.Contains(err.Error(), "this machine cannot restrict") {
			t.Errorf("%s: %v", name, err)
		}
	}
	needs(t, 6)
	if out, err := confined(t, policy, t.TempDir(), "read /proc/1/cmdline"); err == nil {
		t.Error(out)
	}
}

// TestBestEffort: an older kernel does what it can, and the program runs.
func TestBestEffort(t *testing.T) {
	v := newVictim(t)
	for name, test := range map[string]struct {
		support sandbox.Support
		can     []string
		cannot  []string
	}{
		"Linux 5.15":  {sandbox.Support{Landlock: 1, Seccomp: true}, []string{"self", "abstract " + v.unix}, []string{"read " + v.home + "/keys.json", "tcp " + v.tcp, "uring"}},
		"Linux 6.1":   {sandbox.Support{Landlock: 2, Seccomp: true}, []string{"self", "truncate " + v.home + "/.ssh-id"}, []string{"read " + v.home + "/keys.json"}},
		"Linux 6.2":   {sandbox.Support{Landlock: 3, Seccomp: true}, []string{"self"}, []string{"truncate " + v.home + "/.ssh-id"}},
		"no Landlock": {sandbox.Support{Seccomp: true}, []string{"self", "read " + v.home + "/keys.json"}, []string{"tcp " + v.tcp, "setuid", "cores"}},
		"no seccomp":  {sandbox.Support{Landlock: 6}, []string{"self", "uring"}, []string{"read " + v.home + "/keys.json", "tcp " + v.tcp, "abstract " + v.unix, "setuid"}},
		"nothing":     {sandbox.Support{}, []string{"self", "tcp " + v.tcp}, []string{"setuid", "cores"}},
	} {
		t.Run(name, func(t *testing.T) {
			has := sandbox.Supported()
			if has.Landlock < test.support.Landlock || test.support.Seccomp && !has.Seccomp {
				t.Skipf("not tested: this kernel has only %+v", has)
			}
			for i, try := range append(test.can, test.cannot...) {
				start, err := sandbox.PrepareOn(sandbox.Policy{Program: hostile, Write: []string{v.own}}, test.support)
				if err != nil {
					t.Fatal(err)
				}
				out, err := run(start, v.own, try)
				if could := i < len(test.can); (err == nil) != could {
					t.Errorf("%s: %v %s", try, err, out)
				}
			}
		})
	}
}

// TestTheFileThatWasLookedAt: what is executed is the file that has the sum, also when another
// one takes its name.
func TestTheFileThatWasLookedAt(t *testing.T) {
	needs(t, 1)
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	text, err := os.ReadFile(hostile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, text, 0o700); err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(text))
	for range 2 { // the second time it is known
		start, err := sandbox.Prepare(sandbox.Policy{Program: program, SHA256: sum})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := run(start, dir, "self"); err != nil {
			t.Error(err, out)
		}
	}
	start, err := sandbox.Prepare(sandbox.Policy{Program: program, SHA256: sum})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(program, program+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho another\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := run(start, dir, "self"); err != nil || strings.Contains(out, "another") {
		t.Error(err, out)
	}
	if _, err := sandbox.Prepare(sandbox.Policy{Program: program, SHA256: sum}); !errors.Is(err, sandbox.ErrChanged) {
		t.Errorf("a program with another sum: %v", err)
	}
	start, err = sandbox.Prepare(sandbox.Policy{Program: program, Read: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run(start, dir, ""); err != nil || out != "another" {
		t.Errorf("a script: %v, %s", err, out)
	}
}

// TestAnotherMachine: a program whose system calls have other numbers would pass the filter by.
func TestAnotherMachine(t *testing.T) {
	needs(t, 1)
	if runtime.GOARCH != "amd64" {
		t.Skip("not tested: only amd64 runs programs of another machine, those of 386")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "other")
	build := exec.Command("go", "build", "-o", program, "./testdata/other")
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	if out, err := exec.Command(program).CombinedOutput(); err != nil || !strings.Contains(string(out), "it ran") {
		t.Skipf("not tested: this kernel runs no programs of 386: %v", err)
	}
	start, err := sandbox.Prepare(sandbox.Policy{Program: program})
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(start, dir, "self")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGSYS {
		t.Errorf("it ended with %v: %s", err, out)
	}
	if out, err := confined(t, sandbox.Policy{}, dir, "x32"); err == nil || !strings.Contains(out, "not implemented") {
		t.Errorf("a call of x32: %v %s", err, out)
	}
}

// TestFaultsAreTold: a launcher that cannot do what it is told starts nothing.
func TestFaultsAreTold(t *testing.T) {
	needs(t, 1)
	start, err := sandbox.Prepare(sandbox.Policy{Program: hostile})
	if err != nil {
		t.Fatal(err)
	}
	start.Files[0].Close()
	null, err := os.Open(os.DevNull) // in the place of the ruleset
	if err != nil {
		t.Fatal(err)
	}
	start.Files[0] = null
	out, err := run(start, t.TempDir(), "self")
	if err == nil || !strings.Contains(out, "cannot be confined by Landlock") {
		t.Errorf("%v, %q", err, out)
	}
}

// BenchmarkStart is what the launcher adds to the start of a program.
func BenchmarkStart(b *testing.B) {
	b.Run("free", func(b *testing.B) {
		for b.Loop() {
			cmd := exec.Command(hostile)
			cmd.Env = []string{"HOSTILE=cores"}
			_ = cmd.Run()
		}
	})
	b.Run("confined", func(b *testing.B) {
		for b.Loop() {
			start, err := sandbox.Prepare(sandbox.Policy{Program: hostile})
			if err != nil {
				b.Fatal(err)
			}
			_, _ = run(start, "/", "cores")
		}
	})
}
