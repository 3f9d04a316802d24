package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/sdk/web"
)

// try does what a plugin may not, or may; what came of it is told on stderr. $PPID is
// the core, and $PACKAGE the plugin's folder.
func try(arg string) {
	if err := tried(arg); err != nil {
		fmt.Fprintln(os.Stderr, "tried:", strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	fmt.Fprintln(os.Stderr, "tried: done")
}

func tried(arg string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	what, of, _ := strings.Cut(os.Expand(arg, func(name string) string {
		switch name {
		case "PPID":
			return strconv.Itoa(os.Getppid())
		case "PACKAGE":
			return filepath.Dir(filepath.Dir(program))
		}
		return os.Getenv(name)
	}), " ")
	switch what {
	case "read":
		_, err = os.ReadFile(of)
	case "write":
		err = os.WriteFile(of, []byte("x"), 0o600)
	case "mkdir":
		err = os.MkdirAll(of, 0o700)
	case "list":
		_, err = os.ReadDir(of)
	case "tcp":
		err = closed(net.Dial("tcp", of))
	case "get":
		err = get(of)
	case "variable":
		if _, ok := os.LookupEnv(of); !ok {
			err = errors.New("it is not set")
		}
	case "child":
		child := exec.Command(program)
		child.Env = []string{"ROGUE=try=" + of}
		out, _ := child.CombinedOutput()
		err = errors.New(strings.TrimSpace(string(out)))
	default:
		err = errors.New("there is no such try")
	}
	return err
}

func closed(conn net.Conn, err error) error {
	if err == nil {
		conn.Close()
	}
	return err
}

// get calls as an importer does.
func get(address string) error {
	client, err := web.New(web.Config{Private: []string{"*"}})
	if err != nil {
		return err
	}
	answer, err := client.Get(address)
	if err == nil {
		answer.Body.Close()
	}
	return err
}
