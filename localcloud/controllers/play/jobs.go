package play

import (
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
)

// Jobs that sign for a webhook: ingress-nginx, kube-prometheus-stack and others have kube-webhook-certgen
// (kubernetes/ingress-nginx, images/kube-webhook-certgen/rootfs/cmd). `create` makes a Secret of these
// keys, `patch` writes its CA into the configurations of a name.
var certgenKeys = []string{"cert", "key", "ca"}

func (c *Cluster) playJobs() error {
	registration := c.informers.Admissionregistration().V1()
	c.informers.Batch().V1().Jobs().Informer() // for patchedByJob
	_, err := c.play("jobs", c.syncJobs, c.informers.Core().V1().Pods().Informer(),
		registration.MutatingWebhookConfigurations().Informer(), registration.ValidatingWebhookConfigurations().Informer())
	return err
}

func (c *Cluster) syncJobs(ctx context.Context) error {
	pods, err := c.informers.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	return each(pods, func(pod *corev1.Pod) error {
		owner := metav1.GetControllerOf(pod)
		runs := pod.Status.Phase == corev1.PodRunning || pod.Status.Phase == corev1.PodSucceeded
		if owner == nil || owner.Kind != "Job" || !runs {
			return nil
		}
		if configuration := argument(pod, "--webhook-name="); configuration != "" {
			return c.patchAuthority(ctx, pod, configuration)
		}
		if secret := argument(pod, "--secret-name="); secret != "" {
			return c.makeSecret(ctx, pod, secret)
		}
		return nil
	})
}

// patchedByJob tells whether a Job is there to fill the configurations of a name.
func (c *Cluster) patchedByJob(named string) bool {
	jobs, _ := c.informers.Batch().V1().Jobs().Lister().List(labels.Everything()) // a cache's lister cannot fail
	return slices.ContainsFunc(jobs, func(job *batchv1.Job) bool {
		return argument(&corev1.Pod{Spec: job.Spec.Template.Spec}, "--webhook-name=") == named
	})
}

func (c *Cluster) makeSecret(ctx context.Context, pod *corev1.Pod, named string) error {
	allowed, err := c.may(ctx, pod, "", "secrets", pod.Namespace, "", "create")
	if err != nil || !allowed {
		return err
	}
	service := admission.Service{Namespace: pod.Namespace, Name: workload(pod)}
	return c.keepSecret(ctx, service, named, certgenKeys, process(pod))
}

// patchAuthority fills the configurations of that name, once for each Job's pod.
func (c *Cluster) patchAuthority(ctx context.Context, pod *corev1.Pod, named string) error {
	configurations, err := c.configurations()
	if err != nil {
		return err
	}
	configurations = slices.DeleteFunc(configurations, func(one configuration) bool { return one.meta.Name != named })
	return each(configurations, func(found configuration) error {
		changed := false
		for _, h := range found.hooks {
			changed = len(h.client.CABundle) == 0 && h.trust(c.Authority.Bundle()) || changed
		}
		if !changed {
			return nil
		}
		allowed, err := c.may(ctx, pod, registrationGroup, found.resource(), "", named, "patch", "update")
		if err != nil || !allowed {
			return err
		}
		return found.update(ctx, metav1.UpdateOptions{FieldManager: process(pod)})
	})
}
