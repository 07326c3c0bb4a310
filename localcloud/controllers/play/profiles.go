package play

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// Facts on what a Profile becomes: kubeflow/kubeflow, components/profile-controller/controllers. Its
// finalizer is the only one to play: no other custom resource that a release renders carries one in
// life. Trainer's on a runtime comes with the first TrainJob, metacontroller's with a finalize hook
// (the release's has none), Katib's and KServe's with experiments and inference services.
const (
	profileFinalizer = "profile-finalizer"
	profileManager   = "profile-controller"
	labelsKey        = "namespace-labels.yaml"
)

// profileLabels are those of a profile's namespace where the controller mounts no file of them.
var profileLabels = map[string]string{
	"katib.kubeflow.org/metrics-collector-injection": "enabled",
	"serving.kubeflow.org/inferenceservice":          "enabled",
	"pipelines.kubeflow.org/enabled":                 "true",
	"app.kubernetes.io/part-of":                      "kubeflow-profile",
}

type profileSpec struct {
	Owner             rbacv1.Subject           `json:"owner"`
	ResourceQuotaSpec corev1.ResourceQuotaSpec `json:"resourceQuotaSpec"`
}

func isProfileController(deployment *appsv1.Deployment) bool {
	return deployment.Labels["kustomize.component"] == "profiles" || strings.Contains(deployment.Name, "profiles")
}

func (c *Cluster) playProfiles() error {
	l, err := c.play("profiles", c.syncProfiles,
		c.informers.Apps().V1().Deployments().Informer(), c.informers.Core().V1().Namespaces().Informer(), c.crds())
	if err != nil {
		return err
	}
	c.kinds.want(l, profiles)
	return nil
}

func (c *Cluster) syncProfiles(ctx context.Context) error {
	controller, err := c.available(isProfileController)
	if err != nil || controller == nil {
		return err
	}
	resource, objects := c.kinds.list(profiles)
	return each(objects, func(profile *unstructured.Unstructured) error {
		if err := c.syncProfile(ctx, controller, resource, profile); err != nil {
			return fmt.Errorf("playing the Profile %s: %w", profile.GetName(), err)
		}
		return nil
	})
}

// syncProfile makes the namespace of a Profile and what is in it, and lets go of a deleted one: the
// namespace then goes by garbage collection, for the Profile owns it.
func (c *Cluster) syncProfile(
	ctx context.Context,
	controller *appsv1.Deployment,
	resource schema.GroupVersionResource,
	profile *unstructured.Unstructured,
) error {
	finalizers := profile.GetFinalizers()
	held := slices.Contains(finalizers, profileFinalizer)
	if profile.GetDeletionTimestamp() != nil {
		if !held {
			return nil
		}
		profile.SetFinalizers(slices.DeleteFunc(finalizers, func(f string) bool { return f == profileFinalizer }))
		_, err := c.dynamic.Resource(resource).Update(ctx, profile, metav1.UpdateOptions{FieldManager: profileManager})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	var typed struct {
		Spec profileSpec `json:"spec"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(profile.Object, &typed); err != nil {
		return err
	}
	namespace, err := c.informers.Core().V1().Namespaces().Lister().Get(profile.GetName())
	switch {
	case apierrors.IsNotFound(err):
		labels, err := c.namespaceLabels(ctx, controller)
		if err != nil {
			return err
		}
		if _, err := c.client.CoreV1().Namespaces().Create(ctx, profileNamespace(profile, typed.Spec, labels),
			metav1.CreateOptions{FieldManager: profileManager}); err != nil {
			return err
		}
		c.Log.Info("made the namespace", "profile", profile.GetName())
		return nil // its arrival wakes this part again
	case err != nil:
		return err
	case namespace.DeletionTimestamp != nil:
		return nil
	case namespace.Annotations["owner"] != typed.Spec.Owner.Name:
		return c.failProfile(ctx, resource, profile, typed.Spec)
	}
	if held {
		return c.applyPlugins(ctx, profile)
	}
	if err := c.fillNamespace(ctx, profile, typed.Spec); err != nil {
		return err
	}
	if err := c.applyPlugins(ctx, profile); err != nil {
		return err
	}
	profile.SetFinalizers(append(finalizers, profileFinalizer))
	_, err = c.dynamic.Resource(resource).Update(ctx, profile, metav1.UpdateOptions{FieldManager: profileManager})
	return err
}

// failProfile reports a namespace that is somebody else's. The real controller reports nothing when all is well.
func (c *Cluster) failProfile(
	ctx context.Context,
	resource schema.GroupVersionResource,
	profile *unstructured.Unstructured,
	spec profileSpec,
) error {
	message := "namespace already exist, but not owned by profile creator " + spec.Owner.Name
	if conditionStatus(profile, "Failed") == "True" {
		return nil
	}
	conditions := []any{map[string]any{"type": "Failed", "status": "True", "message": message}}
	if err := unstructured.SetNestedSlice(profile.Object, conditions, "status", "conditions"); err != nil {
		return err
	}
	_, err := c.dynamic.Resource(resource).UpdateStatus(ctx, profile, metav1.UpdateOptions{FieldManager: profileManager})
	return err
}

// namespaceLabels reads the labels from the ConfigMap that the controller mounts.
func (c *Cluster) namespaceLabels(ctx context.Context, controller *appsv1.Deployment) (map[string]string, error) {
	for _, volume := range controller.Spec.Template.Spec.Volumes {
		if volume.ConfigMap == nil {
			continue
		}
		configMap, err := c.client.CoreV1().
			ConfigMaps(controller.Namespace).
			Get(ctx, volume.ConfigMap.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if text, ok := configMap.Data[labelsKey]; ok {
			labels := map[string]string{}
			if err := yaml.Unmarshal([]byte(text), &labels); err != nil {
				return nil, fmt.Errorf("%s of ConfigMap %s: %w", labelsKey, name(configMap), err)
			}
			return labels, nil
		}
	}
	return profileLabels, nil
}

func profileNamespace(profile *unstructured.Unstructured, spec profileSpec, extra map[string]string) *corev1.Namespace {
	labels := map[string]string{"istio-injection": "enabled"}
	for key, value := range extra {
		if value == "" { // how the file asks for a label's removal
			delete(labels, key)
		} else {
			labels[key] = value
		}
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: profile.GetName(), Labels: labels,
		Annotations:     map[string]string{"owner": spec.Owner.Name},
		OwnerReferences: ownedBy(profile),
	}}
}

func ownedBy(profile *unstructured.Unstructured) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(profile, profile.GroupVersionKind())}
}

// fillNamespace makes the service accounts, their roles, the owner's role, the quota that was asked
// and, where Istio is, the owner's access through it.
func (c *Cluster) fillNamespace(ctx context.Context, profile *unstructured.Unstructured, spec profileSpec) error {
	namespace := profile.GetName()
	for account, role := range map[string]string{"default-editor": "kubeflow-edit", "default-viewer": "kubeflow-view"} {
		if err := ensure(ctx, c.client.CoreV1().ServiceAccounts(namespace), &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: account, OwnerReferences: ownedBy(profile)},
		}); err != nil {
			return err
		}
		subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: namespace}
		if err := c.bind(ctx, profile, account, role, subject, nil); err != nil {
			return err
		}
	}
	admin := map[string]string{"user": spec.Owner.Name, "role": "admin"}
	if err := c.bind(ctx, profile, "namespaceAdmin", "kubeflow-admin", spec.Owner, admin); err != nil {
		return err
	}
	if len(spec.ResourceQuotaSpec.Hard) > 0 {
		if err := ensure(ctx, c.client.CoreV1().ResourceQuotas(namespace), &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Name: "kf-resource-quota", OwnerReferences: ownedBy(profile)},
			Spec:       spec.ResourceQuotaSpec,
		}); err != nil {
			return err
		}
	}
	if !c.kinds.exists("authorizationpolicies.security.istio.io") {
		return nil
	}
	policies := schema.GroupVersionResource{
		Group:    "security.istio.io",
		Version:  "v1beta1",
		Resource: "authorizationpolicies",
	}
	return ensure(
		ctx,
		unstructuredClient{c.dynamic.Resource(policies).Namespace(namespace)},
		accessPolicy(profile, spec, admin),
	)
}

func (c *Cluster) bind(
	ctx context.Context,
	profile *unstructured.Unstructured,
	binding, role string,
	subject rbacv1.Subject,
	annotations map[string]string,
) error {
	return ensure(ctx, c.client.RbacV1().RoleBindings(profile.GetName()), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: binding, OwnerReferences: ownedBy(profile), Annotations: annotations},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{subject},
	})
}

// accessPolicy lets in the owner, the namespace's own workloads and Knative's probes.
func accessPolicy(
	profile *unstructured.Unstructured,
	spec profileSpec,
	annotations map[string]string,
) *unstructured.Unstructured {
	policy := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "security.istio.io/v1beta1",
		"kind":       "AuthorizationPolicy",
		"spec": map[string]any{
			"action": "ALLOW",
			"rules": []any{
				map[string]any{"when": []any{map[string]any{
					"key": "request.headers[kubeflow-userid]", "values": []any{spec.Owner.Name},
				}}},
				map[string]any{"when": []any{map[string]any{"key": "source.namespace", "values": []any{profile.GetName()}}}},
				map[string]any{"to": []any{map[string]any{"operation": map[string]any{
					"paths": []any{"/healthz", "/metrics", "/wait-for-drain"},
				}}}},
			},
		},
	}}
	policy.SetName("ns-owner-access-istio")
	policy.SetAnnotations(annotations)
	policy.SetOwnerReferences(ownedBy(profile))
	return policy
}

// creator is the part of a typed client that ensure needs.
type creator[T metav1.Object] interface {
	Get(context.Context, string, metav1.GetOptions) (T, error)
	Create(context.Context, T, metav1.CreateOptions) (T, error)
}

// ensure creates the object unless there is one of its name.
func ensure[T metav1.Object](ctx context.Context, client creator[T], object T) error {
	_, err := client.Get(ctx, object.GetName(), metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	_, err = client.Create(ctx, object, metav1.CreateOptions{FieldManager: profileManager})
	return err
}
