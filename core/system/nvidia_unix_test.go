//go:build !windows

package system_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/enginebay/enginebay/core/system"
)

// TestNVIDIA asks a program that answers as nvidia-smi does.
func TestNVIDIA(t *testing.T) {
	for _, test := range []struct {
		name, script string
		want         []system.GPU
		note         string
	}{
		{"two cards", `echo 'NVIDIA H200, 580.65.06, 143771, 143000'; echo 'NVIDIA GB10, 580.65.06, [N/A], [N/A]'`,
			[]system.GPU{{Name: "NVIDIA H200", Vendor: "nvidia", Driver: "580.65.06", Memory: system.Amounts{Total: 143771 << 20, Available: 143000 << 20}},
				{Name: "NVIDIA GB10", Vendor: "nvidia", Driver: "580.65.06"}}, ""},
		{"no driver", `echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9`,
			[]system.GPU{}, "could not communicate with the NVIDIA driver"},
		{"another form", `echo nonsense`, []system.GPU{}, "in a form that is not known"},
		{"a card that hangs", `exec sleep 60`, []system.GPU{}, "did not answer within 1s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\n"+test.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":/usr/bin:/bin")
			gpus, note := system.NewMachine(fstest.MapFS{}, time.Second).GPUs()
			if !reflect.DeepEqual(gpus, test.want) || !strings.Contains(note, test.note) || (test.note == "") != (note == "") {
				t.Errorf("%+v, note %q; want %+v, %q", gpus, note, test.want, test.note)
			}
		})
	}
}
