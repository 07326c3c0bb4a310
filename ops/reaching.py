"""What a run finds in its cluster before it makes anything there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pulumi import automation

from infra.present import present
from ops.claims import cluster_of
from ops.cluster import Access, ClusterApi, access_of, answering, api_of
from ops.existing import Existing, look
from ops.run import Session
from ordering.check import refuse, settled
from ordering.graph import ObjectId


def existing(session: Session, wanted: Sequence[ObjectId]) -> list[Existing]:
    """Those of the objects that are in the stack's cluster; OSError when it does not answer."""
    if not wanted:
        return []
    with reached(session) as api:
        return look(wanted, api) if api else []


def refuse_absent(session: Session) -> None:
    """RefusedError for what neither the manifests nor the stack's cluster have, once the program has run.

    The program itself knows no cluster that is the stack's own. One that does not tell refuses nothing here.
    """
    given = session.program.given
    unsure = [one for one in given.release.findings if one.severity == "unsure"] if given else []
    if unsure and (access := _access(session)) and access.kubeconfig:
        refuse(settled(unsure, present(access.kubeconfig, access.context)))


@contextmanager
def reached(session: Session) -> Iterator[ClusterApi | None]:
    """The stack's cluster, for the length of the block; None where the stack has yet to make it.

    A session asks a cluster once what it serves, however often it comes back to it.
    """
    access = _access(session)
    if access is None:
        yield None
        return
    with answering():
        if access not in session.clients:
            session.clients[access] = api_of(access)
        yield session.clients[access]


@contextmanager
def answered(session: Session) -> Iterator[ClusterApi]:
    """A cluster that has answered in this run, or that the run has made, which the state of its beginning lacks.

    OSError where it no longer answers.
    """
    with reached(session) as api:
        if api is not None:
            yield api
            return
    with cluster_of(session.stack) as made:
        yield made


def _access(session: Session) -> Access | None:
    if session.ground.kubeconfig:
        return Access(kubeconfig=session.ground.kubeconfig.read_text(encoding="utf-8"), context=None)
    resources = session.resources or (session.stack.export_stack().deployment or {}).get("resources") or ()
    if access := access_of(resources):
        return access
    given = session.program.given
    if given is None or given.settings.cluster.mode == "create":
        return None
    cluster = given.settings.cluster
    if cluster.stack is None:
        return Access(kubeconfig=given.kubeconfig, context=cluster.context)
    try:
        outputs = session.stack.workspace.stack_outputs(cluster.stack)
    except automation.CommandError as error:
        raise OSError(f"the outputs of {cluster.stack} cannot be read: {error}") from None
    return Access(kubeconfig=str(outputs["kubeconfig"].value), context=None) if "kubeconfig" in outputs else None
