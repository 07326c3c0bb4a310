package play

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
)

// Backends that make their own certificate put its authority into their own configurations once
// their process runs: istiod, Knative's webhooks, JobSet, Trainer, the training and Spark operators.
// Nothing in a configuration says so; what says it is that nobody else was asked to, and that no Job is there for it.

// binaries are the processes' names where the workload has another. None of them names a field
// manager, so the API server takes what stands before the slash of client-go's user agent: the
// binary's name. From the images of Istio 1.28.0 (pilot/docker/Dockerfile.pilot), Knative 1.21.1 (ko
// calls a binary like its cmd), JobSet 0.10.1 and Trainer 2.1.0 (ENTRYPOINT /manager), Spark operator
// 2.5.0 (entrypoint.sh).
var binaries = map[string]string{
	"istiod":                              "pilot-discovery",
	"net-istio-webhook":                   "webhook",
	"jobset-controller-manager":           "manager",
	"kubeflow-trainer-controller-manager": "manager",
	"training-operator":                   "manager",
	"spark-operator-webhook":              "spark-operator",
}

// process is the name of the pod's process, as the API server sees it.
func process(pod *corev1.Pod) string {
	of := workload(pod)
	if known, ok := binaries[of]; ok {
		return known
	}
	return of
}

func (c *Cluster) playBackends() error {
	registration := c.informers.Admissionregistration().V1()
	core := c.informers.Core().V1()
	_, err := c.play("backends", c.syncBackends,
		registration.MutatingWebhookConfigurations().Informer(), registration.ValidatingWebhookConfigurations().Informer(),
		core.Services().Informer(), core.Pods().Informer(), core.Secrets().Informer(), core.Namespaces().Informer(),
		c.informers.Discovery().V1().EndpointSlices().Informer())
	return err
}

func (c *Cluster) syncBackends(ctx context.Context) error {
	configurations, err := c.configurations()
	if err != nil {
		return err
	}
	return each(configurations, func(found configuration) error {
		if asksForInjection(found.meta.Annotations) {
			return nil
		}
		if err := c.fill(ctx, found); err != nil {
			return fmt.Errorf("webhook configuration %s: %w", found.meta.Name, err)
		}
		return nil
	})
}

// fill writes into a configuration what its running backends would, by one update of the whole, as
// all of them do.
func (c *Cluster) fill(ctx context.Context, found configuration) error {
	changed, manager := false, ""
	for _, h := range found.hooks {
		service, ok := h.service()
		if !ok {
			continue
		}
		pod, err := c.running(service)
		if err != nil {
			return err
		}
		if pod == nil {
			continue
		}
		wrote, err := c.fillHook(ctx, found, h, service, pod)
		if err != nil {
			return err
		}
		if wrote {
			changed, manager = true, process(pod)
		}
	}
	if !changed {
		return nil
	}
	err := found.update(ctx, metav1.UpdateOptions{FieldManager: manager})
	if err == nil {
		c.Log.Info("backend configured itself", "configuration", found.meta.Name, "backend", manager)
	}
	return err
}

// fillHook sets what the backend writes into one webhook, and tells whether that changed anything.
// One that is not known here fills an empty caBundle and leaves any other alone.
func (c *Cluster) fillHook(
	ctx context.Context,
	found configuration,
	h hook,
	service admission.Service,
	pod *corev1.Pod,
) (bool, error) {
	if knative, ok := knativeHooks[found.meta.Name]; ok && h.name == found.meta.Name {
		return c.fillKnative(ctx, found, h, service, knative)
	}
	if process(pod) == istioBinary {
		return c.fillIstio(ctx, found, h, service), nil
	}
	if binaries[workload(pod)] == "" && (len(h.client.CABundle) != 0 || c.patchedByJob(found.meta.Name)) {
		return false, nil
	}
	if err := c.keepSecrets(ctx, service, pod); err != nil {
		return false, err
	}
	return h.trust(c.Authority.Bundle()), nil
}

// The keys under which backends keep certificate, key, authority and the authority's key: Knative
// (knative.dev/pkg of 2026-01, webhook/certificates/resources/secret.go) without the last, cert-controller
// for JobSet, Trainer and the training operator (open-policy-agent/cert-controller 0.14, pkg/rotator),
// the Spark operator 2.5.0 (pkg/common/constants.go).
var (
	knativeKeys = []string{"server-cert.pem", "server-key.pem", "ca-cert.pem"}
	rotatorKeys = []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey, "ca.crt", "ca.key"}
	sparkKeys   = []string{"server-cert.pem", "server-key.pem", "ca-cert.pem", "ca-key.pem"}
)

// keepSecrets fills the Secrets that the backend mounts and that a release renders empty, or makes the one
// that its arguments name, which nothing mounts.
func (c *Cluster) keepSecrets(ctx context.Context, service admission.Service, pod *corev1.Pod) error {
	if named := argument(pod, "--webhook-secret-name="); named != "" {
		return c.keepSecret(ctx, service, named, sparkKeys, process(pod))
	}
	return each(pod.Spec.Volumes, func(volume corev1.Volume) error {
		if volume.Secret == nil {
			return nil
		}
		return c.fillSecret(ctx, service, volume.Secret.SecretName, rotatorKeys, process(pod))
	})
}

// argument is the value of a flag of one of the pod's containers, empty if none has it.
func argument(pod *corev1.Pod, flag string) string {
	for _, container := range pod.Spec.Containers {
		for _, given := range slices.Concat(container.Command, container.Args) {
			if value, ok := strings.CutPrefix(given, flag); ok {
				return value
			}
		}
	}
	return ""
}

// keepSecret makes a Secret unless there is one of that name.
func (c *Cluster) keepSecret(
	ctx context.Context,
	service admission.Service,
	named string,
	keys []string,
	manager string,
) error {
	if c.secret(service.Namespace, named) != nil {
		return nil
	}
	data, err := c.secretData(service, keys)
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().Secrets(service.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: named}, Data: data,
	}, metav1.CreateOptions{FieldManager: manager})
	if apierrors.IsAlreadyExists(err) {
		return nil // the cache was a moment behind
	}
	return err
}

// fillSecret fills a Secret that is there and empty.
func (c *Cluster) fillSecret(
	ctx context.Context,
	service admission.Service,
	named string,
	keys []string,
	manager string,
) error {
	cached := c.secret(service.Namespace, named)
	if cached == nil || len(cached.Data) > 0 || !c.fresh(cached) {
		return nil
	}
	data, err := c.secretData(service, keys)
	if err != nil {
		return err
	}
	secret := cached.DeepCopy()
	secret.Data = data
	_, err = c.client.CoreV1().
		Secrets(secret.Namespace).
		Update(ctx, secret, metav1.UpdateOptions{FieldManager: manager})
	return c.replace(cached, err)
}

// secretData is a certificate for the Service. The authority's own key stays here: its place holds the
// certificate's.
func (c *Cluster) secretData(service admission.Service, keys []string) (map[string][]byte, error) {
	pair, err := c.Authority.Issue(authority.Request{CommonName: service.Host(), DNSNames: []string{service.Host()}})
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	for i, key := range keys {
		data[key] = [][]byte{pair.Certificate, pair.Key, c.Authority.Bundle(), pair.Key}[i]
	}
	return data, nil
}
