import dataclasses
import json
from typing import Any

import pulumi
import pytest

from infra import versions
from infra.aws.cluster import Cluster, ClusterAccess, ClusterArgs, protected
from infra.aws.existing import ExistingClusterArgs, existing_cluster
from tests.unit.mocks import ISSUER, KUBECONFIG, OIDC_PROVIDER, Recording, record
from tests.unit.settings_source import settings

ADMINISTRATOR = "arn:aws:iam::123456789012:role/team/ops"


def cluster(
    log_group: str | None = None,
    let_in_already: frozenset[str] = frozenset(),
    forced: bool = True,
    **changes: Any,
) -> Recording:
    found = settings(**changes)

    def program() -> dict[str, Any]:
        made = Cluster(
            "c",
            ClusterArgs(
                cluster=found.cluster,
                nodes=found.nodes,
                pools=found.pools,
                region=found.region,
                vpc_id="vpc-1",
                zones=found.network.zones,
                private_subnet_ids=["a", "b", "c", "d"],
                log_group=log_group,
                let_in_already=let_in_already,
                forced=forced,
                protect=found.protect,
                tags=found.resource_tags,
            ),
        )
        return {
            "name": made.name,
            "kubeconfig": made.access.kubeconfig,
            "kubeconfig is secret": made.access.kubeconfig.is_secret() if made.access.kubeconfig else None,
            "provider": made.access.oidc_provider_arn,
            "issuer": made.access.issuer,
            "group": made.security_group_id,
        }

    return record(program)


@pytest.fixture(scope="module")
def made() -> Recording:
    return cluster(clusterAdministrators=[ADMINISTRATOR], tags={"team": "ml"}, protect=True)


def eks(found: Recording) -> dict[str, Any]:
    (resource,) = [resource for resource in found.resources if resource.type == "eks:index:Cluster"]
    return resource.inputs


def addon(found: Recording, name: str) -> dict[str, Any]:
    (only,) = [resource.inputs for resource in found.all("Addon") if resource.inputs["addonName"] == name]
    return only


def test_people_come_in_by_access_entries_only(made: Recording) -> None:
    found = eks(made)
    assert found["authenticationMode"] == "API"
    (entry,) = found["accessEntries"].values()
    assert entry["principalArn"] == ADMINISTRATOR
    (policy,) = entry["accessPolicies"].values()
    assert policy["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert policy["accessScope"] == {"type": "cluster"}


def test_viewers_read_and_whom_eks_lets_in_anyway_gets_no_second_entry() -> None:
    creator, viewer = "arn:aws:iam::123456789012:user/ada", "arn:aws:iam::123456789012:role/ci-preview"
    found = cluster(
        clusterAdministrators=[ADMINISTRATOR, creator], clusterViewers=[viewer], let_in_already=frozenset({creator})
    )
    entries = {
        entry["principalArn"]: [policy["policyArn"].rpartition("/")[2] for policy in entry["accessPolicies"].values()]
        for entry in eks(found)["accessEntries"].values()
    }
    assert entries == {ADMINISTRATOR: ["AmazonEKSClusterAdminPolicy"], viewer: ["AmazonEKSViewPolicy"]}


def test_the_cluster_stays_in_standard_support_with_encrypted_secrets(made: Recording) -> None:
    found = eks(made)
    assert (found["name"], found["version"]) == ("kubeflow-dev", "1.35")
    assert found["upgradePolicy"] == {"supportType": "STANDARD"}
    assert found["encryptionConfigKeyArn"] == "arn:aws:mock:us-west-2:123456789012:c-secrets"
    assert made.one("Key").inputs["enableKeyRotation"] is True
    assert (found["createOidcProvider"], found["skipDefaultNodeGroup"]) == (True, True)


def test_control_plane_logs_go_to_a_group_that_is_there_first(made: Recording) -> None:
    group = made.one("LogGroup")
    assert (group.inputs["name"], group.inputs["retentionInDays"]) == ("/aws/eks/kubeflow-dev/cluster", 30)
    (resource,) = [resource for resource in made.resources if resource.type == "eks:index:Cluster"]
    assert group.name in resource.depends_on
    assert set(resource.inputs["enabledClusterLogTypes"]) == {
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    }


@pytest.mark.parametrize(("cidrs", "public"), [(["203.0.113.0/24"], True), ([], False)])
def test_the_api_is_private_and_public_only_to_those_named(cidrs: list[str], public: bool) -> None:
    found = eks(cluster(clusterPublicAccessCidrs=cidrs))
    assert (found["endpointPrivateAccess"], found["endpointPublicAccess"]) == (True, public)
    assert found.get("publicAccessCidrs", []) == cidrs


def test_the_control_plane_keeps_to_two_zones_and_nodes_take_all(made: Recording) -> None:
    assert eks(made)["privateSubnetIds"] == ["a", "b"]
    assert made.one("ManagedNodeGroup").inputs["subnetIds"] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("version", list(versions.KUBERNETES))
def test_every_addon_is_pinned_for_the_version(version: str) -> None:
    found, pins = cluster(clusterVersion=version), versions.KUBERNETES[version].addons
    assert eks(found)["vpcCniOptions"]["addonVersion"] == pins.vpc_cni
    assert eks(found)["vpcCniOptions"]["enableNetworkPolicy"] is True
    assert eks(found)["kubeProxyAddonOptions"]["version"] == pins.kube_proxy
    assert addon(found, "coredns")["addonVersion"] == pins.coredns
    for one in found.all("Addon"):
        assert one.inputs["addonVersion"] == pins.by_name[one.inputs["addonName"]]


def test_nodes_run_the_pinned_image_or_the_newest_when_none_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "releaseVersion" not in cluster().one("ManagedNodeGroup").inputs
    pinned = dataclasses.replace(versions.KUBERNETES["1.35"], images={"AL2023_x86_64_STANDARD": "1.35.3-20261112"})
    monkeypatch.setitem(versions.KUBERNETES, "1.35", pinned)
    assert cluster().one("ManagedNodeGroup").inputs["releaseVersion"] == "1.35.3-20261112"


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("g6.2xlarge", "AL2023_x86_64_NVIDIA"),
        ("p5en.48xlarge", "AL2023_x86_64_NVIDIA"),
        ("inf2.xlarge", "AL2023_x86_64_NEURON"),
        ("g4ad.xlarge", "AL2023_x86_64_STANDARD"),
    ],
)
def test_nodes_with_an_accelerator_run_the_image_with_its_drivers(
    kind: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = dataclasses.replace(versions.KUBERNETES["1.35"], images={"AL2023_x86_64_STANDARD": "1.35.3-20261112"})
    monkeypatch.setitem(versions.KUBERNETES, "1.35", pinned)
    found = cluster(nodesInstanceType=kind).one("ManagedNodeGroup").inputs
    assert found["amiType"] == image
    assert ("releaseVersion" in found) is (image == "AL2023_x86_64_STANDARD")


def test_coredns_and_volumes_wait_for_nodes(made: Recording) -> None:
    assert eks(made)["corednsAddonOptions"]["enabled"] is False
    waits = {resource.name: resource.depends_on for resource in made.all("Addon")}
    assert "c-snapshot-controller" in waits.pop("c-aws-ebs-csi-driver")
    assert set(waits) == {"c-coredns", "c-metrics-server", "c-eks-node-monitoring-agent", "c-snapshot-controller"}
    assert all("c-nodes" in needs for needs in waits.values())


def test_the_node_group_is_five_m5_xlarge_on_al2023() -> None:
    found = cluster().one("ManagedNodeGroup").inputs
    assert (found["instanceTypes"], found["amiType"], found["version"]) == (
        ["m5.xlarge"],
        "AL2023_x86_64_STANDARD",
        "1.35",
    )
    assert found["scalingConfig"] == {"minSize": 5, "desiredSize": 5, "maxSize": 8}
    assert found["nodeGroupNamePrefix"] == "kubeflow-dev-"
    assert found["launchTemplate"] == {"id": "c-node-id", "version": "3"}


def test_nodes_follow_the_settings() -> None:
    found = cluster(nodesInstanceType="m6i.large", nodesMin=2, nodesDesired=3, nodesMax=4, nodesDiskGiB=50)
    group = found.one("ManagedNodeGroup").inputs
    assert (group["instanceTypes"], group["scalingConfig"]["desiredSize"]) == (["m6i.large"], 3)
    (disk,) = found.one("LaunchTemplate").inputs["blockDeviceMappings"]
    assert disk["ebs"] == {"volumeSize": 50, "volumeType": "gp3", "encrypted": "true", "deleteOnTermination": "true"}


def test_pods_cannot_borrow_the_node_s_role(made: Recording) -> None:
    found = made.one("LaunchTemplate").inputs["metadataOptions"]
    assert found == {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1}


def test_instances_and_their_disks_carry_the_tags(made: Recording) -> None:
    found = made.one("LaunchTemplate").inputs["tagSpecifications"]
    assert {item["resourceType"]: item["tags"]["team"] for item in found} == {"instance": "ml", "volume": "ml"}


def test_nodes_have_just_the_policies_they_need_and_have_them_first(made: Recording) -> None:
    attached = [item for item in made.all("RolePolicyAttachment") if item.inputs["role"] == "c-node"]
    assert {item.inputs["policyArn"].rpartition("/")[2] for item in attached} == {
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonEC2ContainerRegistryReadOnly",
        "AmazonSSMManagedInstanceCore",
    }
    assert {item.name for item in attached} <= made.one("ManagedNodeGroup").depends_on
    trust = json.loads(made.one("Role", "c-node").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}


def test_only_the_volume_driver_s_account_gets_its_role(made: Recording) -> None:
    trust = json.loads(made.one("Role", "c-ebs-csi").inputs["assumeRolePolicy"])["Statement"][0]
    assert trust["Principal"] == {"Federated": OIDC_PROVIDER}
    assert trust["Condition"]["StringEquals"][f"{ISSUER}:sub"] == (
        "system:serviceaccount:kube-system:ebs-csi-controller-sa"
    )
    assert made.one("RolePolicyAttachment", "c-ebs-csi").inputs["policyArn"] == (
        "arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2"
    )
    driver = addon(made, "aws-ebs-csi-driver")
    assert driver["serviceAccountRoleArn"].endswith(":c-ebs-csi")
    assert json.loads(driver["configurationValues"])["controller"]["extraVolumeTags"]["team"] == "ml"


def test_the_default_storage_class_is_encrypted_and_waits_for_the_pod(made: Recording) -> None:
    found = made.one("StorageClass")
    assert found.inputs["metadata"] == {
        "name": "gp3",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    }
    assert found.inputs["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert (found.inputs["provisioner"], found.inputs["volumeBindingMode"]) == (
        "ebs.csi.aws.com",
        "WaitForFirstConsumer",
    )
    assert found.provider == "c-kubernetes"
    assert "c-aws-ebs-csi-driver" in found.depends_on


def test_snapshots_of_its_volumes_have_a_default_class_once_their_kind_is_there(made: Recording) -> None:
    found = made.one("VolumeSnapshotClass")
    assert found.inputs["metadata"] == {
        "name": "ebs",
        "annotations": {"snapshot.storage.kubernetes.io/is-default-class": "true"},
    }
    assert found.inputs["driver"] == made.one("StorageClass").inputs["provisioner"]
    assert found.inputs["deletionPolicy"] == "Delete", "a destroy drains it, as it does volumes"
    assert found.provider == "c-kubernetes"
    assert "c-snapshot-controller" in made.one("Addon", "c-aws-ebs-csi-driver").depends_on
    assert "c-aws-ebs-csi-driver" in found.depends_on


def test_objects_wait_for_nodes_and_survive_a_new_kubeconfig(made: Recording) -> None:
    found = made.one("kubernetes")
    assert "c-nodes" in found.depends_on
    assert found.inputs["clusterIdentifier"] == "kubeflow-dev"
    assert found.inputs["kubeconfig"] == KUBECONFIG
    assert found.secret == {"kubeconfig"}
    assert {found.inputs[f"enable{what}"] for what in ("ServerSideApply", "ConfigMapMutable", "SecretMutable")} == {
        "true"
    }


def test_the_outputs_are_what_the_stack_exports(made: Recording) -> None:
    assert made.result == {
        "name": "kubeflow-dev",
        "kubeconfig": KUBECONFIG,
        "kubeconfig is secret": True,
        "provider": OIDC_PROVIDER,
        "issuer": ISSUER,
        "group": "sg-cluster",
    }


@pytest.mark.parametrize("protect", [True, False])
def test_protection_keeps_the_control_plane_and_its_key_and_nothing_that_may_be_replaced(protect: bool) -> None:
    found = cluster(protect=protect)
    assert {one.name for one in found.resources if one.protect} == ({"c-secrets"} if protect else set())
    assert eks(found)["deletionProtection"] is protect


@pytest.mark.parametrize(
    ("kind", "kept"), [("aws:eks/cluster:Cluster", True), ("aws:eks/accessEntry:AccessEntry", False)]
)
def test_of_the_sdk_s_component_the_control_plane_alone_is_protected(kind: str, kept: bool) -> None:
    opts = pulumi.ResourceOptions(ignore_changes=["a"])
    result = protected(pulumi.ResourceTransformArgs(True, kind, "name", {"name": "x"}, opts))
    assert (result is not None) is kept
    if result is not None:
        assert (result.opts.protect, result.opts.ignore_changes, result.props) == (True, ["a"], {"name": "x"})


def test_everything_is_the_cluster_s_child_and_tagged(made: Recording) -> None:
    for resource in made.resources:
        if resource.type == "kubeflow:infra:Cluster":
            continue
        assert resource.name.startswith("c-")
        assert resource.parent == "c", resource.name
        if resource.type.startswith(("aws:", "eks:")) and not resource.type.endswith(
            ("RolePolicyAttachment", "kms/alias:Alias")
        ):
            assert resource.inputs["tags"]["team"] == "ml", resource.name


def existing(kubeconfig: str | None = None, **changes: str) -> Recording:
    cluster = settings(clusterMode="existing", **changes).cluster

    def program() -> dict[str, Any]:
        access: ClusterAccess = existing_cluster(
            "mine", ExistingClusterArgs(cluster=cluster, kubeconfig=kubeconfig, with_roles=True)
        )
        return {
            "kubeconfig": access.kubeconfig,
            "secret": access.kubeconfig.is_secret() if access.kubeconfig else None,
            "issuer": access.issuer,
        }

    return record(program)


def test_an_existing_cluster_makes_nothing_in_aws() -> None:
    found = existing(KUBECONFIG, clusterContext="eks")
    (only,) = found.resources
    assert (only.type, only.inputs["context"], only.inputs["kubeconfig"]) == (
        "pulumi:providers:kubernetes",
        "eks",
        KUBECONFIG,
    )
    assert found.result == {"kubeconfig": KUBECONFIG, "secret": True, "issuer": None}


def test_an_existing_cluster_may_be_kubectl_s_own() -> None:
    found = existing(clusterContext="eks", clusterOidcProviderArn=OIDC_PROVIDER)
    assert "kubeconfig" not in found.one("kubernetes").inputs
    assert found.result == {"kubeconfig": None, "secret": None, "issuer": ISSUER}


def test_an_existing_cluster_may_be_another_stack_s() -> None:
    found = existing(clusterStack="organization/clusters/shared")
    assert found.one("kubernetes").inputs["kubeconfig"] == KUBECONFIG
    assert found.result == {"kubeconfig": KUBECONFIG, "secret": True, "issuer": ISSUER}


@pytest.mark.parametrize("forced", [True, False])
def test_fields_of_others_are_taken_or_an_error(forced: bool) -> None:
    provider = cluster(forced=forced).one("kubernetes", "c-kubernetes")
    assert provider.inputs["enablePatchForce"] == json.dumps(forced)


def test_network_policies_are_enforced_unless_the_stack_says_no() -> None:
    assert eks(cluster(clusterNetworkPolicy="false"))["vpcCniOptions"]["enableNetworkPolicy"] is False
