package cluster

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"
)

// What to send back of an object: all of it, or its identity alone, which spares the way and the parsing of large ones.
const (
	whole    = "application/json"
	identity = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

	identities = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
)

// Client talks to one cluster.
type Client struct {
	Namespace string // of objects that name none
	Host      string

	ask, watch *rest.RESTClient
	mapper     mapper
	silence    time.Duration // that a watch bears
}

// silence is how long a watch bears an API server that does not answer: one that is restarted or fails over is back by then, and nobody
// has to sit out a wait of many minutes for one that is not.
const silence = 30 * time.Second

// Target is one object of the cluster.
type Target struct {
	GVK        schema.GroupVersionKind
	Resource   string
	Namespaced bool
	Namespace  string
	Name       string
}

// String names the object as its id in Pulumi does.
func (t Target) String() string {
	if t.Namespace == "" {
		return t.Name
	}
	return t.Namespace + "/" + t.Name
}

func (t Target) collection() string {
	root := path.Join("/apis", t.GVK.Group, t.GVK.Version)
	if t.GVK.Group == "" {
		root = path.Join("/api", t.GVK.Version)
	}
	if t.Namespaced {
		root = path.Join(root, "namespaces", t.Namespace)
	}
	return path.Join(root, t.Resource)
}

func (t Target) path() string { return path.Join(t.collection(), t.Name) }

// Options of a write.
type Options struct {
	Manager string // who owns the fields written
	Force   bool   // of an apply: take fields over from other owners
	Light   bool   // send back the object's identity alone
}

func (o Options) accept() string {
	if o.Light {
		return identity
	}
	return whole
}

func (o Options) params() url.Values {
	// As kubectl does, and the official plugin: an unknown field is a warning, not an error.
	return url.Values{"fieldManager": {o.Manager}, "fieldValidation": {"Warn"}}
}

// Create makes the object and gives what the API server made of it.
func (c *Client) Create(ctx context.Context, target Target, object map[string]any, options Options) (map[string]any, error) {
	body, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	return answer(with(c.ask.Post().AbsPath(target.collection()), options.params()).
		SetHeader("Accept", options.accept()).SetHeader("Content-Type", "application/json").Body(body).Do(ctx))
}

// Apply makes the object what is given, field by field (server-side apply), and gives what the API server made of it.
func (c *Client) Apply(ctx context.Context, target Target, object map[string]any, options Options) (map[string]any, error) {
	body, err := json.Marshal(object) // JSON is YAML
	if err != nil {
		return nil, err
	}
	params := options.params()
	params.Set("force", fmt.Sprint(options.Force))
	return answer(with(c.ask.Patch(types.ApplyPatchType).AbsPath(target.path()), params).
		SetHeader("Accept", options.accept()).Body(body).Do(ctx))
}

// Replace puts the object in the place of the one that has its resourceVersion.
func (c *Client) Replace(ctx context.Context, target Target, object map[string]any, options Options) (map[string]any, error) {
	body, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	return answer(with(c.ask.Put().AbsPath(target.path()), options.params()).
		SetHeader("Accept", options.accept()).SetHeader("Content-Type", "application/json").Body(body).Do(ctx))
}

// Patch sends a JSON patch (RFC 6902) and gives the object's identity.
func (c *Client) Patch(ctx context.Context, target Target, patch []byte) (map[string]any, error) {
	return answer(c.ask.Patch(types.JSONPatchType).AbsPath(target.path()).SetHeader("Accept", identity).Body(patch).Do(ctx))
}

// Get reads the object, or its identity alone.
func (c *Client) Get(ctx context.Context, target Target, light bool) (map[string]any, error) {
	return answer(c.ask.Get().AbsPath(target.path()).SetHeader("Accept", Options{Light: light}.accept()).Do(ctx))
}

// List reads the objects of the target's kind and namespace that a label selector matches.
func (c *Client) List(ctx context.Context, target Target, labelSelector string) ([]map[string]any, error) {
	list, err := answer(c.ask.Get().AbsPath(target.collection()).Param("labelSelector", labelSelector).SetHeader("Accept", whole).Do(ctx))
	if err != nil {
		return nil, err
	}
	items, _ := list["items"].([]any)
	objects := make([]map[string]any, 0, len(items))
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// Delete asks for the object's end and gives its identity where it lives on for a while, because something holds it, or nil.
func (c *Client) Delete(ctx context.Context, target Target, propagation string) (map[string]any, error) {
	body := fmt.Appendf(nil, `{"apiVersion":"meta.k8s.io/v1","kind":"DeleteOptions","propagationPolicy":%q}`, propagation)
	object, err := answer(c.ask.Delete().AbsPath(target.path()).SetHeader("Accept", identity).
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx))
	if err != nil || object["kind"] == "Status" {
		return nil, err
	}
	return object, nil
}

func with(request *rest.Request, params url.Values) *rest.Request {
	for name, values := range params {
		for _, value := range values {
			request = request.Param(name, value)
		}
	}
	return request
}

func answer(result rest.Result) (map[string]any, error) {
	body, err := result.Raw()
	if err != nil {
		return nil, result.Error()
	}
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, fmt.Errorf("the API server's answer is not JSON: %w", err)
	}
	return object, nil
}
