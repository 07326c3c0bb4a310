"""What others have in a cluster: webhooks that would be asked about a release's objects, and whether they answer."""

from collections.abc import Iterable, Iterator, Sequence

from ordering.errors import UserError
from ordering.graph.ids import id_of
from ordering.graph.index import Platform
from ordering.graph.webhooks import Webhook, Webhooks, pod_request
from ordering.manifests.objects import Manifest

_PULUMI = "pulumi-kubernetes"
"""What the field managers of Pulumi's Kubernetes provider begin with: it names one for each object."""


def by_pulumi(manifest: Manifest) -> bool:
    """Whether a run of Pulumi wrote an object: this stack's, as likely as not, and no stranger's."""
    fields = (manifest.get("metadata") or {}).get("managedFields") or ()
    return any(str(one.get("manager", "")).startswith(_PULUMI) for one in fields)


def intercepting(
    theirs: Sequence[Manifest], objects: Sequence[Manifest], namespaces: Iterable[Manifest]
) -> Iterator[tuple[Webhook, list[str]]]:
    """The webhooks of others that would be asked about objects, with what they are asked about.

    Those with failurePolicy Ignore stop nothing, and what the selectors leave open is taken to match.
    """
    own = {(one["kind"], one["metadata"]["name"]) for one in objects if not one["metadata"].get("namespace")}
    strangers = [_bare(one) for one in theirs if (one["kind"], one["metadata"]["name"]) not in own]
    if not strangers:
        return
    there = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": _identity(one)}
        for one in namespaces
        if ("Namespace", one["metadata"]["name"]) not in own
    ]
    try:
        platform = Platform([*objects, *strangers, *there])
        webhooks = Webhooks(platform, {})
    except UserError:  # a configuration that this reader does not know; the API server took it
        return
    names = {(one["kind"], one["metadata"]["name"]) for one in strangers}
    asked: dict[tuple[str, int], tuple[Webhook, list[str]]] = {}
    requests = [(id_.title, webhooks.request(id_)) for id_ in map(id_of, objects)]
    requests += [
        (f"the pods of {one.id.title}", pod_request(one.namespace, one.labels)) for one in platform.workloads.values()
    ]
    for told, request in requests:
        for webhook, _ in webhooks.intercepting(request) if request else ():
            if (webhook.configuration.kind, webhook.configuration.name) in names:
                key = (str(webhook.configuration), webhook.index)
                asked.setdefault(key, (webhook, []))[1].append(told)
    yield from asked.values()


def is_answered(service: tuple[str, str], slices: Iterable[Manifest]) -> bool:
    """Whether any endpoint behind a Service is ready."""
    return any(
        (endpoint.get("conditions") or {}).get("ready") is not False
        for one in slices
        if (one["metadata"].get("namespace"), _service(one)) == service
        for endpoint in one.get("endpoints") or ()
    )


def _service(endpoint_slice: Manifest) -> str:
    return str((endpoint_slice["metadata"].get("labels") or {}).get("kubernetes.io/service-name", ""))


def _bare(manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": _identity(manifest)}


def _identity(manifest: Manifest) -> Manifest:
    return {key: manifest["metadata"][key] for key in ("name", "labels") if manifest["metadata"].get(key)}
