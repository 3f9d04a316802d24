package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/sdk/web"
)

// measureDownloads compares with curl and, where there is one, aria2c: from a server
// on this machine, with and without a delay, into memory and onto the disk. All of
// them run as processes of their own, and take turns. "safe" is with the bytes
// confirmed by the disk, and "hashed" with their SHA-256 compared, both of which a
// download of ours always does.
func measureDownloads(rounds int) error {
	disk, err := os.MkdirTemp(".", ".bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(disk)
	memory, err := os.MkdirTemp("/dev/shm", "bench-")
	if err != nil {
		memory = disk
	} else {
		defer os.RemoveAll(memory)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| MB/s\t| curl\t| curl, hashed\t| curl, safe and hashed\t| aria2c -x8, hashed\t| Engine Bay\t| ÷ curl\t| ÷ curl, hashed\t| ÷ aria2c\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range []struct {
		what  string
		size  int64
		delay time.Duration
		dir   string
	}{
		{"1 GB into memory", 1 << 30, 0, memory},
		{"200 MB into memory, 50 ms a round trip", 200 << 20, 50 * time.Millisecond, memory},
		{"1 GB onto the disk", 1 << 30, 0, disk},
		{"200 MB onto the disk, 50 ms a round trip", 200 << 20, 50 * time.Millisecond, disk},
	} {
		d := &downloads{size: r.size, delay: r.delay, source: memory, dir: r.dir, rounds: rounds}
		rates, err := d.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", r.what, err)
		}
		ours := rates[len(rates)-1]
		fmt.Fprintf(w, "| %s", r.what)
		for _, rate := range rates {
			fmt.Fprintf(w, "\t| %.0f", rate)
		}
		fmt.Fprintf(w, "\t| %s\t| %s\t| %s\t|\n", ratio(ours, rates[0]), ratio(ours, rates[1]), ratio(ours, rates[3]))
	}
	return w.Flush()
}

// downloads is one row: a file, and how far away it is.
type downloads struct {
	size        int64
	delay       time.Duration
	source, dir string
	rounds      int
	url, sha256 string
}

// measure is the best rate of each in MB/s; 0 where one is not there.
func (d *downloads) measure() ([]float64, error) {
	name := filepath.Join(d.source, "source.bin")
	defer os.Remove(name)
	if err := d.make(name); err != nil {
		return nil, err
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		http.ServeFile(w, r, name)
	}))
	defer s.Close()
	d.url = s.URL
	if d.delay > 0 {
		far, err := listenFar(s.Listener.Addr().String(), d.delay)
		if err != nil {
			return nil, err
		}
		defer far.Close()
		d.url = "http://" + far.Addr().String()
	}
	commands := [][]string{d.curl(""), d.curl("hash"), d.curl("safe"), d.aria2c(), d.ours()}
	best := make([]float64, len(commands))
	for range d.rounds {
		for i, c := range commands {
			if c == nil {
				continue
			}
			took, err := d.time(c)
			if err != nil {
				return nil, err
			}
			best[i] = max(best[i], float64(d.size)/1e6/took.Seconds())
		}
	}
	return best, nil
}

func (d *downloads) make(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8([32]byte{}), d.size)
	d.sha256 = hex.EncodeToString(h.Sum(nil))
	return errors.Join(err, f.Close())
}

func (d *downloads) target() string { return filepath.Join(d.dir, "target.bin") }

func (d *downloads) curl(then string) []string {
	command := []string{"curl", "-sSfo", d.target(), d.url}
	if then == "" {
		return command
	}
	return []string{"sh", "-c", `curl -sSfo "$1" "$2" && "$3" hash "$1" "$4" "$5"`, "sh", d.target(), d.url, self(), d.sha256, then}
}

// aria2c is one that is on the PATH, or the one of Debian's packages aria2 and
// libaria2-0, with libc-ares2 and libssh2-1, unpacked into build/aria/root.
func (d *downloads) aria2c() []string {
	program, err := exec.LookPath("aria2c")
	if err != nil {
		root, _ := filepath.Abs("build/aria/root/usr")
		if program = filepath.Join(root, "bin/aria2c"); !exists(program) {
			return nil
		}
		found, _ := filepath.Glob(filepath.Join(root, "lib/*"))
		os.Setenv("LD_LIBRARY_PATH", strings.Join(found, ":"))
	}
	return []string{program, "-q", "-x8", "-s8", "-k1M", "--file-allocation=none", "--checksum=sha-256=" + d.sha256, "-d", d.dir, "-o", filepath.Base(d.target()), d.url}
}

func (d *downloads) ours() []string {
	return []string{self(), "fetch", d.target(), d.url, d.sha256}
}

func self() string {
	name, _ := os.Executable()
	return name
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// time is how long a command takes to bring the file.
func (d *downloads) time(command []string) (time.Duration, error) {
	defer os.Remove(d.target())
	c := exec.Command(command[0], command[1:]...)
	c.Stderr = os.Stderr
	began := time.Now()
	err := c.Run()
	took := time.Since(began)
	if info, statErr := os.Stat(d.target()); err == nil && (statErr != nil || info.Size() != d.size) {
		err = fmt.Errorf("%s: the file did not come", command[0])
	}
	return took, err
}

// fetch is this program as the downloader: "bench fetch TARGET URL SHA256".
func fetch(args []string) error {
	path, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	c, err := download.New(download.Config{Web: web.Config{Private: []string{"127.0.0.1"}}})
	if err != nil {
		return err
	}
	return c.Fetch(context.Background(), []download.File{{Path: path, URL: args[1], SHA256: args[2]}}, nil)
}

// hash is what is missing to curl: "bench hash FILE SHA256 hash|safe".
func hash(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	safe := make(chan error, 1)
	go func() {
		if args[2] == "safe" {
			safe <- f.Sync()
		}
		close(safe)
	}()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != args[1] {
		return fmt.Errorf("%s has SHA-256 %s", args[0], got)
	}
	return <-safe
}

// window is how much is under way on one connection, as between two machines whose
// buffers are of the usual size.
const window = 4 << 20

// listenFar passes connections on to a server that is a round trip away.
func listenFar(server string, trip time.Duration) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				far, err := net.Dial("tcp", server)
				if err != nil {
					near.Close()
					return
				}
				go carry(far, near, trip/2, trip) // the first bytes wait for the handshake too
				carry(near, far, trip/2, 0)
			}()
		}
	}()
	return l, nil
}

// carry brings bytes from one to the other, each after some time on the way.
func carry(to, from net.Conn, delay, first time.Duration) {
	type block struct {
		data []byte
		due  time.Time
	}
	const size = 64 << 10
	way := make(chan block, window/size)
	go func() {
		defer close(way)
		for {
			buf := make([]byte, size)
			n, err := from.Read(buf)
			if n > 0 {
				way <- block{buf[:n], time.Now().Add(delay + first)}
				first = 0
			}
			if err != nil {
				return
			}
		}
	}()
	for b := range way {
		time.Sleep(time.Until(b.due))
		if _, err := to.Write(b.data); err != nil {
			break
		}
	}
	to.Close()
	from.Close()
	for range way { // until its reader has seen that
	}
}

// command runs this program as a part of a measurement; ok is false where it is not
// called as one.
func command(args []string) (ok bool, err error) {
	switch {
	case len(args) == 2 && args[0] == "proxy":
		return true, serveProxy(args[1])
	case len(args) == 4 && args[0] == "fetch":
		return true, fetch(args[1:])
	case len(args) == 4 && args[0] == "hash":
		return true, hash(args[1:])
	}
	return false, nil
}
