//go:build amd64 || arm64

package sandbox

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"time"
)

// loadModules has the kernel make the devices of NVIDIA's cards, once. The driver does it
// by itself at a program's first look at a card, through a program that is root's; inside the
// sandbox that has lost its privilege.
var loadModules = sync.OnceFunc(func() {
	if _, err := os.Stat("/proc/driver/nvidia/version"); err != nil {
		return
	}
	if _, err := os.Stat("/dev/nvidia-uvm"); err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = exec.CommandContext(ctx, "nvidia-modprobe", "-c=0", "-u").Run() // where it is not there, or fails, the engine says that it sees no card
})
