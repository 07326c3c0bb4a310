"""Every role of the program, taken with a token of the real API server: what it may on AWS, and nothing beside it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml
from botocore.exceptions import ClientError

from infra.aws import iam
from infra.kubeflow.s3 import COMPONENT, ROLE_ANNOTATION
from localcloud import plane
from pipelines.__main__ import main
from pipelines.stack import Context
from tests.local import permissions
from tests.local.aws_cloud import running_cloud
from tests.local.cluster import Cluster, Manifest, config_map, crd, deployment, namespace, service, until
from tests.local.identities import EBS, PODS, World, furnish, program, session, subnets
from tests.local.permissions import BACKUPS, OTHERS, OWN, Places
from tests.local.stack import REGION, aws_client

# What the pods of each account do. The API server of Pipelines 2.16 keeps packages and looks at the bucket; the driver,
# the launcher and Argo's executor read, write and list where their run's artifacts are; the executor pulls images.
OBJECTS = ("list", "get", "put", "delete", "parts", "abort")
IMAGES = {"registry's token", "images", "image", "layers", "layer"}
OF_OTHER = ("private-artifacts/other/", "private/other/", "shared/")
EVERYTHING = {f"{ask} {prefix}" for ask in OBJECTS for prefix in (*OWN, *OTHERS)} | {f"list {BACKUPS}"}
MAY = {
    "kubeflow/ml-pipeline": EVERYTHING | IMAGES | {"head_bucket", "list_objects_v2", "get_bucket_location"},
    "kubeflow/pipeline-runner": EVERYTHING | IMAGES | {"head_bucket", "list_objects_v2", "get_bucket_location"},
    "team/default-editor": {f"{ask} {prefix}" for ask in OBJECTS for prefix in OWN} | IMAGES | {"get_bucket_location"},
    "other/default-editor": {f"{ask} {prefix}" for ask in OBJECTS for prefix in OF_OTHER}
    | IMAGES
    | {"get_bucket_location"},
    EBS: set[str](),
}
BY_ROLES = ("irsa", "pod-identity")
ACCOUNTS = [*MAY, "kubeflow/ml-pipeline-ui", "kubeflow/default", "team/default"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root: Path = tmp_path_factory.mktemp("identities")
    try:
        cluster = Cluster(plane.start(root))
        for account in ACCOUNTS:
            place, _, name = account.partition("/")
            about = {"name": name, "namespace": place}
            cluster.apply(namespace(place), {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about})
            pod = {"serviceAccountName": name, "containers": [{"name": "a", "image": "a"}]}
            bound = {"name": f"of-{name}", "namespace": place}
            cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": bound, "spec": pod})
        with running_cloud(root, plane.kubeconfig(root)) as cloud:
            trust = iam.to_json(iam.service_trust_policy("eks.amazonaws.com"))
            role = cloud.client("iam").create_role(RoleName="clusters", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
            network = {"subnetIds": subnets(cloud.client("ec2"))}
            for name in ("there", "there-2"):
                cloud.client("eks").create_cluster(name=name, roleArn=role, resourcesVpcConfig=network)
            stack = cloud.stack("identities", lambda: program(plane.issuer(root)))
            out = {name: output.value for name, output in stack.up().outputs.items()}
            places = Places(
                bucket=out["bucket"],
                other_bucket=f"{out['bucket']}-2",
                repository=out["repository"],
                other_repository=f"{out['repository']}-2",
                role=out["administrator"],
                cluster="there",
            )
            furnish(cloud.environment, places)
            yield World(cloud.environment, cluster, out["roles"], out["associated"], out["node"], places)
    finally:
        plane.stop(root, wipe=True)


def test_every_account_with_a_role_is_known_here(world: World) -> None:
    assert world.roles.keys() == world.associated.keys() == MAY.keys()


@pytest.mark.parametrize("account", MAY)
def test_a_role_is_for_its_account_alone(world: World, account: str) -> None:
    takers = {one for one in ACCOUNTS if world.may_take(world.roles[account], world.token(one))}
    assert takers == {account}
    assert not world.may_take(world.roles[account], world.token(account, audience="https://kubernetes.default.svc"))


@pytest.mark.parametrize("account", MAY)
@pytest.mark.parametrize("way", BY_ROLES)
def test_an_account_may_do_what_its_pods_do_and_nothing_else(world: World, account: str, way: str) -> None:
    assert permissions.allowed(world.taken(way, account), world.places) == MAY[account]


def test_as_the_node_every_pod_may_what_the_platform_s_own_may(world: World) -> None:
    sts = aws_client("sts", world.environment)
    given = sts.assume_role(RoleArn=world.node, RoleSessionName="node")["Credentials"]
    assert permissions.allowed(session(world.environment, given), world.places) == MAY["kubeflow/ml-pipeline"]


def test_by_an_association_a_pod_gets_its_account_s_role_and_no_other(world: World) -> None:
    for account in sorted(set(ACCOUNTS) - MAY.keys()):
        with pytest.raises(ClientError, match="no association"):
            world.associated_with(world.token(account, PODS, pod=True))
    good = world.token("team/default-editor", PODS, pod=True)
    for token, cluster, words in (
        (world.token("team/default-editor", pod=True), "there", "audience"),
        (world.token("team/default-editor", PODS), "there", "not bound to a pod"),
        (f"{good[:-4]}AAAA", "there", "not signed by the local API server"),
        (good, "there-2", "no association"),
    ):
        with pytest.raises(ClientError, match=words):
            world.associated_with(token, cluster)
    # Whoever may not ask as a node does gets nothing, with the best of tokens.
    nobody = replace(world, environment=world.taken("pod-identity", "team/default-editor"))
    with pytest.raises(ClientError, match="AccessDenied"):
        nobody.associated_with(good)


def test_a_role_at_another_account_s_pods_is_not_taken_or_reaches_their_prefixes_alone(world: World) -> None:
    eks, roles = aws_client("eks", world.environment), aws_client("iam", world.environment)
    role, token = world.associated["team/default-editor"], world.token("other/default-editor", PODS, pod=True)
    where = {"clusterName": "there", "namespace": "other", "serviceAccount": "default-editor"}
    [association] = eks.list_pod_identity_associations(**where)["associations"]
    known = {"clusterName": "there", "associationId": association["associationId"]}
    eks.update_pod_identity_association(**known, roleArn=role)
    with pytest.raises(ClientError, match="AccessDenied"):
        world.associated_with(token)
    name = role.rpartition("/")[2]
    document = roles.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    [statement] = document["Statement"]
    for changed, taken in (
        ({**statement, "Action": ["sts:AssumeRole"], "Condition": {}}, False),
        ({**statement, "Condition": {}}, True),
    ):
        trust = json.dumps({**document, "Statement": [changed]})
        roles.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        if not taken:
            with pytest.raises(ClientError, match="AccessDenied"):
                world.associated_with(token)
    assert permissions.allowed(world.associated_with(token), world.places) == MAY["other/default-editor"]
    roles.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    eks.update_pod_identity_association(**known, roleArn=world.associated["other/default-editor"])


def test_an_administrator_may_ask_for_the_cluster_and_nothing_else(world: World) -> None:
    sts = aws_client("sts", world.environment)
    given = sts.assume_role(RoleArn=world.places.role, RoleSessionName="somebody")["Credentials"]
    assert permissions.allowed(session(world.environment, given), world.places) == {"cluster"}


def hooked(world: World) -> list[Manifest]:
    """What of a release makes the proxies: metacontroller, its decorator, and the hook behind it."""
    controller = "kubeflow-pipelines-profile-controller"
    component = Path(__file__).parents[2] / COMPONENT
    spec = yaml.safe_load((component / "metacontroller.yaml").read_text())["spec"]
    enabled = {"matchLabels": {"pipelines.kubeflow.org/enabled": "true"}}
    spec["resources"] = [{"apiVersion": "v1", "resource": "namespaces", "labelSelector": enabled}]
    spec["hooks"]["sync"] = {"webhook": {"url": f"http://{controller}/sync"}}
    program = config_map("kubeflow", "profile-controller-s3", **{"sync.py": (component / "sync.py").read_text()})
    backend = deployment(
        "kubeflow", controller, volumes=[{"name": "hooks", "configMap": {"name": "profile-controller-s3"}}]
    )
    place = {"S3_BUCKET": world.places.bucket, "S3_REGION": REGION, "S3_HOST": "s3.example", "PROXY_IMAGE": "none"}
    place["POD_ACCESS"] = "irsa"
    [container] = backend["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": name, "value": value} for name, value in place.items()]
    definition = crd("metacontroller.k8s.io", "DecoratorController", scope="Cluster", versions=("v1alpha1",))
    # The group looks like one of Kubernetes' own; the release says the same.
    definition["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, request not yet submitted"}
    meta = {**deployment("kubeflow", "metacontroller"), "kind": "StatefulSet"}
    about = {
        "apiVersion": "metacontroller.k8s.io/v1alpha1",
        "kind": "DecoratorController",
        "metadata": {"name": controller},
    }
    return [definition, meta, program, service("kubeflow", controller), backend, {**about, "spec": spec}]


def proxy(world: World, place: str, role: str) -> Manifest | None:
    """The template of the proxy's pods in a namespace, once it names the role."""
    found = world.cluster.get("deployment", "ml-pipeline-ui-artifact", "-n", place)
    template: Manifest = found["spec"]["template"] if found else {}
    named = template.get("metadata", {}).get("annotations", {}).get(ROLE_ANNOTATION)
    return template if named == role else None


def test_each_profile_s_proxy_reads_its_own_artifacts_and_no_others(world: World) -> None:
    definition, *rest = hooked(world)
    world.cluster.apply(definition)
    world.cluster.run("wait", "--for=condition=Established", f"crd/{definition['metadata']['name']}", "--timeout=30s")
    world.cluster.apply(*rest)
    prefixes = {"team": OWN, "other": OF_OTHER}
    for place in prefixes:
        world.cluster.apply(namespace(place, **{"pipelines.kubeflow.org/enabled": "true"}))
        # The Profile controller's plugin does this some time after it has made the account.
        role = world.roles[f"{place}/default-editor"]
        done = world.cluster.run(
            "annotate", "serviceaccount", "default-editor", "-n", place, f"{ROLE_ANNOTATION}={role}"
        )
        assert done.returncode == 0, done.stderr
    for place, own in prefixes.items():
        role = world.roles[f"{place}/default-editor"]
        template = until(partial(proxy, world, place, role), f"the proxy of {place} is there")
        account = f"{place}/{template['spec']['serviceAccountName']}"
        may = permissions.allowed(world.take(role, world.token(account)), world.places)
        assert {prefix for prefix in (*OWN, *OTHERS) if f"get {prefix}" in may} == set(own)
    # A proxy that somebody removes is made again.
    world.cluster.delete("deployment", "ml-pipeline-ui-artifact", "-n", "team")
    until(lambda: proxy(world, "team", world.roles["team/default-editor"]), "the proxy is made again")


# ml-pipeline's policies are pipeline-runner's.
@pytest.mark.parametrize("account", ["kubeflow/pipeline-runner", "team/default-editor"])
def test_every_change_of_a_policy_is_noticed(world: World, account: str) -> None:
    roles = aws_client("iam", world.environment)
    name = world.roles[account].rpartition("/")[2]
    taken = world.take(world.roles[account], world.token(account))
    unnoticed, count = [], 0
    for policy in roles.list_role_policies(RoleName=name)["PolicyNames"]:
        about = {"RoleName": name, "PolicyName": policy}
        document = roles.get_role_policy(**about)["PolicyDocument"]
        for label, changed in permissions.changes(document):
            if changed == document:
                continue
            count += 1
            if changed["Statement"]:
                roles.put_role_policy(**about, PolicyDocument=json.dumps(changed))
            else:
                roles.delete_role_policy(**about)
            if permissions.allowed(taken, world.places) == MAY[account]:
                unnoticed.append(label)
        roles.put_role_policy(**about, PolicyDocument=json.dumps(document))
    assert unnoticed == []
    assert count > 20


def test_every_change_of_who_may_take_a_role_is_noticed(world: World) -> None:
    roles, account = aws_client("iam", world.environment), "team/default-editor"
    role = world.roles[account]
    name = role.rpartition("/")[2]
    tokens = [world.token(one) for one in ACCOUNTS] + [world.token(account, "https://kubernetes.default.svc")]
    before = [world.may_take(role, token) for token in tokens]
    document = roles.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    [statement] = document["Statement"]
    (subject, audience) = sorted(statement["Condition"]["StringEquals"].items(), reverse=True)
    assert (subject[0][-4:], audience[0][-4:]) == (":sub", ":aud")
    changed = [
        {"StringEquals": dict([subject])},
        {"StringEquals": dict([audience])},
        {"StringEquals": {**statement["Condition"]["StringEquals"], subject[0]: "system:serviceaccount:team:default"}},
        {"StringEquals": dict([audience]), "StringLike": {subject[0]: "system:serviceaccount:team:*"}},
        {"StringEquals": dict([audience]), "StringLike": {subject[0]: "system:serviceaccount:*:default-editor"}},
    ]
    unnoticed = []
    for condition in changed:
        trust = {**document, "Statement": [{**statement, "Condition": condition}]}
        roles.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
        if [world.may_take(role, token) for token in tokens] == before:
            unnoticed.append(condition)
    roles.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    assert unnoticed == []


def test_the_demo_s_steps_are_the_profile_s_runner(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    outputs = {
        "bucket": world.places.bucket,
        "kubeconfig": world.cluster.plane.kubeconfig.read_text(),
        "region": REGION,
        "runner_role_arns": world.roles,
    }
    strangers = {**world.environment, "AWS_ACCESS_KEY_ID": "AKIA0123456789ABCDEF"}
    context = Context(outputs=lambda _: outputs, environment=lambda _: strangers)
    assert main(["demo", "--stack", "local"], context) == 0
    listed = aws_client("s3", world.environment).list_objects_v2(Bucket=world.places.bucket, Prefix="shared/models/")
    assert [one["Key"] for one in listed["Contents"]] == ["shared/models/salary.joblib"]
    # It looks for a model in production where there is none yet: the role may list there, and reads of nothing fail.
    assert main(["run", "complaints", "--local", "--stack", "local"], context) == 0
    pushed = aws_client("s3", world.environment).list_objects_v2(Bucket=world.places.bucket, Prefix="shared/models/c")
    assert pushed["Contents"][-1]["Key"] == "shared/models/complaints/production.json"
