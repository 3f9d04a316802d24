package egress_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/egress"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

func TestMain(m *testing.M) {
	if socket := os.Getenv(socketEnv); socket != "" {
		fmt.Print(answer(socket))
		return
	}
	goleak.VerifyTestMain(m)
}

// socketEnv makes this program one that asks at a socket, and prints the answer.
const socketEnv = "EGRESS_TEST_SOCKET"

// answer is the first line that comes of a request which no proxy takes; empty where
// nobody answers.
func answer(socket string) (line string) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	text, _ := io.ReadAll(io.LimitReader(conn, int64(len("HTTP/1.1 400"))))
	return string(text)
}

// plugin is a client as one in a plugin's process, and the log of its proxy.
func plugin(t *testing.T, rules egress.Rules, c web.Config) (*http.Client, *journal) {
	t.Helper()
	socket, log := listen(t, rules)
	t.Setenv(sdk.EnvProxy, "unix:"+socket)
	client, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client, log
}

func listen(t *testing.T, rules egress.Rules) (socket string, log *journal) {
	t.Helper()
	dir, err := os.MkdirTemp("", "eg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	log = &journal{}
	socket = filepath.Join(dir, "s")
	p, err := egress.Listen(socket, rules, hclog.New(&hclog.LoggerOptions{Output: log}))
	if err != nil {
		t.Fatal(err)
	}
	p.Admit(os.Getpid())
	t.Cleanup(p.Close)
	return socket, log
}

// journal is a log that tests look into.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func noProxy(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
}

func serve(t *testing.T, handler http.HandlerFunc) (s *httptest.Server, port string) {
	t.Helper()
	s = httptest.NewServer(handler)
	t.Cleanup(s.Close)
	_, port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return s, port
}

func get(client *http.Client, address string) (string, error) {
	answer, err := client.Get(address)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return fmt.Sprint(answer.StatusCode, " ", string(text)), err
}

// TestHosts: which hosts and ports are reached, by which rules.
func TestHosts(t *testing.T) {
	noProxy(t)
	s, port := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello ", r.Host) })
	_, otherPort := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "other") })
	names(t, map[string]netip.Addr{"hub.example.com.": netip.MustParseAddr("127.0.0.1"), "hub.lan.": netip.MustParseAddr("127.0.0.1"),
		"meta.example.com.": netip.MustParseAddr("169.254.169.254"), "six.example.com.": netip.MustParseAddr("::ffff:10.0.0.1")})
	for name, test := range map[string]struct {
		rules   egress.Rules
		address string
		says    string // of the refusal; empty is none
	}{
		"named by the operator":            {egress.Rules{Named: []string{"hub.lan"}}, "http://hub.lan:" + port, ""},
		"named with its port":              {egress.Rules{Named: []string{"hub.lan:" + port}}, "http://hub.lan:" + port, ""},
		"named as an address":              {egress.Rules{Named: []string{"http://hub.lan:" + port + "/api"}}, "http://hub.lan:" + port + "/x", ""},
		"in other letters":                 {egress.Rules{Named: []string{"HUB.lan"}}, "http://Hub.LAN:" + port, ""},
		"in a prefix":                      {egress.Rules{Named: []string{"127.0.0.0/8"}}, s.URL, ""},
		"everything, by the operator":      {egress.Rules{Named: []string{"*"}}, s.URL, ""},
		"another port of it":               {egress.Rules{Named: []string{s.URL}}, "http://127.0.0.1:" + otherPort, "is not among the hosts"},
		"another host":                     {egress.Rules{Named: []string{"hub.lan"}}, "http://hub.example.com:" + port, "is not among the hosts"},
		"nothing":                          {egress.Rules{}, "http://example.com", "is not among the hosts"},
		"a name that leads inside":         {egress.Rules{Hosts: []string{"hub.example.com:" + port}}, "http://hub.example.com:" + port, "in a private or reserved network"},
		"a name below, that leads inside":  {egress.Rules{Hosts: []string{"*.example.com:" + port}}, "http://hub.example.com:" + port, "in a private or reserved network"},
		"anything, that leads inside":      {egress.Rules{Hosts: []string{"*"}}, "http://hub.example.com", "in a private or reserved network"},
		"IPv6 that leads inside":           {egress.Rules{Hosts: []string{"*"}}, "http://six.example.com", "in a private or reserved network"},
		"metadata":                         {egress.Rules{Hosts: []string{"*"}}, "http://meta.example.com", "in a private or reserved network"},
		"metadata, by its address":         {egress.Rules{Hosts: []string{"*"}, Named: []string{"*"}}, "http://169.254.169.254/", "in a private or reserved network"},
		"this machine":                     {egress.Rules{Hosts: []string{"*"}}, "http://localhost", "in a private or reserved network"},
		"this machine in another spelling": {egress.Rules{Hosts: []string{"*"}}, "http://0x7f000001", "neither the name of a host"},
		"another port of a host":           {egress.Rules{Hosts: []string{"hub.example.com"}}, "http://hub.example.com:22", "is not among the hosts"},
		"https at another port":            {egress.Rules{Hosts: []string{"hub.example.com"}}, "https://hub.example.com:22", "is not among the hosts"},
		"the host above":                   {egress.Rules{Hosts: []string{"*.example.com"}}, "https://example.com", "is not among the hosts"},
		"a host that ends like it":         {egress.Rules{Hosts: []string{"*.example.com"}}, "https://evilexample.com", "is not among the hosts"},
		"https to another host":            {egress.Rules{Hosts: []string{"hub.example.com"}}, "https://other.example.com", "is not among the hosts"},
	} {
		t.Run(name, func(t *testing.T) {
			client, log := plugin(t, test.rules, web.Config{})
			text, err := get(client, test.address)
			if test.says == "" {
				if err != nil || !strings.HasPrefix(text, "200 hello ") {
					t.Errorf("%s: %q, %v", test.address, text, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.says) || sdk.CodeOf(err) != sdk.CodeInvalid {
				t.Errorf("%s: %q, %v; want %q", test.address, text, err, test.says)
			}
			if !strings.Contains(log.String(), "wants to reach a host that it may not") {
				t.Errorf("the log says %q", log)
			}
		})
	}
}

// TestRedirects: each hop is looked at.
func TestRedirects(t *testing.T) {
	noProxy(t)
	inside, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "inside") })
	hub, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside.URL, http.StatusFound) })
	client, _ := plugin(t, egress.Rules{Named: []string{hub.URL}}, web.Config{})
	if text, err := get(client, hub.URL); err == nil || !strings.Contains(err.Error(), "is not among the hosts") {
		t.Errorf("%q, %v", text, err)
	}
	client, _ = plugin(t, egress.Rules{Named: []string{hub.URL, inside.URL}}, web.Config{})
	if text, err := get(client, hub.URL); text != "200 inside" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestRawRequests: what no honest client says.
func TestRawRequests(t *testing.T) {
	noProxy(t)
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(web.HeaderRefused, "no%20entry") // as if the core had said it
		fmt.Fprintf(w, "host %s, path %s, proxy %q", r.Host, r.URL.Path, r.Header.Get("Proxy-Authorization"))
	})
	_, secret := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret") })
	host := strings.TrimPrefix(s.URL, "http://")
	socket, _ := listen(t, egress.Rules{Named: []string{s.URL}})
	for name, test := range map[string]struct{ request, want string }{
		"an address in full":        {"GET http://" + host + "/x HTTP/1.1\r\nHost: " + host + "\r\nProxy-Authorization: Basic eDp5\r\n\r\n", `200 host ` + host + `, path /x, proxy ""`},
		"another Host":              {"GET http://" + host + "/x HTTP/1.1\r\nHost: 127.0.0.1:" + secret + "\r\n\r\n", "200 host " + host},
		"a path alone":              {"GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", "400 this is a proxy"},
		"https in full":             {"GET https://" + host + "/ HTTP/1.1\r\nHost: " + host + "\r\n\r\n", "400 this is a proxy"},
		"another scheme":            {"GET ftp://" + host + "/ HTTP/1.1\r\nHost: " + host + "\r\n\r\n", "400 this is a proxy"},
		"a user in the address":     {"GET http://127.0.0.1@127.0.0.1:" + secret + "/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"a host with a fragment":    {"GET http://127.0.0.1:" + secret + "#@" + host + "/ HTTP/1.1\r\nHost: x\r\n\r\n", "40"},
		"CONNECT":                   {"CONNECT 127.0.0.1:" + secret + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n", "403"},
		"CONNECT without a port":    {"CONNECT 127.0.0.1 HTTP/1.1\r\nHost: " + host + "\r\n\r\n", "40"},
		"CONNECT to a path":         {"CONNECT /secret HTTP/1.1\r\nHost: 127.0.0.1:" + secret + "\r\n\r\n", "40"},
		"CONNECT with another Host": {"CONNECT " + host + " HTTP/1.1\r\nHost: 127.0.0.1:" + secret + "\r\n\r\nGET /t HTTP/1.0\r\nHost: t\r\n\r\n", "200 host t, path /t"},
		"smuggled in a body":        {"POST http://" + host + "/x HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET http://127.0.0.1:" + secret + "/ HTTP/1.1\r\nHost: x\r\n\r\n", "200 host " + host},
		"nonsense":                  {"\x00\x01\x02\r\n\r\n", "400"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.WriteString(conn, test.request); err != nil {
				t.Fatal(err)
			}
			read := bufio.NewReader(conn)
			text := ""
			for range 2 { // CONNECT answers by itself first
				answer, err := http.ReadResponse(read, &http.Request{Method: strings.Fields(test.request + " x")[0]})
				if err != nil {
					break
				}
				body, _ := io.ReadAll(answer.Body)
				if _, inside, ok := bytes.Cut(body, []byte("\r\n\r\n")); ok { // of a tunnel: an answer as a whole
					body = inside
				}
				text += fmt.Sprint(answer.StatusCode, " ", string(body))
				if answer.Header.Get(web.HeaderRefused) != "" && answer.StatusCode == 200 {
					t.Error("the server beyond speaks for the core")
				}
				if !strings.HasPrefix(name, "smuggled") {
					break
				}
			}
			if !strings.HasPrefix(text, test.want) || strings.Contains(text, "secret") {
				t.Errorf("%q; want %q", text, test.want)
			}
		})
	}
}

// TestTLSGoesThrough: the tunnel is the plugin's own, with the certificate of the host.
func TestTLSGoesThrough(t *testing.T) {
	noProxy(t)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "over TLS") }))
	t.Cleanup(s.Close)
	socket, _ := listen(t, egress.Rules{Named: []string{s.URL}})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n", strings.TrimPrefix(s.URL, "https://"))
	if answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "CONNECT"}); err != nil || answer.StatusCode != 200 {
		t.Fatal(answer, err)
	}
	inside := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "example.com"})
	fmt.Fprint(inside, "GET / HTTP/1.0\r\n\r\n")
	if text, err := io.ReadAll(inside); err != nil || !strings.HasSuffix(string(text), "over TLS") {
		t.Errorf("%q, %v", text, err)
	}
}

// TestTheServersProxy is gone through, with its password, which stays here.
func TestTheServersProxy(t *testing.T) {
	noProxy(t)
	var asked []string
	var mu sync.Mutex
	upstream, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.Host+" "+r.Header.Get("Proxy-Authorization"))
		mu.Unlock()
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		fmt.Fprint(w, "by way of the proxy")
	})
	u, _ := url.Parse(upstream.URL)
	u.User = url.UserPassword("me", "swordfish")
	t.Setenv("HTTP_PROXY", u.String())
	t.Setenv("HTTPS_PROXY", u.String())
	client, log := plugin(t, egress.Rules{Hosts: []string{"hub.example.com"}}, web.Config{})
	if text, err := get(client, "http://hub.example.com/x"); text != "200 by way of the proxy" {
		t.Errorf("%q, %v", text, err)
	}
	_, err := get(client, "https://hub.example.com/x")
	if err == nil || !strings.Contains(err.Error(), "the server's proxy answers 407") {
		t.Errorf("%v", err)
	}
	if _, err := get(client, "https://other.example.com/x"); err == nil || !strings.Contains(err.Error(), "is not among the hosts") {
		t.Errorf("%v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []string{"GET hub.example.com Basic bWU6c3dvcmRmaXNo", "CONNECT hub.example.com:443 Basic bWU6c3dvcmRmaXNo"}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("the proxy was asked %q; want %q", asked, want)
	}
	if strings.Contains(log.String()+fmt.Sprint(err), "swordfish") || strings.Contains(log.String(), "bWU6") {
		t.Errorf("the password is told: %s %v", log, err)
	}
}

// TestNoAnswer: a host that is not there is no rule's fault, and may be asked again.
func TestNoAnswer(t *testing.T) {
	noProxy(t)
	names(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + l.Addr().String()
	l.Close()
	client, log := plugin(t, egress.Rules{Named: []string{dead}, Hosts: []string{"nobody.example.com"}}, web.Config{})
	for address, says := range map[string]string{dead: "connection refused", "https://nobody.example.com": "no such host", "http://nobody.example.com": "no such host"} {
		if _, err := get(client, address); err == nil || !strings.Contains(err.Error(), says) || sdk.CodeOf(err) == sdk.CodeInvalid {
			t.Errorf("%s: %v", address, err)
		}
	}
	if log.String() != "" {
		t.Errorf("the log says %s", log)
	}
}

// TestCloseEndsTunnels: nothing is left of a plugin's connections.
func TestCloseEndsTunnels(t *testing.T) {
	noProxy(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	p, err := egress.Listen(filepath.Join(dir, "s"), egress.Rules{Named: []string{l.Addr().String()}}, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	p.Admit(os.Getpid())
	conn, err := net.Dial("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n", l.Addr())
	there, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "CONNECT"}); err != nil || answer.StatusCode != 200 {
		t.Fatal(answer, err)
	}
	p.Close()
	if n, err := there.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes of a tunnel that is closed", n)
	}
	if info, err := os.Stat(filepath.Join(dir, "s")); err == nil {
		t.Errorf("the socket is there: %v", info.Mode())
	}
}

// TestNoUpgrades: a connection that becomes something else would outlive Close.
func TestNoUpgrades(t *testing.T) {
	noProxy(t)
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade")+r.Header.Get("Connection") == "" {
			fmt.Fprint(w, "as it is")
			return
		}
		w.Header().Set("Connection", "upgrade")
		w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	socket, _ := listen(t, egress.Rules{Named: []string{s.URL}})
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s/ HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n", s.URL)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", answer, err)
	}
}

// TestBadRules are said with the file in hand.
func TestBadRules(t *testing.T) {
	for _, named := range []string{"a b", "user@host"} {
		if _, err := egress.Listen(filepath.Join(t.TempDir(), "s"), egress.Rules{Named: []string{named}}, hclog.NewNullLogger()); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%q: %v", named, err)
		}
	}
}
