// Package authority is the local certificate authority: the one that every caBundle on the local
// control plane names, and that signs what webhook backends and cert-manager would serve.
package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"sync"
	"time"
)

// Lifetime of a certificate whose request names none; cert-manager's default is 90 days too.
const Lifetime = 90 * 24 * time.Hour

// Authority signs certificates. It is safe for concurrent use.
type Authority struct {
	bundle      []byte
	certificate *x509.Certificate
	key         crypto.Signer

	mu      sync.Mutex
	servers map[string]*tls.Certificate
}

// Request is what a certificate is asked for.
type Request struct {
	CommonName string
	DNSNames   []string
	IPs        []net.IP
	URIs       []string
	Lifetime   time.Duration
	CA         bool
}

// Pair is a signed certificate and its key, both PEM.
type Pair struct {
	Certificate, Key    []byte
	NotBefore, NotAfter time.Time
}

// Load reads the authority's certificate and key, both PEM files.
func Load(certificateFile, keyFile string) (*Authority, error) {
	bundle, err := os.ReadFile(certificateFile)
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	authority, err := New(bundle, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the authority in %s and %s cannot be used: %w", certificateFile, keyFile, err)
	}
	return authority, nil
}

// New makes an authority of a PEM certificate and its PEM key.
func New(bundle, keyPEM []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(bundle, keyPEM)
	if err != nil {
		return nil, err
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("its key cannot sign")
	}
	if !pair.Leaf.IsCA {
		return nil, errors.New("its certificate is not that of an authority")
	}
	return &Authority{bundle: bundle, certificate: pair.Leaf, key: signer, servers: map[string]*tls.Certificate{}}, nil
}

// Bundle is the authority's own certificate as PEM: what caBundle and ca.crt hold.
func (a *Authority) Bundle() []byte { return a.bundle }

// Issue makes a new key and signs a certificate for it.
func (a *Authority) Issue(request Request) (Pair, error) {
	// P-256 whatever was asked: nothing here depends on the algorithm, and RSA costs a tenth of a second a key.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Pair{}, err
	}
	lifetime := request.Lifetime
	if lifetime <= 0 {
		lifetime = Lifetime
	}
	uris, err := parseURIs(request.URIs)
	if err != nil {
		return Pair{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: request.CommonName},
		DNSNames:              request.DNSNames,
		IPAddresses:           request.IPs,
		URIs:                  uris,
		NotBefore:             now.Add(-time.Minute), // clocks of one machine, but seconds are truncated
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if request.CA {
		template.IsCA = true
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return Pair{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		NotBefore:   template.NotBefore,
		NotAfter:    template.NotAfter,
	}, nil
}

// Server gives the certificate with which the backend of host ends TLS; it is made once.
func (a *Authority) Server(host string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.servers[host]; ok && time.Until(known.Leaf.NotAfter) > time.Hour {
		return known, nil
	}
	pair, err := a.Issue(Request{CommonName: host, DNSNames: []string{host}})
	if err != nil {
		return nil, err
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return nil, err
	}
	a.servers[host] = &certificate
	return &certificate, nil
}
