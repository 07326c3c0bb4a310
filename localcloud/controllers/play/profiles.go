package play

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// Facts on what a Profile becomes: kubeflow/kubeflow v1.10.0, components/profile-controller/controllers
// (profile_controller.go, plugin_iam.go), which 26.03 and 1.10.2 run. Its finalizer is the only one to play:
// no other custom resource that a release renders carries one in life. Trainer's on a runtime comes with the
// first TrainJob, metacontroller's with a finalize hook (the release's has none), Katib's and KServe's with
// experiments and inference services.
const (
	profileFinalizer = "profile-finalizer"
	profileManager   = "manager" // its binary, /manager
	profileImage     = "/profile-controller"
	labelsKey        = "namespace-labels.yaml"
	accessPolicies   = "authorizationpolicies.security.istio.io"
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
	Plugins           []struct {
		Kind string `json:"kind"`
		Spec struct {
			AwsIAMRole   string `json:"awsIamRole"`
			AnnotateOnly bool   `json:"annotateOnly"`
		} `json:"spec"`
	} `json:"plugins"`
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
	if !c.kinds.exists(accessPolicies) && watchesIstio(controller) {
		return nil // it does not start without the kinds that it watches
	}
	resource, objects := c.kinds.list(profiles)
	return each(objects, func(profile *unstructured.Unstructured) error {
		if err := c.syncProfile(ctx, controller, c.dynamic.Resource(resource), profile); err != nil {
			return fmt.Errorf("playing the Profile %s: %w", profile.GetName(), err)
		}
		return nil
	})
}

// watchesIstio tells whether the Deployment runs the real controller; the one of a platform without Istio is
// somebody's own.
func watchesIstio(controller *appsv1.Deployment) bool {
	return slices.ContainsFunc(controller.Spec.Template.Spec.Containers, func(container corev1.Container) bool {
		image, _, _ := strings.Cut(container.Image, "@")
		last := strings.LastIndex(image, "/")
		if last < 0 {
			return false
		}
		path, _, _ := strings.Cut(image[last:], ":")
		return path == profileImage
	})
}

// syncProfile brings the namespace of a Profile and what is in it, then writes the Profile back, and lets go
// of a deleted one: the namespace then goes by garbage collection, for the Profile owns it. What a person
// takes away comes back with the next change of Profile, namespace or controller.
func (c *Cluster) syncProfile(
	ctx context.Context,
	controller *appsv1.Deployment,
	client updater,
	profile *unstructured.Unstructured,
) error {
	var typed struct {
		Spec profileSpec `json:"spec"`
	}
	if err := fromUnstructured(profile, &typed); err != nil {
		return err
	}
	held := slices.Contains(profile.GetFinalizers(), profileFinalizer)
	if profile.GetDeletionTimestamp() != nil && !held {
		return nil
	}
	namespace, err := c.profileNamespace(ctx, controller, profile, typed.Spec)
	if err != nil || namespace == nil {
		return err
	}
	if namespace.Annotations["owner"] != typed.Spec.Owner.Name {
		return c.refuseProfile(ctx, client, profile, typed.Spec)
	}
	settled := profile.GetResourceVersion() + "/" + namespace.ResourceVersion + "/" + controller.ResourceVersion
	if c.profiled[profile.GetUID()] == settled {
		return nil
	}
	if err := c.fillNamespace(ctx, controller, profile, typed.Spec); err != nil {
		return err
	}
	if err := c.applyPlugins(ctx, profile, typed.Spec); err != nil {
		return err
	}
	before := profile.DeepCopy()
	if quota, found, _ := unstructured.NestedMap(profile.Object, "spec", "resourceQuotaSpec"); !found && quota == nil {
		// Its Go type holds the quota as a value, so that writing a Profile back adds an empty one.
		_ = unstructured.SetNestedMap(profile.Object, map[string]any{}, "spec", "resourceQuotaSpec")
	}
	if profile.GetDeletionTimestamp() != nil {
		profile.SetFinalizers(slices.DeleteFunc(profile.GetFinalizers(), func(held string) bool {
			return held == profileFinalizer
		}))
	} else if !held {
		profile.SetFinalizers(append(profile.GetFinalizers(), profileFinalizer))
	}
	if !changed(before, profile) {
		c.profiled[profile.GetUID()] = settled
		return nil
	}
	_, err = client.Update(ctx, profile, metav1.UpdateOptions{FieldManager: profileManager})
	return ignoreGone(err)
}

// profileNamespace gives the namespace of a Profile with the labels that it should have; nil while it comes or goes.
func (c *Cluster) profileNamespace(
	ctx context.Context,
	controller *appsv1.Deployment,
	profile *unstructured.Unstructured,
	spec profileSpec,
) (*corev1.Namespace, error) {
	extra, err := c.namespaceLabels(ctx, controller)
	if err != nil {
		return nil, err
	}
	namespace, err := c.informers.Core().V1().Namespaces().Lister().Get(profile.GetName())
	if apierrors.IsNotFound(err) {
		_, err := c.client.CoreV1().Namespaces().Create(ctx, newNamespace(profile, spec, extra),
			metav1.CreateOptions{FieldManager: profileManager})
		if err == nil {
			c.Log.Info("made the namespace", "profile", profile.GetName())
		}
		return nil, err // its arrival wakes this part again
	}
	if err != nil || namespace.DeletionTimestamp != nil {
		return nil, err
	}
	labels := withLabels(namespace.Labels, extra)
	if namespace.Annotations["owner"] != spec.Owner.Name || maps.Equal(labels, namespace.Labels) {
		return namespace, nil
	}
	namespace = namespace.DeepCopy()
	namespace.Labels = labels
	_, err = c.client.CoreV1().Namespaces().Update(ctx, namespace, metav1.UpdateOptions{FieldManager: profileManager})
	return nil, err
}

// refuseProfile does what the controller does with a namespace that is somebody else's, or that it finds without
// an owner: it makes nothing, and puts a condition into the Profile by an update of the whole. Since the release's
// definition has the subresource status, the API server takes no status that way: the condition is never seen.
func (c *Cluster) refuseProfile(
	ctx context.Context,
	client updater,
	profile *unstructured.Unstructured,
	spec profileSpec,
) error {
	message := "namespace already exist, but not owned by profile creator " + spec.Owner.Name
	if conditionStatus(profile, "Failed") != "" || c.profiled[profile.GetUID()] == message+profile.GetResourceVersion() {
		return nil
	}
	c.Log.Warn(message, "profile", profile.GetName())
	c.profiled[profile.GetUID()] = message + profile.GetResourceVersion()
	conditions := []any{map[string]any{"type": "Failed", "message": message}}
	if err := unstructured.SetNestedSlice(profile.Object, conditions, "status", "conditions"); err != nil {
		return err
	}
	_, err := client.Update(ctx, profile, metav1.UpdateOptions{FieldManager: profileManager})
	return err
}

// applyPlugins gives default-editor its role on AWS, or takes it away. Without annotateOnly the controller would
// go on to change the role's trust policy by a role of its own, which it has not here.
func (c *Cluster) applyPlugins(ctx context.Context, profile *unstructured.Unstructured, spec profileSpec) error {
	for _, plugin := range spec.Plugins {
		if plugin.Kind != "AwsIamForServiceAccount" {
			continue
		}
		if plugin.Spec.AwsIAMRole == "" {
			return errors.New("failed to setup service account because awsIamRole is empty")
		}
		accounts := c.client.CoreV1().ServiceAccounts(profile.GetName())
		account, err := accounts.Get(ctx, "default-editor", metav1.GetOptions{})
		if err != nil {
			return err
		}
		role := map[string]string{"eks.amazonaws.com/role-arn": plugin.Spec.AwsIAMRole}
		if profile.GetDeletionTimestamp() != nil {
			role = map[string]string{"eks.amazonaws.com/role-arn": ""}
		}
		wanted := withLabels(account.Annotations, nil)
		maps.Copy(wanted, role)
		maps.DeleteFunc(wanted, func(_, value string) bool { return value == "" })
		if !maps.Equal(wanted, account.Annotations) {
			account.Annotations = wanted
			if _, err := accounts.Update(ctx, account, metav1.UpdateOptions{FieldManager: profileManager}); err != nil {
				return err
			}
		}
		if !plugin.Spec.AnnotateOnly {
			return errors.New("NoCredentialProviders: the Profile controller has no role on AWS; set annotateOnly")
		}
	}
	return nil
}

// namespaceLabels reads the labels from the ConfigMap that the controller mounts.
func (c *Cluster) namespaceLabels(ctx context.Context, controller *appsv1.Deployment) (map[string]string, error) {
	for _, volume := range controller.Spec.Template.Spec.Volumes {
		if volume.ConfigMap == nil {
			continue
		}
		data, err := c.configData(ctx, controller.Namespace, volume.ConfigMap.Name)
		if err != nil {
			return nil, err
		}
		if text, ok := data[labelsKey]; ok {
			labels := map[string]string{}
			if err := yaml.Unmarshal([]byte(text), &labels); err != nil {
				return nil, fmt.Errorf("%s of ConfigMap %s/%s: %w", labelsKey, controller.Namespace, volume.ConfigMap.Name, err)
			}
			return labels, nil
		}
	}
	return profileLabels, nil
}

func newNamespace(profile *unstructured.Unstructured, spec profileSpec, extra map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: profile.GetName(), Labels: withLabels(map[string]string{"istio-injection": "enabled"}, extra),
		Annotations:     map[string]string{"owner": spec.Owner.Name},
		OwnerReferences: ownedBy(profile),
	}}
}

// withLabels is a copy with those that are missing; an empty value is how the file asks for a label's removal.
func withLabels(labels, extra map[string]string) map[string]string {
	result := maps.Clone(labels)
	if result == nil {
		result = map[string]string{}
	}
	for key, value := range extra {
		if value == "" {
			delete(result, key)
		} else if _, ok := result[key]; !ok {
			result[key] = value
		}
	}
	return result
}

func ownedBy(profile *unstructured.Unstructured) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(profile, schema.GroupVersionKind{
		Group: "kubeflow.org", Version: "v1", Kind: "Profile",
	})}
}
