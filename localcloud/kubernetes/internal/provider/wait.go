package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeflow/localcloud/kubernetes/internal/await"
	"kubeflow/localcloud/kubernetes/internal/cluster"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// remarkEvery is how often, at most, a wait says how far it is.
const remarkEvery = 5 * time.Second

// wait follows the object until the plan's check holds, and gives its last state. An error says what the object still lacked.
func (s *session) wait(ctx context.Context, client *cluster.Client, target cluster.Target, r resource, live map[string]any, plan await.Plan) (map[string]any, error) {
	if plan.Check == nil && plan.Pause == 0 {
		return live, nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, plan.Timeout, fmt.Errorf("it took longer than %v", plan.Timeout))
	defer cancel()
	if plan.Pause > 0 {
		s.remark(ctx, r.urn, fmt.Sprintf("waiting %v for the endpoints of %s", plan.Pause, r.title()))
		select {
		case <-limited.Done():
			return live, context.Cause(limited)
		case <-time.After(plan.Pause):
		}
	}
	if plan.Check == nil {
		return live, nil
	}
	progress, said := "", time.Time{}
	seen := func(object map[string]any) (bool, error) {
		if object == nil {
			return false, errors.New("it was deleted meanwhile")
		}
		live = object
		ready, text, err := plan.Check(object)
		if !ready && err == nil && text != progress && time.Since(said) > remarkEvery {
			said = time.Now()
			s.remark(ctx, r.urn, fmt.Sprintf("waiting for %s: %s", r.title(), text))
		}
		progress = text
		return ready, err
	}
	// Only what a whole answer holds can already be enough; the watch goes on from there.
	ready, err := seen(live)
	if !ready && err == nil {
		part := cluster.Whole
		if plan.Light {
			part = cluster.Status
		}
		err = client.Follow(limited, target, properties.Text(live, "metadata", "resourceVersion"), part, seen)
	}
	switch {
	case err == nil:
		if !said.IsZero() {
			s.remark(ctx, r.urn, "")
		}
		return live, nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case limited.Err() != nil:
		err = context.Cause(limited)
	}
	if progress != "" {
		err = fmt.Errorf("%w; last seen: %s", err, strings.TrimSpace(progress))
	}
	if ctx.Err() == nil {
		if pods := troubles(ctx, client, target, live); pods != "" {
			err = fmt.Errorf("%w; %s", err, pods)
		}
	}
	return live, err
}

// troubles says of a workload's Pods why they are not ready, for at most three of them.
func troubles(ctx context.Context, client *cluster.Client, target cluster.Target, live map[string]any) string {
	labels := properties.Map(live, "spec", "selector", "matchLabels")
	if len(labels) == 0 || target.GVK.Group != "apps" && target.GVK.Group != "batch" {
		return ""
	}
	var terms []string
	for name, value := range labels {
		terms = append(terms, fmt.Sprintf("%s=%v", name, value))
	}
	slices.Sort(terms)
	pods, err := client.List(ctx, cluster.Target{GVK: schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, Resource: "pods",
		Namespaced: true, Namespace: target.Namespace}, strings.Join(terms, ","))
	if err != nil {
		return ""
	}
	var texts []string
	for _, pod := range pods {
		if trouble := troubleOf(pod); trouble != "" && len(texts) < 3 {
			texts = append(texts, fmt.Sprintf("Pod %s: %s", properties.Text(pod, "metadata", "name"), trouble))
		}
	}
	return strings.Join(texts, "; ")
}

func troubleOf(pod map[string]any) string {
	for _, kind := range []string{"PodScheduled", "Ready"} {
		condition := await.Condition(pod, kind)
		if condition == nil || condition["status"] == "True" {
			continue
		}
		text := words(condition)
		for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
			statuses, _ := properties.Lookup(pod, "status", list).([]any)
			for _, item := range statuses {
				status, _ := item.(map[string]any)
				if waiting := properties.Map(status, "state", "waiting"); waiting != nil {
					text += fmt.Sprintf(", container %v: %s", status["name"], words(waiting))
				}
			}
		}
		return text
	}
	return ""
}

// words are the reason and the message of a condition or of a container's state.
func words(state map[string]any) string {
	return strings.TrimSpace(properties.Text(state, "reason") + " " + properties.Text(state, "message"))
}

// bindingMode asks how a StorageClass binds.
func bindingMode(ctx context.Context, client *cluster.Client, class string) (string, error) {
	object, err := client.Get(ctx, cluster.Target{GVK: schema.GroupVersionKind{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass"},
		Resource: "storageclasses", Name: class}, false)
	if apierrors.IsNotFound(err) {
		return "", fmt.Errorf("the claim's StorageClass %s is not there", class)
	}
	if err != nil {
		return "", err
	}
	return properties.Text(object, "volumeBindingMode"), nil
}
