package play

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
)

var (
	crdResource = schema.GroupVersionResource{
		Group:    "apiextensions.k8s.io",
		Version:  "v1",
		Resource: "customresourcedefinitions",
	}
	apiServiceResource = schema.GroupVersionResource{
		Group:    "apiregistration.k8s.io",
		Version:  "v1",
		Resource: "apiservices",
	}
)

// Options are what the parts need to know of the run.
type Options struct {
	Authority *authority.Authority
	Hook      Hook
	Realistic bool  // hold pods until what they mount exists
	Seed      int64 // of the pods' start-up times
	Log       *slog.Logger
}

// Cluster watches the local control plane and runs the parts.
type Cluster struct {
	Options
	config    *rest.Config
	client    kubernetes.Interface
	dynamic   dynamic.Interface
	informers informers.SharedInformerFactory
	metadata  metadatainformer.SharedInformerFactory
	kinds     *kinds
	synced    atomic.Bool
	services  cache.Indexer
	slices    cache.Indexer
	loops     []*loop
	injected  map[string]injection // by resource and name; touched by the injector alone
	replaced  sync.Map             // UID of an object -> the version that a write from here replaced
	told      map[types.UID]string // what the pod's last event said; touched by the mounts part alone
	answered  map[types.UID]string // what the project's hook was last shown of a Namespace; by metacontroller's part
	profiled  map[types.UID]string // the versions in which a Profile was found settled; by the profiles part alone
	deployed  map[types.UID]bool   // pods of the cache deployer that have done their work; by its part alone
	converted map[types.UID]int64  // the generations of definitions in which nothing is left to sign; by its part alone
}

const (
	byClusterIP = "cluster IP"
	byService   = "service"
)

// New prepares the watches on the cluster that the configuration leads to.
func New(config *rest.Config, options Options) (*Cluster, error) {
	// The parts write in bursts and the API server is ours: its own priorities are the limit.
	config = rest.CopyConfig(config)
	config.QPS, config.UserAgent = -1, "localcloud-controllers"
	protobuf := rest.CopyConfig(config)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(protobuf)
	if err != nil {
		return nil, err
	}
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	metadataClient, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		Options: options, config: config, client: client, dynamic: dynamicClient,
		injected: map[string]injection{}, told: map[types.UID]string{}, answered: map[types.UID]string{},
		profiled: map[types.UID]string{}, deployed: map[types.UID]bool{}, converted: map[types.UID]int64{},
		informers: informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(slim)),
		metadata: metadatainformer.NewSharedInformerFactoryWithOptions(
			metadataClient, 0, metadatainformer.WithTransform(slim),
		),
	}
	if err := c.index(); err != nil {
		return nil, err
	}
	c.kinds = newKinds(c)
	parts := []func() error{
		c.playKinds, c.playIssuers, c.playCertificates, c.playInjector,
		c.playBackends, c.playRoots, c.playVolumes, c.playSnapshots, c.playProfiles, c.playMetacontroller,
		c.playCacheDeployer, c.playConversions, c.playJobs, c.playMonitors,
	}
	if options.Realistic {
		parts = append(parts, c.playMounts, c.playSecrets)
	}
	for _, part := range parts {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Cluster) index() error {
	services := c.informers.Core().V1().Services().Informer()
	if err := services.AddIndexers(cache.Indexers{byClusterIP: func(object any) ([]string, error) {
		return object.(*corev1.Service).Spec.ClusterIPs, nil
	}}); err != nil {
		return err
	}
	slices := c.informers.Discovery().V1().EndpointSlices().Informer()
	if err := slices.AddIndexers(cache.Indexers{byService: func(object any) ([]string, error) {
		slice := object.(*discoveryv1.EndpointSlice)
		return []string{slice.Namespace + "/" + slice.Labels[discoveryv1.LabelServiceName]}, nil
	}}); err != nil {
		return err
	}
	c.services, c.slices = services.GetIndexer(), slices.GetIndexer()
	return nil
}

// Run plays until the context ends. An API server that is not there yet, or not any more, is
// waited for.
func (c *Cluster) Run(ctx context.Context) {
	c.informers.Start(ctx.Done())
	c.metadata.Start(ctx.Done())
	c.informers.WaitForCacheSync(ctx.Done())
	c.metadata.WaitForCacheSync(ctx.Done())
	if ctx.Err() != nil {
		return
	}
	c.synced.Store(true)
	c.Log.Info("playing", "realistic", c.Realistic)
	done := make(chan struct{})
	for _, l := range c.loops {
		go func() { l.run(ctx, c.Log); done <- struct{}{} }()
	}
	for range c.loops {
		<-done
	}
	c.informers.Shutdown()
	c.metadata.Shutdown()
}

// play adds a part that looks again whenever one of the informers has news.
func (c *Cluster) play(name string, sync func(context.Context) error, sources ...cache.SharedInformer) (*loop, error) {
	l := newLoop(name, sync)
	for _, source := range sources {
		if _, err := source.AddEventHandler(waker(l)); err != nil {
			return nil, err
		}
	}
	c.loops = append(c.loops, l)
	return l, nil
}

func waker(l *loop) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { l.Wake() },
		UpdateFunc: func(before, after any) {
			// Node heartbeats and relists bring updates that change nothing.
			if version(before) != version(after) {
				l.Wake()
			}
		},
		DeleteFunc: func(any) { l.Wake() },
	}
}

func version(object any) string {
	if accessor, err := meta.Accessor(object); err == nil {
		return accessor.GetResourceVersion()
	}
	return ""
}

// slim drops from the caches what no part reads.
func slim(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	if configMap, ok := object.(*corev1.ConfigMap); ok {
		for key := range configMap.Data {
			configMap.Data[key] = ""
		}
		for key := range configMap.BinaryData {
			configMap.BinaryData[key] = nil
		}
	}
	return object, nil
}

func name(object metav1.Object) string {
	if object.GetNamespace() == "" {
		return object.GetName()
	}
	return fmt.Sprintf("%s/%s", object.GetNamespace(), object.GetName())
}
