package play

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic"
)

// Facts on what the release's own hook puts into a profile's namespace: kubeflow/pipelines 2.16.0 and 2.5.0,
// manifests/kustomize/base/installs/multi-user/pipelines-profile-controller/sync.py. The older one hands out the keys
// of the stack; of what it makes its server of visualizations is left out. With artifacts in S3 the project's program
// answers, and is run (hook.go).
const (
	pipelinesHook     = "kubeflow-pipelines-profile-controller"
	pipelinesConfig   = "pipeline-install-config"
	pipelinesSecret   = "mlpipeline-minio-artifact"
	pipelinesArtifact = "ml-pipeline-ui-artifact"
	pipelinesBucket   = "mlpipeline" // in the program's text
	pipelinesFrontend = "ghcr.io/kubeflow/kfp-frontend"
)

// frontendDefault finds the image that the hook's program names for when its environment names none. It is read
// there, for whoever takes all images from a registry of their own has renamed it there.
var frontendDefault = regexp.MustCompile(`"FRONTEND_IMAGE", "([^"]+)"`)

type pipelinesSettings struct {
	proxy                        bool // a server of artifacts in each namespace
	domain, host, image, version string
	keys                         map[string]any // the stack's own, where each namespace gets those
}

// pipelinesSettings are those that the hook's pod reads of its environment.
func (c *Cluster) pipelinesSettings(ctx context.Context, pod *corev1.Pod) (pipelinesSettings, error) {
	settings := pipelinesSettings{domain: ".svc.cluster.local", host: "seaweedfs", image: pipelinesFrontend}
	for _, volume := range pod.Spec.Volumes {
		if volume.ConfigMap == nil {
			continue
		}
		data, err := c.configData(ctx, pod.Namespace, volume.ConfigMap.Name)
		if err != nil {
			return settings, err
		}
		for _, text := range data {
			settings.image = frontendImage(text, settings.image)
		}
	}
	for _, container := range pod.Spec.Containers {
		for _, variable := range container.Env {
			switch variable.Name {
			case "CLUSTER_DOMAIN":
				settings.domain = variable.Value
			case "OBJECT_STORE_HOST":
				settings.host = variable.Value
			case "FRONTEND_IMAGE":
				settings.image = variable.Value
			case "MINIO_ACCESS_KEY":
				secret, err := c.client.CoreV1().Secrets(pod.Namespace).Get(ctx, pipelinesSecret, metav1.GetOptions{})
				if err != nil {
					return settings, err
				}
				settings.keys = map[string]any{}
				for name, value := range secret.Data {
					settings.keys[name] = base64.StdEncoding.EncodeToString(value)
				}
			}
		}
	}
	data, err := c.configData(ctx, pod.Namespace, pipelinesConfig)
	settings.proxy = settings.keys != nil || data["ARTIFACTS_PROXY_ENABLED"] == "true"
	settings.version = data["appVersion"]
	return settings, err
}

// frontendImage is the one that a program names, or else the one that is given.
func frontendImage(program, otherwise string) string {
	if found := frontendDefault.FindStringSubmatch(program); found != nil {
		return found[1]
	}
	return otherwise
}

// pipelinesChildren is what the hook answers for a namespace. Keys of the Secret are made once: the hook gives back
// the one that it finds.
func (c *Cluster) pipelinesChildren(
	namespace string,
	settings pipelinesSettings,
) ([]*unstructured.Unstructured, error) {
	key := func(name string) map[string]any { return map[string]any{"name": pipelinesSecret, "key": name} }
	repository, err := json.Marshal(map[string]any{"archiveLogs": true, "s3": map[string]any{
		"endpoint": settings.host + ".kubeflow" + settings.domain + ":9000", "bucket": pipelinesBucket,
		"keyFormat": "private-artifacts/" + namespace + "/{{workflow.name}}/{{pod.name}}", "insecure": true,
		"accessKeySecret": key("accesskey"), "secretKeySecret": key("secretkey"),
	}})
	if err != nil {
		return nil, err
	}
	configMap := func(name string, data map[string]any) *unstructured.Unstructured {
		return child("v1", "ConfigMap", namespace, name, map[string]any{"data": data})
	}
	repositories := configMap("artifact-repositories", map[string]any{"default-namespaced": string(repository)})
	repositories.SetAnnotations(map[string]string{
		"workflows.argoproj.io/default-artifact-repository": "default-namespaced",
	})
	keys := settings.keys
	children := []*unstructured.Unstructured{
		configMap("metadata-grpc-configmap", map[string]any{
			"METADATA_GRPC_SERVICE_HOST": "metadata-grpc-service.kubeflow", "METADATA_GRPC_SERVICE_PORT": "8080",
		}),
	}
	if keys == nil {
		keys = map[string]any{"accesskey": "cGxheWVk", "secretkey": "cGxheWVk"}
		children = append(children, repositories, configMap("kfp-launcher", map[string]any{
			"defaultPipelineRoot": "minio://" + pipelinesBucket + "/private-artifacts/" + namespace + "/v2/artifacts",
			"clusterDomain":       settings.domain,
		}))
	}
	children = append(children, child("v1", "Secret", namespace, pipelinesSecret, map[string]any{"data": keys}))
	if settings.proxy {
		children = append(children, artifactServer(namespace, settings.image+":"+settings.version)...)
	}
	return children, nil
}

// artifactServer is the Deployment and the Service that serve a namespace's artifacts to the UI.
func artifactServer(namespace, image string) []*unstructured.Unstructured {
	app := map[string]any{"app": pipelinesArtifact}
	server := child("apps/v1", "Deployment", namespace, pipelinesArtifact, map[string]any{"spec": map[string]any{
		"selector": map[string]any{"matchLabels": app},
		"template": map[string]any{"metadata": map[string]any{"labels": app}, "spec": map[string]any{
			"serviceAccountName": "default-editor",
			"containers": []any{map[string]any{
				"name": pipelinesArtifact, "image": image,
				"imagePullPolicy": "IfNotPresent",
				"ports":           []any{map[string]any{"containerPort": int64(3000)}},
				"resources": map[string]any{
					"requests": map[string]any{"cpu": "10m", "memory": "70Mi"},
					"limits":   map[string]any{"cpu": "100m", "memory": "500Mi"},
				},
			}},
		}},
	}})
	service := child("v1", "Service", namespace, pipelinesArtifact, map[string]any{"spec": map[string]any{
		"selector": app,
		"ports": []any{
			map[string]any{"name": "http", "port": int64(80), "protocol": "TCP", "targetPort": int64(3000)},
		},
	}})
	for _, object := range []*unstructured.Unstructured{server, service} {
		object.SetLabels(map[string]string{"app": pipelinesArtifact})
	}
	return []*unstructured.Unstructured{server, service}
}

func child(version, kind, namespace, name string, content map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: content}
	object.SetAPIVersion(version)
	object.SetKind(kind)
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// attached gives the kind of a resource, and those objects of it that the namespace has.
func (c *Cluster) attached(resource, namespace string) (string, []metav1.Object, error) {
	core, all := c.informers.Core().V1(), labels.Everything()
	switch resource {
	case "configmaps":
		found, err := core.ConfigMaps().Lister().ConfigMaps(namespace).List(all)
		return "ConfigMap", asObjects(found), err
	case "secrets":
		found, err := core.Secrets().Lister().Secrets(namespace).List(all)
		return "Secret", asObjects(found), err
	case "services":
		found, err := core.Services().Lister().Services(namespace).List(all)
		return "Service", asObjects(found), err
	case "deployments":
		found, err := c.informers.Apps().V1().Deployments().Lister().Deployments(namespace).List(all)
		return "Deployment", asObjects(found), err
	default:
		return "", nil, nil // the hook asks for no others
	}
}

func asObjects[T metav1.Object](found []T) []metav1.Object {
	var objects []metav1.Object
	for _, object := range found {
		objects = append(objects, object)
	}
	return objects
}

// replaceChild writes what the hook asks for over the child's content, and leaves what the API server and others
// have added to its metadata.
func replaceChild(ctx context.Context, client dynamic.ResourceInterface, wanted *unstructured.Unstructured) error {
	found, err := client.Get(ctx, wanted.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	merge(found.Object, wanted.Object)
	_, err = client.Update(ctx, found, metav1.UpdateOptions{FieldManager: metacontroller})
	return err
}

// merge puts the values of one object into another; maps are joined, all else is replaced.
func merge(into, from map[string]any) {
	for key, value := range from {
		nested, isMap := value.(map[string]any)
		current, wasMap := into[key].(map[string]any)
		if isMap && wasMap {
			merge(current, nested)
		} else {
			into[key] = value
		}
	}
}
