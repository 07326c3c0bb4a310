package play

import (
	"context"
	"encoding/json"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
)

// Facts on the cache deployer of Pipelines: kubeflow/pipelines 2.16.0, backend/src/cache/deployer. Its script runs
// once for each pod; what it makes nobody owns. The distribution's releases have cert-manager in its place. Here a
// signer of kubelet-serving certificates answers it, which EKS has not (kubeflow/community-distribution#2165), and
// the CertificateSigningRequest, which goes after an hour, is left out.
const (
	cacheDeployer = "cache-deployer-deployment"
	cacheServer   = "cache-server"
	cacheSecret   = "webhook-server-tls"
	kubectlApply  = "kubectl-client-side-apply"
	lastApplied   = corev1.LastAppliedConfigAnnotation
)

func (c *Cluster) playCacheDeployer() error {
	_, err := c.play("cache deployer", c.syncCacheDeployer, c.informers.Core().V1().Pods().Informer())
	return err
}

func (c *Cluster) syncCacheDeployer(ctx context.Context) error {
	pods, err := c.informers.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	return each(pods, func(pod *corev1.Pod) error {
		if workload(pod) != cacheDeployer || pod.Status.Phase != corev1.PodRunning || c.deployed[pod.UID] {
			return nil
		}
		if err := c.deployCache(ctx, pod.Namespace); err != nil {
			return err
		}
		c.deployed[pod.UID] = true
		return nil
	})
}

// deployCache makes the Secret and the configuration unless both are there, first taking away the one that is.
func (c *Cluster) deployCache(ctx context.Context, namespace string) error {
	secrets := c.client.CoreV1().Secrets(namespace)
	configurations := c.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := c.cacheConfiguration(namespace)
	if err != nil {
		return err
	}
	_, noSecret := secrets.Get(ctx, cacheSecret, metav1.GetOptions{})
	_, noHook := configurations.Get(ctx, configuration.Name, metav1.GetOptions{})
	if noSecret == nil && noHook == nil {
		return nil
	}
	for _, err := range []error{noSecret, noHook} {
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	if noSecret == nil {
		if err := secrets.Delete(ctx, cacheSecret, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	if noHook == nil {
		if err := configurations.Delete(ctx, configuration.Name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	service := admission.Service{Namespace: namespace, Name: cacheServer}
	pair, err := c.Authority.Issue(authority.Request{CommonName: service.Host(), DNSNames: []string{
		cacheServer, cacheServer + "." + namespace, service.Host(),
	}})
	if err != nil {
		return err
	}
	options := metav1.CreateOptions{FieldManager: kubectlApply}
	secret := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: cacheSecret},
		Data:       map[string][]byte{"key.pem": pair.Key, "cert.pem": pair.Certificate},
	}
	if err := applied(secret); err != nil {
		return err
	}
	if _, err := secrets.Create(ctx, secret, options); err != nil {
		return err
	}
	if _, err := configurations.Create(ctx, configuration, options); err != nil {
		return err
	}
	c.Log.Info("deployed the cache's webhook", "configuration", configuration.Name)
	return nil
}

func (c *Cluster) cacheConfiguration(
	namespace string,
) (*admissionregistrationv1.MutatingWebhookConfiguration, error) {
	path, none := "/mutate", admissionregistrationv1.SideEffectClassNone
	ignore, seconds := admissionregistrationv1.Ignore, int32(5)
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{
		TypeMeta: metav1.TypeMeta{
			APIVersion: "admissionregistration.k8s.io/v1",
			Kind:       "MutatingWebhookConfiguration",
		},
		ObjectMeta: metav1.ObjectMeta{Name: "cache-webhook-" + namespace},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: cacheServer + "." + namespace + ".svc",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				Service:  &admissionregistrationv1.ServiceReference{Namespace: namespace, Name: cacheServer, Path: &path},
				CABundle: c.Authority.Bundle(),
			},
			FailurePolicy: &ignore,
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"},
				},
			}},
			SideEffects: &none, TimeoutSeconds: &seconds, AdmissionReviewVersions: []string{"v1beta1"},
			ObjectSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"pipelines.kubeflow.org/cache_enabled": "true"},
			},
		}},
	}
	return configuration, applied(configuration)
}

// applied puts into an object what kubectl's client-side apply remembers of it.
func applied(object metav1.Object) error {
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	object.SetAnnotations(map[string]string{lastApplied: string(text)})
	return nil
}
