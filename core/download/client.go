package download

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"

	"github.com/enginebay/enginebay/sdk/web"
)

// A Config says how files are fetched. Its zero value works.
type Config struct {
	Web         web.Config
	Client      *http.Client                     // makes the calls in place of one made of Web; nil: there is none
	Connections int                              // of a file, at most; 0: 8
	Rate        int64                            // bytes a second over all downloads; 0: no limit
	Reserve     uint64                           // bytes of the disk that stay free
	Mirrors     map[string][]string              // by the beginning of an address: others that have the same files below them
	Free        func(dir string) (uint64, error) // bytes that can be written where dir is; nil: nobody looks
	Log         hclog.Logger
}

const (
	usualConnections = 8
	block            = 256 << 10 // of one read: large enough that the calls do not count
)

// A Client fetches files. It may be used concurrently.
type Client struct {
	settings atomic.Pointer[settings]
	limit    *rate.Limiter
	live     sync.Map // *part: those that still write
	pace     pace
	received atomic.Uint64
}

// Received is how many bytes came over the network so far.
func (c *Client) Received() uint64 { return c.received.Load() }

// settings are what a Fetch takes along from its start to its end.
type settings struct {
	Config
	http *http.Client
}

// pace is how patient a client is.
type pace struct {
	stall       time.Duration // without minimal bytes, a connection is given up
	save        time.Duration // from one journal to the next
	report      time.Duration // from one progress to the next
	wait, waits time.Duration // before the first retry, and at most
	tries       int           // in a row before the first byte; three times as many after it
}

var usualPace = pace{stall: 25 * time.Second, save: time.Second, report: 250 * time.Millisecond, wait: 500 * time.Millisecond, waits: 30 * time.Second, tries: 5}

// New makes a client. A wrong setting has [sdk.CodeInvalid].
func New(c Config) (*Client, error) {
	made := &Client{limit: rate.NewLimiter(rate.Inf, block), pace: usualPace}
	return made, made.Set(c)
}

// Set changes the configuration for what starts from now on, and the rate at once.
// After an error, all is as it was.
func (c *Client) Set(config Config) error {
	client := config.Client
	if client == nil {
		config.Web.HTTP1 = true // one connection for each range is the point of ranges
		var err error
		if client, err = web.New(config.Web); err != nil {
			return err
		}
	}
	if config.Connections <= 0 {
		config.Connections = usualConnections
	}
	if config.Log == nil {
		config.Log = hclog.NewNullLogger()
	}
	c.settings.Store(&settings{Config: config, http: client})
	c.limit.SetLimit(rate.Inf)
	if config.Rate > 0 {
		c.limit.SetLimit(rate.Limit(config.Rate))
	}
	return nil
}

// piece is how much is read at once: at a low rate little, so that connections
// share it and progress is seen.
func (c *Client) piece() int64 {
	limit := c.limit.Limit()
	if limit == rate.Inf {
		return block
	}
	return max(4<<10, min(block, int64(limit/20)))
}

// spend waits until n bytes more may be taken.
func (c *Client) spend(ctx context.Context, n int) error {
	c.received.Add(uint64(n))
	if c.limit.Limit() == rate.Inf {
		return nil
	}
	return c.limit.WaitN(ctx, n)
}
