from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from ops import cost, prices
from ops.commands import cost as cost_command
from ordering.errors import UserError
from tests.unit.kubeflow.platforms import RELEASES
from tests.unit.settings_source import settings


def lines(volumes_gib: int = 0, **changes: Any) -> dict[str, cost.Line]:
    return {line.name: line for line in cost.estimate(settings(**changes), volumes_gib=volumes_gib)}


def test_the_default_stack_pays_for_five_nodes_and_a_control_plane() -> None:
    bill = lines(volumes_gib=50)
    assert bill["nodes"].what == "5 x m5.xlarge"
    assert cost.money(bill["nodes"].on_demand) == "700.80"
    assert cost.money(bill["control plane"].on_demand) == "73.00"
    assert cost.money(bill["node disks"].on_demand) == "40.00"
    assert cost.money(bill["volumes"].on_demand) == "4.00"
    # 730 hours of 0.045 and of 0.005 for the address, and 100 GB of 0.045.
    assert cost.money(bill["NAT"].on_demand) == "41.00"


def test_only_nodes_are_cheaper_with_a_savings_plan_or_on_spot() -> None:
    bill = lines(volumes_gib=50)
    nodes = bill.pop("nodes")
    assert nodes.spot < nodes.savings_plan < nodes.on_demand
    assert all(line.on_demand == line.savings_plan == line.spot for line in bill.values())


def test_a_pool_costs_what_it_has_all_the_time() -> None:
    gpu = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "capacity": "spot", "max": 2}
    steady = {"name": "steady", "instanceTypes": ["m5.xlarge"], "min": 2, "max": 4, "diskGiB": 50}
    bill = lines(nodePools=[gpu, steady])
    assert "pool gpu" not in bill
    assert bill["pool steady"].what == "2 x m5.xlarge"
    assert cost.money(bill["pool steady"].on_demand) == "280.32"
    assert cost.money(bill["disks of steady"].on_demand) == "8.00"
    running = lines(nodePools=[{**gpu, "desired": 1}])["pool gpu"]
    assert (running.what, cost.money(running.on_demand)) == ("1 x g5.xlarge on spot", "293.75")
    assert running.on_demand == running.spot == running.savings_plan


def test_images_in_ecr_cost_what_they_take_there() -> None:
    assert "images" not in lines()
    assert cost.money(lines(imagesFrom="ecr")["images"].on_demand) == "10.00"


def test_the_total_is_the_sum_of_the_lines() -> None:
    bill = cost.estimate(settings(), volumes_gib=50)
    whole = cost.total(bill)
    assert whole.on_demand == sum(line.on_demand for line in bill)
    assert whole.spot == sum(line.spot for line in bill)


def test_each_zone_may_have_its_own_gateway() -> None:
    zones = len(settings().network.zones)
    extra = lines(networkNat="per-zone")["NAT"].on_demand - lines()["NAT"].on_demand
    assert extra == (zones - 1) * 730 * Decimal("0.05")


def test_without_a_way_out_endpoints_are_paid_in_each_zone() -> None:
    closed = lines(networkNat="none", imagesFrom="ecr")
    assert "NAT" not in closed
    # 7 endpoints in 4 zones at 0.01 an hour, and 100 GB at 0.01.
    assert cost.money(closed["endpoints"].on_demand) == "205.40"
    assert closed["endpoints"].what.startswith("7 in 4 zones, and 100 GB")


def test_an_address_has_a_load_balancer_and_on_the_internet_an_address_in_each_zone() -> None:
    given: dict[str, Any] = {"addressHost": "kubeflow.example.com", "addressZone": "Z0123456789ABC"}
    public = lines(**given, addressCidrs=["203.0.113.0/24"])["address"].on_demand
    private = lines(**given, addressCidrs=["10.0.0.0/8"], addressScheme="internal")["address"].on_demand
    # 0.0225 for the load balancer and 0.008 for a unit of its capacity.
    assert private == 730 * Decimal("0.0305")
    assert public - private == 730 * Decimal("0.005") * len(settings().network.zones)
    assert "address" not in lines()


def test_a_platform_on_an_existing_cluster_pays_for_storage_alone() -> None:
    bill = lines(volumes_gib=50, clusterMode="existing", clusterContext="theirs")
    assert list(bill) == ["volumes", "storage"]


@pytest.mark.parametrize(
    ("name", "hour"),
    [("m5.large", "0.096"), ("m7i.2xlarge", "0.4032"), ("r7a.large", "0.15215"), ("c5.9xlarge", "1.53")],
)
def test_sizes_are_priced_as_listed(name: str, hour: str) -> None:
    assert prices.instance_price(name, "us-west-2").on_demand == Decimal(hour)


def test_burstable_sizes_have_their_own_prices() -> None:
    assert prices.instance_price("t3.medium", "us-east-1").on_demand == Decimal("0.0416")


@pytest.mark.parametrize("name", ["p5.48xlarge", "m5.metal", "m5.3xlarge"])
def test_a_type_without_a_price_is_one_sentence(name: str) -> None:
    with pytest.raises(UserError, match=rf"has no price for {name} in us-west-2; choose a size of .*m5.*, or add"):
        lines(nodesInstanceType=name)


def test_a_region_without_prices_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"has no prices for eu-west-1; it has us-east-1, .*: choose one"):
        prices.instance_price("m5.xlarge", "eu-west-1")
    with pytest.raises(UserError, match="has no prices for eu-west-1"):
        cost.estimate(replace(settings(), region="eu-west-1"))


def test_a_setting_changes_the_lines_that_it_touches() -> None:
    (change,) = cost.difference(cost.estimate(settings()), cost.estimate(settings(nodesInstanceType="m5.large")))
    assert (change.name, cost_command.signed(change.delta)) == ("nodes", "-350.40")
    assert change.before is not None
    assert change.after is not None
    assert (change.before.what, change.after.what) == ("5 x m5.xlarge", "5 x m5.large")

    more = {
        change.name: change.delta
        for change in cost.difference(cost.estimate(settings()), cost.estimate(settings(nodesDesired=6)))
    }
    assert more == {"nodes": Decimal("140.16"), "node disks": Decimal(8)}


def test_a_line_may_come_or_go() -> None:
    gone = cost.difference(
        cost.estimate(settings(), volumes_gib=50),
        cost.estimate(settings(clusterMode="existing", clusterContext="theirs"), volumes_gib=50),
    )
    assert {change.name for change in gone} == {"control plane", "nodes", "node disks", "NAT", "logs", "key"}
    assert all(change.after is None and change.delta < 0 for change in gone)


def test_files_cost_what_is_in_them() -> None:
    [change] = cost.difference(cost.estimate(settings()), cost.estimate(settings(files="efs")))
    assert (change.name, change.delta) == ("files", Decimal("15.00"))


def test_people_who_sign_in_at_cognito_are_counted_and_most_are_free() -> None:
    [change] = cost.difference(
        cost.estimate(settings()), cost.estimate(settings(login="cognito", dashboardUser="ada@example.com"))
    )
    assert (change.name, change.delta) == ("login", Decimal(0))
    assert cost._users(10_002).on_demand == Decimal("0.03")


def test_what_costs_nothing_is_no_difference() -> None:
    assert cost.difference(cost.estimate(settings()), cost.estimate(settings(clusterLogRetentionDays=60))) == ()


def test_state_in_pulumi_cloud_is_billed_by_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "claimed_gib", lambda _: 0)
    monkeypatch.setattr(cost, "_objects", lambda _: [{}] * 700)
    monkeypatch.delenv("PULUMI_ACCESS_TOKEN", raising=False)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    assert "state" not in {line.name for line in cost.bill(settings()).lines}
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.pulumi.com")
    [state] = [line for line in cost.bill(settings()).lines if line.name == "state"]
    # 730 hours of 0.00025 for each.
    assert (state.what, cost.money(state.on_demand)) == (
        "about 800 resources in Pulumi Cloud, Team edition",
        "146.00",
    )


@pytest.fixture
def no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Any) -> int:
        raise UserError("Kubeflow 26.03 is not available.")

    monkeypatch.setattr(cost, "claimed_gib", missing)


@pytest.mark.usefixtures("no_release")
def test_the_command_prices_the_default_stack_even_without_its_manifests() -> None:
    done = CliRunner().invoke(cost_command.command, ["--stack", "dev", "--set", "nodesInstanceType=m5.large"])
    assert done.exit_code == 0, done.output
    assert "700.80" in done.output
    assert "73.00" in done.output
    assert "-350.40" in done.output
    assert "Volumes are not counted: Kubeflow 26.03 is not available." in done.output


@pytest.mark.usefixtures("no_release")
def test_a_list_is_set_as_json() -> None:
    zones = 'networkZones=["us-west-2a","us-west-2b"]'
    done = CliRunner().invoke(cost_command.command, ["--stack", "dev", "--set", "networkNat=per-zone", "--set", zones])
    assert done.exit_code == 0, done.output
    # Two NAT gateways, not one for each of the four zones that the default has.
    assert "2 with an address" in done.output


@pytest.mark.usefixtures("no_release")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--stack", "nowhere"], "There is no stack 'nowhere'"),
        (["--stack", "dev", "--set", "nodesInstanceType"], "is not KEY=VALUE"),
        (["--stack", "dev", "--set", "nodesInstance=m5.large"], "did you mean nodesInstanceType"),
        (["--stack", "dev", "--set", "nodesInstanceType=p4d.24xlarge"], "has no price for p4d.24xlarge in us-west-2"),
    ],
)
def test_what_cannot_be_priced_is_refused(arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(cost_command.command, arguments)
    assert isinstance(done.exception, UserError)
    assert sentence in str(done.exception)


def test_what_is_left_out_of_a_release_is_not_priced(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "x"}}
    claim |= {"spec": {"resources": {"requests": {"storage": "3Gi"}}}}
    monkeypatch.setattr(cost, "load_release", lambda *_: SimpleNamespace(objects=[claim]))
    assert cost.claimed_gib(settings(kubeflowParts=["pipelines"])) == 3


def test_volumes_in_whose_place_aws_has_something_are_not_priced() -> None:
    if "26.03" not in [path.name for path in RELEASES]:
        pytest.skip("26.03 is not at hand")
    assert cost.claimed_gib(settings(database="rds", kubeflowArtifacts="s3")) == 0
