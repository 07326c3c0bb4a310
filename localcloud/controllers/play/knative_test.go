package play

import (
	"reflect"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func validating(webhook *admissionregistrationv1.ValidatingWebhook) hook {
	return hook{
		webhook.Name, &webhook.ClientConfig, &webhook.Rules, &webhook.NamespaceSelector, &webhook.FailurePolicy, nil,
	}
}

func TestKnativeCompletesItsWebhookOnce(t *testing.T) {
	webhook := &admissionregistrationv1.ValidatingWebhook{
		Name: "config.webhook.serving.knative.dev",
		ClientConfig: admissionregistrationv1.WebhookClientConfig{
			Service: &admissionregistrationv1.ServiceReference{Namespace: "knative-serving", Name: "webhook"},
		},
	}
	h := validating(webhook)
	if !h.complete(knativeHooks[webhook.Name]) {
		t.Fatal("an empty webhook was left empty")
	}
	if len(webhook.Rules) != 1 || webhook.Rules[0].Resources[0] != "configmaps/*" ||
		*webhook.ClientConfig.Service.Path != "/config-validation" || webhook.NamespaceSelector != nil {
		t.Errorf("completed to %+v", webhook)
	}
	if h.complete(knativeHooks[webhook.Name]) {
		t.Error("a complete webhook was changed")
	}
}

func TestKnativePutsItsOwnRulesInPlaceOfRenderedOnes(t *testing.T) {
	rendered := knativeRule(nil, admissionregistrationv1.AllScopes, "serving.knative.dev", "*", "services", "routes")
	webhook := &admissionregistrationv1.MutatingWebhook{
		Name:         "webhook.serving.knative.dev",
		Rules:        []admissionregistrationv1.RuleWithOperations{rendered},
		ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{}},
		NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "old.knative.dev/x", Operator: metav1.LabelSelectorOpExists},
			{Key: "team", Operator: metav1.LabelSelectorOpExists},
		}},
	}
	h := hook{
		webhook.Name, &webhook.ClientConfig, &webhook.Rules, &webhook.NamespaceSelector, &webhook.FailurePolicy,
		&webhook.ReinvocationPolicy,
	}
	h.complete(knativeHooks[webhook.Name])
	if len(webhook.Rules) != 10 || !reflect.DeepEqual(webhook.Rules[9].Resources, []string{
		"domainmappings", "domainmappings/status",
	}) || webhook.Rules[9].APIVersions[0] != "v1beta1" {
		t.Errorf("rules became %+v", webhook.Rules)
	}
	var keys []string
	for _, expression := range webhook.NamespaceSelector.MatchExpressions {
		keys = append(keys, expression.Key)
	}
	if !reflect.DeepEqual(keys, []string{knativeExclude, "team"}) {
		t.Errorf("selects namespaces by %v", keys)
	}
	if *webhook.ReinvocationPolicy != admissionregistrationv1.IfNeededReinvocationPolicy {
		t.Errorf("asked again: %s", *webhook.ReinvocationPolicy)
	}
	if h.complete(knativeHooks[webhook.Name]) {
		t.Error("a complete webhook was changed")
	}
}

func TestOnlyValidationSeesDeletions(t *testing.T) {
	for name, operations := range map[string]int{
		"webhook.serving.knative.dev": 2, "validation.webhook.serving.knative.dev": 3,
	} {
		if got := knativeHooks[name].rules[0].Operations; len(got) != operations {
			t.Errorf("%s is called on %v", name, got)
		}
	}
}

func TestTheNamespaceOwnsAConfigurationAndDoesNotControlIt(t *testing.T) {
	object := &metav1.ObjectMeta{}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "knative-serving", UID: "4"}}
	if !own(object, namespace) || own(object, namespace) {
		t.Error("owned not exactly once")
	}
	if owner := object.OwnerReferences[0]; owner.UID != "4" || *owner.Controller || !*owner.BlockOwnerDeletion {
		t.Errorf("owned by %+v", owner)
	}
}
