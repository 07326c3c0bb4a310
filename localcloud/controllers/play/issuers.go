package play

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Names of cert-manager's Deployments. Labels would not do: releases of Kubeflow overwrite
// app.kubernetes.io/name and component with the same value on all three.
const (
	certManager        = "cert-manager"
	certManagerInject  = "cert-manager-cainjector"
	certManagerWebhook = "cert-manager-webhook"
)

// named picks Deployments of this name.
func named(name string) func(*appsv1.Deployment) bool {
	return func(deployment *appsv1.Deployment) bool { return deployment.Name == name }
}

func (c *Cluster) playIssuers() error {
	l, err := c.play("issuers", c.syncIssuers,
		c.informers.Apps().V1().Deployments().Informer(), c.informers.Core().V1().Secrets().Informer())
	if err != nil {
		return err
	}
	c.kinds.want(l, issuers, clusterIssuers)
	return nil
}

// syncIssuers says of every issuer whether it can issue.
func (c *Cluster) syncIssuers(ctx context.Context) error {
	controller, err := c.available(named(certManager))
	if err != nil || controller == nil {
		return err
	}
	return each([]string{issuers, clusterIssuers}, func(crd string) error {
		resource, objects := c.kinds.list(crd)
		return each(objects, func(issuer *unstructured.Unstructured) error {
			status, reason, message := c.issuerState(issuer, controller.Namespace)
			if issuer.GetDeletionTimestamp() != nil || !setCondition(issuer, "Ready", status, reason, message) {
				return nil
			}
			_, err := c.dynamic.Resource(resource).Namespace(issuer.GetNamespace()).
				UpdateStatus(ctx, issuer, metav1.UpdateOptions{FieldManager: "cert-manager-issuers"})
			return err
		})
	})
}

// issuerState judges an issuer as cert-manager would: a self-signed one is ready, one with an
// authority of its own needs that authority's Secret (in the controller's namespace, for a
// ClusterIssuer), and one that would ask a server outside cannot be played.
func (c *Cluster) issuerState(
	issuer *unstructured.Unstructured,
	controllerNamespace string,
) (status, reason, message string) {
	spec, _, _ := unstructured.NestedMap(issuer.Object, "spec")
	if _, ok := spec["selfSigned"]; ok {
		return "True", "IsReady", "Self-signed issuer is ready"
	}
	if _, ok := spec["ca"]; !ok {
		return "False", "NotPlayed", "the local control plane plays self-signed and CA issuers only"
	}
	secretName, _, _ := unstructured.NestedString(issuer.Object, "spec", "ca", "secretName")
	namespace := issuer.GetNamespace()
	if namespace == "" {
		namespace = controllerNamespace
	}
	secret, err := c.informers.Core().V1().Secrets().Lister().Secrets(namespace).Get(secretName)
	if err != nil || len(secret.Data[corev1.TLSCertKey]) == 0 || len(secret.Data[corev1.TLSPrivateKeyKey]) == 0 {
		return "False", "ErrGetKeyPair", "the Secret " + namespace + "/" + secretName + " holds no key pair"
	}
	return "True", "KeyPairVerified", "Signing CA verified"
}
