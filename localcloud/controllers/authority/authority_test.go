package authority_test

import (
	"crypto/x509"
	"testing"
	"time"

	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
	"kubeflow-on-pulumi.local/localcloud/controllers/authority/authoritytest"
)

func TestAnIssuedCertificateIsTrustedForItsNamesOnly(t *testing.T) {
	ca := authoritytest.New(t)
	pair, err := ca.Issue(authority.Request{DNSNames: []string{"webhook.team.svc"}, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Parse(pair.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca.Bundle()) {
		t.Fatal("the bundle holds no certificate")
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "webhook.team.svc"}); err != nil {
		t.Errorf("refused for its own name: %v", err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.team.svc"}); err == nil {
		t.Error("trusted for a name it was not issued for")
	}
	if lifetime := leaf.NotAfter.Sub(leaf.NotBefore); lifetime > time.Hour+2*time.Minute {
		t.Errorf("lives %s, asked for an hour", lifetime)
	}
	if leaf.IsCA {
		t.Error("a plain certificate may not sign others")
	}
}

func TestAnotherAuthorityIsNotTrusted(t *testing.T) {
	pair, err := authoritytest.New(t).Issue(authority.Request{DNSNames: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Parse(pair.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authoritytest.New(t).Bundle())
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "a"}); err == nil {
		t.Error("trusted by an authority that did not sign it")
	}
}

func TestAServersCertificateIsMadeOnce(t *testing.T) {
	ca := authoritytest.New(t)
	first, err := ca.Server("a.b.svc")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ca.Server("a.b.svc")
	if err != nil {
		t.Fatal(err)
	}
	other, err := ca.Server("c.b.svc")
	if err != nil {
		t.Fatal(err)
	}
	if first != again || first == other {
		t.Error("one certificate a name, and no more")
	}
}

func TestAPlainCertificateIsNoAuthority(t *testing.T) {
	pair, err := authoritytest.New(t).Issue(authority.Request{DNSNames: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authority.New(pair.Certificate, pair.Key); err == nil {
		t.Error("a certificate that may not sign was taken as an authority")
	}
}
