package databasetest

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// user owns the clusters.
const user = "bay"

// A Cluster is a PostgreSQL that runs.
type Cluster struct {
	URL string // with user and password, of the database postgres

	keeper io.WriteCloser // takes orders; when it is closed, also by a killed test, all ends and is removed
	heard  *bufio.Reader
	done   func() error
}

// keeper is the shell that owns a cluster: $1 is its folder, $2 the folder of the
// programs, what follows is for postgres. It says a line when an order was obeyed.
const keeper = `
trap '' INT TERM
dir=$1 bin=$2; shift 2
end() { [ -z "$pid" ] || { kill -s "$1" "$pid" 2>/dev/null; wait "$pid"; }; pid=; }
start() {
	"$bin/postgres" -D "$dir/data" "$@" >>"$dir/log" 2>&1 </dev/null & pid=$!
	while ! grep -qs '^ready' "$dir/data/postmaster.pid"; do
		kill -0 "$pid" 2>/dev/null || { pid=; echo "postgres ended: $(tail -n 3 "$dir/log" | tr '\n' ' ')"; return; }
		sleep 0.02
	done
	echo ok
}
pid=
if ! out=$("$bin/initdb" -D "$dir/data" -U ` + user + ` --pwfile="$dir/password" --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync 2>&1); then
	echo "initdb: $out" | tr '\n' ' '; echo; rm -rf "$dir"; exit 1
fi
while read -r order; do
	case $order in
	start) start "$@" ;;
	stop) end INT; echo ok ;;
	esac
done
end QUIT
rm -rf "$dir"
`

// start makes a cluster and starts it. What it keeps is not safe from a machine that
// stops, unless options say so.
func start(options ...string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "postgres-")
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(password), 0o600); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	settings := []string{"-c", "listen_addresses=127.0.0.1", "-p", fmt.Sprint(port), "-k", "", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB"}
	cmd := exec.Command("sh", append([]string{"-c", keeper, "keeper", dir, bin}, append(settings, options...)...)...)
	cmd.Env, cmd.Dir = append(os.Environ(), "LC_ALL=C", "TZ=UTC"), dir
	if err := asAnother(cmd, dir); err != nil {
		return nil, err
	}
	c := &Cluster{URL: at(password, port), done: cmd.Wait}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.keeper, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	c.heard = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return c, c.Start()
}

// programs is the folder of initdb and postgres.
func programs() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	made := filepath.Join(filepath.Dir(file), "../../../build/postgres/bin/initdb")
	real, err := filepath.EvalSymlinks(made) // they look for their files beside them
	if err != nil {
		return "", errors.New("there is no PostgreSQL for the tests: run 'make postgres' first")
	}
	return filepath.Dir(real), nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Start starts it, and returns when it takes connections.
func (c *Cluster) Start() error { return c.order("start") }

// Stop ends it at once, with all its connections, and returns when it is gone.
func (c *Cluster) Stop() error { return c.order("stop") }

func (c *Cluster) order(word string) error {
	if _, err := io.WriteString(c.keeper, word+"\n"); err != nil {
		return err
	}
	line, err := c.heard.ReadString('\n')
	if line = strings.TrimSpace(line); line != "ok" {
		return fmt.Errorf("%s PostgreSQL: %s %v", word, line, err)
	}
	return nil
}

// end ends it for good.
func (c *Cluster) end() {
	_ = c.keeper.Close()
	_ = c.done()
}
