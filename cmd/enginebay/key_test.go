package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestKeysOfARunningServer makes and revokes a key beside a server, which follows at once.
func TestKeysOfARunningServer(t *testing.T) {
	b := startServer(t, newHome(t))
	command := func(key string, words ...string) (stdout, stderr string, ok bool) {
		t.Helper()
		var out, errs bytes.Buffer
		cmd := exec.Command(filepath.Join(build, "enginebay"), append(words, "--home", b.home, "--addr", b.addr())...)
		cmd.Env = append(os.Environ(), "ENGINEBAY_API_KEY="+key)
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		return out.String(), errs.String(), err == nil
	}
	question := []string{"run", "tiny-guide", "What is 2 + 3?"}
	if out, errs, ok := command("", question...); !ok || out != "2 + 3 = 5.\n" {
		t.Fatalf("before there is a key: %s%s", out, errs)
	}
	out, _, _ := command("", "key", "create", "laptop")
	key := strings.TrimSpace(out)
	for _, words := range [][]string{{"list"}, question} {
		if _, errs, ok := command("", words...); ok || !strings.Contains(errs, "wants an API key: set ENGINEBAY_API_KEY to one; enginebay key create NAME makes one") {
			t.Errorf("%v without a key: %s", words, errs)
		}
		if _, errs, ok := command("eb-wrong", words...); ok || !strings.Contains(errs, "not one of this server's") || !strings.Contains(errs, "taken from ENGINEBAY_API_KEY") {
			t.Errorf("%v with a wrong key: %s", words, errs)
		}
		if out, errs, ok := command(key, words...); !ok {
			t.Errorf("%v with the key: %s%s", words, out, errs)
		}
	}
	if out, _, _ := command("", "key", "list"); !regexp.MustCompile(`laptop .* 20\S+ \S+ +- +20\S+ \S+ +- +its own\n`).MatchString(out) {
		t.Errorf("it was used, and the list says:\n%s", out)
	}
	if _, errs, ok := command("", "key", "revoke", "laptop"); !ok {
		t.Error(errs)
	}
	if out, errs, ok := command("", question...); !ok {
		t.Errorf("the last key is gone: %s%s", out, errs)
	}
	if strings.Contains(b.log.text(), key[3:]) {
		t.Errorf("the log shows the key:\n%s", b.log.text())
	}
}
