package host_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/host"
)

// The bare plugin is one as somebody writes it who has neither Go nor go-plugin: nothing
// but the contract's own services, on a socket with TLS. What it can leave out, and what it
// cannot, is what sdk/PROTOCOL.md says.

// wayEnv makes this test binary the bare plugin; its value is the way that it goes.
const wayEnv = "HOST_TEST_BARE"

func TestMain(m *testing.M) {
	if way, ok := os.LookupEnv(wayEnv); ok {
		bare(way)
		os.Exit(0)
	}
	if file, ok := os.LookupEnv(tellEnv); ok {
		tell(file)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/enginebay/enginebay/sdk/process.fork")) // the thread that forks, for ever
}

// bare serves the contract and greets in one of the ways of certificates and greetings.
func bare(way string) {
	socket := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		panic(err)
	}
	change := certificates[way]
	if change == nil {
		change = func(*identity) {}
	}
	id := newIdentity(change)
	greet := greetings[way]
	if greet == nil {
		greet = func(line string) string { return line }
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println(greet("1|1|unix|" + socket + "|grpc|" + base64.RawStdEncoding.EncodeToString(id.root)))
	plugin := sdk.Plugin{Name: "bare", Version: "1.0.0", Engine: bareEngine{}}
	_ = sdk.ServeOn(context.Background(), tls.NewListener(listener, id.config), plugin, hclog.NewNullLogger())
}

type bareEngine struct{}

func (bareEngine) Load(context.Context, sdk.LoadRequest, func(sdk.Progress)) (sdk.Instance, error) {
	return &bareInstance{make(chan struct{})}, nil
}

type bareInstance struct{ ended chan struct{} }

func (i *bareInstance) Endpoint() sdk.Endpoint {
	return sdk.Endpoint{Handler: http.NotFoundHandler(), Operations: []sdk.Operation{sdk.OpChat}}
}

func (i *bareInstance) Wait() error {
	<-i.ended
	return nil
}

func (i *bareInstance) Close(context.Context) error {
	close(i.ended)
	return nil
}

// identity is what a plugin proves itself with.
type identity struct {
	template *x509.Certificate
	key      crypto.Signer
	issuer   bool   // another certificate signs it, and is the one of the handshake
	root     []byte // DER of the handshake's
	config   *tls.Config
}

// newIdentity is as little as the core takes, with a change.
func newIdentity(change func(*identity)) *identity {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(os.Getenv("PLUGIN_CLIENT_CERT")))
	id := &identity{key: key,
		template: &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour)},
		config:   &tls.Config{NextProtos: []string{"h2"}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}}
	change(id)
	id.sign()
	return id
}

func (id *identity) sign() {
	parent, by := id.template, id.key
	if id.issuer {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		parent, by = &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "issuer"}, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}, key
		if id.root, err = x509.CreateCertificate(rand.Reader, parent, parent, key.Public(), key); err != nil {
			panic(err)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, id.template, parent, id.key.Public(), by)
	if err != nil {
		panic(err)
	}
	if id.root == nil {
		id.root = der
	}
	id.config.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: id.key}}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// certificates are ways to make one.
var certificates = map[string]func(*identity){
	"P-384":                     func(id *identity) { id.key = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) },
	"P-521":                     func(id *identity) { id.key = must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) },
	"RSA":                       func(id *identity) { id.key = must(rsa.GenerateKey(rand.Reader, 2048)) },
	"Ed25519":                   func(id *identity) { _, key, _ := ed25519.GenerateKey(rand.Reader); id.key = key },
	"CA":                        func(id *identity) { id.template.IsCA, id.template.BasicConstraintsValid = true, true },
	"an issuer's":               func(id *identity) { id.issuer = true },
	"for servers":               func(id *identity) { id.template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
	"for clients only":          func(id *identity) { id.template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
	"expired":                   func(id *identity) { id.template.NotAfter = time.Now().Add(-time.Second) },
	"not yet":                   func(id *identity) { id.template.NotBefore = time.Now().Add(time.Hour) },
	"of another name":           func(id *identity) { id.template.DNSNames = []string{"example.com"} },
	"name in CommonName only":   func(id *identity) { id.template.DNSNames, id.template.Subject.CommonName = nil, "localhost" },
	"address only":              func(id *identity) { id.template.DNSNames, id.template.IPAddresses = nil, []net.IP{{127, 0, 0, 1}} },
	"TLS 1.2":                   func(id *identity) { id.config.MaxVersion = tls.VersionTLS12 },
	"TLS 1.1":                   func(id *identity) { id.config.MinVersion, id.config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
	"no ALPN":                   func(id *identity) { id.config.NextProtos = nil },
	"another's certificate":     func(id *identity) { id.root = newIdentity(func(*identity) {}).root },
	"does not ask for a client": func(id *identity) { id.config.ClientAuth = tls.NoClientCert },
}

// greetings are what becomes of the handshake's line.
var greetings = map[string]func(string) string{
	"a line before":         func(line string) string { return "hello from a library\n" + line },
	"a seventh field":       func(line string) string { return line + "|true" },
	"spaces and CR":         func(line string) string { return line + " \r" },
	"padded base64":         func(line string) string { return line + "=" },
	"no certificate":        func(line string) string { return line[:strings.LastIndexByte(line, '|')] },
	"another protocol":      func(line string) string { return strings.Replace(line, "1|1", "1|2", 1) },
	"another core":          func(line string) string { return strings.Replace(line, "1|1", "2|1", 1) },
	"outside of the folder": func(line string) string { return strings.Replace(line, "/s|", "/../../s|", 1) },
	"TCP":                   func(string) string { return "1|1|tcp|127.0.0.1:1|grpc|" },
}

// startBare starts the bare plugin; the error is that of the start.
func startBare(t *testing.T, way string) (*host.Plugin, string, error) {
	t.Helper()
	dir := folder(t)
	p, err := host.Start(t.Context(), host.Config{Path: os.Args[0], Dir: dir, Env: []string{wayEnv + "=" + way, "GORACE=atexit_sleep_ms=0"}, Line: func(string) {}})
	if err != nil {
		return nil, dir, err
	}
	t.Cleanup(func() {
		p.HangUp()
		<-p.Done()
	})
	_, err = p.Describe(t.Context())
	return p, dir, err
}

// TestABarePlugin: the contract's own services are all that a plugin has to serve.
func TestABarePlugin(t *testing.T) {
	p, dir, err := startBare(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Configure(t.Context(), sdk.Configuration{RunDir: dir}); err != nil {
		t.Fatal(err)
	}
	inst, err := p.Load(t.Context(), sdk.LoadRequest{Settings: json.RawMessage(`{}`)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := inst.Wait(); err != nil {
		t.Error(err)
	}
}

// TestCertificates are the demands on a plugin's certificate and TLS, and what is none.
func TestCertificates(t *testing.T) {
	refused := map[string]string{"for clients only": "incompatible key usage", "expired": "expired", "not yet": "not yet valid", "of another name": "not localhost",
		"name in CommonName only": "Common Name", "address only": "valid for", "TLS 1.1": "protocol version", "no ALPN": "ALPN", "another's certificate": "verify"}
	for way := range certificates {
		t.Run(way, func(t *testing.T) { expect(t, way, refused[way]) })
	}
}

// TestGreetings are the demands on the line of the handshake, and what is none.
func TestGreetings(t *testing.T) {
	refused := map[string]string{"padded base64": "base64", "no certificate": "verify", "another protocol": "incompatible", "another core": "incompatible",
		"outside of the folder": "not in its run folder", "TCP": "not in its run folder"}
	for way := range greetings {
		t.Run(way, func(t *testing.T) { expect(t, way, refused[way]) })
	}
}

// expect wants a start to succeed, or to fail with words.
func expect(t *testing.T, way, words string) {
	t.Helper()
	_, _, err := startBare(t, way)
	switch {
	case words == "" && err != nil:
		t.Errorf("it is refused: %v", err)
	case words != "" && (err == nil || !strings.Contains(err.Error(), words)):
		t.Errorf("it is not refused for %q: %v", words, err)
	}
}
