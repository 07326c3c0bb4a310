"""A Pulumi engine for tests that records what a program registers, options included."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import callback_pb2, resource_pb2
from pulumi.runtime.sync_await import _ensure_event_loop, _sync_await

from infra.aws import address

ACCOUNT = "123456789012"
ISSUER = "oidc.eks.us-west-2.amazonaws.com/id/ABCD"
OIDC_PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
KUBECONFIG = json.dumps({"apiVersion": "v1", "kind": "Config"})

# As the SDK's own runners do: a run that fails leaves the tasks of all resources that waited, and each would be logged.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)

_COMPUTED: dict[str, dict[str, Any]] = {
    "eks:index:Cluster": {
        "kubeconfigJson": KUBECONFIG,
        "oidcProviderArn": OIDC_PROVIDER,
        "oidcIssuer": ISSUER,
        "clusterSecurityGroupId": "sg-cluster",
    },
    "aws:acm/certificate:Certificate": {
        "domainValidationOptions": [
            {
                "domainName": "kubeflow.example.com",
                "resourceRecordName": "_x.kubeflow.example.com.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_y.acm-validations.aws.",
            }
        ],
    },
    "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 3},
    "aws:ecr/repository:Repository": {"repositoryUrl": f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com/images"},
    "aws:lb/loadBalancer:LoadBalancer": {"dnsName": "balancer.us-west-2.elb.amazonaws.com", "zoneId": "Z1H1FL5HABSF5"},
    "aws:s3/bucket:Bucket": {"bucket": "bucket-1234567"},
    "random:index/randomPassword:RandomPassword": {"result": "random"},
    "pulumi:pulumi:StackReference": {
        "outputs": {"kubeconfig": KUBECONFIG, "oidc_provider_arn": OIDC_PROVIDER},
        "secretOutputNames": ["kubeconfig"],
    },
}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registered resource: its inputs, which of them are secret, its parent's and its dependencies' names."""

    type: str
    name: str
    inputs: dict[str, Any]
    secret: frozenset[str]
    parent: str
    depends_on: frozenset[str]
    provider: str
    protect: bool
    retain_on_delete: bool
    import_id: str
    ignore_changes: tuple[str, ...]


@dataclass
class Recording:
    """What a program did: its resources in order, what it exports, and the value it returned, outputs awaited."""

    resources: list[Resource] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)
    result: Any = None

    def all(self, kind: str) -> list[Resource]:
        """The resources whose type's last part is `kind` (`Subnet`)."""
        return [resource for resource in self.resources if resource.type.rpartition(":")[2] == kind]

    def one(self, kind: str, name: str | None = None) -> Resource:
        """The only resource of a kind, or of a kind and a name."""
        (only,) = [resource for resource in self.all(kind) if name in (None, resource.name)]
        return only


class _State(Mocks):
    def call(self, args: MockCallArgs) -> dict[str, Any]:  # type: ignore[override]
        raise AssertionError(f"the program called {args.token}")

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        arn = f"arn:aws:mock:us-west-2:{ACCOUNT}:{args.name}"
        return f"{args.name}-id", {"arn": arn, "name": args.name, **_COMPUTED.get(args.typ, {}), **args.inputs}


class _Monitor(MockMonitor):
    def __init__(self, recording: Recording) -> None:
        super().__init__(_State())
        self._recording = recording
        self.transforms: list[pulumi.ResourceTransform] = []

    def GetDeploymentInfo(self, request: Any) -> Any:  # noqa: N802
        # A component given to another is its URN here: the SDK would look up a reference on a loop that nobody runs.
        info = super().GetDeploymentInfo(request)  # type: ignore[no-untyped-call]
        info.supportedFeatures.remove(resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES)
        return info

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        # The stack itself is there before a program can register a transform.
        for transform in self.transforms if request.type != "pulumi:pulumi:Stack" else ():
            _apply(transform, request)
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            inputs = rpc.deserialize_properties(request.object)
            self._recording.resources.append(
                Resource(
                    type=request.type,
                    name=request.name,
                    inputs={key: rpc.unwrap_rpc_secret(value) for key, value in inputs.items()},
                    secret=frozenset(key for key, value in inputs.items() if rpc.is_rpc_secret(value)),
                    parent=request.parent.rpartition("::")[2],
                    depends_on=frozenset(urn.rpartition("::")[2] for urn in request.dependencies),
                    provider=request.provider.rpartition("::")[0].rpartition("::")[2],
                    protect=request.protect,
                    retain_on_delete=request.retainOnDelete,
                    import_id=request.importId,
                    ignore_changes=tuple(request.ignoreChanges),
                )
            )
        return response


def _apply(transform: pulumi.ResourceTransform, request: Any) -> None:
    """What the engine does with a transform of the stack; of the options only `protect` is looked at."""
    _ensure_event_loop()  # type: ignore[no-untyped-call]
    args = pulumi.ResourceTransformArgs(
        request.custom,
        request.type,
        request.name,
        rpc.deserialize_properties(request.object),
        pulumi.ResourceOptions(protect=request.protect),
    )
    result = _sync_await(transform(args))  # type: ignore[arg-type]
    if result is not None:
        request.object.CopyFrom(_sync_await(rpc.serialize_properties(result.props, {})))
        request.protect = bool(result.opts.protect)


class _Callbacks:
    """In the place of the server that the engine calls a resource's own transforms at."""

    def register_transform(self, _: pulumi.ResourceTransform) -> callback_pb2.Callback:
        return callback_pb2.Callback()

    def register_resource_hook(self, _: pulumi.ResourceHook) -> None:
        return None


async def _callbacks() -> _Callbacks:
    return _Callbacks()


def record(program: Callable[[], Any], *, stack: str = "dev") -> Recording:
    """Run a program to its end and return what it registered; outputs inside its result become plain values."""
    recording = Recording()
    monitor = _Monitor(recording)
    pulumi.runtime.set_mocks(_State(), project="kubeflow", stack=stack, monitor=monitor)

    exports: dict[str, Any] = {}

    def keep(known: dict[str, Any]) -> None:
        recording.result, recording.exports = known["result"], known["exports"]

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> pulumi.Output[None]:
        result = program()
        return pulumi.Output.from_input({"result": result, "exports": exports}).apply(keep)

    # Transforms are called by the engine, and there is none; nor is there a node group to look up in a component.
    with (
        patch.object(address, "autoscaling_group", lambda _: pulumi.Output.from_input("eks-nodes-1234")),
        patch.object(pulumi.runtime.resource, "_get_callbacks", _callbacks),
        patch.object(pulumi.runtime, "register_resource_transform", monitor.transforms.append),
        patch.object(pulumi, "export", exports.__setitem__),
    ):
        run()
    return recording
