package inputdiff

import (
	"maps"
	"slices"
	"testing"
)

type object = map[string]any

func compared(before, after object, immutable ...[]string) map[string]string {
	result := map[string]string{}
	for _, change := range Compare(before, after, immutable) {
		text := []string{"added", "deleted", "updated"}[change.Kind]
		if change.Replace {
			text += ", replaces"
		}
		result[PropertyPath(change.Path)] = text
	}
	return result
}

func TestChangesAreNamedAtTheirPlace(t *testing.T) {
	selector, volumes := []string{"spec", "selector"}, []string{"spec", "volumes", "*", "csi"}
	for name, test := range map[string]struct {
		before, after object
		want          map[string]string
	}{
		"nothing":               {object{"a": 1.0, "b": object{}}, object{"a": int64(1), "b": object{}}, map[string]string{}},
		"a value":               {object{"a": "x"}, object{"a": "y"}, map[string]string{"a": "updated"}},
		"a field comes":         {object{}, object{"a": object{"b": "c"}}, map[string]string{"a": "added"}},
		"a field goes":          {object{"a": "x"}, object{}, map[string]string{"a": "deleted"}},
		"a name with dots":      {object{"data": object{"a.b": "1"}}, object{"data": object{"a.b": "2"}}, map[string]string{`data["a.b"]`: "updated"}},
		"an element":            {object{"a": []any{object{"b": 1.0}, "x"}}, object{"a": []any{object{"b": 2.0}, "x"}}, map[string]string{"a[0].b": "updated"}},
		"an element comes":      {object{"a": []any{"x"}}, object{"a": []any{"x", "y"}}, map[string]string{"a[1]": "added"}},
		"an element goes":       {object{"a": []any{"x", "y"}}, object{"a": []any{"x"}}, map[string]string{"a[1]": "deleted"}},
		"another type":          {object{"a": "x"}, object{"a": object{}}, map[string]string{"a": "updated"}},
		"in an immutable field": {object{"spec": object{"selector": object{"x": "1"}}}, object{"spec": object{"selector": object{"x": "2"}}}, map[string]string{"spec.selector.x": "updated, replaces"}},
		"around one":            {object{}, object{"spec": object{"selector": object{}}}, map[string]string{"spec": "added, replaces"}},
		"around none":           {object{}, object{"spec": object{"replicas": 1.0}}, map[string]string{"spec": "added"}},
		"beside one":            {object{"spec": object{"replicas": 1.0, "selector": "x"}}, object{"spec": object{"replicas": 2.0, "selector": "x"}}, map[string]string{"spec.replicas": "updated"}},
		"in every element":      {object{"spec": object{"volumes": []any{object{"csi": "a"}}}}, object{"spec": object{"volumes": []any{object{"csi": "b"}}}}, map[string]string{"spec.volumes[0].csi": "updated, replaces"}},
		"beside every element":  {object{"spec": object{"volumes": []any{object{"nfs": "a"}}}}, object{"spec": object{"volumes": []any{object{"nfs": "b"}}}}, map[string]string{"spec.volumes[0].nfs": "updated"}},
	} {
		if got := compared(test.before, test.after, selector, volumes); !maps.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestPathsOfSiblingsAreTheirOwn(t *testing.T) {
	before := object{"a": object{"b": object{"c": object{}}}}
	after := object{"a": object{"b": object{"c": object{"x": 1.0, "y": 2.0, "z": 3.0}}}}
	got := slices.Sorted(maps.Keys(compared(before, after)))
	if !slices.Equal(got, []string{"a.b.c.x", "a.b.c.y", "a.b.c.z"}) {
		t.Errorf("got %v", got)
	}
}
