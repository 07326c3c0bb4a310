package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"kubeflow/localcloud/kubernetes/internal/cluster"
	"kubeflow/localcloud/kubernetes/internal/inputdiff"
	"kubeflow/localcloud/kubernetes/internal/kinds"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// settings of one provider.
type settings struct {
	access                cluster.Access
	identifier            string
	rules                 kinds.Rules
	patchForce            bool
	upsert                bool
	deleteUnreachable     bool
	skipUpdateUnreachable bool
}

// defaults of the official plugin's client: 50 requests a second in bursts of 120, each of at most 32 seconds.
func defaults() settings {
	return settings{access: cluster.Access{QPS: 50, Burst: 120, Timeout: 32 * time.Second}}
}

// readSettings reads a provider's inputs. Values that are not texts may come as JSON in a text, as the SDKs send them.
func readSettings(inputs map[string]any) (settings, []*pulumirpc.CheckFailure) {
	result := defaults()
	var failures []*pulumirpc.CheckFailure
	fail := func(name, form string, values ...any) {
		failures = append(failures, &pulumirpc.CheckFailure{Property: name, Reason: fmt.Sprintf("provider setting "+name+" "+form, values...)})
	}
	texts := map[string]*string{"kubeconfig": &result.access.Kubeconfig, "context": &result.access.Context, "cluster": &result.access.Cluster,
		"namespace": &result.access.Namespace, "clusterIdentifier": &result.identifier}
	serverSide, ignored := true, false
	switches := map[string]*bool{"enableServerSideApply": &serverSide, "enableConfigMapMutable": &result.rules.ConfigMapMutable,
		"enableSecretMutable": &result.rules.SecretMutable, "enablePatchForce": &result.patchForce, "upsertExistingObjects": &result.upsert,
		"deleteUnreachable": &result.deleteUnreachable, "skipUpdateUnreachable": &result.skipUpdateUnreachable,
		// Warnings about API versions and Helm hooks are the official plugin's; there are none here to suppress.
		"suppressDeprecationWarnings": &ignored, "suppressHelmHookWarnings": &ignored}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		value := inputs[name]
		if properties.HasUnknown(value) {
			continue
		}
		switch {
		case texts[name] != nil:
			text, ok := value.(string)
			if !ok {
				fail(name, "must be a text")
			}
			*texts[name] = text
		case switches[name] != nil:
			on, err := strconv.ParseBool(fmt.Sprint(value))
			if err != nil {
				fail(name, "is %v: it must be true or false", value)
			}
			*switches[name] = on
		case name == "kubeClientSettings":
			if err := readClientSettings(value, &result.access); err != nil {
				fail(name, "cannot be used: %v", err)
			}
		case name == "renderYamlToDirectory" || name == "alwaysRender" || name == "helmReleaseSettings":
			fail(name, "is not served by this stand-in for the kubernetes plugin, which talks to a cluster only: remove it, or install the official plugin")
		case name == "version" || name == "pluginDownloadURL" || strings.HasPrefix(name, "__"): // the engine's own
		default:
			fail(name, "is not known: correct its name or remove it")
		}
	}
	if !serverSide {
		fail("enableServerSideApply", "is false, and this stand-in for the kubernetes plugin applies on the server only: remove it, or install the official plugin")
	}
	return result, failures
}

func readClientSettings(value any, access *cluster.Access) error {
	if text, ok := value.(string); ok {
		value = nil
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return err
		}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("it must be an object with qps, burst and timeout")
	}
	for name, inner := range object {
		number, err := strconv.ParseFloat(fmt.Sprint(inner), 64)
		if err != nil || number <= 0 {
			return fmt.Errorf("%s is %v: it must be a number above 0", name, inner)
		}
		switch name {
		case "qps":
			access.QPS = float32(number)
		case "burst":
			access.Burst = int(number)
		case "timeout":
			access.Timeout = time.Duration(number * float64(time.Second))
		default:
			return fmt.Errorf("%s is not known: it has qps, burst and timeout", name)
		}
	}
	return nil
}

func checkConfig(req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	inputs, _, err := properties.Decode(req.GetNews())
	if err != nil {
		return nil, err
	}
	_, failures := readSettings(inputs)
	return &pulumirpc.CheckResponse{Inputs: req.GetNews(), Failures: failures}, nil
}

// diffConfig replaces the provider, and with it all its resources, when it is to reach another cluster. A given clusterIdentifier
// alone decides; else it is the cluster that the kubeconfig points to, and one that is not known yet counts as another.
func diffConfig(req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	bag := req.GetOldInputs()
	if bag == nil {
		bag = req.GetOlds()
	}
	olds, _, err := properties.Decode(bag)
	if err != nil {
		return nil, err
	}
	news, _, err := properties.Decode(req.GetNews())
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	for _, change := range inputdiff.Compare(olds, news, nil) {
		name, _ := change.Path[0].(string)
		if name != "version" && !slices.Contains(response.Diffs, name) {
			response.Diffs = append(response.Diffs, name)
		}
	}
	if len(response.Diffs) == 0 {
		return response, nil
	}
	response.Changes = pulumirpc.DiffResponse_DIFF_SOME
	before, _ := readSettings(olds)
	after, _ := readSettings(news)
	switch {
	case after.identifier != "" && before.identifier != "":
		if before.identifier != after.identifier {
			response.Replaces = []string{"clusterIdentifier"}
		}
	case properties.IsUnknown(news["kubeconfig"]):
		response.Replaces = []string{"kubeconfig"}
	case slices.ContainsFunc(response.Diffs, func(name string) bool { return name == "kubeconfig" || name == "context" || name == "cluster" }) &&
		!cluster.SameCluster(before.access, after.access):
		response.Replaces = slices.DeleteFunc(slices.Clone(response.Diffs), func(name string) bool {
			return name != "kubeconfig" && name != "context" && name != "cluster"
		})
	}
	return response, nil
}
