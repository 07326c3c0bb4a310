"""`python -m bench.options`: 26.03 with all of Pulumi.production.yaml, and with each option of it alone, up and down.

A round is right if all is Available, nothing was refused, a preview changes nothing, `make doctor` finds nothing
broken, `make cost` has the option's lines and the very claims that the cluster has, and a destroy leaves the cluster,
the account, the record of what the emulator lacks and the state as they were. What came of it is kept in
bench/results/options.json; the next call goes on with what is missing. The table in docs/operating.md is made of all
that is kept.

Of Pulumi.production.yaml these cannot hold here: `protect` and `storageOnDestroy: keep`, which are there to leave
something, and the zone and the administrator's role, which are another account's: a round makes some of its own.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from bench.resumed import Kept, Results, page, resumed
from infra.aws.instances import GI
from infra.kubeflow.capacity import quantity
from infra.kubeflow.prometheus import NAMESPACE
from localcloud import emulator
from localcloud.aws.record import recorded_kinds
from ops.project import PROJECT_ROOT
from tests.local.cluster import Cluster, Manifest
from tests.local.issuer import answering
from tests.local.stack import Checkout, changes, checked_out, now, release, unavailable, world
from tests.local.test_release import LEFT_BY_ISTIO

PAGE = PROJECT_ROOT / "docs" / "operating.md"
EXAMPLE = PROJECT_ROOT / "Pulumi.production.yaml"
RELEASE = "26.03"
DOMAIN, OWNER, MAIL = "example.com", "ada@example.com", "platform@example.com"
LEAVING = ("kubeflow:protect", "kubeflow:storageOnDestroy")
"""What is in the example, or by default, that things stay."""

OTHER = "rehearsed"
"""A stack of the same settings, which is none of the laptop's."""
ZONE, ISSUER, ROLE = "ZONE", "ISSUER", "ROLE"
"""What stands in settings for what the round makes first."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """Settings, the lines of the bill that they bring or change, and the checks of the doctor that are about them.

    No lines where what is made costs nothing, no checks where nothing can be known before.
    """

    title: str
    settings: Mapping[str, Any]
    priced: frozenset[str] = frozenset()
    examined: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Round:
    """What came of an option. `monthly` is what it changes in the bill, in US dollars."""

    title: str
    resources: int = 0
    objects: int = 0
    requests: int = 0
    refused: int = 0
    calls: int = 0
    refused_calls: int = 0
    monthly: float = 0
    priced: tuple[str, ...] = ()
    up_s: float = 0
    destroy_s: float = 0
    wrong: tuple[str, ...] = field(default=())


def option(title: str, *priced: str, examined: Sequence[str] = (), **settings: Any) -> Option:
    """An option with its settings; lines of the bill first."""
    return Option(title=title, settings=settings, priced=frozenset(priced), examined=frozenset(examined))


_ADDRESS = {"addressHost": f"kubeflow.{DOMAIN}", "addressZone": ZONE, "addressCidrs": ["203.0.113.0/24"]}


def options() -> list[Option]:
    """All of the example, then each option alone: those that it has not, and those that it has."""
    return [
        Option(
            title="all of `Pulumi.production.yaml`",
            settings=production(yaml.safe_load(EXAMPLE.read_text())["config"]),
            priced=frozenset(
                {"nodes", "node disks", "NAT", "volumes", "files", "login", "address", "database", "backups"}
            ),
            examined=frozenset({"database", "address"}),
        ),
        option(
            "`login: oidc`",
            examined=["login"],
            login="oidc",
            loginIssuer=ISSUER,
            loginClientId="kubeflow",
            loginClientSecret="theirs",
            loginGroups=["ml"],
            dashboardUser=OWNER,
        ),
        option("`monitoring: prometheus`", "monitoring", monitoring="prometheus", monitoringEmail=MAIL),
        option(
            "`networkNat: none`, with `imagesFrom: ecr`",
            *("images", "NAT", "endpoints"),
            examined=["endpoints"],
            imagesFrom="ecr",
            networkNat="none",
        ),
        option("`nodesAutoscaling: cluster-autoscaler`", nodesAutoscaling="cluster-autoscaler"),
        option("`podAccess: pod-identity`", podAccess="pod-identity"),
        option("`monitoring: cloudwatch`", "monitoring", monitoring="cloudwatch", monitoringEmail=MAIL),
        option("`podAccess: node`", examined=["pod access"], podAccess="node"),
        option("`imagesFrom: ecr`", "images", imagesFrom="ecr"),
        option("`database: rds`", "database", "volumes", examined=["database"], database="rds"),
        option("`login: cognito`", "login", login="cognito", loginGroups=["ml"], dashboardUser=OWNER),
        option("`loginTokens`", loginTokens=True),
        option("`addressHost`, with a zone", "address", examined=["address"], **_ADDRESS),
        option("the same, with `addressWaf`", "address", examined=["address"], **_ADDRESS, addressWaf=True),
        option("`files: efs`", "files", files="efs"),
        option("`sagemaker`", sagemaker=True),
        option("`backupDays`", "backups", backupDays=35),
        option("`kubeflowArtifacts: s3`", "volumes", kubeflowArtifacts="s3"),
    ]


def production(config: Mapping[str, Any]) -> dict[str, Any]:
    """The example's settings as they can be here."""
    kept = {key: value for key, value in config.items() if key not in LEAVING}
    return kept | {"kubeflow:addressZone": ZONE, "kubeflow:clusterAdministrators": [ROLE]}


@contextmanager
def surrounded(checkout: Checkout, one: Option) -> Iterator[dict[str, Any]]:
    """The option's settings, with what is there before a stack: the zone, the role, an issuer that answers."""
    made: dict[str, str] = {}
    asked = json.dumps(one.settings)
    if f'"{ZONE}"' in asked:
        zone = checkout.aws("route53").create_hosted_zone(Name=DOMAIN, CallerReference=one.title)["HostedZone"]
        made[ZONE] = zone["Id"].rpartition("/")[2]
    if f'"{ROLE}"' in asked:
        trust = {"Effect": "Allow", "Principal": {"AWS": emulator.ACCOUNT}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = checkout.aws("iam").create_role(RoleName="platform", AssumeRolePolicyDocument=document)["Role"]
        made[ROLE] = role["Arn"]
    with answering() as issuer:
        made[ISSUER] = issuer
        for name, value in made.items():
            asked = asked.replace(f'"{name}"', json.dumps(value))
        yield json.loads(asked)


def judged(checkout: Checkout, one: Option) -> Round:
    """One option, up and down again."""
    wrong: list[str] = []
    plain = bill(checkout)
    with surrounded(checkout, one) as settings:
        before = world(checkout)
        checkout.configure({"kubeflowRelease": RELEASE, **settings})
        after = bill(checkout)
        priced = {name for name in plain.keys() | after.keys() if plain.get(name) != after.get(name)}
        if priced != one.priced:
            wrong.append(f"the bill changes in {', '.join(sorted(priced)) or 'nothing'}")
        wrong += examined(checkout, one.examined)
        begun, started = now(), time.monotonic()
        up = checkout.ops("up", "--yes")
        asked = checkout.audit(begun)
        outcome = Round(
            title=one.title,
            requests=asked.writes,
            refused=len(asked.refused),
            calls=asked.calls,
            refused_calls=len(asked.refused_calls),
            monthly=round(sum(after.values()) - sum(plain.values()), 2),
            priced=tuple(sorted(priced)),
            up_s=round(time.monotonic() - started, 1),
        )
        if up.returncode:
            return replace(outcome, wrong=(*wrong, up.stderr.strip().splitlines()[-1]))
        wrong += [f"refused: {refused}" for refused in (*asked.refused, *asked.refused_calls)][:3]
        wrong += standing(checkout)
        kinds = [resource["type"] for resource in checkout.resources().values()]
        outcome = replace(
            outcome,
            resources=sum(kind.startswith("aws:") for kind in kinds),
            objects=sum(kind.startswith("kubernetes:") for kind in kinds),
        )
        started = time.monotonic()
        destroy = checkout.ops("destroy", "--yes")
        if destroy.returncode:
            wrong.append(destroy.stderr.strip().splitlines()[-1])
        outcome = replace(outcome, destroy_s=round(time.monotonic() - started, 1))
        if left := (world(checkout) ^ before) - LEFT_BY_ISTIO:
            wrong.append(f"left or gone: {', '.join(sorted(left)[:5])}")
    if checkout.resources():
        wrong.append("a state with resources")
    if recorded := recorded_kinds(emulator.record(checkout.root)):
        wrong.append(f"a record of {', '.join(recorded)}")
    return replace(outcome, wrong=tuple(wrong))


def standing(checkout: Checkout) -> list[str]:
    """What is wrong with a platform that is up."""
    wrong = [f"not Available: {name}" for name in unavailable(checkout.cluster())]
    if changes(checkout.must("preview")).keys() != {"unchanged"}:
        wrong.append("a preview has changes")
    [priced, *_] = [line["what"] for line in document(checkout, "cost")["lines"] if line["name"] == "volumes"] or [
        "none"
    ]
    there = claimed_gib(checkout.cluster())
    if priced.split()[0] != (str(there) if there else "none"):
        wrong.append(f"claims of {there} GiB, and volumes on the bill: {priced}")
    return wrong


def claimed_gib(cluster: Cluster) -> int:
    """What the cluster's claims add up to, but for Prometheus', which are on a line of their own."""
    claims = (cluster.get("persistentvolumeclaims", "-A") or {"items": []})["items"]
    ours = [one["spec"]["resources"]["requests"]["storage"] for one in claims if _namespace(one) != NAMESPACE]
    return int(sum(map(quantity, ours)) / GI)


def _namespace(one: Manifest) -> str:
    return str(one["metadata"]["namespace"])


def document(checkout: Checkout, *command: str) -> dict[str, Any]:
    """What a command says as JSON, whatever it ends with."""
    done = checkout.ops(*command, "--format", "json")
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def bill(checkout: Checkout) -> dict[str, float]:
    """The monthly price of each line, on demand."""
    return {line["name"]: line["onDemand"] for line in document(checkout, "cost")["lines"]}


def examined(checkout: Checkout, wanted: frozenset[str]) -> list[str]:
    """What the doctor finds broken, and what it does not look at; it asks the emulated AWS of another stack alone."""
    other = checkout.root / f"Pulumi.{OTHER}.yaml"
    shutil.copy(checkout.root / "Pulumi.local.yaml", other)
    given = {**checkout.environment, **emulator.environment(checkout.root)}
    asking = replace(checkout, environment=given)
    found = document(checkout, "doctor")["findings"] + document(asking, "doctor", "--stack", OTHER)["findings"]
    other.unlink()
    missing = wanted - {one["check"] for one in found}
    return [
        *(f"doctor: {one['check']}: {one['found']}" for one in found if one["state"] == "broken"),
        *(f"doctor says nothing of {one}" for one in sorted(missing)),
    ]


def plan(kept: Iterable[Kept], all_: Sequence[Option]) -> list[Option]:
    """The options that are not right yet."""
    right = {one["title"] for one in kept if not one["wrong"]}
    return [one for one in all_ if one.title not in right]


def run(results: Results, rounds: int) -> None:
    """So many of the options that are left, each on a checkout of its own."""
    for one in plan(results.kept, options())[:rounds]:
        with tempfile.TemporaryDirectory(prefix="options-") as name, checked_out(Path(name)) as made:
            checkout = Checkout(made.root, release(RELEASE))
            emulator.start(checkout.root)
            outcome = judged(checkout, one)
        results.forget(title=one.title)
        results.keep(asdict(outcome))


def table(kept: Sequence[Kept]) -> str:
    """A row for each option."""
    heads = ["option", "in AWS", "objects", "requests", "refused", "webhook calls", "refused", "USD a month"]
    lines = [f"| {' | '.join([*heads, 'up, s', 'destroy, s', 'then'])} |", f"|---|{'--:|' * 9}---|"]
    titles = [one.title for one in options()]
    keys = ("resources", "objects", "requests", "refused", "calls", "refused_calls")
    for one in sorted(kept, key=lambda one: titles.index(one["title"])):
        figures = " | ".join(str(one[key]) for key in keys)
        figures += f" | {one['monthly']:+.2f} | {one['up_s']} | {one['destroy_s']}"
        lines.append(f"| {one['title']} | {figures} | {'; '.join(one['wrong']) or 'nothing left'} |")
    return "\n".join(lines)


main = resumed(
    "options",
    run,
    page(PAGE, table, "options"),
    meaning="Bring up production options, look at them, destroy them, and write down what came.",
)


if __name__ == "__main__":
    main()
