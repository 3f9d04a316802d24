package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"

	"github.com/enginebay/enginebay/core/keys"
	"github.com/enginebay/enginebay/core/system"
)

// leastDisk is what a download of a small model needs.
const leastDisk = 2 << 30

func (e *examination) settings() {
	file := e.config.file()
	err := e.config.load()
	_, missing := os.Stat(file)
	switch {
	case err != nil:
		e.fail("settings", "mend "+file+"; to see what it may say: enginebay config example", "%v", err)
		e.config.Addr = firstOf(e.config.Addr, defaultAddr())
	case missing != nil:
		e.ok("settings", "defaults, for there is no %s", file)
	default:
		e.ok("settings", "%s", file)
	}
}

func (e *examination) folders() {
	home := e.config.home
	info, err := os.Stat(home)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.ok("home", "%s is not there yet; the first server makes it", home)
		return
	case err != nil:
		e.fail("home", "name another folder with --home", "%v", err)
		return
	case !info.IsDir():
		e.fail("home", "name another one with --home", "%s is no folder", home)
		return
	}
	if err := writable(home); err != nil {
		e.fail("home", "give it to the user who runs the server: chown -R USER "+home, "%v", err)
	} else {
		e.ok("home", "%s", home)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		e.warn("permissions", "chmod 700 "+home, "others on this machine can look into %s (%04o)", home, info.Mode().Perm())
		e.files()
	}
}

// files looks at what may hold secrets; it matters only in a home that is open.
func (e *examination) files() {
	files, _ := filepath.Glob(filepath.Join(e.config.home, "*"))
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			e.warn("permissions", "chmod 600 "+file, "others on this machine can read %s (%04o)", file, info.Mode().Perm())
		}
	}
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

// keys looks at who may use the server.
func (e *examination) keys() {
	all, err := keys.List(e.config.keyFile())
	_, port, _ := net.SplitHostPort(e.config.Addr)
	create := e.config.inHome("enginebay key create NAME")
	switch open := !isLoopback(e.config.Addr) && port != "0"; {
	case err != nil:
		e.fail("keys", "mend that file, or remove it and make new ones: "+create, "%v", err)
	case open && len(all) == 0:
		e.fail("keys", create+", or choose an address of this machine only, as "+defaultAddr(), "other machines can reach %s, and there is no API key: no server starts there", e.config.Addr)
	case len(all) == 0:
		e.ok("keys", "none; the server answers this machine only")
	default:
		e.ok("keys", "%d; the server wants one of everybody", len(all))
	}
}

func (e *examination) machine() {
	home := e.config.home
	for { // the disk of a home that is not there yet is that of the folder above
		if _, err := os.Stat(home); err == nil || home == filepath.Dir(home) {
			break
		}
		home = filepath.Dir(home)
	}
	s := system.Read(home)
	e.system = s
	e.ok("machine", "%s/%s, %s, %d cores, %s memory (%s free)", s.OS, s.Arch, firstOf(s.CPU.Model, "unknown processor"), s.CPU.Cores, amount(s.Memory.Total), amount(s.Memory.Available))
	e.disk("disk", home, s.Disk)
	models := filepath.Join(home, "models")
	if disk := system.Read(models).Disk; disk.Total != 0 && disk.Total != s.Disk.Total {
		e.disk("disk of the models", models, disk)
	}
	if s.GPUNote != "" {
		e.warn("gpu", "engines run on the processor; with an NVIDIA card see whether nvidia-smi works by itself", "%s", s.GPUNote)
	} else if len(s.GPUs) == 0 {
		e.ok("gpu", "none found; engines run on the processor")
	}
	for _, gpu := range s.GPUs {
		memory := "memory not known"
		if gpu.Memory.Total > 0 {
			memory = fmt.Sprintf("%s memory (%s free)", amount(gpu.Memory.Total), amount(gpu.Memory.Available))
		}
		e.ok("gpu", "%s, %s", gpu.Name, memory)
	}
}

func (e *examination) disk(check, dir string, disk system.Amounts) {
	switch {
	case disk.Total == 0:
		e.warn(check, "see whether it is mounted", "the disk of %s cannot be measured", dir)
	case disk.Available < leastDisk+uint64(e.config.DownloadReserve):
		e.warn(check, "make room, or name a home on another disk with --home", "only %s free at %s, and downloads leave %s of that (download_reserve)",
			amount(disk.Available), dir, amount(uint64(e.config.DownloadReserve)))
	default:
		e.ok(check, "%s free at %s", amount(disk.Available), dir)
	}
}

func amount(bytes uint64) string { return bytesText(float64(bytes)) }

func (e *examination) server() {
	c := e.config
	o, runs := serverOf(c.home)
	if nobodyAt(c.Addr) {
		e.free(o, runs)
		return
	}
	var health struct{ Status, Version string }
	if err := c.client().get(e.cmd.Context(), "/healthz", &health); err != nil || health.Status == "" {
		e.fail("port", "end that program, or choose another address with --addr or addr in enginebay.yaml", "%s is taken, and not by Engine Bay", c.Addr)
		return
	}
	switch {
	case !runs:
		e.warn("server", "choose one with --home, or another address with --addr", "the server at http://%s is one of another home", c.Addr)
	case health.Version != version:
		e.warn("server", "start it anew: "+c.inHome("enginebay serve stop"), "the server at http://%s (pid %d) is version %s, and this program %s", c.Addr, o.Pid, health.Version, version)
	default:
		e.ok("server", "answers at http://%s (pid %d, version %s, for %s)", c.Addr, o.Pid, version, ago(o.Started))
	}
}

// free looks at an address where nobody answers.
func (e *examination) free(o owner, runs bool) {
	addr := e.config.Addr
	switch listener, err := net.Listen("tcp", addr); {
	case runs && o.Addr != addr:
		e.warn("server", "use it with --addr "+o.Addr, "the server of this home is at http://%s (pid %d), and not at %s", o.Addr, o.Pid, addr)
	case runs:
		e.fail("server", e.config.inHome("enginebay serve stop"), "the server (pid %d) does not answer at http://%s", o.Pid, addr)
	case err != nil:
		e.fail("port", "choose another address with --addr or addr in enginebay.yaml", "%v", err)
	default:
		listener.Close()
		e.ok("server", "none runs, and %s is free; commands that need one start it", addr)
	}
}
