"""What a stack costs a month, line by line, and the difference that a setting makes."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import tools
from infra.aws.apis import services
from infra.aws.firewall_rules import MANAGED
from infra.aws.instances import GI
from infra.inputs import load_release
from infra.kubeflow.capacity import Requirements, requirements
from infra.present import unknown
from infra.settings import AddressSettings, Pool, Settings
from ops import prices
from ops.costs import backup, monitoring, pulumi_cloud
from ops.costs.database import database_price
from ops.project import PROJECT_ROOT
from ops.sizes import proposal
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

# What nobody knows beforehand, in GB and for a small team: each line that rests on one of these says so.
ARTIFACTS_GB = 100
FILES_GB = 50
IMAGES_GB = 10
SEALED_GB = 100
PEOPLE = 50
NAT_TRAFFIC_GB = 100
LOGS_GB = 10

NO_CLOUD = "cloud is none: the stack makes nothing in AWS, so there is nothing to price."


@dataclass(frozen=True, kw_only=True)
class Line:
    """One part of the bill, in US dollars a month; only nodes differ by how they are bought."""

    name: str
    what: str
    on_demand: Decimal
    savings_plan: Decimal
    spot: Decimal


@dataclass(frozen=True, kw_only=True)
class Change:
    """A line of the bill before and after; None where there was or will be none."""

    name: str
    before: Line | None
    after: Line | None

    @property
    def delta(self) -> Decimal:
        """How much dearer the line gets on demand, in US dollars a month."""
        return (self.after.on_demand if self.after else Decimal(0)) - (
            self.before.on_demand if self.before else Decimal(0)
        )


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The whole monthly bill of a stack; `note` says what is not in it and why, where something is not."""

    lines: tuple[Line, ...]
    volumes_gib: int
    note: str = ""


def bill(settings: Settings) -> Bill:
    """The bill of a stack with the volumes that its release claims: what every command that names a price shows.

    UserError as for `estimate`.
    """
    if settings.cloud == "none":
        return Bill(lines=(), volumes_gib=0, note=NO_CLOUD)
    try:
        gib, note = claimed_gib(settings), ""
        state = _state(settings)
    except UserError as error:
        gib, note, state = 0, f"Volumes are not counted: {error}", ()
    return Bill(lines=(*estimate(settings, volumes_gib=gib), *state), volumes_gib=gib, note=note)


def _state(settings: Settings) -> tuple[Line, ...]:
    """What it costs to keep the stack's state, where that is in Pulumi Cloud."""
    if not pulumi_cloud.keeps(settings.stack):
        return ()
    return (_line("state", *pulumi_cloud.price(len(_objects(settings)))),)


def estimate(settings: Settings, *, volumes_gib: int = 0) -> tuple[Line, ...]:
    """The monthly bill of a stack that runs all the time with `nodesDesired` nodes, and pools with what they desire.

    `volumes_gib` is what the platform's claims add up to (`claimed_gib`). A stack on an existing cluster pays for its
    storage only, one without a cloud nothing that is known here. UserError when the price of a type or in a region is
    not known.
    """
    if settings.cloud == "none":
        return ()
    prices.check_region(settings.region)
    lines = []
    if settings.cluster.mode == "create":
        lines += _cluster(settings)
        lines += [line for pool in settings.pools for line in _pool(pool, settings.region)]
    if volumes_gib:
        lines.append(_line("volumes", f"{volumes_gib} GiB of claims on gp3", volumes_gib * prices.GP3_GIB_MONTH))
    if settings.files == "efs":
        lines.append(_line("files", f"{FILES_GB} GB in EFS (assumed)", FILES_GB * prices.EFS_GB_MONTH))
    if settings.login.kind == "cognito":
        lines.append(_users(PEOPLE))
    if settings.monitoring.kind != "none":
        lines.append(_line("monitoring", *monitoring.price(settings)))
    if settings.address is not None:
        lines.append(_address(settings, settings.address))
    if settings.database:
        lines.append(_line("database", *database_price(settings.database)))
    if settings.images.source == "ecr":
        what = f"{SEALED_GB} GB of the release's images in ECR (assumed)"
        lines.append(_line("images", what, SEALED_GB * prices.ECR_GB_MONTH))
    if settings.backup_days:
        priced = backup.backup_price(
            settings, volumes_gib=volumes_gib + monitoring.kept_gib(settings), files_gb=FILES_GB
        )
        lines.append(_line("backups", *priced))
    stored = ARTIFACTS_GB * prices.S3_GB_MONTH + IMAGES_GB * prices.ECR_GB_MONTH
    lines.append(_line("storage", f"{ARTIFACTS_GB} GB in S3 and {IMAGES_GB} GB in ECR (assumed)", stored))
    return tuple(lines)


def _users(people: int) -> Line:
    """People who sign in at Cognito, some of whom cost nothing (Cognito's price list, feature plan Essentials)."""
    free = prices.COGNITO_FREE_USERS
    what = f"{people} people a month at Cognito (assumed), {free:,} of them free"
    return _line("login", what, max(0, people - free) * prices.COGNITO_USER_MONTH)


def difference(before: Iterable[Line], after: Iterable[Line]) -> tuple[Change, ...]:
    """The lines that two bills do not have in common."""
    old, new = {line.name: line for line in before}, {line.name: line for line in after}
    names = [*old, *(name for name in new if name not in old)]
    return tuple(
        Change(name=name, before=old.get(name), after=new.get(name)) for name in names if old.get(name) != new.get(name)
    )


def total(lines: Iterable[Line]) -> Line:
    """All lines added up."""
    given = list(lines)
    return Line(
        name="total",
        what="",
        on_demand=sum((line.on_demand for line in given), Decimal(0)),
        savings_plan=sum((line.savings_plan for line in given), Decimal(0)),
        spot=sum((line.spot for line in given), Decimal(0)),
    )


def smaller(settings: Settings) -> str:
    """Which smaller nodes would do, where the stack's are far larger than its release needs; empty where not."""
    return proposal(requested(settings), settings.nodes) if settings.cluster.mode == "create" else ""


def claimed_gib(settings: Settings) -> int:
    """What the claims of the stack's release add up to, in GiB; UserError when its manifests are not available.

    Those of Prometheus are a line of their own.
    """
    return requested(settings).storage // GI - monitoring.kept_gib(settings)


def requested(settings: Settings) -> Requirements:
    """What a stack's release asks of nodes, or its parts where it has but some; UserError without its manifests."""
    return requirements(_objects(settings))


def _objects(settings: Settings) -> Sequence[Manifest]:
    """The release as it is sent: a part that is left out claims nothing, nor does a MySQL that RDS stands in for."""
    os.environ.setdefault("KUSTOMIZE", str(tools.ensure("kustomize")["kustomize"]))
    return load_release(settings, None, PROJECT_ROOT, unknown).objects


def _cluster(settings: Settings) -> list[Line]:
    nodes = settings.nodes
    hour = prices.instance_price(nodes.instance_type, settings.region)
    hours = nodes.desired * prices.HOURS
    return [
        _line("control plane", "EKS in standard support", prices.CONTROL_PLANE_HOUR * prices.HOURS),
        Line(
            name="nodes",
            what=f"{nodes.desired} x {nodes.instance_type}",
            on_demand=hours * hour.on_demand,
            savings_plan=hours * hour.savings_plan,
            spot=hours * hour.spot,
        ),
        _line(
            "node disks",
            f"{nodes.desired} x {nodes.disk_gib} GiB of gp3",
            nodes.desired * nodes.disk_gib * prices.GP3_GIB_MONTH,
        ),
        _way_out(settings),
        _line("logs", f"{LOGS_GB} GB of control-plane logs (assumed)", LOGS_GB * prices.LOGS_GB),
        _line("key", "1 for Kubernetes Secrets", prices.KEY_MONTH),
    ]


def _way_out(settings: Settings) -> Line:
    """How nodes and pods reach AWS and the rest of the world: by NAT gateways, or by endpoints and no further."""
    gateways, gb = len(settings.network.gateway_zones), NAT_TRAFFIC_GB
    if gateways:
        nat = gateways * prices.HOURS * (prices.NAT_HOUR + prices.ADDRESS_HOUR) + gb * prices.NAT_GB
        return _line("NAT", f"{gateways} with an address, and {gb} GB through it (assumed)", nat)
    asked, zones = len(services(settings)), len(settings.network.zones)
    price = asked * zones * prices.HOURS * prices.ENDPOINT_HOUR + gb * prices.ENDPOINT_GB
    return _line("endpoints", f"{asked} in {zones} zones, and {gb} GB through them (assumed)", price)


def _pool(pool: Pool, region: str) -> list[Line]:
    """The nodes and disks of a pool that has any all the time; those that come and go cost what they run."""
    if not pool.desired:
        return []
    hour = prices.instance_price(pool.instance_types[0], region)
    hours = pool.desired * prices.HOURS
    spot = pool.capacity == "spot"
    return [
        Line(
            name=f"pool {pool.name}",
            what=f"{pool.desired} x {pool.instance_types[0]}{' on spot' if spot else ''}",
            on_demand=hours * (hour.spot if spot else hour.on_demand),
            savings_plan=hours * (hour.spot if spot else hour.savings_plan),
            spot=hours * hour.spot,
        ),
        _line(
            f"disks of {pool.name}",
            f"{pool.desired} x {pool.disk_gib} GiB of gp3",
            pool.desired * pool.disk_gib * prices.GP3_GIB_MONTH,
        ),
    ]


def _address(settings: Settings, address: AddressSettings) -> Line:
    """On the internet it has an address in each zone; its record and its certificate cost nothing."""
    addresses = len(settings.network.zones) if address.scheme == "internet-facing" else 0
    hour = prices.BALANCER_HOUR + prices.BALANCER_UNIT_HOUR + addresses * prices.ADDRESS_HOUR
    what, month = f"a load balancer, {addresses} addresses, and one unit of traffic (assumed)", hour * prices.HOURS
    if address.waf:
        what, month = f"{what}, and AWS WAF", month + prices.WAF_MONTH + (len(MANAGED) + 1) * prices.WAF_RULE_MONTH
    return _line("address", what, month)


def _line(name: str, what: str, amount: Decimal) -> Line:
    return Line(name=name, what=what, on_demand=amount, savings_plan=amount, spot=amount)


def money(amount: Decimal) -> str:
    """Dollars and cents: `700.80`."""
    return f"{amount:.2f}"
