package play

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// Workloads that make, once they run, a Secret that other pods mount: KEDA's operator `kedaorg-certs`, MetalLB's
// controller `memberlist`, an init container of Argo CD's Redis `argocd-redis`. No table names them. What says it is
// that such a workload may create Secrets there, that it names this one, and that it starts without it.
// `secret_makers` in ordering/graph/rules/facts.py reads the same from the manifests.

func (c *Cluster) playSecrets() error {
	core := c.informers.Core().V1()
	_, err := c.play("secrets", c.syncSecrets, core.Pods().Informer(), core.Secrets().Informer())
	return err
}

// syncSecrets makes each Secret that pods wait for and whose maker runs.
func (c *Cluster) syncSecrets(ctx context.Context) error {
	pods, err := c.informers.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	wanted := map[types.NamespacedName][]string{}
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil || pod.Annotations[mountsReady] != "" {
			continue
		}
		for _, n := range needs(&pod.Spec) {
			if n.kind == "Secret" && c.secret(pod.Namespace, n.name) == nil {
				place := types.NamespacedName{Namespace: pod.Namespace, Name: n.name}
				wanted[place] = append(wanted[place], n.keys...)
			}
		}
	}
	for place, keys := range wanted {
		for _, pod := range pods {
			if pod.Namespace != place.Namespace || pod.DeletionTimestamp != nil || !makesNow(pod, place.Name) {
				continue
			}
			makes, err := c.makes(ctx, pod, place.Name)
			if err != nil {
				return err
			}
			if !makes {
				continue
			}
			if err := c.createSecret(ctx, place, keys, process(pod)); err != nil {
				return err
			}
			c.Log.Info("made a Secret", "secret", place, "workload", workload(pod))
			break
		}
	}
	return nil
}

// makesNow tells whether a pod has come to where it could make a Secret: it runs, or its init containers do, for
// which it needs no Secret that only its other containers read.
func makesNow(pod *corev1.Pod, secret string) bool {
	if pod.Status.Phase == corev1.PodRunning {
		return true
	}
	first := corev1.PodSpec{Volumes: pod.Spec.Volumes, Containers: pod.Spec.InitContainers}
	wants := func(n need) bool { return n.kind == "Secret" && n.name == secret }
	return pod.Spec.NodeName != "" && len(pod.Spec.InitContainers) > 0 &&
		slices.ContainsFunc(needs(&pod.Spec), wants) && !slices.ContainsFunc(needs(&first), wants)
}

// makes tells whether a pod may create Secrets in its namespace, and names this one: in its arguments or its
// environment, as an optional reference, or by a role that is for it.
func (c *Cluster) makes(ctx context.Context, pod *corev1.Pod, secret string) (bool, error) {
	allowed, err := c.may(ctx, pod, "", "secrets", pod.Namespace, "", "create")
	if err != nil || !allowed || namesSecret(&pod.Spec, secret) {
		return allowed, err
	}
	for _, verb := range []string{"get", "list", "watch", "update", "patch"} {
		anyOne, err := c.may(ctx, pod, "", "secrets", pod.Namespace, "", verb)
		if err != nil {
			return false, err
		}
		if anyOne {
			continue // which says nothing of this one
		}
		if this, err := c.may(ctx, pod, "", "secrets", pod.Namespace, secret, verb); err != nil || this {
			return this, err
		}
	}
	return false, nil
}

// namesSecret tells whether a pod's spec names a Secret without needing it.
func namesSecret(spec *corev1.PodSpec, secret string) bool {
	for _, volume := range spec.Volumes {
		if source := volume.Secret; source != nil && source.SecretName == secret && isTrue(source.Optional) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(spec.InitContainers, spec.Containers), func(one corev1.Container) bool {
		return slices.ContainsFunc(slices.Concat(one.Command, one.Args), func(word string) bool {
			return word == secret || strings.HasSuffix(word, "="+secret)
		}) || slices.ContainsFunc(one.Env, func(variable corev1.EnvVar) bool { return variable.Value == secret })
	})
}

func isTrue(value *bool) bool { return value != nil && *value }

// createSecret makes a Secret with the keys that pods read, or those of a certificate where they read it whole.
func (c *Cluster) createSecret(ctx context.Context, place types.NamespacedName, keys []string, manager string) error {
	if len(keys) == 0 {
		keys = rotatorKeys
	}
	data := map[string][]byte{}
	for _, key := range keys {
		data[key] = []byte("made on the laptop")
	}
	_, err := c.client.CoreV1().Secrets(place.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: place.Name}, Data: data,
	}, metav1.CreateOptions{FieldManager: manager})
	if apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // the cache was a moment behind
	}
	return err
}
