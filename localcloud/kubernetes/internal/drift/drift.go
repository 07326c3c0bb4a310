// Package drift turns a live object back into the inputs that would have made it.
//
// Only what the inputs speak of is compared: what the API server defaulted, and what controllers own, is not the program's and cannot
// drift. A value that the API server only writes in another way is left as the program wrote it.
package drift

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"kubeflow/localcloud/kubernetes/internal/inputdiff"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// Inputs are the old inputs with the live values in the places where these differ in what they mean.
func Inputs(inputs, live map[string]any) map[string]any {
	result := fields(inputs, live)
	for name, value := range inputs {
		if unowned(name, inputs) {
			result[name] = value
		}
	}
	if metadata := properties.Map(inputs, "metadata"); metadata["namespace"] != nil && properties.Text(live, "metadata", "namespace") == "" {
		result["metadata"].(map[string]any)["namespace"] = metadata["namespace"] // of a kind that has none
	}
	return result
}

// unowned says of a top-level field that the API server or a controller keeps it, whatever is sent.
func unowned(name string, inputs map[string]any) bool {
	switch name {
	case "apiVersion", "kind", "status", "stringData":
		return true
	case "rules": // an aggregated ClusterRole's are gathered from others
		return inputs["aggregationRule"] != nil
	}
	return false
}

func fields(inputs, live map[string]any) map[string]any {
	result := make(map[string]any, len(inputs))
	for name, value := range inputs {
		if is := live[name]; is != nil {
			result[name] = merge(value, is)
		} else if empty(value) {
			result[name] = value // the API server keeps no empty fields
		}
	}
	return result
}

func merge(input, live any) any {
	switch want := input.(type) {
	case map[string]any:
		if is, ok := live.(map[string]any); ok {
			return fields(want, is)
		}
	case []any:
		if is, ok := live.([]any); ok {
			return list(want, is)
		}
	case string:
		if is, ok := live.(string); ok && sameText(want, is) {
			return input
		}
	}
	if inputdiff.Same(input, live) {
		return input
	}
	return live
}

// list keeps the elements that the inputs speak of. Elements with a name are matched by it, others by their place; a list of which
// somebody else changed the elements themselves is taken as it is.
func list(inputs, live []any) any {
	result := make([]any, 0, len(inputs))
	rest := live
	for _, input := range inputs {
		at := 0
		if key := identity(input); key != "" {
			at = slices.IndexFunc(rest, func(item any) bool { return identity(item) == key })
		} else if len(live) != len(inputs) {
			at = slices.IndexFunc(rest, func(item any) bool { return inputdiff.Same(item, input) })
		}
		if at < 0 || at >= len(rest) {
			return live
		}
		result = append(result, merge(input, rest[at]))
		rest = rest[at+1:]
	}
	return result
}

func identity(item any) string {
	object, _ := item.(map[string]any)
	name, _ := object["name"].(string)
	return name
}

func empty(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return !slices.ContainsFunc(slices.Collect(maps.Values(v)), func(inner any) bool { return !empty(inner) })
	case []any:
		return len(v) == 0
	case string:
		return v == ""
	case bool:
		return !v
	case float64:
		return v == 0
	}
	return value == nil
}

// sameText says whether two texts mean the same: equal, equal quantities (0.5 and 500m), or equal base64 in other lines.
func sameText(a, b string) bool {
	if a == b || strings.Join(strings.Fields(a), "") == b {
		return true
	}
	x, errX := resource.ParseQuantity(a)
	y, errY := resource.ParseQuantity(b)
	return errX == nil && errY == nil && x.Cmp(y) == 0
}

// Notes that servers and controllers leave in the metadata.
var (
	serverMetadata    = []string{"creationTimestamp", "deletionTimestamp", "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid"}
	serverAnnotations = []string{"deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"}
)

// Imported are the inputs of an object that the program has not made: all of it but the status and what servers note.
func Imported(live map[string]any) map[string]any {
	result := maps.Clone(live)
	delete(result, "status")
	metadata := maps.Clone(properties.Map(live, "metadata"))
	for _, name := range serverMetadata {
		delete(metadata, name)
	}
	if marks := maps.Clone(properties.Map(metadata, "annotations")); marks != nil {
		for _, name := range serverAnnotations {
			delete(marks, name)
		}
		metadata["annotations"] = marks
		if len(marks) == 0 {
			delete(metadata, "annotations")
		}
	}
	result["metadata"] = metadata
	return result
}
