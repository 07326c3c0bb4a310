// Package cluster is the small Kubernetes client of the provider: it finds the cluster, maps kinds to paths, and sends requests whose
// bodies stay JSON. It reads whole objects only where somebody wants them, and watches single objects instead of listing kinds.
package cluster

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/flowcontrol"
)

// Access says which cluster to talk to and how fast.
type Access struct {
	Kubeconfig string // a path or the content; empty for what kubectl would take
	Context    string
	Cluster    string
	Namespace  string        // default for objects that name none; empty for the context's own
	QPS        float32       // requests a second
	Burst      int           // requests
	Timeout    time.Duration // of one request, webhooks included
}

func (a Access) clientConfig() (clientcmd.ClientConfig, error) {
	overrides := &clientcmd.ConfigOverrides{CurrentContext: a.Context,
		Context: clientcmdapi.Context{Cluster: a.Cluster, Namespace: a.Namespace}}
	if a.Kubeconfig == "" {
		return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), overrides), nil
	}
	config, err := readKubeconfig(a.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return clientcmd.NewDefaultClientConfig(*config, overrides), nil
}

func readKubeconfig(pathOrContent string) (*clientcmdapi.Config, error) {
	if !strings.ContainsAny(pathOrContent, "\n{") {
		path := pathOrContent
		if rest, ok := strings.CutPrefix(path, "~/"); ok {
			home, err := os.UserHomeDir()
			if err != nil {
				return nil, fmt.Errorf("kubeconfig %s: %w", path, err)
			}
			path = filepath.Join(home, rest)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("the kubeconfig cannot be read: %w", err)
		}
		pathOrContent = string(content)
	}
	config, err := clientcmd.Load([]byte(pathOrContent))
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig is not one: %w", err)
	}
	return config, nil
}

// SameCluster says whether both reach the same cluster by the same way, as far as their kubeconfigs tell.
func SameCluster(a, b Access) bool {
	if a == b {
		return true
	}
	x, errX := a.activeCluster()
	y, errY := b.activeCluster()
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func (a Access) activeCluster() (*clientcmdapi.Cluster, error) {
	config, err := a.clientConfig()
	if err != nil {
		return nil, err
	}
	raw, err := config.RawConfig()
	if err != nil {
		return nil, err
	}
	name := a.Cluster
	if name == "" {
		current := a.Context
		if current == "" {
			current = raw.CurrentContext
		}
		if context := raw.Contexts[current]; context != nil {
			name = context.Cluster
		}
	}
	cluster := raw.Clusters[name]
	if cluster == nil {
		return nil, fmt.Errorf("the kubeconfig has no cluster %q", name)
	}
	plain := *cluster
	plain.LocationOfOrigin = ""
	return &plain, nil
}

// Connect makes a client of the cluster. It sends nothing yet; an error says what is wrong with the kubeconfig.
func Connect(access Access) (*Client, error) {
	loader, err := access.clientConfig()
	if err != nil {
		return nil, err
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig names no cluster that can be used: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig's namespace cannot be read: %w", err)
	}
	return newClient(config, namespace, access)
}

func newClient(config *rest.Config, namespace string, access Access) (*Client, error) {
	// Bodies pass as they are; only errors are decoded, and they are of the meta/v1 kind Status.
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.Unversioned)
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.GroupVersion = &metav1.Unversioned
	config.APIPath = "/"
	config.UserAgent = "pulumi-resource-kubernetes"
	config.WarningHandler = rest.NoWarnings{}
	config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(access.QPS, access.Burst)
	watching, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig's credentials cannot be used: %w", err)
	}
	// The limit is the transport's, so that the time a request waits for its turn does not count; a watch has none.
	asking := &http.Client{Transport: watching.Transport, Timeout: access.Timeout}
	ask, err := rest.RESTClientForConfigAndClient(config, asking)
	if err != nil {
		return nil, err
	}
	watch, err := rest.RESTClientForConfigAndClient(config, watching)
	if err != nil {
		return nil, err
	}
	client := &Client{Namespace: namespace, Host: config.Host, ask: ask, watch: watch, silence: silence}
	client.mapper.client = client
	return client, nil
}
