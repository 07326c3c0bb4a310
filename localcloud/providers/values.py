"""Pulumi's property values on the wire (protobuf Structs) and in Python.

Unknown values are `UNKNOWN`. Secrets arrive in the clear, because the stand-ins tell the engine that they do
not take them: the engine then marks outputs that share a secret input's name by itself.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import struct_pb2

Properties = dict[str, Any]

# Constants of the protocol (pulumi/sdk, `sdk/go/common/resource/properties.go` and `plugin/rpc.go`).
UNKNOWN_ON_THE_WIRE: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"


class Unknown:
    """The type of `UNKNOWN`, a value that only an update will tell."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return False


UNKNOWN: Final = Unknown()


def decode(struct: struct_pb2.Struct) -> Properties:
    """A Struct as a dict; numbers without a fraction become ints."""
    return {key: _decode(value) for key, value in struct.fields.items()}


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """A dict as a Struct; entries that are None are left out, as Pulumi does with undefined properties."""
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        if value is not None:
            struct.fields[key].CopyFrom(_encode(value))
    return struct


def has_unknown(value: object) -> bool:
    """Whether the value is, or holds, an unknown."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def _decode(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == UNKNOWN_ON_THE_WIRE else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "struct_value":
        return _decode_object(value.struct_value)
    return None


def _decode_object(struct: struct_pb2.Struct) -> Any:
    fields = struct.fields
    if SIGNATURE_KEY not in fields:
        return decode(struct)
    signature = fields[SIGNATURE_KEY].string_value
    if signature in (SECRET_SIGNATURE, OUTPUT_SIGNATURE):
        return _decode(fields["value"]) if "value" in fields else UNKNOWN
    if signature == RESOURCE_SIGNATURE:
        return _decode(fields["id"]) if "id" in fields else fields["urn"].string_value
    return decode(struct)


def _encode(value: Any) -> struct_pb2.Value:
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=UNKNOWN_ON_THE_WIRE)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=encode(value))
    if isinstance(value, list | tuple):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encode(item) for item in value]))
    raise TypeError(f"{type(value).__name__} is not a Pulumi property value")
