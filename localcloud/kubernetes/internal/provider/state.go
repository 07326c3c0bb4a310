package provider

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeflow/localcloud/kubernetes/internal/kinds"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// managerKey is beside the object in a resource's state, as the official plugin names it.
const managerKey = "__fieldManager"

// largest is the size of what a live object adds to its inputs, in bytes of JSON, that is kept in the state.
const largest = 16 << 10

// given is the metadata that only the program sets, passing what every write changes; the rest is the API server's to know.
var (
	given   = []string{"labels", "annotations"}
	passing = []string{"creationTimestamp", "generation", "managedFields", "resourceVersion"}
)

// outputs is what the state keeps of the live object: what the inputs do not hold already, and what does not pass, as conditions do.
// A program that asks for a field that is left out gets it from the inputs; what a patch does not set is somebody else's. Of all specs only a Service's is filled in with something
// to ask for, its addresses and ports.
func outputs(r resource, inputs, live map[string]any, manager string) (*structpb.Struct, error) {
	metadata := maps.Clone(properties.Map(live, "metadata"))
	for _, name := range passing {
		delete(metadata, name)
	}
	for _, name := range given {
		if properties.Map(inputs, "metadata")[name] != nil {
			delete(metadata, name)
		}
	}
	identity := map[string]any{"metadata": metadata, managerKey: manager}
	object := maps.Clone(identity)
	isService := r.gvk.GroupKind() == schema.GroupKind{Kind: "Service"}
	for name, value := range live {
		// An answer of the identity alone calls itself PartialObjectMetadata.
		named := name == "apiVersion" || name == "kind" || identity[name] != nil
		if !named && (inputs[name] == nil || isService && name == "spec") {
			object[name] = value
		}
	}
	if status := maps.Clone(properties.Map(live, "status")); status != nil {
		delete(status, "conditions")
		object["status"] = status
	}
	if r.patch || kinds.IsCRD(r.gvk.GroupKind()) || tooLarge(object) {
		object = identity
	}
	return properties.Encode(object, properties.WithSecretKind(withKind(object, r), r.secrets))
}

// withKind is the object as one of its kind, which its state does not repeat.
func withKind(object map[string]any, r resource) map[string]any {
	named := maps.Clone(object)
	named["apiVersion"], named["kind"] = r.gvk.GroupVersion().String(), r.gvk.Kind
	return named
}

func tooLarge(object map[string]any) bool {
	text, err := json.Marshal(object)
	return err != nil || len(text) > largest
}

// fieldManager is the name under which the resource owns fields: the one that its annotation gives, the one that it had, or a new one.
// Each resource has its own, so that two of them never take each other's fields for their own.
func fieldManager(r resource, olds map[string]any) string {
	if name := properties.Annotation(r.object, patchFieldManager); name != "" {
		return name
	}
	if name, _ := olds[managerKey].(string); name != "" {
		return name
	}
	digits := make([]byte, 4)
	_, _ = rand.Read(digits) // never fails
	return "pulumi-kubernetes-" + hex.EncodeToString(digits)
}

// unready is the error of an object that is there but not ready: the engine keeps it in the state and says why.
func unready(id, what string, why error, state, inputs *structpb.Struct) error {
	answer, err := status.New(codes.Unknown, what+": "+why.Error()).WithDetails(&pulumirpc.ErrorResourceInitFailed{
		Id: id, Properties: state, Inputs: inputs, Reasons: []string{what + ": " + why.Error()},
	})
	if err != nil {
		return err
	}
	return answer.Err()
}

// splitID takes an id apart: NAMESPACE/NAME, or NAME of an object without a namespace.
func splitID(id string) (namespace, name string) {
	namespace, name, found := strings.Cut(id, "/")
	if !found {
		return "", id
	}
	return namespace, name
}
