package main

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// A secretService is a desktop's keyring with one secret in it, bay/groq.
type secretService struct{ locked bool }

const (
	secretsPath    = dbus.ObjectPath("/org/freedesktop/secrets")
	collectionPath = secretsPath + "/collection/login"
	itemPath       = collectionPath + "/1"
	sessionPath    = secretsPath + "/session/1"
	promptPath     = secretsPath + "/prompt/1"
)

func (s *secretService) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	return dbus.MakeVariant(""), sessionPath, nil
}

// Unlock asks the owner where it is locked, who is not there.
func (s *secretService) Unlock(paths []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	if s.locked {
		return nil, promptPath, nil
	}
	return paths, "/", nil
}

func (s *secretService) SearchItems(wanted map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	if wanted["service"] == "bay" && wanted["username"] == "groq" {
		return []dbus.ObjectPath{itemPath}, nil
	}
	return nil, nil
}

func (s *secretService) GetSecret(session dbus.ObjectPath) (struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}, *dbus.Error) {
	return struct {
		Session     dbus.ObjectPath
		Parameters  []byte
		Value       []byte
		ContentType string
	}{session, nil, []byte("sesame-1234"), "text/plain"}, nil
}

func (s *secretService) Prompt(string) *dbus.Error { return nil }

func (s *secretService) Close() *dbus.Error { return nil }

// serve answers on a bus of its own, and returns the bus's address.
func (s *secretService) serve(t *testing.T) string {
	t.Helper()
	bus := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address=1", "--address=unix:path="+filepath.Join(t.TempDir(), "bus"))
	bus.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := bus.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := bus.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Process.Kill(); _ = bus.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the bus tells no address: %v", err)
	}
	address = strings.TrimSpace(address)
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s.export(t, conn)
	return address
}

func (s *secretService) export(t *testing.T, conn *dbus.Conn) {
	t.Helper()
	const base = "org.freedesktop.Secret."
	for path, face := range map[dbus.ObjectPath]string{secretsPath: "Service", collectionPath: "Collection", itemPath: "Item", sessionPath: "Session", promptPath: "Prompt"} {
		if err := conn.Export(s, path, base+face); err != nil {
			t.Fatal(err)
		}
	}
	collections := prop.Map{base + "Service": {"Collections": {Value: []dbus.ObjectPath{collectionPath}}}}
	if _, err := prop.Export(conn, secretsPath, collections); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName("org.freedesktop.secrets", dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the name of a keyring: %v %v", reply, err)
	}
}

// TestKeyringOfADesktop: secrets out of a real session's keyring, by its protocol.
func TestKeyringOfADesktop(t *testing.T) {
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("no dbus-daemon is installed")
	}
	for name, c := range map[string]struct {
		locked bool
		key    string
		want   string
	}{
		"it is there": {false, "bay/groq", "ok    engine groq: plugin echo "},
		"it is not":   {false, "bay/other", `fail  engine groq: secret "api_key": the keyring holds nothing under keyring:bay/other; put it there: secret-tool store --label='bay' service 'bay' username 'other'`},
		"locked":      {true, "bay/groq", `fail  engine groq: secret "api_key": the keyring does not answer; it may be locked: unlock it, or use env:NAME or file:PATH`},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			writeFile(t, home+"/engines/groq.json", `{"engine": "echo", "secrets": {"api_key": "keyring:`+c.key+`"}}`)
			cmd := exec.Command(filepath.Join(build, "enginebay"), "doctor", "--home", home, "--addr", freeAddr(t))
			cmd.Env = append(cmd.Environ(), "DBUS_SESSION_BUS_ADDRESS="+(&secretService{c.locked}).serve(t), "ENGINEBAY_PLUGIN_DIRS="+filepath.Join(build, "examples"))
			out, _ := cmd.CombinedOutput() // other findings of the machine may fail
			if !strings.Contains(string(out), c.want) || strings.Contains(string(out), "sesame") {
				t.Errorf("no %q in\n%s", c.want, out)
			}
		})
	}
}
