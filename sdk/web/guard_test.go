package web_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

var quiet = log.New(io.Discard, "", 0)

// never is a connection that must not be tried: a test that got so far would
// call a stranger.
const never = "private or reserved network"

func TestPrivateAddressesAreRefused(t *testing.T) {
	h := client(t, web.Config{})
	for _, host := range strings.Fields(`127.0.0.1 127.8.9.10 0.0.0.0 0.1.2.3 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.1.1
		169.254.169.254 100.64.0.1 100.127.255.254 100.100.100.200 168.63.129.16 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.7
		203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 192.88.99.1
		[::1] [::] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:10.0.0.1] [::ffff:169.254.169.254] [fe80::1] [fc00::1] [fd00:ec2::254]
		[fd20:ce::254] [ff02::1] [fec0::1] [64:ff9b::127.0.0.1] [64:ff9b::a00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1]
		[2002:7f00:1::] [2002:a00:1::1] [2001::1] [2001:0:7f00:1::] [2001:db8::1] [3fff::1] [100::1] [5f00::1] localhost a.localhost
		LOCALHOST localhost. metadata.google.internal`) {
		t.Run(host, func(t *testing.T) {
			_, err := ask(t, h, "http://"+host+":9/x")
			refused(t, err, never)
			if err != nil && !strings.Contains(err.Error(), "download_private") {
				t.Errorf("no next step: %v", err)
			}
		})
	}
}

// TestOddHosts: what other programs read as an address, and what is none.
func TestOddHosts(t *testing.T) {
	h := client(t, web.Config{Private: []string{"*"}})
	for _, address := range []string{"http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/",
		"http://1.2.3.4.5/", "http://./", "http://１２７.0.0.1/", "http://[fe80::1%25eth0]/", "http:///x",
		"file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "http://user:pw@127.0.0.1/", "http://user@127.0.0.1/"} {
		t.Run(address, func(t *testing.T) {
			_, err := ask(t, h, address)
			refused(t, err, "")
			if err != nil && strings.Contains(err.Error(), "pw@") {
				t.Errorf("the password is in %v", err)
			}
		})
	}
}

func TestPrivateAllows(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	for _, test := range []struct {
		private, host string
		allowed       bool
	}{
		{"127.0.0.1", "127.0.0.1", true}, {"127.0.0.0/8", "127.0.0.1", true}, {"::ffff:127.0.0.1", "127.0.0.1", true}, {"*", "127.0.0.1", true},
		{" 127.0.0.1 ", "127.0.0.1", true}, {"127.0.0.1:" + port, "127.0.0.1", true}, {"localhost:" + port, "localhost", true},
		{"localhost", "localhost", true}, {"LocalHost", "LOCALHOST", true}, {"127.0.0.0/8", "localhost", true}, {"*", "localhost", true},
		{"127.0.0.1", "[::ffff:127.0.0.1]", true}, {"http://127.0.0.1:" + port, "127.0.0.1", true}, {"https://LocalHost:" + port + "/", "localhost", true},
		{"http://127.0.0.1", "127.0.0.1", false}, {"http://localhost:" + port, "127.0.0.1", false},
		{"127.0.0.1:1", "127.0.0.1", false}, {"localhost:1", "localhost", false}, {"localhost", "127.0.0.1", false}, {"127.0.0.2", "127.0.0.1", false},
		{"10.0.0.0/8", "127.0.0.1", false}, {"10.0.0.0/8", "localhost", false}, {"example.com", "127.0.0.1", false},
	} {
		t.Run(test.private+" "+test.host, func(t *testing.T) {
			body, err := ask(t, client(t, web.Config{Private: []string{test.private}}), reach(t, s, test.host))
			switch {
			case test.allowed && (err != nil || body != "hello"):
				t.Errorf("%q, %v", body, err)
			case !test.allowed:
				refused(t, err, never)
			}
		})
	}
}

// TestNAT64: in a network of IPv6 only, all of IPv4 is reached through one prefix,
// so the address inside decides. Whether the call itself comes to anything is not asked.
func TestNAT64(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://[64:ff9b::127.0.0.1]:9/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client(t, web.Config{Private: []string{"127.0.0.0/8"}}).Do(r)
	if err == nil {
		answer.Body.Close()
	}
	var refusal *web.Error
	if errors.As(err, &refusal) {
		t.Error(err)
	}
}

// TestServicesOfCloudsMustBeNamed: "all" is said by those who mean their own network.
func TestServicesOfCloudsMustBeNamed(t *testing.T) {
	h := client(t, web.Config{Private: []string{"*"}})
	for _, host := range []string{"169.254.169.254", "168.63.129.16", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "metadata.google.internal"} {
		_, err := ask(t, h, "http://"+host+"/latest")
		refused(t, err, never)
	}
}

func TestWrongConfigs(t *testing.T) {
	for name, c := range map[string]web.Config{
		"address for a host": {Private: []string{"http://localhost/x"}},
		"empty host":         {Private: []string{""}},
		"wildcard":           {Private: []string{"*.lan"}},
		"wrong prefix":       {Private: []string{"10.0.0.0/99"}},
		"proxy scheme":       {Proxy: "ftp://u:s3cret@proxy"},
		"proxy without host": {Proxy: "proxy:3128"},
		"missing CA":         {CA: "/nowhere/ca.pem"},
		"CA of nothing":      {CA: "guard_test.go"},
		"token for a path":   {Tokens: map[string]string{"https://huggingface.co/me": "s3cret"}},
		"token for a name":   {Tokens: map[string]string{"huggingface.co": "s3cret"}},
		"token for a user":   {Tokens: map[string]string{"https://me:s3cret@huggingface.co": "x"}},
		"token of two lines": {Tokens: map[string]string{"https://huggingface.co": "s3cret\nX-Other: 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := web.New(c)
			if sdk.CodeOf(err) != sdk.CodeInvalid || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %v", err)
			}
		})
	}
}
