// Package inputdiff compares what a program asked for with what it asks for now.
//
// Only inputs are compared, so nothing that the API server or a controller filled in can show as a change.
package inputdiff

import (
	"fmt"
	"reflect"
	"strings"
)

// Kind is what happened to a value.
type Kind int

// What can happen to a value.
const (
	Added Kind = iota
	Deleted
	Updated
)

// Change is one value that differs. The path holds field names (string) and list positions (int).
type Change struct {
	Path    []any
	Kind    Kind
	Replace bool
}

// Compare lists what differs between two objects, each change at the deepest place that holds all of it. A change that touches one of
// the immutable paths is marked as one that replaces the object.
func Compare(before, after map[string]any, immutable [][]string) []Change {
	comparison := comparison{immutable: immutable}
	comparison.objects(nil, before, after)
	return comparison.changes
}

type comparison struct {
	immutable [][]string
	changes   []Change
}

func (c *comparison) objects(path []any, before, after map[string]any) {
	for name, value := range after {
		c.values(child(path, name), before[name], value)
	}
	for name, value := range before {
		if _, kept := after[name]; !kept {
			c.values(child(path, name), value, nil)
		}
	}
}

func (c *comparison) values(path []any, before, after any) {
	switch {
	case before == nil && after == nil:
	case before == nil:
		c.add(path, Added, after)
	case after == nil:
		c.add(path, Deleted, before)
	default:
		switch was := before.(type) {
		case map[string]any:
			if is, ok := after.(map[string]any); ok {
				c.objects(path, was, is)
				return
			}
		case []any:
			if is, ok := after.([]any); ok {
				c.lists(path, was, is)
				return
			}
		}
		if !Same(before, after) {
			c.add(path, Updated, after)
		}
	}
}

func (c *comparison) lists(path []any, before, after []any) {
	for index := range max(len(before), len(after)) {
		var was, is any
		if index < len(before) {
			was = before[index]
		}
		if index < len(after) {
			is = after[index]
		}
		c.values(child(path, index), was, is)
	}
}

func (c *comparison) add(path []any, kind Kind, value any) {
	change := Change{Path: path, Kind: kind}
	for _, field := range c.immutable {
		if touches(field, path, value) {
			change.Replace = true
		}
	}
	c.changes = append(c.changes, change)
}

// touches says whether a change at the path, whose value is given, changes the field: it lies within the field, or holds it.
func touches(field []string, path []any, value any) bool {
	for index, name := range field {
		if index == len(path) {
			return holds(field[index:], value)
		}
		if name != "*" && name != path[index] {
			return false
		}
	}
	return true
}

func holds(field []string, value any) bool {
	if len(field) == 0 {
		return value != nil
	}
	switch v := value.(type) {
	case map[string]any:
		return holds(field[1:], v[field[0]])
	case []any:
		return field[0] == "*" && len(v) > 0
	}
	return false
}

// Same says whether two JSON values are equal; a number is its value, however it was decoded.
func Same(a, b any) bool {
	x, isNumber := number(a)
	y, alsoNumber := number(b)
	if isNumber && alsoNumber {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	}
	return 0, false
}

func child(path []any, step any) []any {
	return append(path[:len(path):len(path)], step)
}

// PropertyPath writes a path as Pulumi does: spec.template, data["a.b"], spec.ports[0].
func PropertyPath(path []any) string {
	var text strings.Builder
	for _, step := range path {
		switch v := step.(type) {
		case int:
			fmt.Fprintf(&text, "[%d]", v)
		case string:
			switch {
			case strings.ContainsAny(v, `."[]`):
				fmt.Fprintf(&text, `["%s"]`, strings.ReplaceAll(v, `"`, `\"`))
			case text.Len() > 0:
				text.WriteString("." + v)
			default:
				text.WriteString(v)
			}
		}
	}
	return text.String()
}
