package play

import (
	"context"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
)

// Find gives the Service with this NAME.NAMESPACE.svc or cluster IP.
func (c *Cluster) Find(host string) (admission.Service, bool) {
	if found, err := c.services.ByIndex(byClusterIP, host); err == nil && len(found) > 0 {
		service := found[0].(*corev1.Service)
		return admission.Service{Namespace: service.Namespace, Name: service.Name}, true
	}
	parts := strings.Split(host, ".")
	if len(parts) < 3 || parts[2] != "svc" {
		return admission.Service{}, false
	}
	service := admission.Service{Namespace: parts[1], Name: parts[0]}
	_, exists, err := c.services.GetByKey(service.String())
	return service, err == nil && exists
}

// Synced tells whether all that is watched was read once.
func (c *Cluster) Synced() bool { return c.synced.Load() }

// Ready tells whether an endpoint of the Service is ready. When the cache says no the API server is
// asked too, so that this process's own lag refuses nothing.
func (c *Cluster) Ready(ctx context.Context, service admission.Service) bool {
	if cached, err := c.slices.ByIndex(byService, service.String()); err == nil {
		for _, object := range cached {
			if readyEndpoint(object.(*discoveryv1.EndpointSlice)) {
				return true
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	live, err := c.client.DiscoveryV1().EndpointSlices(service.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + service.Name,
	})
	if err != nil {
		return false
	}
	for i := range live.Items {
		if readyEndpoint(&live.Items[i]) {
			return true
		}
	}
	return false
}

func readyEndpoint(slice *discoveryv1.EndpointSlice) bool {
	for _, endpoint := range slice.Endpoints {
		if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
			return true
		}
	}
	return false
}

// available gives a Deployment that is Available and that the test picks, or nil.
func (c *Cluster) available(picks func(*appsv1.Deployment) bool) (*appsv1.Deployment, error) {
	deployments, err := c.informers.Apps().V1().Deployments().Lister().List(labels.Everything())
	if err != nil {
		return nil, err
	}
	for _, deployment := range deployments {
		if deployment.DeletionTimestamp == nil && picks(deployment) && isAvailable(deployment) {
			return deployment, nil
		}
	}
	return nil, nil
}

func isAvailable(deployment *appsv1.Deployment) bool {
	for _, condition := range deployment.Status.Conditions {
		if condition.Type == appsv1.DeploymentAvailable {
			return condition.Status == corev1.ConditionTrue && deployment.Status.AvailableReplicas > 0
		}
	}
	return false
}

// running gives a pod behind the Service whose containers have started, or nil. A backend that
// makes its own certificate does so before it is Ready: often it is Ready only then.
func (c *Cluster) running(service admission.Service) (*corev1.Pod, error) {
	object, exists, err := c.services.GetByKey(service.String())
	if err != nil || !exists {
		return nil, err
	}
	selector := object.(*corev1.Service).Spec.Selector
	if len(selector) == 0 {
		return nil, nil
	}
	pods, err := c.informers.Core().V1().Pods().Lister().Pods(service.Namespace).List(labels.SelectorFromSet(selector))
	if err != nil {
		return nil, err
	}
	for _, pod := range pods {
		if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			return pod, nil
		}
	}
	return nil, nil
}

// workload is the name of what made the pod: its Deployment's rather than its ReplicaSet's.
func workload(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return pod.Name
	}
	if hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; owner.Kind == "ReplicaSet" && hash != "" {
		return strings.TrimSuffix(owner.Name, "-"+hash)
	}
	return owner.Name
}

// configData is what a ConfigMap holds; nothing where there is no such ConfigMap.
func (c *Cluster) configData(ctx context.Context, namespace, name string) (map[string]string, error) {
	found, err := c.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found.Data, nil
}
