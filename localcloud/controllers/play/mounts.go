package play

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
)

// Annotations that the fake nodes' stages wait for.
const (
	mountsReady = "localcloud.kubeflow/mounts-ready"
	startDelay  = "localcloud.kubeflow/start-delay"
)

// Shortest and longest start-up of a pod, in seconds: as if its images were pulled.
const (
	shortestStart = 20
	longestStart  = 60
)

// need is a Secret or ConfigMap, and keys of it, without which a kubelet starts no container.
type need struct {
	kind, name string
	keys       []string
}

func (n need) String() string {
	if len(n.keys) == 0 {
		return n.kind + " " + n.name
	}
	return fmt.Sprintf("%s %s (%s)", n.kind, n.name, strings.Join(n.keys, ", "))
}

// needs lists what a pod must have: all that its volumes and its containers' environments name and
// do not call optional.
func needs(spec *corev1.PodSpec) []need {
	var found []need
	add := func(kind, name string, optional *bool, keys ...string) {
		if optional == nil || !*optional {
			found = append(found, need{kind, name, keys})
		}
	}
	for _, volume := range spec.Volumes {
		if source := volume.Secret; source != nil {
			add("Secret", source.SecretName, source.Optional, itemKeys(source.Items)...)
		}
		if source := volume.ConfigMap; source != nil {
			add("ConfigMap", source.Name, source.Optional, itemKeys(source.Items)...)
		}
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.Secret != nil {
				add("Secret", source.Secret.Name, source.Secret.Optional, itemKeys(source.Secret.Items)...)
			}
			if source.ConfigMap != nil {
				add("ConfigMap", source.ConfigMap.Name, source.ConfigMap.Optional, itemKeys(source.ConfigMap.Items)...)
			}
		}
	}
	for _, container := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, source := range container.EnvFrom {
			if source.SecretRef != nil {
				add("Secret", source.SecretRef.Name, source.SecretRef.Optional)
			}
			if source.ConfigMapRef != nil {
				add("ConfigMap", source.ConfigMapRef.Name, source.ConfigMapRef.Optional)
			}
		}
		for _, variable := range container.Env {
			if variable.ValueFrom == nil {
				continue
			}
			if key := variable.ValueFrom.SecretKeyRef; key != nil {
				add("Secret", key.Name, key.Optional, key.Key)
			}
			if key := variable.ValueFrom.ConfigMapKeyRef; key != nil {
				add("ConfigMap", key.Name, key.Optional, key.Key)
			}
		}
	}
	return found
}

func itemKeys(items []corev1.KeyToPath) []string {
	var keys []string
	for _, item := range items {
		keys = append(keys, item.Key)
	}
	return keys
}

// missing gives the needs that the function does not find, each once.
func missing(wanted []need, keysOf func(kind, name string) (keys []string, exists bool)) []string {
	var lacking []string
	for _, wish := range wanted {
		keys, exists := keysOf(wish.kind, wish.name)
		absent := func(key string) bool { return !slices.Contains(keys, key) }
		if text := wish.String(); (!exists || slices.ContainsFunc(wish.keys, absent)) && !slices.Contains(lacking, text) {
			lacking = append(lacking, text)
		}
	}
	return lacking
}

// delay is the start-up time of a workload's pods: the same in every run with the same seed,
// whatever else runs and whatever random names the pods get.
func delay(seed int64, namespace, workload string) time.Duration {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s", seed, namespace, workload))
	seconds := shortestStart + binary.BigEndian.Uint64(sum[:8])%(longestStart-shortestStart+1)
	return time.Duration(seconds) * time.Second
}

func (c *Cluster) playMounts() error {
	core, registration := c.informers.Core().V1(), c.informers.Admissionregistration().V1()
	_, err := c.play(
		"mounts",
		c.syncMounts,
		core.Pods().Informer(),
		core.Secrets().Informer(),
		core.ConfigMaps().Informer(),
		registration.MutatingWebhookConfigurations().Informer(),
		registration.ValidatingWebhookConfigurations().Informer(),
	)
	return err
}

// syncMounts plays the kubelet's wait for what its pods mount.
func (c *Cluster) syncMounts(ctx context.Context) error {
	pods, err := c.informers.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	return each(pods, func(pod *corev1.Pod) error {
		if pod.Spec.NodeName == "" || pod.DeletionTimestamp != nil || pod.Annotations[mountsReady] != "" {
			return nil
		}
		lacking := missing(
			needs(&pod.Spec),
			func(kind, name string) ([]string, bool) { return c.keysOf(pod.Namespace, kind, name) },
		)
		if len(lacking) == 0 {
			if lacking, err = c.unregistered(ctx, pod); err != nil {
				return err
			}
		}
		if len(lacking) > 0 {
			return c.tell(ctx, pod, "waits for "+strings.Join(lacking, ", "))
		}
		wait := delay(c.Seed, pod.Namespace, workload(pod))
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
			"uid": pod.UID, // of this pod only, not of one that has taken its name
			"annotations": map[string]string{
				mountsReady: "true", startDelay: strconv.Itoa(int(wait.Seconds())) + "s",
			}}})
		if err != nil {
			return err
		}
		_, err = c.client.CoreV1().
			Pods(pod.Namespace).
			Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubelet"})
		return ignoreGone(err)
	})
}

// unregistered gives the webhook configurations without which the process of a pod ends: it may write into its own
// and may not watch for them, so it looks once, as CloudNativePG does (pkg/certs/k8s.go). Those of other
// backends go on without, and fill theirs when it comes. Who may write everything, as Argo CD's server may patch all
// kinds, says nothing by it.
func (c *Cluster) unregistered(ctx context.Context, pod *corev1.Pod) ([]string, error) {
	if pod.Spec.ServiceAccountName == "default" || len(c.servicesOf(pod)) == 0 {
		return nil, nil
	}
	everything, err := c.may(ctx, pod, "any.invalid", "any", "", "", "patch", "update")
	if err != nil || everything {
		return nil, err
	}
	configurations, err := c.configurations()
	if err != nil {
		return nil, err
	}
	var lacking []string
	for _, kind := range []configuration{{mutates: true}, {}} {
		writes, err := c.may(ctx, pod, registrationGroup, kind.resource(), "", "", "patch", "update")
		if err != nil {
			return nil, err
		}
		watches := false
		if writes {
			if watches, err = c.may(ctx, pod, registrationGroup, kind.resource(), "", "", "list", "watch"); err != nil {
				return nil, err
			}
		}
		registered := slices.ContainsFunc(configurations, func(one configuration) bool {
			return one.mutates == kind.mutates && slices.ContainsFunc(one.hooks, func(h hook) bool {
				service, ok := h.service()
				return ok && slices.Contains(c.servicesOf(pod), service)
			})
		})
		if writes && !watches && !registered {
			lacking = append(lacking, "one of its "+kind.resource())
		}
	}
	return lacking, nil
}

// servicesOf gives the Services whose selectors select a pod.
func (c *Cluster) servicesOf(pod *corev1.Pod) []admission.Service {
	var found []admission.Service
	for _, object := range c.services.List() {
		service := object.(*corev1.Service)
		if service.Namespace == pod.Namespace && len(service.Spec.Selector) > 0 &&
			labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pod.Labels)) {
			found = append(found, admission.Service{Namespace: service.Namespace, Name: service.Name})
		}
	}
	return found
}

func (c *Cluster) keysOf(namespace, kind, name string) ([]string, bool) {
	var keys []string
	if kind == "Secret" {
		secret := c.secret(namespace, name)
		if secret == nil {
			return nil, false
		}
		for key := range secret.Data {
			keys = append(keys, key)
		}
		return keys, true
	}
	configMap, err := c.informers.Core().V1().ConfigMaps().Lister().ConfigMaps(namespace).Get(name)
	if err != nil {
		return nil, false
	}
	for key := range configMap.Data {
		keys = append(keys, key)
	}
	for key := range configMap.BinaryData {
		keys = append(keys, key)
	}
	return keys, true
}

// tell leaves a kubelet's event on a pod that cannot start, one for each state it is in.
func (c *Cluster) tell(ctx context.Context, pod *corev1.Pod, message string) error {
	if c.told[pod.UID] == message {
		return nil
	}
	sum := sha256.Sum256([]byte(message))
	now := metav1.Now()
	_, err := c.client.CoreV1().Events(pod.Namespace).Create(ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s.%x", pod.Name, sum[:8])},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		},
		Type: corev1.EventTypeWarning, Reason: "FailedMount", Message: message, Count: 1,
		Source:         corev1.EventSource{Component: "kubelet", Host: pod.Spec.NodeName},
		FirstTimestamp: now, LastTimestamp: now,
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return err
	}
	c.told[pod.UID] = message
	return nil
}
