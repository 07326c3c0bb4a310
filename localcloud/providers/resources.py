"""Check, Diff, Create, Read, Update, Delete and Invoke over a table of kinds."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from localcloud.providers import naming
from localcloud.providers.diff import Change, differences, equal, projected
from localcloud.providers.kinds import Call, Kind
from localcloud.providers.schema import (
    InvalidPropertyError,
    checked,
    function_arguments,
    resource_schema,
    unknown_name,
)
from localcloud.providers.server import StandIn, abort_with_detail, plain_errors
from localcloud.providers.values import UNKNOWN, Properties, decode, encode, has_unknown
from ordering.errors import UserError

Function = Callable[[Any, Properties], Properties]

_DIFF = {
    (Change.ADD, False): provider_pb2.PropertyDiff.ADD,
    (Change.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (Change.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (Change.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (Change.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (Change.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


class TableStandIn(StandIn):
    """A stand-in whose resource types and functions are tables."""

    def __init__(self, kinds: Mapping[str, Kind], functions: Mapping[str, Function]) -> None:
        super().__init__()
        self.kinds = kinds
        self.functions = functions

    def session(self, context: grpc.ServicerContext) -> Any:
        """What the rows' functions get as `Call.session`."""
        return None

    def default_tags(self, context: grpc.ServicerContext) -> dict[str, str]:
        """Tags that the provider's configuration puts on everything."""
        return {}

    def failure(self, error: Exception) -> str | None:
        """The sentence for an error of the cloud's, or None for a bug."""
        return str(error) if isinstance(error, UserError) else None

    def gone(self, error: Exception) -> bool:
        """Whether the cloud says that the resource does not exist."""
        return False

    def examine(self, kind: Kind, call: Call) -> None:
        """Judge a resource before anything is made; raises InvalidPropertyError."""

    # -- the protocol ----------------------------------------------------------------------------------------------

    @plain_errors
    def Check(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:  # noqa: N802
        kind = self._kind(_type(request.urn))
        schema = resource_schema(kind.token)
        inputs = {name: value for name, value in decode(request.news).items() if value is not None}
        try:
            inputs = _documents_as_text(kind, inputs)
            name = request.urn.rsplit("::", 1)[-1]
            seed = request.randomSeed and request.randomSeed + request.urn.encode()
            naming.choose(kind, name, inputs, decode(request.olds), seed)
            inputs = checked(schema, {**kind.defaults, **inputs})
            if kind.retag and inputs.get("tags") is not UNKNOWN:
                tags = {**self.default_tags(context), **inputs.get("tags", {})}
                inputs.update({"tags": tags} if tags else {})
            kind.check(inputs)
            self.examine(kind, self._call(kind, request, context, inputs=inputs))
        except InvalidPropertyError as error:
            failure = provider_pb2.CheckFailure(property=error.path, reason=str(error))
            return provider_pb2.CheckResponse(failures=[failure])
        return provider_pb2.CheckResponse(inputs=encode(inputs))

    @plain_errors
    def Diff(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:  # noqa: N802
        kind = self._kind(_type(request.urn))
        news = decode(request.news)
        found = differences(
            _stated(kind, decode(request.old_inputs), news),
            news,
            replaces=kind.replaces,
            unordered=kind.unordered,
            documents=kind.documents,
        )
        response = provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            hasDetailedDiff=True,
            deleteBeforeReplace=kind.delete_before_replace,
        )
        for difference in found:
            top = re.split(r"[.\[]", difference.path)[0]
            if top not in response.diffs:
                response.diffs.append(top)
            if difference.replaces and difference.path not in response.replaces:
                response.replaces.append(difference.path)
            response.detailedDiff[difference.path].kind = _DIFF[difference.change, difference.replaces]
            response.detailedDiff[difference.path].inputDiff = True
        return response

    @plain_errors
    def Create(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:  # noqa: N802
        kind = self._kind(_type(request.urn))
        inputs = decode(request.properties)
        if request.preview:
            left_out = {kind.autoname.property} if kind.autoname else set()
            unknown = resource_schema(kind.token).computed | ((kind.computed | left_out) - inputs.keys())
            properties = {**dict.fromkeys(unknown - {"urn"}, UNKNOWN), **inputs}
            if inputs.get("tags") is not None and "tagsAll" in properties:
                properties["tagsAll"] = inputs["tags"]
            return provider_pb2.CreateResponse(properties=encode(properties))
        call = self._call(kind, request, context, inputs=inputs)
        made = self._ask(call, lambda: kind.create(call))
        id_, state = made if isinstance(made, tuple) else (made, {})
        call = self._call(kind, request, context, inputs=call.inputs, id=id_, state=state)
        try:
            self._ask(call, lambda: kind.setup(call))
        except UserError as error:
            detail = provider_pb2.ErrorResourceInitFailed(
                id=id_, properties=encode(inputs), inputs=encode(inputs), reasons=[str(error)]
            )
            abort_with_detail(context, str(error), detail)
        return provider_pb2.CreateResponse(id=id_, properties=encode(self._outputs(kind, call)))

    @plain_errors
    def Read(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:  # noqa: N802
        kind = self._kind(_type(request.urn))
        old, state = decode(request.inputs), decode(request.properties)
        call = self._call(kind, request, context, id=request.id, inputs=old, old=old, state=state)
        live = self._live(kind, call)
        if live is None:
            return provider_pb2.ReadResponse()
        inputs = _live_inputs(kind, old, state, live)
        properties = {**state, **_as_stated(kind, inputs, live)}
        return provider_pb2.ReadResponse(id=request.id, properties=encode(properties), inputs=encode(inputs))

    @plain_errors
    def Update(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:  # noqa: N802
        kind = self._kind(_type(request.urn))
        inputs, state = decode(request.news), decode(request.olds)
        old = _stated(kind, decode(request.old_inputs), inputs)
        if request.preview:
            kept = {name: value for name, value in state.items() if name not in old or name in inputs}
            properties = {**kept, **inputs, **dict.fromkeys(kind.volatile, UNKNOWN)}
            if kind.retag:
                properties["tagsAll"] = inputs.get("tags", {})
            return provider_pb2.UpdateResponse(properties=encode(properties))
        call = self._call(kind, request, context, id=request.id, inputs=inputs, old=old, state=state)

        def change() -> None:
            kind.setup(call)
            before, after = old.get("tags", {}), inputs.get("tags", {})
            if kind.retag and before != after:
                kind.retag(call, sorted(before.keys() - after.keys()), after)

        self._ask(call, change)
        return provider_pb2.UpdateResponse(properties=encode(self._outputs(kind, call)))

    @plain_errors
    def Delete(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        kind = self._kind(_type(request.urn))
        inputs, state = decode(request.old_inputs), decode(request.properties)
        call = self._call(kind, request, context, id=request.id, inputs=inputs or state, old=inputs, state=state)

        def delete() -> None:
            try:
                kind.delete(call)
            except Exception as error:
                if not self.gone(error):
                    raise

        self._ask(call, delete)
        return empty_pb2.Empty()

    @plain_errors
    def Invoke(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:  # noqa: N802
        function = self.functions.get(request.tok)
        if function is None:
            raise UserError(f"the local stand-in for {self.package} does not know the function {request.tok}")
        arguments = {name: value for name, value in decode(request.args).items() if value is not None}
        known = function_arguments(request.tok)
        for name in arguments.keys() - known:
            raise UserError(unknown_name(request.tok, name, list(known), "argument"))
        try:
            result = function(self.session(context), arguments)
        except Exception as error:
            sentence = self.failure(error)
            if sentence is None:
                raise
            raise UserError(f"{request.tok}: {sentence}") from error
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(result))  # `return` is a word of Python's own
        return response

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _kind(self, token: str) -> Kind:
        kind = self.kinds.get(token)
        if kind is None:
            raise UserError(f"the local stand-in for {self.package} does not know the type {token}")
        return kind

    def _call(
        self, kind: Kind, request: Any, context: grpc.ServicerContext, *, inputs: Properties, **values: Any
    ) -> Call:
        urn = request.urn
        return Call(
            inputs=naming.named(kind, inputs, values.get("state", {})),
            session=self.session(context),
            urn=urn,
            name=urn.rsplit("::", 1)[-1],
            log=lambda m: self.log(m, urn),
            **values,
        )

    def _ask(self, call: Call, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except Exception as error:
            sentence = self.failure(error)
            if sentence is None:
                raise
            raise UserError(f"{_type(call.urn)} `{call.name}`: {sentence}") from error

    def _live(self, kind: Kind, call: Call) -> Properties | None:
        def read() -> Properties | None:
            try:
                return kind.read(call)
            except Exception as error:
                if self.gone(error):
                    return None
                raise

        live: Properties | None = self._ask(call, read)
        return None if live is None else {name: value for name, value in live.items() if value is not None}

    def _outputs(self, kind: Kind, call: Call) -> Properties:
        live = self._live(kind, call)
        if live is None:
            raise UserError(f"{kind.token} `{call.name}` ({call.id}) was created and is gone; run again")
        return _as_stated(kind, _live_inputs(kind, call.inputs, live, live), live)


def _type(urn: str) -> str:
    return urn.split("::")[2].split("$")[-1]


def _stated(kind: Kind, old: Properties, new: Properties) -> Properties:
    """The old inputs, less those that the program now leaves to the cloud: what the cloud has then stays."""
    return {name: value for name, value in old.items() if name in new or name not in kind.computed}


def _documents_as_text(kind: Kind, inputs: Properties) -> Properties:
    """Policy documents may be objects in the program; the cloud takes text."""
    result = dict(inputs)
    for name in kind.documents & inputs.keys():
        if isinstance(inputs[name], dict):
            result[name] = UNKNOWN if has_unknown(inputs[name]) else json.dumps(inputs[name])
    return result


def _live_inputs(kind: Kind, old: Properties, state: Properties, live: Properties) -> Properties:
    """The inputs that would give what lives in the cloud: the old ones, save where the cloud has drifted."""
    fields = resource_schema(kind.token).inputs
    inputs: Properties = {}
    for name, value in old.items():
        if name not in live:
            inputs[name] = value
            continue
        now = projected(value, live[name], fields.get(name), exact=name == "tags")
        same = equal(value, now, unordered=name in kind.unordered, document=name in kind.documents)
        inputs[name] = value if same or _same_sets(kind, name, value, now) else now
    # What only the cloud says is no input where it says nothing, nor a name that was made of a prefix.
    rule = kind.autoname
    made = {rule.property} if rule and rule.prefix_property in old else set()
    for name in fields.keys() & live.keys() - old.keys() - made:
        if live[name] != state.get(name) and live[name] not in ({}, [], ""):
            inputs[name] = live[name]
    return inputs


def _as_stated(kind: Kind, inputs: Properties, live: Properties) -> Properties:
    """The outputs: what lives, with documents and sets written the way that the inputs write them."""
    stated = {name: inputs[name] for name in (kind.documents | kind.unordered) & inputs.keys()}
    return {**inputs, **live, **stated}


def _same_sets(kind: Kind, name: str, old: Any, now: Any) -> bool:
    return isinstance(old, dict) and not differences(
        {name: old}, {name: now}, replaces=frozenset(), unordered=kind.unordered, documents=kind.documents
    )
