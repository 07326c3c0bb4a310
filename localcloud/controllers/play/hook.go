package play

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const hookTimeout = 10 * time.Second // metacontroller's own default

// ask is the whole of what runs the hook: the program's answer to one request.
const ask = `import json, os, runpy, sys
json.dump(runpy.run_path(sys.argv[1])["answer"](sys.argv[2], json.load(sys.stdin), os.environ), sys.stdout)`

// Hook is the program that may answer as a hook, and the Python that runs it.
type Hook struct{ Python, Program string }

// hookEnvironment gives the environment of the pod's container, if what it mounts is the program
// that may be run, and else nothing.
func (c *Cluster) hookEnvironment(ctx context.Context, pod *corev1.Pod) ([]string, error) {
	trusted, err := os.ReadFile(c.Hook.Program)
	if err != nil {
		return nil, err
	}
	configMap := func(name string) (*corev1.ConfigMap, error) {
		return c.client.CoreV1().ConfigMaps(pod.Namespace).Get(ctx, name, metav1.GetOptions{})
	}
	mounted := false
	for _, volume := range pod.Spec.Volumes {
		if volume.ConfigMap == nil {
			continue
		}
		found, err := configMap(volume.ConfigMap.Name)
		if err != nil {
			return nil, err
		}
		mounted = mounted || found.Data[path.Base(c.Hook.Program)] == string(trusted)
	}
	environment := []string{}
	if !mounted {
		return nil, nil
	}
	for _, variable := range pod.Spec.Containers[0].Env {
		value := variable.Value
		if from := variable.ValueFrom; from != nil && from.ConfigMapKeyRef != nil {
			found, err := configMap(from.ConfigMapKeyRef.Name)
			if err != nil {
				return nil, err
			}
			value = found.Data[from.ConfigMapKeyRef.Key]
		}
		environment = append(environment, variable.Name+"="+value)
	}
	return environment, nil
}

// callHook runs the program for one request, with the environment of its pod and nothing of ours.
func (c *Cluster) callHook(ctx context.Context, environment []string, hook *webhook, request, answer any) error {
	parsed, err := url.Parse(hook.Webhook.URL)
	if err != nil {
		return err
	}
	given, err := json.Marshal(request)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, hookTimeout)
	defer stop()
	command := exec.CommandContext(ctx, c.Hook.Python, "-I", "-c", ask, c.Hook.Program, parsed.Path)
	command.Env, command.Stdin = environment, bytes.NewReader(given)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", hook.Webhook.URL, err, complaint.String())
	}
	return json.Unmarshal(output, answer)
}
