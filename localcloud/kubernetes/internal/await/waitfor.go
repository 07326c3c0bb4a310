// Package await says when an object is ready: by the conditions that its annotations give, or else by what its kind means by ready.
package await

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/client-go/util/jsonpath"

	"kubeflow/localcloud/kubernetes/internal/properties"
)

// Annotations by which a program steers the wait.
const (
	SkipAwait = "pulumi.com/skipAwait"
	WaitFor   = "pulumi.com/waitFor"
	Timeout   = "pulumi.com/timeoutSeconds"
)

// Check says whether an object is ready and, in a few words, how far it is. An error means that it never will be.
type Check func(object map[string]any) (ready bool, progress string, err error)

// ParseWaitFor reads a pulumi.com/waitFor annotation: `condition=TYPE`, `condition=TYPE=STATUS`, `jsonpath={PATH}`,
// `jsonpath={PATH}=VALUE`, or a JSON list of these, which must all hold. statusOnly says that the answer is in the object's metadata
// and status.
func ParseWaitFor(text string) (check Check, statusOnly bool, err error) {
	var expressions []string
	if json.Unmarshal([]byte(text), &expressions) != nil {
		expressions = []string{text}
	}
	if len(expressions) == 0 {
		return nil, false, fmt.Errorf("%s is an empty list: give at least one condition", WaitFor)
	}
	checks := make([]Check, 0, len(expressions))
	statusOnly = true
	for _, expression := range expressions {
		form, rest, _ := strings.Cut(expression, "=")
		var one Check
		switch form {
		case "condition":
			one, err = condition(rest)
		case "jsonpath":
			statusOnly = statusOnly && (strings.HasPrefix(rest, "{.status.") || strings.HasPrefix(rest, "{.metadata."))
			one, err = path(rest)
		default:
			err = fmt.Errorf("it must begin with condition= or jsonpath=")
		}
		if err != nil {
			return nil, false, fmt.Errorf("%s says %q: %w", WaitFor, expression, err)
		}
		checks = append(checks, one)
	}
	return all(checks), statusOnly, nil
}

func all(checks []Check) Check {
	return func(object map[string]any) (bool, string, error) {
		for _, check := range checks {
			if ready, progress, err := check(object); !ready || err != nil {
				return false, progress, err
			}
		}
		return true, "", nil
	}
}

// condition waits for an entry of status.conditions. As with `kubectl wait`, names are compared without case, and an answer about an
// older generation of the object does not count.
func condition(text string) (Check, error) {
	name, want, given := strings.Cut(text, "=")
	if !given {
		want = "True"
	}
	if name == "" || want == "" {
		return nil, fmt.Errorf("a condition is written condition=TYPE or condition=TYPE=STATUS")
	}
	return func(object map[string]any) (bool, string, error) {
		found := Condition(object, name)
		if found == nil {
			return false, fmt.Sprintf("condition %s is not there yet", name), nil
		}
		if outdated(object, found) {
			return false, fmt.Sprintf("condition %s is about an older generation", name), nil
		}
		status, _ := found["status"].(string)
		if strings.EqualFold(status, want) {
			return true, "", nil
		}
		return false, strings.TrimSpace(fmt.Sprintf("condition %s is %s, not %s: %s", name, status, want, because(found))), nil
	}, nil
}

// Condition is the entry of status.conditions with this type, or nil.
func Condition(object map[string]any, name string) map[string]any {
	conditions, _ := properties.Lookup(object, "status", "conditions").([]any)
	for _, item := range conditions {
		found, _ := item.(map[string]any)
		if kind, _ := found["type"].(string); strings.EqualFold(kind, name) {
			return found
		}
	}
	return nil
}

func because(condition map[string]any) string {
	reason, _ := condition["reason"].(string)
	message, _ := condition["message"].(string)
	return strings.Trim(reason+" "+message, " ")
}

func outdated(object, condition map[string]any) bool {
	generation, ok := properties.Lookup(object, "metadata", "generation").(int64)
	if !ok {
		return false
	}
	observed, ok := condition["observedGeneration"].(int64)
	if !ok {
		observed, ok = properties.Lookup(object, "status", "observedGeneration").(int64)
	}
	return ok && observed < generation
}

// path waits for a JSONPath expression to give a value, any or a certain one.
func path(text string) (Check, error) {
	expression, want := text, ""
	if end := strings.LastIndex(text, "}"); end >= 0 {
		expression, want = text[:end+1], text[end+1:]
	}
	given := strings.HasPrefix(want, "=")
	want = strings.Trim(strings.TrimPrefix(want, "="), `"'`)
	if !strings.HasPrefix(expression, "{") || !strings.HasSuffix(expression, "}") || given != (want != "") {
		return nil, fmt.Errorf("a path is written jsonpath={.a.b} or jsonpath={.a.b}=VALUE")
	}
	parse := func() (*jsonpath.JSONPath, error) {
		parser := jsonpath.New(WaitFor).AllowMissingKeys(true)
		return parser, parser.Parse(expression)
	}
	if _, err := parse(); err != nil {
		return nil, err
	}
	return func(object map[string]any) (bool, string, error) {
		parser, err := parse() // one for each use, because it keeps state
		if err != nil {
			return false, "", err
		}
		results, err := parser.FindResults(object)
		if err != nil {
			// A list that is shorter than the path's position says so here; it may grow.
			return false, fmt.Sprintf("%s: %v", expression, err), nil
		}
		if len(results) == 0 || len(results[0]) == 0 {
			return false, fmt.Sprintf("%s is not there yet", expression), nil
		}
		if !given {
			return true, "", nil
		}
		for _, result := range results[0] {
			if is := fmt.Sprint(result.Interface()); is != want {
				return false, fmt.Sprintf("%s is %s, not %s", expression, is, want), nil
			}
		}
		return true, "", nil
	}, nil
}
