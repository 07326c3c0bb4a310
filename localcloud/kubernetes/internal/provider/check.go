package provider

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeflow/localcloud/kubernetes/internal/await"
	"kubeflow/localcloud/kubernetes/internal/kinds"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// Annotations of the official plugin that are not about waiting.
const (
	autonamed           = "pulumi.com/autonamed"
	patchForce          = "pulumi.com/patchForce"
	patchFieldManager   = "pulumi.com/patchFieldManager"
	deletionPropagation = "pulumi.com/deletionPropagationPolicy"
)

var annotations = []string{autonamed, patchForce, patchFieldManager, deletionPropagation, await.SkipAwait, await.WaitFor, await.Timeout}

// resource is one object of a program.
type resource struct {
	urn     string
	gvk     schema.GroupVersionKind
	patch   bool // of an object that somebody else owns
	object  map[string]any
	secrets *properties.Secrets
}

// readResource reads a resource's inputs; what its type already says may be missing in them.
func readResource(urn string, bag *structpb.Struct) (resource, error) {
	object, secrets, err := properties.Decode(bag)
	if err != nil {
		return resource{}, err
	}
	token, err := kinds.ParseToken(typeOf(urn))
	if err != nil {
		return resource{}, err
	}
	gvk, patch, err := token.Resolve(properties.Text(object, "apiVersion"), properties.Text(object, "kind"))
	if err != nil {
		return resource{}, err
	}
	object["apiVersion"], object["kind"] = gvk.GroupVersion().String(), gvk.Kind
	properties.FoldStringData(object)
	return resource{urn, gvk, patch, object, properties.WithSecretKind(object, secrets)}, nil
}

func (r resource) name() string      { return properties.Text(r.object, "metadata", "name") }
func (r resource) namespace() string { return properties.Text(r.object, "metadata", "namespace") }

// title names the object for a person: Deployment kubeflow/minio.
func (r resource) title() string {
	if r.namespace() == "" {
		return r.gvk.Kind + " " + r.name()
	}
	return r.gvk.Kind + " " + r.namespace() + "/" + r.name()
}

func (s *session) check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	failed := func(property string, err error) (*pulumirpc.CheckResponse, error) {
		return &pulumirpc.CheckResponse{Inputs: req.GetNews(), Failures: []*pulumirpc.CheckFailure{{Property: property, Reason: err.Error()}}}, nil
	}
	settings, _ := s.config()
	if settings.skipUpdateUnreachable && len(req.GetOlds().GetFields()) > 0 {
		if _, err := s.reach(ctx); err != nil {
			s.warn(ctx, req.GetUrn(), fmt.Sprintf("%v; the resource is left as it is, as skipUpdateUnreachable says", err))
			return &pulumirpc.CheckResponse{Inputs: req.GetOlds()}, nil
		}
	}
	// What came out of the last check is checked; most often nothing has changed, and the engine checks one after the other.
	if properties.Same(req.GetOlds(), req.GetNews()) {
		return &pulumirpc.CheckResponse{Inputs: req.GetNews()}, nil
	}
	r, err := readResource(req.GetUrn(), req.GetNews())
	if err != nil {
		return failed("", err)
	}
	if err := checkAnnotations(r); err != nil {
		return failed("metadata.annotations", err)
	}
	if err := nameResource(r, req); err != nil {
		return failed("metadata.name", err)
	}
	if kinds.IsCRD(r.gvk.GroupKind()) {
		if _, client := s.config(); client != nil {
			client.Learn(r.object)
		}
	}
	if metadata := properties.Map(r.object, "metadata"); metadata != nil && r.namespace() == "" && s.namespaced(ctx, r.gvk) {
		metadata["namespace"] = s.defaultNamespace()
	}
	inputs, err := properties.Encode(r.object, r.secrets)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CheckResponse{Inputs: inputs}, nil
}

// nameResource gives the object a name if the program gave none: that which it had, or a new one made of the resource's name.
func nameResource(r resource, req *pulumirpc.CheckRequest) error {
	metadata, ok := r.object["metadata"].(map[string]any)
	if !ok {
		if r.object["metadata"] != nil {
			return nil // not known yet
		}
		metadata = map[string]any{}
		r.object["metadata"] = metadata
	}
	if name, _ := metadata["name"].(string); name != "" {
		return nil
	}
	if r.patch {
		return fmt.Errorf("a patch needs metadata.name, the name of the object to patch: set it")
	}
	olds, _, err := properties.Decode(req.GetOlds())
	if err != nil {
		return err
	}
	name := ""
	switch {
	case properties.Annotation(olds, autonamed) == "true":
		name = properties.Text(olds, "metadata", "name")
	case metadata["generateName"] != nil:
		return nil // the API server makes one
	default:
		name = nameOf(req.GetUrn()) + "-" + suffix(req.GetRandomSeed())
	}
	metadata["name"] = name
	marks, ok := metadata["annotations"].(map[string]any)
	if !ok && metadata["annotations"] != nil {
		return nil // not known yet
	}
	marks = maps.Clone(marks)
	if marks == nil {
		marks = map[string]any{}
	}
	marks[autonamed] = "true"
	metadata["annotations"] = marks
	return nil
}

// suffix is 8 hexadecimal digits, the same for the same seed, so that an update does what its preview said.
func suffix(seed []byte) string {
	if len(seed) == 0 {
		seed = []byte(rand.Text())
	}
	sum := sha256.Sum256(seed)
	return hex.EncodeToString(sum[:4])
}

// checkAnnotations refuses what would be ignored in silence or found out only after the object was made.
func checkAnnotations(r resource) error {
	for name := range properties.Map(r.object, "metadata", "annotations") {
		if strings.HasPrefix(name, "pulumi.com/") && !slices.Contains(annotations, name) {
			return fmt.Errorf("annotation %s is not served by this stand-in for the kubernetes plugin: correct its name or remove it", name)
		}
	}
	_, err := await.For(r.gvk, r.object, 0, nil)
	return err
}

// namespaced says whether the kind has a namespace. A kind that nobody knows yet is taken to have one, as the official plugin does.
func (s *session) namespaced(ctx context.Context, gvk schema.GroupVersionKind) bool {
	if namespaced, known := kinds.Namespaced(gvk.GroupKind()); known {
		return namespaced
	}
	if _, client := s.config(); client != nil {
		if namespaced, known := client.Namespaced(ctx, gvk); known {
			return namespaced
		}
	}
	return true
}

func (s *session) defaultNamespace() string {
	settings, client := s.config()
	switch {
	case client != nil:
		return client.Namespace
	case settings.access.Namespace != "":
		return settings.access.Namespace
	}
	return "default"
}

// canonical drops or fills in the object's namespace, where the kind alone decides what it is.
func (s *session) canonical(ctx context.Context, r resource) {
	metadata := properties.Map(r.object, "metadata")
	switch {
	case metadata == nil:
	case !s.namespaced(ctx, r.gvk):
		delete(metadata, "namespace")
	case r.namespace() == "":
		metadata["namespace"] = s.defaultNamespace()
	}
}
