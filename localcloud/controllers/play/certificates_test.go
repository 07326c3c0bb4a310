package play

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
	"kubeflow-on-pulumi.local/localcloud/controllers/authority/authoritytest"
)

func TestASecretIsIssuedAnewWhenItIsForSomethingElse(t *testing.T) {
	ca := authoritytest.New(t)
	spec := certificateSpec{DNSNames: []string{"a.b.svc"}}
	pair, err := ca.Issue(spec.request())
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{certificateNameAnnotation: "cert"}},
		Data:       map[string][]byte{"tls.crt": pair.Certificate, "ca.crt": ca.Bundle()},
	}
	if current(secret, "cert", spec, ca.Bundle()) == nil {
		t.Error("a good certificate was refused")
	}
	if current(secret, "other", spec, ca.Bundle()) != nil {
		t.Error("another Certificate's Secret was taken")
	}
	if current(secret, "cert", certificateSpec{DNSNames: []string{"c.b.svc"}}, ca.Bundle()) != nil {
		t.Error("a certificate for other names was taken")
	}
	if current(secret, "cert", spec, authoritytest.New(t).Bundle()) != nil {
		t.Error("another authority's certificate was taken")
	}
	secret.Data["tls.crt"] = []byte("junk")
	if current(secret, "cert", spec, ca.Bundle()) != nil {
		t.Error("junk was taken")
	}
}

func TestACertificateReadsItsSpec(t *testing.T) {
	spec, err := readCertificate(&unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"secretName": "tls", "dnsNames": []any{"a"}, "ipAddresses": []any{"10.0.0.1"}, "duration": "2h", "isCA": true,
		"issuerRef": map[string]any{"name": "self"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	request := spec.request()
	if spec.SecretName != "tls" || spec.IssuerRef.Kind != "Issuer" || request.Lifetime != 2*time.Hour || !request.CA ||
		request.IPs[0].String() != "10.0.0.1" {
		t.Errorf("read as %+v", spec)
	}
	if _, err := authority.Parse(nil); err == nil {
		t.Error("nothing was parsed as a certificate")
	}
}

func TestAConditionMovesItsTimeOnlyWithItsStatus(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": []any{
		map[string]any{"type": "Ready", "status": "False", "lastTransitionTime": "2020-01-01T00:00:00Z"},
	}}}}
	if !setCondition(object, "Ready", "False", "Waiting", "not yet") {
		t.Error("a new reason is a change")
	}
	moment := func() any {
		conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
		return conditions[0].(map[string]any)["lastTransitionTime"]
	}
	if moment() != "2020-01-01T00:00:00Z" {
		t.Error("the time moved without the status")
	}
	if setCondition(object, "Ready", "False", "Waiting", "not yet") {
		t.Error("the same condition counted as a change")
	}
	if !setCondition(object, "Ready", "True", "Ready", "") || conditionStatus(object, "Ready") != "True" ||
		moment() == "2020-01-01T00:00:00Z" {
		t.Error("the status did not move")
	}
}
