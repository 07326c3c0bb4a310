"""Who a kubeconfig lets in: as with EKS, the creator of the cluster and those with an access entry.

EKS asks at each request, whoever's kubeconfig it is; here the question is asked when the component hands one out, by
AWS's API and with the caller's own credentials. So a kubeconfig that is kept goes on working, and a caller who may not
read access entries is a stranger. Of the access policies AmazonEKSClusterAdminPolicy alone grants anything: all others
come to a signed-in user without rights, who is refused more than on EKS.
"""

import copy
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infra.aws.iam import CLUSTER_ADMIN_POLICY
from infra.preflight import Caller
from localcloud.aws.session import CLIENT, endpoint

NOBODY = {"token": "without-an-access-entry"}


def for_caller(kubeconfig: dict[str, Any], cluster: str, region: str) -> dict[str, Any]:
    """The plane's kubeconfig as it is for whoever's AWS credentials these are, in the place of EKS's tokens."""
    told = boto3.client("sts", region_name=region, endpoint_url=endpoint(), config=CLIENT).get_caller_identity()
    caller = Caller(account=told["Account"], arn=told["Arn"])
    policies = _policies(caller, cluster, region)
    if policies is not None and CLUSTER_ADMIN_POLICY in policies:
        return kubeconfig
    other = copy.deepcopy(kubeconfig)
    for entry in other["users"]:
        entry["user"] = NOBODY if policies is None else {**entry["user"], "as": caller.arn}
    return other


def _policies(caller: Caller, cluster: str, region: str) -> set[str] | None:
    """The names of the access policies of the caller's entry; None without an entry."""
    eks = boto3.client("eks", region_name=region, endpoint_url=endpoint(), config=CLIENT)
    try:
        for page in eks.get_paginator("list_access_entries").paginate(clusterName=cluster):
            for arn in filter(caller.is_principal, page["accessEntries"]):
                listed = eks.list_associated_access_policies(clusterName=cluster, principalArn=arn)
                return {str(one["policyArn"]).rpartition("/")[2] for one in listed["associatedAccessPolicies"]}
    except ClientError:
        pass
    return None
