from pathlib import Path
from typing import Any

import pytest

from infra.aws.apis import services
from infra.aws.network import Network, NetworkArgs
from infra.images import seal_of
from infra.settings import SettingsError, load
from tests.unit.mocks import Recording, record
from tests.unit.settings_source import DEFAULTS, TODAY, raw, settings
from tests.unit.test_images import SECRET
from tests.unit.test_login_settings import OIDC

ZONES = ("us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d")


def network(**changes: Any) -> Recording:
    found = settings(**changes)

    def program() -> dict[str, Any]:
        made = Network(
            "net",
            NetworkArgs(
                network=found.network,
                region=found.region,
                cluster_name=found.cluster.name,
                services=services(found),
                protect=found.protect,
                tags=found.resource_tags,
            ),
        )
        return {"vpc": made.vpc_id, "public": made.public_subnet_ids, "private": made.private_subnet_ids}

    return record(program)


def test_the_default_network_is_a_vpc_over_four_zones() -> None:
    found = network()
    vpc = found.one("Vpc").inputs
    assert (vpc["cidrBlock"], vpc["enableDnsHostnames"]) == ("10.0.0.0/16", True)
    assert {subnet.inputs["availabilityZone"] for subnet in found.all("Subnet")} == set(ZONES)
    assert found.result == {
        "vpc": "net-vpc-id",
        "public": [f"net-public-{zone}-id" for zone in ZONES],
        "private": [f"net-private-{zone}-id" for zone in ZONES],
    }


def test_load_balancers_find_their_subnets_by_tag() -> None:
    found = network()
    public, private = found.one("Subnet", "net-public-us-west-2a"), found.one("Subnet", "net-private-us-west-2a")
    assert public.inputs["tags"]["kubernetes.io/role/elb"] == "1"
    assert private.inputs["tags"]["kubernetes.io/role/internal-elb"] == "1"
    for subnet in found.all("Subnet"):
        assert subnet.inputs["tags"]["kubernetes.io/cluster/kubeflow-dev"] == "shared"
        assert subnet.inputs["mapPublicIpOnLaunch"] is False


def test_the_default_security_group_lets_nothing_in_or_out() -> None:
    group = network().one("DefaultSecurityGroup").inputs
    assert group["vpcId"] == "net-vpc-id"
    assert not group.get("ingress")
    assert not group.get("egress")


@pytest.mark.parametrize(("nat", "gateways"), [("single", ZONES[:1]), ("per-zone", ZONES)])
def test_private_subnets_reach_out_through_one_nat_gateway_or_their_own(nat: str, gateways: tuple[str, ...]) -> None:
    found = network(networkNat=nat)
    assert {gateway.inputs["subnetId"] for gateway in found.all("NatGateway")} == {
        f"net-public-{zone}-id" for zone in gateways
    }
    for zone in ZONES:
        route = found.one("Route", f"net-private-{zone}-default").inputs
        used = zone if nat == "per-zone" else ZONES[0]
        assert (route["destinationCidrBlock"], route["natGatewayId"]) == ("0.0.0.0/0", f"net-nat-{used}-id")


def associations(found: Recording) -> dict[str, str]:
    return {
        resource.inputs["subnetId"]: resource.inputs["routeTableId"] for resource in found.all("RouteTableAssociation")
    }


def test_every_subnet_has_a_route_table_and_public_ones_the_internet_gateway() -> None:
    found = network()
    expected = {f"net-public-{zone}-id": "net-public-id" for zone in ZONES}
    expected |= {f"net-private-{zone}-id": f"net-private-{zone}-id" for zone in ZONES}
    assert associations(found) == expected
    assert found.one("Route", "net-public-default").inputs["gatewayId"] == "net-internet-id"


def test_a_nat_gateway_waits_for_its_way_out() -> None:
    assert "net-public-default" in network().one("NatGateway").depends_on


def test_s3_is_reached_without_the_nat_gateway() -> None:
    endpoint = network().one("VpcEndpoint").inputs
    assert (endpoint["serviceName"], endpoint["vpcEndpointType"]) == ("com.amazonaws.us-west-2.s3", "Gateway")
    assert set(endpoint["routeTableIds"]) == {"net-public-id", *(f"net-private-{zone}-id" for zone in ZONES)}


def test_a_new_zone_changes_no_resource_of_the_others() -> None:
    def resources(zones: tuple[str, ...]) -> dict[tuple[str, str], dict[str, Any]]:
        found = network(networkZones=list(zones)).resources
        return {
            (resource.type, resource.name): resource.inputs
            for resource in found
            if not resource.type.endswith(("VpcEndpoint", "Network"))
        }

    two, three = resources(ZONES[:2]), resources(ZONES[:3])
    assert {key: three[key] for key in two} == two


def test_everything_is_the_network_s_child_and_tagged_and_the_vpc_alone_is_protected() -> None:
    found = network(protect=True, tags={"team": "ml"})
    (component,) = [resource for resource in found.resources if resource.type == "kubeflow:infra:Network"]
    for resource in found.resources:
        if resource is not component:
            assert (resource.parent, resource.protect) == ("net", resource.name == "net-vpc")
            assert resource.name.startswith("net-")
            if not resource.type.endswith(("Route", "RouteTableAssociation")):
                assert resource.inputs["tags"]["team"] == "ml"
                assert resource.inputs["tags"]["pulumi:stack"] == "dev"


CLOSED = {"networkNat": "none", "imagesFrom": "ecr"}


def test_a_network_without_a_way_out_has_endpoints_of_what_is_asked_and_no_gateway() -> None:
    found = network(**CLOSED)
    assert not found.all("NatGateway")
    assert not found.all("Eip")
    assert [route.name for route in found.all("Route")] == ["net-public-default"]
    interfaces = [one for one in found.all("VpcEndpoint") if one.inputs["vpcEndpointType"] == "Interface"]
    assert {one.inputs["serviceName"].removeprefix("com.amazonaws.us-west-2.") for one in interfaces} == {
        "ec2",
        "ecr.api",
        "ecr.dkr",
        "eks",
        "elasticloadbalancing",
        "logs",
        "sts",
    }
    for one in interfaces:
        assert one.inputs["subnetIds"] == [f"net-private-{zone}-id" for zone in ZONES]
        assert (one.inputs["privateDnsEnabled"], one.inputs["securityGroupIds"]) == (True, ["net-endpoints-id"])
    (rule,) = found.one("SecurityGroup", "net-endpoints").inputs["ingress"]
    assert (rule["fromPort"], rule["toPort"], rule["cidrBlocks"]) == (443, 443, ["10.0.0.0/16"])
    assert found.result["private"] == [f"net-private-{zone}-id" for zone in ZONES]


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"nodesAutoscaling": "cluster-autoscaler"}, {"autoscaling"}),
        ({"files": "efs"}, {"elasticfilesystem"}),
        ({"podAccess": "pod-identity"}, {"eks-auth"}),
        ({"monitoring": "cloudwatch"}, {"monitoring"}),
        ({"sagemaker": True, "kubeflowArtifacts": "s3"}, {"sagemaker.api", "sagemaker.runtime"}),
        ({"database": "rds", "backupDays": 7}, set()),
    ],
)
def test_each_option_brings_the_endpoint_of_what_it_asks(changes: dict[str, Any], more: set[str]) -> None:
    assert set(services(settings(**CLOSED, **changes))) == {*services(settings(**CLOSED)), *more}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"networkNat": "none"},
            "networkNat 'none' leaves nodes no way to the registries of a release; set imagesFrom",
        ),
        (
            {**CLOSED, "imagesSecrets": {"docker.io": SECRET}},
            "imagesSecrets is for images that ECR fetches, and with networkNat none all are copied; remove it.",
        ),
        ({**CLOSED, **OIDC}, "networkNat 'none' leaves pods no way to the issuer that login oidc asks; set login"),
        (
            {**CLOSED, "loginTokens": True},
            "loginTokens wants the keys of the cluster's issuer, which pods do not reach",
        ),
    ],
)
def test_what_needs_the_internet_is_refused_without_a_way_there(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**changes)
    assert said in str(caught.value)


def test_in_china_endpoints_have_other_names() -> None:
    given = {**raw(**CLOSED, networkZones=["cn-north-1a", "cn-north-1b"]), "aws:region": "cn-north-1"}
    with pytest.raises(SettingsError, match=r"networkNat 'none' is not available in cn-north-1, where AWS calls its"):
        load("kubeflow", "dev", given, defaults=DEFAULTS, today=TODAY)


def test_without_a_way_out_ecr_fetches_nothing_and_all_is_copied(tmp_path: Path) -> None:
    sealed = seal_of(settings(**CLOSED), "123456789012", tmp_path)
    assert sealed is not None
    assert sealed.cached == {}
    assert sealed.copies([sealed.name("quay.io/a/b:v1")])
    open_ = seal_of(settings(imagesFrom="ecr"), "123456789012", tmp_path)
    assert open_ is not None
    assert not open_.copies([open_.name("quay.io/a/b:v1")])
