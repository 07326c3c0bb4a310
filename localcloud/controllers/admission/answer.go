// Package admission plays the network between kube-apiserver and the Services it calls: it stands
// behind the egress selector, refuses a Service that has no ready endpoint, and otherwise answers
// as its backend would, allowing everything.
package admission

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// answer is the backend's reply to one call.
type answer struct {
	status int
	body   any
	call   Call // what was asked for: kind, name, namespace, operation
}

type review struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Request    json.RawMessage `json:"request"`
}

type admissionRequest struct {
	UID       string `json:"uid"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Operation string `json:"operation"`
	DryRun    bool   `json:"dryRun"`
	Kind      struct {
		Group   string `json:"group"`
		Version string `json:"version"`
		Kind    string `json:"kind"`
	} `json:"kind"`
	SubResource string `json:"subResource"`
	UserInfo    struct {
		Username string `json:"username"`
	} `json:"userInfo"`
}

type conversionRequest struct {
	UID               string           `json:"uid"`
	DesiredAPIVersion string           `json:"desiredAPIVersion"`
	Objects           []map[string]any `json:"objects"`
}

// respond answers one HTTP call in the version of the review that was asked. What is neither a
// review nor an aggregated API's discovery is not found.
func respond(method, path string, body []byte) answer {
	if method == http.MethodGet {
		return discover(path)
	}
	var asked review
	if err := json.Unmarshal(body, &asked); err != nil {
		return refuse(http.StatusBadRequest, "the body is no review: %v", err)
	}
	switch {
	case asked.Kind == "AdmissionReview" && strings.HasPrefix(asked.APIVersion, "admission.k8s.io/"):
		return admit(asked)
	case asked.Kind == "ConversionReview" && strings.HasPrefix(asked.APIVersion, "apiextensions.k8s.io/"):
		return convert(asked)
	default:
		return refuse(http.StatusNotFound, "no answer to %s %s (%s %s)", method, path, asked.APIVersion, asked.Kind)
	}
}

func admit(asked review) answer {
	var request admissionRequest
	if err := json.Unmarshal(asked.Request, &request); err != nil || request.UID == "" {
		return refuse(http.StatusBadRequest, "an AdmissionReview without a request")
	}
	allowed := true
	kind := request.Kind.Kind
	if request.SubResource != "" {
		kind += "/" + request.SubResource
	}
	return answer{
		status: http.StatusOK,
		body: map[string]any{
			"apiVersion": asked.APIVersion,
			"kind":       asked.Kind,
			"response":   map[string]any{"uid": request.UID, "allowed": allowed},
		},
		call: Call{
			Group: request.Kind.Group, Kind: kind, Name: request.Name, Namespace: request.Namespace,
			Operation: request.Operation, DryRun: request.DryRun, User: request.UserInfo.Username, Allowed: &allowed,
		},
	}
}

// convert changes nothing but the version: between the versions of one kind, here, that is enough.
func convert(asked review) answer {
	var request conversionRequest
	if err := json.Unmarshal(asked.Request, &request); err != nil || request.UID == "" {
		return refuse(http.StatusBadRequest, "a ConversionReview without a request")
	}
	call := Call{Operation: "CONVERT"}
	for _, object := range request.Objects {
		object["apiVersion"] = request.DesiredAPIVersion
		call.Kind, _ = object["kind"].(string)
	}
	objects := request.Objects
	if objects == nil {
		objects = []map[string]any{}
	}
	return answer{
		status: http.StatusOK,
		body: map[string]any{
			"apiVersion": asked.APIVersion,
			"kind":       asked.Kind,
			"response": map[string]any{
				"uid":              request.UID,
				"convertedObjects": objects,
				"result":           map[string]any{"status": "Success"},
			},
		},
		call: call,
	}
}

// discover plays an aggregated API server that serves its group and nothing in it: enough for its
// APIService to become Available, which is what kube-apiserver asks.
func discover(path string) answer {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) == 3 && parts[0] == "apis" {
		return answer{status: http.StatusOK, body: map[string]any{
			"apiVersion":   "v1",
			"kind":         "APIResourceList",
			"groupVersion": parts[1] + "/" + parts[2],
			"resources":    []any{},
		}}
	}
	return refuse(http.StatusNotFound, "nothing at %s", path)
}

func refuse(status int, format string, values ...any) answer {
	reason := fmt.Sprintf(format, values...)
	return answer{
		status: status,
		body:   map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": status, "message": reason},
		call:   Call{Reason: reason},
	}
}
