//go:build unix

package local_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/enginebay/enginebay/core/local"
	"github.com/enginebay/enginebay/sdk"
)

// TestSpecialFiles: what is no file does not block, and is no model.
func TestSpecialFiles(t *testing.T) {
	dir, s := t.TempDir(), open(t)
	pipe := filepath.Join(dir, "pipe.gguf")
	must(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{pipe, "/dev/zero"} {
		if _, err := bring(t, s, path, local.Options{}); err == nil || !strings.Contains(err.Error(), "no regular file") || sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := bring(t, s, dir, local.Options{}); err == nil {
		t.Error("a folder with a pipe was taken")
	}
}

// TestUnreadable runs itself again as a user who may not read the file: to root,
// which tests often run as, nothing is forbidden.
func TestUnreadable(t *testing.T) {
	file := os.Getenv(nobodys)
	if file == "" {
		file = filepath.Join(planted(t, tree{"x.gguf": weights}), "x.gguf")
		must(t, os.Chmod(file, 0))
		if os.Getuid() == 0 {
			asNobody(t, file)
			return
		}
	}
	if _, err := bring(t, open(t), file, local.Options{}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("got %v", err)
	}
}

// nobodys is the variable in which a test that runs as nobody finds its file.
const nobodys = "ENGINEBAY_TEST_FILE"

// asNobody runs the same test again as a user to whom something is forbidden.
func asNobody(t *testing.T, file string) {
	dir := filepath.Dir(file)
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	program, err := os.ReadFile(os.Args[0])
	must(t, err)
	copied := filepath.Join(dir, "local.test") // the original lies where nobody may look
	must(t, os.WriteFile(copied, program, 0o755))
	cmd := exec.Command(copied, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, []string{nobodys + "=" + file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestMoveAcrossDisks: where a file cannot get a second name it is copied, and goes
// when the copy is there.
func TestMoveAcrossDisks(t *testing.T) {
	other, err := os.MkdirTemp("/dev/shm", "enginebay")
	if err != nil {
		t.Skip("no second file system")
	}
	defer os.RemoveAll(other)
	file := filepath.Join(other, "x.gguf")
	must(t, os.WriteFile(file, []byte(guide(t)), 0o600))
	s := open(t)
	if os.Link(file, filepath.Join(s.Dir(), "..", "probe")) == nil {
		t.Skip("it is the same file system")
	}
	ids, err := bring(t, s, file, local.Options{Mode: local.Move})
	must(t, err)
	if m := model(t, s, ids[0]); m.Linked {
		t.Error("it is a link")
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the original is still there")
	}
}
