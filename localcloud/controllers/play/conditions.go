package play

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// conditionStatus is the status of a condition of this type: "True", "False", or empty.
func conditionStatus(object *unstructured.Unstructured, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, item := range conditions {
		if condition, ok := item.(map[string]any); ok && condition["type"] == kind {
			status, _ := condition["status"].(string)
			return status
		}
	}
	return ""
}

// setCondition puts the condition among those of the object, and tells whether that changed
// anything. The time of transition moves only with the status.
func setCondition(object *unstructured.Unstructured, kind, status, reason, message string) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	wanted := map[string]any{
		"type": kind, "status": status, "reason": reason, "message": message,
		"observedGeneration": object.GetGeneration(),
		"lastTransitionTime": now(),
	}
	for i, item := range conditions {
		condition, ok := item.(map[string]any)
		if !ok || condition["type"] != kind {
			continue
		}
		if condition["status"] == status {
			wanted["lastTransitionTime"] = condition["lastTransitionTime"]
		}
		same := true
		for key, value := range wanted {
			same = same && condition[key] == value
		}
		if same {
			return false
		}
		conditions[i] = wanted
		_ = unstructured.SetNestedSlice(object.Object, conditions, "status", "conditions")
		return true
	}
	_ = unstructured.SetNestedSlice(object.Object, append(conditions, wanted), "status", "conditions")
	return true
}

// now is as the API server writes times.
func now() string { return time.Now().UTC().Format(time.RFC3339) }
