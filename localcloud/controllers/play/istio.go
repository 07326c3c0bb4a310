package play

import (
	"context"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
)

const (
	istiod         = "istiod"
	istioBinary    = "pilot-discovery"
	istioRevision  = "istio.io/rev"
	istioInjection = "sidecar-injector.istio.io" // how its webhooks' names end
	istioRootName  = "istio-ca-root-cert"
)

// fillIstio sets what istiod writes into a webhook of its revision: the authority, and in the validating
// ones, which a release renders as Ignore, the failure policy Fail once its own endpoint refuses what is
// invalid. Facts from Istio 1.28.0: pkg/webhooks/webhookpatch.go and
// pkg/webhooks/validation/controller/controller.go, both by Update.
func (c *Cluster) fillIstio(ctx context.Context, found configuration, h hook, service admission.Service) bool {
	if found.meta.Labels[istioRevision] == "" {
		return false
	}
	if found.mutates {
		return strings.HasSuffix(h.name, istioInjection) && h.trust(c.Authority.Bundle())
	}
	changed := h.trust(c.Authority.Bundle())
	if policy := *h.policy; policy != nil && *policy != admissionregistrationv1.Fail && c.Ready(ctx, service) {
		fail := admissionregistrationv1.Fail
		*h.policy, changed = &fail, true
	}
	return changed
}

func (c *Cluster) playRoots() error {
	core := c.informers.Core().V1()
	_, err := c.play("roots", c.syncRoots,
		core.Services().Informer(), core.Pods().Informer(), core.Namespaces().Informer(), core.ConfigMaps().Informer())
	return err
}

// syncRoots plays istiod's root certificate, a ConfigMap in every namespace: gateways mount it. Facts from
// Istio 1.28.0, pilot/pkg/serviceregistry/kube/controller/namespacecontroller.go.
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
		case metav1.NamespacePublic, corev1.NamespaceNodeLease, "local-path-storage":
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
		}, metav1.CreateOptions{FieldManager: istioBinary})
		if apierrors.IsAlreadyExists(err) {
			return nil // the cache was a moment behind
		}
		return err
	})
}
