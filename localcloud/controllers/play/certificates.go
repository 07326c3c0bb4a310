package play

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
)

const (
	certificateNameAnnotation = "cert-manager.io/certificate-name"
	directInjectionAnnotation = "cert-manager.io/allow-direct-injection"
)

// certificateSpec is what is read of a Certificate's spec.
type certificateSpec struct {
	CommonName  string           `json:"commonName"`
	DNSNames    []string         `json:"dnsNames"`
	IPAddresses []string         `json:"ipAddresses"`
	URIs        []string         `json:"uris"`
	Duration    *metav1.Duration `json:"duration"`
	IsCA        bool             `json:"isCA"`
	SecretName  string           `json:"secretName"`
	IssuerRef   struct {
		Kind  string `json:"kind"`
		Name  string `json:"name"`
		Group string `json:"group"`
	} `json:"issuerRef"`
	SecretTemplate struct {
		Annotations map[string]string `json:"annotations"`
		Labels      map[string]string `json:"labels"`
	} `json:"secretTemplate"`
}

func readCertificate(object *unstructured.Unstructured) (certificateSpec, error) {
	var certificate struct {
		Spec certificateSpec `json:"spec"`
	}
	err := fromUnstructured(object, &certificate)
	if certificate.Spec.IssuerRef.Kind == "" {
		certificate.Spec.IssuerRef.Kind = "Issuer"
	}
	return certificate.Spec, err
}

func (s certificateSpec) request() authority.Request {
	request := authority.Request{CommonName: s.CommonName, DNSNames: s.DNSNames, URIs: s.URIs, CA: s.IsCA}
	for _, address := range s.IPAddresses {
		request.IPs = append(request.IPs, net.ParseIP(address))
	}
	if s.Duration != nil {
		request.Lifetime = s.Duration.Duration
	}
	return request
}

func (c *Cluster) playCertificates() error {
	l, err := c.play("certificates", c.syncCertificates,
		c.informers.Apps().V1().Deployments().Informer(), c.informers.Core().V1().Secrets().Informer())
	if err != nil {
		return err
	}
	c.kinds.want(l, certificates, issuers, clusterIssuers)
	return nil
}

func (c *Cluster) syncCertificates(ctx context.Context) error {
	controller, err := c.available(named(certManager))
	if err != nil || controller == nil {
		return err
	}
	resource, objects := c.kinds.list(certificates)
	return each(objects, func(object *unstructured.Unstructured) error {
		if object.GetDeletionTimestamp() != nil {
			return nil
		}
		if err := c.syncCertificate(ctx, resource, object); err != nil {
			return fmt.Errorf("issuing the Certificate %s: %w", name(object), err)
		}
		return nil
	})
}

// syncCertificate writes the Secret of a Certificate whose issuer is ready, and the Certificate's status.
func (c *Cluster) syncCertificate(
	ctx context.Context,
	resource schema.GroupVersionResource,
	object *unstructured.Unstructured,
) error {
	spec, err := readCertificate(object)
	if err != nil {
		return err
	}
	leaf, err := c.issued(object, spec)
	if err != nil {
		return err
	}
	if leaf == nil && c.issuerReady(object.GetNamespace(), spec) {
		if leaf, err = c.issue(ctx, object, spec); err != nil {
			return err
		}
	}
	var changed bool
	if leaf == nil {
		changed = setCondition(object, "Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist")
	} else {
		changed = setCondition(object, "Ready", "True", "Ready", "Certificate is up to date and has not expired")
		for field, value := range map[string]any{
			"notBefore":   leaf.notBefore.Format(time.RFC3339),
			"notAfter":    leaf.notAfter.Format(time.RFC3339),
			"renewalTime": leaf.notAfter.Add(-leaf.notAfter.Sub(leaf.notBefore) / 3).Format(time.RFC3339),
			"revision":    int64(1),
		} {
			if current, _, _ := unstructured.NestedFieldNoCopy(object.Object, "status", field); current != value {
				changed = true
				_ = unstructured.SetNestedField(object.Object, value, "status", field)
			}
		}
	}
	if !changed {
		return nil
	}
	_, err = c.dynamic.Resource(resource).Namespace(object.GetNamespace()).
		UpdateStatus(ctx, object, metav1.UpdateOptions{FieldManager: "cert-manager-certificates-readiness"})
	return err
}

type validity struct{ notBefore, notAfter time.Time }

// issued gives the validity of the certificate in the Secret, nil unless it is for what is asked now.
func (c *Cluster) issued(object *unstructured.Unstructured, spec certificateSpec) (*validity, error) {
	secret, err := c.informers.Core().V1().Secrets().Lister().Secrets(object.GetNamespace()).Get(spec.SecretName)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return current(secret, object.GetName(), spec, c.Authority.Bundle()), nil
}

func current(secret *corev1.Secret, certificate string, spec certificateSpec, bundle []byte) *validity {
	if secret.Annotations[certificateNameAnnotation] != certificate || string(secret.Data["ca.crt"]) != string(bundle) {
		return nil
	}
	leaf, err := authority.Parse(secret.Data[corev1.TLSCertKey])
	if err != nil || !slices.Equal(leaf.DNSNames, spec.DNSNames) || time.Now().After(leaf.NotAfter) {
		return nil
	}
	return &validity{leaf.NotBefore, leaf.NotAfter}
}

func (c *Cluster) issuerReady(namespace string, spec certificateSpec) bool {
	crd := issuers
	if spec.IssuerRef.Kind == "ClusterIssuer" {
		crd, namespace = clusterIssuers, ""
	}
	_, objects := c.kinds.list(crd)
	for _, issuer := range objects {
		if issuer.GetName() == spec.IssuerRef.Name && issuer.GetNamespace() == namespace {
			return conditionStatus(issuer, "Ready") == "True"
		}
	}
	return false
}

// issue writes the Secret, by server-side apply as cert-manager does; the Secret has no owner, so
// it outlives its Certificate, as cert-manager's do unless told otherwise.
func (c *Cluster) issue(
	ctx context.Context,
	object *unstructured.Unstructured,
	spec certificateSpec,
) (*validity, error) {
	pair, err := c.Authority.Issue(spec.request())
	if err != nil {
		return nil, err
	}
	group := spec.IssuerRef.Group
	annotations := map[string]string{
		certificateNameAnnotation:      object.GetName(),
		"cert-manager.io/issuer-name":  spec.IssuerRef.Name,
		"cert-manager.io/issuer-kind":  spec.IssuerRef.Kind,
		"cert-manager.io/issuer-group": group,
		"cert-manager.io/common-name":  spec.CommonName,
	}
	labels := map[string]string{"controller.cert-manager.io/fao": "true"}
	for key, value := range spec.SecretTemplate.Annotations {
		annotations[key] = value
	}
	for key, value := range spec.SecretTemplate.Labels {
		labels[key] = value
	}
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   object.GetNamespace(),
			Name:        spec.SecretName,
			Annotations: annotations,
			Labels:      labels,
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{
			corev1.TLSCertKey: pair.Certificate, corev1.TLSPrivateKeyKey: pair.Key, "ca.crt": c.Authority.Bundle(),
		},
	}
	if err := c.applySecret(ctx, secret, "cert-manager-certificates-issuing"); err != nil {
		return nil, err
	}
	c.Log.Info("issued", "certificate", name(object), "secret", spec.SecretName)
	return &validity{pair.NotBefore, pair.NotAfter}, nil
}

func (c *Cluster) applySecret(ctx context.Context, secret *corev1.Secret, manager string) error {
	text, err := json.Marshal(secret)
	if err != nil {
		return err
	}
	force := true
	_, err = c.client.CoreV1().Secrets(secret.Namespace).Patch(ctx, secret.Name, types.ApplyPatchType, text,
		metav1.PatchOptions{FieldManager: manager, Force: &force})
	return err
}
