package properties

import (
	"encoding/base64"
	"maps"
)

// Text is the string at the path, or "" where there is none.
func Text(object map[string]any, path ...string) string {
	text, _ := Lookup(object, path...).(string)
	return text
}

// Map is the object at the path, or nil where there is none.
func Map(object map[string]any, path ...string) map[string]any {
	inner, _ := Lookup(object, path...).(map[string]any)
	return inner
}

// Lookup is the value at the path, or nil where there is none.
func Lookup(object map[string]any, path ...string) any {
	var value any = object
	for _, name := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[name]
	}
	return value
}

// Annotation is the value of an annotation, or "" where it is not set or not known.
func Annotation(object map[string]any, name string) string {
	text := Text(object, "metadata", "annotations", name)
	if IsUnknown(text) {
		return ""
	}
	return text
}

// WithSecretKind marks the data of a v1 Secret as secret, whatever the program said of it.
func WithSecretKind(object map[string]any, secrets *Secrets) *Secrets {
	if object["kind"] != "Secret" || object["apiVersion"] != "v1" {
		return secrets
	}
	for _, name := range []string{"data", "stringData"} {
		if object[name] != nil {
			secrets = secrets.WithField(name)
		}
	}
	return secrets
}

// FoldStringData moves a v1 Secret's stringData into data, as the API server does when it stores one, so that what was sent can be
// compared with what is there. A Secret with unknown values is left as it is.
func FoldStringData(object map[string]any) {
	plain, ok := object["stringData"].(map[string]any)
	if !ok || object["kind"] != "Secret" || object["apiVersion"] != "v1" || HasUnknown(object["data"]) || HasUnknown(plain) {
		return
	}
	data := maps.Clone(Map(object, "data"))
	if data == nil {
		data = map[string]any{}
	}
	for name, value := range plain {
		text, ok := value.(string)
		if !ok {
			return // the API server says what is wrong with it
		}
		data[name] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	object["data"] = data
	delete(object, "stringData")
}
