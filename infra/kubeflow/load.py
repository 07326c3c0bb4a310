"""A release as it will be sent: where its manifests are, its objects, and their order."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from infra.kubeflow.credentials import Credentials, assert_none_left, replace
from infra.kubeflow.database import ManagedDatabase, use_database
from infra.kubeflow.login import Login, use_login
from infra.kubeflow.parts import choose
from infra.kubeflow.profiles import use_roles
from infra.kubeflow.readers import with_checksums
from infra.kubeflow.release import Release, resolve
from infra.kubeflow.s3 import ArtifactStore, use_bucket
from infra.kubeflow.served import check_served
from infra.kubeflow.slim import slim
from infra.kubeflow.tokens import TokenIssuer, accept_tokens
from infra.kubeflow.traffic import with_open_paths
from ordering.check import Finding, Has, check, from_a_cluster, refuse, settled
from ordering.graph import Graph, ObjectId, build, id_of
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render

OF_STACK = "kubeflow-on-pulumi/of"
"""The label of what a stack sends for itself, whichever parts of the release are wanted."""


@dataclass(frozen=True, kw_only=True)
class LoadedRelease:
    """A release's manifests, its objects without what the cluster fills in itself, and their graph.

    `existing` are objects of it that the cluster has already, and that are not sent. `findings` are what does not stop
    it and is worth knowing.
    """

    source: Release
    objects: list[Manifest]
    graph: Graph
    existing: Sequence[Manifest] = ()
    findings: Sequence[Finding] = ()

    def filled(
        self,
        credentials: Credentials,
        store: ArtifactStore | None,
        roles: Mapping[str, Any],
        checksum: Callable[[Any], Any],
        login: Login | None = None,
        tokens: TokenIssuer | None = None,
        database: ManagedDatabase | None = None,
    ) -> dict[ObjectId, Manifest]:
        """The objects with the well-known credentials replaced, and with artifacts in the store if there is one.

        `roles` are the AWS roles of service accounts, as `profiles.use_roles` takes them. `checksum` makes what stands
        on the pods that read a Secret or a ConfigMap, as `readers.with_checksums` takes it. `login` is where people
        sign in, if not with the release's password, and `tokens` whose tokens programs may bring, if any.

        UserError when a well-known credential would be left, or when the release cannot use what is given.
        """
        objects = use_roles(replace(self.objects, credentials), roles)
        assert_none_left(objects)
        if store is not None:
            objects = use_bucket(objects, store, join=pulumi.Output.format)
        if login is not None:
            objects = use_login(objects, login, join=pulumi.Output.format)
        if tokens is not None:
            objects = accept_tokens(objects, tokens)
        if database is not None:
            objects = use_database(objects, database, credentials, digest=checksum, join=pulumi.Output.format)
        return {id_of(manifest): manifest for manifest in with_checksums(objects, checksum)}


def load(
    *,
    release: str,
    path: str | None,
    sample: bool,
    root: Path,
    kubernetes_version: str | None,
    components: Sequence[Path] = (),
    beside: Sequence[Manifest] = (),
    also: Sequence[Manifest] = (),
    allow: Collection[str] = (),
    edges: Sequence[tuple[str, str]] = (),
    parts: Sequence[str] = (),
    existing: Sequence[str] = (),
    has: Has = lambda _: False,
    change: Callable[[list[Manifest]], list[Manifest]] = list,
) -> LoadedRelease:
    """Find, render and order a release; `edges` are pairs of ids of which the first needs the second.

    `sample` allows a small platform of ours where the release is out of reach.
    `components` are folders of kustomize components to lay over it, relative ones from `root`, and `beside` is what the
    stack sends besides. `also` is what else a person wants sent, whichever parts are wanted; a namespace that it shares
    with the release is the release's. `allow` is what the build may do on top, as `render` takes it.
    `parts` are what is wanted of it (all for none), `existing` what the cluster has of it. `change` is what the stack
    changes in objects, and in none of their names.

    `kubernetes_version` is the cluster's, where it is known: an API that it no longer serves is refused. `has` says
    what the cluster has beside the manifests; without it, nothing. UserError for everything that is wrong with the
    manifests.
    """
    source = resolve(release=release, path=path, sample=sample, root=root, allow=allow)
    rendered = render(source.path, components=[root / component for component in components], allow=allow)
    namespaces = {one["metadata"]["name"] for one in rendered if one["kind"] == "Namespace"}
    besides = [_beside(one) for one in also if one["kind"] != "Namespace" or one["metadata"]["name"] not in namespaces]
    objects, left_out = slim([*rendered, *beside, *besides]), list[Manifest]()
    if parts or existing:
        selection = choose(build([one for one in objects if not _of_stack(one)], overrides=edges), parts, existing)
        objects, left_out = [*selection.objects, *filter(_of_stack, objects)], selection.existing
    objects = with_open_paths(change(objects))
    if kubernetes_version is not None:
        check_served(objects, kubernetes_version)
    graph = build(objects, overrides=edges)
    findings = settled(check(objects, graph, kubernetes_version or ""), has)
    refuse(findings)
    return LoadedRelease(
        source=source,
        objects=objects,
        graph=graph,
        existing=left_out,
        findings=[*findings, *from_a_cluster(rendered, left_out=True)],
    )


def _beside(manifest: Manifest) -> Manifest:
    """With the label of what the stack sends whichever parts are wanted."""
    about = manifest["metadata"]
    return {**manifest, "metadata": {**about, "labels": {**(about.get("labels") or {}), OF_STACK: "also"}}}


def _of_stack(manifest: Manifest) -> bool:
    return OF_STACK in (manifest["metadata"].get("labels") or {})
