"""The id of a resource whose create was interrupted: what the provider would have answered.

Most ids follow from the inputs, in which the engine has already chosen the names. What AWS numbers itself is found by
its tags, and what its provider named after a prefix by that and its tags. Whether it exists is another question, which
reading it answers.
"""

import json
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError

from ops import named
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

Inputs = Mapping[str, Any]
Finder = Callable[["Account", Inputs], str | None]

# As pulumi-aws imports them. What is not here can be made again without harm: it belongs to a resource that is (a
# bucket's settings) or has no life outside the state (a password).
_FROM_INPUTS = {
    "aws:backup/vault:Vault": "{name}",
    "aws:cloudwatch/logGroup:LogGroup": "{name}",
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": "{ecrRepositoryPrefix}",
    "aws:ecr/repository:Repository": "{name}",
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": "{prefix}",
    "aws:eks/accessEntry:AccessEntry": "{clusterName}:{principalArn}",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "{clusterName}#{principalArn}#{policyArn}",
    "aws:eks/addon:Addon": "{clusterName}:{addonName}",
    "aws:eks/cluster:Cluster": "{name}",
    "aws:eks/nodeGroup:NodeGroup": "{clusterName}:{nodeGroupName}",
    "aws:iam/role:Role": "{name}",
    "aws:iam/rolePolicy:RolePolicy": "{role}:{name}",
    # The provider reads it by role and policy, not by its id; a role that still has one cannot be deleted.
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "{role}/{policyArn}",
    "aws:kms/alias:Alias": "{name}",
    "aws:route53/record:Record": "{zoneId}_{name}_{type}",
    "aws:rds/instance:Instance": "{identifier}",
    "aws:rds/parameterGroup:ParameterGroup": "{name}",
    "aws:rds/subnetGroup:SubnetGroup": "{name}",
    "aws:s3/bucket:Bucket": "{bucket}",
}

# What EC2 lists them by: the operation, the list in its answer, and the id of each in that.
_BY_TAGS = {
    "aws:ec2/eip:Eip": ("describe_addresses", "Addresses", "AllocationId"),
    "aws:ec2/internetGateway:InternetGateway": ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "aws:ec2/launchTemplate:LaunchTemplate": ("describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    "aws:ec2/natGateway:NatGateway": ("describe_nat_gateways", "NatGateways", "NatGatewayId"),
    "aws:ec2/routeTable:RouteTable": ("describe_route_tables", "RouteTables", "RouteTableId"),
    "aws:ec2/securityGroup:SecurityGroup": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "aws:ec2/subnet:Subnet": ("describe_subnets", "Subnets", "SubnetId"),
    "aws:ec2/vpc:Vpc": ("describe_vpcs", "Vpcs", "VpcId"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
}

_MANAGERS = "pulumi-kubernetes-"

_GOING = frozenset({"deleting", "deleted"})
"""States in which EC2 lists a NAT gateway or an endpoint for an hour after its end, and EFS what is about to go."""


class Cluster(Protocol):
    """What this needs of a cluster."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...


class Account:
    """Finds ids in the AWS account and region of the environment's credentials; `taken` are those in the state."""

    def __init__(self, region: str, taken: frozenset[str]) -> None:
        self.region, self._taken = region, taken

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=self.region)  # type: ignore[call-overload]

    def only(self, ids: set[str]) -> str | None:
        """The one id that no resource in the state has; None when there is none, or nobody can tell which."""
        free = ids - self._taken
        return free.pop() if len(free) == 1 else None


def identify(resource: Mapping[str, Any], account: Account) -> str | None:
    """The id of a resource of the state from its type and inputs; None for what can be made again."""
    kind, inputs = str(resource["type"]), resource.get("inputs") or {}
    if kind.startswith("kubernetes:"):
        return kubernetes_id(kind, inputs)
    if inputs.get(named.PREFIXES.get(kind, "")):
        return account.only(named.beginning(account.client, kind, inputs))
    if kind in _FROM_INPUTS:
        return _FROM_INPUTS[kind].format_map(inputs)
    if kind in _BY_TAGS:
        return _tagged(account, *_BY_TAGS[kind], inputs.get("tags") or {})
    return _FINDERS[kind](account, inputs) if kind in _FINDERS else None


def kubernetes_id(kind: str, inputs: Inputs) -> str | None:
    """NAMESPACE/NAME, or NAME of what has no namespace. A patch is laid over its object again."""
    if kind.endswith("Patch"):
        return None
    metadata = inputs["metadata"]
    return "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)


def field_managers(resources: Iterable[Mapping[str, Any]], cluster: Cluster) -> dict[str, str]:
    """Under which name each of these resources was made, by URN, where its object is there.

    The provider chooses a name for every object, keeps it in the state, and owns the object's fields under it: under
    another one it is refused what the first one wrote.
    """
    found = {}
    for resource in resources:
        inputs = resource["inputs"]
        metadata = inputs["metadata"]
        live = cluster.get(inputs["apiVersion"], inputs["kind"], metadata.get("namespace") or "", metadata["name"])
        entries = ((live or {}).get("metadata") or {}).get("managedFields") or ()
        appliers = [one for one in entries if str(one["manager"]).startswith(_MANAGERS) and one["operation"] == "Apply"]
        if appliers:
            # A gate's patch that was laid over it since owns an annotation or two.
            maker = max(appliers, key=lambda one: len(json.dumps(one.get("fieldsV1"))))
            found[str(resource["urn"])] = str(maker["manager"])
    return found


def written_by(state: Iterable[Mapping[str, Any]], objects: Collection[Mapping[str, Any]]) -> dict[str, str]:
    """Who owns the fields of objects that an interrupted run made; UserError when the cluster does not answer."""
    if not objects:
        return {}
    from ops.cluster import access_of, connected  # half a second of imports, which no other run needs

    access = access_of(state)
    if access is None:
        return {}
    try:
        with connected(access) as api:
            return field_managers(objects, api)
    except OSError as error:
        raise UserError(
            f"The cluster does not answer ({error}), so what the interrupted run made in it cannot be told: "
            "see that it runs, and type the same command again."
        ) from None


def _tagged(account: Account, operation: str, listed: str, id_: str, tags: Mapping[str, str]) -> str | None:
    """The one that lives and has all these tags. Tags of their own listing (DescribeTags) outlive what they are on."""
    if not tags:
        return None
    ec2 = account.client("ec2")
    wanted = {"Filters": [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]}
    if ec2.can_paginate(operation):
        pages = ec2.get_paginator(operation).paginate(**wanted)
    else:
        pages = [getattr(ec2, operation)(**wanted)]
    found = (one for page in pages for one in page[listed])
    return account.only({str(one[id_]) for one in found if str(one.get("State")).lower() not in _GOING})


def _key(account: Account, inputs: Inputs) -> str | None:
    kms = account.client("kms")
    keys = (str(key["KeyId"]) for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"])
    return account.only({key for key in keys if _is_key(kms, key, inputs)})


def _is_key(kms: Any, key: str, inputs: Inputs) -> bool:
    """Whether a key is as these inputs ask for; one of somebody else's need not say what it is."""
    try:
        about = kms.describe_key(KeyId=key)["KeyMetadata"]
        if about["KeyState"] != "Enabled" or about.get("Description") != inputs.get("description"):
            return False
        tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key)["Tags"]}
    except ClientError as error:
        if not named.closed(error):
            raise
        return False
    return tags == (inputs.get("tags") or {})


def _file_system(account: Account, inputs: Inputs) -> str | None:
    found = account.client("efs").describe_file_systems(CreationToken=inputs["creationToken"])["FileSystems"]
    return account.only({str(one["FileSystemId"]) for one in found if one["LifeCycleState"] not in _GOING})


def _mount_target(account: Account, inputs: Inputs) -> str | None:
    found = account.client("efs").describe_mount_targets(FileSystemId=inputs["fileSystemId"])["MountTargets"]
    subnet = inputs["subnetId"]
    return account.only({str(one["MountTargetId"]) for one in found if one["SubnetId"] == subnet})


def _certificate(account: Account, inputs: Inputs) -> str | None:
    acm, found = account.client("acm"), set()
    for page in acm.get_paginator("list_certificates").paginate():
        for one in page["CertificateSummaryList"]:
            if one["DomainName"] == inputs["domainName"]:
                arn = str(one["CertificateArn"])
                tags = {
                    tag["Key"]: tag.get("Value") for tag in acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
                }
                found |= {arn} if tags == (inputs.get("tags") or {}) else set()
    return account.only(found)


def _load_balancer(account: Account, inputs: Inputs) -> str | None:
    found = _of_elb(account, "describe_load_balancers", "LoadBalancers", Names=[inputs["name"]])
    return account.only({str(one["LoadBalancerArn"]) for one in found})


def _target_group(account: Account, inputs: Inputs) -> str | None:
    found = _of_elb(account, "describe_target_groups", "TargetGroups", Names=[inputs["name"]])
    return account.only({str(one["TargetGroupArn"]) for one in found})


def _listener(account: Account, inputs: Inputs) -> str | None:
    found = _of_elb(account, "describe_listeners", "Listeners", LoadBalancerArn=inputs["loadBalancerArn"])
    return account.only({str(one["ListenerArn"]) for one in found if one["Port"] == inputs["port"]})


def _of_elb(account: Account, operation: str, key: str, **wanted: Any) -> list[dict[str, Any]]:
    """What there is; one that is named and not there is an error."""
    try:
        found: list[dict[str, Any]] = getattr(account.client("elbv2"), operation)(**wanted)[key]
    except ClientError as error:
        if not str(error.response.get("Error", {}).get("Code")).endswith("NotFound"):
            raise
        return []
    return found


def _plan(account: Account, inputs: Inputs) -> str | None:
    backup, found = account.client("backup"), set()
    for page in backup.get_paginator("list_backup_plans").paginate():
        for one in page["BackupPlansList"]:
            if one["BackupPlanName"] != inputs["name"]:
                continue  # nobody may have to say what another's is
            tags = backup.list_tags(ResourceArn=one["BackupPlanArn"]).get("Tags") or {}
            if tags == (inputs.get("tags") or {}):
                found.add(str(one["BackupPlanId"]))
    return account.only(found)


def _selection(account: Account, inputs: Inputs) -> str | None:
    asked = account.client("backup").get_paginator("list_backup_selections")
    pages = asked.paginate(BackupPlanId=inputs["planId"])
    found = [one for page in pages for one in page["BackupSelectionsList"]]
    return account.only({str(one["SelectionId"]) for one in found if one["SelectionName"] == inputs["name"]})


def _budget(account: Account, inputs: Inputs) -> str | None:
    return f"{account.client('sts').get_caller_identity()['Account']}:{inputs['name']}"


def _issuer(account: Account, inputs: Inputs) -> str | None:
    issuers = account.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    name = str(inputs["url"]).removeprefix("https://")
    return account.only({str(one["Arn"]) for one in issuers if str(one["Arn"]).endswith(f":oidc-provider/{name}")})


def _pod_identity(account: Account, inputs: Inputs) -> str | None:
    where = {name: str(inputs[name]) for name in ("clusterName", "namespace", "serviceAccount")}
    found = account.client("eks").list_pod_identity_associations(**where)["associations"]
    return account.only({str(one["associationId"]) for one in found})


def _association(account: Account, inputs: Inputs) -> str | None:
    # As a filter: asked for by its id, one that is gone is an error.
    wanted = [{"Name": "route-table-id", "Values": [str(inputs["routeTableId"])]}]
    tables = account.client("ec2").describe_route_tables(Filters=wanted)["RouteTables"]
    return account.only(
        {
            str(one["RouteTableAssociationId"])
            for table in tables
            for one in table["Associations"]
            if one.get("SubnetId") == inputs.get("subnetId")
        }
    )


def _route(_: Account, inputs: Inputs) -> str | None:
    """The aws provider's own: it numbers a route by its table and the CRC-32 of its destination."""
    return f"r-{inputs['routeTableId']}{zlib.crc32(str(inputs['destinationCidrBlock']).encode())}"


def _web_acl(account: Account, inputs: Inputs) -> str | None:
    """AWS lists a hundred at a time, and of its own accord no more."""
    name, scope = str(inputs["name"]), str(inputs["scope"])
    found = account.client("wafv2").list_web_acls(Scope=scope, Limit=100)["WebACLs"]
    return account.only({f"{one['Id']}/{name}/{scope}" for one in found if one["Name"] == name})


_FINDERS: dict[str, Finder] = {
    "aws:backup/plan:Plan": _plan,
    "aws:backup/selection:Selection": _selection,
    "aws:budgets/budget:Budget": _budget,
    "aws:ec2/route:Route": _route,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:efs/fileSystem:FileSystem": _file_system,
    "aws:efs/mountTarget:MountTarget": _mount_target,
    "aws:acm/certificate:Certificate": _certificate,
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": _pod_identity,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _issuer,
    "aws:kms/key:Key": _key,
    "aws:lb/listener:Listener": _listener,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:lb/targetGroup:TargetGroup": _target_group,
    "aws:wafv2/webAcl:WebAcl": _web_acl,
}
