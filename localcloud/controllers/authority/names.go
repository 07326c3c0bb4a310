package authority

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
)

// Parse reads the first certificate of a PEM text.
func Parse(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("not a PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

func parseURIs(texts []string) ([]*url.URL, error) {
	uris := make([]*url.URL, 0, len(texts))
	for _, text := range texts {
		uri, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("URI %q of a certificate: %w", text, err)
		}
		uris = append(uris, uri)
	}
	return uris, nil
}
