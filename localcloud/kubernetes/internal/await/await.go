package await

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"kubeflow/localcloud/kubernetes/internal/kinds"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// Plan is how to wait for one object. The zero plan waits for nothing.
type Plan struct {
	Check   Check         // nil where there is nothing to wait for
	Pause   time.Duration // to let pass before the first look
	Timeout time.Duration
	Light   bool // the answer is in the object's metadata and status
}

// BindingMode gives the volumeBindingMode of a StorageClass, or an error that says why it is not known.
type BindingMode func(storageClass string) (string, error)

// How long the official plugin waits for each kind, where the program does not say (v4.34, provider/pkg/await).
const (
	short = 5 * time.Minute
	long  = 10 * time.Minute
)

// settle is how long a Service with a selector takes, as the official plugin waits for its endpoints to stay the same.
const settle = 10 * time.Second

// For plans the wait for an object after it was created or updated. Its own annotations come first, then its kind. optionSeconds is
// the resource option customTimeouts, in seconds, or 0.
func For(gvk schema.GroupVersionKind, object map[string]any, optionSeconds float64, mode BindingMode) (Plan, error) {
	if properties.Annotation(object, SkipAwait) == "true" {
		return Plan{}, nil
	}
	plan := byKind(gvk.GroupKind(), object, mode)
	if text := properties.Annotation(object, WaitFor); text != "" {
		check, statusOnly, err := ParseWaitFor(text)
		if err != nil {
			return Plan{}, err
		}
		plan = Plan{Check: check, Timeout: long, Light: statusOnly && kinds.IsCRD(gvk.GroupKind())}
	}
	timeout, err := Limit(object, optionSeconds, plan.Timeout)
	plan.Timeout = timeout
	return plan, err
}

// Limit is how long an operation on the object may wait.
func Limit(object map[string]any, optionSeconds float64, otherwise time.Duration) (time.Duration, error) {
	if optionSeconds > 0 {
		return time.Duration(optionSeconds * float64(time.Second)), nil
	}
	text := properties.Annotation(object, Timeout)
	if text == "" {
		return otherwise, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds <= 0 {
		return 0, fmt.Errorf("%s is %q: give whole seconds, more than 0", Timeout, text)
	}
	return time.Duration(seconds) * time.Second, nil
}

func byKind(gk schema.GroupKind, object map[string]any, mode BindingMode) Plan {
	switch gk {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}, schema.GroupKind{Group: "apps", Kind: "DaemonSet"}:
		return Plan{Check: rolledOut, Timeout: long}
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, schema.GroupKind{Kind: "ReplicationController"}:
		return Plan{Check: rolledOut, Timeout: short}
	case schema.GroupKind{Kind: "Pod"}:
		return Plan{Check: ready, Timeout: long}
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		return Plan{Check: completed, Timeout: long}
	case schema.GroupKind{Kind: "PersistentVolumeClaim"}:
		return Plan{Check: bound(mode), Timeout: short}
	case schema.GroupKind{Kind: "PersistentVolume"}:
		return Plan{Check: phase("Available", "Bound"), Timeout: short}
	case schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}:
		return Plan{Check: hasAddress, Timeout: long}
	case schema.GroupKind{Kind: "Service"}:
		return service(object)
	case schema.GroupKind{Kind: "Secret"}:
		if object["type"] == "kubernetes.io/service-account-token" {
			return Plan{Check: filled, Timeout: short}
		}
	}
	return Plan{}
}

// rolledOut trusts kstatus, but goes on where it gives up: a Deployment past its progress deadline may still come up.
func rolledOut(object map[string]any) (bool, string, error) {
	result, err := status.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		return false, "", err
	}
	return result.Status == status.CurrentStatus, result.Message, nil
}

func ready(object map[string]any) (bool, string, error) {
	result, err := status.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		return false, "", err
	}
	if properties.Text(object, "status", "phase") == "Failed" { // to kstatus as good as done
		return false, "", fmt.Errorf("the Pod failed: %s", result.Message)
	}
	return result.Status == status.CurrentStatus, result.Message, nil
}

// completed asks for more than kstatus does, to which a running Job is as good as done.
func completed(object map[string]any) (bool, string, error) {
	if found := Condition(object, "Complete"); found != nil && found["status"] == "True" {
		return true, "", nil
	}
	if found := Condition(object, "Failed"); found != nil && found["status"] == "True" {
		return false, "", fmt.Errorf("the Job failed: %s", because(found))
	}
	active, _ := properties.Lookup(object, "status", "active").(int64)
	succeeded, _ := properties.Lookup(object, "status", "succeeded").(int64)
	return false, fmt.Sprintf("the Job has %d Pods active and %d succeeded", active, succeeded), nil
}

func phase(wanted ...string) Check {
	return func(object map[string]any) (bool, string, error) {
		is := properties.Text(object, "status", "phase")
		for _, want := range wanted {
			if is == want {
				return true, "", nil
			}
		}
		return false, fmt.Sprintf("phase is %q, not %s", is, wanted[0]), nil
	}
}

// bound accepts a claim that waits for its first Pod, if that is how its class binds.
func bound(mode BindingMode) Check {
	return func(object map[string]any) (bool, string, error) {
		if is := properties.Text(object, "status", "phase"); is == "Bound" {
			return true, "", nil
		} else if is == "Lost" {
			return false, "", fmt.Errorf("the claim lost its volume")
		}
		class := properties.Text(object, "spec", "storageClassName")
		if class == "" {
			return false, "the claim names no StorageClass and the cluster has no default one", nil
		}
		binding, err := mode(class)
		if err != nil {
			return false, err.Error(), nil
		}
		return binding == "WaitForFirstConsumer", fmt.Sprintf("the claim waits for a volume of class %s", class), nil
	}
}

func hasAddress(object map[string]any) (bool, string, error) {
	addresses, _ := properties.Lookup(object, "status", "loadBalancer", "ingress").([]any)
	return len(addresses) > 0, "no load balancer has taken it up", nil
}

func service(object map[string]any) Plan {
	kind := properties.Text(object, "spec", "type")
	plan := Plan{Timeout: long}
	if len(properties.Map(object, "spec", "selector")) > 0 && kind != "ExternalName" && properties.Text(object, "spec", "clusterIP") != "None" {
		plan.Pause = settle
	}
	if kind == "LoadBalancer" {
		plan.Check = hasAddress
	}
	return plan
}

func filled(object map[string]any) (bool, string, error) {
	return len(properties.Map(object, "data")) > 0, "the token is not there yet", nil
}
