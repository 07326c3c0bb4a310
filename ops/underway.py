"""What AWS is still making, changing or deleting: it answers a request at once, and takes minutes to do it.

A cluster has no endpoint and no issuer before it is there (EKS API reference, "DescribeCluster"; 8 to 10 minutes), so
nobody may read it into a state before. And what is on its way out is no longer there to be used, though AWS lists it.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ordering.errors import UserError

Client = Callable[[str], Any]
"""Makes the client of an AWS service, in the stack's account and region."""
Resource = Mapping[str, Any]
Report = Callable[[str], None]

PATIENCE_S = 45 * 60.0
"""Seconds for what is under way to end: the longest that the aws provider itself waits for a cluster or its nodes is
an hour, and the run that was killed has waited for some of that."""
POLL_S = 5.0
REPORT_S = 30.0

_WORKING = frozenset({"creating", "updating", "deleting", "pending"})
"""How AWS calls what it has not ended yet, in lower case."""


def _cluster(client: Client, id_: str) -> str:
    return str(client("eks").describe_cluster(name=id_)["cluster"]["status"])


def _nodes(client: Client, id_: str) -> str:
    cluster, _, name = id_.partition(":")
    return str(client("eks").describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]["status"])


def _addon(client: Client, id_: str) -> str:
    cluster, _, name = id_.partition(":")
    return str(client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]["status"])


def _nat(client: Client, id_: str) -> str:
    return str(client("ec2").describe_nat_gateways(NatGatewayIds=[id_])["NatGateways"][0]["State"])


def _endpoint(client: Client, id_: str) -> str:
    return str(client("ec2").describe_vpc_endpoints(VpcEndpointIds=[id_])["VpcEndpoints"][0]["State"])


_STATUS: dict[str, Callable[[Client, str], str]] = {
    "aws:ec2/natGateway:NatGateway": _nat,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:eks/addon:Addon": _addon,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:eks/nodeGroup:NodeGroup": _nodes,
}


def status(client: Client, resource: Resource) -> str | None:
    """What AWS says of a resource of the state, in lower case; None for what is gone, or is there as soon as asked."""
    ask = _STATUS.get(str(resource["type"]))
    if ask is None:
        return None
    try:
        return ask(client, str(resource["id"])).lower()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if "NotFound" in code:
            return None
        raise
    except IndexError:
        return None


def wait(
    client: Client,
    resources: Iterable[Resource],
    report: Report,
    *,
    patience: float = PATIENCE_S,
    poll: float = POLL_S,
) -> dict[str, str]:
    """Waits until AWS works on none of these; returns what it says of each that is there by then, by its id.

    UserError when that takes longer than `patience`.
    """
    left = {str(one["id"]): one for one in resources}
    found: dict[str, str] = {}
    begun = said = time.monotonic()
    while True:
        for id_, one in list(left.items()):
            now = status(client, one)
            if now in _WORKING:
                found[id_] = now
                continue
            del left[id_]
            found.pop(id_, None)
            if now is not None:
                found[id_] = now
        if not left:
            return found
        waited = time.monotonic() - begun
        listed = ", ".join(f"{_called(one)} ({found[id_]})" for id_, one in left.items())
        if waited > patience:
            raise UserError(
                f"AWS is still at work on {listed} of the interrupted run after {waited / 60:.0f} minutes; see in its "
                "console what holds it, and run the same command again."
            )
        if said == begun or time.monotonic() - said >= REPORT_S:
            report(f"waiting until AWS has ended {listed}, for {waited:.0f} s")
            said = time.monotonic()
        time.sleep(poll)


def check(resources: Iterable[Resource], found: Mapping[str, str]) -> None:
    """UserError that names what AWS could not make or delete: it stays as it is until somebody deletes it."""
    failed = [one for one in resources if "failed" in found.get(str(one["id"]), "")]
    if failed:
        listed = ", ".join(f"{_called(one)} ({found[str(one['id'])]})" for one in failed)
        raise UserError(
            f"AWS gave up on {listed}, which the interrupted run had under way; see why in its console, delete it "
            "there, and run the same command again."
        )


def _called(resource: Resource) -> str:
    kind = str(resource["type"]).rpartition(":")[2]
    return f"{kind} {resource['id']}"
