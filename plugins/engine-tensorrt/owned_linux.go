package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/enginebay/enginebay/sdk"
)

// owned says whether it is our server that listens at a port: a server of another
// user, or of another load, may have taken the port first. A port that root
// listens at is taken for ours: that is what Docker's proxy does for a program in a
// container.
func owned(port, pid int) error {
	inode, uid := listening(port)
	switch {
	case inode == "": // it listens in another way, which is not for us to judge
		return nil
	case uid == os.Getuid() && (held(inode, pid) || !anybody(inode)):
		return nil
	case uid == 0 && os.Getuid() != 0:
		return nil
	}
	return &sdk.Error{Code: sdk.CodeUnavailable, Message: "another program has taken the port of trtllm-serve; try again", Cause: errPort}
}

// listening finds the socket of a port in the kernel's table of TCP sockets; fields are
// 1 the address, 3 the state (0A: listening), 7 the user, 9 the inode.
func listening(port int) (inode string, uid int) {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return "", 0
	}
	defer f.Close()
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) > 9 && words[3] == "0A" && strings.HasSuffix(words[1], suffix) {
			uid, _ := strconv.Atoi(words[7])
			return words[9], uid
		}
	}
	return "", 0
}

// held says whether a process of the group of a pid has the socket open.
func held(inode string, pid int) bool {
	return holds(inode, func(p int) bool {
		group, err := syscall.Getpgid(p)
		return err == nil && group == pid
	})
}

// anybody says whether we can see who has the socket open at all.
func anybody(inode string) bool { return holds(inode, func(int) bool { return true }) }

func holds(inode string, who func(pid int) bool) bool {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is right
	for _, link := range links {
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err != nil || !who(pid) {
			continue
		}
		if to, err := os.Readlink(link); err == nil && to == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}
