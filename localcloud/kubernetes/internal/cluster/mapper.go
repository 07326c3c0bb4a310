package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeflow/localcloud/kubernetes/internal/properties"
)

// mapper knows where the objects of a kind live. It asks the cluster once, in one request a root (aggregated discovery), and again only
// for a kind that it has not heard of. The kinds of the CRDs that pass through the provider it knows from them.
type mapper struct {
	client *Client

	mutex   sync.RWMutex
	places  map[schema.GroupVersionKind]place // of the cluster
	learned map[schema.GroupVersionKind]place // from CRDs sent or about to be sent

	asking  sync.Mutex // held while the cluster is asked, so that many askers share one answer
	asked   time.Time  // when the last answer was asked for
	failed  time.Time  // when the last failure was
	failure error
}

type place struct {
	resource   string
	namespaced bool
}

// unreachableFor is how long one failed attempt speaks for the cluster.
const unreachableFor = 30 * time.Second

// aggregated is the form of /api and /apis that names every resource at once (apidiscovery.k8s.io/v2, Kubernetes 1.30 and newer).
type aggregated struct {
	Kind  string
	Items []struct {
		Metadata struct{ Name string }
		Versions []struct {
			Version   string
			Resources []struct {
				Resource     string
				Scope        string
				ResponseKind struct{ Group, Version, Kind string }
			}
		}
	}
}

// Target says where the object lives. The error is meta.NoKindMatchError for a kind that the cluster does not serve; other errors say
// that the cluster cannot be reached.
func (c *Client) Target(ctx context.Context, gvk schema.GroupVersionKind, namespace, name string) (Target, error) {
	found, err := c.mapper.find(ctx, gvk)
	if err != nil {
		return Target{}, err
	}
	target := Target{GVK: gvk, Resource: found.resource, Namespaced: found.namespaced, Namespace: namespace, Name: name}
	if !found.namespaced {
		target.Namespace = ""
	} else if namespace == "" {
		target.Namespace = c.Namespace
	}
	return target, nil
}

// Reachable is nil, or says why the cluster cannot be reached.
func (c *Client) Reachable(ctx context.Context) error {
	return c.mapper.load(ctx, time.Time{})
}

// Namespaced says whether a kind has a namespace, from what is known without asking again; known is false for a new kind.
func (c *Client) Namespaced(ctx context.Context, gvk schema.GroupVersionKind) (namespaced, known bool) {
	if found, ok := c.mapper.known(gvk); ok {
		return found.namespaced, true
	}
	if c.Reachable(ctx) != nil {
		return true, false
	}
	found, ok := c.mapper.known(gvk)
	return found.namespaced, ok
}

// Learn takes over the kinds that a CRD defines.
func (c *Client) Learn(crd map[string]any) {
	group, kind := properties.Text(crd, "spec", "group"), properties.Text(crd, "spec", "names", "kind")
	found := place{properties.Text(crd, "spec", "names", "plural"), properties.Text(crd, "spec", "scope") == "Namespaced"}
	versions, _ := properties.Lookup(crd, "spec", "versions").([]any)
	if group == "" || kind == "" || found.resource == "" {
		return
	}
	c.mapper.mutex.Lock()
	defer c.mapper.mutex.Unlock()
	for _, item := range versions {
		version, _ := item.(map[string]any)
		name, _ := version["name"].(string)
		c.mapper.learned = put(c.mapper.learned, schema.GroupVersionKind{Group: group, Version: name, Kind: kind}, found)
	}
}

func put(places map[schema.GroupVersionKind]place, gvk schema.GroupVersionKind, found place) map[schema.GroupVersionKind]place {
	if places == nil {
		places = map[schema.GroupVersionKind]place{}
	}
	places[gvk] = found
	return places
}

func (m *mapper) known(gvk schema.GroupVersionKind) (place, bool) {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	if found, ok := m.places[gvk]; ok {
		return found, true
	}
	found, ok := m.learned[gvk]
	return found, ok
}

func (m *mapper) find(ctx context.Context, gvk schema.GroupVersionKind) (place, error) {
	if found, ok := m.known(gvk); ok {
		return found, nil
	}
	if err := m.load(ctx, time.Now()); err != nil {
		return place{}, err
	}
	if found, ok := m.known(gvk); ok {
		return found, nil
	}
	return place{}, &meta.NoKindMatchError{GroupKind: gvk.GroupKind(), SearchedVersions: []string{gvk.Version}}
}

// load asks the cluster for its kinds, unless an answer is at hand that was asked for later than the time given.
func (m *mapper) load(ctx context.Context, after time.Time) error {
	m.asking.Lock()
	defer m.asking.Unlock()
	if m.asked.After(after) {
		return nil
	}
	if m.failure != nil && time.Since(m.failed) < unreachableFor {
		return m.failure
	}
	asked := time.Now()
	places := map[schema.GroupVersionKind]place{}
	for _, root := range []string{"/api", "/apis"} {
		found, err := m.client.discover(ctx, root)
		if err != nil {
			if ctx.Err() == nil {
				m.failure, m.failed = err, time.Now()
			}
			return err
		}
		maps.Copy(places, found)
	}
	m.asked, m.failure = asked, nil
	m.mutex.Lock()
	m.places = places
	m.mutex.Unlock()
	return nil
}

func (c *Client) discover(ctx context.Context, root string) (map[schema.GroupVersionKind]place, error) {
	body, err := c.ask.Get().AbsPath(root).
		SetHeader("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList").Do(ctx).Raw()
	if err != nil {
		return nil, fmt.Errorf("the API server at %s does not answer: %w", c.Host, err)
	}
	var list aggregated
	if err := json.Unmarshal(body, &list); err != nil || list.Kind != "APIGroupDiscoveryList" {
		return nil, fmt.Errorf("the API server at %s does not name its kinds in one list: Kubernetes 1.30 or newer is needed", c.Host)
	}
	places := map[schema.GroupVersionKind]place{}
	for _, group := range list.Items {
		for _, version := range group.Versions {
			for _, resource := range version.Resources {
				kind := resource.ResponseKind.Kind
				if kind == "" || strings.Contains(resource.Resource, "/") {
					continue
				}
				places[schema.GroupVersionKind{Group: group.Metadata.Name, Version: version.Version, Kind: kind}] =
					place{resource.Resource, resource.Scope == "Namespaced"}
			}
		}
	}
	return places, nil
}
