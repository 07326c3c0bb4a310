// Package properties turns the property bags of the provider protocol into plain Kubernetes objects and back.
//
// A plain object holds only what JSON holds. Which of its values are secret travels beside it, as a Secrets tree, so that the code
// between can work on the object as the API server knows it. Unknown values (of a preview) stay the marker strings that the protocol
// sends; HasUnknown finds them.
package properties

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/sig"
	"google.golang.org/protobuf/types/known/structpb"
)

// Markers of values that a preview does not know yet, by the type that they will have
// (pulumi/sdk go/common/resource/plugin/rpc.go).
var unknowns = map[string]bool{
	"1c4a061d-8072-4f0a-a4cb-0ff528b18fe7": true, // boolean
	"3eeb2bf0-c639-47a8-9e75-3b44932eb421": true, // number
	"04da6b54-80e4-46f7-96ec-b56ff0331ba9": true, // string
	"6a19a0b0-7e62-4c92-b797-7f8e31da9cc2": true, // array
	"dd056dcd-154b-4c76-9bd3-c8f88648b5ff": true, // object
	"030794c1-ac77-496b-92df-f27374a8bd58": true, // asset
	"e48ece36-62e2-4504-bad9-02848725956a": true, // archive
}

// IsUnknown says whether the value is one that a preview does not know yet.
func IsUnknown(value any) bool {
	text, ok := value.(string)
	return ok && unknowns[text]
}

// HasUnknown says whether the value, or anything inside it, is unknown.
func HasUnknown(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			if HasUnknown(inner) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if HasUnknown(inner) {
				return true
			}
		}
	}
	return IsUnknown(value)
}

// Same says whether two property bags are equal to the letter. Two that are not may still mean the same object.
func Same(one, other *structpb.Struct) bool {
	return one != nil && other != nil && sameFields(one.GetFields(), other.GetFields())
}

func sameFields(one, other map[string]*structpb.Value) bool {
	if len(one) != len(other) {
		return false
	}
	for name, value := range one {
		if twin, there := other[name]; !there || !sameValue(value, twin) {
			return false
		}
	}
	return true
}

func sameValue(one, other *structpb.Value) bool {
	switch value := one.GetKind().(type) {
	case *structpb.Value_StructValue:
		twin, ok := other.GetKind().(*structpb.Value_StructValue)
		return ok && sameFields(value.StructValue.GetFields(), twin.StructValue.GetFields())
	case *structpb.Value_ListValue:
		twin, ok := other.GetKind().(*structpb.Value_ListValue)
		return ok && slices.EqualFunc(value.ListValue.GetValues(), twin.ListValue.GetValues(), sameValue)
	case *structpb.Value_StringValue:
		twin, ok := other.GetKind().(*structpb.Value_StringValue)
		return ok && value.StringValue == twin.StringValue
	case *structpb.Value_NumberValue:
		twin, ok := other.GetKind().(*structpb.Value_NumberValue)
		return ok && value.NumberValue == twin.NumberValue
	case *structpb.Value_BoolValue:
		twin, ok := other.GetKind().(*structpb.Value_BoolValue)
		return ok && value.BoolValue == twin.BoolValue
	}
	_, isNull := one.GetKind().(*structpb.Value_NullValue)
	_, otherIsNull := other.GetKind().(*structpb.Value_NullValue)
	return isNull && otherIsNull
}

// Secrets says which parts of an object are secret. A nil tree says that none is.
type Secrets struct {
	whole  bool
	fields map[string]*Secrets
}

// Whole says whether the value as such is secret, and not just a part of it.
func (s *Secrets) Whole() bool { return s != nil && s.whole }

// Field is the tree of one field of an object.
func (s *Secrets) Field(name string) *Secrets {
	if s == nil {
		return nil
	}
	if s.whole {
		return s
	}
	return s.fields[name]
}

// WithField gives the tree in which the field is secret as a whole; the receiver may be nil and is changed otherwise.
func (s *Secrets) WithField(name string) *Secrets {
	if s == nil {
		s = &Secrets{}
	}
	if s.whole {
		return s
	}
	if s.fields == nil {
		s.fields = map[string]*Secrets{}
	}
	s.fields[name] = &Secrets{whole: true}
	return s
}

// Decode gives the plain object of a property bag and which of its values are secret. Nulls in objects are left out, as the API
// server takes a null for an absent field. A list with a secret in it is secret as a whole, because lists are often reordered.
func Decode(bag *structpb.Struct) (map[string]any, *Secrets, error) {
	value, secrets, err := decodeObject(bag.GetFields())
	if err != nil {
		return nil, nil, err
	}
	return value, secrets, nil
}

func decodeObject(fields map[string]*structpb.Value) (map[string]any, *Secrets, error) {
	object := make(map[string]any, len(fields))
	var secrets *Secrets
	for name, field := range fields {
		value, inner, err := decodeValue(field)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		if value == nil {
			continue
		}
		object[name] = value
		if inner != nil {
			if secrets == nil {
				secrets = &Secrets{fields: map[string]*Secrets{}}
			}
			secrets.fields[name] = inner
		}
	}
	return object, secrets, nil
}

func decodeValue(value *structpb.Value) (any, *Secrets, error) {
	switch kind := value.GetKind().(type) {
	case *structpb.Value_StringValue:
		return kind.StringValue, nil, nil
	case *structpb.Value_NumberValue:
		return kind.NumberValue, nil, nil
	case *structpb.Value_BoolValue:
		return kind.BoolValue, nil, nil
	case *structpb.Value_StructValue:
		fields := kind.StructValue.GetFields()
		mark, marked := fields[sig.Key]
		if !marked {
			return asValue(decodeObject(fields))
		}
		if mark.GetStringValue() != sig.Secret {
			return nil, nil, fmt.Errorf("an asset, an archive or a resource is not a value of a Kubernetes object; give its text or its name")
		}
		inner, _, err := decodeValue(fields["value"])
		return inner, &Secrets{whole: true}, err
	case *structpb.Value_ListValue:
		list := make([]any, 0, len(kind.ListValue.GetValues()))
		var secrets *Secrets
		for index, item := range kind.ListValue.GetValues() {
			inner, innerSecrets, err := decodeValue(item)
			if err != nil {
				return nil, nil, fmt.Errorf("[%d]: %w", index, err)
			}
			list = append(list, inner)
			if innerSecrets != nil {
				secrets = &Secrets{whole: true}
			}
		}
		return list, secrets, nil
	}
	return nil, nil, nil
}

func asValue(object map[string]any, secrets *Secrets, err error) (any, *Secrets, error) {
	return object, secrets, err
}

// Encode gives the property bag of a plain object, with the values marked that the tree says are secret. Nulls are left out.
func Encode(object map[string]any, secrets *Secrets) (*structpb.Struct, error) {
	fields := make(map[string]*structpb.Value, len(object))
	for name, inner := range object {
		if inner == nil {
			continue
		}
		value, err := encodeValue(inner, secrets.Field(name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fields[name] = value
	}
	return &structpb.Struct{Fields: fields}, nil
}

func encodeValue(value any, secrets *Secrets) (*structpb.Value, error) {
	if secrets.Whole() {
		inner, err := encodeValue(value, nil)
		if err != nil {
			return nil, err
		}
		return structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
			sig.Key: structpb.NewStringValue(sig.Secret),
			"value": inner,
		}}), nil
	}
	switch v := value.(type) {
	case map[string]any:
		object, err := Encode(v, secrets)
		if err != nil {
			return nil, err
		}
		return structpb.NewStructValue(object), nil
	case []any:
		list := &structpb.ListValue{Values: make([]*structpb.Value, 0, len(v))}
		for _, item := range v {
			inner, err := encodeValue(item, nil)
			if err != nil {
				return nil, err
			}
			list.Values = append(list.Values, inner)
		}
		return structpb.NewListValue(list), nil
	default:
		return structpb.NewValue(value)
	}
}
