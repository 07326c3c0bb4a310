"""A preview as a comment: what a reviewer reads first, what is counted, what is never shown."""

import io
import json
import string
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.automation.events import EngineEvent
from rich.console import Console

from infra.settings import Settings
from ops.comment import LONGEST, CostLine, failure, markdown
from ops.preview import cost_lines as costs
from ops.settings import stack_settings
from ops.steps import Recorder, Step
from policy import Violation

URN = "urn:pulumi:dev::kubeflow::"
SECRET = "hunter2-topsecret"

VPC = Step(
    urn=f"{URN}kubeflow:infra:Network$aws:ec2/vpc:Vpc::kubeflow-dev-vpc",
    type="aws:ec2/vpc:Vpc",
    change="replace",
    paths=("cidrBlock", "tags.team"),
    causes=("cidrBlock",),
    old={"cidrBlock": "10.0.0.0/16"},
    new={"cidrBlock": "10.1.0.0/16"},
)
BUCKET = Step(
    urn=f"{URN}aws:s3/bucket:Bucket::artifacts", type="aws:s3/bucket:Bucket", change="delete", was_protected=True
)
NODES = Step(
    urn=f"{URN}aws:eks/nodeGroup:NodeGroup::nodes",
    type="aws:eks/nodeGroup:NodeGroup",
    change="update",
    paths=("scalingConfig.desiredSize", "instanceTypes"),
    old={"scalingConfig": {"desiredSize": 5.0}, "instanceTypes": ["m5.xlarge"]},
    new={"scalingConfig": {"desiredSize": 7.0}, "instanceTypes": ["m5.xlarge", "m5a.xlarge"]},
)


def k8s(kind: str, name: str, change: Any = "update", **more: Any) -> Step:
    return Step(urn=f"{URN}kubernetes:{kind}::{name}", type=f"kubernetes:{kind}", change=change, **more)


DEPLOYMENT = k8s(
    "apps/v1:Deployment",
    "auth/dex",
    paths=("spec.template.spec.containers[0].image", "spec.template.spec.containers[0].env[0].value"),
    old={"spec": {"template": {"spec": {"containers": [{"image": "dex:2.40", "env": [{"value": SECRET}]}]}}}},
    new={"spec": {"template": {"spec": {"containers": [{"image": "dex:2.41", "env": [{"value": SECRET + "2"}]}]}}}},
)
COMPONENTS = {("kubernetes:apps/v1:Deployment", "auth/dex"): "dex", ("kubernetes:core/v1:Secret", "auth/dex"): "dex"}


def told(*steps: Step, **more: Any) -> str:
    return markdown("dev", steps, components=COMPONENTS, **more)


def test_the_first_line_counts_and_the_dangerous_comes_before_all_else() -> None:
    same = k8s("core/v1:Service", "auth/dex", "same")
    text = told(DEPLOYMENT, NODES, VPC, BUCKET, same)
    assert text.splitlines()[0] == ("## Preview of `dev`: 1 to replace, 1 to delete, 2 to update, 1 unchanged")
    order = [
        text.index(words) for words in ("Replaced or deleted", "lost: the objects in it", "kubeflow-dev-vpc", "### AWS")
    ]
    assert order == sorted(order)
    assert (
        "| **replaced** | `kubeflow-dev-vpc` | `aws:ec2/vpc:Vpc` | `cidrBlock` `10.0.0.0/16` → `10.1.0.0/16` |  |"
        in text
    )
    assert "it is protected, so `up` will refuse" in text
    assert "`scalingConfig.desiredSize` `5` → `7`" in text
    assert "`m5.xlarge` → `m5.xlarge, m5a.xlarge`" in text


def test_what_a_preview_could_not_ask_for_comes_before_what_it_found() -> None:
    text = told(VPC, notices=["The cluster does not let it in."])
    assert text.index("unchanged\n\n> The cluster does not let it in.\n\n") < text.index("### Replaced")


def test_nothing_to_do_is_said_in_one_line() -> None:
    assert told(k8s("core/v1:Service", "a/b", "same")) == "## Preview of `dev`: no changes, 1 unchanged\n"


def test_kubernetes_objects_are_counted_by_component_and_a_lost_one_by_its_namespace() -> None:
    text = told(
        DEPLOYMENT,
        k8s("core/v1:Secret", "auth/dex", "create"),
        k8s("core/v1:ConfigMap", "kubeflow/old", "delete"),
        k8s("rbac.authorization.k8s.io/v1:ClusterRole", "wide", "create"),
    )
    assert "| Component | delete | update | create |" in text
    assert "| dex |  | 1 | 1 |" in text
    assert "| kubeflow | 1 |  |  |" in text
    assert "| cluster |  |  | 1 |" in text


def test_cost_is_a_difference_and_lines_that_stay_are_left_out() -> None:
    costs = [CostLine(name="nodes", before=700.8, after=981.12), CostLine(name="control plane", before=73, after=73)]
    text = told(NODES, costs=costs)
    assert "### Cost: +280.32 USD a month (773.80 now, 1,054.12 then)" in text
    assert "| nodes | 700.80 | 981.12 | +280.32 |" in text
    assert "control plane" not in text
    assert "### Cost: +0.00 USD a month" in told(NODES, costs=costs[1:])


def test_policies_say_what_stops_first() -> None:
    warning = Violation(rule="tags", level="advisory", message="no owner", urn=NODES.urn)
    broken = Violation(rule="encryption", level="mandatory", message="bucket | plain\n<b>", urn=BUCKET.urn)
    text = told(NODES, violations=[warning, broken])
    assert "### Policies: 1 broken, which stops `up`" in text
    assert text.index("encryption") < text.index("`tags`")
    assert "bucket \\| plain &lt;b&gt;" in text
    assert "### Policies: warnings only" in told(NODES, violations=[warning])
    assert "### Policies: all kept" in told(NODES, violations=[])
    assert "Policies" not in told(NODES)


@pytest.mark.parametrize(
    "step",
    [
        DEPLOYMENT,
        k8s(
            "core/v1:Secret",
            "a/b",
            paths=("data.image",),
            old={"data": {"image": SECRET}},
            new={"data": {"image": "x"}},
        ),
        k8s(
            "core/v1:ConfigMap",
            "a/b",
            paths=('data["image"]',),
            old={"data": {"image": SECRET}},
            new={"data": {"image": SECRET + "2"}},
        ),
        Step(
            urn=f"{URN}random:index/randomPassword:RandomPassword::login",
            type="random:index/randomPassword:RandomPassword",
            change="replace",
            causes=("version",),
            old={"version": SECRET},
            new={"version": "2"},
        ),
        Step(
            urn=f"{URN}aws:x:Y::y",
            type="aws:x:Y",
            change="update",
            paths=("masterPassword", "version"),
            old={"masterPassword": SECRET, "version": "[secret]"},
            new={"masterPassword": SECRET + "2", "version": "2"},
        ),
    ],
)
def test_no_secret_is_shown(step: Step) -> None:
    text = told(step)
    assert SECRET not in text
    assert "[secret]" not in text


@given(
    st.dictionaries(st.text(string.ascii_letters, min_size=1), st.just(SECRET), min_size=1),
    st.sampled_from(["core/v1:Secret", "core/v1:ConfigMap", "core/v1:SecretList", "core/v1:SecretPatch"]),
    st.sampled_from(["update", "replace"]),
)
def test_nothing_that_a_secret_holds_is_shown_whatever_its_keys(data: dict[str, str], kind: str, change: Any) -> None:
    paths = tuple(f'data["{key}"]' for key in data)
    step = k8s(
        kind, "a/b", change, paths=paths, causes=paths, old={"data": data}, new={"data": dict.fromkeys(data, "x")}
    )
    assert SECRET not in told(step)


@given(st.text())
def test_what_a_name_holds_breaks_no_table(name: str) -> None:
    step = Step(urn=f"{URN}aws:x:Y::{name}", type="aws:x:Y", change="delete")
    rows = [line for line in told(step).splitlines() if line.startswith("| **deleted**")]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 6


def test_a_huge_preview_is_cut_to_what_a_comment_holds_and_says_so() -> None:
    steps = [
        k8s("apps/v1:Deployment", f"{'n' * 63}/{'x' * 240}{index}", change, paths=("spec." + "y" * 200,) * 9)
        for index in range(1500)
        for change in ("replace", "update")
    ]
    text = told(*steps)
    assert len(text) <= LONGEST
    assert text.startswith("## Preview of `dev`: 1500 to replace, 1500 to update")
    assert "more are not shown." in text


def metadata(op: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "urn": VPC.urn, "type": VPC.type, "provider": "p", **more}


def state(**inputs: Any) -> dict[str, Any]:
    return {"type": VPC.type, "urn": VPC.urn, "id": "i", "parent": "", "provider": "", "inputs": inputs}


def event(kind: str, **content: Any) -> EngineEvent:
    return EngineEvent.from_json(json.loads(json.dumps({"sequence": 1, "timestamp": 1, kind: content})))


def test_a_replacement_is_one_step_though_the_engine_tells_it_three_times() -> None:
    recorder = Recorder(console=Console(file=io.StringIO()))
    old, new = state(cidrBlock="10.0.0.0/16"), state(cidrBlock="10.1.0.0/16")
    difference = {"cidrBlock": {"diffKind": "update-replace", "inputDiff": True}}
    for op in ("create-replacement", "replace", "delete-replaced"):
        told = metadata(op, old=old, new=new, keys=["cidrBlock"], detailedDiff=difference)
        recorder(event("resourcePreEvent", metadata=told, planning=True))
    [step] = recorder.steps.values()
    assert (step.change, step.causes, step.paths) == ("replace", ("cidrBlock",), ("cidrBlock",))
    assert "`10.0.0.0/16` → `10.1.0.0/16`" in markdown("dev", [step], components={})
    assert recorder.stages["network"].begun, "it is still a tracker"


def test_a_broken_policy_is_recorded_without_colour_marks() -> None:
    recorder = Recorder(console=Console(file=io.StringIO()))
    recorder(
        event(
            "policyEvent",
            resourceUrn=VPC.urn,
            message="<{%reset%}>open to the world\n",
            color="",
            policyName="public",
            policyPackName="kubeflow",
            policyPackVersion="1",
            policyPackVersionTag="1",
            enforcementLevel="mandatory",
        )
    )
    assert recorder.violations() == [
        Violation(rule="public", level="mandatory", message="open to the world", urn=VPC.urn)
    ]


def aws(kind: str, change: Any = "same", *, old: dict[str, Any] | None = None) -> Step:
    return Step(urn=f"{URN}aws:{kind}::{kind}{id(old)}", type=f"aws:{kind}", change=change, old=old or {}, new={})


STATE = [
    aws("eks/cluster:Cluster", old={"name": "kubeflow-dev"}),
    aws(
        "eks/nodeGroup:NodeGroup",
        "update",
        old={"scalingConfig": {"desiredSize": 3.0}, "instanceTypes": ["m5.large"]},
    ),
    aws("ec2/launchTemplate:LaunchTemplate", old={"blockDeviceMappings": [{"ebs": {"volumeSize": 50.0}}]}),
    aws("ec2/natGateway:NatGateway", old={"subnetId": "a"}),
    aws("ec2/natGateway:NatGateway", "delete", old={"subnetId": "b"}),
]


def test_the_bill_of_now_is_that_of_the_state_and_not_of_the_settings() -> None:
    bill = {line.name: line for line in costs(settings(), STATE, volumes_gib=0)}
    assert [bill["nodes"].before, bill["nodes"].after] == pytest.approx([3 * 0.096 * 730, 700.8])
    assert [bill["node disks"].before, bill["node disks"].after] == pytest.approx([12, 40])
    assert bill["NAT"].before - bill["NAT"].after == pytest.approx(0.05 * 730), "a second gateway and its address"
    assert bill["control plane"].before == bill["control plane"].after == pytest.approx(73)


def test_a_stack_that_has_nothing_yet_costs_nothing_now() -> None:
    bill = costs(settings(), [aws("eks/cluster:Cluster", "create")], volumes_gib=50)
    assert {line.before for line in bill} == {0.0}
    assert next(line.after for line in bill if line.name == "volumes") == pytest.approx(4)


def test_a_price_that_nobody_knows_is_said_in_the_comment() -> None:
    text = told(NODES, no_costs="The price table has no price for x1.large.")
    assert "### Cost: not known" in text
    assert "no price for x1.large" in text


def test_a_failed_preview_is_a_comment_whose_message_cannot_end_its_block() -> None:
    text = failure("dev", "it said:\n```\n# not a title\n```")
    assert text.startswith("## Preview of `dev` failed")
    assert text.count("````") == 2


def settings() -> Settings:
    return stack_settings("dev", {"dashboardPassword": "correct horse"}, today=date(2026, 11, 1)).settings
