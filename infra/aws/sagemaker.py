"""SageMaker for pipelines: steps that start its jobs, and the jobs, each with no more than their profile has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam as aws_iam

from infra.aws import iam
from infra.aws.identity import Runner

SERVICE = "sagemaker.amazonaws.com"
STARTERS = ("pipeline-runner", "default-editor")
"""The service accounts that steps run as."""


@dataclass(frozen=True, kw_only=True)
class SageMakerArgs:
    """Whose steps may start jobs: `runner_role_arns` are the roles of `runners`, by `NAMESPACE/SERVICE ACCOUNT`."""

    region: str
    account: str
    runners: Sequence[Runner]
    runner_role_arns: Mapping[str, pulumi.Output[str]]
    bucket_arn: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    tags: Mapping[str, str]


class SageMaker(pulumi.ComponentResource):
    """For each service account that steps run as: what starts jobs, and a role for the jobs, which it alone passes on.

    Names keep profiles apart: what a namespace makes in SageMaker begins with `NAMESPACE--` (`job_names`).
    """

    role_arns: dict[str, pulumi.Output[str]]
    """The roles of jobs, by namespace: what a step names as the execution role."""

    def __init__(self, name: str, args: SageMakerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:SageMaker", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.role_arns = {
            runner.namespace: self._of(runner) for runner in args.runners if runner.service_account in STARTERS
        }
        self.register_outputs({"role_arns": self.role_arns})

    def _of(self, runner: Runner) -> pulumi.Output[str]:
        args = self._args
        jobs = self._jobs(runner)
        starter = args.runner_role_arns[f"{runner.namespace}/{runner.service_account}"]
        aws_iam.RolePolicy(
            iam.fitting(f"{self._name}-{runner.namespace}-sagemaker", iam.LONGEST_POLICY),
            role=starter.apply(lambda arn: arn.rpartition("/")[2]),
            policy=jobs.arn.apply(
                lambda arn: iam.to_json(starter_policy(args.region, args.account, runner.namespace, arn))
            ),
            opts=self._child,
        )
        return pulumi.Output.from_input(jobs.arn)

    def _jobs(self, runner: Runner) -> aws_iam.Role:
        args, name = self._args, f"{self._name}-{runner.namespace}-jobs"
        role = aws_iam.Role(
            iam.fitting(name, iam.LONGEST_ROLE),
            description=f"For SageMaker jobs of {runner.namespace}",
            assume_role_policy=iam.to_json(iam.service_trust_policy(SERVICE, account=args.account)),
            tags=dict(args.tags),
            opts=self._child,
        )
        documents: dict[str, pulumi.Input[str]] = {
            "bucket": pulumi.Output.from_input(args.bucket_arn).apply(
                lambda arn: iam.to_json(iam.bucket_policy(arn, runner.prefixes))
            ),
            "images": pulumi.Output.from_input(args.repository_arn).apply(
                lambda arn: iam.to_json(iam.repository_policy(arn, *others_images(args.region, args.account)))
            ),
            "logs": iam.to_json(logs_policy(args.region, args.account)),
        }
        for what, document in documents.items():
            aws_iam.RolePolicy(
                iam.fitting(f"{name}-{what}", iam.LONGEST_POLICY), role=role.name, policy=document, opts=self._child
            )
        return role


def job_names(namespace: str) -> str:
    """How the names of all begin that a namespace makes in SageMaker."""
    return f"{namespace}--"


# By the type of thing, as it stands in ARNs: what steps do with it (Service Authorization Reference, "Amazon SageMaker
# AI"; kubeflow/pipelines, components/aws/sagemaker).
_ACTIONS = {
    "training-job": "CreateTrainingJob DescribeTrainingJob StopTrainingJob",
    "processing-job": "CreateProcessingJob DescribeProcessingJob StopProcessingJob",
    "hyper-parameter-tuning-job": (
        "CreateHyperParameterTuningJob DescribeHyperParameterTuningJob ListTrainingJobsForHyperParameterTuningJob "
        "StopHyperParameterTuningJob"
    ),
    "transform-job": "CreateTransformJob DescribeTransformJob StopTransformJob",
    "model": "CreateModel DescribeModel DeleteModel",
    "endpoint-config": "CreateEndpointConfig DescribeEndpointConfig DeleteEndpointConfig",
    "endpoint": "CreateEndpoint DescribeEndpoint UpdateEndpoint DeleteEndpoint InvokeEndpoint",
}


def starter_policy(region: str, account: str, namespace: str, jobs_role_arn: str) -> iam.Document:
    """Start, watch and end what begins with the namespace's name, as the role of its jobs and as no other."""
    arn = f"arn:{iam.partition(region)}"
    things = {kind: f"{arn}:sagemaker:{region}:{account}:{kind}/{job_names(namespace)}*" for kind in sorted(_ACTIONS)}
    actions = [f"sagemaker:{action}" for named in _ACTIONS.values() for action in named.split()]
    groups = f"{arn}:logs:{region}:{account}:log-group:/aws/sagemaker/*"
    return iam.document(
        {"Effect": "Allow", "Action": sorted([*actions, "sagemaker:AddTags"]), "Resource": list(things.values())},
        {
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": jobs_role_arn,
            "Condition": {"StringEquals": {"iam:PassedToService": SERVICE}},
        },
        {"Effect": "Allow", "Action": ["logs:DescribeLogStreams"], "Resource": groups},
        # A job's streams begin with its name.
        {
            "Effect": "Allow",
            "Action": ["logs:GetLogEvents"],
            "Resource": f"{groups}:log-stream:{job_names(namespace)}*",
        },
    )


def logs_policy(region: str, account: str) -> iam.Document:
    """What SageMaker writes in a job's name: its logs, and figures of its instances."""
    groups = f"arn:{iam.partition(region)}:logs:{region}:{account}:log-group:/aws/sagemaker/*"
    return iam.document(
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": [groups, f"{groups}:log-stream:*"],
        },
        {
            "Effect": "Allow",
            "Action": ["cloudwatch:PutMetricData"],
            "Resource": "*",
            "Condition": {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "AWS/SageMaker*"]}},
        },
    )


def others_images(region: str, account: str) -> list[iam.Document]:
    """Images of AWS's own algorithms and frameworks, which are in accounts of its own that let everybody pull them."""
    return [
        {
            "Effect": "Allow",
            "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": f"arn:{iam.partition(region)}:ecr:{region}:*:repository/*",
            "Condition": {"StringNotEquals": {"aws:ResourceAccount": account}},
        }
    ]
