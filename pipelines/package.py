"""A compiled pipeline: its specification (`pipeline_spec`, schema 2.1) and what Kubernetes is asked for beside it."""

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from ordering.errors import UserError

Spec = dict[str, Any]

# The only one that Pipelines takes (NewV2SpecTemplate in backend/src/apiserver/template/v2_template.go of 2.16.0).
SCHEMA = "2.1.0"


class _Loader(yaml.CSafeLoader):
    """Takes 1e-05 for a number, as Pipelines does (resolve.go of yaml.v3 3.0.1): PyYAML reads YAML 1.1, where a number
    has a dot. Digits with a 0 before them stay the text that PyYAML writes so."""


class _Dumper(yaml.SafeDumper):
    """Quotes every text that begins as a number does, which Pipelines could take for one."""


_FLOAT, _FIRST = "tag:yaml.org,2002:float", list("-+.0123456789")
_Loader.add_implicit_resolver(_FLOAT, re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d{1,3}$"), _FIRST)
_Dumper.add_implicit_resolver(_FLOAT, re.compile(r"[-+]?\.?\d"), _FIRST)


@dataclass(frozen=True, kw_only=True)
class Package:
    """A compiled pipeline; `platform` is None where no step asks anything of Kubernetes."""

    pipeline: Spec
    platform: Spec | None = None

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return str(self.pipeline["pipelineInfo"]["name"])

    def body(self) -> Spec:
        """What the Pipelines API takes as `pipeline_spec`."""
        if self.platform is None:
            return self.pipeline
        return {"pipeline_spec": self.pipeline, "platform_spec": self.platform}

    def yaml(self) -> str:
        """What the dashboard, kfp and `upload` take: one document, or two with the platform's."""
        return yaml.dump_all([self.pipeline, *filter(None, [self.platform])], Dumper=_Dumper, sort_keys=True)


def load(text: str, source: str, loader: type[yaml.CSafeLoader] = _Loader) -> Package:
    """The pipeline in a compiled file, JSON or the loader's YAML, of whichever SDK; UserError says why it is none that
    runs.

    TFX writes a job, which holds the specification beside values for the pipeline's parameters: they become defaults.
    """
    try:
        documents = _documents(text, loader)
    except yaml.YAMLError as error:
        raise UserError(f"{source!r} is not YAML: {' '.join(str(error).split())}.") from None
    if not documents or not isinstance(documents[0], dict):
        raise UserError(f"{source!r} holds no pipeline; name a file that kfp or another SDK has compiled.")
    first = documents[0]
    if str(first.get("apiVersion", "")).startswith("argoproj.io/"):
        raise UserError(f"{source!r} is a {first.get('kind')} of Argo, as SDK 1 compiles it; compile it with kfp 2.")
    values: Mapping[str, Any] = {}
    if "pipelineSpec" in first:
        runtime = first.get("runtimeConfig") or {}
        values = runtime.get("parameterValues") or {}
        first = first["pipelineSpec"]
    if "pipelineInfo" not in first or "root" not in first:
        raise UserError(f"{source!r} holds no pipeline; name a file that kfp or another SDK has compiled.")
    if first.get("schemaVersion") != SCHEMA:
        raise UserError(
            f"{source!r} has schema version {first.get('schemaVersion')}, and Pipelines takes {SCHEMA} only; "
            "compile it with an SDK of that version."
        )
    _check(first, pipeline_spec_pb2.PipelineSpec(), source)
    for name, value in values.items():
        if name in (declared := first["root"].get("inputDefinitions", {}).get("parameters", {})):
            declared[name] |= {"defaultValue": value, "isOptional": True}
    platform = documents[1] if len(documents) > 1 else None
    if platform is not None:
        _check(platform, pipeline_spec_pb2.PlatformSpec(), source)
    return Package(pipeline=first, platform=platform)


def _documents(text: str, loader: type[yaml.CSafeLoader]) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        return [found for found in yaml.load_all(text, Loader=loader) if found is not None]


def _check(document: Any, message: Any, source: str) -> None:
    try:
        json_format.ParseDict(document, message)
    except json_format.ParseError as error:
        raise UserError(f"{source!r} is no pipeline that can be read: {' '.join(str(error).split())}.") from None


def pipeline_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The specification in what the API gives back: alone, or beside a platform's."""
    found: Mapping[str, Any] = body.get("pipeline_spec") or body
    return found


def parameters(spec: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The parameters that the pipeline declares, by name."""
    found: Mapping[str, Mapping[str, Any]] = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    return found


def defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The values of parameters that have one, by name; whole numbers as such, which the specification does not keep."""
    return {
        name: int(about["defaultValue"]) if about.get("parameterType") == "NUMBER_INTEGER" else about["defaultValue"]
        for name, about in parameters(spec).items()
        if "defaultValue" in about
    }


def steps(spec: Mapping[str, Any]) -> list[str]:
    """The names of the pipeline's steps, each after the ones that it needs, those of groups where the group stands.

    None where the API left them out.
    """
    return list(dict.fromkeys(_steps(spec, spec.get("root", {}))))


def _steps(spec: Mapping[str, Any], group: Mapping[str, Any]) -> Iterator[str]:
    waiting = dict(group.get("dag", {}).get("tasks", {}))
    while waiting:
        ready = sorted(
            name for name, task in waiting.items() if not set(task.get("dependentTasks", ())) & waiting.keys()
        )
        for name in ready or sorted(waiting):  # a cycle is the API's to refuse
            component = spec["components"][waiting.pop(name)["componentRef"]["name"]]
            yield from _steps(spec, component) if "dag" in component else [name]


def tasks(spec: Mapping[str, Any]) -> Iterator[tuple[str, Spec]]:
    """Every task by its name, also those in groups: loops, conditions, pipelines in a pipeline."""
    dags: Iterable[Mapping[str, Any]] = [spec["root"], *spec.get("components", {}).values()]
    for component in dags:
        yield from component.get("dag", {}).get("tasks", {}).items()


def unique_name(package: Package) -> str:
    """A name that no other run has: by it a run is found again whose creation was not answered."""
    return f"{package.name}-{uuid.uuid4().hex[:8]}"
