// Command bench measures what the server costs: the same requests to an engine
// itself, through "enginebay serve", and through a bare fasthttp reverse proxy,
// which is the limit of what a server in Go could be. The three take turns
// within one run, so that what else the machine does falls on all of them. It
// starts all that it measures, and ends with one table.
//
// With -download, it measures how fast a file comes beside curl and aria2c instead.
//
// Times are those that a client sees; CPU is that of the server's process alone,
// from /proc (Linux), so the engine's and this program's own work count in none.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"
)

// size says how much of everything is measured.
type size struct {
	rounds   int // in which the three take turns
	requests int // of one client in a round
	load     int // requests of 16 clients in a round
	tokens   int // of each of the 100 paced streams
	bursts   int // of 100 streams, for each of the three
	memory   int // requests over which memory is watched
	cycles   int // loads and unloads over which memory is watched
}

var (
	whole = size{rounds: 5, requests: 2000, load: 10000, tokens: 250, bursts: 9, memory: 100_000, cycles: 1000}
	quick = size{rounds: 3, requests: 400, load: 3000, tokens: 75, bursts: 3, memory: 5000, cycles: 20}
)

func main() {
	if ok, err := command(os.Args[1:]); ok {
		fail(err)
		return
	}
	build := flag.String("build", "build", "folder of what \"make build llamacpp\" made")
	short := flag.Bool("quick", false, "measure less, in half a minute")
	downloads := flag.Bool("download", false, "measure downloads, beside curl and aria2c")
	flag.Parse()
	n := whole
	if *short {
		n = quick
	}
	if *downloads {
		fail(measureDownloads(n.rounds))
		return
	}
	fail(run(*build, n))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(build string, n size) error {
	build, err := filepath.Abs(build)
	if err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	b := &bench{build: build, home: home, size: n, interrupted: interrupted}
	err = b.measure()
	b.stop() // before anything is printed: a closed pipe ends this program at once
	if err != nil {
		return err
	}
	return b.print()
}

// row is one line of the table; cells are texts, as they are of many kinds.
type row struct{ what, engine, proxy, server, ratio, goal string }

func (b *bench) add(r row) {
	b.rows = append(b.rows, r)
	fmt.Fprintf(os.Stderr, "%s: %s\n", r.what, r.server)
}

// print writes the table, which is Markdown's too.
func (b *bench) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "|\t| engine itself\t| bare proxy\t| Engine Bay\t| ratio\t| goal\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range b.rows {
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n", r.what, r.engine, r.proxy, r.server, r.ratio, r.goal)
	}
	return w.Flush()
}

var errInterrupted = errors.New("interrupted")
