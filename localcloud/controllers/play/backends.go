package play

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
)

// Backends that make their own certificate put its authority into their own configurations once
// their process runs: istiod, Knative's webhooks, JobSet, Trainer, the training and Spark operators.
// Nothing in a configuration says so; what says it is that nobody else was asked to.

// knativeHook is what Knative's webhook writes into a configuration of its own besides caBundle.
type knativeHook struct {
	path   string
	rules  []admissionregistrationv1.RuleWithOperations // nil: those that the release renders
	secret string                                       // where it keeps its certificate, rendered empty
}

func createdOrUpdated(
	scope admissionregistrationv1.ScopeType,
	group, version string,
	resources ...string,
) []admissionregistrationv1.RuleWithOperations {
	return []admissionregistrationv1.RuleWithOperations{{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
		Rule: admissionregistrationv1.Rule{
			APIGroups: []string{group}, APIVersions: []string{version}, Resources: resources, Scope: &scope,
		},
	}}
}

// knativeHooks by the name that configuration and webhook share. Facts from knative.dev/pkg/webhook
// (configmaps, resourcesemantics) and net-istio's cmd/webhook.
var knativeHooks = func() map[string]knativeHook {
	configMaps := createdOrUpdated(admissionregistrationv1.NamespacedScope, "", "v1", "configmaps/*")
	deployments := createdOrUpdated(admissionregistrationv1.AllScopes, "apps", "v1", "deployments", "deployments/status")
	const serving, istio = "webhook-certs", "net-istio-webhook-certs"
	return map[string]knativeHook{
		"webhook.serving.knative.dev":                          {"/defaulting", nil, serving},
		"validation.webhook.serving.knative.dev":               {"/resource-validation", nil, serving},
		"config.webhook.serving.knative.dev":                   {"/config-validation", configMaps, serving},
		"webhook.istio.networking.internal.knative.dev":        {"/defaulting", deployments, istio},
		"config.webhook.istio.networking.internal.knative.dev": {"/config-validation", configMaps, istio},
	}
}()

const knativeExclude = "webhooks.knative.dev/exclude"

func (c *Cluster) playBackends() error {
	registration := c.informers.Admissionregistration().V1()
	core := c.informers.Core().V1()
	_, err := c.play("backends", c.syncBackends,
		registration.MutatingWebhookConfigurations().Informer(), registration.ValidatingWebhookConfigurations().Informer(),
		core.Services().Informer(), core.Pods().Informer(), core.Secrets().Informer(), core.Namespaces().Informer())
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

// fill writes into a configuration what its running backends would: the authority where there is
// none, and for Knative the rest. The workload's name is the field manager, as a binary's would be.
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
		knative, isKnative := knativeHooks[found.meta.Name]
		if isKnative && h.name == found.meta.Name {
			namespace, err := c.informers.Core().V1().Namespaces().Lister().Get(service.Namespace)
			if err != nil {
				return err
			}
			if err := c.fillSecret(ctx, service, knative.secret, knativeSecret); err != nil {
				return err
			}
			changed = h.complete(knative) || own(found.meta, namespace) || changed
		}
		if len(h.client.CABundle) == 0 {
			if err := c.fillMountedSecrets(ctx, service, pod); err != nil {
				return err
			}
			changed = h.trust(c.Authority.Bundle()) || changed
		}
		manager = workload(pod)
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

// complete sets what Knative's webhook sets beside caBundle, and tells whether that changed anything.
func (h hook) complete(knative knativeHook) bool {
	changed := false
	if path := h.client.Service.Path; path == nil || *path != knative.path {
		h.client.Service.Path, changed = &knative.path, true
	}
	if len(*h.rules) == 0 && knative.rules != nil {
		*h.rules, changed = knative.rules, true
	}
	if *h.namespaces == nil {
		*h.namespaces = &metav1.LabelSelector{}
	}
	for _, expression := range (*h.namespaces).MatchExpressions {
		if expression.Key == knativeExclude {
			return changed
		}
	}
	(*h.namespaces).MatchExpressions = append((*h.namespaces).MatchExpressions,
		metav1.LabelSelectorRequirement{Key: knativeExclude, Operator: metav1.LabelSelectorOpDoesNotExist})
	return true
}

// own makes the namespace the owner of the configuration, so that it goes when its backend's
// namespace does.
func own(object *metav1.ObjectMeta, namespace *corev1.Namespace) bool {
	if metav1.IsControlledBy(object, namespace) {
		return false
	}
	object.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(namespace, corev1.SchemeGroupVersion.WithKind("Namespace")),
	}
	return true
}

// knativeSecret and rotatedSecret are the keys under which Knative, and cert-controller (JobSet,
// Trainer, training operator), keep certificate, key and authority.
var (
	knativeSecret = [3]string{"server-cert.pem", "server-key.pem", "ca-cert.pem"}
	rotatedSecret = [3]string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey, "ca.crt"}
)

// fillMountedSecrets fills the Secrets that the backend mounts and that a release renders empty.
func (c *Cluster) fillMountedSecrets(ctx context.Context, service admission.Service, pod *corev1.Pod) error {
	return each(pod.Spec.Volumes, func(volume corev1.Volume) error {
		if volume.Secret == nil {
			return nil
		}
		return c.fillSecret(ctx, service, volume.Secret.SecretName, rotatedSecret)
	})
}

func (c *Cluster) fillSecret(ctx context.Context, service admission.Service, secretName string, keys [3]string) error {
	cached := c.secret(service.Namespace, secretName)
	if cached == nil || len(cached.Data) > 0 || !c.fresh(cached) {
		return nil
	}
	pair, err := c.Authority.Issue(authority.Request{CommonName: service.Host(), DNSNames: []string{service.Host()}})
	if err != nil {
		return err
	}
	secret := cached.DeepCopy()
	secret.Data = map[string][]byte{keys[0]: pair.Certificate, keys[1]: pair.Key, keys[2]: c.Authority.Bundle()}
	_, err = c.client.CoreV1().
		Secrets(secret.Namespace).
		Update(ctx, secret, metav1.UpdateOptions{FieldManager: service.Name})
	return c.replace(cached, err)
}

const (
	istiod        = "istiod"
	istioRootName = "istio-ca-root-cert"
)

func (c *Cluster) playRoots() error {
	core := c.informers.Core().V1()
	_, err := c.play("roots", c.syncRoots,
		core.Services().Informer(), core.Pods().Informer(), core.Namespaces().Informer(), core.ConfigMaps().Informer())
	return err
}

// syncRoots plays istiod's root certificate, a ConfigMap in every namespace: gateways mount it.
func (c *Cluster) syncRoots(ctx context.Context) error {
	services, err := c.informers.Core().V1().Services().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	running := false
	for _, service := range services {
		if service.Name == istiod {
			pod, err := c.running(admission.Service{Namespace: service.Namespace, Name: istiod})
			if err != nil {
				return err
			}
			running = running || pod != nil
		}
	}
	if !running {
		return nil
	}
	namespaces, err := c.informers.Core().V1().Namespaces().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	return each(namespaces, func(namespace *corev1.Namespace) error {
		switch namespace.Name {
		case metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease:
			return nil // istiod leaves these alone
		}
		if namespace.Status.Phase != corev1.NamespaceActive || namespace.DeletionTimestamp != nil {
			return nil
		}
		known := c.informers.Core().V1().ConfigMaps().Lister().ConfigMaps(namespace.Name)
		if _, err := known.Get(istioRootName); !apierrors.IsNotFound(err) {
			return err
		}
		_, err := c.client.CoreV1().ConfigMaps(namespace.Name).Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: istioRootName, Labels: map[string]string{"istio.io/config": "true"}},
			Data:       map[string]string{"root-cert.pem": string(c.Authority.Bundle())},
		}, metav1.CreateOptions{FieldManager: "pilot-discovery"})
		if apierrors.IsAlreadyExists(err) {
			return nil // the cache was a moment behind
		}
		return err
	})
}
