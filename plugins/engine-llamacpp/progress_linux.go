package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// reading is how far a load has come. llama-server does not tell; what it has
// read or mapped of the weights is seen from outside.
func reading(pid int, size int64) sdk.Progress {
	p := sdk.Progress{Fraction: -1, Note: "reading weights"}
	if size <= 0 {
		return p
	}
	mapped := field(fmt.Sprintf("/proc/%d/status", pid), "RssFile:") * 1024
	read := field(fmt.Sprintf("/proc/%d/io", pid), "rchar:")
	p.Fraction = min(float64(max(mapped, read))/float64(size), 0.99)
	return p
}

// field reads one number of a file in /proc; 0 where it cannot.
func field(file, name string) int64 {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == name {
			n, _ := strconv.ParseInt(words[1], 10, 64)
			return n
		}
	}
	return 0
}
