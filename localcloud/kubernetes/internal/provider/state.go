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

	"kubeflow/localcloud/kubernetes/internal/kinds"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// Keys beside the object in a resource's state, as the official plugin names them.
const (
	managerKey    = "__fieldManager"
	apiVersionKey = "__initialApiVersion"
)

// largest is the size of a live object, in bytes of JSON, that is kept in the state as a whole.
const largest = 16 << 10

// outputs is what the state keeps of the live object.
func outputs(r resource, live map[string]any, manager string) (*structpb.Struct, error) {
	object := maps.Clone(live)
	metadata := maps.Clone(properties.Map(live, "metadata"))
	delete(metadata, "managedFields")
	object["metadata"] = metadata
	// An answer of the identity alone calls itself PartialObjectMetadata.
	object["apiVersion"], object["kind"] = r.gvk.GroupVersion().String(), r.gvk.Kind
	if kinds.IsCRD(r.gvk.GroupKind()) || tooLarge(object) {
		object = map[string]any{"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata}
	}
	object[managerKey], object[apiVersionKey] = manager, object["apiVersion"]
	return properties.Encode(object, properties.WithSecretKind(object, r.secrets))
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
