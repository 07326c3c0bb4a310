package play

import (
	"context"
	"reflect"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
)

// knativeHook is what Knative's webhook writes into a configuration of its own besides caBundle.
type knativeHook struct {
	path   string
	rules  []admissionregistrationv1.RuleWithOperations // in place of those that the release renders
	secret string                                       // where it keeps its certificate, rendered empty
	config bool                                         // judges ConfigMaps, in every namespace
}

// knativeHooks by the name that configuration and webhook share. Facts from Knative 1.21.1 (serving and
// net-istio, cmd/webhook/main.go) and knative.dev/pkg of 2026-01, webhook/configmaps/configmaps.go and
// webhook/resourcesemantics/{defaulting/defaulting,validation/reconcile_config}.go: each rule is for one
// kind, and they are sorted.
var knativeHooks = func() map[string]knativeHook {
	changes := []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}
	configMaps := []admissionregistrationv1.RuleWithOperations{
		knativeRule(changes, admissionregistrationv1.NamespacedScope, "", "v1", "configmaps/*"),
	}
	deployments := []admissionregistrationv1.RuleWithOperations{
		knativeRule(changes, admissionregistrationv1.AllScopes, "apps", "v1", "deployments", "deployments/status"),
	}
	const serving, istio = "webhook-certs", "net-istio-webhook-certs"
	return map[string]knativeHook{
		"webhook.serving.knative.dev": {path: "/defaulting", rules: knativeKinds(changes), secret: serving},
		"validation.webhook.serving.knative.dev": {
			path: "/resource-validation", rules: knativeKinds(append(changes, admissionregistrationv1.Delete)), secret: serving,
		},
		"config.webhook.serving.knative.dev":            {"/config-validation", configMaps, serving, true},
		"webhook.istio.networking.internal.knative.dev": {path: "/defaulting", rules: deployments, secret: istio},
		"config.webhook.istio.networking.internal.knative.dev": {
			"/config-validation", configMaps, istio, true,
		},
	}
}()

// knativeKinds is a rule for each kind that serving's webhook defaults and validates.
func knativeKinds(on []admissionregistrationv1.OperationType) []admissionregistrationv1.RuleWithOperations {
	var rules []admissionregistrationv1.RuleWithOperations
	for _, kind := range []struct{ group, version, plural string }{
		{"autoscaling.internal.knative.dev", "v1alpha1", "metrics"},
		{"autoscaling.internal.knative.dev", "v1alpha1", "podautoscalers"},
		{"networking.internal.knative.dev", "v1alpha1", "certificates"},
		{"networking.internal.knative.dev", "v1alpha1", "ingresses"},
		{"networking.internal.knative.dev", "v1alpha1", "serverlessservices"},
		{"serving.knative.dev", "v1", "configurations"},
		{"serving.knative.dev", "v1", "revisions"},
		{"serving.knative.dev", "v1", "routes"},
		{"serving.knative.dev", "v1", "services"},
		{"serving.knative.dev", "v1beta1", "domainmappings"},
	} {
		rules = append(rules, knativeRule(
			on, admissionregistrationv1.AllScopes, kind.group, kind.version, kind.plural, kind.plural+"/status",
		))
	}
	return rules
}

func knativeRule(
	on []admissionregistrationv1.OperationType,
	scope admissionregistrationv1.ScopeType,
	group, version string,
	resources ...string,
) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{Operations: on, Rule: admissionregistrationv1.Rule{
		APIGroups: []string{group}, APIVersions: []string{version}, Resources: resources, Scope: &scope,
	}}
}

const knativeExclude = "webhooks.knative.dev/exclude"

// fillKnative sets what Knative's webhook writes into a configuration of its own, once its Secret is filled.
func (c *Cluster) fillKnative(
	ctx context.Context,
	found configuration,
	h hook,
	service admission.Service,
	knative knativeHook,
) (bool, error) {
	namespace, err := c.informers.Core().V1().Namespaces().Lister().Get(service.Namespace)
	if err != nil {
		return false, err
	}
	if err := c.fillSecret(ctx, service, knative.secret, knativeKeys, "webhook"); err != nil {
		return false, err
	}
	changed := h.complete(knative)
	changed = own(found.meta, namespace) || changed
	return h.trust(c.Authority.Bundle()) || changed, nil
}

// complete sets path, rules, the selector of namespaces and how often it is asked, and tells whether that
// changed anything.
func (h hook) complete(knative knativeHook) bool {
	changed := false
	if path := h.client.Service.Path; path == nil || *path != knative.path {
		h.client.Service.Path, changed = &knative.path, true
	}
	if !reflect.DeepEqual(*h.rules, knative.rules) {
		*h.rules, changed = knative.rules, true
	}
	if h.again != nil && (*h.again == nil || **h.again != admissionregistrationv1.IfNeededReinvocationPolicy) {
		needed := admissionregistrationv1.IfNeededReinvocationPolicy
		*h.again, changed = &needed, true
	}
	if knative.config {
		return changed
	}
	if selector := excluding(*h.namespaces); !reflect.DeepEqual(*h.namespaces, selector) {
		*h.namespaces, changed = selector, true
	}
	return changed
}

// excluding is the selector with Knative's own expression in front, and no other of Knative's.
func excluding(selector *metav1.LabelSelector) *metav1.LabelSelector {
	result := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: knativeExclude, Operator: metav1.LabelSelectorOpDoesNotExist},
	}}
	if selector == nil {
		return result
	}
	result.MatchLabels = selector.MatchLabels
	for _, expression := range selector.MatchExpressions {
		if !strings.Contains(expression.Key, "knative.dev") {
			result.MatchExpressions = append(result.MatchExpressions, expression)
		}
	}
	return result
}

// own makes the namespace an owner of the configuration, so that it goes when its backend's namespace
// does; since October 2025 not a controlling one.
func own(object *metav1.ObjectMeta, namespace *corev1.Namespace) bool {
	reference := metav1.NewControllerRef(namespace, corev1.SchemeGroupVersion.WithKind("Namespace"))
	controls := false
	reference.Controller = &controls
	owners := []metav1.OwnerReference{*reference}
	if reflect.DeepEqual(object.OwnerReferences, owners) {
		return false
	}
	object.OwnerReferences = owners
	return true
}
