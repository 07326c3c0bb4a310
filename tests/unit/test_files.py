import json
from typing import Literal

from infra.aws.cluster import Cluster, ClusterArgs
from infra.aws.files import Files, FilesArgs
from tests.unit.mocks import Recording, record
from tests.unit.settings_source import settings

TAGS = {"team": "ml"}
NAME = "kubeflow-dev"


def files(
    on_destroy: Literal["keep", "empty"] = "keep", *, protect: bool = False, kept: str | None = None
) -> Recording:
    def program() -> dict[str, object]:
        given = settings()
        cluster = Cluster(
            NAME,
            ClusterArgs(
                cluster=given.cluster,
                nodes=given.nodes,
                region=given.region,
                vpc_id="vpc-1",
                zones=["us-west-2a", "us-west-2b"],
                private_subnet_ids=["subnet-1", "subnet-2"],
                log_group=None,
                tags=TAGS,
            ),
        )
        made = Files(
            NAME,
            FilesArgs(
                cluster=cluster,
                vpc_id="vpc-1",
                subnet_ids=["subnet-1", "subnet-2"],
                region=given.region,
                driver="v3.1.0-eksbuild.1",
                on_destroy=on_destroy,
                kept=kept,
                protect=protect,
                tags=TAGS,
            ),
        )
        return {"id": made.file_system_id}

    return record(program)


def test_the_file_system_is_encrypted_and_known_by_its_token() -> None:
    system = files().one("FileSystem")
    assert system.inputs["encrypted"] is True
    assert system.inputs["creationToken"] == "kubeflow-dev-files"
    assert system.inputs["throughputMode"] == "elastic"
    assert system.inputs["tags"] == {"team": "ml", "Name": "kubeflow-dev-files"}


def test_each_zone_has_a_way_in_for_the_clusters_nodes_alone() -> None:
    found = files()
    group = found.one("SecurityGroup", f"{NAME}-files")
    [rule] = group.inputs["ingress"]
    assert rule == {
        "protocol": "tcp",
        "fromPort": 2049,
        "toPort": 2049,
        "securityGroups": ["sg-cluster"],
    }
    assert "egress" not in group.inputs
    assert sorted(one.inputs["subnetId"] for one in found.all("MountTarget")) == ["subnet-1", "subnet-2"]


def test_only_the_driver_may_make_volumes() -> None:
    found = files()
    [statement] = json.loads(found.one("Role", f"{NAME}-efs-csi").inputs["assumeRolePolicy"])["Statement"]
    [subject] = [value for key, value in statement["Condition"]["StringEquals"].items() if key.endswith(":sub")]
    assert subject == "system:serviceaccount:kube-system:efs-csi-controller-sa"
    policy = found.one("RolePolicyAttachment", f"{NAME}-efs-csi").inputs["policyArn"]
    assert policy == "arn:aws:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy"
    addon = found.one("Addon", f"{NAME}-aws-efs-csi-driver")
    assert addon.inputs["addonVersion"] == "v3.1.0-eksbuild.1"
    assert addon.inputs["serviceAccountRoleArn"].endswith(f":{NAME}-efs-csi")
    # It becomes active on a node only.
    assert f"{NAME}-gp3" in addon.depends_on


def test_a_claim_of_the_class_can_be_served_once_the_class_is_there() -> None:
    [one] = [one for one in files().all("StorageClass") if one.inputs["metadata"]["name"] == "efs"]
    assert one.inputs["provisioner"] == "efs.csi.aws.com"
    assert one.inputs["parameters"]["fileSystemId"] == f"{NAME}-files-id"
    assert "annotations" not in one.inputs["metadata"], "the default class is the cluster's"
    assert {f"{NAME}-files-0", f"{NAME}-files-1", f"{NAME}-aws-efs-csi-driver"} <= one.depends_on


def test_the_files_outlive_the_stack_only_where_that_is_wanted() -> None:
    kept, emptied = files(), files("empty")
    assert kept.one("FileSystem").retain_on_delete
    # In a subnet that stays behind, the network could not go.
    assert not any(one.retain_on_delete for one in kept.all("MountTarget"))
    assert not emptied.one("FileSystem").retain_on_delete


def test_what_an_earlier_life_kept_is_taken_over() -> None:
    assert files(kept="fs-1").one("FileSystem").import_id == "fs-1"


def test_protection_is_of_the_files_and_not_of_the_ways_to_them() -> None:
    found = files(protect=True)
    assert [one.type for one in found.resources if one.protect and "efs" in one.type] == [
        "aws:efs/fileSystem:FileSystem"
    ]
