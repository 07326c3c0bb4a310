package play

import (
	"context"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// Names of the CRDs whose objects are played.
const (
	certificates   = "certificates.cert-manager.io"
	issuers        = "issuers.cert-manager.io"
	clusterIssuers = "clusterissuers.cert-manager.io"
	profiles       = "profiles.kubeflow.org"
	decorators     = "decoratorcontrollers.metacontroller.k8s.io"
)

// kinds watches custom resources, each from when its CRD is Established until the CRD is gone.
type kinds struct {
	cluster *Cluster

	mu      sync.Mutex
	wanted  map[string][]*loop // CRD name -> who wants to know
	watched map[string]*watchedKind
	seen    map[string]string // CRD name -> resource version at which it was not Established yet
}

type watchedKind struct {
	resource schema.GroupVersionResource
	informer cache.SharedIndexInformer
	stop     context.CancelFunc
}

func newKinds(c *Cluster) *kinds {
	return &kinds{cluster: c, wanted: map[string][]*loop{}, watched: map[string]*watchedKind{}, seen: map[string]string{}}
}

// want has the loop woken by the objects of these CRDs.
func (k *kinds) want(l *loop, crds ...string) {
	for _, crd := range crds {
		k.wanted[crd] = append(k.wanted[crd], l)
	}
}

// list gives copies of the objects of a CRD that may be changed, and where to write them; nothing
// while its watch has not begun.
func (k *kinds) list(crd string) (schema.GroupVersionResource, []*unstructured.Unstructured) {
	k.mu.Lock()
	kind, ok := k.watched[crd]
	k.mu.Unlock()
	if !ok || !kind.informer.HasSynced() {
		return schema.GroupVersionResource{}, nil
	}
	var objects []*unstructured.Unstructured
	for _, object := range kind.informer.GetStore().List() {
		objects = append(objects, object.(*unstructured.Unstructured).DeepCopy())
	}
	return kind.resource, objects
}

// exists tells whether the cluster has a CRD of this name.
func (k *kinds) exists(crd string) bool {
	_, exists, err := k.cluster.crds().GetStore().GetByKey(crd)
	return err == nil && exists
}

func (c *Cluster) crds() cache.SharedIndexInformer {
	return c.metadata.ForResource(crdResource).Informer()
}

func (c *Cluster) playKinds() error {
	_, err := c.play("kinds", c.kinds.sync, c.crds())
	return err
}

func (k *kinds) sync(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var crds []string
	for crd := range k.wanted {
		crds = append(crds, crd)
	}
	return each(crds, func(crd string) error {
		object, exists, err := k.cluster.crds().GetStore().GetByKey(crd)
		if err != nil {
			return err
		}
		kind, watching := k.watched[crd]
		switch {
		case !exists && watching:
			kind.stop()
			delete(k.watched, crd)
			delete(k.seen, crd)
			for _, l := range k.wanted[crd] {
				l.Wake()
			}
			return nil
		case exists && !watching && k.seen[crd] != version(object):
			return k.begin(ctx, crd)
		default:
			return nil
		}
	})
}

// begin watches the objects of a CRD if it is Established.
func (k *kinds) begin(ctx context.Context, crd string) error {
	found, err := k.cluster.dynamic.Resource(crdResource).Get(ctx, crd, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	resource, established := servedResource(found)
	if !established {
		k.seen[crd] = found.GetResourceVersion()
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	informer := dynamicinformer.NewFilteredDynamicInformer(
		k.cluster.dynamic, resource, metav1.NamespaceAll, 0, cache.Indexers{}, nil,
	).Informer()
	if err := informer.SetTransform(slim); err != nil {
		stop()
		return err
	}
	for _, l := range k.wanted[crd] {
		if _, err := informer.AddEventHandler(waker(l)); err != nil {
			stop()
			return err
		}
	}
	k.watched[crd] = &watchedKind{resource: resource, informer: informer, stop: stop}
	go informer.Run(ctx.Done())
	return nil
}

// servedResource gives the version of a CRD to watch, the stored one if it is served, and whether
// the CRD is Established.
func servedResource(crd *unstructured.Unstructured) (schema.GroupVersionResource, bool) {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	resource := schema.GroupVersionResource{Group: group, Resource: plural}
	for _, item := range versions {
		entry, _ := item.(map[string]any)
		if served, _ := entry["served"].(bool); !served {
			continue
		}
		if stored, _ := entry["storage"].(bool); stored || resource.Version == "" {
			resource.Version, _ = entry["name"].(string)
		}
	}
	return resource, resource.Version != "" && conditionStatus(crd, "Established") == "True"
}
