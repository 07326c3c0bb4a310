package await

import (
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

type object = map[string]any

func conditions(items ...any) object { return object{"conditions": items} }

func TestWaitForConditions(t *testing.T) {
	for name, test := range map[string]struct {
		expression string
		object     object
		ready      bool
		says       string
	}{
		"no status":          {"condition=Ready", object{}, false, "condition Ready is not there yet"},
		"true":               {"condition=Ready", object{"status": conditions(object{"type": "Ready", "status": "True"})}, true, ""},
		"without case":       {"condition=ready=true", object{"status": conditions(object{"type": "Ready", "status": "True"})}, true, ""},
		"false":              {"condition=Ready", object{"status": conditions(object{"type": "Ready", "status": "False", "reason": "Pending", "message": "no issuer"})}, false, "condition Ready is False, not True: Pending no issuer"},
		"another wanted":     {"condition=Ready=Unknown", object{"status": conditions(object{"type": "Ready", "status": "Unknown"})}, true, ""},
		"another":            {"condition=Ready", object{"status": conditions(object{"type": "Issuing", "status": "True"})}, false, "condition Ready is not there yet"},
		"older generation":   {"condition=Ready", object{"metadata": object{"generation": int64(2)}, "status": conditions(object{"type": "Ready", "status": "True", "observedGeneration": int64(1)})}, false, "condition Ready is about an older generation"},
		"older status":       {"condition=Ready", object{"metadata": object{"generation": int64(2)}, "status": object{"observedGeneration": int64(1), "conditions": []any{object{"type": "Ready", "status": "True"}}}}, false, "condition Ready is about an older generation"},
		"path there":         {"jsonpath={.status.phase}", object{"status": object{"phase": "x"}}, true, ""},
		"path not there":     {"jsonpath={.status.phase}", object{}, false, "{.status.phase} is not there yet"},
		"value":              {"jsonpath={.status.phase}=Active", object{"status": object{"phase": "Active"}}, true, ""},
		"quoted value":       {`jsonpath={.status.phase}="Active"`, object{"status": object{"phase": "Active"}}, true, ""},
		"other value":        {"jsonpath={.status.phase}=Active", object{"status": object{"phase": "Pending"}}, false, "{.status.phase} is Pending, not Active"},
		"number":             {"jsonpath={.status.n}=3", object{"status": object{"n": int64(3)}}, true, ""},
		"index too far":      {"jsonpath={.webhooks[0].clientConfig.caBundle}", object{"webhooks": []any{}}, false, ""},
		"filter":             {`jsonpath={.status.conditions[?(@.type=="Ready")].status}=True`, object{"status": conditions(object{"type": "Ready", "status": "True"})}, true, ""},
		"all of a list":      {`["condition=Ready","jsonpath={.status.url}"]`, object{"status": conditions(object{"type": "Ready", "status": "True"})}, false, "{.status.url} is not there yet"},
		"all of a list hold": {`["condition=Ready","jsonpath={.a}=b"]`, object{"a": "b", "status": conditions(object{"type": "Ready", "status": "True"})}, true, ""},
	} {
		check, _, err := ParseWaitFor(test.expression)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ready, says, err := check(test.object)
		if ready != test.ready || err != nil || test.says != "" && says != test.says {
			t.Errorf("%s: got ready %v, %q, error %v", name, ready, says, err)
		}
	}
}

func TestWaitForThatCannotBeReadIsRefused(t *testing.T) {
	for _, expression := range []string{"Ready", "condition=", "condition=Ready=", "jsonpath=.status", "jsonpath={.a}x", "jsonpath={.a}=", "jsonpath={", "[]", `["ready"]`} {
		if _, _, err := ParseWaitFor(expression); err == nil || !strings.Contains(err.Error(), WaitFor) {
			t.Errorf("%q: got %v", expression, err)
		}
	}
}

func kind(group, name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: "v1", Kind: name}
}

func TestReadinessByKind(t *testing.T) {
	class := func(mode string) BindingMode {
		return func(name string) (string, error) {
			if name == "" || mode == "" {
				return "", errors.New("no such class")
			}
			return mode, nil
		}
	}
	claim := object{"spec": object{"storageClassName": "gp3"}, "status": object{"phase": "Pending"}}
	deployment := func(generation, ready int64) object {
		return object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"generation": int64(2), "name": "d"},
			"spec": object{"replicas": int64(2)}, "status": object{"observedGeneration": generation, "replicas": int64(2), "updatedReplicas": int64(2),
				"readyReplicas": ready, "availableReplicas": ready,
				"conditions": []any{object{"type": "Available", "status": "True"}, object{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}}}}
	}
	for name, test := range map[string]struct {
		gvk    schema.GroupVersionKind
		object object
		mode   BindingMode
		ready  bool
		fails  bool
	}{
		"rolled out":             {kind("apps", "Deployment"), deployment(2, 2), nil, true, false},
		"half rolled out":        {kind("apps", "Deployment"), deployment(2, 1), nil, false, false},
		"older rollout":          {kind("apps", "Deployment"), deployment(1, 2), nil, false, false},
		"job runs":               {kind("batch", "Job"), object{"status": object{"active": int64(1), "startTime": "x"}}, nil, false, false},
		"job complete":           {kind("batch", "Job"), object{"status": conditions(object{"type": "Complete", "status": "True"})}, nil, true, false},
		"job failed":             {kind("batch", "Job"), object{"status": conditions(object{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"})}, nil, false, true},
		"claim bound":            {kind("", "PersistentVolumeClaim"), object{"status": object{"phase": "Bound"}}, class(""), true, false},
		"claim waits for a pod":  {kind("", "PersistentVolumeClaim"), claim, class("WaitForFirstConsumer"), true, false},
		"claim waits":            {kind("", "PersistentVolumeClaim"), claim, class("Immediate"), false, false},
		"claim without class":    {kind("", "PersistentVolumeClaim"), object{"status": object{"phase": "Pending"}}, class("Immediate"), false, false},
		"claim of no such class": {kind("", "PersistentVolumeClaim"), claim, class(""), false, false},
		"claim lost":             {kind("", "PersistentVolumeClaim"), object{"status": object{"phase": "Lost"}}, class(""), false, true},
		"pod ready":              {kind("", "Pod"), object{"kind": "Pod", "apiVersion": "v1", "status": object{"phase": "Running", "conditions": []any{object{"type": "Ready", "status": "True"}}}}, nil, true, false},
		"pod failed":             {kind("", "Pod"), object{"kind": "Pod", "apiVersion": "v1", "status": object{"phase": "Failed"}}, nil, false, true},
		"token not there":        {kind("", "Secret"), object{"type": "kubernetes.io/service-account-token"}, nil, false, false},
	} {
		plan, err := For(test.gvk, test.object, 0, test.mode)
		if err != nil || plan.Check == nil {
			t.Errorf("%s: no plan, error %v", name, err)
			continue
		}
		ready, says, err := plan.Check(test.object)
		if ready != test.ready || (err != nil) != test.fails {
			t.Errorf("%s: got ready %v, %q, error %v", name, ready, says, err)
		}
	}
}

func TestPlans(t *testing.T) {
	annotated := func(pairs ...any) object {
		annotations := object{}
		for index := 0; index < len(pairs); index += 2 {
			annotations[pairs[index].(string)] = pairs[index+1]
		}
		return object{"metadata": object{"annotations": annotations}, "spec": object{"selector": object{"a": "b"}}}
	}
	for name, test := range map[string]struct {
		gvk      schema.GroupVersionKind
		object   object
		seconds  float64
		waits    bool
		pause    time.Duration
		timeout  time.Duration
		light    bool
		problems bool
	}{
		"config map":         {kind("", "ConfigMap"), object{}, 0, false, 0, 0, false, false},
		"crd":                {kind("apiextensions.k8s.io", "CustomResourceDefinition"), object{}, 0, false, 0, 0, false, false},
		"crd established":    {kind("apiextensions.k8s.io", "CustomResourceDefinition"), annotated(WaitFor, "condition=Established"), 0, true, 0, long, true, false},
		"crd with a ca":      {kind("apiextensions.k8s.io", "CustomResourceDefinition"), annotated(WaitFor, "jsonpath={.spec.a}"), 0, true, 0, long, false, false},
		"deployment":         {kind("apps", "Deployment"), object{}, 0, true, 0, long, false, false},
		"skipped":            {kind("apps", "Deployment"), annotated(SkipAwait, "true"), 0, false, 0, 0, false, false},
		"skipped over all":   {kind("apps", "Deployment"), annotated(SkipAwait, "true", WaitFor, "condition=Available"), 0, false, 0, 0, false, false},
		"own timeout":        {kind("apps", "Deployment"), annotated(Timeout, "30"), 0, true, 0, 30 * time.Second, false, false},
		"option over own":    {kind("apps", "Deployment"), annotated(Timeout, "30"), 5, true, 0, 5 * time.Second, false, false},
		"timeout of letters": {kind("apps", "Deployment"), annotated(Timeout, "soon"), 0, true, 0, 0, false, true},
		"service":            {kind("", "Service"), annotated(), 0, false, settle, long, false, false},
		"headless service":   {kind("", "Service"), object{"spec": object{"clusterIP": "None", "selector": object{"a": "b"}}}, 0, false, 0, long, false, false},
		"service of no pods": {kind("", "Service"), object{"spec": object{}}, 0, false, 0, long, false, false},
		"bad waitFor":        {kind("a", "B"), annotated(WaitFor, "Ready"), 0, false, 0, 0, false, true},
	} {
		plan, err := For(test.gvk, test.object, test.seconds, nil)
		if (err != nil) != test.problems {
			t.Errorf("%s: got error %v", name, err)
		} else if err == nil && ((plan.Check != nil) != test.waits || plan.Pause != test.pause || plan.Timeout != test.timeout || plan.Light != test.light) {
			t.Errorf("%s: got waits %v, pause %v, timeout %v, light %v", name, plan.Check != nil, plan.Pause, plan.Timeout, plan.Light)
		}
	}
}
