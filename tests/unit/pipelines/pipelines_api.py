"""The Pipelines API v2beta1 and the metadata store behind it, as Pipelines 2.16.0 behaves, with runs that move on.

As there (backend/src/apiserver): a run's tasks come without pods, inputs and outputs; a time that has not come is 1970;
a list is filtered, sorted and cut into pages; only a run that failed is retried, its finished steps kept.
"""

import json
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines.endpoint.messages import MESSAGE
from tests.unit.pipelines import contract

NEVER = "1970-01-01T00:00:00Z"
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
FINAL = ("SUCCEEDED", "FAILED", "CANCELED")
Json = dict[str, Any]


class RefusalError(Exception):
    """An answer that is no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class PipelinesApi:
    """What is there, by kind and id; `clock` tells when, a second later at every look."""

    def __init__(self) -> None:
        self.experiments: dict[str, Json] = {}
        self.runs: dict[str, Json] = {}
        self.schedules: dict[str, Json] = {}
        self.pipelines: dict[str, Json] = {}
        self.versions: dict[str, Json] = {}
        self.failing_step: str | None = None
        self.metrics: dict[str, float] = {"R2": 0.5}
        self.executed: list[Any] = []
        self.events: list[Any] = []
        self.artifacts: list[Any] = []
        self._ticks = 0

    def clock(self) -> str:
        """The time, a second later than before."""
        self._ticks += 1
        return (START + timedelta(seconds=self._ticks)).isoformat().replace("+00:00", "Z")

    def route(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Json:
        """The answer to a request; RefusalError when it is no."""
        operation = contract.find(method, f"/apis/v2beta1{path}")
        if operation is None:
            raise RefusalError(404, f"{method} {path} is not served")
        if unknown := set(query) - operation.query:
            raise RefusalError(400, f"unknown parameter {', '.join(sorted(unknown))}")
        given: Json = {}
        if operation.body and body:
            given = json.loads(body)
            # An int64 is a string in the API's JSON, and it takes a number for one, which kfp.Client sends.
            given |= {"max_concurrency": str(given["max_concurrency"])} if "max_concurrency" in given else {}
            if wrong := contract.problems(operation.body, given):
                raise RefusalError(400, "; ".join(wrong))
        answer = self._answer(method, path, query, given, body)
        wrong = contract.problems(operation.answer, answer)
        assert not wrong, f"{method} {path} answers what the API does not: {wrong}"
        return answer

    def _answer(self, method: str, path: str, query: Mapping[str, str], given: Json, body: bytes) -> Json:
        name, _, act = path.rpartition(":") if ":" in path else (path, "", "")
        match method, [*name.strip("/").split("/"), *filter(None, [act])]:
            case "GET", ["healthz"]:
                return {"multi_user": True}
            case "GET", ["experiments"]:
                return self._listed("experiments", self.experiments, query)
            case "POST", ["experiments"]:
                return self._make(self.experiments, "experiment", given)
            case "GET", ["experiments", one]:
                return self._one(self.experiments, one)
            case "GET", ["runs"]:
                return self._listed("runs", self.runs, query)
            case "POST", ["runs"]:
                made = self._runnable(given) | {"state": "PENDING", "storage_state": "AVAILABLE"}
                made |= {"finished_at": NEVER, "scheduled_at": NEVER, "run_details": {"task_details": []}}
                return self._make(self.runs, "run", made)
            case "GET", ["runs", one]:
                found = self._one(self.runs, one)
                self._advance(found)
                return found
            case "POST", ["runs", one, "retry"]:
                return self._retry(self._one(self.runs, one))
            case "POST", ["runs", one, "terminate"]:
                self._one(self.runs, one)["state"] = "CANCELING"
                return {}
            case "POST", ["runs", one, "archive"]:
                self._one(self.runs, one)["storage_state"] = "ARCHIVED"
                return {}
            case "GET", ["recurringruns"]:
                return self._listed("recurringRuns", self.schedules, query)
            case "POST", ["recurringruns"]:
                made = self._runnable(given) | {"status": "ENABLED", "updated_at": self.clock()}
                return self._make(self.schedules, "recurring_run", made)
            case "POST", ["recurringruns", one, ("enable" | "disable") as wanted]:
                self._one(self.schedules, one)["status"] = f"{wanted}d".upper()
                return {}
            case "GET", ["recurringruns", one]:
                return self._one(self.schedules, one)
            case "DELETE", ["recurringruns", one]:
                self._one(self.schedules, one)
                del self.schedules[one]
                return {}
            case "GET", ["pipelines"]:
                return self._listed("pipelines", self.pipelines, query)
            case "POST", ["pipelines"]:
                return self._make(self.pipelines, "pipeline", given)
            case "POST", ["pipelines", "upload_version"]:
                return self._upload(query, body)
            case "GET", ["pipelines", one, "versions"]:
                self._one(self.pipelines, one)
                of_one = {key: each for key, each in self.versions.items() if each["pipeline_id"] == one}
                return self._listed("pipeline_versions", of_one, query)
            case "GET", ["pipelines", _, "versions", one]:
                return self._one(self.versions, one)
            case _:
                raise RefusalError(501, f"{method} {path} is not played")

    def _upload(self, query: Mapping[str, str], body: bytes) -> Json:
        content = body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
        documents = list(yaml.safe_load_all(content))
        spec = (
            documents[0]
            if len(documents) == 1
            else dict(zip(("pipeline_spec", "platform_spec"), documents, strict=True))
        )
        self._check(spec)
        if any(
            (one["pipeline_id"], one["name"]) == (query["pipelineid"], query["name"]) for one in self.versions.values()
        ):
            raise RefusalError(409, "Failed to create a pipeline version")
        made = {"pipeline_id": query["pipelineid"], "name": query["name"], "pipeline_spec": spec}
        return self._make(
            self.versions, "pipeline_version", made | {"display_name": query.get("display_name", query["name"])}
        )

    def _one(self, where: dict[str, Json], identifier: str) -> Json:
        if identifier not in where:
            raise RefusalError(404, f"{identifier} not found")
        return where[identifier]

    def _make(self, where: dict[str, Json], kind: str, body: Json) -> Json:
        identifier = f"{kind.replace('_', '-')}-{len(where) + 1}"
        where[identifier] = body | {f"{kind}_id": identifier, "created_at": self.clock()}
        return where[identifier]

    def _listed(self, key: str, where: Mapping[str, Json], query: Mapping[str, str]) -> Json:
        tests: Mapping[str, Callable[[Any, str], bool]] = {
            "EQUALS": lambda has, wanted: has == wanted,
            "NOT_EQUALS": lambda has, wanted: has != wanted,
            "IS_SUBSTRING": lambda has, wanted: wanted in has,
        }
        sent = json.loads(query["filter"])["predicates"] if query.get("filter") else []
        # The API's JSON takes an enum's number for its name, and lowerCamelCase for a field; kfp.Client sends both.
        predicates = [
            {
                "operation": {1: "EQUALS", 2: "NOT_EQUALS"}.get(one["operation"], one["operation"]),
                "key": one["key"],
                "string_value": one.get("string_value", one.get("stringValue")),
            }
            for one in sent
        ]
        found = [
            one
            for one in where.values()
            if all(tests[each["operation"]](one.get(each["key"]), each["string_value"]) for each in predicates)
        ]
        field, _, order = query.get("sort_by", "").partition(" ")
        if field:
            found.sort(key=lambda one: str(one[field]), reverse=order == "desc")
        first, size = int(query.get("page_token") or 0), int(query.get("page_size") or 20)
        page = {key: found[first : first + size], "total_size": len(found)} if found else {}
        return page | ({"next_page_token": str(first + size)} if len(found) > first + size else {})

    def _runnable(self, body: Json) -> Json:
        if body.get("experiment_id") not in self.experiments:
            raise RefusalError(400, "unknown experiment")
        spec = self._check(body["pipeline_spec"])
        given, declared = body["runtime_config"].get("parameters", {}), spec.root.input_definitions.parameters
        missing = [name for name, about in declared.items() if not about.is_optional and name not in given]
        if missing or set(given) - set(declared):
            raise RefusalError(400, f"parameters do not fit: {missing} are missing of {sorted(declared)}")
        return body

    def _check(self, body: Json) -> Any:
        if "platform_spec" in body:
            json_format.ParseDict(body["platform_spec"], pipeline_spec_pb2.PlatformSpec())
        spec = json_format.ParseDict(body.get("pipeline_spec", body), pipeline_spec_pb2.PipelineSpec())
        if spec.schema_version != "2.1.0":
            raise RefusalError(400, f"KFP only supports schema version 2.1.0, not {spec.schema_version}")
        return spec

    def _advance(self, run: Json) -> None:
        """Let one more step of a run happen."""
        if run["state"] in FINAL:
            return
        if run["state"] == "CANCELING":
            run |= {"state": "CANCELED", "finished_at": self.clock()}
            return
        spec = run["pipeline_spec"].get("pipeline_spec", run["pipeline_spec"])
        tasks = spec["root"]["dag"]["tasks"]
        details: list[Json] = run["run_details"]["task_details"]
        done = {detail["display_name"] for detail in details if detail["state"] == "SUCCEEDED"}
        running = [detail for detail in details if detail["state"] == "RUNNING" and detail["display_name"] in tasks]
        run["state"] = "RUNNING"
        if running:
            name = running[0]["display_name"]
            failed = name == self.failing_step
            running[0] |= {"state": "FAILED" if failed else "SUCCEEDED", "end_time": self.clock()}
            component = spec["components"][tasks[name]["componentRef"]["name"]]
            self._executed(run["run_id"], name, tasks[name], component, failed)
            if failed:
                details.append({"display_name": "executor", "state": "FAILED", "task_id": ""})
                run["state"] = "FAILED"
            elif len(done & set(tasks)) + 1 == len(tasks):
                run["state"] = "SUCCEEDED"
            if run["state"] in FINAL:
                run["finished_at"] = self.clock()
            return
        for name in sorted(tasks):
            if name not in done and set(tasks[name].get("dependentTasks", [])) <= done:
                times = {"create_time": self.clock(), "start_time": self.clock(), "end_time": NEVER}
                details += [
                    {"display_name": f"{name}-driver", "state": "SUCCEEDED"},
                    {"display_name": name, "state": "RUNNING", "child_tasks": [{"pod_name": f"{name}-1"}], **times},
                ]
                return

    def _retry(self, run: Json) -> Json:
        if run["state"] not in ("FAILED", "CANCELED"):
            raise RefusalError(500, "workflow must be Failed/Error to retry")
        details = run["run_details"]["task_details"]
        run["run_details"]["task_details"] = [one for one in details if one["state"] == "SUCCEEDED"]
        run |= {"state": "RUNNING", "finished_at": NEVER}
        return {}

    def _executed(self, run_id: str, step: str, task: Json, component: Json, failed: bool) -> None:
        """Write into the metadata store what driver and launcher write of a step."""
        number = len(self.executed) + 1
        one = MESSAGE["Execution"](id=number, type="system.ContainerExecution", last_known_state=4 if failed else 3)
        one.create_time_since_epoch, one.last_update_time_since_epoch = 1000 * number, 1000 * number + 2500
        for key, text in {"task_name": step, "display_name": step, "pod_name": f"pod-of-{step}"}.items():
            one.custom_properties.add(key=key).value.string_value = text
        constants = {
            name: given["runtimeValue"]["constant"]
            for name, given in task.get("inputs", {}).get("parameters", {}).items()
            if "runtimeValue" in given
        }
        one.custom_properties.add(key="inputs").value.struct_value.update(constants)
        one.custom_properties.add(key="run").value.string_value = run_id
        self.executed.append(one)
        for name, given in task.get("inputs", {}).get("artifacts", {}).items():
            producer = given["taskOutputArtifact"]
            wanted = f"{run_id}/{producer['producerTask']}/{producer['outputArtifactKey']}"
            self._event(next(each.id for each in self.artifacts if each.uri.endswith(wanted)), number, name, 3)
        made = component.get("outputDefinitions", {}).get("artifacts", {}) if not failed else {}
        for name, about in made.items():
            self._made(f"s3://bucket/{run_id}/{step}/{name}", about["artifactType"]["schemaTitle"], number)

    def _made(self, uri: str, kind: str, execution: int) -> None:
        one = MESSAGE["Artifact"](id=len(self.artifacts) + 1, uri=uri, type=kind)
        name = uri.rpartition("/")[2]
        one.custom_properties.add(key="display_name").value.string_value = name
        if kind == "system.Metrics":
            for key, value in self.metrics.items():
                one.custom_properties.add(key=key).value.double_value = value
        self.artifacts.append(one)
        self._event(one.id, execution, name, 4)

    def _event(self, artifact: int, execution: int, name: str, kind: int) -> None:
        event = MESSAGE["Event"](artifact_id=artifact, execution_id=execution, type=kind)
        event.path.steps.add(key=name)
        self.events.append(event)


class MetadataStore:
    """ML Metadata over gRPC-web, of what the API's runs have done."""

    def __init__(self, api: PipelinesApi) -> None:
        self._api = api

    def answer(self, method: str, framed: bytes) -> bytes:
        """The frames that answer a request's one frame: a message, and trailers with the status."""
        kind, length = struct.unpack(">BI", framed[:5])
        assert kind == 0
        assert length == len(framed) - 5
        request = MESSAGE[f"{method}Request"].FromString(framed[5:])
        found = self._find(method, request)
        status = "0" if found is not None else "5"
        trailers = f"grpc-status:{status}\r\n".encode()
        message = b"" if found is None else found.SerializeToString()
        body = b"" if found is None else struct.pack(">BI", 0, len(message)) + message
        return body + struct.pack(">BI", 0x80, len(trailers)) + trailers

    def _find(self, method: str, request: Any) -> Any:
        api, answer = self._api, MESSAGE[f"{method}Response"]()
        match method:
            case "GetContextByTypeAndName":
                if request.context_name not in api.runs:
                    return None
                answer.context.id = list(api.runs).index(request.context_name) + 1
            case "GetExecutionsByContext":
                run_id = list(api.runs)[request.context_id - 1]
                # The whole pipeline is an execution, too.
                answer.executions.add(id=10_000, type="system.DAGExecution", last_known_state=2)
                answer.executions.extend(one for one in api.executed if _run_of(one) == run_id)
            case "GetEventsByExecutionIDs":
                answer.events.extend(one for one in api.events if one.execution_id in request.execution_ids)
            case "GetEventsByArtifactIDs":
                answer.events.extend(one for one in api.events if one.artifact_id in request.artifact_ids)
            case "GetArtifactsByID":
                answer.artifacts.extend(one for one in api.artifacts if one.id in request.artifact_ids)
            case "GetExecutionsByID":
                answer.executions.extend(one for one in api.executed if one.id in request.execution_ids)
        return answer


def _run_of(execution: Any) -> str:
    return next(str(one.value.string_value) for one in execution.custom_properties if one.key == "run")
