"""The messages of ML Metadata that we read, as protocol buffers.

The package ml-metadata brings them, but it needs protobuf before 5 where kfp needs 6, so the part that is read is
declared here: fields and numbers are those of metadata_store.proto and metadata_store_service.proto in ml-metadata
1.17.1. Fields that are not declared are skipped.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2

_PACKAGE = "ml_metadata"
_INT, _DOUBLE, _TEXT, _BOOL, _ENUM = "int64", "double", "string", "bool", "int32"
_TYPES = {
    _INT: descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    _DOUBLE: descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    _TEXT: descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    _BOOL: descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    _ENUM: descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
}

# Message -> field -> its number and type; `*` before a type is "repeated". An enum is read as the number that it is.
# A map is a repeated message of a key and a value.
MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "Value": {
        "int_value": (1, _INT),
        "double_value": (2, _DOUBLE),
        "string_value": (3, _TEXT),
        "struct_value": (4, "google.protobuf.Struct"),
        "bool_value": (6, _BOOL),
    },
    "Property": {"key": (1, _TEXT), "value": (2, "Value")},
    "Artifact": {
        "id": (1, _INT),
        "uri": (3, _TEXT),
        "custom_properties": (5, "*Property"),
        "name": (7, _TEXT),
        "type": (8, _TEXT),
    },
    "Execution": {
        "id": (1, _INT),
        "last_known_state": (3, _ENUM),
        "custom_properties": (5, "*Property"),
        "type": (7, _TEXT),
        "create_time_since_epoch": (8, _INT),
        "last_update_time_since_epoch": (9, _INT),
    },
    "Step": {"index": (1, _INT), "key": (2, _TEXT)},
    "Path": {"steps": (1, "*Step")},
    "Event": {"artifact_id": (1, _INT), "execution_id": (2, _INT), "path": (3, "Path"), "type": (4, _ENUM)},
    "Context": {"id": (1, _INT), "name": (3, _TEXT), "type": (6, _TEXT)},
    "ListOperationOptions": {"max_result_size": (1, _ENUM), "next_page_token": (3, _TEXT)},
    "GetContextByTypeAndNameRequest": {"type_name": (1, _TEXT), "context_name": (2, _TEXT)},
    "GetContextByTypeAndNameResponse": {"context": (1, "Context")},
    "GetExecutionsByContextRequest": {"context_id": (1, _INT), "options": (2, "ListOperationOptions")},
    "GetExecutionsByContextResponse": {"executions": (1, "*Execution"), "next_page_token": (2, _TEXT)},
    "GetEventsByExecutionIDsRequest": {"execution_ids": (1, f"*{_INT}")},
    "GetEventsByExecutionIDsResponse": {"events": (1, "*Event")},
    "GetEventsByArtifactIDsRequest": {"artifact_ids": (1, f"*{_INT}")},
    "GetEventsByArtifactIDsResponse": {"events": (1, "*Event")},
    "GetArtifactsByIDRequest": {"artifact_ids": (1, f"*{_INT}")},
    "GetArtifactsByIDResponse": {"artifacts": (1, "*Artifact")},
    "GetExecutionsByIDRequest": {"execution_ids": (1, f"*{_INT}")},
    "GetExecutionsByIDResponse": {"executions": (1, "*Execution")},
}

# Event.Type and Execution.State by number.
INPUTS, OUTPUTS = frozenset({2, 3, 5}), frozenset({1, 4, 6, 7})
STATES = {1: "pending", 2: "running", 3: "succeeded", 4: "failed", 5: "cached", 6: "skipped"}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="pipelines/ml_metadata.proto",
        package=_PACKAGE,
        syntax="proto2",
        dependency=["google/protobuf/struct.proto"],
    )
    for message, fields in MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            plain = kind.removeprefix("*")
            field = declared.field.add(name=name, number=number)
            field.label = field.LABEL_REPEATED if kind.startswith("*") else field.LABEL_OPTIONAL
            if plain in _TYPES:
                field.type = _TYPES[plain]
            else:
                field.type = field.TYPE_MESSAGE
                field.type_name = f".{plain}" if "." in plain else f".{_PACKAGE}.{plain}"
    return file


def _classes() -> Mapping[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    shared = descriptor_pb2.FileDescriptorProto()
    struct_pb2.DESCRIPTOR.CopyToProto(shared)
    pool.Add(shared)
    pool.Add(_file())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in MESSAGES
    }


MESSAGE = _classes()
"""Every message's class, by name."""
