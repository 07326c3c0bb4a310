"""The table of steps between releases, and the three moments of a run at which they act."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.kubeflow.oneway import closed
from ops import oneway
from ops.migrations import artifacts, attached, databases, jobs, pod_security
from ops.migrations.between import Api, Between, Report
from ordering.errors import UserError


def _nothing(*_: object) -> None: ...


def _silent(*_: object) -> list[str]:
    return []


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What one component needs between releases that its manifests do not say.

    `does`, `why` and `source` are for people (docs/upgrading.md). `applies` says whether a run is about it, without
    asking anybody. If so, `look` says what a preview should, `check` raises UserError for a step that nobody can go,
    and `before` acts once the run is agreed to and before the engine changes anything. `after` acts at the end of each
    run, so that it ends what one that was cut short has begun. All of them may be repeated.
    """

    component: str
    does: str
    why: str
    source: str
    applies: Callable[[Between], bool] = lambda _: False
    look: Callable[[Between, Api], list[str]] = _silent
    check: Callable[[Between, Api], None] = _nothing
    before: Callable[[Between, Api, Report], None] = _nothing
    after: Callable[[Between, Api, Report], None] = _nothing


MIGRATIONS = (
    Migration(
        component="Object store",
        does="A store's claim that is kept (`KEEP`) remembers how it was served. After the `up` a Job in the cluster "
        "serves it once more, copies each object to the new store or the bucket, and notes that on the claim. The "
        "claim stays.",
        why="1.10.2 keeps artifacts in MinIO, 26.03 in SeaweedFS, and with `kubeflowArtifacts: s3` there is neither; "
        "none of them reads another's volume.",
        source="the Deployments `minio` and `seaweedfs` of the rendered releases",
        applies=artifacts.applies,
        look=artifacts.look,
        before=artifacts.before,
        after=artifacts.after,
    ),
    Migration(
        component="Profiles",
        does="What Pipelines attached to a namespace and does not renew is deleted once its program is another, so "
        "that it is made again; what somebody has edited since stays. So are keys of the object store that are not "
        "what the release hands out.",
        why="metacontroller leaves ConfigMaps and Secrets as they were made (`OnDelete`). In 1.10.2 each profile has "
        "the administrator's keys, in 26.03 its own.",
        source="the DecoratorController and sync.py of both releases; metacontroller 4.11, pkg/controller/common",
        after=attached.renew,
    ),
    Migration(
        component="Training operator",
        does="Says which jobs have not ended. The definitions stay with `KEEP`, and the jobs with them, as records; "
        "with `LOSE` they go.",
        why="26.03 has Trainer v2 (`TrainJob`) in its place, which knows nothing of PyTorchJobs and the like.",
        source="the definitions of group kubeflow.org in 1.10.2; Kubeflow Trainer, “Migrating from Training Operator”",
        applies=jobs.applies,
        look=jobs.look,
    ),
    Migration(
        component="Pipelines' and Katib's MySQL",
        does="Refuses to go back.",
        why="8.4 upgrades the data when it starts, and 8.0 does not open that any more.",
        source="MySQL 8.4 Reference Manual, “Downgrading MySQL”",
        applies=lambda between: any(closed(between.before.values(), between.graph)),
        check=lambda between, api: oneway.check(between.state, between.graph, api),
    ),
    Migration(
        component="A managed database",
        does="What is in the release's MySQL is copied to the managed one, table by table, before the first of their "
        "clients goes there, and back the same way. Whoever writes to the old one is refused from then on. A copy that "
        "fails leaves everybody where they were.",
        why="`database: rds` and back makes another database, which is empty.",
        source="the Deployments `mysql` and `katib-mysql` of the rendered releases, and manifests/rds",
        applies=lambda between: bool(databases.moves(between)),
        look=databases.look,
        check=databases.check,
        before=databases.before,
    ),
    Migration(
        component="Namespaces",
        does="Names the pods that are not the stack's own, where a namespace is about to enforce a stricter level that "
        "some of its pods do not meet.",
        why="26.03 enforces `restricted` in `kubeflow`, 1.10.2 `baseline`. Pods that run go on, and are refused when "
        "they start again.",
        source="Kubernetes' “Pod Security Admission”: a label's dry run warns of what runs",
        applies=pod_security.applies,
        look=pod_security.look,
    ),
)


def chosen(between: Between) -> list[Migration]:
    """The rows that a run is about, as far as its state and its graph tell."""
    return [one for one in MIGRATIONS if one.applies(between)]


def look(between: Between, api: Api) -> list[str]:
    """What a preview says of the steps that a run would take."""
    return [sentence for one in chosen(between) for sentence in one.look(between, api)]


def check(between: Between, api: Api) -> None:
    """UserError for a step that nobody can go; nothing was changed by then."""
    for one in chosen(between):
        one.check(between, api)


def before(between: Between, api: Api, report: Report) -> None:
    """What has to be done while the old release is still there."""
    for one in chosen(between):
        one.before(between, api, report)


def after(between: Between, api: Api, report: Report) -> None:
    """What ends the steps, once the new release is there; UserError naming the one that did not end, and why."""
    for one in MIGRATIONS:
        try:
            one.after(between, api, report)
        except UserError as error:
            raise UserError(
                f"The release is there, and one step is left ({one.component}): {error} The same command goes on there."
            ) from None
