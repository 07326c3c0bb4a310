"""EKS: clusters, node groups and add-ons that take their time, what a cluster brings along, and what is refused.

A cluster has no endpoint, no certificate and no issuer until it is ACTIVE, and network interfaces in its subnets with
a security group of its own for as long as it lives (Amazon EKS user guide, "View Amazon EKS security group
requirements", "Amazon EKS networking requirements").
"""

import json
import re
from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

from ministack.services import ec2, eks, iam

from localcloud.emulator.conduct import interfaces, phases
from localcloud.emulator.conduct.before import Before, Request
from localcloud.emulator.conduct.logs import Logs, group_of, logging
from localcloud.emulator.conduct.phases import Answer, Handler, Phases

Body = Mapping[str, Any]

_CLUSTER = re.compile(r"/clusters/([^/]+)")
_PART = re.compile(r"/clusters/([^/]+)/(node-groups|addons)/([^/]+)")
_CHILDREN = re.compile(r"/clusters/([^/]+)/(node-groups|addons|access-entries|pod-identity-associations)")
_ENTRY_POLICIES = re.compile(r"/clusters/([^/]+)/access-entries/(.+)/access-policies")
# What names an item in a request, and holds it in an answer.
_NAMES = {"node-groups": ("nodegroupName", "nodegroup"), "addons": ("addonName", "addon")}
_LENGTHS = {
    "node-groups": (phases.NODES, phases.NODES_END),
    "addons": (phases.ADDON, phases.ADDON_END),
}
# Until then a cluster does not tell these.
_LATE = ("endpoint", "identity", "certificateAuthority")
_ADDON_VERSION = re.compile(r"v\d+\.\d+\.\d+-eksbuild\.\d+")
# Instance types whose processors are Graviton: a1, and a `g` right after the generation (m7g, c7gn, im4gn, x2gd).
GRAVITON = re.compile(r"(a1|[a-z]+\d+g[a-z]*)\.")
_POLICY = re.compile(r"arn:[^:]+:eks::aws:cluster-access-policy/(\w+)")


class Eks(Before):
    """Before MiniStack's handler of EKS."""

    def __init__(self, phases: Phases, handler: Handler, logs: Logs) -> None:
        super().__init__(phases, handler)
        self._logs = logs

    async def answer(self, asked: Request) -> Answer:
        method, path, wanted = asked.method, asked.path, asked.json
        refused = self._refusal(method, path, wanted)
        if refused:
            return refused
        if method == "DELETE" and (going := self._delete(path)):
            return going
        answer = await self.served(asked)
        if answer[0] == 200 and method == "POST":
            self._made(path, wanted)
        return self._as_far_as_it_is(path, answer) if method in ("GET", "POST") else answer

    # -- what takes time -------------------------------------------------------------------------------------------

    def _made(self, path: str, wanted: Body) -> None:
        if path == "/clusters":
            _furnish(eks._clusters[wanted["name"]])
            if logging({"logging": wanted.get("logging", {})}):
                self._logs.write(group_of(wanted["name"]))
            self._phases.begin(f"/clusters/{wanted['name']}", "CREATING", phases.CLUSTER)
        elif (children := _CHILDREN.fullmatch(path)) and children[2] in _NAMES:
            name = wanted[_NAMES[children[2]][0]]
            if children[2] == "node-groups":
                _add_nodes(children[1], wanted)
            self._phases.begin(f"{path}/{name}", "CREATING", _LENGTHS[children[2]][0])

    def _delete(self, path: str) -> Answer | None:
        """The answer to the deletion of what takes its time to go; None for all else."""
        if (found := _CLUSTER.fullmatch(path)) and found[1] in eks._clusters:
            cluster = eks._clusters[found[1]]
            self._logs.cluster_is_going(cluster, phases.CLUSTER_END)
            answer, minutes = {"cluster": eks._sanitize(cluster)}, phases.CLUSTER_END
        elif (found := _PART.fullmatch(path)) and (part := _part(*found.groups())):
            answer, minutes = {_NAMES[found[2]][1]: part}, _LENGTHS[found[2]][1]
        else:
            return None
        [(key, item)] = answer.items()
        if self._phases.status(path) != "DELETING":
            self._phases.begin(path, "DELETING", minutes, lambda: _end(path))
        return eks._json_resp(200, {key: {**item, "status": "DELETING"}})  # type: ignore[no-any-return]

    def _as_far_as_it_is(self, path: str, answer: Answer) -> Answer:
        """An answer that tells of a thing's phase, and does not tell what is not known yet."""
        if answer[0] != 200:
            return answer
        told = json.loads(answer[2])
        for key, item in told.items():
            if key == "cluster":
                status = self._phases.status(f"/clusters/{item['name']}")
            elif key in ("nodegroup", "addon"):
                kind = "node-groups" if key == "nodegroup" else "addons"
                status = self._phases.status(f"/clusters/{item['clusterName']}/{kind}/{item[_NAMES[kind][0]]}")
            else:
                continue
            if status:
                item["status"] = status
            if status == "CREATING" and key == "cluster":
                for name in _LATE:
                    item.pop(name, None)
        return answer[0], answer[1], json.dumps(told).encode()

    # -- what is refused -------------------------------------------------------------------------------------------

    def _refusal(self, method: str, path: str, wanted: Body) -> Answer | None:
        if method == "DELETE":
            return self._refused_end(path)
        if method != "POST":
            return None
        if path == "/clusters":
            return _refused_cluster(wanted)
        children = _CHILDREN.fullmatch(path) or _ENTRY_POLICIES.fullmatch(path)
        if children is None or children[1] not in eks._clusters:
            return None
        status = self._phases.status(f"/clusters/{children[1]}")
        if status:
            return _invalid_request(f"Cluster '{children[1]}' is not in ACTIVE status, but {status}")
        if path.endswith("/node-groups"):
            return _refused_nodes(wanted)
        if path.endswith("/addons"):
            return _refused_addon(wanted)
        if path.endswith("/access-entries"):
            return _refused_entry(wanted)
        if path.endswith("/pod-identity-associations"):
            return _refused_association(wanted)
        return _refused_policy(wanted) if path.endswith("/access-policies") else None

    def _refused_end(self, path: str) -> Answer | None:
        if not ((found := _CLUSTER.fullmatch(path)) or (found := _PART.fullmatch(path))):
            return None
        if self._phases.status(path) == "CREATING":
            return _in_use(f"{found[0].rpartition('/')[2]} cannot be deleted while its status is CREATING")
        if _CLUSTER.fullmatch(path) and any(key.startswith(f"{found[1]}/") for key in eks._nodegroups):
            return _in_use("Cluster has nodegroups attached")
        return None


def _invalid(message: str) -> Answer:
    return eks._error(400, "InvalidParameterException", message)  # type: ignore[no-any-return]


def _invalid_request(message: str) -> Answer:
    return eks._error(400, "InvalidRequestException", message)  # type: ignore[no-any-return]


def _in_use(message: str) -> Answer:
    return eks._error(409, "ResourceInUseException", message)  # type: ignore[no-any-return]


def _refused_cluster(wanted: Body) -> Answer | None:
    subnets = wanted.get("resourcesVpcConfig", {}).get("subnetIds", [])
    unknown = [one for one in subnets if one not in ec2._subnets]
    if unknown:
        return _invalid(f"The subnet ID '{unknown[0]}' does not exist")
    if len({ec2._subnets[one]["AvailabilityZone"] for one in subnets}) < 2:
        return _invalid("Subnets specified must be in at least two different AZs")
    return None


def _refused_nodes(wanted: Body) -> Answer | None:
    unknown = [one for one in wanted.get("subnets", []) if one not in ec2._subnets]
    if unknown:
        return _invalid(f"The subnet ID '{unknown[0]}' does not exist")
    role = wanted.get("nodeRole", "").rpartition("/")[2]
    if role not in iam._roles:
        return _invalid(f"The role with name {role} cannot be found.")
    ami = wanted.get("amiType", "")
    for type_ in wanted.get("instanceTypes", []):
        if ami and ami != "CUSTOM" and ("ARM" in ami) != bool(GRAVITON.match(type_)):
            return _invalid(f"[{type_}] is not a valid instance type for requested amiType {ami}")
    size = wanted.get("scalingConfig")
    if size and not size.get("minSize", 0) <= size.get("desiredSize", 0) <= size.get("maxSize", 0):
        return _invalid(
            f"desired size {size.get('desiredSize')} is not between minimum {size.get('minSize')} and maximum "
            f"{size.get('maxSize')}"
        )
    return None


def _refused_addon(wanted: Body) -> Answer | None:
    version = wanted.get("addonVersion")
    if version and not _ADDON_VERSION.fullmatch(version):
        return _invalid(f"Addon version specified is not supported: {version}")
    return None


def _refused_entry(wanted: Body) -> Answer | None:
    _, _, who = wanted["principalArn"].partition(":iam::")
    account, _, named = who.partition(":")
    kind, _, path = named.partition("/")
    if account != iam.get_account_id() or kind not in ("role", "user"):
        return None
    if path.rpartition("/")[2] in (iam._roles if kind == "role" else iam._users):
        return None
    return _invalid("The specified principalArn is invalid: invalid principal.")


def _refused_association(wanted: Body) -> Answer | None:
    """The words for which the provider asks again (terraform-provider-aws, pod_identity_association.go)."""
    if str(wanted.get("roleArn", "")).rpartition("/")[2] in iam._roles:
        return None
    return _invalid("Role provided in the request does not exist.")


def _refused_policy(wanted: Body) -> Answer | None:
    found = _POLICY.fullmatch(wanted.get("policyArn", ""))
    if found is None or found[1] not in eks._ACCESS_POLICY_RULES:
        return _invalid(f"The policyArn {wanted.get('policyArn')} is not an access policy of EKS")
    return None


# -- what comes and goes with them ---------------------------------------------------------------------------------


def _part(cluster: str, kind: str, name: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (eks._nodegroups if kind == "node-groups" else eks._addons).get(f"{cluster}/{name}")
    return found


def _furnish(cluster: dict[str, Any]) -> None:
    """Give a new cluster its security group, and interfaces with that in its subnets."""
    config, name = cluster["resourcesVpcConfig"], cluster["name"]
    vpc = ec2._subnets[config["subnetIds"][0]]["VpcId"]
    before = set(ec2._security_groups.keys())
    tags = (f"kubernetes.io/cluster/{name}", "owned"), ("aws:eks:cluster-name", name)
    wanted = {
        "GroupName": [f"eks-cluster-sg-{name}"],
        "GroupDescription": [
            "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, "
            "as well as any managed workloads."
        ],
        "VpcId": [vpc],
        "TagSpecification.1.ResourceType": ["security-group"],
    }
    for number, (key, value) in enumerate(tags, 1):
        wanted |= {f"TagSpecification.1.Tag.{number}.Key": [key], f"TagSpecification.1.Tag.{number}.Value": [value]}
    ec2._create_security_group(wanted)
    made = set(ec2._security_groups.keys()) - before
    config["vpcId"], config["clusterSecurityGroupId"] = vpc, next(iter(made), "")
    for subnet in config["subnetIds"][:2]:
        interfaces.add(subnet, _of_cluster(name), [*made, *config["securityGroupIds"]])


def _add_nodes(cluster: str, wanted: Body) -> None:
    group = eks._clusters[cluster]["resourcesVpcConfig"]["clusterSecurityGroupId"]
    number = wanted.get("scalingConfig", {}).get("desiredSize", 1)
    for subnet in islice(cycle(wanted["subnets"]), number):
        interfaces.add(subnet, _of_nodes(cluster, wanted["nodegroupName"]), [group])


def _end(path: str) -> None:
    """What is left to do once a deletion is through."""
    if found := _PART.fullmatch(path):
        cluster, kind, name = found.groups()
        if kind == "node-groups":
            interfaces.remove(_of_nodes(cluster, name))
            eks._delete_nodegroup(cluster, name)
        else:
            eks._delete_addon(cluster, name)
    elif (found := _CLUSTER.fullmatch(path)) and (cluster := eks._clusters.get(found[1])):
        interfaces.remove(_of_cluster(found[1]))
        for key in [key for key in eks._addons if key.startswith(f"{found[1]}/")]:
            eks._delete_addon(found[1], key.partition("/")[2])
        eks._delete_cluster(found[1])
        # What something of the person's still holds stays behind.
        group = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
        if group in ec2._security_groups and not interfaces.with_group(group):
            ec2._delete_security_group({"GroupId": [group]})


def _of_cluster(name: str) -> str:
    return f"Amazon EKS {name}"


def _of_nodes(cluster: str, name: str) -> str:
    return f"aws-K8S-{cluster}-{name}"
