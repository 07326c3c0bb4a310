package play

import (
	"context"
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"
)

func annsProfile() (*unstructured.Unstructured, profileSpec) {
	profile := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "kubeflow.org/v1beta1", "kind": "Profile",
		"metadata": map[string]any{"name": "ann", "uid": "3"}}}
	return profile, profileSpec{Owner: rbacv1.Subject{Kind: "User", Name: "ann@example.com"}}
}

func TestAProfilesNamespaceTakesLabelsAndDropsEmptyOnes(t *testing.T) {
	profile, spec := annsProfile()
	extra := map[string]string{"istio-injection": "", "pipelines.kubeflow.org/enabled": "true"}
	namespace := newNamespace(profile, spec, extra)
	if want := map[string]string{"pipelines.kubeflow.org/enabled": "true"}; !reflect.DeepEqual(namespace.Labels, want) {
		t.Errorf("labels %v", namespace.Labels)
	}
	owner := namespace.OwnerReferences[0]
	if namespace.Name != "ann" || namespace.Annotations["owner"] != "ann@example.com" || owner.Kind != "Profile" ||
		owner.APIVersion != "kubeflow.org/v1" || owner.UID != "3" || !*owner.Controller {
		t.Errorf("made %+v", namespace.ObjectMeta)
	}
}

func TestALabelThatSomebodyChangedStays(t *testing.T) {
	got := withLabels(map[string]string{"a": "theirs", "b": "old"}, map[string]string{"a": "ours", "b": "", "c": "new"})
	if want := map[string]string{"a": "theirs", "c": "new"}; !reflect.DeepEqual(got, want) {
		t.Errorf("labels %v", got)
	}
}

func TestTheOwnerComesInByTheGatewayOnly(t *testing.T) {
	profile, spec := annsProfile()
	policy := accessPolicy(profile, spec, map[string]string{
		"USERID_HEADER": "kubeflow-userid", "USERID_PREFIX": "", "ISTIO_INGRESS_GATEWAY_PRINCIPAL": "gateway",
		"KFP_UI_PRINCIPAL": "ui", "NOTEBOOK_CONTROLLER_PRINCIPAL": "notebooks",
	}, nil)
	rules, _, _ := unstructured.NestedSlice(policy.Object, "spec", "rules")
	want := map[string]any{
		"from": []any{map[string]any{"source": map[string]any{"principals": []any{"gateway", "ui"}}}},
		"when": []any{map[string]any{"key": "request.headers[kubeflow-userid]", "values": []any{"ann@example.com"}}},
	}
	if len(rules) != 4 || !reflect.DeepEqual(rules[0], want) {
		t.Errorf("lets in %v", rules)
	}
}

func TestAQuotaComesAndGoesWithTheProfile(t *testing.T) {
	profile, spec := annsProfile()
	c := &Cluster{client: fake.NewClientset()}
	ctx := context.Background()
	quotas := func() int {
		found, err := c.client.CoreV1().ResourceQuotas("ann").List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(found.Items)
	}
	for _, hard := range []corev1.ResourceList{nil, {"cpu": {}}, {"cpu": {}}, nil} {
		spec.ResourceQuotaSpec.Hard = hard
		if err := c.limit(ctx, profile, spec); err != nil {
			t.Fatal(err)
		}
		if got := quotas(); got != len(hard) {
			t.Errorf("%d quotas for %v", got, hard)
		}
	}
}

func TestTheRoleOnAWSIsAnnotatedAndTakenAway(t *testing.T) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ann", Name: "default-editor"}}
	c := &Cluster{client: fake.NewClientset(account)}
	ctx := context.Background()
	role := func() string {
		found, err := c.client.CoreV1().ServiceAccounts("ann").Get(ctx, account.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return found.Annotations["eks.amazonaws.com/role-arn"]
	}
	profile, _ := annsProfile()
	profile.Object["spec"] = map[string]any{"plugins": []any{map[string]any{
		"kind": "AwsIamForServiceAccount", "spec": map[string]any{"awsIamRole": "arn:r", "annotateOnly": true},
	}}}
	var typed struct {
		Spec profileSpec `json:"spec"`
	}
	if err := fromUnstructured(profile, &typed); err != nil {
		t.Fatal(err)
	}
	if err := c.applyPlugins(ctx, profile, typed.Spec); err != nil || role() != "arn:r" {
		t.Errorf("annotated with %q (%v)", role(), err)
	}
	now := metav1.Now()
	profile.SetDeletionTimestamp(&now)
	if err := c.applyPlugins(ctx, profile, typed.Spec); err != nil || role() != "" {
		t.Errorf("still annotated with %q (%v)", role(), err)
	}
	typed.Spec.Plugins[0].Spec.AnnotateOnly = false
	if err := c.applyPlugins(ctx, profile, typed.Spec); err == nil {
		t.Error("the role's trust was changed by nobody")
	}
}

func TestTheRealControllerIsKnownByItsImage(t *testing.T) {
	for image, real := range map[string]bool{
		"ghcr.io/kubeflow/kubeflow/profile-controller:v1.10.0":  true,
		"mirror.example:5000/k/profile-controller@sha256:00":    true,
		"mirror.example:5000/k/profile-controller:v1@sha256:00": true,
		"example.com/profiles:1":                                false,
		"none":                                                  false,
	} {
		deployment := &appsv1.Deployment{}
		deployment.Spec.Template.Spec.Containers = []corev1.Container{{Image: image}}
		if watchesIstio(deployment) != real {
			t.Errorf("%s: %t", image, !real)
		}
	}
}
