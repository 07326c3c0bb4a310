package play

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Facts on the Prometheus operator: prometheus-operator/prometheus-operator v0.92.0, pkg/prometheus/server and
// pkg/alertmanager: a StatefulSet named after the kind and the object, whose claims are named after that and `-db`, and
// the condition Available once all its pods are ready. What the StatefulSets mount besides, and that one is made again
// whose storage changes, is not played.
const (
	prometheuses       = "prometheuses.monitoring.coreos.com"
	alertmanagers      = "alertmanagers.monitoring.coreos.com"
	prometheusOperator = "prometheus-operator"
)

type monitorSpec struct {
	Replicas    *int32                      `json:"replicas"`
	Image       string                      `json:"image"`
	Resources   corev1.ResourceRequirements `json:"resources"`
	PodMetadata metav1.ObjectMeta           `json:"podMetadata"`
	Storage     *struct {
		VolumeClaimTemplate struct {
			Spec corev1.PersistentVolumeClaimSpec `json:"spec"`
		} `json:"volumeClaimTemplate"`
	} `json:"storage"`
	ServiceAccountName string `json:"serviceAccountName"`
}

func (c *Cluster) playMonitors() error {
	l, err := c.play("monitors", c.syncMonitors,
		c.informers.Apps().V1().Deployments().Informer(), c.informers.Apps().V1().StatefulSets().Informer())
	if err != nil {
		return err
	}
	c.kinds.want(l, prometheuses, alertmanagers)
	return nil
}

// syncMonitors runs what Prometheus and Alertmanager objects ask for, while their operator is there.
func (c *Cluster) syncMonitors(ctx context.Context) error {
	operator, err := c.available(named(prometheusOperator))
	if err != nil || operator == nil {
		return err
	}
	for crd, prefix := range map[string]string{prometheuses: "prometheus", alertmanagers: "alertmanager"} {
		resource, objects := c.kinds.list(crd)
		err := each(objects, func(monitor *unstructured.Unstructured) error {
			if monitor.GetDeletionTimestamp() != nil {
				return nil
			}
			set, err := c.monitorSet(ctx, monitor, prefix)
			if err != nil || set.Status.ReadyReplicas < *set.Spec.Replicas ||
				!setCondition(monitor, "Available", "True", "", "") {
				return err
			}
			_, err = c.dynamic.Resource(resource).Namespace(monitor.GetNamespace()).
				UpdateStatus(ctx, monitor, metav1.UpdateOptions{FieldManager: prometheusOperator})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// monitorSet is the StatefulSet of an object, which is made where it is missing.
func (c *Cluster) monitorSet(
	ctx context.Context,
	monitor *unstructured.Unstructured,
	prefix string,
) (*appsv1.StatefulSet, error) {
	wanted, err := monitorSetOf(monitor, prefix)
	if err != nil {
		return nil, err
	}
	found, err := c.informers.Apps().V1().StatefulSets().Lister().StatefulSets(wanted.Namespace).Get(wanted.Name)
	if !apierrors.IsNotFound(err) {
		return found, err
	}
	made, err := c.client.AppsV1().StatefulSets(wanted.Namespace).
		Create(ctx, wanted, metav1.CreateOptions{FieldManager: prometheusOperator})
	if apierrors.IsAlreadyExists(err) {
		return c.client.AppsV1().StatefulSets(wanted.Namespace).Get(ctx, wanted.Name, metav1.GetOptions{})
	}
	return made, err
}

func monitorSetOf(monitor *unstructured.Unstructured, prefix string) (*appsv1.StatefulSet, error) {
	var read struct {
		Spec monitorSpec `json:"spec"`
	}
	if err := fromUnstructured(monitor, &read); err != nil {
		return nil, err
	}
	spec, replicas := read.Spec, int32(1)
	if spec.Replicas != nil {
		replicas = *spec.Replicas
	}
	name := prefix + "-" + monitor.GetName()
	selector := map[string]string{
		"app.kubernetes.io/name": prefix, "app.kubernetes.io/instance": monitor.GetName(), prefix: monitor.GetName(),
	}
	container := corev1.Container{Name: prefix, Image: spec.Image, Resources: spec.Resources}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: monitor.GetNamespace(), Labels: selector,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(monitor, monitor.GroupVersionKind())},
		},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &replicas, ServiceName: prefix + "-operated", PodManagementPolicy: appsv1.ParallelPodManagement,
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: withLabels(spec.PodMetadata.Labels, selector)},
			},
		},
	}
	if spec.Storage != nil {
		set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{
			ObjectMeta: metav1.ObjectMeta{Name: name + "-db"}, Spec: spec.Storage.VolumeClaimTemplate.Spec,
		}}
		container.VolumeMounts = []corev1.VolumeMount{{Name: name + "-db", MountPath: "/" + prefix}}
	}
	set.Spec.Template.Spec = corev1.PodSpec{
		ServiceAccountName: spec.ServiceAccountName, Containers: []corev1.Container{container},
	}
	return set, nil
}
