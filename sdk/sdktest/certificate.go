package sdktest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"

	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// strangerRefused: whoever has not the core's certificate is not answered. In TLS 1.3 a
// caller learns so with the first thing that it reads; a gRPC server that takes it sends
// its settings.
func strangerRefused(t T, socket string) {
	t.Helper()
	raw, err := net.DialTimeout("unix", socket, patience)
	if err != nil {
		t.Errorf("the socket of the handshake: %v", err)
		return
	}
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) // whoever it is, it is to refuse us
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		return
	}
	if n, _ := conn.Read(make([]byte, 9)); n > 0 {
		t.Errorf("it answers a caller without the certificate of PLUGIN_CLIENT_CERT; it must ask for one in TLS, and take no other")
	}
}

// handshakeEnv are the variables that the core starts a plugin with: the cookie, the
// protocols that it speaks, and its certificate for this one plugin.
func handshakeEnv(t T) []string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "localhost", Organization: []string{"HashiCorp"}}, // as go-plugin's are
		DNSNames:              []string{"localhost"},
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Minute),
		NotAfter:              time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return []string{pluginpb.CookieKey + "=" + pluginpb.CookieValue, "PLUGIN_PROTOCOL_VERSIONS=1",
		"PLUGIN_MIN_PORT=10000", "PLUGIN_MAX_PORT=25000", "PLUGIN_CLIENT_CERT=" + string(certificate)}
}
