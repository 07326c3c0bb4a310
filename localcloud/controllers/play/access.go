package play

import (
	"context"
	"maps"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// updater is the part of a dynamic client that writes an object back.
type updater interface {
	Update(context.Context, *unstructured.Unstructured, metav1.UpdateOptions, ...string) (
		*unstructured.Unstructured, error)
}

// fillNamespace brings, in the controller's order, the owner's access through Istio, the service accounts with
// their roles, the owner's role, and the quota that is asked or none.
func (c *Cluster) fillNamespace(
	ctx context.Context,
	controller *appsv1.Deployment,
	profile *unstructured.Unstructured,
	spec profileSpec,
) error {
	namespace := profile.GetName()
	admin := map[string]string{"user": spec.Owner.Name, "role": "admin"}
	if c.kinds.exists(accessPolicies) {
		settings, err := c.environment(ctx, controller)
		if err != nil {
			return err
		}
		policies := schema.GroupVersionResource{
			Group:    "security.istio.io",
			Version:  "v1beta1",
			Resource: "authorizationpolicies",
		}
		client := unstructuredClient{c.dynamic.Resource(policies).Namespace(namespace)}
		if err := bring(ctx, client, accessPolicy(profile, spec, settings, admin),
			func(found, wanted *unstructured.Unstructured) bool {
				same := reflect.DeepEqual(found.Object["spec"], wanted.Object["spec"])
				found.Object["spec"] = wanted.Object["spec"]
				return same
			}); err != nil {
			return err
		}
	}
	for _, of := range []struct{ account, role string }{
		{"default-editor", "kubeflow-edit"}, {"default-viewer", "kubeflow-view"},
	} {
		if err := bring(ctx, c.client.CoreV1().ServiceAccounts(namespace), &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: of.account, OwnerReferences: ownedBy(profile)},
		}, func(_, _ *corev1.ServiceAccount) bool { return true }); err != nil {
			return err
		}
		subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: of.account, Namespace: namespace}
		if err := c.bind(ctx, profile, of.account, of.role, subject, nil); err != nil {
			return err
		}
	}
	if err := c.bind(ctx, profile, "namespaceAdmin", "kubeflow-admin", spec.Owner, admin); err != nil {
		return err
	}
	return c.limit(ctx, profile, spec)
}

func (c *Cluster) limit(ctx context.Context, profile *unstructured.Unstructured, spec profileSpec) error {
	quotas := c.client.CoreV1().ResourceQuotas(profile.GetName())
	wanted := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "kf-resource-quota", OwnerReferences: ownedBy(profile)},
		Spec:       spec.ResourceQuotaSpec,
	}
	if len(wanted.Spec.Hard) == 0 {
		err := quotas.Delete(ctx, wanted.Name, metav1.DeleteOptions{})
		return ignoreGone(err)
	}
	return bring(ctx, quotas, wanted, func(found, wanted *corev1.ResourceQuota) bool {
		same := reflect.DeepEqual(found.Spec, wanted.Spec)
		found.Spec = wanted.Spec
		return same
	})
}

func (c *Cluster) bind(
	ctx context.Context,
	profile *unstructured.Unstructured,
	binding, role string,
	subject rbacv1.Subject,
	annotations map[string]string,
) error {
	return bring(ctx, c.client.RbacV1().RoleBindings(profile.GetName()), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: binding, OwnerReferences: ownedBy(profile), Annotations: annotations},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{subject},
	}, func(found, wanted *rbacv1.RoleBinding) bool {
		same := reflect.DeepEqual(found.RoleRef, wanted.RoleRef) && sameSubjects(found.Subjects, wanted.Subjects)
		found.RoleRef, found.Subjects = wanted.RoleRef, wanted.Subjects
		return same
	})
}

// sameSubjects compares names: the API server fills a user's group.
func sameSubjects(found, wanted []rbacv1.Subject) bool {
	return len(found) == len(wanted) && found[0].Kind == wanted[0].Kind && found[0].Name == wanted[0].Name
}

// environment is what the controller's containers read of ConfigMaps and plain variables.
func (c *Cluster) environment(ctx context.Context, controller *appsv1.Deployment) (map[string]string, error) {
	result := map[string]string{
		"NOTEBOOK_CONTROLLER_PRINCIPAL":   "cluster.local/ns/kubeflow/sa/notebook-controller-service-account",
		"ISTIO_INGRESS_GATEWAY_PRINCIPAL": "cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account",
		"KFP_UI_PRINCIPAL":                "cluster.local/ns/kubeflow/sa/ml-pipeline-ui",
		"USERID_HEADER":                   "x-goog-authenticated-user-email",
	}
	for _, container := range controller.Spec.Template.Spec.Containers {
		for _, from := range container.EnvFrom {
			if from.ConfigMapRef == nil {
				continue
			}
			data, err := c.configData(ctx, controller.Namespace, from.ConfigMapRef.Name)
			if err != nil {
				return nil, err
			}
			maps.Copy(result, data)
		}
		for _, variable := range container.Env {
			if variable.ValueFrom == nil {
				result[variable.Name] = variable.Value
			}
		}
	}
	return result, nil
}

// accessPolicy lets in the owner by the gateway and the UI of Pipelines, the namespace's own workloads, Knative's
// probes, and the notebook controller to its kernels.
func accessPolicy(
	profile *unstructured.Unstructured,
	spec profileSpec,
	settings map[string]string,
	annotations map[string]string,
) *unstructured.Unstructured {
	from := func(principals ...any) []any {
		return []any{map[string]any{"source": map[string]any{"principals": principals}}}
	}
	when := func(key, value string) []any { return []any{map[string]any{"key": key, "values": []any{value}}} }
	to := func(operation map[string]any) []any { return []any{map[string]any{"operation": operation}} }
	policy := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "security.istio.io/v1beta1",
		"kind":       "AuthorizationPolicy",
		"spec": map[string]any{
			"rules": []any{
				map[string]any{
					"from": from(settings["ISTIO_INGRESS_GATEWAY_PRINCIPAL"], settings["KFP_UI_PRINCIPAL"]),
					"when": when("request.headers["+settings["USERID_HEADER"]+"]", settings["USERID_PREFIX"]+spec.Owner.Name),
				},
				map[string]any{"when": when("source.namespace", profile.GetName())},
				map[string]any{"to": to(map[string]any{"paths": []any{"/healthz", "/metrics", "/wait-for-drain"}})},
				map[string]any{
					"from": from(settings["NOTEBOOK_CONTROLLER_PRINCIPAL"]),
					"to":   to(map[string]any{"methods": []any{"GET"}, "paths": []any{"*/api/kernels"}}),
				},
			},
		},
	}}
	policy.SetName("ns-owner-access-istio")
	policy.SetAnnotations(annotations)
	policy.SetOwnerReferences(ownedBy(profile))
	return policy
}

// writer is the part of a client that bring needs.
type writer[T metav1.Object] interface {
	Get(context.Context, string, metav1.GetOptions) (T, error)
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
}

// bring creates the object, or updates the one of its name where settle, which makes it what is wanted, says that
// it was not.
func bring[T metav1.Object](ctx context.Context, client writer[T], wanted T, settle func(found, wanted T) bool) error {
	found, err := client.Get(ctx, wanted.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = client.Create(ctx, wanted, metav1.CreateOptions{FieldManager: profileManager})
	case err == nil && !settle(found, wanted):
		_, err = client.Update(ctx, found, metav1.UpdateOptions{FieldManager: profileManager})
	}
	return err
}

// changed tells whether two states of an object differ in what a client writes.
func changed(before, after *unstructured.Unstructured) bool {
	return !reflect.DeepEqual(before.Object, after.Object)
}
