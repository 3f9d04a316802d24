package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// freeAddr is an address of this machine where nobody listens.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// stopServer ends what a script left running in a home.
func stopServer(t testing.TB, home string) string {
	out, err := exec.Command(filepath.Join(build, "enginebay"), "serve", "stop", "--home", home).CombinedOutput()
	if err != nil {
		t.Errorf("enginebay serve stop: %v: %s", err, out)
	}
	return string(out)
}

// TestStopKillsNobodyElse: the file of a server that was killed names a number
// that another process has now, and this test is that process.
func TestStopKillsNobodyElse(t *testing.T) {
	home := t.TempDir()
	writeFile(t, home+"/run/lock", "")
	writeFile(t, home+"/run/server.json", fmt.Sprintf(`{"pid": %d, "addr": "127.0.0.1:1"}`, os.Getpid()))
	if out := stopServer(t, home); !strings.HasPrefix(out, "no server of ") {
		t.Error(out)
	}
}
