"""The three ways in which pods get at AWS: what each makes, for whom, and which words refuse what cannot be."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.core.iam_evaluator import EvalContext, evaluate_trust_policy

from infra.aws import associations, eks_api, iam
from infra.aws.associations import AGENT
from infra.kubeflow.pod_access import ANNOTATION, AS_NODE, leaving, notices, use_access
from infra.program import program
from infra.settings import Settings
from ops.doctor.stack import check_pod_access
from ordering.errors import UserError
from ordering.graph import build, id_of
from pipelines import stack as pipelines_stack
from pipelines.stack import Context
from policy.model import Resource as PolicyResource
from policy.rules import imds_v2
from tests.unit.inputs import OBJECTS, inputs
from tests.unit.kubeflow import hook
from tests.unit.mocks import Recording, record
from tests.unit.settings_source import settings

ROLE = "eks.amazonaws.com/role-arn"
ON_EXISTING = {"clusterMode": "existing", "clusterKubeconfig": "~/.kube/config"}
RUNNERS = {"kubeflow/ml-pipeline", "kubeflow/pipeline-runner", "kubeflow-user-example-com/default-editor"}
ACCOUNTS = {
    *RUNNERS,
    "kube-system/ebs-csi-controller-sa",
    "kube-system/efs-csi-controller-sa",
    "kube-system/cluster-autoscaler",
    "amazon-cloudwatch/cloudwatch-agent",
}
ALL = {
    "files": "efs",
    "nodesAutoscaling": "cluster-autoscaler",
    "monitoring": "cloudwatch",
    "monitoringEmail": "platform@example.com",
    "kubeflowArtifacts": "s3",
    "kubeflowProfileNamespaces": ["kubeflow-user-example-com"],
}
SERVER: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "ml-pipeline", "namespace": "kubeflow"},
    "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"serviceAccountName": "ml-pipeline", "containers": [{"name": "a", "image": "a"}]},
        },
    },
}


def made(way: str, *, leaving: bool = False, **changes: Any) -> Recording:
    given = inputs(**{**ALL, **changes, "podAccess": way})
    objects = [*OBJECTS, SERVER]
    release = replace(given.release, objects=objects, graph=build(objects))
    return record(lambda: program(replace(given, release=release, leaving_pod_identity=leaving)).export())


@pytest.fixture(scope="module")
def by_pod_identity() -> Recording:
    return made("pod-identity")


@pytest.fixture(scope="module")
def as_node() -> Recording:
    return made("node")


def trust(found: Recording, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(found.one("Role", name).inputs["assumeRolePolicy"])
    return document


def account(found: Recording, name: str = "ml-pipeline") -> dict[str, Any]:
    (only,) = [one for one in found.all("ServiceAccount") if one.inputs["metadata"]["name"] == name]
    return only.inputs["metadata"].get("annotations") or {}


def server(found: Recording) -> dict[str, Any]:
    (only,) = [one for one in found.all("Deployment") if one.inputs["metadata"]["name"] == "ml-pipeline"]
    marks: dict[str, Any] = only.inputs["spec"]["template"]["metadata"].get("annotations") or {}
    return marks


def test_pod_identity_associates_every_account_that_has_a_role_and_makes_no_oidc_provider(
    by_pod_identity: Recording,
) -> None:
    found = by_pod_identity
    (cluster,) = [one for one in found.resources if one.type == "eks:index:Cluster"]
    assert cluster.inputs["createOidcProvider"] is False
    assert found.exports["oidc_provider_arn"] is None
    given = {
        f"{one.inputs['namespace']}/{one.inputs['serviceAccount']}": one for one in found.all("PodIdentityAssociation")
    }
    assert given.keys() == ACCOUNTS
    for one in given.values():
        assert one.inputs["clusterName"] == "kubeflow-dev"
        assert one.inputs["roleArn"].endswith(f":{one.name}")
        assert f"kubeflow-dev-{AGENT}" in one.depends_on
        assert one.inputs["tags"] == {"pulumi:project": "kubeflow", "pulumi:stack": "dev"}
    assert found.exports["runner_role_arns"].keys() == RUNNERS
    # Nothing but the associations says who has which role.
    assert ROLE not in json.dumps([one.inputs for one in found.resources])
    assert not [one for one in found.all("Addon") if "serviceAccountRoleArn" in one.inputs]


def test_a_role_is_for_the_pods_of_one_account_of_one_cluster(by_pod_identity: Recording) -> None:
    document = trust(by_pod_identity, "kubeflow-dev-kubeflow-ml-pipeline")
    assert document["Statement"][0]["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    tags = {
        "eks-cluster-name": "kubeflow-dev",
        "kubernetes-namespace": "kubeflow",
        "kubernetes-service-account": "ml-pipeline",
    }

    def takes(action: str, **changed: str) -> bool:
        given = {**tags, **{key.replace("_", "-"): value for key, value in changed.items()}}
        context = EvalContext(
            principal_arn="pods",
            principal_type="Service",
            principal_account="1",
            action=f"sts:{action}",
            resource_arn="*",
            region="us-west-2",
            request_tags=given,
            tag_keys=list(given),
        )
        [statement] = document["Statement"]
        return bool(
            evaluate_trust_policy({**document, "Statement": [{**statement, "Principal": "*"}]}, "pods", context)
        )

    assert takes("AssumeRole")
    assert takes("TagSession")
    assert not takes("AssumeRoleWithWebIdentity")
    assert not takes("AssumeRole", kubernetes_namespace="team")
    assert not takes("AssumeRole", kubernetes_service_account="default")
    assert not takes("AssumeRole", eks_cluster_name="kubeflow-prod")


def test_a_profile_s_prefixes_are_those_of_the_namespace_that_its_session_is_tagged_with(
    by_pod_identity: Recording,
) -> None:
    policy = by_pod_identity.one("RolePolicy", "kubeflow-dev-kubeflow-user-example-com-default-editor-bucket")
    _, listing, objects = json.loads(policy.inputs["policy"])["Statement"]
    prefixes = [f"private-artifacts/{iam.NAMESPACE_TAG}/*", f"private/{iam.NAMESPACE_TAG}/*", "shared/*"]
    assert listing["Condition"]["StringLike"]["s3:prefix"] == prefixes
    assert [one.partition("/")[2] for one in objects["Resource"]] == prefixes


def test_pods_and_add_ons_come_after_what_gives_them_their_roles(by_pod_identity: Recording) -> None:
    found = by_pod_identity
    for addon, association in (
        ("aws-ebs-csi-driver", "ebs-csi"),
        ("aws-efs-csi-driver", "efs-csi"),
        ("amazon-cloudwatch-observability", "cloudwatch"),
    ):
        assert f"kubeflow-dev-{association}" in found.one("Addon", f"kubeflow-dev-{addon}").depends_on
    first = found.one("Namespace", "kubeflow").depends_on
    assert {f"kubeflow-dev-{key.replace('/', '-')}" for key in RUNNERS} <= first
    assert "kubeflow-dev-autoscaler" in first


def test_before_another_way_associations_go_and_nothing_else_changes(by_pod_identity: Recording) -> None:
    left = made("pod-identity", leaving=True)
    before = {(one.type, one.name): one.inputs for one in by_pod_identity.resources}
    gone = before.keys() - {(one.type, one.name) for one in left.resources}
    assert {kind for kind, _ in gone} == {"aws:eks/podIdentityAssociation:PodIdentityAssociation"}
    assert len(gone) == len(ACCOUNTS)
    assert all(before[one.type, one.name] == one.inputs for one in left.resources)


def test_as_the_node_pods_reach_its_role_which_may_what_all_of_them_need(as_node: Recording) -> None:
    found = as_node
    template = found.one("LaunchTemplate").inputs
    assert template["metadataOptions"]["httpPutResponseHopLimit"] == 2
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert not found.all("PodIdentityAssociation")
    assert {one.name for one in found.all("Role")} == {"kubeflow-dev-node"}
    assert found.exports["runner_role_arns"] == {}
    of_nodes = [one for one in found.all("RolePolicy") if one.inputs["role"] == "kubeflow-dev-node"]
    assert {one.name.removeprefix("kubeflow-dev-") for one in of_nodes} == {
        "node-bucket",
        "node-images",
        "autoscaler",
        "cloudwatch",
    }
    (bucket,) = [json.loads(one.inputs["policy"]) for one in of_nodes if one.name.endswith("bucket")]
    assert bucket["Statement"][2]["Resource"] == ["arn:aws:mock:us-west-2:123456789012:kubeflow-dev-artifacts/*"]
    assert bucket["Statement"][3]["Effect"] == "Deny"
    attached = {one.inputs["policyArn"].rpartition("/")[2] for one in found.all("RolePolicyAttachment")}
    assert {"AmazonEBSCSIDriverPolicyV2", "AmazonEFSCSIDriverPolicy"} <= attached
    assert ROLE not in json.dumps([one.inputs for one in found.resources])
    (cluster,) = [one for one in found.resources if one.type == "eks:index:Cluster"]
    assert cluster.inputs["createOidcProvider"] is False


def test_every_pool_s_nodes_let_pods_reach_their_role_where_they_are_to() -> None:
    pool = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "max": 2}
    templates = made("node", nodePools=[pool]).all("LaunchTemplate")
    assert [one.inputs["metadataOptions"]["httpPutResponseHopLimit"] for one in templates] == [2, 2]


@pytest.mark.parametrize(("way", "mark"), [("irsa", None), ("pod-identity", "pod-identity"), ("node", "node")])
def test_pods_are_made_again_where_their_account_gets_at_aws_another_way(way: str, mark: str | None) -> None:
    found = made(way)
    assert server(found).get(ANNOTATION) == mark
    assert (ROLE in account(found)) is (way == "irsa")


def test_of_workloads_those_of_the_accounts_alone_are_marked() -> None:
    other = {**SERVER, "metadata": {"name": "other", "namespace": "team"}}
    objects = {id_of(one): one for one in (SERVER, other)}
    marked = use_access(objects, "node", {"kubeflow/ml-pipeline"})
    assert [ANNOTATION in json.dumps(one) for one in marked.values()] == [True, False]
    assert ANNOTATION not in json.dumps(SERVER)


def test_what_an_operator_makes_pods_of_is_marked_where_it_takes_that() -> None:
    alerts = {"serviceAccountName": "alertmanager-main", "podMetadata": {"labels": {"a": "b"}}}
    about = {"name": "main", "namespace": "monitoring"}
    given = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Alertmanager", "metadata": about, "spec": alerts}
    (marked,) = use_access({id_of(given): given}, "pod-identity", {"monitoring/alertmanager-main"}).values()
    assert marked["spec"]["podMetadata"] == {"labels": {"a": "b"}, "annotations": {ANNOTATION: "pod-identity"}}
    assert use_access({id_of(given): given}, "irsa", {"monitoring/alertmanager-main"})[id_of(given)] == given


@pytest.mark.parametrize(("way", "disabled"), [("irsa", "true"), ("pod-identity", "true"), ("node", "false")])
def test_a_profile_s_proxy_gets_at_the_bucket_the_same_way(way: str, disabled: str) -> None:
    environ = {**hook.HOOK_ENVIRONMENT, "POD_ACCESS": way}
    # The Profile controller has left the role there.
    shown = hook.program().sync(hook.NAMESPACE, {}, hook.related("arn:aws:iam::1:role/ada"), environ)["attachments"]
    (template,) = [one["spec"]["template"] for one in shown if one["kind"] == "Deployment"]
    wanted = {ROLE: "arn:aws:iam::1:role/ada"} if way == "irsa" else {ANNOTATION: way}
    assert template["metadata"]["annotations"] == wanted
    [container] = template["spec"]["containers"]
    assert {"name": "AWS_EC2_METADATA_DISABLED", "value": disabled} in container["env"]


def test_what_every_pod_may_is_told_where_it_is_so() -> None:
    assert notices(settings(podAccess="node")) == [AS_NODE]
    assert notices(settings(podAccess="pod-identity")) == notices(settings()) == []
    assert "podAccess becomes irsa in two runs" in leaving(settings())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"podAccess": "kiam"}, "podAccess 'kiam' is not one of irsa, pod-identity, node."),
        ({"podAccess": "node", **ON_EXISTING}, "podAccess 'node' widens the role of nodes, and those of an existing"),
        ({"podAccess": "pod-identity", **ON_EXISTING}, "podAccess 'pod-identity' needs EKS's name of the existing"),
        (
            {"podAccess": "pod-identity", "clusterMode": "existing", "clusterStack": "a/b/c", "clusterName": "lab"},
            "podAccess 'pod-identity' looks for the agent in the cluster",
        ),
        ({"podAccess": "node", "sagemaker": True}, "sagemaker needs a role for each service account"),
        ({"sagemaker": True, **ON_EXISTING}, "set clusterOidcProviderArn, or podAccess to pod-identity."),
        ({"kubeflowArtifacts": "s3", **ON_EXISTING}, "set clusterOidcProviderArn, or podAccess to pod-identity."),
        (
            {"podAccess": "node", "cloud": "none", **ON_EXISTING},
            "podAccess is a setting of AWS, and cloud is none; remove it, or set cloud to aws.",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        settings(**changes)
    assert words in str(caught.value)


def test_an_existing_cluster_s_accounts_are_associated_where_eks_knows_it() -> None:
    changes: dict[str, Any] = {**ON_EXISTING, "kubeflowArtifacts": "s3"}
    given = inputs(**changes, podAccess="pod-identity", clusterName="lab", sagemaker=True)
    found = record(lambda: program(given).export())
    assert {one.inputs["clusterName"] for one in found.all("PodIdentityAssociation")} == {"lab"}
    assert found.exports["runner_role_arns"].keys() == RUNNERS
    assert not found.all("Addon")


class Eks:
    """What EKS says of one cluster, `lab`."""

    class exceptions:  # noqa: N801
        class ResourceNotFoundException(ClientError):  # noqa: N818
            pass

    def __init__(
        self, *addons: str, auto: bool = False, tags: dict[str, str] | None = None, refuses: bool = False
    ) -> None:
        self.addons, self.auto, self.tags, self.refuses = addons, auto, tags, refuses

    def describe_cluster(self, name: str) -> dict[str, Any]:
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeCluster")
        self._known(name)
        return {"cluster": {"name": name, "computeConfig": {"enabled": self.auto}}}

    def describe_pod_identity_association(self, clusterName: str, associationId: str) -> dict[str, Any]:  # noqa: N803
        return {"association": {"associationId": associationId, "tags": self.tags}}

    def get_paginator(self, operation: str) -> "Pages":
        return Pages(self, operation)

    def _known(self, name: str) -> None:
        if name != "lab":
            raise Eks.exceptions.ResourceNotFoundException({"Error": {"Code": "ResourceNotFoundException"}}, "any")


class Pages:
    def __init__(self, eks: Eks, operation: str) -> None:
        self.eks, self.operation = eks, operation

    def paginate(self, clusterName: str) -> list[dict[str, Any]]:  # noqa: N803
        self.eks._known(clusterName)
        if self.operation == "list_addons":
            return [{"addons": list(self.eks.addons)}]
        return [{"associations": [] if self.eks.tags is None else [{"associationId": "a-1"}]}]


def asked(monkeypatch: pytest.MonkeyPatch, eks: Eks, cluster: str = "lab") -> Settings:
    monkeypatch.setattr(eks_api, "client", lambda _: eks)
    return settings(**ON_EXISTING, podAccess="pod-identity", clusterName=cluster)


@pytest.mark.parametrize(
    ("eks", "cluster", "words"),
    [
        (Eks("vpc-cni"), "lab", "the cluster lab lacks the add-on eks-pod-identity-agent; install it"),
        (Eks(), "shop", "EKS has no cluster shop in us-west-2; set clusterName"),
        (Eks(refuses=True), "lab", "allow eks:Describe*"),
    ],
)
def test_a_cluster_without_the_agent_is_refused(
    monkeypatch: pytest.MonkeyPatch, eks: Eks, cluster: str, words: str
) -> None:
    with pytest.raises(UserError, match=r"podAccess|Pod Identity") as caught:
        associations.check_agent(asked(monkeypatch, eks, cluster))
    assert words in str(caught.value)


@pytest.mark.parametrize("eks", [Eks("vpc-cni", AGENT), Eks(auto=True)])
def test_a_cluster_with_the_agent_is_taken(monkeypatch: pytest.MonkeyPatch, eks: Eks) -> None:
    associations.check_agent(asked(monkeypatch, eks))


def test_doctor_warns_of_what_every_pod_may_and_looks_for_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    [told] = check_pod_access(settings(podAccess="node"))
    assert (told.state, "read and write all artifacts of all profiles" in told.found) == ("warning", True)
    assert list(check_pod_access(settings(podAccess="pod-identity"))) == []
    [told] = check_pod_access(asked(monkeypatch, Eks(AGENT)))
    assert (told.state, told.found) == ("ok", "the cluster lab has the agent of EKS Pod Identity")
    with pytest.raises(UserError, match="lacks the add-on"):
        list(check_pod_access(asked(monkeypatch, Eks())))


@pytest.mark.parametrize(
    ("eks", "cluster", "some"),
    [
        (Eks(tags={"pulumi:project": "kubeflow", "pulumi:stack": "dev"}), "lab", True),
        (Eks(tags={"pulumi:project": "kubeflow", "pulumi:stack": "prod"}), "lab", False),
        (Eks(tags={}), "lab", False),
        (Eks(), "lab", False),
        (Eks(), "shop", False),
    ],
)
def test_associations_of_others_are_not_the_stack_s(
    monkeypatch: pytest.MonkeyPatch, eks: Eks, cluster: str, some: bool
) -> None:
    assert associations.has_some(asked(monkeypatch, eks, cluster)) is some


@pytest.mark.parametrize(
    ("tags", "hops", "refused"),
    [({}, 1, False), ({}, 2, True), ({iam.POD_ACCESS_TAG: "node"}, 2, False), ({iam.POD_ACCESS_TAG: "node"}, 3, True)],
)
def test_the_policy_takes_a_second_hop_only_where_it_is_meant(tags: dict[str, str], hops: int, refused: bool) -> None:
    inputs_ = {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": hops}, "tags": tags}
    kind = "aws:ec2/launchTemplate:LaunchTemplate"
    resource = PolicyResource(type=kind, urn=f"urn:pulumi:dev::kubeflow::{kind}::a", inputs=inputs_)
    assert bool(list(imds_v2(resource))) is refused


@pytest.mark.parametrize("way", ["pod-identity", "node"])
def test_steps_on_the_laptop_take_their_role_by_irsa_alone(way: str) -> None:
    given = {"kubeconfig": "{}", "region": "us-west-2", "runner_role_arns": {}, "pod_access": way}
    stack = pipelines_stack.read("local", Context(outputs=lambda _: given, environment=lambda _: {}))
    with (
        pytest.raises(UserError, match=f"podAccess of stack 'local' is {way}; set it to irsa"),
        pipelines_stack.environment_of_steps(stack),
    ):
        pass
