"""A stack's cluster, by its API: what `drain` and `identify` ask of it."""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from kubernetes import client, config, dynamic, stream  # type: ignore[import-untyped]
from kubernetes.dynamic import exceptions  # type: ignore[import-untyped]
from kubernetes.dynamic.resource import ResourceList  # type: ignore[import-untyped]
from kubernetes.stream import ws_client  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError
from websocket import WebSocketException

from infra.api import client_of
from infra.scratch import lasting
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

_TIMEOUT_S = 30
_SILENT_S = 300
_MANAGER = "kubeflow-on-pulumi"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_NUMBERS = count()


class RefusedError(UserError):
    """The cluster answers, and does not do what it was asked: its caller may not, or the request is wrong."""


class ClusterApi:
    """Objects of any kind as plain manifests. What the server refuses raises RefusedError."""

    def __init__(self, dynamic_client: Any) -> None:
        self._client = dynamic_client

    def metadata(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> list[Manifest]:
        """The metadata of a kind's objects, those in a namespace, or with labels, as a selector of the API has them.

        There is none of a kind that is not served.

        The server leaves the rest out: a release's definitions alone have megabytes.
        """
        resource = self._resource(api_version, kind)
        if resource is None:
            return []
        chosen = {"namespace": namespace or None, "label_selector": labels or None}
        answer = self._ask(resource.get, **chosen, header_params={"Accept": _METADATA})
        return [] if answer is None else list(answer.to_dict()["items"])

    def namespaced_kinds(self) -> list[tuple[str, str]]:
        """The apiVersion and kind of all that can be listed in a namespace, in the versions that the server prefers."""
        found = (one for one in self._client.resources.search(preferred=True) if not isinstance(one, ResourceList))
        kinds = (one for one in found if one.namespaced and "list" in one.verbs)
        return sorted({(str(one.group_version), str(one.kind)) for one in kinds})

    def kinds(self) -> dict[tuple[str, str], tuple[str, str]]:
        """By group and resource, in lower case and plural, the apiVersion and kind of all that can be listed."""
        found = (one for one in self._client.resources.search(preferred=True) if not isinstance(one, ResourceList))
        return {(one.group or "", one.name): (one.group_version, one.kind) for one in found if "list" in one.verbs}

    def list(self, api_version: str, kind: str, name: str = "") -> list[Manifest]:
        """All objects of a kind, or those of a name, in all namespaces; none of a kind that is not served."""
        resource = self._resource(api_version, kind)
        if resource is None:
            return []
        chosen = f"metadata.name={name}" if name else None
        # A kind whose definition has gone since this asked what is served is not found.
        answer = self._ask(resource.get, field_selector=chosen)
        items: list[Manifest] = [] if answer is None else answer.to_dict()["items"]
        # A list's items carry neither.
        return [{**item, "apiVersion": api_version, "kind": kind} for item in items]

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        """One object, or None."""
        resource = self._resource(api_version, kind)
        found = self._ask(resource.get, name=name, namespace=_namespace(resource, namespace)) if resource else None
        return None if found is None else dict(found.to_dict())

    def delete(self, manifest: Manifest) -> None:
        """Delete an object and, in the background, what it owns."""
        self._on(manifest, "delete", body={"propagationPolicy": "Background"})

    def touch(self, manifest: Manifest) -> None:
        """Have the server store an object again, as it is."""
        try:
            self.patch(manifest, {})
        except UserError as error:
            raise UserError(f"{title(manifest)} cannot be stored again. {error}") from None

    def patch(self, manifest: Manifest, change: Manifest | Sequence[Manifest], *, status: bool = False) -> None:
        """Change an object, or its status, by a merge patch or by the operations of a JSON patch."""
        form = "merge-patch" if isinstance(change, dict) else "json-patch"
        self._on(manifest, "patch", status=status, body=change, content_type=f"application/{form}+json")

    def warned(self, manifest: Manifest, change: Manifest) -> bool:
        """Whether the server warns of a merge patch, of which it makes a dry run."""
        metadata, resource = manifest["metadata"], self._resource(manifest["apiVersion"], manifest["kind"])
        form = {"content_type": "application/merge-patch+json", "dry_run": "All", "serialize": False}
        where = {"name": metadata["name"], "namespace": _namespace(resource, metadata.get("namespace"))}
        answer = self._ask(resource.patch, body=change, **where, **form) if resource else None
        return answer is not None and "Warning" in answer.headers

    def apply(self, manifest: Manifest) -> None:
        """Make an object as it is given, or change it to that."""
        self._apply(manifest, manager=_MANAGER)

    def dry_run(self, manifest: Manifest) -> None:
        """Let the server judge an apply that changes nothing; UserError with what it refuses."""
        self._apply(manifest, manager=_MANAGER, dry_run="All")

    def judged(self, manifest: Manifest) -> None:
        """Let the server and its webhooks judge an object as it is; UserError with what they refuse."""
        self._on(manifest, "patch", body={}, content_type="application/merge-patch+json", dry_run="All")

    def create(self, manifest: Manifest) -> None:
        """Make an object; UserError where it is there, or is refused."""
        self._on(manifest, "create", body=manifest)

    def release(self, manifest: Manifest, manager: str) -> bool:
        """Take from a field manager all that it owns of an object: what nobody else owns goes. Says if anything went.

        What it wrote by other means than apply becomes an apply of its own, of which nothing is then left (Kubernetes'
        "Server-Side Apply", "Transferring ownership").
        """
        metadata = manifest["metadata"]
        live = self.get(manifest["apiVersion"], manifest["kind"], metadata.get("namespace") or "", metadata["name"])
        entries = (live or {}).get("metadata", {}).get("managedFields") or ()
        owned = [index for index, one in enumerate(entries) if one["manager"] == manager and not one.get("subresource")]
        if live is None or not owned:
            return False
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}
        marks = [
            {"op": "replace", "path": f"/metadata/managedFields/{index}/operation", "value": "Apply"} for index in owned
        ]
        self.patch(manifest, [version, *marks])
        names = {key: metadata[key] for key in ("name", "namespace") if metadata.get(key)}
        bare = {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": names}
        answer = self._apply(bare, manager=manager)
        return answer is not None and _content(answer.to_dict()) != _content(live)

    def _apply(self, manifest: Manifest, *, manager: str, **arguments: Any) -> Any:
        arguments |= {"body": manifest, "field_manager": manager, "force_conflicts": True}
        return self._on(manifest, "server_side_apply", **arguments)

    def drop_finalizers(self, manifest: Manifest) -> None:
        """Let an object go that is being deleted, whatever somebody had to do before."""
        self.patch(manifest, {"metadata": {"finalizers": None}})

    def set_webhooks(self, manifest: Manifest, webhooks: Sequence[Any]) -> None:
        """Let a webhook configuration have these webhooks, unless it has changed since it was read."""
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": manifest["metadata"]["resourceVersion"]}
        body = [version, {"op": "replace", "path": "/webhooks", "value": list(webhooks)}]
        self._on(manifest, "patch", body=body, content_type="application/json-patch+json")

    def annotate(self, manifest: Manifest, annotations: dict[str, str]) -> None:
        """Set these annotations of an object, and leave the others."""
        patch = {"metadata": {"annotations": annotations}}
        self._on(manifest, "patch", body=patch, content_type="application/merge-patch+json", field_manager=_MANAGER)

    def execute(self, pod: Manifest, container: str, script: str, given: str) -> str:
        """Run a shell's script in a pod's container, with a line on its standard input; returns all that it prints."""
        with self._shell(pod, container, script, piecewise=False, reads=True) as channel:
            channel.write_stdin(f"{given}\n")
            channel.run_forever(timeout=_TIMEOUT_S)
            return str(channel.read_all())

    def output(self, pod: Manifest, container: str, script: str, given: str | None = None) -> Iterator[bytes]:
        """What a shell's script in a pod's container prints, piece by piece; UserError where it fails.

        `given` is a line on its standard input, if it has one.

        However long it takes, as long as it prints something every few minutes.
        """
        said = b""
        with self._shell(pod, container, script, piecewise=True, reads=given is not None) as channel:
            if given is not None:
                channel.write_stdin(f"{given}\n")
            heard = time.monotonic()
            while channel.is_open():
                channel.update(timeout=_SILENT_S)
                if error := channel.peek_stderr() and channel.read_stderr():
                    said += error
                if piece := channel.peek_stdout() and channel.read_stdout():
                    yield piece
                if error or piece:
                    heard = time.monotonic()
                elif time.monotonic() - heard > _SILENT_S:
                    raise UserError(f"It has said nothing for {_SILENT_S} s.")
            try:
                failed = channel.returncode
            except (KeyError, TypeError):
                raise UserError("The connection to it ended before it did.") from None
        if failed:
            told = " ".join(said.decode(errors="replace").split())[-300:]
            raise UserError(f"It ended with {failed}: {told or 'it says nothing'}")

    def scale_down(self, manifest: Manifest) -> None:
        """Let a workload have no pods."""
        self.patch(manifest, {"spec": {"replicas": 0}})

    @contextmanager
    def _shell(self, pod: Manifest, container: str, script: str, *, piecewise: bool, reads: bool) -> Iterator[Any]:
        """The streams of a shell's script in a pod's container; UserError for what the cluster refuses.

        It has an input if it `reads`. All that it prints is kept as text or, piece by piece, nothing of it:
        the client (kubernetes 30.1, stream/ws_client.py) would decode each frame by itself, wherever that cuts a
        character.
        """
        # The stream changes its client for as long as it is opened, so it gets one of its own.
        core = client.CoreV1Api(client.ApiClient(self._client.client.configuration))
        about = pod["metadata"]
        try:
            # `stream.stream`, which knows of one of the two.
            channel = stream.stream.func(
                partial(ws_client.websocket_call, capture_all=not piecewise),
                None,
                core.connect_get_namespaced_pod_exec,
                about["name"],
                about["namespace"],
                container=container,
                command=["sh", "-c", script],
                stdin=reads,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
                binary=piecewise,
            )
            with closing(channel):
                yield channel
        except client.ApiException as error:
            raise UserError(f"The cluster refuses: {error.reason}") from None
        except WebSocketException as error:
            raise UserError(f"The connection to it broke off ({error})") from None

    def _on(self, manifest: Manifest, verb: str, *, status: bool = False, **arguments: Any) -> Any:
        metadata = manifest["metadata"]
        named = {} if verb == "create" else {"name": metadata["name"]}
        resource = self._resource(manifest["apiVersion"], manifest["kind"])
        if resource is not None and status:
            resource = resource.subresources["status"]
        if resource is None:
            return None
        where = _namespace(resource, metadata.get("namespace"))
        return self._ask(getattr(resource, verb), namespace=where, **named, **arguments)

    def _resource(self, api_version: str, kind: str) -> Any:
        try:
            return self._client.resources.get(api_version=api_version, kind=kind)
        except (exceptions.ResourceNotFoundError, exceptions.NotFoundError):
            return None

    def _ask(self, call: Any, **arguments: Any) -> Any:
        try:
            return call(_request_timeout=_TIMEOUT_S, **arguments)
        except exceptions.NotFoundError:
            return None
        except exceptions.DynamicApiError as error:
            raise RefusedError(f"The cluster refuses: {error.summary()}") from None


def _content(live: Manifest) -> Manifest:
    """What a person wrote into an object: nothing of what the server counts and controllers report."""
    about = {key: live["metadata"].get(key) for key in ("labels", "annotations", "finalizers", "ownerReferences")}
    return {key: value for key, value in live.items() if key != "status"} | {"metadata": about}


def _namespace(resource: Any, given: str | None) -> str | None:
    """Where an object of a kind is: a manifest that names no namespace is in `default`, where the engine puts it."""
    return given or ("default" if resource.namespaced else None)


@dataclass(frozen=True)
class Access:
    """A kubeconfig's content, or None for kubectl's own file, and a context in it, or None for the current one."""

    kubeconfig: str | None
    context: str | None


def access_of(state: Iterable[Mapping[str, Any]]) -> Access | None:
    """How a stack reaches its cluster, from its state with secrets in plain text; None where it has none yet."""
    providers = [one for one in state if one.get("type") == "pulumi:providers:kubernetes" and not one.get("delete")]
    if not providers:
        return None
    inputs = providers[-1].get("inputs") or {}
    kubeconfig, context = (_plain(inputs.get(name)) for name in ("kubeconfig", "context"))
    return Access(kubeconfig=kubeconfig, context=context)


def _plain(value: Any) -> str | None:
    """A text of the state; what is a secret is there as JSON."""
    text: str | None = json.loads(value["plaintext"]) if isinstance(value, Mapping) else value
    return text


@contextmanager
def connected(access: Access) -> Iterator[ClusterApi]:
    """A cluster, for the length of the block. Raises OSError when it does not answer."""
    with answering():
        yield api_of(access)


@contextmanager
def answering() -> Iterator[None]:
    """OSError where a cluster stops answering in the block."""
    try:
        yield
    except (HTTPError, config.ConfigException, client.ApiException) as error:
        raise OSError(str(error)) from None


def api_of(access: Access) -> ClusterApi:
    """A client of a cluster, which asks it what it serves; to be made and used where it may not answer."""
    # It warns of every retry, and the caller says what comes of them.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    if access.kubeconfig is None:
        api = config.new_client_from_config(context=access.context)
    else:
        api = client_of(access.kubeconfig, access.context)
    # By default it keeps what a server offers in a file by its address, and a local plane's may come again.
    offers = lasting() / f"offers-{next(_NUMBERS)}.json"
    return ClusterApi(dynamic.DynamicClient(api, cache_file=str(offers)))
