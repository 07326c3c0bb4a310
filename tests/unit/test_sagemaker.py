"""Who may start which SageMaker job as what, judged by the evaluator of MiniStack."""

import json
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from infra.aws.iam import Document
from infra.aws.sagemaker import SERVICE, logs_policy, starter_policy
from infra.program import program
from infra.settings import SettingsError
from tests.unit.inputs import inputs
from tests.unit.mocks import ACCOUNT, Recording, record
from tests.unit.settings_source import settings

REGION, NAME = "us-west-2", "kubeflow-dev"
JOBS = f"arn:aws:iam::{ACCOUNT}:role/team-jobs"
STARTER = starter_policy(REGION, ACCOUNT, "team", JOBS)


def may(policy: Document, action: str, resource: str, **context: Any) -> bool:
    asked = EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/team/step",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        service_context={key.lower(): value for key, value in context.items()},
    )
    return bool(evaluate(asked, [parse_policy_document(policy)]).decision == "Allow")


def thing(kind: str, name: str, region: str = REGION) -> str:
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{kind}/{name}"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("CreateTrainingJob", "training-job"),
        ("StopProcessingJob", "processing-job"),
        ("DescribeHyperParameterTuningJob", "hyper-parameter-tuning-job"),
        ("CreateTransformJob", "transform-job"),
        ("CreateModel", "model"),
        ("DeleteEndpoint", "endpoint"),
        ("CreateEndpointConfig", "endpoint-config"),
        ("AddTags", "training-job"),
    ],
)
def test_steps_start_and_end_what_is_named_after_their_profile_and_nothing_else(action: str, kind: str) -> None:
    assert may(STARTER, f"sagemaker:{action}", thing(kind, "team--salary"))
    for name in ("salary", "team-salary", "team-2--salary", "other--salary"):
        assert not may(STARTER, f"sagemaker:{action}", thing(kind, name))
    assert not may(STARTER, f"sagemaker:{action}", thing(kind, "team--salary", "us-east-1"))


@pytest.mark.parametrize("action", ["sagemaker:CreateNotebookInstance", "sagemaker:CreateDomain", "iam:CreateRole"])
def test_they_make_nothing_that_would_stay(action: str) -> None:
    assert not may(STARTER, action, thing("training-job", "team--salary"))


def test_the_role_of_their_jobs_is_passed_to_sagemaker_alone_and_no_other_role_is() -> None:
    to = "iam:PassedToService"
    assert may(STARTER, "iam:PassRole", JOBS, **{to: SERVICE})
    assert not may(STARTER, "iam:PassRole", JOBS, **{to: "ec2.amazonaws.com"})
    assert not may(STARTER, "iam:PassRole", JOBS)
    for other in ("other-jobs", "kubeflow-dev-administrator", "team-jobs-2"):
        assert not may(STARTER, "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{other}", **{to: SERVICE})


def test_they_read_the_logs_of_their_own_jobs() -> None:
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs"
    assert may(STARTER, "logs:GetLogEvents", f"{group}:log-stream:team--salary/algo-1")
    assert not may(STARTER, "logs:GetLogEvents", f"{group}:log-stream:other--salary/algo-1")
    eks = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/eks/k/cluster:log-stream:team--x"
    assert not may(STARTER, "logs:GetLogEvents", eks)


def test_jobs_write_logs_of_sagemaker_s_alone() -> None:
    policy = logs_policy(REGION, ACCOUNT)
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
    assert may(policy, "logs:PutLogEvents", f"{group}/aws/sagemaker/TrainingJobs:log-stream:team--x")
    assert not may(policy, "logs:PutLogEvents", f"{group}/aws/eks/k/cluster:log-stream:x")


@pytest.fixture(scope="module")
def found() -> Recording:
    changes: dict[str, Any] = {"sagemaker": True, "kubeflowProfileNamespaces": ["team", "other"]}
    return record(lambda: program(inputs(**changes)).export())


def policy(found: Recording, name: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads(found.one("RolePolicy", name).inputs["policy"])["Statement"]
    return statements


def test_each_namespace_has_a_role_for_its_jobs_which_sagemaker_takes_for_this_account(found: Recording) -> None:
    assert found.exports["sagemaker_role_arns"] == {
        namespace: f"arn:aws:mock:us-west-2:{ACCOUNT}:{NAME}-{namespace}-jobs"
        for namespace in ("kubeflow", "team", "other")
    }
    [trust] = json.loads(found.one("Role", f"{NAME}-team-jobs").inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": SERVICE}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_jobs_read_and_write_what_their_profile_may(found: Recording) -> None:
    jobs, steps = policy(found, f"{NAME}-team-jobs-bucket"), policy(found, f"{NAME}-team-default-editor-bucket")
    assert jobs == steps
    images = policy(found, f"{NAME}-team-jobs-images")
    [others] = [one for one in images if "Condition" in one]
    assert others["Condition"] == {"StringNotEquals": {"aws:ResourceAccount": ACCOUNT}}


def test_only_the_accounts_of_steps_start_jobs(found: Recording) -> None:
    starting = {one.name for one in found.all("RolePolicy") if one.name.endswith("-sagemaker")}
    assert starting == {f"{NAME}-{namespace}-sagemaker" for namespace in ("kubeflow", "team", "other")}
    roles = {str(one.inputs["role"]) for one in found.all("RolePolicy") if one.name.endswith("-sagemaker")}
    assert not any("ml-pipeline" in role for role in roles)


def test_without_the_setting_there_is_none_of_it() -> None:
    found = record(lambda: program(inputs()).export())
    assert not [one for one in found.resources if "jobs" in one.name or "sagemaker" in one.name]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"clusterMode": "existing", "clusterContext": "lab"}, "sagemaker needs roles for service accounts, "),
        ({"kubeflowRelease": "pipelines-2.16.0"}, "sagemaker needs kubeflowArtifacts s3 where there are no profiles; "),
        ({"kubeflowProfileNamespaces": ["a--b"]}, "sagemaker tells profiles apart by two dashes, and 'a--b' has two; "),
    ],
)
def test_what_does_not_go_with_it_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(sagemaker=True, **changes)
    [only] = refused.value.problems
    assert only.startswith(sentence)
